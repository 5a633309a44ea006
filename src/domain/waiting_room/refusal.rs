//! Refusals: what a fan or an operator may hear instead of what they asked for. A refusal changes nothing
//! and is never journaled.

/// Variants stand in the order the checks run; when two apply, the first is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RoomRefusal {
    #[error("this event has no waiting room")]
    NoRoom,
    #[error("the revision is {current}")]
    VersionMismatch { current: u64 },
    #[error("{field} is out of its bounds")]
    OutOfBounds { field: &'static str },
    /// What was settled when the doors opened cannot be changed after.
    #[error("the doors are open; {field} can no longer be changed")]
    DoorsOpen { field: &'static str },
    /// Nobody needs a place: no pass is asked for.
    #[error("nobody has to wait: the waiting room is {state}")]
    GatesOpen { state: &'static str },
    #[error("the waiting room is closed")]
    Closed,
    #[error("the waiting room is being drained")]
    Draining,
    #[error("the waiting room takes nobody in")]
    Reject,
    #[error("no such place")]
    NoSuchPlace,
    #[error("the place has expired")]
    PlaceExpired,
    #[error("no such code")]
    UnknownCode,
    #[error("the code was used up")]
    CodeUsedUp,
    #[error("the line is full")]
    LineFull,
}

impl RoomRefusal {
    /// The word for bodies, logs and the `code` label. Renaming one is a breaking change.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoRoom | Self::NoSuchPlace => "not_found",
            Self::VersionMismatch { .. } => "version_mismatch",
            Self::OutOfBounds { .. } | Self::UnknownCode => "invalid_request",
            Self::DoorsOpen { .. }
            | Self::GatesOpen { .. }
            | Self::Closed
            | Self::Draining
            | Self::Reject
            | Self::CodeUsedUp => "invalid_state",
            Self::PlaceExpired => "place_expired",
            Self::LineFull => "busy",
        }
    }

    /// The word for `state` in the body of an `invalid_state`.
    #[must_use]
    pub fn state(&self) -> Option<&'static str> {
        match self {
            Self::DoorsOpen { .. } => Some("doors_open"),
            Self::GatesOpen { state } => Some(state),
            Self::Closed => Some("closed"),
            Self::Draining => Some("draining"),
            Self::Reject => Some("reject"),
            Self::CodeUsedUp => Some("code_used_up"),
            Self::NoRoom
            | Self::VersionMismatch { .. }
            | Self::OutOfBounds { .. }
            | Self::NoSuchPlace
            | Self::PlaceExpired
            | Self::UnknownCode
            | Self::LineFull => None,
        }
    }
}
