//! The tickets of a booking as one PDF, a page each. Equal bookings and fonts give equal bytes.

use krilla::Document;
use krilla::metadata::Metadata;
use krilla::page::PageSettings;

use super::booking::BookingDocument;
use super::qr::{Qr, QrError};
use super::text::{Fonts, Typesetter};
use super::ticket_page::{HEIGHT, TicketPage, WIDTH};

/// Most tickets in one document; the caller cuts larger bookings into several. A page is 7 kB and took
/// 27 ms in a debug build with 26 MB of memory for 500 pages; so the largest is 7 MB, and half a minute
/// at the very worst.
pub const TICKETS_MAX: usize = 1_000;

/// A finished document.
#[derive(Debug)]
pub struct TicketPdf {
    pub bytes: Vec<u8>,
    /// Characters that no font has, in their order, each once; a visible sign is printed instead. Not
    /// empty: tell the operator to add a directory of fonts.
    pub uncovered: Vec<char>,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error("the booking has no tickets")]
    NoTickets,
    #[error("{tickets} tickets are more than the {TICKETS_MAX} of one document; ask for a part")]
    TooManyTickets { tickets: usize },
    #[error("the code of ticket {ticket} makes no QR")]
    Code {
        ticket: String,
        #[source]
        source: QrError,
    },
    #[error("the PDF cannot be written: {reason}")]
    Pdf { reason: String },
}

/// Draws the tickets of `booking`. It computes for milliseconds per page: keep it off the threads
/// that answer requests.
///
/// # Errors
/// [`DocumentError`]; none of them goes away by trying again.
pub fn ticket_pdf(booking: &BookingDocument, fonts: &Fonts) -> Result<TicketPdf, DocumentError> {
    let tickets = booking.tickets.len();
    if tickets == 0 {
        return Err(DocumentError::NoTickets);
    }
    if TICKETS_MAX < tickets {
        return Err(DocumentError::TooManyTickets { tickets });
    }
    let mut document = Document::new();
    let title = format!("{}: booking {}", booking.event_name, booking.booking);
    let creator = "onsale".to_owned();
    document.set_metadata(Metadata::new().title(title).creator(creator).language("en".into()));
    let mut setter = Typesetter::new(fonts);
    let mut ticket_page = TicketPage::new(booking);
    for (at, ticket) in booking.tickets.iter().enumerate() {
        let qr = Qr::of(&ticket.code);
        let qr = qr.map_err(|source| DocumentError::Code { ticket: ticket.id.clone(), source })?;
        let size = PageSettings::from_wh(WIDTH, HEIGHT).expect("the page has a size");
        let mut page = document.start_page_with(size);
        let mut surface = page.surface();
        ticket_page.draw(&mut surface, &mut setter, ticket, at + 1, &qr);
        surface.finish();
        page.finish();
    }
    let bytes =
        document.finish().map_err(|error| DocumentError::Pdf { reason: error.to_string() })?;
    Ok(TicketPdf { bytes, uncovered: setter.into_uncovered() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::TicketFace;

    fn booking(tickets: usize) -> BookingDocument {
        let face = |number: usize| TicketFace {
            id: format!("000000000000004ddeadbeef-{number}"),
            pool_name: "Standing".into(),
            unit: None,
            price: None,
            code: format!("ONSALE1.{}", "A7".repeat(80)),
        };
        BookingDocument {
            event_name: "Concert A".into(),
            venue: None,
            starts_at: None,
            time_zone: None,
            booking: "000000000000004ddeadbeef".into(),
            holder_name: None,
            holder_email: None,
            tickets: (1..=tickets).map(face).collect(),
            total: None,
        }
    }

    fn uncovered_of(name: &str) -> Vec<char> {
        let booking = BookingDocument { holder_name: Some(name.into()), ..booking(1) };
        ticket_pdf(&booking, &Fonts::embedded()).unwrap().uncovered
    }

    #[test]
    fn every_ticket_has_its_page() {
        let pdf = ticket_pdf(&booking(3), &Fonts::embedded()).unwrap();
        let text = String::from_utf8_lossy(&pdf.bytes);
        assert!(text.starts_with("%PDF-"));
        assert!(text.contains("/Count 3"));
    }

    #[test]
    fn equal_bookings_give_equal_bytes() {
        let draw = || ticket_pdf(&booking(2), &Fonts::embedded()).unwrap().bytes;
        assert_eq!(draw(), draw());
    }

    #[test]
    fn too_many_or_no_tickets_are_refused_before_anything_is_drawn() {
        let drawn = |tickets| ticket_pdf(&booking(tickets), &Fonts::embedded());
        assert!(matches!(drawn(0), Err(DocumentError::NoTickets)));
        assert!(matches!(drawn(1_001), Err(DocumentError::TooManyTickets { tickets: 1_001 })));
    }

    #[test]
    fn a_code_that_makes_no_qr_is_named() {
        let mut booking = booking(2);
        booking.tickets[1].code = "A".repeat(5_000);
        let error = ticket_pdf(&booking, &Fonts::embedded()).unwrap_err().to_string();
        assert!(error.contains("deadbeef-2"), "{error}");
    }

    #[test]
    fn the_embedded_fonts_cover_what_they_promise_and_the_rest_is_reported() {
        let names =
            ["Zoë Ångström", "Αλέξανδρος", "Дмитрий", "محمد علي", "שלום כהן", "สมชาย", "अमित कुमार"];
        for name in names {
            assert_eq!(uncovered_of(name), Vec::<char>::new(), "{name}");
        }
        assert_eq!(uncovered_of("山田 Zoë 山"), ['山', '田']);
    }

    #[test]
    fn no_text_makes_it_panic() {
        let long = "Ж".repeat(5_000);
        let words = "אב ab ".repeat(500);
        let texts = [
            "",
            " ",
            "\n\t\u{0}",
            "\u{200d}",
            "\u{301}",
            "👩‍👩‍👧‍👦",
            "\u{10ffff}",
            "\u{202e}abc",
            "a\u{2029}b\u{2028}c",
            "ﷺ",
            "क्",
            "\u{e33}",
            &long,
            &words,
        ];
        for text in texts {
            let some = || Some(text.to_owned());
            let mut booking = BookingDocument {
                event_name: text.into(),
                venue: some(),
                holder_name: some(),
                booking: text.into(),
                ..booking(1)
            };
            booking.tickets[0].pool_name = text.into();
            booking.tickets[0].unit = some();
            booking.tickets[0].id = text.into();
            assert!(ticket_pdf(&booking, &Fonts::embedded()).is_ok(), "{text:?}");
        }
    }
}
