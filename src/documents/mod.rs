//! What a buyer gets: the ticket as PDF, its QR, the texts of mails and short messages. Presentation only:
//! everything is a function of its arguments, and nothing here knows a clock, a network or a state.
//!
//! ```text
//! booking   what is to be shown          ticket_pdf   one page per ticket
//! qr        the code as a picture        text/        fonts, shaping, lines
//! wording   dates and money              mail, sms    subjects and bodies; short texts
//! entry     what an event's log tells    announcement   the same as a webhook
//! ```

mod announcement;
mod booking;
pub mod entry;
mod issue;
pub mod mail;
mod qr;
pub mod sms;
pub mod text;
mod ticket_page;
mod ticket_pdf;
mod wording;

pub use announcement::Announcement;
pub use booking::{BookingDocument, TicketFace};
pub use issue::document;
pub use qr::{QrError, qr_svg};
pub use ticket_pdf::{DocumentError, TICKETS_MAX, TicketPdf, ticket_pdf};
pub use wording::{is_time_zone, moment, money, rfc3339};
