//! What was asked on a line, and the line that answers it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::lines::BulkLine;
use crate::actors::{Answer, EventEntry, SubmitError};
use crate::domain::inventory::{EventTerms, Pass, Reserve};
use crate::domain::time::UnixMillis;
use crate::http::gateway::Caller;
use crate::http::problem::{Code, Problem};
use crate::http::routes::reservations::check;
use crate::http::routes::waiting_room::gate;
use crate::http::{body, refusal, views};
use crate::metrics;

/// A line's outcome.
#[derive(Serialize, ToSchema)]
pub struct Outcome<'a> {
    /// Number of the line, from 1; empty lines count.
    line: u64,
    /// As it was sent; absent when the line could not be read so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<Cow<'a, str>>,
    /// As the status of a single request: 201, 400, 409, 422, 503.
    status: u16,
    /// With 201: the reservation.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// With 201: when the hold ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<&'a str>,
    /// With 201: `true` when the key had its answer before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    replayed: bool,
    /// Otherwise: the code, and the members that a problem of this code has.
    #[serde(flatten)]
    problem: Map<String, Value>,
}

/// A line that was read: its number and key, and why it was not even submitted, if so.
pub struct Asked {
    number: u64,
    key: Option<Box<str>>,
    refused: Option<Problem>,
}

impl Asked {
    /// The line, and the reservation to ask for if it makes sense.
    pub fn parse(
        (number, line): (u64, &[u8]),
        caller: &Caller,
        terms: &EventTerms,
        admit: impl FnOnce(Option<&str>, &str) -> Result<Option<Pass>, Problem>,
    ) -> (Self, Option<Reserve>) {
        let draft: BulkLine<'_> = match body::parse(line) {
            Ok(draft) => draft,
            Err(problem) => return (Self::refused(number, problem), None),
        };
        let ask = body::key_digest(caller, &draft.idempotency_key, "idempotency_key")
            .and_then(|key| check(&draft.customer, &draft.lines, terms, Some(key)))
            .and_then(|ask| {
                let pass = admit(draft.pass.as_deref(), &draft.customer)?;
                Ok(Reserve { pass, ..ask })
            });
        let key = Some(Box::from(&*draft.idempotency_key));
        match ask {
            Ok(ask) => (Self { number, key, refused: None }, Some(ask)),
            Err(problem) => (Self { number, key, refused: Some(problem) }, None),
        }
    }

    pub fn refused(number: u64, problem: Problem) -> Self {
        Self { number, key: None, refused: Some(problem) }
    }
}

/// Renders outcomes, and counts them.
#[derive(Default)]
pub struct Outcomes {
    piece: BytesMut,
    /// Most outcomes of a chunk end in the same millisecond.
    expires_at: (UnixMillis, String),
}

impl Outcomes {
    /// One line for each that was asked; `answers` belong to those that were submitted.
    pub fn render(
        &mut self,
        asked: Vec<Asked>,
        answers: Result<Vec<Result<Answer, SubmitError>>, SubmitError>,
        entry: &EventEntry,
        now: UnixMillis,
    ) -> Bytes {
        let mut counts: BTreeMap<(&'static str, bool), u64> = BTreeMap::new();
        let (mut answers, fault) = match answers {
            Ok(answers) => (answers.into_iter(), SubmitError::OutcomeUnknown),
            Err(fault) => (Vec::new().into_iter(), fault),
        };
        for Asked { number, key, refused } in asked {
            let told = match refused {
                Some(problem) => Err(problem),
                None => {
                    let answer = answers.next().unwrap_or_else(|| Err(fault.clone()));
                    answer.map_err(|error| gate::point_to_room(refusal::problem(error, now), entry))
                }
            };
            let outcome = match &told {
                Ok(Answer::Reservation { replayed: true, .. }) => ("replayed", false),
                Ok(_) => ("done", false),
                Err(problem) => (problem.code().as_str(), true),
            };
            *counts.entry(outcome).or_default() += 1;
            self.line(number, key.as_deref(), told);
        }
        for ((outcome, is_refused), count) in counts {
            metrics::count_commands("reserve", outcome, count);
            if is_refused {
                metrics::count_refusals(outcome, count);
            }
        }
        self.piece.split().freeze()
    }

    fn line(&mut self, number: u64, key: Option<&str>, told: Result<Answer, Problem>) {
        let mut outcome = Outcome {
            line: number,
            idempotency_key: key.map(Cow::Borrowed),
            status: 201,
            id: None,
            expires_at: None,
            replayed: false,
            problem: Map::new(),
        };
        match told {
            Ok(Answer::Reservation { receipt, replayed }) => {
                if self.expires_at.0 != receipt.expires_at || self.expires_at.1.is_empty() {
                    self.expires_at = (receipt.expires_at, views::time(receipt.expires_at));
                }
                outcome.id = Some(receipt.id.to_string());
                outcome.expires_at = Some(&self.expires_at.1);
                outcome.replayed = replayed;
            }
            Ok(_) => {
                (outcome.status, outcome.problem) = Problem::new(Code::Internal, "").members();
            }
            Err(problem) => (outcome.status, outcome.problem) = problem.members(),
        }
        // Writing to memory does not fail, and an outcome has nothing that JSON cannot say.
        let written = serde_json::to_writer((&mut self.piece).writer(), &outcome);
        debug_assert!(written.is_ok());
        self.piece.put_u8(b'\n');
    }
}
