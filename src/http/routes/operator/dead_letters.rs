//! Messages that were given up: a list over all events, and sending one again.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::Response;

use crate::actors::{AnnouncerHandle, ReviveError, Router, SendAgainError};
use crate::domain::ids::EventNumber;
use crate::http::gateway::{By, audited};
use crate::http::page::Page;
use crate::http::problem::{Code, Problem};
use crate::http::state::Front;
use crate::http::views::{DeadLetter, DeadLetterList};
use crate::http::{cache, refusal};
use crate::metrics;
use crate::storage::outbox::LetterId;

/// Where dead letters come from. The first letter of an id tells which; a list goes through them in the
/// order of these letters.
enum Source<'a> {
    /// To buyers.
    Messages(&'a Router),
    /// To the organizer.
    Webhooks(&'a AnnouncerHandle),
}

impl<'a> Source<'a> {
    /// In the order of their letters.
    fn all(front: &'a Front) -> Result<Vec<Self>, Problem> {
        let webhooks = front.desk()?.announcer.as_ref().map(Self::Webhooks);
        Ok(std::iter::once(Self::Messages(front.router()?)).chain(webhooks).collect())
    }

    /// Begins every id of the source.
    fn letter(&self) -> char {
        match self {
            Self::Messages(_) => 'm',
            Self::Webhooks(_) => 'w',
        }
    }

    /// Whether the source gives such ids.
    fn is_id(&self, id: &str) -> bool {
        match self {
            Self::Messages(_) => message(id).is_some(),
            Self::Webhooks(_) => LetterId::parse(id).is_some(),
        }
    }

    /// Up to `limit` letters after the one of this id, in the order of their numbers.
    async fn page(&self, after: Option<&str>, limit: usize) -> Result<Vec<DeadLetter>, Problem> {
        match self {
            Self::Messages(router) => {
                let after = after.and_then(message).unwrap_or((EventNumber(0), 0));
                let found = router.dead_messages(after, limit).await;
                let found = found.map_err(|error| refusal::problem(error, router.now()))?;
                Ok(found.iter().map(DeadLetter::of).collect())
            }
            Self::Webhooks(announcer) => {
                let found = announcer.dead(after.and_then(LetterId::parse), limit).await;
                let found = found.map_err(|down| Problem::new(Code::Busy, down.to_string()))?;
                Ok(found.iter().map(|(id, letter)| DeadLetter::of_webhook(*id, letter)).collect())
            }
        }
    }

    /// The letter as it is now, on its way again; on the disk when it is answered.
    async fn send_again(&self, id: &str) -> Result<DeadLetter, Problem> {
        match self {
            Self::Messages(router) => {
                let place = message(id).ok_or_else(no_such_letter)?;
                let revived = router.revive(place).await;
                let revived = revived.map_err(|error| refusal::problem(error, router.now()))?;
                Ok(DeadLetter::of(&revived.ok_or_else(no_such_letter)?))
            }
            Self::Webhooks(announcer) => {
                let id = LetterId::parse(id).ok_or_else(no_such_letter)?;
                let revived = announcer.send_again(id).await.map_err(not_sent_again)?;
                Ok(DeadLetter::of_webhook(id, &revived))
            }
        }
    }
}

/// Event and number of a message's id, `m1-2048`.
fn message(id: &str) -> Option<(EventNumber, u64)> {
    let (event, number) = id.strip_prefix('m')?.split_once('-')?;
    let (event, number): (u64, u64) = (event.parse().ok()?, number.parse().ok()?);
    // One message, one name.
    (format!("m{event}-{number}") == id).then_some((EventNumber(event), number))
}

fn not_sent_again(error: SendAgainError) -> Problem {
    let detail = error.to_string();
    match error {
        SendAgainError::Refused(ReviveError::Unknown) => no_such_letter(),
        SendAgainError::Refused(ReviveError::NotDead) => {
            Problem::new(Code::InvalidState, detail).with("state", "WAITING")
        }
        SendAgainError::Refused(ReviveError::Full) | SendAgainError::Down(_) => {
            Problem::new(Code::Busy, detail)
        }
    }
}

fn no_such_letter() -> Problem {
    Problem::new(Code::NotFound, "no such message")
}

/// Messages that were given up, over all events.
#[utoipa::path(
    get, path = "/v1/dead-letters",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 1,000; 100 when left out"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = DeadLetterList), (status = 400), (status = 503))
)]
pub async fn list(
    State(front): State<Arc<Front>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let sources = Source::all(&front)?;
    let read = |id: &str| sources.iter().any(|source| source.is_id(id)).then(|| id.to_owned());
    let page = Page::parse(query.as_deref().unwrap_or_default(), read)?;
    let begins = page.cursor.as_deref().and_then(|cursor| cursor.chars().next());
    let mut items: Vec<DeadLetter> = Vec::new();
    // One more than wanted tells whether there is more.
    for source in sources.iter().filter(|source| begins.is_none_or(|from| from <= source.letter()))
    {
        let after = page.cursor.as_deref().filter(|_| begins == Some(source.letter()));
        let wanted = page.limit + 1 - items.len();
        if 0 < wanted {
            items.extend(source.page(after, wanted).await?);
        }
    }
    let more = page.limit < items.len();
    items.truncate(page.limit);
    let next_cursor = items.last().filter(|_| more).map(|letter| letter.id.clone());
    Ok(answer(StatusCode::OK, &DeadLetterList { items, next_cursor }))
}

/// Sends a message again that was given up, from its first try on, with the same id to the outside.
#[utoipa::path(
    post, path = "/v1/dead-letters/{id}/send", params(("id" = String, Path)),
    responses(
        (status = 202, body = DeadLetter), (status = 404), (status = 409, description = "`state` \
            says that it is not given up"), (status = 503),
    )
)]
pub async fn send_again(
    State(front): State<Arc<Front>>,
    Path(id): Path<String>,
    by: By,
) -> Result<Response, Problem> {
    let sources = Source::all(&front)?;
    let source = sources.iter().find(|source| source.is_id(&id)).ok_or_else(no_such_letter)?;
    let object = format!("dead-letters/{id}");
    let sent = audited(&front, &by, "send_again", object, source.send_again(&id)).await;
    let outcome = sent.as_ref().map_or_else(|problem| problem.code().as_str(), |_| "done");
    metrics::count_command("send_again", outcome);
    Ok(answer(StatusCode::ACCEPTED, &sent?))
}

fn answer(status: StatusCode, body: &impl serde::Serialize) -> Response {
    let mut response = cache::json(status, body);
    response.headers_mut().insert(CACHE_CONTROL, cache::PRIVATE);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_one_name() {
        assert_eq!(message("m1-2048"), Some((EventNumber(1), 2_048)));
        let wide = format!("m{0}-{0}", u64::MAX);
        assert_eq!(message(&wide), Some((EventNumber(u64::MAX), u64::MAX)));
        for other in
            ["", "m", "m1", "m1-", "m-1", "m01-1", "m1-01", "m+1-1", "w1-1", "m1-1-1", "M1-1"]
        {
            assert_eq!(message(other), None, "{other}");
        }
    }
}
