//! From a request's head to who asks, and whether they may.

use std::sync::Arc;

use axum::http::HeaderMap;

use super::admit::Asked;
use super::credentials::{self, Credentials};
use super::{Caller, KeyRing, Tokens};
use crate::clock::Clock;
use crate::domain::access::{self, Action, Verdict};
use crate::faults;
use crate::http::problem::{Code, Problem};
use crate::http::state::Front;
use crate::metrics;

/// Why credentials are refused. Callers hear little of it, operators see it counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Denied {
    #[error("send one key or one token, as `Authorization: Bearer`, or one key as `X-API-Key`")]
    Malformed,
    #[error("the key is not known")]
    UnknownKey,
    #[error("the key was revoked")]
    Revoked,
    #[error("the token's issuer is not trusted here")]
    Issuer,
    #[error("the token is signed in a way that its issuer does not sign")]
    Algorithm,
    #[error("the token's signing key is not known")]
    SigningKey,
    #[error("the token's signature does not fit")]
    Signature,
    #[error("the token lacks a claim, or has one of the wrong type")]
    Claims,
    #[error("the token is for somebody else")]
    Audience,
    #[error("the token has expired, or is good for too long")]
    Expired,
    #[error("the token is not good yet")]
    Early,
}

impl Denied {
    /// The word in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::Revoked => "revoked",
            Self::Issuer => "issuer",
            Self::Algorithm => "algorithm",
            Self::SigningKey => "signing_key",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::Early => "early",
        }
    }

    /// What the caller hears. Only what an honest caller can mend by themselves is told apart.
    fn problem(self) -> Problem {
        let (detail, reason) = match self {
            Self::Malformed => (self.to_string(), "malformed"),
            Self::Expired => ("the token has expired".to_owned(), "expired"),
            _ => ("the credentials are not good here".to_owned(), "invalid"),
        };
        Problem::new(Code::Unauthorized, detail).with("reason", reason)
    }
}

/// Reads who asks, and decides whether they may.
pub struct Identity {
    /// `None`: mode `development`, in which everybody may do everything.
    checks: Option<Checks>,
}

struct Checks {
    keys: Arc<KeyRing>,
    tokens: Arc<Tokens>,
    clock: Arc<dyn Clock>,
}

impl Identity {
    /// Mode `development`: nobody is asked anything. For loopback only.
    #[must_use]
    pub fn development() -> Self {
        Self { checks: None }
    }

    /// Mode `keys`.
    #[must_use]
    pub fn new(keys: Arc<KeyRing>, tokens: Arc<Tokens>, clock: Arc<dyn Clock>) -> Self {
        Self { checks: Some(Checks { keys, tokens, clock }) }
    }

    /// Who asks.
    ///
    /// # Errors
    /// [`Denied`] when there are credentials and they are not good.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, Denied> {
        let Some(checks) = &self.checks else { return Ok(Caller::Anyone) };
        let found = match credentials::read(headers) {
            Ok(Credentials::None) => return Ok(Caller::Stranger),
            Ok(Credentials::Key(key)) => {
                checks.keys.check(key, checks.clock.now()).map(Caller::Key)
            }
            Ok(Credentials::Token(token)) => {
                checks.tokens.check(token, checks.clock.now()).map(Caller::Customer)
            }
            Err(denied) => Err(denied),
        };
        found.inspect_err(|denied| metrics::count_identity_refusal(denied.as_str()))
    }

    /// Who asks, if they may what the route does.
    ///
    /// # Errors
    /// 401, 403, or 404 of an event that is not theirs, as if there were none.
    pub(in crate::http) fn admit(
        &self,
        front: &Front,
        asked: Asked<'_>,
    ) -> Result<Caller, Problem> {
        let caller = self.caller(asked.headers).map_err(Denied::problem)?;
        let Some(who) = caller.who() else { return Ok(caller) };
        // Nothing is there: 404 or 405 follows, whoever asks.
        let Some(template) = asked.template else { return Ok(caller) };
        let action = access::rule(asked.method.as_str(), template);
        let action = match action {
            Some(action) => action,
            None if template.starts_with("/v1/") => Action::Operate,
            None => return Ok(caller),
        };
        match access::may(who, action) {
            Verdict::Yes => Ok(caller),
            Verdict::Own => {
                let is_theirs = faults::planted("any_organizer") || reaches(front, &caller, asked)?;
                if is_theirs { Ok(caller) } else { Err(no_such_event()) }
            }
            Verdict::Nameless if !faults::planted("any_role") => {
                Err(Problem::new(Code::Unauthorized, "say who you are, with a key or a token"))
            }
            Verdict::No if !faults::planted("any_role") => {
                let detail = format!("not for {}", described(&caller));
                Err(Problem::new(Code::Forbidden, detail))
            }
            Verdict::Nameless | Verdict::No => Ok(caller),
        }
    }
}

/// Whether the event in the path is within the caller's reach.
fn reaches(front: &Front, caller: &Caller, asked: Asked<'_>) -> Result<bool, Problem> {
    let event = asked.event().unwrap_or_default();
    let Some(entry) = front.router()?.find(event) else { return Ok(false) };
    let who = caller.who();
    Ok(who.is_none_or(|who| access::owns(who, caller.organizer(), entry.organizer.as_ref())))
}

/// The same as when there is none.
pub(in crate::http) fn no_such_event() -> Problem {
    Problem::new(Code::NotFound, "no such event")
}

fn described(caller: &Caller) -> &'static str {
    match caller {
        Caller::Anyone => "anyone",
        Caller::Stranger => "strangers",
        Caller::Customer(_) => "customers",
        Caller::Key(key) => match key.role {
            access::Role::Organizer => "keys of the role organizer",
            access::Role::Service => "keys of the role service",
            access::Role::Scanner => "keys of the role scanner",
            access::Role::Operator => "keys of the role operator",
        },
    }
}
