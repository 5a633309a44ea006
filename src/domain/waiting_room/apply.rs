//! Folds facts into the state. There is no failure path: during replay a fact is already history. A panic
//! here means a law is broken, not that somebody sent bad input.

use std::sync::Arc;

use super::draw;
use super::fact::{Admitted, Arranged, Joined, RoomFact, Sealed};
use super::line::{Line, State, second_of};
use super::room::{Room, Totals};
use super::terms::{Ending, Method, RoomTerms, Tier};
use super::view::ViewChange;
use crate::domain::ids::EventNumber;
use crate::domain::time::UnixMillis;

/// Folds one fact into the room, and tells what it changed for those who only look.
///
/// # Panics
/// When a law is broken.
pub fn apply(room: &mut Room, fact: &RoomFact, mut tell: impl FnMut(ViewChange)) {
    room.version += 1;
    room.latest = room.latest.max(fact.at());
    match fact {
        RoomFact::Joined(joined) => tell(room.join(joined)),
        RoomFact::Arranged(arranged) => {
            room.arrange(arranged, &mut tell);
            tell(ViewChange::Arranged);
        }
        RoomFact::Promoted { number, code, at: _ } => {
            room.line.promote(*number, *code);
            room.codes_used[usize::from(*code)] += 1;
            room.totals.priority += 1;
        }
        RoomFact::Left { number, frees_at, at: _ } => {
            room.leave(*number, *frees_at);
            tell(room.changed(*number));
        }
        RoomFact::Sealed(sealed) => {
            room.seal(sealed);
            tell(ViewChange::Sealed);
        }
        RoomFact::Admitted(admitted) => room.admit(admitted, &mut tell),
        RoomFact::Used { numbers, heard, at: _ } => {
            for number in numbers {
                room.line.turn(*number, State::Used, 0);
                tell(room.changed(*number));
            }
            room.totals.used += numbers.len() as u64;
            room.heard = *heard;
        }
        RoomFact::Lapsed { numbers, return_until, at } => {
            for number in numbers {
                room.lapse(*number, *return_until, *at);
                tell(room.changed(*number));
            }
        }
        RoomFact::Returned { number, at: _ } => {
            room.assert_may_return(*number);
            room.line.come_back(*number);
            room.totals.returned += 1;
            tell(room.changed(*number));
        }
        RoomFact::Drained { at: _ } => {
            room.drained = true;
            tell(ViewChange::Arranged);
        }
        RoomFact::Woken { at: _ } => room.set_awake(true, &mut tell),
        RoomFact::Rested { at: _ } => room.set_awake(false, &mut tell),
    }
}

impl Room {
    /// The state after its first fact. `None`: the fact brings no keys, so it is of a room that exists.
    #[must_use]
    pub fn arranged(event: EventNumber, first: &Arranged) -> Option<Self> {
        Some(Self {
            event,
            terms: Arc::clone(&first.terms),
            keys: first.keys?,
            line: Line::default(),
            sealed: None,
            drained: false,
            codes_used: vec![0; first.terms.codes.len()],
            version: 1,
            latest: first.at,
            heard: 0,
            totals: Totals::default(),
        })
    }

    fn arrange(&mut self, arranged: &Arranged, tell: &mut impl FnMut(ViewChange)) {
        let terms = &arranged.terms;
        if let Some(keys) = arranged.keys {
            self.keys = keys;
            self.line = Line::starting_at(self.line.next_number());
            self.sealed = None;
            self.codes_used = vec![0; terms.codes.len()];
            tell(ViewChange::Begun { base: self.line.base() });
        } else if terms.codes != self.terms.codes {
            self.recode(terms);
        }
        self.drained &= terms.ending == Ending::Drain && arranged.keys.is_none();
        self.terms = Arc::clone(terms);
    }

    /// Uses go with the code, wherever it stands in the new list.
    fn recode(&mut self, terms: &RoomTerms) {
        let old = &self.terms.codes;
        let index_of = |index: u16| terms.code_index(&old[usize::from(index)].digest);
        self.line.recode(index_of);
        let mut used = vec![0; terms.codes.len()];
        for (code, uses) in old.iter().zip(&self.codes_used) {
            if let Some(index) = terms.code_index(&code.digest) {
                used[usize::from(index)] = *uses;
            }
        }
        self.codes_used = used;
    }

    fn join(&mut self, joined: &Joined) -> ViewChange {
        let number = self.line.join(joined.fingerprint, joined.tier, joined.code);
        if let Some(code) = joined.code {
            self.codes_used[usize::from(code)] += 1;
        }
        self.totals.joined += 1;
        match joined.tier {
            Tier::Priority => self.totals.priority += 1,
            Tier::General => {}
            Tier::Suspect => self.totals.suspects += 1,
        }
        ViewChange::Joined { number, position: self.line.slot(number) }
    }

    fn leave(&mut self, number: u32, frees_at: UnixMillis) {
        if let Some(code) = self.line.code_of(number) {
            self.codes_used[usize::from(code)] -= 1;
        }
        let is_ready = self.line.state(number) == Some(State::Ready);
        let slot = if is_ready { second_of(frees_at) } else { 0 };
        self.line.turn(number, State::Left, slot);
        self.totals.left += 1;
    }

    fn seal(&mut self, sealed: &Sealed) {
        let line = &mut self.line;
        let kind = match sealed.method {
            Method::Draw => Some(draw::Method::Draw),
            Method::Random => None,
            Method::Fifo | Method::Passthrough | Method::Reject => Some(draw::Method::Fifo),
        };
        if let Some(kind) = kind {
            let (secret, count) = (&self.keys.secret, u64::from(sealed.count));
            let seed = draw::seed(secret, sealed.beacon.as_deref(), &sealed.root, count);
            let entrants = line.waiting().map(|(number, tier)| (number, tier as u8));
            let places = draw::places(kind, entrants, &seed);
            line.seal(places);
        } else {
            line.seal_at_random();
        }
        self.sealed = Some(sealed.clone());
    }

    fn admit(&mut self, admitted: &Admitted, tell: &mut impl FnMut(ViewChange)) {
        let mut places = Vec::with_capacity(admitted.numbers.len());
        for number in &admitted.numbers {
            self.assert_may_come_in(*number);
            if self.line.state(*number) == Some(State::Waiting) && self.line.tells_places() {
                places.push(self.line.slot(*number));
            }
            self.line.turn(*number, State::Ready, second_of(admitted.expires_at));
            tell(self.changed(*number));
        }
        for number in &admitted.skipped {
            self.miss(*number, admitted.return_until, admitted.at);
            tell(self.changed(*number));
        }
        let first_waiting = self.line.cursor();
        let jumped = places.iter().filter(|place| first_waiting < **place).count();
        self.totals.inversions += jumped as u64;
        self.totals.admitted += admitted.numbers.len() as u64;
        self.totals.skipped += admitted.skipped.len() as u64;
        self.assert_not_crowded(admitted);
    }

    fn lapse(&mut self, number: u32, return_until: UnixMillis, at: UnixMillis) {
        if self.line.state(number) == Some(State::Left) {
            // It was given back, and now surely was not used on its way.
            self.line.turn(number, State::Left, 0);
        } else {
            self.miss(number, return_until, at);
            self.totals.lapsed += 1;
        }
    }

    /// A turn or a pass was missed: one may come back once.
    fn miss(&mut self, number: u32, return_until: UnixMillis, at: UnixMillis) {
        if self.line.has_returned(number) || return_until <= at {
            self.line.turn(number, State::Expired, 0);
        } else {
            self.line.turn(number, State::Skipped, second_of(return_until));
        }
    }

    fn set_awake(&mut self, awake: bool, tell: &mut impl FnMut(ViewChange)) {
        Arc::make_mut(&mut self.terms).awake = awake;
        tell(ViewChange::Arranged);
    }

    fn changed(&self, number: u32) -> ViewChange {
        let state = self.line.state(number).unwrap_or(State::Expired);
        ViewChange::Slot { number, state, slot: self.line.slot(number) }
    }
}
