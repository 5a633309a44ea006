//! How far each event's entries are told: which are read, begun, under way, and up to which all are done.
//! Only events with something left to tell are here. Pure: who reads and who sends stands in `mod.rs`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::source::{Found, News};
use crate::actors::directory::EventEntry;
use crate::domain::ids::EventNumber;

/// See the module.
#[derive(Default)]
pub(super) struct Lines {
    lines: BTreeMap<EventNumber, Line>,
    /// Events with entries that were read, and those of which more should be. One turn each, so that no
    /// event waits for the backlog of another.
    ready: VecDeque<EventNumber>,
    hungry: VecDeque<EventNumber>,
    /// Events whose cursor may have moved since it was noted.
    moved: BTreeSet<EventNumber>,
    /// Entries that were read and not begun.
    read: usize,
    under_way: usize,
}

struct Line {
    event: Arc<EventEntry>,
    phase: Phase,
    place: Option<Place>,
    /// First tries.
    under_way: BTreeSet<u64>,
    read: VecDeque<News>,
}

/// Where a line is in its event's log; unknown until the outbox was asked.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Entries up to this one are begun, or nobody wants them.
    begun: u64,
    /// The same, and those in `read`.
    read_to: u64,
    noted: u64,
}

/// Which queue holds the line; at most one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Hungry,
    /// Being read, or left alone for a while after it could not be.
    Away,
    Ready,
}

/// Where to read on.
pub(super) struct Wanted {
    pub event: Arc<EventEntry>,
    /// `None`: as the outbox says.
    pub after: Option<u64>,
}

impl Lines {
    /// The event has something new, or may have.
    pub fn changed(&mut self, event: Arc<EventEntry>) {
        let number = event.number;
        let line = self.lines.entry(number).or_insert_with(|| Line {
            event,
            phase: Phase::Idle,
            place: None,
            under_way: BTreeSet::new(),
            read: VecDeque::new(),
        });
        if line.phase == Phase::Idle && line.has_more() {
            line.phase = Phase::Hungry;
            self.hungry.push_back(number);
        }
    }

    /// The next line to read, which is away until [`Lines::found`] or [`Lines::back`].
    pub fn wanted(&mut self) -> Option<Wanted> {
        let line = self.lines.get_mut(&self.hungry.pop_front()?)?;
        line.phase = Phase::Away;
        let after = line.place.map(|place| place.read_to);
        Some(Wanted { event: Arc::clone(&line.event), after })
    }

    /// What was read of a line.
    pub fn found(&mut self, number: EventNumber, found: Found) {
        let Some(line) = self.lines.get_mut(&number) else { return };
        let Found { after, read_to, news, lost: _ } = found;
        let place = line.place.get_or_insert(Place { begun: after, read_to: after, noted: after });
        place.read_to = read_to;
        self.read += news.len();
        line.read.extend(news);
        self.queue(number);
    }

    /// The line could not be read, and may be tried again.
    pub fn back(&mut self, number: EventNumber) {
        self.queue(number);
    }

    /// The next entry to try for the first time, and its event.
    pub fn next(&mut self) -> Option<(Arc<EventEntry>, News)> {
        let number = self.ready.pop_front()?;
        let line = self.lines.get_mut(&number)?;
        let news = line.read.pop_front()?;
        let event = Arc::clone(&line.event);
        line.under_way.insert(news.entry);
        if let Some(place) = &mut line.place {
            place.begun = news.entry;
        }
        self.read -= 1;
        self.under_way += 1;
        self.queue(number);
        Some((event, news))
    }

    /// The first try has ended: the entry was told, or is a letter.
    pub fn ended(&mut self, number: EventNumber, entry: u64) {
        let Some(line) = self.lines.get_mut(&number) else { return };
        if line.under_way.remove(&entry) {
            self.under_way -= 1;
            self.moved.insert(number);
        }
    }

    /// Cursors that moved since they were noted.
    pub fn cursors(&self) -> Vec<(EventNumber, u64)> {
        let moved = self.moved.iter().filter_map(|number| {
            let line = self.lines.get(number)?;
            let (cursor, place) = (line.cursor()?, line.place?);
            (place.noted != cursor).then_some((*number, cursor))
        });
        moved.collect()
    }

    /// These cursors are noted; lines with nothing left to tell are forgotten.
    pub fn noted(&mut self, cursors: &[(EventNumber, u64)]) {
        for (number, cursor) in cursors {
            if let Some(place) = self.lines.get_mut(number).and_then(|line| line.place.as_mut()) {
                place.noted = *cursor;
            }
        }
        let lines = &mut self.lines;
        self.moved.retain(|number| {
            let Some(line) = lines.get(number) else { return false };
            let is_noted = line.place.map(|place| place.noted) == line.cursor();
            let is_done = is_noted && line.phase == Phase::Idle && line.under_way.is_empty();
            if is_done && !line.has_more() {
                lines.remove(number);
            }
            !is_noted
        });
    }

    /// Entries that were read and not begun.
    pub fn read(&self) -> usize {
        self.read
    }

    /// First tries under way.
    pub fn under_way(&self) -> usize {
        self.under_way
    }

    /// Entries that are published and not told, as far as it is known from where they go on.
    pub fn behind(&self) -> u64 {
        let lines = self.lines.values().filter_map(|line| Some((line, line.cursor()?)));
        lines.map(|(line, cursor)| line.newest().saturating_sub(cursor)).sum()
    }

    /// Puts a line into the queue in which it belongs; it stands in none.
    fn queue(&mut self, number: EventNumber) {
        let Some(line) = self.lines.get_mut(&number) else { return };
        if !line.read.is_empty() {
            line.phase = Phase::Ready;
            self.ready.push_back(number);
            return;
        }
        if let Some(place) = &mut line.place {
            place.begun = place.read_to;
        }
        self.moved.insert(number);
        line.phase = Phase::Idle;
        if line.has_more() {
            line.phase = Phase::Hungry;
            self.hungry.push_back(number);
        }
    }
}

impl Line {
    fn newest(&self) -> u64 {
        self.event.published().version
    }

    fn has_more(&self) -> bool {
        self.place.is_none_or(|place| place.read_to < self.newest())
    }

    /// Everything up to here is done with.
    fn cursor(&self) -> Option<u64> {
        let begun = self.place?.begun;
        Some(self.under_way.first().map_or(begun, |first| first - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::announcer::testing::{event, news, publish};

    const ONE: EventNumber = EventNumber(1);
    const TWO: EventNumber = EventNumber(2);

    fn found(after: u64, entries: &[u64], read_to: u64) -> Found {
        let news = entries.iter().map(|entry| news(*entry)).collect();
        Found { after, read_to, news, lost: 0 }
    }

    fn begin(lines: &mut Lines) -> Option<(u64, u64)> {
        lines.next().map(|(event, news)| (event.number.0, news.entry))
    }

    #[test]
    fn a_cursor_passes_no_entry_that_is_under_way() {
        let (mut lines, event) = (Lines::default(), event(1, 5));
        lines.changed(Arc::clone(&event));
        assert_eq!(lines.wanted().expect("hungry").after, None);
        assert!(lines.wanted().is_none(), "being read");
        lines.found(ONE, found(1, &[2, 4, 5], 5));
        assert_eq!([begin(&mut lines), begin(&mut lines)], [Some((1, 2)), Some((1, 4))]);
        lines.ended(ONE, 4);
        assert_eq!(lines.cursors(), [], "2 is under way");
        lines.ended(ONE, 2);
        assert_eq!(lines.cursors(), [(ONE, 4)]);
        lines.noted(&[(ONE, 4)]);
        assert_eq!(lines.cursors(), []);
        assert_eq!((begin(&mut lines), begin(&mut lines)), (Some((1, 5)), None));
        assert_eq!((lines.behind(), lines.under_way(), lines.read()), (1, 1, 0));
        lines.ended(ONE, 5);
        lines.noted(&lines.cursors());
        assert!(lines.lines.is_empty(), "nothing is left to tell");
    }

    #[test]
    fn what_nobody_wants_is_passed_over() {
        let (mut lines, event) = (Lines::default(), event(1, 9));
        lines.changed(event);
        lines.wanted().expect("hungry");
        lines.found(ONE, found(2, &[], 6));
        assert_eq!(lines.cursors(), [(ONE, 6)]);
        assert_eq!(lines.wanted().expect("there is more").after, Some(6));
        lines.found(ONE, found(6, &[7], 9));
        assert_eq!(begin(&mut lines), Some((1, 7)));
        assert_eq!(lines.cursors(), [(ONE, 6)], "7 is under way, though all is begun");
        lines.ended(ONE, 7);
        assert_eq!(lines.cursors(), [(ONE, 9)]);
    }

    #[test]
    fn events_take_turns() {
        let mut lines = Lines::default();
        for number in [1, 2] {
            lines.changed(event(number, 3));
            lines.wanted().expect("hungry");
        }
        lines.found(ONE, found(0, &[1, 2, 3], 3));
        lines.found(TWO, found(0, &[1, 2], 2));
        let order: Vec<_> = std::iter::from_fn(|| begin(&mut lines)).collect();
        assert_eq!(order, [(1, 1), (2, 1), (1, 2), (2, 2), (1, 3)]);
        assert_eq!(lines.wanted().expect("more of the second").event.number, TWO);
    }

    #[test]
    fn a_change_while_a_line_is_read_or_told_is_not_missed() {
        let (mut lines, event) = (Lines::default(), event(1, 2));
        lines.changed(Arc::clone(&event));
        lines.wanted().expect("hungry");
        publish(&event, 3);
        lines.changed(Arc::clone(&event));
        lines.found(ONE, found(0, &[2], 2));
        assert_eq!(begin(&mut lines), Some((1, 2)));
        assert_eq!(lines.wanted().expect("3 is new").after, Some(2));
        lines.found(ONE, found(2, &[3], 3));
        assert_eq!(begin(&mut lines), Some((1, 3)));
        lines.ended(ONE, 2);
        lines.ended(ONE, 3);
        let cursors = lines.cursors();
        publish(&event, 4);
        lines.noted(&cursors);
        lines.changed(Arc::clone(&event));
        assert_eq!(lines.wanted().expect("4 is new").after, Some(3));
    }

    #[test]
    fn a_line_that_could_not_be_read_is_read_again() {
        let mut lines = Lines::default();
        lines.changed(event(1, 1));
        lines.wanted().expect("hungry");
        lines.changed(event(1, 1));
        assert!(lines.wanted().is_none(), "away");
        lines.back(ONE);
        assert_eq!(lines.wanted().expect("back").after, None);
    }
}
