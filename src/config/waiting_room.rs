//! What the door of the waiting room asks of those who join.

use std::num::NonZeroU32;
use std::time::Duration;

use super::bounds::{non_zero, number, within};
use super::error::Unfit;
use super::raw::RawWaitingRoom;

/// How hard joining is, and who is suspected.
#[derive(Debug, Clone)]
pub struct WaitingRoomConfig {
    /// Joins of one event from one address after which the next ones are suspects; `None`: nobody is.
    pub joins_per_source_max: Option<NonZeroU32>,
    /// Addresses whose joins are counted, 1,000 to 10,000,000.
    pub sources_max: usize,
    /// How long a challenge may be solved, 30 s to 3,600 s.
    pub challenge_life: Duration,
    /// Rounds of hashing for each attempt while few join, 1 to 10,000.
    pub challenge_cost_min: u32,
    /// The same however many join; not less than `challenge_cost_min`.
    pub challenge_cost_max: u32,
    /// Joins a second at which a challenge costs twice the least, 1 to 1,000,000.
    pub challenge_joins_per_second: u32,
    /// Solved challenges that are remembered, 1,000 to 100,000,000.
    pub challenges_used_max: usize,
}

impl TryFrom<RawWaitingRoom> for WaitingRoomConfig {
    type Error = Unfit;

    fn try_from(raw: RawWaitingRoom) -> Result<Self, Unfit> {
        let (least, most) = (raw.challenge_cost_min, raw.challenge_cost_max);
        let joins = within(
            "waiting_room.joins_per_source_max",
            raw.joins_per_source_max,
            0..=1_000_000,
            number,
        )?;
        let config = Self {
            joins_per_source_max: NonZeroU32::new(joins),
            sources_max: within(
                "waiting_room.sources_max",
                raw.sources_max,
                1_000..=10_000_000,
                number,
            )?,
            challenge_life: within(
                "waiting_room.challenge_seconds",
                raw.challenge_seconds,
                30..=3_600,
                number,
            )
            .map(Duration::from_secs)?,
            challenge_cost_min: within("waiting_room.challenge_cost_min", least, COSTS, number)?,
            challenge_cost_max: within("waiting_room.challenge_cost_max", most, COSTS, number)?,
            challenge_joins_per_second: within(
                "waiting_room.challenge_joins_per_second",
                raw.challenge_joins_per_second,
                1..=1_000_000,
                non_zero,
            )?
            .get(),
            challenges_used_max: within(
                "waiting_room.challenges_used_max",
                raw.challenges_used_max,
                1_000..=100_000_000,
                number,
            )?,
        };
        if config.challenge_cost_min <= config.challenge_cost_max {
            return Ok(config);
        }
        let at_least = format!("must be at least waiting_room.challenge_cost_min ({least})");
        let at_most = format!("must be at most waiting_room.challenge_cost_max ({most})");
        Err(Unfit::new("waiting_room.challenge_cost_max", most, at_least).or(Unfit::new(
            "waiting_room.challenge_cost_min",
            least,
            at_most,
        )))
    }
}

/// Checking a solution takes one attempt: 10,000 rounds are some milliseconds.
const COSTS: std::ops::RangeInclusive<i64> = 1..=10_000;
