//! What is shown of a booking, as words that are printed as they stand.

use crate::domain::money::Money;
use crate::domain::time::UnixMillis;

/// One booking with its tickets. Texts may be in any script and of any length; what does not fit its
/// place is set smaller, then wrapped, then cut with an ellipsis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingDocument {
    pub event_name: String,
    /// Where it is, as one text: hall, street, town.
    pub venue: Option<String>,
    pub starts_at: Option<UnixMillis>,
    /// IANA name; absent, or one that [`super::is_time_zone`] does not know: UTC.
    pub time_zone: Option<String>,
    pub booking: String,
    pub holder_name: Option<String>,
    pub holder_email: Option<String>,
    pub tickets: Vec<TicketFace>,
    pub total: Option<Money>,
}

/// One ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketFace {
    pub id: String,
    pub pool_name: String,
    /// Seat, room, date: what tells it from the others of its pool. A standing place has none.
    pub unit: Option<String>,
    pub price: Option<Money>,
    /// What the QR says: [`crate::domain::ticket::TicketCode::sign`].
    pub code: String,
}

impl BookingDocument {
    /// Who holds the tickets, as far as it is known.
    #[must_use]
    pub fn holder(&self) -> Option<&str> {
        self.holder_name.as_deref().or(self.holder_email.as_deref())
    }
}
