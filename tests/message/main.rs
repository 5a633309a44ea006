//! The channels by which messages leave, against servers: scripted ones for what goes wrong, and real ones
//! in the tests that `tests/mail.sh` and `tests/webhooks.sh` run.

#[path = "../support/smtp_script.rs"]
mod smtp_script;

mod mail_faults;
mod mail_files;
mod mail_real;
mod sms;
mod stand_in;
mod webhook;
mod webhook_real;

use bytes::Bytes;
use onsale::domain::time::UnixMillis;
use onsale::providers::mail::{Attachment, Mail, Sender, check_address};
use onsale::providers::send::SendError;

/// 2026-11-24T12:00:00Z.
const NOW: UnixMillis = UnixMillis(1_795_521_600_000);

/// A field of options, and what makes a bad value of it.
type Spoil<T> = (&'static str, fn(&mut T));

/// How a try ended, in one word.
fn ending(result: &Result<(), SendError>) -> &'static str {
    match result {
        Ok(()) => "delivered",
        Err(SendError::Later { .. }) => "later",
        Err(SendError::Never { .. }) => "never",
        Err(SendError::Unknown { .. }) => "unknown",
    }
}

fn sender() -> Sender {
    Sender {
        address: check_address("tickets@onsale.example").expect("an address"),
        name: Some("Tickets für alle".to_owned()),
        reply_to: Some(check_address("help@onsale.example").expect("an address")),
    }
}

/// What a buyer gets: both kinds of text, a file, and letters from several alphabets.
fn mail(id: &str, to: &str) -> Mail {
    Mail {
        id: id.to_owned(),
        to: check_address(to).expect("an address"),
        to_name: Some("Жанна д'Арк".to_owned()),
        subject: "Ваши билеты 🎫 für Konzert A".to_owned(),
        text: "Grüße!\n.\n..\nFrom here = there\n--=_mail-1_m--\nbye \n".to_owned(),
        html: Some(format!("<p>Grüße, {}!</p>\n", "長い".repeat(400))),
        attachments: vec![Attachment {
            name: "Билет № 1.pdf".to_owned(),
            media_type: "application/pdf".to_owned(),
            bytes: Bytes::from(pdf()),
        }],
        written_at: NOW,
    }
}

/// Not a real one, but with every byte that could be damaged on the way.
fn pdf() -> Vec<u8> {
    let every_byte = (0..=255_u8).cycle().take(3000);
    b"%PDF-1.7\r\n.\r\n\n--\n".iter().copied().chain(every_byte).collect()
}
