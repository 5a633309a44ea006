//! Privileged changes are noted durably before they are asked for, and their outcome after.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::caller::Caller;
use crate::actors::AuditNote;
use crate::faults;
use crate::http::problem::Problem;
use crate::http::refusal;
use crate::http::routes::waiting_room::Peer;
use crate::http::state::Front;

/// Who asks, and from where.
#[derive(Debug, Clone)]
pub(in crate::http) struct By {
    who: String,
    from: Option<IpAddr>,
}

impl By {
    pub fn new(who: impl Into<String>, from: Option<IpAddr>) -> Self {
        Self { who: who.into(), from }
    }

    pub fn who(&self) -> &str {
        &self.who
    }

    pub fn from(&self) -> String {
        self.from.map(|from| from.to_string()).unwrap_or_default()
    }
}

impl<S: Sync> FromRequestParts<S> for By {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let from = parts.extensions.get::<Peer>().map(|peer| peer.0);
        let who = parts.extensions.get::<Caller>().unwrap_or(&Caller::Stranger);
        Ok(Self::new(who.label(), from))
    }
}

/// Makes a privileged change with its entry in the audit log: `action` from a closed set of words, `object`
/// the path of what is changed below `/v1/`. When whoever asked hangs up in between, the entry stays
/// without an outcome.
///
/// # Errors
/// What `change` answers; 503 when the entry cannot be written, and then nothing is changed.
pub(in crate::http) async fn audited<T>(
    front: &Front,
    by: &By,
    action: &'static str,
    object: impl Into<std::sync::Arc<str>>,
    change: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let router = front.router()?;
    let note =
        AuditNote { who: by.who().into(), from: by.from().into(), action, object: object.into() };
    let begun = router.audit().begin(note).await;
    let number = begun.map_err(|error| refusal::problem(error, router.now()))?;
    let outcome = change.await;
    faults::crash_at("before_audit_ended");
    let word = outcome.as_ref().map_or_else(|problem| problem.code().as_str(), |_| "done");
    if let Err(error) = router.audit().end(number, word).await {
        // The change is made and durable; the entry tells that nobody knows.
        tracing::error!(number, %error, "an entry of the audit log has no outcome");
    }
    outcome
}
