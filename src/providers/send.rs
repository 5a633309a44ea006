//! What all channels share: how one try ends, what an id looks like, and why options are refused.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// A try under way. Boxed, so that a channel can be chosen at run time.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How a try failed, in the words the outbox acts on. The reasons are for operators: they may hold what
/// the other side answered (printable, shortened), never a password, token or secret of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Certainly not delivered; may work later. Try again, not before `retry_after` if it is told.
    #[error("not delivered yet: {reason}")]
    Later { reason: String, retry_after: Option<Duration> },
    /// Will never work as it is: a dead letter.
    #[error("will not be delivered: {reason}")]
    Never { reason: String },
    /// May have been delivered. Try again with the same id, by which the receiver can tell a repeat.
    #[error("may have been delivered: {reason}")]
    Unknown { reason: String },
}

impl SendError {
    pub(super) fn later(reason: impl Into<String>) -> Self {
        Self::Later { reason: reason.into(), retry_after: None }
    }

    pub(super) fn never(reason: impl Into<String>) -> Self {
        Self::Never { reason: reason.into() }
    }

    pub(super) fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown { reason: reason.into() }
    }
}

/// Why a channel cannot be made of its options.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} = {value:?}: {reason}")]
pub struct OptionError {
    /// The field of the options struct.
    pub field: &'static str,
    /// What it held; empty if it is a secret.
    pub value: String,
    pub reason: String,
}

impl OptionError {
    pub(super) fn new(
        field: &'static str,
        value: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self { field, value: value.into(), reason: reason.into() }
    }
}

/// A password or token: shown by none of the ways a value gets into a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Longest id of a message, in bytes.
pub const ID_BYTES_MAX: usize = 64;

/// Ids go into header lines, file names and what is signed, so they are plain: `[A-Za-z0-9_-]{1,64}`.
/// No dot, since a webhook's signature is over `id.timestamp.body` and must be read only one way.
///
/// # Errors
/// [`SendError::Never`]: whoever made the id has a bug.
pub(super) fn check_id(id: &str) -> Result<(), SendError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(plain) {
        return Ok(());
    }
    Err(SendError::never(format!("message id {id:?} must match [A-Za-z0-9_-]{{1,64}}")))
}

/// What a stranger said, made fit for a log line: no control characters, at most 200 characters.
pub(super) fn excerpt(text: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().take(EXCERPT_CHARS_MAX).map(printable).collect()
}

const EXCERPT_CHARS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain_and_bounded() {
        let longest = "a".repeat(64);
        for id in ["a", "msg_01-Z", longest.as_str()] {
            assert_eq!(check_id(id), Ok(()), "{id}");
        }
        let too_long = "a".repeat(65);
        for id in ["", "a.b", "../x", "a b", "a\r\nBcc: x", "ä", ">", too_long.as_str()] {
            assert!(matches!(check_id(id), Err(SendError::Never { .. })), "{id}");
        }
    }

    #[test]
    fn what_a_stranger_says_cannot_break_a_log_line() {
        assert_eq!(excerpt("no\r\nlevel=error\u{1b}[31m "), "no  level=error [31m");
        assert_eq!(excerpt(&"ä".repeat(500)).chars().count(), 200);
    }

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?}", Hidden::new("hunter2")), "(hidden)");
    }
}
