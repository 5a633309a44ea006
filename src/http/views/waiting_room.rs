//! What goes out of a waiting room.

use serde::Serialize;
use utoipa::ToSchema;

use super::time;
use crate::actors::{EventEntry, Living, RoomSnapshot, RoomView};
use crate::domain::time::UnixMillis;
use crate::domain::waiting_room::{Phase, RoomTerms, State};

/// A waiting room as everybody may see it.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Room<'a> {
    event: &'a str,
    /// `IDLE`, `PRE_QUEUE`, `ACTIVE`, `PAUSED`, `DRAINED` or `CLOSED`.
    phase: &'static str,
    /// Whether reservations need a pass.
    asks_pass: bool,
    /// `draw`, `fifo`, `random`, `passthrough` or `reject`.
    method: &'static str,
    doors_at: Option<String>,
    /// What keeps the doors shut in PRE_QUEUE: `doors`, `beacon` or `method`.
    waiting_for: Option<&'static str>,
    /// Whether who joins must solve a challenge first.
    challenge: bool,
    counts: Counts,
    /// Fans let in a minute, lately.
    admitted_per_minute: f64,
    /// What is left to sell: `many`, `some`, `few`, `held` (only what others may give back) or `none`.
    stock: &'static str,
    /// What the operator tells everybody in line.
    message: Option<&'a str>,
    /// SHA-256 of the secret that the draw is seeded with, 64 hexadecimal digits.
    commitment: String,
    /// The public randomness that the draw will use, in words.
    beacon: Option<&'a str>,
    /// What it turned out to be.
    beacon_value: Option<&'a str>,
    /// One more with each change that the operator makes; the `ETag` begins with it.
    version: u64,
}

#[derive(Serialize, ToSchema)]
struct Counts {
    /// Places given out, ever.
    joined: u64,
    /// Without a pass yet.
    waiting: u32,
    /// Of these, those who still come to ask.
    living: u32,
}

impl<'a> Room<'a> {
    pub fn of(entry: &'a EventEntry, seen: &'a RoomSnapshot, living: &Living) -> Self {
        let terms = &seen.terms;
        Self {
            event: entry.id.as_str(),
            phase: phase(seen),
            asks_pass: seen.asks_pass,
            method: terms.method.as_str(),
            doors_at: terms.doors_at.map(time),
            waiting_for: seen.waiting_for.map(|what| what.as_str()),
            challenge: terms.challenge,
            counts: Counts {
                joined: seen.totals.joined,
                waiting: seen.waiting(),
                living: living.all().min(seen.waiting()),
            },
            admitted_per_minute: rounded(seen.rate_mean * 60.0),
            stock: stock(entry),
            message: terms.message.as_deref(),
            commitment: hex::encode(seen.commitment),
            beacon: terms.beacon.as_deref(),
            beacon_value: terms.beacon_value.as_deref(),
            version: terms.revision,
        }
    }
}

/// The word for how far it is; a pause shows where it makes a difference.
pub(in crate::http) fn phase(seen: &RoomSnapshot) -> &'static str {
    match seen.phase {
        Phase::PreQueue | Phase::Active if seen.terms.paused => "PAUSED",
        phase => phase.as_str(),
    }
}

fn stock(entry: &EventEntry) -> &'static str {
    let state = entry.published();
    let sum = |of: fn(&crate::domain::inventory::PoolCounts) -> u32| -> u64 {
        state.pools.iter().map(|pool| u64::from(of(pool))).sum()
    };
    let (available, held) = (sum(|pool| pool.available), sum(|pool| pool.held));
    let capacity = sum(|pool| pool.capacity);
    match available {
        0 if held == 0 => "none",
        0 => "held",
        some if some * 10 < capacity => "few",
        some if some * 2 < capacity => "some",
        _ => "many",
    }
}

/// Two digits are as much as anybody can use, and keep an answer the same while nothing happens.
fn rounded(number: f64) -> f64 {
    if number.is_finite() { (number * 100.0).round() / 100.0 } else { 0.0 }
}

/// What the operator said about a room.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Terms<'a> {
    event: &'a str,
    phase: &'static str,
    mode: &'static str,
    method: &'static str,
    doors_at: Option<String>,
    rate_per_minute: u32,
    active_max: u32,
    pass_seconds: u32,
    return_seconds: u32,
    absent_seconds: u32,
    units_per_pass: f64,
    auto_per_second: u32,
    paused: bool,
    ending: &'static str,
    message: Option<&'a str>,
    challenge: bool,
    beacon: Option<&'a str>,
    beacon_value: Option<&'a str>,
    codes: Codes,
    /// SHA-256 of the secret that the draw is seeded with.
    commitment: String,
    version: u64,
}

/// The codes themselves are not kept.
#[derive(Serialize, ToSchema)]
struct Codes {
    count: usize,
    /// Fans who joined with one, ever.
    uses: u64,
}

impl<'a> Terms<'a> {
    pub fn of(event: &'a str, terms: &'a RoomTerms, seen: &RoomSnapshot) -> Self {
        Self {
            event,
            phase: phase(seen),
            mode: terms.mode.as_str(),
            method: terms.method.as_str(),
            doors_at: terms.doors_at.map(time),
            rate_per_minute: terms.rate_per_minute,
            active_max: terms.active_max,
            pass_seconds: terms.pass_seconds,
            return_seconds: terms.return_seconds,
            absent_seconds: terms.absent_seconds,
            units_per_pass: f64::from(terms.units_per_pass_hundredths) / 100.0,
            auto_per_second: terms.auto_per_second,
            paused: terms.paused,
            ending: terms.ending.as_str(),
            message: terms.message.as_deref(),
            challenge: terms.challenge,
            beacon: terms.beacon.as_deref(),
            beacon_value: terms.beacon_value.as_deref(),
            codes: Codes { count: terms.codes.len(), uses: seen.totals.priority },
            commitment: hex::encode(seen.commitment),
            version: terms.revision,
        }
    }
}

/// A fan's place.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Place<'a> {
    /// `IN_DRAW`, `WAITING`, `ADMITTED`, `RETURNING`, `USED`, `EXPIRED` or `LEFT`.
    pub status: &'static str,
    /// 1 is the first one. Null before the draw, and when the method tells none. Never moves back.
    pub place: Option<u32>,
    /// Fans who are let in before, of those who still come to ask.
    pub ahead: Option<u32>,
    /// Only when joining: `priority`, `general` or `suspect`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<&'static str>,
    /// Null when nobody can say: paused, before the doors, or when no place is told.
    pub expected_wait_seconds: Option<Wait>,
    /// Of getting something: `high` (more than 80 %), `medium`, `low` (40 % and less), `none`.
    pub chance: Option<&'static str>,
    /// When to ask again; earlier is 429.
    pub poll_after_ms: u32,
    /// What the operator tells everybody in line.
    pub message: Option<&'a str>,
    /// With `ADMITTED`.
    pub pass: Option<Pass>,
    /// When it was so.
    pub as_of: String,
    /// Only when joining: send it as `Onsale-Place`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// Unit: seconds. In 8 of 10 cases the wait is from `low` to `high`.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Wait {
    pub low: u32,
    pub mid: u32,
    pub high: u32,
}

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Pass {
    /// Send it as `Onsale-Pass` when reserving; good for one reservation.
    pub token: String,
    pub expires_at: String,
}

impl Pass {
    pub fn new((token, ends_at): (String, UnixMillis)) -> Self {
        Self { token, expires_at: time(ends_at) }
    }
}

/// How an entry stands in the sealed root.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Proof {
    /// The fan's number, in order of joining.
    pub number: u32,
    /// 0 priority, 1 general, 2 suspect.
    pub tier: u8,
    /// 16 hexadecimal digits.
    pub fingerprint: String,
    /// From 0: how many stand before; the place that is told is one more.
    pub place: u32,
    /// Where the entry stands among all, by number, from 0.
    pub index: u64,
    pub count: u64,
    pub root: String,
    /// From the leaf up, 64 hexadecimal digits each.
    pub path: Vec<String>,
}

/// Live figures of a room, for its operator.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Figures<'a> {
    terms: Terms<'a>,
    as_of: String,
    waiting: u32,
    living: u32,
    returning: u32,
    /// Passes that may still be used, and live reservations made with one.
    active: u32,
    ready: u32,
    shopping: u32,
    available_units: u64,
    joined: u64,
    priority: u64,
    suspects: u64,
    passes_issued: u64,
    passes_used: u64,
    passes_lapsed: u64,
    skipped: u64,
    returned: u64,
    left: u64,
    no_show_ratio: f64,
    order_inversions: u64,
    /// Of the last 256 of those who were let in, one of 16; null: of nobody since the start. Unit: seconds.
    wait_p50_seconds: Option<f64>,
    wait_p99_seconds: Option<f64>,
    /// Half of the same were foretold better than this.
    eta_error_p50_seconds: Option<f64>,
    /// How long the doors took to open, the last time since the start. Unit: milliseconds.
    seal_ms: Option<u32>,
    admitted_per_second: f64,
    /// 1: as fast as the terms allow; less while the event's shard is busy.
    pace: f64,
    joins_per_second: u32,
    early_polls: u64,
    streams: usize,
    /// Places given out in the line, and how far it has come.
    positions: u32,
    cursor: u32,
}

impl<'a> Figures<'a> {
    pub fn of(
        event: &'a str,
        seen: &'a RoomSnapshot,
        (view, living): (&RoomView, &Living),
        streams: usize,
    ) -> Self {
        let totals = &seen.totals;
        Self {
            terms: Terms::of(event, &seen.terms, seen),
            as_of: time(seen.as_of),
            waiting: seen.waiting(),
            living: living.all().min(seen.waiting()),
            returning: seen.count(State::Returning),
            active: seen.passes_out.saturating_add(seen.shopping),
            ready: seen.passes_out,
            shopping: seen.shopping,
            available_units: seen.available_units,
            joined: totals.joined,
            priority: totals.priority,
            suspects: totals.suspects,
            passes_issued: totals.admitted,
            passes_used: totals.used,
            passes_lapsed: totals.lapsed,
            skipped: totals.skipped,
            returned: totals.returned,
            left: totals.left,
            no_show_ratio: rounded(seen.no_show_ratio()),
            order_inversions: totals.inversions,
            wait_p50_seconds: seen.waited.p50.map(f64::from).map(rounded),
            wait_p99_seconds: seen.waited.p99.map(f64::from).map(rounded),
            eta_error_p50_seconds: seen.waited.error_p50.map(f64::from).map(rounded),
            seal_ms: seen.seal_ms,
            admitted_per_second: rounded(seen.rate_mean),
            pace: rounded(seen.pace),
            joins_per_second: seen.joins_per_second,
            early_polls: view.early_polls(),
            streams,
            positions: seen.positions,
            cursor: seen.cursor,
        }
    }
}

/// Where suspects come from.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Suspects {
    /// Fans who joined as suspects, ever.
    pub joined: u64,
    /// Joins from one source after which the next is suspect; null: nobody is.
    pub joins_per_source_max: Option<u32>,
    /// Most joins first, at most 1,000.
    pub sources: Vec<SuspectSource>,
}

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct SuspectSource {
    /// An IPv4 address, or the /64 of an IPv6 one.
    pub source: String,
    pub joins: u32,
}
