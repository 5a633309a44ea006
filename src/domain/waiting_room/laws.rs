//! The laws of a waiting room, stated once.
//!
//! INV-10 a place once told never moves back: positions are settled at the doors, later ones stand behind,
//! and the line is served from its front.
//! INV-11 no over-admission: with each pass that is given out, passes that are out and fans who shop with
//! one are at most `active_max`.
//! INV-12 a place gets one pass, and one more at most after its one late return.
//! INV-13 one place for each fan.
//!
//! The constant-time part runs with every fact, in release builds too. `audit` derives everything else again
//! from the columns: in `onsale verify`, and at every simulated step.

use std::collections::BTreeSet;

use super::draw;
use super::fact::Admitted;
use super::line::{Line, State};
use super::moves::is_out;
use super::room::Room;
use super::terms::Method;
use crate::domain::inventory::BrokenLaw;

impl Room {
    pub(super) fn assert_may_come_in(&self, number: u32) {
        let state = self.line.state(number);
        let comes = matches!(state, Some(State::Waiting | State::Returning));
        assert!(comes, "INV-12: {number} is let in and was {state:?}");
    }

    pub(super) fn assert_may_return(&self, number: u32) {
        let state = self.line.state(number);
        let once = state == Some(State::Skipped) && !self.line.has_returned(number);
        assert!(once, "INV-12: {number} returns and was {state:?}");
    }

    pub(super) fn assert_not_crowded(&self, admitted: &Admitted) {
        // A limit that was lowered does not take passes back; it only lets nobody in.
        if admitted.numbers.is_empty() {
            return;
        }
        let (out, shopping) = (self.line.passes_out(), admitted.shopping);
        let (active, max) = (u64::from(out) + u64::from(shopping), self.terms.active_max);
        assert!(active <= u64::from(max), "INV-11: {out} passes, {shopping} shop, {max} may");
    }

    /// Derives everything from the columns, and says where the two differ. Slow: walks all fans.
    #[must_use]
    pub fn audit(&self) -> Vec<BrokenLaw> {
        let line = &self.line;
        let mut broken = Vec::new();
        let mut report = |law, detail| broken.push(BrokenLaw { law, detail });
        if let Some(detail) = line.broken_order() {
            report("INV-10", detail);
        }
        if let Some(detail) = line.broken_counts() {
            report("INV-12", detail);
        }
        if let Some(detail) = line.broken_places() {
            report("INV-13", detail);
        }
        if let Some(detail) = self.broken_seal() {
            report("INV-10", detail);
        }
        if let Some(detail) = self.broken_codes() {
            report("INV-13", detail);
        }
        broken
    }

    /// What stands in the seal is what stands in line.
    fn broken_seal(&self) -> Option<String> {
        let Some(sealed) = &self.sealed else {
            return self.line.is_sealed.then(|| "places without a seal".to_owned());
        };
        if !self.line.is_sealed || self.line.positions() < sealed.count {
            return Some(format!("{} of {} have places", self.line.positions(), sealed.count));
        }
        if sealed.method == Method::Random {
            return None;
        }
        let root = draw::merkle::Tree::of(self.entrants()).root();
        (root != sealed.root).then(|| "the entrants are not those that were sealed".to_owned())
    }

    /// Codes are used by those who wait before the doors with them; later nobody knows who used which.
    fn broken_codes(&self) -> Option<String> {
        let line = &self.line;
        if line.is_sealed {
            return None;
        }
        let mut used = vec![0; self.terms.codes.len()];
        let numbers = line.base()..line.next_number();
        numbers.filter_map(|number| line.code_of(number)).for_each(|n| used[usize::from(n)] += 1);
        (used != self.codes_used).then(|| format!("codes used {:?}, {used:?}", self.codes_used))
    }
}

impl Line {
    fn broken_order(&self) -> Option<String> {
        let positions = self.order.len();
        let mut has_position = vec![false; self.cells.len() as usize];
        for number in self.order.iter(0) {
            let index = number.wrapping_sub(self.base) as usize;
            match has_position.get_mut(index) {
                Some(has) if !*has => *has = true,
                Some(_) | None => return Some(format!("{number} has two positions, or is nobody")),
            }
        }
        for number in self.base..self.next_number() {
            let (cell, slot) =
                (self.cells.at(number - self.base), self.slots.at(number - self.base));
            if cell.state() != State::Waiting || !self.is_sealed {
                continue;
            }
            let stands = slot < positions && self.order.at(slot) == number;
            if !stands || self.had_its_turn(slot) {
                return Some(format!("{number} waits at {slot}, where it does not stand"));
            }
        }
        let cursor_is_right = self.lots.is_some()
            || self.cursor == positions
            || self.state(self.order.at(self.cursor)) == Some(State::Waiting);
        (!cursor_is_right).then(|| format!("nobody waits at {}", self.cursor))
    }

    /// Whether this position is among those that were let in, skipped or given up.
    fn had_its_turn(&self, position: u32) -> bool {
        match &self.lots {
            None => position < self.cursor,
            Some(lots) => {
                let part = lots.end.iter().filter(|end| **end <= position).count();
                position < lots.next[part]
            }
        }
    }

    fn broken_counts(&self) -> Option<String> {
        let mut counts = [0; State::COUNT];
        let mut out = BTreeSet::new();
        let mut returning = Vec::new();
        let rows = self.cells.iter(0).zip(self.slots.iter(0));
        for (number, (cell, slot)) in (self.base..).zip(rows) {
            counts[cell.state() as usize] += 1;
            if is_out(cell.state(), slot) {
                out.insert((slot, number));
            }
            if cell.state() == State::Returning {
                returning.push((slot, number));
            }
            let fits = match cell.state() {
                State::Skipped => !cell.has_returned(),
                State::Returning => cell.has_returned(),
                State::Waiting | State::Ready | State::Used | State::Left | State::Expired => true,
            };
            if !fits {
                return Some(format!("{number} is {:?} after its return", cell.state()));
            }
        }
        returning.sort_unstable();
        let in_turn = returning.into_iter().map(|(_, number)| number);
        let back = self.returning.iter().copied();
        let back = back.filter(|number| self.state(*number) == Some(State::Returning));
        if counts != self.counts {
            return Some(format!("{counts:?} counted, {:?} kept", self.counts));
        }
        if !back.eq(in_turn) {
            return Some("those who came back stand in another order".to_owned());
        }
        (out != self.out).then(|| format!("{} passes out, {} kept", out.len(), self.out.len()))
    }

    fn broken_places(&self) -> Option<String> {
        let numbers = self.base..self.next_number();
        let mut fans: Vec<(u64, u32)> = self.fingerprints.iter(0).zip(numbers).collect();
        fans.sort_unstable();
        let mut count = 0;
        for (at, (fingerprint, number)) in fans.iter().enumerate() {
            let is_newest = fans.get(at + 1).is_none_or(|(next, _)| next != fingerprint);
            count += usize::from(is_newest);
            if is_newest && self.find(*fingerprint) != Some(*number) {
                return Some(format!("{number} is not found by its fan"));
            }
            let has_turn = matches!(
                self.state(*number),
                Some(State::Waiting | State::Ready | State::Returning)
            );
            if !is_newest && has_turn {
                return Some(format!("{number} is not the only place of its fan"));
            }
        }
        (count != self.known.len()).then(|| format!("{count} fans, {} known", self.known.len()))
    }
}
