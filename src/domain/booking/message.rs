//! Messages that are owed to buyers: made by the fact that they tell of, closed by the fact that says
//! they were sent.

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

/// One message, until it is sent. Its id is the event and its number, which follows from the fact that
/// made it, so that a repeat after a crash has the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// The booking it is about.
    pub sequence: u64,
    pub kind: MessageKind,
    /// Tries that failed.
    pub tries: u32,
    /// Given up; kept to be seen and sent again.
    pub is_dead: bool,
}
