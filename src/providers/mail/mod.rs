//! Mails: what one is, and the channels that take it. "No mail configured" is an absent channel, an
//! `Option<Box<dyn MailChannel>>`: a channel that swallowed mails would tell the outbox a lie.

mod address;
mod compose;
mod file;
mod session;
mod smtp;

use bytes::Bytes;

use super::send::{Later, SendError};
use crate::domain::time::UnixMillis;

pub use address::{Address, AddressError, check_address};
pub use compose::{MAIL_BYTES_MAX, Sender};
pub use file::FileChannel;
pub use smtp::{Login, Security, SmtpChannel, SmtpOptions};

/// Takes mails on their way.
pub trait MailChannel: Send + Sync {
    /// One try to hand `mail` over. Dropping the future gives the try up; whether the mail arrived is
    /// then as unknown as after [`SendError::Unknown`].
    fn send<'a>(&'a self, mail: &'a Mail) -> Later<'a, Result<(), SendError>>;
}

/// One mail to one person. Equal mails give equal bytes, so a repeat is the same message with the same
/// `Message-ID`, which mailboxes and people can recognise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// `[A-Za-z0-9_-]{1,64}`, the same at each try: `Message-ID`, `X-Onsale-Message-Id`, file name.
    pub id: String,
    pub to: Address,
    /// Shown beside the address. Bounds: no control characters.
    pub to_name: Option<String>,
    /// Bounds: 1 to 255 characters, no control characters.
    pub subject: String,
    pub text: String,
    /// The same as `text` with more looks. Mail programs choose.
    pub html: Option<String>,
    pub attachments: Vec<Attachment>,
    /// When it was written, the `Date` of the mail: not when this try is made.
    pub written_at: UnixMillis,
}

/// A file that comes with a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Bounds: 1 to 128 characters, no control characters, no `/`, `\` or `"`.
    pub name: String,
    /// `application/pdf`, for one.
    pub media_type: String,
    pub bytes: Bytes,
}
