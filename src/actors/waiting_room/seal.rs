//! The doors open: the line is put in order, apart from the host, since that takes long for many.

use std::time::{Duration, Instant};

use tokio::task::JoinError;

use crate::domain::time::UnixMillis;
use crate::domain::waiting_room::{Room, RoomFact, TickInput, ViewChange, apply, tick};
use crate::storage::recovery::panic_text;

/// A room that is out of its host until its line is in order.
pub(super) struct Opening {
    pub room: Room,
    pub now: UnixMillis,
}

/// The room, and what has happened to it meanwhile.
pub(crate) struct Opened {
    pub room: Room,
    pub facts: Vec<RoomFact>,
    pub changes: Vec<ViewChange>,
    pub took: Duration,
}

impl Opening {
    /// Looks at every fan: not for a thread of the runtime.
    pub fn run(self) -> Opened {
        let started = Instant::now();
        let mut room = self.room;
        // Nobody is let in by this look; the next one is a moment away.
        let input = TickInput { heard: None, absent: &|_| false, tokens: 0, calm: false };
        let facts = tick(&room, &input, self.now);
        let mut changes = Vec::new();
        for fact in &facts {
            apply(&mut room, fact, |change| changes.push(change));
        }
        Opened { room, facts, changes, took: started.elapsed() }
    }
}

pub(super) fn text_of(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => panic_text(&*panic),
        Err(error) => error.to_string(),
    }
}
