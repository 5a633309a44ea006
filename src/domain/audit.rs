//! Who changed what by a privilege, when, and from where: the newest entries, in order. An entry begins
//! before its change is asked for and ends after, so one without an outcome tells of a change that may or
//! may not have happened.

use std::collections::VecDeque;
use std::sync::Arc;

use super::time::UnixMillis;

/// One privileged change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// From 1, without a gap over all entries that ever began.
    pub number: u64,
    pub at: UnixMillis,
    /// `key:ab12cd34`, `customer:fan-1`, `development`, `command_line`.
    pub who: Arc<str>,
    /// The address it came from; `local`: of the command line.
    pub from: Arc<str>,
    /// From a closed set of words, such as `amend_event`.
    pub action: Arc<str>,
    /// What was changed, such as `events/concert-a`.
    pub object: Arc<str>,
    /// `done`, or the code of the refusal; `None`: nobody knows.
    pub outcome: Option<Arc<str>>,
}

/// What happens to the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditFact {
    /// Without an outcome.
    Begun(AuditEntry),
    Ended {
        number: u64,
        outcome: Arc<str>,
    },
}

/// The newest entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditLog {
    /// Ascending by number.
    entries: VecDeque<AuditEntry>,
}

impl AuditLog {
    /// Entries that are kept; the oldest go first. Each has at most some 700 bytes.
    pub const KEPT: usize = 10_000;

    /// The number of the next entry.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.entries.back().map_or(1, |entry| entry.number + 1)
    }

    /// Folds one fact. An ending of an entry that is not kept any more changes nothing.
    pub fn apply(&mut self, fact: &AuditFact) {
        match fact {
            AuditFact::Begun(entry) => self.push(entry.clone()),
            AuditFact::Ended { number, outcome } => {
                let found = self.entries.binary_search_by_key(number, |entry| entry.number);
                if let Some(entry) = found.ok().and_then(|at| self.entries.get_mut(at)) {
                    entry.outcome = Some(Arc::clone(outcome));
                }
            }
        }
    }

    /// Takes in the next entry, of a fact or of a checkpoint.
    pub fn push(&mut self, entry: AuditEntry) {
        if self.entries.len() == Self::KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// From the oldest on.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &AuditEntry> {
        self.entries.iter()
    }

    /// Up to `limit` entries after this number, in order.
    #[must_use]
    pub fn page(&self, after: u64, limit: usize) -> Vec<AuditEntry> {
        let from = self.entries.partition_point(|entry| entry.number <= after);
        self.entries.iter().skip(from).take(limit).cloned().collect()
    }

    /// The number of the oldest entry that is kept.
    #[must_use]
    pub fn oldest(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64) -> AuditEntry {
        AuditEntry {
            number,
            at: UnixMillis(number),
            who: "key:ab12cd34".into(),
            from: "192.0.2.1".into(),
            action: "amend_event".into(),
            object: "events/concert-a".into(),
            outcome: None,
        }
    }

    #[test]
    fn the_newest_are_kept_and_numbers_go_on() {
        let mut log = AuditLog::default();
        assert_eq!((log.next_number(), log.oldest()), (1, None));
        let kept = AuditLog::KEPT as u64;
        (1..=kept + 5).for_each(|number| log.apply(&AuditFact::Begun(entry(number))));
        assert_eq!(log.entries().len(), AuditLog::KEPT);
        assert_eq!((log.oldest(), log.next_number()), (Some(6), kept + 6));
        let page = log.page(0, 2);
        assert_eq!(page.iter().map(|entry| entry.number).collect::<Vec<_>>(), [6, 7]);
        assert_eq!(log.page(kept + 4, 10).len(), 1);
        assert_eq!(log.page(u64::MAX, 10), []);
    }

    #[test]
    fn an_ending_finds_its_entry_and_a_forgotten_one_is_no_fault() {
        let mut log = AuditLog::default();
        (1..=3).for_each(|number| log.apply(&AuditFact::Begun(entry(number))));
        log.apply(&AuditFact::Ended { number: 2, outcome: "done".into() });
        log.apply(&AuditFact::Ended { number: 9, outcome: "done".into() });
        let outcomes: Vec<_> = log.entries().map(|entry| entry.outcome.as_deref()).collect();
        assert_eq!(outcomes, [None, Some("done"), None]);
    }
}
