//! Reading bodies: bounded in bytes and in silence, and parsed so that a mistake has a name.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::gateway::Caller;
use super::problem::{Code, FieldError, Problem};
use super::state::{Front, FrontOptions};
use crate::domain::idempotency::KeyDigest;
use crate::domain::ids::is_printable_name;

/// Reads a JSON body into `T`.
///
/// # Errors
/// 413, 415, 408 or 400; nothing happened.
pub(super) async fn json<T: DeserializeOwned>(
    front: &Front,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    parse(&json_bytes(front, headers, body).await?)
}

/// Reads a JSON body, to be parsed into something that borrows from it.
///
/// # Errors
/// 413, 415 or 408; nothing happened.
pub(super) async fn json_bytes(
    front: &Front,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, Problem> {
    is_of_type(headers, &["application/json"])?;
    read(&front.options, headers, body).await
}

/// Reads a body of any type as it is, for signatures.
///
/// # Errors
/// 413, 408 or 400; nothing happened.
pub(super) async fn raw_bytes(
    front: &Front,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, Problem> {
    read(&front.options, headers, body).await
}

/// # Errors
/// 400 with the field named.
pub(super) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|_| explain::<T>(bytes))
}

/// # Errors
/// 415.
pub(super) fn is_json_lines(headers: &HeaderMap) -> Result<(), Problem> {
    is_of_type(headers, &["application/x-ndjson", "application/jsonl"])
}

/// Nothing stated is taken for the first of `wanted`.
fn is_of_type(headers: &HeaderMap, wanted: &[&str]) -> Result<(), Problem> {
    let Some(stated) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let essence = stated.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if wanted.iter().any(|wanted| essence.eq_ignore_ascii_case(wanted)) {
        return Ok(());
    }
    let detail = format!("the body is {essence:?}, not {}", wanted.join(" or "));
    Err(Problem::new(Code::UnsupportedMediaType, detail))
}

async fn read(
    options: &FrontOptions,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<Bytes, Problem> {
    let (bytes_max, begun) = (options.body_bytes_max, Instant::now());
    let too_large = || Problem::new(Code::BodyTooLarge, format!("the limit is {bytes_max} bytes"));
    let stated = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if stated.is_some_and(|stated: usize| bytes_max < stated) {
        return Err(too_large());
    }
    let mut first: Option<Bytes> = None;
    let mut gathered = BytesMut::new();
    loop {
        // Whoever sends a byte now and then is not silent, and would never end.
        let patience = options.body_timeout.saturating_sub(begun.elapsed());
        let frame = tokio::time::timeout(options.idle_timeout.min(patience), body.frame()).await;
        let late = |_| Problem::new(Code::RequestTimeout, "the body stopped or was too slow");
        let frame = frame.map_err(late)?;
        let Some(frame) = frame else { break };
        let broken = |_| Problem::new(Code::InvalidRequest, "the body broke off");
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        if bytes_max < gathered.len() + first.as_ref().map_or(0, Bytes::len) + data.len() {
            return Err(too_large());
        }
        // Nearly every body comes in one piece, which is then not copied.
        match first.take() {
            None if gathered.is_empty() => first = Some(data),
            None => gathered.extend_from_slice(&data),
            Some(before) => {
                // What was announced, which is below the bound, in one piece instead of by doubling.
                gathered.reserve(stated.unwrap_or_default());
                gathered.extend_from_slice(&before);
                gathered.extend_from_slice(&data);
            }
        }
    }
    Ok(first.unwrap_or_else(|| gathered.freeze()))
}

/// Parses again, slowly, to say which field is wrong.
fn explain<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Problem {
    let json = &mut serde_json::Deserializer::from_slice(bytes);
    let error = match serde_path_to_error::deserialize::<_, T>(json) {
        Ok(_) => return Problem::invalid(&[field("", "something follows the JSON value")]),
        Err(error) => error,
    };
    let path = error.path().to_string();
    let path = if path == "." || path == "?" { String::new() } else { path };
    let reason = error.inner().to_string();
    // serde names a missing, unknown or repeated field in its message, not in its path.
    let named =
        ["missing field `", "unknown field `", "duplicate field `"].into_iter().find_map(|start| {
            let name = reason.strip_prefix(start)?.split('`').next()?;
            Some(if path.is_empty() || path.ends_with(name) {
                if path.is_empty() { name.to_owned() } else { path.clone() }
            } else {
                format!("{path}.{name}")
            })
        });
    let place = reason.find(" at line ").unwrap_or(reason.len());
    let reason = if error.inner().is_data() { &reason[..place] } else { &reason[..] };
    Problem::invalid(&[field(&named.unwrap_or(path), reason)])
}

fn field(name: &str, reason: &str) -> FieldError {
    let name = if name.is_empty() { "body" } else { name };
    FieldError { field: name.to_owned(), reason: reason.to_owned() }
}

/// The request's `Idempotency-Key`, if it has one.
///
/// # Errors
/// 400 when it has more than one, or one out of bounds.
pub(super) fn idempotency_key(
    headers: &HeaderMap,
    caller: &Caller,
) -> Result<Option<KeyDigest>, Problem> {
    const NAME: &str = "Idempotency-Key";
    let mut keys = headers.get_all(NAME).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    if keys.next().is_some() {
        return Err(Problem::invalid(&[field(NAME, "must be sent once")]));
    }
    // What is not ASCII is not printable either.
    key_digest(caller, key.to_str().unwrap_or_default(), NAME).map(Some)
}

/// # Errors
/// 400 with `name` as the field.
pub(super) fn key_digest(caller: &Caller, key: &str, name: &str) -> Result<KeyDigest, Problem> {
    if is_printable_name(key) {
        return Ok(caller.key_digest(key));
    }
    Err(Problem::invalid(&[field(name, "must have 1 to 255 printable ASCII characters")]))
}
