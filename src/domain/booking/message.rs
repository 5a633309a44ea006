//! Messages that are owed to buyers: made by the fact that they tell of, one for each way in which the
//! buyer can be told, and closed by the fact that says what became of them.

use std::sync::Arc;

/// What a message tells. Numbers are written to the journal; never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    Confirmed = 0,
    Failed = 1,
    Cancelled = 2,
}

impl MessageKind {
    /// The word in bodies and ids.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// By which way a message goes. Numbers are written to the journal; never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    Mail = 0,
    Sms = 1,
}

impl Channel {
    pub const ALL: [Self; 2] = [Self::Mail, Self::Sms];

    /// The word in bodies and labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Sms => "sms",
        }
    }
}

/// One message, until it is sent. Its id is the event and its number, which follows from the fact that
/// made it, so that a repeat after a crash has the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The booking it is about.
    pub sequence: u64,
    pub kind: MessageKind,
    pub channel: Channel,
    /// Tries that failed.
    pub tries: u32,
    /// Given up; kept to be seen and sent again.
    pub is_dead: bool,
    /// Why it was given up, as far as that is known. Bounds: [`REASON_CHARS_MAX`].
    pub reason: Option<Arc<str>>,
}

impl Message {
    /// One that nobody has tried to send.
    #[must_use]
    pub fn new(sequence: u64, kind: MessageKind, channel: Channel) -> Self {
        Self { sequence, kind, channel, tries: 0, is_dead: false, reason: None }
    }

    /// Where it is in its life, as the word in bodies.
    #[must_use]
    pub fn status(&self) -> &'static str {
        if self.is_dead { "DEAD" } else { "WAITING" }
    }
}

/// Longest reason that is kept. Unit: characters.
pub const REASON_CHARS_MAX: usize = 200;

/// What became of a try to send a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    Sent,
    /// There was nothing to send: no news any more, or no way to the buyer.
    Skipped,
    /// It is tried again.
    Failed,
    /// It is not.
    GivenUp {
        /// Cut to [`REASON_CHARS_MAX`].
        reason: Arc<str>,
    },
}
