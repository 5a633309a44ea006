//! What routes need besides the engine: whoever moves the money, the keys of tickets, fonts, events' logs, and
//! whoever tells the organizer.

use std::sync::Arc;

use crate::actors::AnnouncerHandle;
use crate::documents::text::Fonts;
use crate::domain::ticket::KeyRing;
use crate::providers::payment::PaymentProvider;
use crate::storage::event_log::EventLog;
use crate::storage::ticket_keys::TicketKeys;

/// See the module.
pub struct Desk {
    pub payments: Arc<dyn PaymentProvider>,
    pub keys: TicketKeys,
    /// The public half of `keys`.
    pub ring: KeyRing,
    pub fonts: Arc<Fonts>,
    pub log: Arc<EventLog>,
    /// Absent: no organizer is told.
    pub announcer: Option<AnnouncerHandle>,
}
