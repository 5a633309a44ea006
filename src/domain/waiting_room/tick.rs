//! What time and the shard's news bring about: passes that were used or ran out, the doors that open,
//! those whose turn has come.

use std::collections::{BTreeMap, BTreeSet};

use super::admission::{AdmissionInput, Heard, TickInput, want};
use super::draw;
use super::fact::{Admitted, NUMBERS_PER_FACT_MAX, RoomFact, Sealed};
use super::line::{Line, Lots, State, second_of, up_to_second};
use super::room::{Phase, Room};
use super::terms::{Ending, Method, RoomMode};
use crate::domain::time::UnixMillis;

/// What time and the shard's news bring about, in order; each fact counts on those before it, so apply
/// all of them.
#[must_use]
pub fn tick(room: &Room, input: &TickInput<'_>, now: UnixMillis) -> Vec<RoomFact> {
    let at = room.not_before_latest(now);
    let mut facts = Vec::new();
    let heard = input.heard.filter(|heard| is_news(room, heard));
    let out = heard.map(|heard| take_in(room, heard, at, &mut facts));
    let mut waiting = room.line.count(State::Waiting) + room.line.count(State::Returning);
    let phase = room.phase();
    if phase == Phase::PreQueue && room.waiting_for(at).is_none() {
        facts.push(RoomFact::Sealed(seal(room, at)));
        return facts;
    }
    if room.terms.paused {
        return facts;
    }
    if let (Phase::Active, Some(heard), Some(out)) = (phase, heard, out)
        && let Some(admitted) = admit(room, input, heard, out, at)
    {
        let had_their_turn = admitted.numbers.len() + admitted.skipped.len();
        waiting -= u32::try_from(had_their_turn).expect("numbers fit");
        facts.push(RoomFact::Admitted(admitted));
    }
    if 0 < waiting {
        return facts;
    }
    let is_open = matches!(phase, Phase::PreQueue | Phase::Active);
    if is_open && room.terms.ending == Ending::Drain {
        facts.push(RoomFact::Drained { at });
    } else if is_open && room.terms.mode == RoomMode::Auto && input.calm {
        facts.push(RoomFact::Rested { at });
    }
    facts
}

/// Whether the answer follows what was taken in: neither older, nor with a gap before it.
fn is_news(room: &Room, heard: &Heard) -> bool {
    let first = heard.heard.checked_sub(heard.uses.len() as u64);
    first.is_some_and(|first| first <= room.heard) && room.heard <= heard.heard
}

/// Passes that were used, then those that ran out unused. Gives how many are out after that.
fn take_in(room: &Room, heard: &Heard, at: UnixMillis, facts: &mut Vec<RoomFact>) -> u32 {
    let new = usize::try_from(heard.heard - room.heard).expect("at most all of the uses");
    let uses = &heard.uses[heard.uses.len() - new..];
    let mut count = room.heard;
    for part in uses.chunks(NUMBERS_PER_FACT_MAX) {
        count += part.len() as u64;
        let is_ours = |number: &u32| {
            room.line.base() <= *number
                && room.line.state(*number).is_some_and(|s| s != State::Used)
        };
        let numbers = part.iter().copied().filter(is_ours).collect();
        facts.push(RoomFact::Used { numbers, heard: count, at });
    }
    let used: BTreeSet<u32> = uses.iter().copied().collect();
    // A pass may be used until its end, so it takes the shard's word from then or later that it was not.
    let due = room.line.out.range(..(second_of(heard.as_of).saturating_add(1), 0));
    let lapsed: Vec<u32> = due.map(|(_, number)| *number).filter(|n| !used.contains(n)).collect();
    let gone = used.iter().filter(|number| room.line.has_pass_out(**number)).count();
    let out = room.line.out.len() - gone - lapsed.len();
    for part in lapsed.chunks(NUMBERS_PER_FACT_MAX) {
        let return_until = return_until(room, at);
        facts.push(RoomFact::Lapsed { numbers: part.to_vec(), return_until, at });
    }
    u32::try_from(out).expect("numbers fit")
}

/// The doors open.
fn seal(room: &Room, at: UnixMillis) -> Sealed {
    let line = &room.line;
    let method = room.terms.method;
    let root = if method == Method::Random {
        [0; 32]
    } else {
        let entry = |(number, tier)| draw::Entry {
            number,
            tier: tier as u8,
            fingerprint: line.fingerprint(number).unwrap_or_default(),
        };
        draw::merkle::Tree::of(line.waiting().map(entry)).root()
    };
    let beacon = room.terms.beacon_value.clone();
    Sealed { method, root, count: line.count(State::Waiting), beacon, at }
}

/// Those whose turn has come, the absent passed over; `None`: nobody's.
fn admit(
    room: &Room,
    input: &TickInput<'_>,
    heard: &Heard,
    out: u32,
    at: UnixMillis,
) -> Option<Admitted> {
    let terms = &room.terms;
    let want = want(&AdmissionInput {
        tokens: input.tokens,
        active_max: terms.active_max,
        ready: out,
        shopping: heard.shopping,
        available_units: heard.available_units,
        units_per_pass_hundredths: terms.units_per_pass_hundredths,
    });
    let want = NUMBERS_PER_FACT_MAX.min(want as usize);
    let (mut numbers, mut skipped) = (Vec::new(), Vec::new());
    let mut next = next_in_turn(room);
    while numbers.len() < want
        && skipped.len() < NUMBERS_PER_FACT_MAX
        && let Some(number) = next()
    {
        if (input.absent)(number) { skipped.push(number) } else { numbers.push(number) }
    }
    let expires_at = up_to_second(at.plus_seconds(terms.pass_seconds));
    let (shopping, return_until) = (heard.shopping, return_until(room, at));
    let somebody = !numbers.is_empty() || !skipped.is_empty();
    somebody.then_some(Admitted { numbers, skipped, shopping, expires_at, return_until, at })
}

/// One after the other: those who came back, then the line.
fn next_in_turn(room: &Room) -> Box<dyn FnMut() -> Option<u32> + '_> {
    let line = &room.line;
    let back = line.returning.iter().copied();
    let mut back = back.filter(|number| line.state(*number) == Some(State::Returning));
    if let Some(lots) = line.lots {
        let mut picks = Picks::new(room, lots);
        return Box::new(move || back.next().or_else(|| picks.next()));
    }
    let in_order = (line.cursor..line.positions()).map(|position| line.order.at(position));
    let waits = |number: &u32| line.state(*number) == Some(State::Waiting);
    let mut all = back.chain(in_order.filter(waits));
    Box::new(move || all.next())
}

/// Until when one who misses their turn now may come back: now, if never.
fn return_until(room: &Room, at: UnixMillis) -> UnixMillis {
    match room.terms.return_seconds {
        0 => UnixMillis(u64::from(second_of(at)) * 1_000),
        seconds => up_to_second(at.plus_seconds(seconds)),
    }
}

/// Takes out of the pools of `random`, as if each one taken were gone already.
struct Picks<'a> {
    line: &'a Line,
    lots: Lots,
    /// Numbers that would stand elsewhere by now, by position.
    moved: BTreeMap<u32, u32>,
    stream: draw::Stream,
}

impl<'a> Picks<'a> {
    fn new(room: &'a Room, lots: Lots) -> Self {
        // The version grows with each fact, so no two ticks that let somebody in share a stream.
        let mut hasher = blake3::Hasher::new_derive_key("onsale 2026 waiting room at random");
        hasher.update(&room.keys.secret);
        hasher.update(&room.version.to_le_bytes());
        let stream = draw::Stream::new(hasher.finalize().as_bytes(), 0);
        Self { line: &room.line, lots, moved: BTreeMap::new(), stream }
    }

    fn next(&mut self) -> Option<u32> {
        let ends = [self.lots.end[0], self.lots.end[1], self.line.positions()];
        // With a code first, suspects last.
        let part = [0, 2, 1].into_iter().find(|part| self.lots.next[*part] < ends[*part])?;
        let front = self.lots.next[part];
        let chosen = front + self.below(ends[part] - front);
        let at = |moved: &BTreeMap<u32, u32>, position| {
            moved.get(&position).copied().unwrap_or_else(|| self.line.order.at(position))
        };
        let (number, first) = (at(&self.moved, chosen), at(&self.moved, front));
        self.moved.insert(chosen, first);
        self.lots.next[part] += 1;
        Some(number)
    }

    fn below(&mut self, end: u32) -> u32 {
        u32::try_from(self.stream.below(u64::from(end))).expect("below a number of 32 bits")
    }
}
