//! The limits that hold, and changing them while the server runs.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::limits::{Policies, Policy};
use crate::http::gateway::{By, Change, audited};
use crate::http::problem::{Code, FieldErrors, Problem};
use crate::http::state::Front;
use crate::http::{body, cache};
use crate::metrics;

/// Networks and policies of one change at the most.
const EXEMPT_MAX: usize = 1_000;

/// The limits: at most one policy of each name.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsDraft {
    /// At most 30. What has no policy has no limit.
    policies: Vec<PolicyDraft>,
    /// Networks that are never limited, such as `192.0.2.0/24`; at most 1,000.
    exempt: Vec<String>,
}

/// A quota for a window.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyDraft {
    /// What is asked, and by what is counted, as in `join-address`: `join`, `poll`, `reserve`, `book`, `read` or
    /// `manage`, and `customer`, `organizer`, `address`, `net64` or `net48`.
    name: String,
    /// Requests for each window, 1 to 200,000.
    q: u32,
    /// The window in seconds, 1 to 86,400.
    w: u32,
}

/// The limits that hold.
#[derive(Serialize, ToSchema)]
pub struct LimitsView {
    policies: Vec<PolicyDraft>,
    exempt: Vec<String>,
    /// `settings`: as in the configuration. `changed`: by `PUT`, until `DELETE`.
    source: &'static str,
}

/// The limits that hold now.
#[utoipa::path(get, path = "/v1/limits", responses((status = 200, body = LimitsView)))]
pub async fn read(State(front): State<Arc<Front>>) -> Response {
    answer(&front)
}

/// Replaces all limits at once, also after a restart.
#[utoipa::path(
    put, path = "/v1/limits", request_body = LimitsDraft,
    responses(
        (status = 200, body = LimitsView), (status = 400), (status = 408), (status = 413),
        (status = 415), (status = 503),
    )
)]
pub async fn change(
    State(front): State<Arc<Front>>,
    by: By,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let draft: LimitsDraft = body::json(&front, &headers, body).await?;
    let change = check(&draft)?;
    audited(&front, &by, "change_limits", "limits", set(&front, Some(change))).await
}

/// Back to what the configuration says.
#[utoipa::path(
    delete, path = "/v1/limits",
    responses((status = 200, body = LimitsView), (status = 503))
)]
pub async fn reset(State(front): State<Arc<Front>>, by: By) -> Result<Response, Problem> {
    audited(&front, &by, "reset_limits", "limits", set(&front, None)).await
}

async fn set(front: &Arc<Front>, change: Option<Change>) -> Result<Response, Problem> {
    let of_front = Arc::clone(front);
    let set = tokio::task::spawn_blocking(move || of_front.bounds.limits.set(change)).await;
    let set = set.map_err(|error| error.to_string());
    let outcome = set.and_then(|kept| kept.map_err(|error| error.to_string()));
    metrics::count_command("change_limits", if outcome.is_ok() { "done" } else { "failed" });
    if let Err(error) = outcome {
        tracing::error!(error, "limits could not be kept");
        return Err(Problem::new(Code::StorageFull, "the change could not be kept"));
    }
    let (now, _) = front.bounds.limits.current();
    tracing::info!(policies = %now.policies, exempt = ?now.exempt, "limits were changed");
    Ok(answer(front))
}

fn check(draft: &LimitsDraft) -> Result<Change, Problem> {
    let mut errors = FieldErrors::default();
    let mut policies: Vec<Policy> = Vec::new();
    for (at, draft) in draft.policies.iter().enumerate() {
        let field = |name| format!("policies[{at}].{name}");
        let known = Policy::by_name(&draft.name);
        if known.is_none() {
            let reason = "must be join, poll, reserve, book, read or manage, then -customer, \
                          -organizer, -address, -net64 or -net48";
            errors.add(field("name"), reason);
        } else if policies.iter().any(|policy| policy.name() == draft.name) {
            errors.add(field("name"), "stands twice");
        }
        if !(1..=Policy::QUOTA_MAX).contains(&draft.q) {
            errors.add(field("q"), format!("must be 1 to {}", Policy::QUOTA_MAX));
        }
        if !(1..=Policy::SECONDS_MAX).contains(&draft.w) {
            errors.add(field("w"), format!("must be 1 to {}", Policy::SECONDS_MAX));
        }
        let (quota, window_seconds) = (draft.q, draft.w);
        policies.extend(known.map(|(class, key)| Policy { class, key, quota, window_seconds }));
        // Each name once is at most 30: one more is told of, the rest would only be work.
        if Policy::COUNT <= at {
            errors.add("policies", format!("must be at most {}", Policy::COUNT));
            break;
        }
    }
    if EXEMPT_MAX < draft.exempt.len() {
        errors.add("exempt", format!("must be at most {EXEMPT_MAX}"));
    }
    let mut exempt: Vec<IpNet> = Vec::new();
    for (at, text) in draft.exempt.iter().take(EXEMPT_MAX).enumerate() {
        let net = text.parse::<IpNet>();
        let net = net.map_err(|_| "must be a network, as in 192.0.2.0/24 or 2001:db8::/32".into());
        exempt.extend(errors.check(format!("exempt[{at}]"), net));
    }
    errors.finish(Some(()))?;
    let policies = Policies::new(policies);
    let policies = policies.map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    Ok(Change { policies, exempt })
}

fn answer(front: &Front) -> Response {
    let (now, is_changed) = front.bounds.limits.current();
    let policies = now.policies.iter().map(|policy| PolicyDraft {
        name: policy.name().to_owned(),
        q: policy.quota,
        w: policy.window_seconds,
    });
    let exempt = now.exempt.iter().map(ToString::to_string).collect();
    let source = if is_changed { "changed" } else { "settings" };
    let view = LimitsView { policies: policies.collect(), exempt, source };
    let mut response = cache::json(StatusCode::OK, &view);
    response.headers_mut().insert(CACHE_CONTROL, cache::PRIVATE);
    response
}
