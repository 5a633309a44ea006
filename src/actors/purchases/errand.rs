//! Which entries are being tried, and when those that failed may be tried again. Bounded, and forgotten in
//! a crash: then everything may be tried at once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::actors::shard::Place;

/// Entries under way or resting.
#[derive(Debug, Default)]
pub(super) struct Errands {
    entries: HashMap<Place, Errand>,
    under_way: usize,
}

#[derive(Debug, Clone, Copy)]
struct Errand {
    tries: u32,
    /// `None`: under way.
    not_before: Option<Instant>,
}

/// How a try ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    /// The shard knows; if the entry still comes up, it is another one.
    Told,
    /// Try again after this long.
    Again(Duration),
}

impl Errands {
    pub fn under_way(&self) -> usize {
        self.under_way
    }

    /// Takes the entry, unless it is under way or rests. Gives the number of tries before.
    pub fn begin(&mut self, place: Place, now: Instant) -> Option<u32> {
        let errand =
            self.entries.entry(place).or_insert(Errand { tries: 0, not_before: Some(now) });
        if errand.not_before.is_none_or(|not_before| now < not_before) {
            return None;
        }
        errand.not_before = None;
        self.under_way += 1;
        Some(errand.tries)
    }

    pub fn end(&mut self, place: Place, ending: Ending, now: Instant) {
        self.under_way = self.under_way.saturating_sub(1);
        match ending {
            Ending::Told => drop(self.entries.remove(&place)),
            Ending::Again(rest) => {
                if let Some(errand) = self.entries.get_mut(&place) {
                    errand.tries = errand.tries.saturating_add(1);
                    errand.not_before = Some(now + rest);
                }
            }
        }
    }

    /// Forgets entries that rested long after their time: somebody else settled them.
    pub fn forget_old(&mut self, now: Instant) {
        const LONG: Duration = Duration::from_secs(600);
        self.entries.retain(|_, errand| errand.not_before.is_none_or(|at| now < at + LONG));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::EventNumber;

    #[test]
    fn an_entry_is_tried_by_one_at_a_time_and_rests_after_a_failure() {
        let (mut errands, now, place) = (Errands::default(), Instant::now(), (EventNumber(1), 7));
        assert_eq!(errands.begin(place, now), Some(0));
        assert_eq!(errands.begin(place, now), None, "under way");
        errands.end(place, Ending::Again(Duration::from_secs(1)), now);
        assert_eq!(errands.begin(place, now), None, "resting");
        assert_eq!(errands.begin(place, now + Duration::from_secs(1)), Some(1));
        assert_eq!(errands.under_way(), 1);
        errands.end(place, Ending::Told, now);
        assert_eq!((errands.under_way(), errands.begin(place, now)), (0, Some(0)));
    }
}
