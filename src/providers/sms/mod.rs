//! Short messages: what one is, which numbers and texts are taken, and the channels that take it.

mod http;
mod phone;
mod text;

use super::send::{Later, SendError};
use crate::domain::time::UnixMillis;

pub use http::{HttpSms, HttpSmsOptions};
pub use phone::{Phone, PhoneError, check_phone};
pub use text::{Alphabet, Size, size_of};

/// Takes short messages on their way.
pub trait SmsChannel: Send + Sync {
    /// One try to hand `sms` over; `now` is for reading a `Retry-After` that is a date.
    fn send<'a>(&'a self, sms: &'a Sms, now: UnixMillis) -> Later<'a, Result<(), SendError>>;
}

/// One short message to one phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sms {
    /// `[A-Za-z0-9_-]{1,64}`, the same at each try: the `Idempotency-Key`.
    pub id: String,
    pub to: Phone,
    /// Bounds: at least one character; as many segments as the channel allows ([`size_of`]).
    pub text: String,
}
