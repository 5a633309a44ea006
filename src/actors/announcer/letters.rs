//! Entries that were not taken at their first try: those that rest until the next one, and those that were
//! given up. Their bodies are in the outbox; what is here is bounded. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::domain::message::{next_try, not_before};
use crate::domain::time::UnixMillis;
use crate::storage::outbox::{Letter, LetterId, LetterState};

/// Letters that rest, at most. When there are as many, no new entry is begun: the receiver is in trouble,
/// and the log keeps what it will want.
pub(super) const RESTING_MAX: usize = 1_000;
/// Letters given up that are kept, at most; beyond that the oldest is dropped.
pub(super) const DEAD_MAX: usize = 10_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Letters {
    all: BTreeMap<LetterId, Letter>,
    /// Those that rest, by the end of their rest. Under way: in neither set.
    resting: BTreeSet<(UnixMillis, LetterId)>,
    dead: BTreeSet<(UnixMillis, LetterId)>,
}

/// What became of a letter that failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Rests,
    GivenUp {
        /// Made room for it.
        dropped: Option<LetterId>,
    },
}

/// How a try failed.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub reason: String,
    pub is_final: bool,
    /// The receiver's fault, or that of the way to it.
    pub is_theirs: bool,
    /// How long the receiver wants to be left alone. Unit: milliseconds.
    pub asked_ms: Option<u64>,
}

/// Why a letter is not sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReviveError {
    #[error("no such letter")]
    Unknown,
    #[error("the letter is not given up")]
    NotDead,
    #[error("too many letters wait for their next try")]
    Full,
}

impl Letters {
    pub fn of(letters: Vec<(LetterId, Letter)>) -> Self {
        let mut all = Self::default();
        for (id, letter) in letters {
            all.shelve(id, &letter);
            all.all.insert(id, letter);
        }
        all
    }

    /// Those not given up, also those under way.
    pub fn waiting(&self) -> usize {
        self.all.len() - self.dead.len()
    }

    pub fn dead_len(&self) -> usize {
        self.dead.len()
    }

    /// Whether a rest is over.
    pub fn is_due(&self, now: UnixMillis) -> bool {
        self.resting.first().is_some_and(|(not_before, _)| *not_before <= now)
    }

    /// The next letter whose rest is over, which is under way from now on.
    pub fn begin_due(&mut self, now: UnixMillis) -> Option<LetterId> {
        if self.is_due(now) { self.begin_any() } else { None }
    }

    /// The letter whose rest is over first, even if it is not yet.
    pub fn begin_any(&mut self) -> Option<LetterId> {
        self.resting.pop_first().map(|(_, id)| id)
    }

    /// The receiver is back: nobody has to rest any longer.
    pub fn wake(&mut self, now: UnixMillis) {
        let ids: Vec<LetterId> = self.resting.iter().map(|(_, id)| *id).collect();
        for id in &ids {
            if let Some(letter) = self.all.get_mut(id) {
                letter.state = LetterState::Resting { not_before: now };
            }
        }
        self.resting = ids.into_iter().map(|id| (now, id)).collect();
    }

    pub fn get(&self, id: LetterId) -> Option<&Letter> {
        self.all.get(&id)
    }

    /// It was told, or its body is lost.
    pub fn remove(&mut self, id: LetterId) {
        if let Some(letter) = self.all.remove(&id) {
            match letter.state {
                LetterState::Resting { not_before } => self.resting.remove(&(not_before, id)),
                LetterState::Dead { given_up_at } => self.dead.remove(&(given_up_at, id)),
            };
        }
    }

    /// A try of `letter` failed; it is kept from here on. `letter.tries` does not count that try yet.
    /// `random` is from 0 to 1.
    pub fn failed(
        &mut self,
        id: LetterId,
        letter: Letter,
        failure: Failure,
        now: UnixMillis,
        random: f64,
    ) -> Fate {
        let tries = letter.tries.saturating_add(1);
        let rest_ms = next_try(tries, random).filter(|_| !failure.is_final);
        let state = match rest_ms {
            Some(rest_ms) => {
                let rest_ms = not_before(rest_ms, failure.asked_ms);
                LetterState::Resting { not_before: now.plus_millis(rest_ms) }
            }
            None => LetterState::Dead { given_up_at: now },
        };
        let letter = Letter { tries, reason: failure.reason, state, ..letter };
        self.shelve(id, &letter);
        let is_dead = letter.is_dead();
        self.all.insert(id, letter);
        if !is_dead {
            return Fate::Rests;
        }
        let oldest = (DEAD_MAX < self.dead.len()).then(|| self.dead.first()).flatten();
        let dropped = oldest.map(|(_, id)| *id);
        if let Some(dropped) = dropped {
            self.remove(dropped);
        }
        Fate::GivenUp { dropped }
    }

    /// Letters given up after this one, in the order of their ids.
    pub fn dead(&self, after: Option<LetterId>, limit: usize) -> Vec<(LetterId, Letter)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let letters =
            self.all.range((from, Bound::Unbounded)).filter(|(_, letter)| letter.is_dead());
        letters.take(limit).map(|(id, letter)| (*id, letter.clone())).collect()
    }

    /// Lets a letter that was given up be tried again, from the start.
    ///
    /// # Errors
    /// [`ReviveError`]; nothing changed.
    pub fn revive(&mut self, id: LetterId, now: UnixMillis) -> Result<&Letter, ReviveError> {
        let is_full = RESTING_MAX <= self.waiting();
        let letter = self.all.get_mut(&id).ok_or(ReviveError::Unknown)?;
        let LetterState::Dead { given_up_at } = letter.state else {
            return Err(ReviveError::NotDead);
        };
        if is_full {
            return Err(ReviveError::Full);
        }
        self.dead.remove(&(given_up_at, id));
        self.resting.insert((now, id));
        letter.tries = 0;
        letter.reason.clear();
        letter.state = LetterState::Resting { not_before: now };
        Ok(letter)
    }

    fn shelve(&mut self, id: LetterId, letter: &Letter) {
        match letter.state {
            LetterState::Resting { not_before } => self.resting.insert((not_before, id)),
            LetterState::Dead { given_up_at } => self.dead.insert((given_up_at, id)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::EventNumber;
    use crate::domain::message::TRIES_MAX;

    const NOW: UnixMillis = UnixMillis(1_000_000);

    fn id(entry: u64) -> LetterId {
        LetterId { event: EventNumber(1), entry }
    }

    fn fresh() -> Letter {
        Letter {
            event: "a".to_owned(),
            kind: "booking.created".to_owned(),
            body_bytes: 0,
            tries: 0,
            reason: String::new(),
            state: LetterState::Resting { not_before: UnixMillis(0) },
        }
    }

    fn failure(is_final: bool) -> Failure {
        Failure { reason: "no".to_owned(), is_final, is_theirs: true, asked_ms: None }
    }

    fn fail(letters: &mut Letters, entry: u64, is_final: bool) -> Fate {
        let letter = letters.get(id(entry)).cloned().unwrap_or_else(fresh);
        letters.failed(id(entry), letter, failure(is_final), NOW, 0.5)
    }

    #[test]
    fn a_letter_rests_longer_each_time_and_is_given_up_after_ten_tries() {
        let mut letters = Letters::default();
        for tries in 1..TRIES_MAX {
            assert_eq!(fail(&mut letters, 1, false), Fate::Rests, "{tries}");
            let rest_ms = next_try(tries, 0.5).expect("a rest");
            let over = NOW.plus_millis(rest_ms);
            assert_eq!(letters.begin_due(UnixMillis(over.0 - 1)), None, "{tries}");
            assert_eq!(letters.begin_due(over), Some(id(1)), "{tries}");
            assert_eq!((letters.begin_due(over), letters.waiting()), (None, 1), "under way");
        }
        assert_eq!(fail(&mut letters, 1, false), Fate::GivenUp { dropped: None });
        assert_eq!((letters.waiting(), letters.dead_len()), (0, 1));
        let dead = letters.dead(None, 10);
        assert_eq!((dead[0].0, dead[0].1.tries, dead[0].1.reason.as_str()), (id(1), 10, "no"));
    }

    #[test]
    fn what_no_try_makes_good_is_given_up_at_once_and_can_be_sent_again() {
        let mut letters = Letters::default();
        assert_eq!(fail(&mut letters, 1, true), Fate::GivenUp { dropped: None });
        assert_eq!(letters.revive(id(2), NOW), Err(ReviveError::Unknown));
        assert_eq!(letters.revive(id(1), NOW).expect("dead").tries, 0);
        assert_eq!(letters.revive(id(1), NOW), Err(ReviveError::NotDead));
        assert_eq!(letters.begin_due(NOW), Some(id(1)));
        assert_eq!(letters.revive(id(1), NOW), Err(ReviveError::NotDead), "under way");
        letters.remove(id(1));
        assert_eq!((letters.waiting(), letters.dead_len(), letters.get(id(1))), (0, 0, None));
    }

    #[test]
    fn the_receiver_may_ask_for_time() {
        let mut letters = Letters::default();
        let patient = Failure { asked_ms: Some(60_000), ..failure(false) };
        letters.failed(id(1), fresh(), patient, NOW, 0.5);
        assert_eq!(letters.begin_due(NOW.plus_millis(59_999)), None);
        assert_eq!(letters.begin_due(NOW.plus_millis(60_000)), Some(id(1)));
    }

    #[test]
    fn when_the_receiver_is_back_nobody_rests() {
        let mut letters = Letters::default();
        for entry in 1..=3 {
            fail(&mut letters, entry, entry == 2);
        }
        assert_eq!(letters.begin_any(), Some(id(1)));
        letters.wake(NOW);
        assert_eq!((letters.begin_due(NOW), letters.begin_due(NOW)), (Some(id(3)), None));
        // What was woken is put back by its next failure, and found when it is removed.
        fail(&mut letters, 3, false);
        letters.wake(NOW);
        letters.remove(id(3));
        assert_eq!(letters.begin_due(NOW), None);
    }

    #[test]
    fn of_too_many_that_were_given_up_the_oldest_is_dropped() {
        let mut letters = Letters::default();
        let most = DEAD_MAX as u64;
        for entry in (1..=most).rev() {
            let at = NOW.plus_millis(most - entry);
            let fate = letters.failed(id(entry), fresh(), failure(true), at, 0.5);
            assert_eq!(fate, Fate::GivenUp { dropped: None });
        }
        let later = NOW.plus_millis(most);
        let fate = letters.failed(id(most + 1), fresh(), failure(true), later, 0.5);
        assert_eq!(fate, Fate::GivenUp { dropped: Some(id(most)) }, "given up first");
        assert_eq!((letters.dead_len(), letters.get(id(most))), (DEAD_MAX, None));
    }

    #[test]
    fn the_list_goes_on_after_an_id_and_a_restart_finds_everything() {
        let mut letters = Letters::default();
        for entry in 1..=5 {
            fail(&mut letters, entry, entry != 3);
        }
        let kept: Vec<_> = letters.all.clone().into_iter().collect();
        let mut letters = Letters::of(kept);
        let ids = |page: Vec<(LetterId, Letter)>| {
            page.into_iter().map(|(id, _)| id.entry).collect::<Vec<_>>()
        };
        assert_eq!(ids(letters.dead(None, 3)), [1, 2, 4]);
        assert_eq!(ids(letters.dead(Some(id(4)), 3)), [5]);
        assert_eq!((letters.waiting(), letters.dead_len()), (1, 4));
        assert_eq!(letters.begin_any(), Some(id(3)));
    }
}
