//! Subjects and bodies of mails. Plain texts for everything; the confirmation also as HTML, escaped.
//! What comes from an organizer or a buyer is put on one line, so that no name can write a line, or a
//! header, of its own.

use askama::Template;

use super::booking::BookingDocument;
use super::wording::{moment, money, one_line};
use crate::domain::money::Money;

/// Tickets that are listed one by one; the PDF has all of them.
const TICKETS_LISTED_MAX: usize = 20;

#[derive(Template)]
#[template(path = "mail/confirmation.txt")]
struct ConfirmationText<'a>(Facts<'a>);

#[derive(Template)]
#[template(path = "mail/confirmation.html")]
struct ConfirmationHtml<'a>(Facts<'a>);

#[derive(Template)]
#[template(path = "mail/payment_failed.txt")]
struct PaymentFailedText<'a>(Facts<'a>);

#[derive(Template)]
#[template(path = "mail/cancelled.txt")]
struct CancelledText<'a>(Facts<'a>);

/// What the templates may say.
struct Facts<'a> {
    event: String,
    starts: Option<String>,
    venue: Option<String>,
    holder: Option<String>,
    booking: String,
    tickets: Vec<String>,
    more_tickets: usize,
    total: Option<String>,
    refund: Option<String>,
    link: Option<&'a str>,
}

impl<'a> Facts<'a> {
    fn of(booking: &BookingDocument, link: Option<&'a str>) -> Self {
        let line = |text: &Option<String>| text.as_deref().map(one_line);
        let ticket = |face: &super::TicketFace| match &face.unit {
            Some(unit) => one_line(&format!("{}, {unit}", face.pool_name)),
            None => one_line(&face.pool_name),
        };
        let zone = booking.time_zone.as_deref();
        Self {
            event: one_line(&booking.event_name),
            starts: booking.starts_at.map(|at| moment(at, zone)),
            venue: line(&booking.venue),
            holder: line(&booking.holder_name),
            booking: one_line(&booking.booking),
            tickets: booking.tickets.iter().take(TICKETS_LISTED_MAX).map(ticket).collect(),
            more_tickets: booking.tickets.len().saturating_sub(TICKETS_LISTED_MAX),
            total: booking.total.map(money),
            refund: None,
            link: link.filter(|link| is_link(link)),
        }
    }
}

/// `Your tickets for Concert A`.
#[must_use]
pub fn confirmation_subject(booking: &BookingDocument) -> String {
    format!("Your tickets for {}", one_line(&booking.event_name))
}

/// The confirmation as plain text. `link` leads to the booking; one that is not `http:` or `https:` is
/// left out.
#[must_use]
pub fn confirmation_text(booking: &BookingDocument, link: Option<&str>) -> String {
    rendered(&ConfirmationText(Facts::of(booking, link)))
}

/// The same as HTML. It loads nothing from elsewhere.
#[must_use]
pub fn confirmation_html(booking: &BookingDocument, link: Option<&str>) -> String {
    rendered(&ConfirmationHtml(Facts::of(booking, link)))
}

/// `Payment failed: Concert A`.
#[must_use]
pub fn payment_failed_subject(booking: &BookingDocument) -> String {
    format!("Payment failed: {}", one_line(&booking.event_name))
}

/// Nothing was charged, the units are free again; `link` leads to the sale.
#[must_use]
pub fn payment_failed_text(booking: &BookingDocument, link: Option<&str>) -> String {
    rendered(&PaymentFailedText(Facts::of(booking, link)))
}

/// `Cancelled: Concert A`.
#[must_use]
pub fn cancelled_subject(booking: &BookingDocument) -> String {
    format!("Cancelled: {}", one_line(&booking.event_name))
}

/// The booking is cancelled and its tickets admit nobody; `refund` is what goes back, if anything.
#[must_use]
pub fn cancelled_text(booking: &BookingDocument, refund: Option<Money>) -> String {
    let facts = Facts::of(booking, None);
    rendered(&CancelledText(Facts { refund: refund.map(money), ..facts }))
}

fn rendered(template: &impl Template) -> String {
    let body = template.render().expect("the templates call nothing that can fail");
    // askama drops the line end at the end of a template.
    body.trim_end().to_owned() + "\n"
}

/// No `javascript:`, and nothing that ends the line it stands on.
fn is_link(link: &str) -> bool {
    let is_web = link.starts_with("https://") || link.starts_with("http://");
    is_web && link.chars().all(|c| !c.is_control() && !c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::TicketFace;
    use crate::domain::money::Currency;
    use crate::domain::time::UnixMillis;

    fn booking() -> BookingDocument {
        let face = |number: usize| TicketFace {
            id: format!("t-{number}"),
            pool_name: "Stalls".into(),
            unit: Some(format!("Seat {number}")),
            price: None,
            code: String::new(),
        };
        BookingDocument {
            event_name: "Concert A".into(),
            venue: Some("Town hall".into()),
            starts_at: Some(UnixMillis(1_811_876_400_000)),
            time_zone: Some("Europe/Berlin".into()),
            booking: "b-1".into(),
            holder_name: Some("Zoë".into()),
            holder_email: None,
            tickets: (1..=2).map(face).collect(),
            total: Some(euros(9_000)),
        }
    }

    fn euros(amount: u64) -> Money {
        Money { amount, currency: Currency::parse("EUR").unwrap() }
    }

    const LINK: Option<&str> = Some("https://example.org/b?a=1&b=2");

    #[test]
    fn a_confirmation_says_what_when_where_and_what_it_cost() {
        let expected = "Hello Zoë,\n\nyour booking is confirmed.\n\n\
            Event:   Concert A\nWhen:    Tuesday, 1 June 2027, 21:00 CEST\nWhere:   Town hall\n\
            Booking: b-1\nTotal:   EUR 90.00\n\nTickets:\n- Stalls, Seat 1\n- Stalls, Seat 2\n\n\
            Your booking: https://example.org/b?a=1&b=2\n\n\
            Show the code of each ticket at the door, on paper or on a screen. Each admits one person\n\
            once: whoever shows it first goes in, so keep it to yourself.\n";
        assert_eq!(confirmation_text(&booking(), LINK), expected);
        assert_eq!(confirmation_subject(&booking()), "Your tickets for Concert A");
    }

    #[test]
    fn what_is_not_known_is_not_mentioned() {
        let sparse = BookingDocument {
            venue: None,
            starts_at: None,
            holder_name: None,
            total: None,
            ..booking()
        };
        for body in [confirmation_text(&sparse, None), confirmation_html(&sparse, None)] {
            for word in ["When", "Where", "Total", "Hello ", "href", "None"] {
                assert!(!body.contains(word), "{word} in {body}");
            }
        }
    }

    #[test]
    fn html_is_escaped_and_loads_nothing() {
        let evil = "<script>alert('1')</script>\" onload=\"x&";
        let booking = BookingDocument {
            event_name: evil.into(),
            venue: Some(evil.into()),
            holder_name: Some(evil.into()),
            booking: evil.into(),
            tickets: vec![TicketFace { pool_name: evil.into(), ..booking().tickets[0].clone() }],
            ..booking()
        };
        let html = confirmation_html(&booking, LINK);
        assert!(!html.contains("<script") && !html.contains("\" onload"), "{html}");
        assert!(!html.contains("src=") && !html.contains("url("), "{html}");
        assert!(html.contains("href=\"https://example.org/b?a=1&#38;b=2\""), "{html}");
        let bad = confirmation_html(&booking, Some("javascript:alert(1)"));
        assert!(!bad.contains("href"), "{bad}");
    }

    #[test]
    fn no_name_writes_a_line_of_its_own() {
        let evil = "A\r\nBcc: all@example.org\n\u{2028}\u{202e}B";
        let booking = BookingDocument {
            event_name: evil.into(),
            holder_name: Some(evil.into()),
            ..booking()
        };
        for subject in [
            confirmation_subject(&booking),
            payment_failed_subject(&booking),
            cancelled_subject(&booking),
        ] {
            assert!(subject.ends_with("A Bcc: all@example.org B"), "{subject}");
        }
        let text = confirmation_text(&booking, LINK);
        assert!(text.lines().all(|line| !line.starts_with("Bcc")), "{text}");
    }

    #[test]
    fn of_many_tickets_only_some_are_listed() {
        let mut booking = booking();
        booking.tickets = vec![booking.tickets[0].clone(); 10_000];
        for body in [confirmation_text(&booking, LINK), confirmation_html(&booking, LINK)] {
            assert_eq!(body.matches("Stalls, Seat 1").count(), 20);
            assert!(body.contains("9980 more"), "{body}");
            assert!(body.len() < 8_000);
        }
    }

    #[test]
    fn a_failed_payment_charges_nothing_and_a_refund_is_told() {
        let failed = payment_failed_text(&booking(), LINK);
        assert!(failed.contains("Nothing was charged") && failed.contains("https://"), "{failed}");
        let cancelled = cancelled_text(&booking(), Some(euros(9_000)));
        assert!(cancelled.contains("EUR 90.00 go back"), "{cancelled}");
        assert!(!cancelled_text(&booking(), None).contains("go back"));
    }
}
