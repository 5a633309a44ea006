//! One POST to a server we do not own: nothing of ours is followed, unbounded or waited for without end,
//! and every way it can fail says whether the other side may have got the message.

use std::time::{Duration, UNIX_EPOCH};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{ClientBuilder, RequestBuilder, StatusCode, redirect};
use rustls::ClientConfig;

use super::send::{SendError, excerpt};
use crate::domain::time::UnixMillis;

/// How long one POST may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Until connected: look-up, TCP, TLS. Shorter than `total`, since what fails here was certainly not
    /// delivered.
    pub connect: Duration,
    /// Until the whole answer is there.
    pub total: Duration,
}

impl Default for Patience {
    /// 5 s and 15 s; Standard Webhooks recommends 15 to 30 s.
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(15) }
    }
}

/// Longest `Retry-After` that is believed: nobody parks our messages for good.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// What is read of an answer. More is not kept: we only want to know whether it was a yes.
const ANSWER_BYTES_MAX: usize = 4096;

pub(super) struct Answer {
    pub status: StatusCode,
    pub retry_after: Option<Duration>,
    /// Begin of the body, printable.
    pub said: String,
}

impl Answer {
    /// For reasons: `answered 503 Service Unavailable: try later`.
    pub fn describe(&self) -> String {
        let colon = if self.said.is_empty() { "" } else { ": " };
        format!("answered {}{colon}{}", self.status, self.said)
    }

    pub fn later(self) -> SendError {
        SendError::Later { reason: self.describe(), retry_after: self.retry_after }
    }
}

/// A client without redirects (they would get around the checks of the address), proxies from the
/// environment, cookies and compression.
pub(super) fn builder(tls: ClientConfig, patience: Patience) -> ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(patience.connect)
        .timeout(patience.total)
        .pool_idle_timeout(Duration::from_secs(30))
        .user_agent(concat!("onsale/", env!("CARGO_PKG_VERSION")))
}

/// # Errors
/// - `Never`: the request itself cannot be made.
/// - `Later`: not connected.
/// - `Unknown`: connected, then no answer in time or a connection that broke.
pub(super) async fn post(request: RequestBuilder, now: UnixMillis) -> Result<Answer, SendError> {
    let mut response = request.send().await.map_err(|error| failure(&error))?;
    let mut body = Vec::new();
    // The status is the answer. A body that does not come, or not in time, changes nothing about it.
    while body.len() < ANSWER_BYTES_MAX {
        let Ok(Some(chunk)) = response.chunk().await else { break };
        let room = ANSWER_BYTES_MAX - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(Answer {
        status: response.status(),
        retry_after: retry_after(response.headers(), now),
        said: excerpt(&String::from_utf8_lossy(&body)),
    })
}

fn failure(error: &reqwest::Error) -> SendError {
    let reason = causes(error);
    // A time-out while connecting is both of the first.
    if error.is_connect() || error.is_dns() {
        SendError::later(format!("not connected: {reason}"))
    } else if error.is_builder() {
        SendError::never(reason)
    } else {
        SendError::unknown(format!("no answer: {reason}"))
    }
}

/// The innermost cause says what happened; the outer ones repeat the URL, which may hold a token.
fn causes(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let is_outermost = innermost.is::<reqwest::Error>();
    if is_outermost && error.is_timeout() {
        "timed out".into()
    } else {
        excerpt(&innermost.to_string())
    }
}

/// `Retry-After` as seconds or as an HTTP date (all three forms), at most [`RETRY_AFTER_MAX`]. What
/// cannot be read, or lies in the past, is as if it were not there.
fn retry_after(headers: &HeaderMap, now: UnixMillis) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Too many digits for a number is long enough for the longest wait.
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let date = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?;
        date.checked_sub(Duration::from_millis(now.0))?
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1994-11-06T08:49:37Z, the date of RFC 9110's examples.
    const EXAMPLE: UnixMillis = UnixMillis(784_111_777_000);

    fn wait(value: &str, now: UnixMillis) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        retry_after(&headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_is_read_in_each_form_and_bounded() {
        let minute_before = UnixMillis(EXAMPLE.0 - 60_000);
        let day = RETRY_AFTER_MAX.as_secs();
        for (value, seconds) in [
            ("120", Some(120)),
            ("0", Some(0)),
            ("31536000", Some(day)),
            ("99999999999999999999999999", Some(day)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(60)),
            ("Sun Nov  6 08:49:37 1994", Some(60)),
            ("Fri, 06 Nov 2093 08:49:37 GMT", Some(day)),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
            ("", None),
        ] {
            assert_eq!(wait(value, minute_before), seconds, "{value}");
        }
        let in_the_past = wait("Sun, 06 Nov 1994 08:49:37 GMT", UnixMillis(EXAMPLE.0 + 1_000));
        assert_eq!(in_the_past, None);
    }
}
