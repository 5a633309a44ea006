//! What polls and reservations see of a room without asking its host.
//!
//! Single fans are changed by the committer after the commit, as everything that is published (P8). Only
//! the positions of a whole line are written before, when its doors open: nobody reads them while the
//! snapshot still says PRE_QUEUE.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use arc_swap::ArcSwap;

use super::cells::{Cells, NextPoll, QUARTER_MS};
use super::living::{Counting, Living};
use super::snapshot::RoomSnapshot;
use crate::actors::directory::EventEntry;
use crate::domain::ids::EventNumber;
use crate::domain::inventory::Pass;
use crate::domain::time::UnixMillis;
use crate::domain::waiting_room::token::{Token, TokenError, TokenKeys, TokenKind, Who};
use crate::domain::waiting_room::{NO_PLACE, Room, RoomMode, State, ViewChange};
use crate::faults;

/// One room for all who only look. Lives as long as the event's entry, whoever hosts the room.
#[derive(Debug)]
pub struct RoomView {
    event: EventNumber,
    keys: TokenKeys,
    cells: Cells,
    /// First number of the line; those before have expired.
    base: AtomicU32,
    asks_pass: AtomicBool,
    /// Whether demand may wake the room.
    is_auto: AtomicBool,
    /// Reservations asked, while the room is of that mode.
    asked: AtomicU64,
    early_polls: AtomicU64,
    /// From when on a fan counts as late who was not heard of since the start.
    heard_from: UnixMillis,
    snapshot: ArcSwap<RoomSnapshot>,
    living: ArcSwap<Living>,
}

/// Whether a reservation needs a pass.
#[derive(Debug, Clone)]
pub enum Gate {
    Open,
    NeedsPass(Arc<RoomView>),
}

/// A fan's place, as it counts now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaceSeen {
    pub state: State,
    /// As [`crate::domain::waiting_room::Line::slot`]; of a WAITING one [`NO_PLACE`] while no positions
    /// are told.
    pub slot: u32,
}

/// Whether a poll comes when it was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollTurn {
    Due,
    /// Unit: milliseconds until it is due; at least 1.
    Early {
        wait_ms: u64,
    },
}

/// Why a pass does not open the gate. Words for the `reason` in bodies: a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PassError {
    /// No token of this room at all.
    #[error("this is no pass of this waiting room")]
    Invalid,
    #[error("the pass was given to another event")]
    OtherEvent,
    #[error("the pass was given to another customer")]
    OtherCustomer,
    /// It ran out, was given back, or a newer one was given.
    #[error("the pass has ended")]
    Ended,
}

impl PassError {
    /// The word in bodies.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::OtherEvent => "other_event",
            Self::OtherCustomer => "other_customer",
            Self::Ended => "ended",
        }
    }
}

/// Polls may come so much earlier than they were asked to. Unit: quarters of a second.
const EARLY_MAX: i64 = 2;
/// Longest pause between polls: a fan whom nobody has heard of yet is not late before. Unit: milliseconds.
const POLL_PAUSE_MAX_MS: u64 = 30_000;

impl RoomView {
    /// A view of what is durable; for a room that was made just now, of nothing yet.
    pub(super) fn of(room: &Room, now: UnixMillis, snapshot: RoomSnapshot) -> Self {
        let view = Self {
            event: room.event(),
            keys: TokenKeys::of(&room.keys().token),
            cells: Cells::new(),
            base: AtomicU32::new(0),
            asks_pass: AtomicBool::new(false),
            is_auto: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            early_polls: AtomicU64::new(0),
            heard_from: now.plus_millis(POLL_PAUSE_MAX_MS),
            snapshot: ArcSwap::from_pointee(snapshot.clone()),
            living: ArcSwap::default(),
        };
        view.show(Arc::new(snapshot));
        view.show_all(room);
        view
    }

    #[must_use]
    pub fn event(&self) -> EventNumber {
        self.event
    }

    /// The newest durable state of everything but single fans.
    #[must_use]
    pub fn snapshot(&self) -> Arc<RoomSnapshot> {
        self.snapshot.load_full()
    }

    /// The newest count of those who still come to ask.
    #[must_use]
    pub fn living(&self) -> Arc<Living> {
        self.living.load_full()
    }

    /// For fingerprints and tokens.
    #[must_use]
    pub fn keys(&self) -> &TokenKeys {
        &self.keys
    }

    /// The newest durable place of this number; `None`: it was not given out. `seen` is the snapshot
    /// that goes with the answer; load it first.
    #[must_use]
    pub fn place(&self, number: u32, seen: &RoomSnapshot, now: UnixMillis) -> Option<PlaceSeen> {
        if number < self.base.load(Ordering::Acquire) {
            return Some(PlaceSeen { state: State::Expired, slot: 0 });
        }
        let (state, slot) = self.cells.get(number)?;
        let ended = seen.terms.mode == RoomMode::Off && state.is_live();
        let too_late = state == State::Skipped && u64::from(slot) * 1_000 <= now.0;
        if ended || too_late {
            return Some(PlaceSeen { state: State::Expired, slot: 0 });
        }
        let untold = state == State::Waiting && !seen.tells_places;
        Some(PlaceSeen { state, slot: if untold { NO_PLACE } else { slot } })
    }

    /// The token by which a fan finds their place again.
    #[must_use]
    pub fn place_token(&self, number: u32, fingerprint: u64, now: UnixMillis) -> String {
        let token = Token { event: self.event, number, fingerprint, at: now };
        self.keys.sign(TokenKind::Place, &token)
    }

    /// # Errors
    /// [`TokenError`]; one of another event is as good as forged.
    pub fn open_place(&self, text: &str) -> Result<Token, TokenError> {
        let token = self.keys.open(TokenKind::Place, text)?;
        if token.event == self.event { Ok(token) } else { Err(TokenError::Forged) }
    }

    /// The pass of a READY fan, and when it ends. Equal for each poll until then.
    #[must_use]
    pub fn pass_token(&self, number: u32, fingerprint: u64) -> Option<(String, UnixMillis)> {
        let (state, slot) = self.cells.get(number)?;
        if state != State::Ready {
            return None;
        }
        let at = UnixMillis(u64::from(slot) * 1_000);
        let token = Token { event: self.event, number, fingerprint, at };
        Some((self.keys.sign(TokenKind::Pass, &token), at))
    }

    /// Whether this is a pass that was given to somebody, whoever it was, and has not run out or been replaced.
    /// For who is served first, not for who may buy.
    #[must_use]
    pub fn is_pass(&self, text: &str) -> bool {
        let token = self.keys.open(TokenKind::Pass, text);
        token.is_ok_and(|token| token.event == self.event && self.is_out(token.number, token.at))
    }

    /// Whether a fan of this number has, or used, a pass that ends then.
    #[must_use]
    pub fn is_out(&self, number: u32, ends_at: UnixMillis) -> bool {
        match self.cells.get(number) {
            Some((State::Ready, second)) => u64::from(second) * 1_000 == ends_at.0,
            Some((State::Used, _)) => true,
            _ => false,
        }
    }

    /// What to put into the reservation. Whether the pass was used before, or has ended at that moment,
    /// is decided by the shard: a retry may still want its first answer.
    ///
    /// # Errors
    /// [`PassError`].
    pub fn check_pass(&self, text: &str, who: Who<'_>) -> Result<Pass, PassError> {
        let token = self.keys.open(TokenKind::Pass, text).map_err(|_| PassError::Invalid)?;
        self.admit(&token, who)
    }

    /// The same for a pass whose signature was checked elsewhere.
    ///
    /// # Errors
    /// [`PassError`].
    pub fn admit(&self, token: &Token, who: Who<'_>) -> Result<Pass, PassError> {
        if token.event != self.event {
            return Err(PassError::OtherEvent);
        }
        let is_own = token.fingerprint == self.keys.fingerprint(who);
        if !is_own && !faults::planted("pass_for_anybody") {
            return Err(PassError::OtherCustomer);
        }
        let pass = Pass { number: token.number, ends_at: token.at };
        let ended = token.number < self.base.load(Ordering::Acquire);
        match self.cells.get(token.number).ok_or(PassError::Invalid)? {
            (State::Ready, _) if ended => Err(PassError::Ended),
            (State::Ready, second) if u64::from(second) * 1_000 == token.at.0 => Ok(pass),
            (State::Used, _) => Ok(pass),
            _ => Err(PassError::Ended),
        }
    }

    /// Whether this poll may be answered; counts those that come early.
    #[must_use]
    pub fn poll(&self, number: u32, now: UnixMillis) -> PollTurn {
        let late = self.cells.next_poll(number).late_by(now).unwrap_or(0);
        if -EARLY_MAX <= late {
            return PollTurn::Due;
        }
        self.early_polls.fetch_add(1, Ordering::Relaxed);
        PollTurn::Early { wait_ms: late.unsigned_abs() * QUARTER_MS }
    }

    /// The fan was asked to come again after so long.
    pub fn expect_poll(&self, number: u32, now: UnixMillis, after_ms: u64) {
        self.cells.set_next_poll(number, NextPoll::at(now.plus_millis(after_ms)));
    }

    /// The same of a fan who joined again: another tab of theirs may come when it was asked to.
    pub fn expect_poll_too(&self, number: u32, now: UnixMillis, after_ms: u64) {
        let after = i64::try_from(after_ms / QUARTER_MS).unwrap_or(i64::MAX);
        let kept = self.cells.next_poll(number).late_by(now);
        if !kept.is_some_and(|late| (-after..=0).contains(&late)) {
            self.expect_poll(number, now, after_ms);
        }
    }

    /// Whether a fan is so late that they count as gone.
    #[must_use]
    pub fn is_absent(&self, number: u32, now: UnixMillis, absent_seconds: u32) -> bool {
        // Whose place is not durable yet has not been asked to come.
        self.cells.get(number).is_some()
            && self.is_late(self.cells.next_poll(number), now, absent_seconds)
    }

    /// Polls that came before their time, since the start.
    #[must_use]
    pub fn early_polls(&self) -> u64 {
        self.early_polls.load(Ordering::Relaxed)
    }

    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Counts who waits and still comes to ask. Looks at all fans: not for a thread of the runtime.
    pub(in crate::actors) fn count_living(&self, now: UnixMillis) {
        let seen = self.snapshot();
        let mut counting = Counting::new(now, seen.positions);
        self.cells.each(seen.base, |state, slot, next| {
            let late = next.late_by(now).is_some_and(|late| NextPoll::LATE_MAX <= late);
            if !self.is_late(next, now, seen.terms.absent_seconds) {
                match state {
                    State::Returning => counting.returning(),
                    State::Waiting if seen.tells_places => counting.waiting(slot),
                    State::Waiting => counting.waiting(NO_PLACE),
                    State::Ready | State::Used | State::Skipped | State::Left | State::Expired => {}
                }
            }
            late.then_some(NextPoll::GONE)
        });
        self.living.store(Arc::new(counting.finish()));
    }

    /// Called by the committer alone.
    pub(in crate::actors) fn publish(&self, changes: &[ViewChange], at: UnixMillis) {
        for change in changes {
            match *change {
                ViewChange::Joined { number, position } => {
                    let next = NextPoll::at(at.plus_millis(POLL_PAUSE_MAX_MS));
                    self.cells.give(number, position, next);
                }
                ViewChange::Slot { number, state, slot } => self.cells.set(number, state, slot),
                ViewChange::Begun { base } => self.base.store(base, Ordering::Release),
                // Positions are there already, see the module; terms come with the snapshot.
                ViewChange::Sealed | ViewChange::Arranged => {}
            }
        }
    }

    /// Called by the committer alone.
    pub(in crate::actors) fn show(&self, snapshot: Arc<RoomSnapshot>) {
        self.is_auto.store(snapshot.terms.mode == RoomMode::Auto, Ordering::Relaxed);
        let asks_pass = snapshot.asks_pass;
        self.snapshot.store(snapshot);
        self.asks_pass.store(asks_pass, Ordering::Release);
    }

    /// Writes every fan of the line. Fans whom nobody has heard of yet keep what they have.
    pub(super) fn show_all(&self, room: &Room) {
        let line = room.line();
        self.base.store(line.base(), Ordering::Release);
        for number in line.base()..line.next_number() {
            let is_new = self.cells.get(number).is_none();
            if let Some(state) = line.state(number) {
                self.cells.set(number, state, line.slot(number));
            }
            if is_new {
                self.cells.set_next_poll(number, NextPoll::UNHEARD);
            }
        }
    }

    fn is_late(&self, next: NextPoll, now: UnixMillis, absent_seconds: u32) -> bool {
        if next == NextPoll::UNHEARD {
            return self.heard_from.plus_seconds(absent_seconds) <= now;
        }
        next.late_by(now).is_none_or(|late| i64::from(absent_seconds) * 4 <= late)
    }
}

impl EventEntry {
    /// Whether a reservation of this event needs a pass; one load when there is no room. Counts the
    /// demand that may wake a room in the mode `auto`.
    #[must_use]
    pub fn gate(&self) -> Gate {
        let Some(view) = self.room() else { return Gate::Open };
        if view.is_auto.load(Ordering::Relaxed) {
            view.asked.fetch_add(1, Ordering::Relaxed);
        }
        if view.asks_pass.load(Ordering::Acquire) && !faults::planted("open_gate") {
            Gate::NeedsPass(Arc::clone(view))
        } else {
            Gate::Open
        }
    }
}
