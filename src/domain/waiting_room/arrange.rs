//! What the operator says, and what of it can still be said once the doors are open.

use std::sync::Arc;

use super::command::Arrange;
use super::decide::RoomDecision;
use super::fact::{Arranged, RoomFact, RoomKeys};
use super::refusal::RoomRefusal;
use super::room::Room;
use super::terms::{Ending, Method, RoomMode, RoomTerms};
use crate::domain::inventory::Change;
use crate::domain::time::UnixMillis;

/// The first arrangement of an event without a room.
///
/// # Errors
/// [`RoomRefusal`]: nothing changed, tell the sender.
pub fn create(ask: &Arrange, now: UnixMillis) -> Result<Arranged, RoomRefusal> {
    if ask.expected_revision.is_some() {
        return Err(RoomRefusal::NoRoom);
    }
    let terms = checked(changed(&RoomTerms::default(), ask))?;
    let (token, secret) = halves(ask);
    Ok(Arranged { terms: Arc::new(terms), keys: Some(RoomKeys { token, secret }), at: now })
}

/// Another arrangement of a room.
pub(super) fn arrange(
    room: &Room,
    ask: &Arrange,
    now: UnixMillis,
) -> Result<RoomDecision, RoomRefusal> {
    let old = &*room.terms;
    if ask.expected_revision.is_some_and(|expected| expected != old.revision) {
        return Err(RoomRefusal::VersionMismatch { current: old.revision });
    }
    let mut terms = changed(old, ask);
    let begins_anew = old.mode == RoomMode::Off && terms.mode != RoomMode::Off;
    if begins_anew {
        // What was said about the line that ended is not meant for this one.
        terms.ending = ask.ending.unwrap_or(Ending::None);
        terms.beacon_value = ask.beacon_value.clone().and_then(Change::into_value);
    }
    let was_live = old.mode == RoomMode::On || old.awake;
    terms.awake = terms.mode == RoomMode::Auto && was_live && !begins_anew;
    let terms = checked(terms)?;
    if terms == *old {
        return Ok(RoomDecision::Unchanged);
    }
    if !begins_anew && let Some(field) = settled(room, &terms) {
        return Err(RoomRefusal::DoorsOpen { field });
    }
    let (_, secret) = halves(ask);
    let keys = begins_anew.then_some(RoomKeys { token: room.keys.token, secret });
    let terms = Arc::new(RoomTerms { revision: old.revision + 1, ..terms });
    let at = room.not_before_latest(now);
    Ok(RoomDecision::Happens(RoomFact::Arranged(Box::new(Arranged { terms, keys, at }))))
}

/// The first field that can no longer be changed as asked, since the doors are open.
fn settled(room: &Room, terms: &RoomTerms) -> Option<&'static str> {
    let sealed = room.sealed.as_ref()?;
    let is_on = room.terms.mode != RoomMode::Off;
    // Both are served in the order that was settled; nobody is told a place at random.
    let same_kind = (terms.method == Method::Random) == (sealed.method == Method::Random);
    let old = &room.terms;
    let settled = [
        (is_on && terms.method.orders() && !same_kind, "method"),
        (is_on && terms.doors_at != old.doors_at, "doors_at"),
        // Also of a line that ended: they are part of its proof, until another one begins.
        (terms.beacon != old.beacon, "beacon"),
        (terms.beacon_value != old.beacon_value, "beacon_value"),
    ];
    settled.into_iter().find(|(differs, _)| *differs).map(|(_, field)| field)
}

fn checked(terms: RoomTerms) -> Result<RoomTerms, RoomRefusal> {
    match terms.out_of_bounds() {
        Some(field) => Err(RoomRefusal::OutOfBounds { field }),
        None => Ok(terms),
    }
}

/// Everything but `awake` and the revision.
fn changed(old: &RoomTerms, ask: &Arrange) -> RoomTerms {
    let beacon = value(&ask.beacon, &old.beacon);
    // A value without an announcement was announced to nobody.
    let old_value = old.beacon_value.clone().filter(|_| beacon == old.beacon);
    let mut codes = ask.codes.clone().unwrap_or_else(|| old.codes.clone());
    codes.sort_unstable_by_key(|code| code.digest);
    RoomTerms {
        mode: ask.mode.unwrap_or(old.mode),
        method: ask.method.unwrap_or(old.method),
        doors_at: value(&ask.doors_at, &old.doors_at),
        rate_per_minute: ask.rate_per_minute.unwrap_or(old.rate_per_minute),
        active_max: ask.active_max.unwrap_or(old.active_max),
        pass_seconds: ask.pass_seconds.unwrap_or(old.pass_seconds),
        return_seconds: ask.return_seconds.unwrap_or(old.return_seconds),
        absent_seconds: ask.absent_seconds.unwrap_or(old.absent_seconds),
        units_per_pass_hundredths: ask
            .units_per_pass_hundredths
            .unwrap_or(old.units_per_pass_hundredths),
        auto_per_second: ask.auto_per_second.unwrap_or(old.auto_per_second),
        paused: ask.paused.unwrap_or(old.paused),
        ending: ask.ending.unwrap_or(old.ending),
        message: value(&ask.message, &old.message),
        challenge: ask.challenge.unwrap_or(old.challenge),
        beacon,
        beacon_value: value(&ask.beacon_value, &old_value),
        codes,
        awake: old.awake,
        revision: old.revision,
    }
}

fn value<T: Clone>(change: &Option<Change<T>>, old: &Option<T>) -> Option<T> {
    change.clone().map_or_else(|| old.clone(), Change::into_value)
}

fn halves(ask: &Arrange) -> ([u8; 32], [u8; 32]) {
    let (token, secret) = ask.random.0.split_at(32);
    (token.try_into().expect("32 of 64"), secret.try_into().expect("32 of 64"))
}
