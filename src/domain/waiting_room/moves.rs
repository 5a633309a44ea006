//! How the line changes: one joins, the doors open, one goes from state to state. Everything that is
//! derived from the columns is kept in step here and nowhere else.

use super::line::{Cell, Line, Lots, NO_PLACE, State};
use super::terms::Tier;

impl Line {
    /// Gives out the next number. `code`: index of the code that was used.
    pub(super) fn join(&mut self, fingerprint: u64, tier: Tier, code: Option<u16>) -> u32 {
        let number = self.next_number();
        let slot = if self.is_sealed {
            self.order.push(number);
            self.order.len() - 1
        } else {
            code.map_or(NO_PLACE, u32::from)
        };
        self.add(fingerprint, Cell::new(State::Waiting, tier), slot);
        number
    }

    /// One more row of the columns, and of what is derived from them.
    pub(super) fn add(&mut self, fingerprint: u64, cell: Cell, slot: u32) {
        let number = self.next_number();
        self.fingerprints.push(fingerprint);
        self.cells.push(cell);
        self.slots.push(slot);
        self.known.learn(number, &self.fingerprints, self.base);
        self.counts[cell.state() as usize] += 1;
        if is_out(cell.state(), slot) {
            self.out.insert((slot, number));
        }
    }

    /// Everybody who waits, in rising order of their numbers.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (u32, Tier)> + Clone {
        let cells = (self.base..).zip(self.cells.iter(0));
        let waiting = cells.filter(|(_, cell)| cell.state() == State::Waiting);
        waiting.map(|(number, cell)| (number, cell.tier()))
    }

    /// The doors open, and everybody who waits stands in this order.
    ///
    /// # Panics
    /// INV-10, when the doors were open already, or not exactly those who wait are there.
    pub(super) fn seal(&mut self, order: impl IntoIterator<Item = u32>) {
        assert!(!self.is_sealed, "INV-10: the doors open once");
        self.is_sealed = true;
        for number in order {
            assert!(self.state(number) == Some(State::Waiting), "INV-10: {number} does not wait");
            self.slots.set(number - self.base, self.order.len());
            self.order.push(number);
        }
        let (waiting, placed) = (self.count(State::Waiting), self.order.len());
        assert!(placed == waiting, "INV-10: {placed} of {waiting} who wait have a place");
    }

    /// The doors open, and the next are taken at random.
    pub(super) fn seal_at_random(&mut self) {
        let of = |tier| move |(number, found)| (found == tier).then_some(number);
        let mut order: Vec<u32> = self.waiting().filter_map(of(Tier::Priority)).collect();
        let priority = order.len();
        order.extend(self.waiting().filter_map(of(Tier::Suspect)));
        let suspects = order.len();
        order.extend(self.waiting().filter_map(of(Tier::General)));
        let end = [priority, suspects].map(|end| u32::try_from(end).expect("numbers fit"));
        self.lots = Some(Lots { next: [0, end[0], end[1]], end });
        self.seal(order);
    }

    /// From one state to the next. Leaving the line's order, a pass's end and the turn of one who came
    /// back are all kept in step.
    ///
    /// # Panics
    /// INV-10, when the order does not say what the fan was told.
    pub(super) fn turn(&mut self, number: u32, to: State, slot: u32) {
        let index = number - self.base;
        let (cell, old) = (self.cells.at(index), self.slots.at(index));
        let from = cell.state();
        if is_out(from, old) {
            self.out.remove(&(old, number));
        }
        if is_out(to, slot) {
            self.out.insert((slot, number));
        }
        self.counts[from as usize] -= 1;
        self.counts[to as usize] += 1;
        self.cells.set(index, cell.turned(to));
        self.slots.set(index, slot);
        if from == State::Waiting && self.is_sealed {
            self.step_out(number, old);
        }
        while let Some(first) = self.returning.front()
            && self.state(*first) != Some(State::Returning)
        {
            self.returning.pop_front();
        }
    }

    /// One who was skipped is back, for the only time.
    pub(super) fn come_back(&mut self, number: u32) {
        let turn = self.returns;
        self.returns += 1;
        self.turn(number, State::Returning, turn);
        let index = number - self.base;
        self.cells.set(index, self.cells.at(index).returned());
        self.returning.push_back(number);
    }

    /// One who came before the doors turns out to have a code.
    pub(super) fn promote(&mut self, number: u32, code: u16) {
        let index = number - self.base;
        self.cells.set(index, Cell::new(State::Waiting, Tier::Priority));
        self.slots.set(index, u32::from(code));
    }

    /// The code that one who waits before the doors used.
    pub(super) fn code_of(&self, number: u32) -> Option<u16> {
        let waits = !self.is_sealed && self.state(number) == Some(State::Waiting);
        let slot = waits.then(|| self.slots.at(number - self.base))?;
        u16::try_from(slot).ok()
    }

    /// The codes have other indexes now: `index_of` gives the new one of each.
    pub(super) fn recode(&mut self, index_of: impl Fn(u16) -> Option<u16>) {
        for number in self.base..self.next_number() {
            if let Some(code) = self.code_of(number) {
                let slot = index_of(code).map_or(NO_PLACE, u32::from);
                self.slots.set(number - self.base, slot);
            }
        }
    }

    /// One who does not wait any more makes way in the order.
    fn step_out(&mut self, number: u32, position: u32) {
        assert!(self.order.at(position) == number, "INV-10: {number} was told {position}");
        if let Some(lots) = &mut self.lots {
            let next = &mut lots.next[lots.end.iter().filter(|end| **end <= position).count()];
            let front = *next;
            *next += 1;
            let other = self.order.at(front);
            self.order.set(position, other);
            self.order.set(front, number);
            if other != number {
                self.slots.set(other - self.base, position);
            }
            return;
        }
        while self.cursor < self.order.len()
            && self.state(self.order.at(self.cursor)) != Some(State::Waiting)
        {
            self.cursor += 1;
        }
    }
}

/// Whether a pass is out that ends in the second `slot`.
pub(super) fn is_out(state: State, slot: u32) -> bool {
    match state {
        State::Ready => true,
        // Given back, and perhaps still on its way to be used.
        State::Left => slot != 0,
        State::Waiting | State::Used | State::Skipped | State::Returning | State::Expired => false,
    }
}
