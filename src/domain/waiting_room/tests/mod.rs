//! The rules of waiting rooms, one law or refusal each.

mod admission;
mod coming;
mod doors;
mod endings;
mod going;
mod size;

use std::collections::BTreeSet;

use super::*;
use crate::domain::ids::EventNumber;
use crate::domain::inventory::Change;
use crate::domain::time::UnixMillis;

/// A room, its clock, and the shard of its event.
struct Hall {
    room: Room,
    now: u64,
    /// Passes used, in order.
    uses: Vec<u32>,
    shopping: u32,
    units: u64,
    gone: BTreeSet<u32>,
    tokens: u32,
    calm: bool,
}

/// Doors open ten seconds after the hall's clock begins.
const DOORS_MS: u64 = 110_000;
const PASS_MS: u64 = 20_000;
const RETURN_MS: u64 = 60_000;

/// What most tests begin with: a pass ends after 20 s, who missed their turn may return for 60 s, all may
/// shop at once.
fn terms(method: Method) -> Arrange {
    Arrange {
        method: Some(method),
        pass_seconds: Some(20),
        return_seconds: Some(60),
        active_max: Some(1_000),
        ..Arrange::nothing([7; 64])
    }
}

fn with_doors(method: Method) -> Arrange {
    Arrange { doors_at: Some(Change::To(UnixMillis(DOORS_MS))), ..terms(method) }
}

impl Hall {
    fn made(ask: &Arrange) -> Self {
        let now = 100_000;
        let first = create(ask, UnixMillis(now)).unwrap();
        let room = Room::arranged(EventNumber(1), &first).unwrap();
        let (uses, gone) = (Vec::new(), BTreeSet::new());
        Self { room, now, uses, shopping: 0, units: 1_000, gone, tokens: 1_000, calm: false }
    }

    /// Its doors are open.
    fn open(method: Method) -> Self {
        let mut hall = Self::made(&terms(method));
        assert!(matches!(hall.tick()[..], [RoomFact::Sealed(_)]));
        hall
    }

    fn ask(&mut self, command: &RoomCommand) -> Result<RoomDecision, RoomRefusal> {
        let decision = decide(&self.room, command, UnixMillis(self.now))?;
        if let RoomDecision::Happens(fact) = &decision {
            self.happen(fact);
        }
        Ok(decision)
    }

    fn must(&mut self, command: &RoomCommand) -> RoomFact {
        match self.ask(command) {
            Ok(RoomDecision::Happens(fact)) => fact,
            other => panic!("{command:?}: {other:?}"),
        }
    }

    fn arrange(&mut self, ask: Arrange) -> Result<RoomDecision, RoomRefusal> {
        self.ask(&RoomCommand::Arrange(Box::new(ask)))
    }

    /// As the operator wants it, who must be allowed to.
    fn set(&mut self, change: impl FnOnce(&mut Arrange)) {
        let mut ask = Arrange::nothing([9; 64]);
        change(&mut ask);
        self.must(&RoomCommand::Arrange(Box::new(ask)));
    }

    fn happen(&mut self, fact: &RoomFact) {
        apply(&mut self.room, fact, |_| ());
        assert_eq!(self.room.audit(), [], "after {fact:?}");
    }

    /// `who` joins, and gets a number.
    fn join(&mut self, who: u64) -> u32 {
        self.must(&join(who));
        self.room.line().next_number() - 1
    }

    fn join_all(&mut self, who: std::ops::Range<u64>) {
        who.for_each(|who| assert!(self.join(who) < NO_PLACE));
    }

    fn leave(&mut self, number: u32) -> Result<RoomDecision, RoomRefusal> {
        self.ask(&RoomCommand::Leave { number, in_flight_ms: 2_000 })
    }

    fn heard(&self) -> Heard {
        let after = usize::try_from(self.room.heard()).unwrap();
        Heard {
            uses: self.uses[after..].to_vec(),
            heard: self.uses.len() as u64,
            shopping: self.shopping,
            available_units: self.units,
            as_of: UnixMillis(self.now),
        }
    }

    fn tick(&mut self) -> Vec<RoomFact> {
        let heard = self.heard();
        self.tick_with(Some(&heard))
    }

    fn tick_with(&mut self, heard: Option<&Heard>) -> Vec<RoomFact> {
        let absent = |number| self.gone.contains(&number);
        let input = TickInput { heard, absent: &absent, tokens: self.tokens, calm: self.calm };
        let facts = tick(&self.room, &input, UnixMillis(self.now));
        facts.iter().for_each(|fact| self.happen(fact));
        facts
    }

    /// Who is let in by the next tick, and whose turn passes.
    fn admitted(&mut self) -> (Vec<u32>, Vec<u32>) {
        let facts = self.tick();
        let admitted = facts.into_iter().find_map(|fact| match fact {
            RoomFact::Admitted(admitted) => Some((admitted.numbers, admitted.skipped)),
            _ => None,
        });
        admitted.unwrap_or_default()
    }

    /// Somebody buys with their pass.
    fn shop(&mut self, number: u32) {
        self.uses.push(number);
        self.shopping += 1;
    }

    fn wait(&mut self, ms: u64) {
        self.now += ms;
    }

    fn state(&self, number: u32) -> State {
        self.room.state(number, UnixMillis(self.now)).unwrap()
    }
}

fn join(who: u64) -> RoomCommand {
    RoomCommand::Join(Join { fingerprint: fingerprint(who), code: None, suspect: false })
}

fn join_with(who: u64, code: u8) -> RoomCommand {
    let code = Some([code; 16]);
    RoomCommand::Join(Join { fingerprint: fingerprint(who), code, suspect: false })
}

fn suspect(who: u64) -> RoomCommand {
    RoomCommand::Join(Join { fingerprint: fingerprint(who), code: None, suspect: true })
}

/// Spread over 64 bits, as real ones are.
fn fingerprint(who: u64) -> u64 {
    let hash = blake3::hash(&who.to_le_bytes());
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap())
}

fn code(code: u8, uses_max: Option<u32>) -> CodeTerms {
    CodeTerms { digest: [code; 16], uses_max }
}
