//! Answers commands, changing nothing. Pure: equal arguments give an equal answer on every machine and in
//! every replay, so `now` is handed in.

use super::arrange::arrange;
use super::command::{Join, RoomCommand};
use super::fact::{Joined, RoomFact};
use super::line::{State, up_to_second};
use super::refusal::RoomRefusal;
use super::room::{Phase, Room};
use super::terms::{Ending, Method, RoomMode, Tier};
use crate::domain::time::UnixMillis;

/// What a command comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomDecision {
    Happens(RoomFact),
    /// There is a place already, and it stays as it is. Nothing is journaled.
    Repeats {
        number: u32,
    },
    /// It is so already.
    Unchanged,
}

/// Numbers that one room gives out in its life: three gigabytes.
pub const NUMBERS_MAX: u32 = 100_000_000;

/// Answers a command of a room that exists.
///
/// # Errors
/// [`RoomRefusal`]: nothing changed, tell the sender.
pub fn decide(
    room: &Room,
    command: &RoomCommand,
    now: UnixMillis,
) -> Result<RoomDecision, RoomRefusal> {
    let at = room.not_before_latest(now);
    match command {
        RoomCommand::Arrange(ask) => arrange(room, ask, at),
        RoomCommand::Join(ask) => join(room, ask, at),
        RoomCommand::Leave { number, in_flight_ms } => leave(room, *number, *in_flight_ms, at),
        RoomCommand::Return { number } => come_back(room, *number, at),
        RoomCommand::Wake => Ok(wake(room, at)),
    }
}

fn join(room: &Room, ask: &Join, at: UnixMillis) -> Result<RoomDecision, RoomRefusal> {
    let phase = room.phase();
    if phase == Phase::Idle {
        return Err(RoomRefusal::GatesOpen { state: "idle" });
    }
    let known = room.line.find(ask.fingerprint);
    let known = known.filter(|number| room.state(*number, at).is_some_and(State::is_live));
    // Whoever has a place finds it again, whatever became of the room.
    if let Some(number) = known {
        return promote(room, number, ask, at);
    }
    takes_in(room, phase)?;
    if NUMBERS_MAX <= room.line.next_number() {
        return Err(RoomRefusal::LineFull);
    }
    // A code moves forward at the doors. After them it could only be refused, and the place lost.
    let code = ask.code.filter(|_| phase == Phase::PreQueue);
    let code = code.map(|digest| usable(room, &digest)).transpose()?;
    let tier = match (code, ask.suspect) {
        // The organizer vouches for whoever has a code.
        (Some(_), _) => Tier::Priority,
        (None, true) => Tier::Suspect,
        (None, false) => Tier::General,
    };
    let fingerprint = ask.fingerprint;
    Ok(RoomDecision::Happens(RoomFact::Joined(Joined { fingerprint, tier, code, at })))
}

/// Whether the room takes in somebody new.
fn takes_in(room: &Room, phase: Phase) -> Result<(), RoomRefusal> {
    match phase {
        Phase::Idle => return Err(RoomRefusal::GatesOpen { state: "idle" }),
        Phase::Drained => return Err(RoomRefusal::GatesOpen { state: "drained" }),
        Phase::Closed => return Err(RoomRefusal::Closed),
        Phase::PreQueue | Phase::Active => {}
    }
    if room.terms.ending == Ending::Drain {
        return Err(RoomRefusal::Draining);
    }
    match room.terms.method {
        Method::Passthrough => Err(RoomRefusal::GatesOpen { state: "passthrough" }),
        Method::Reject => Err(RoomRefusal::Reject),
        Method::Draw | Method::Fifo | Method::Random => Ok(()),
    }
}

/// One who has a place already may bring a code later, until the doors open.
fn promote(
    room: &Room,
    number: u32,
    ask: &Join,
    at: UnixMillis,
) -> Result<RoomDecision, RoomRefusal> {
    let is_early = room.phase() == Phase::PreQueue;
    let has_none = room.line.tier(number) != Some(Tier::Priority);
    let Some(digest) = ask.code.filter(|_| is_early && has_none) else {
        return Ok(RoomDecision::Repeats { number });
    };
    let code = usable(room, &digest)?;
    Ok(RoomDecision::Happens(RoomFact::Promoted { number, code, at }))
}

/// The index of a code that may be used once more.
fn usable(room: &Room, digest: &[u8; 16]) -> Result<u16, RoomRefusal> {
    let index = room.terms.code_index(digest).ok_or(RoomRefusal::UnknownCode)?;
    let used = room.codes_used[usize::from(index)];
    let max = room.terms.codes[usize::from(index)].uses_max;
    if max.is_some_and(|max| max <= used) {
        return Err(RoomRefusal::CodeUsedUp);
    }
    Ok(index)
}

fn leave(
    room: &Room,
    number: u32,
    in_flight_ms: u32,
    at: UnixMillis,
) -> Result<RoomDecision, RoomRefusal> {
    let state = room.state(number, at).ok_or(RoomRefusal::NoSuchPlace)?;
    if !state.is_live() {
        return Ok(RoomDecision::Repeats { number });
    }
    let frees_at = if state == State::Ready {
        let end = UnixMillis(u64::from(room.line.slot(number)) * 1_000);
        end.min(up_to_second(at.plus_millis(u64::from(in_flight_ms))))
    } else {
        at
    };
    Ok(RoomDecision::Happens(RoomFact::Left { number, frees_at, at }))
}

fn come_back(room: &Room, number: u32, at: UnixMillis) -> Result<RoomDecision, RoomRefusal> {
    let state = room.state(number, at).ok_or(RoomRefusal::NoSuchPlace)?;
    match (room.phase(), state) {
        (Phase::Idle, _) => Err(RoomRefusal::GatesOpen { state: "idle" }),
        (_, State::Waiting | State::Ready | State::Returning) => {
            Ok(RoomDecision::Repeats { number })
        }
        (_, State::Used | State::Left | State::Expired) => Err(RoomRefusal::PlaceExpired),
        (Phase::Drained, State::Skipped) => Err(RoomRefusal::GatesOpen { state: "drained" }),
        (Phase::Closed, State::Skipped) => Err(RoomRefusal::Closed),
        (Phase::PreQueue | Phase::Active, State::Skipped) => {
            Ok(RoomDecision::Happens(RoomFact::Returned { number, at }))
        }
    }
}

fn wake(room: &Room, at: UnixMillis) -> RoomDecision {
    let asleep = room.terms.mode == RoomMode::Auto && !room.terms.awake;
    if asleep && room.terms.ending == Ending::None {
        RoomDecision::Happens(RoomFact::Woken { at })
    } else {
        RoomDecision::Unchanged
    }
}
