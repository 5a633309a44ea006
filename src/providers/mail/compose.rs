//! From a [`Mail`] to the bytes that go over the wire or into a file. Pure: equal arguments, equal bytes.

use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{
    Attachment as Part, Body, Mailbox, Message, MultiPart, MultiPartBuilder, SinglePart,
};

use super::{Address, Attachment, Mail};
use crate::domain::time::UnixMillis;
use crate::providers::send::{SendError, check_id};

/// Who mails come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    pub address: Address,
    /// Shown beside the address.
    pub name: Option<String>,
    /// Where answers go, if not to `address`.
    pub reply_to: Option<Address>,
}

/// Largest mail with everything in it, encoded. Bounds: below what common servers take (25 MB and up);
/// larger is never sent. Tickets have a hundredth of it.
pub const MAIL_BYTES_MAX: usize = 20 * 1024 * 1024;

/// The mail as it is sent.
///
/// # Errors
/// [`SendError::Never`]: a name, subject, media type or size that no mail can have.
pub(super) fn compose(mail: &Mail, sender: &Sender) -> Result<Vec<u8>, SendError> {
    check(mail)?;
    let mailbox =
        |address: &Address, name: Option<String>| Mailbox::new(name, address.as_lettre().clone());
    // Later years cannot be written as a date.
    let written_at = mail.written_at.min(UnixMillis::MAX);
    let written_at = UNIX_EPOCH + Duration::from_millis(written_at.0);
    let mut message = Message::builder()
        .from(mailbox(&sender.address, sender.name.clone()))
        .to(mailbox(&mail.to, mail.to_name.clone()))
        .subject(mail.subject.clone())
        .date(written_at)
        .message_id(Some(format!("<{}@{}>", mail.id, sender.address.domain())))
        .raw_header(raw("X-Onsale-Message-Id", &mail.id))
        // Holiday notices and list software leave such mails alone (RFC 3834).
        .raw_header(raw("Auto-Submitted", "auto-generated"));
    if let Some(address) = &sender.reply_to {
        message = message.reply_to(mailbox(address, None));
    }
    let built = match body(mail)? {
        MailBody::Text(part) => message.singlepart(part),
        MailBody::Parts(parts) => message.multipart(parts),
    };
    let bytes =
        built.map_err(|e| SendError::never(format!("mail cannot be built: {e}")))?.formatted();
    if MAIL_BYTES_MAX < bytes.len() {
        let reason = format!("mail has {} bytes, at most {MAIL_BYTES_MAX} are sent", bytes.len());
        return Err(SendError::never(reason));
    }
    Ok(bytes)
}

fn check(mail: &Mail) -> Result<(), SendError> {
    check_id(&mail.id)?;
    let is_line = |text: &str, most| {
        (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control)
    };
    if !is_line(&mail.subject, 255) {
        return Err(never("subject", &mail.subject));
    }
    if let Some(name) = mail.to_name.as_ref().filter(|name| !is_line(name, 128)) {
        return Err(never("to_name", name));
    }
    for Attachment { name, .. } in &mail.attachments {
        if !is_line(name, 128) || name.contains(['/', '\\', '"']) {
            return Err(never("attachment name", name));
        }
    }
    Ok(())
}

fn never(field: &str, value: &str) -> SendError {
    SendError::never(format!("{field} {value:?} cannot stand in a mail"))
}

enum MailBody {
    Text(SinglePart),
    Parts(MultiPart),
}

fn body(mail: &Mail) -> Result<MailBody, SendError> {
    let plain = text(ContentType::TEXT_PLAIN, &mail.text);
    let Some(html) = &mail.html else {
        if mail.attachments.is_empty() {
            return Ok(MailBody::Text(plain));
        }
        let parts = multipart(MultiPart::mixed(), mail, 'm').singlepart(plain);
        return attach(parts, mail).map(MailBody::Parts);
    };
    let both = multipart(MultiPart::alternative(), mail, 'a')
        .singlepart(plain)
        .singlepart(text(ContentType::TEXT_HTML, html));
    if mail.attachments.is_empty() {
        return Ok(MailBody::Parts(both));
    }
    attach(multipart(MultiPart::mixed(), mail, 'm').multipart(both), mail).map(MailBody::Parts)
}

fn attach(mut parts: MultiPart, mail: &Mail) -> Result<MultiPart, SendError> {
    for Attachment { name, media_type, bytes } in &mail.attachments {
        let kind = ContentType::parse(media_type).map_err(|_| never("media type", media_type))?;
        // Always base64: what looks like text must arrive unchanged, too.
        let body = encoded(bytes.to_vec(), ContentTransferEncoding::Base64);
        parts = parts.singlepart(Part::new(name.clone()).body(body, kind));
    }
    Ok(parts)
}

/// A boundary that is the same at each try. `=_` stands in neither quoted-printable nor base64, the only
/// encodings used here, so no content can hold it.
fn multipart(kind: MultiPartBuilder, mail: &Mail, part: char) -> MultiPart {
    kind.boundary(format!("=_{}_{part}", mail.id)).build()
}

fn text(kind: ContentType, text: &str) -> SinglePart {
    let body = encoded(text.to_owned(), ContentTransferEncoding::QuotedPrintable);
    SinglePart::builder().header(kind).body(body)
}

fn encoded(content: impl Into<lettre::message::MaybeString>, by: ContentTransferEncoding) -> Body {
    Body::new_with_encoding(content, by).expect("base64 and quoted-printable encode anything")
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}
