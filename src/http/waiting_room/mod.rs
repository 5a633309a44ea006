//! What the door of the waiting room remembers by itself: challenges that were solved, who joins from where,
//! who is told their place as it changes, and the books of draws that are being looked at. Nothing of it is
//! on disk, all of it is bounded, and a restart may forget it: places are not among it.

mod book;
mod challenge;
mod sources;
mod streams;

pub(super) use book::{Book, Books};
pub(super) use challenge::{ChallengeError, Challenges};
pub(super) use sources::{Source, Sources};
pub(super) use streams::{Held, Streams};

use std::time::Duration;

use crate::config::WaitingRoomConfig;

/// How the waiting room's routes were set up.
pub struct WaitingOptions {
    pub config: WaitingRoomConfig,
    /// Streams of places at one time.
    pub streams_max: u32,
    /// How long a command may wait for its turn: so long a pass that was given back may be under way.
    pub patience: Duration,
}

/// See the module.
pub(super) struct Waiting {
    pub challenges: Challenges,
    pub sources: Sources,
    pub streams: Streams,
    pub books: Books,
    /// Unit: milliseconds.
    pub in_flight_ms: u32,
}

impl Waiting {
    pub fn new(options: &WaitingOptions) -> Self {
        // A command is refused when its turn comes later than our patience; twice that is beyond doubt.
        let in_flight = options.patience.saturating_mul(2);
        Self {
            challenges: Challenges::new(&options.config),
            sources: Sources::new(&options.config),
            streams: Streams::new(options.streams_max),
            books: Books::default(),
            in_flight_ms: u32::try_from(in_flight.as_millis()).unwrap_or(u32::MAX),
        }
    }
}
