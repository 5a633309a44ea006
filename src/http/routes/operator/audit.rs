//! Who changed what by a privilege: the audit log, oldest first.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::audit::AuditEntry;
use crate::http::problem::{FieldErrors, Problem};
use crate::http::state::Front;
use crate::http::{cache, views};

/// One privileged change.
#[derive(Serialize, ToSchema)]
pub struct AuditLine {
    /// 1, 2, 3… without a gap; the oldest are dropped.
    n: u64,
    at: String,
    /// `key:ab12cd34`, `customer:fan-1`, `development`, `command_line`.
    who: String,
    /// The address it came from; `local`: of the command line.
    from: String,
    /// Such as `amend_event`; more may be added.
    action: String,
    /// The path of what was changed, below `/v1/`.
    object: String,
    /// `done`, or the code of the refusal; null: begun, and nobody knows how it ended.
    outcome: Option<String>,
}

/// Entries, oldest first.
#[derive(Serialize, ToSchema)]
pub struct AuditPage {
    items: Vec<AuditLine>,
    /// Ask for what is `after` it next.
    next: u64,
    /// The oldest that is kept; null: there are none.
    oldest: Option<u64>,
}

/// Entries of a page at the most.
const LIMIT_MAX: usize = 1_000;
const LIMIT: usize = 100;

/// The audit log after entry `after`. An entry is on the disk before its change is made.
#[utoipa::path(
    get, path = "/v1/audit",
    params(
        ("after" = Option<u64>, Query, description = "`next` of the answer before; 0 when left out"),
        ("limit" = Option<u32>, Query, description = "1 to 1,000; 100 when left out"),
    ),
    responses((status = 200, body = AuditPage), (status = 400), (status = 503))
)]
pub async fn list(
    State(front): State<Arc<Front>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let (after, limit) = parse(query.as_deref().unwrap_or_default())?;
    let (entries, oldest) = front.router()?.audit().page(after, limit);
    let next = entries.last().map_or(after, |entry| entry.number);
    let items = entries.iter().map(AuditLine::of).collect();
    let mut response = cache::json(StatusCode::OK, &AuditPage { items, next, oldest });
    response.headers_mut().insert(CACHE_CONTROL, cache::PRIVATE);
    Ok(response)
}

impl AuditLine {
    fn of(entry: &AuditEntry) -> Self {
        Self {
            n: entry.number,
            at: views::time(entry.at),
            who: entry.who.to_string(),
            from: entry.from.to_string(),
            action: entry.action.to_string(),
            object: entry.object.to_string(),
            outcome: entry.outcome.as_deref().map(str::to_owned),
        }
    }
}

fn parse(query: &str) -> Result<(u64, usize), Problem> {
    let mut errors = FieldErrors::default();
    let (mut after, mut limit) = (None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let digits = value.bytes().all(|b| b.is_ascii_digit());
        let number = value.parse::<u64>().ok().filter(|_| digits);
        let (slot, bounds, reason) = match name {
            "after" => (&mut after, 0..=u64::MAX, "must be the number of an entry, or 0"),
            "limit" => (&mut limit, 1..=LIMIT_MAX as u64, "must be 1 to 1000"),
            name => {
                errors.add(name, "is not a parameter of this list");
                continue;
            }
        };
        match number.filter(|number| bounds.contains(number)) {
            Some(_) if slot.is_some() => errors.add(name, "must be sent once"),
            Some(number) => *slot = Some(number),
            None => errors.add(name, reason),
        }
    }
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LIMIT);
    errors.finish(Some((after.unwrap_or_default(), limit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_has_defaults_and_bounds_and_says_a_thing_once() {
        let asked =
            |query| parse(query).map_err(|problem| problem.members().1["detail"].to_string());
        assert_eq!(asked(""), Ok((0, 100)));
        assert_eq!(asked("after=7&limit=1000"), Ok((7, 1_000)));
        for bad in ["after=", "after=-1", "after=+1", "after=1&after=2", "limit=0", "limit=1001"] {
            let name = bad.split('=').next().expect("a name");
            assert!(asked(bad).is_err_and(|detail| detail.contains(name)), "{bad}");
        }
        assert!(asked("from=1").is_err_and(|detail| detail.contains("from")));
    }
}
