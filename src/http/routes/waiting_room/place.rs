//! What a fan is told about their place, from what is published. Honest: what nobody knows is null.

use crate::actors::{EventEntry, PlaceSeen, RoomSnapshot, RoomView};
use crate::domain::time::UnixMillis;
use crate::domain::waiting_room::estimate::{self, Eta, Outlook};
use crate::domain::waiting_room::{Method, NO_PLACE, Phase, State};
use crate::http::views::{self, waiting_room as view};

/// One look at one place.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub entry: &'a EventEntry,
    pub view: &'a RoomView,
    pub seen: &'a RoomSnapshot,
    pub number: u32,
    pub fingerprint: u64,
    pub now: UnixMillis,
}

/// What is ahead of somebody who waits.
pub(super) struct Ahead {
    pub place: Option<u32>,
    pub ahead: Option<u32>,
    pub eta: Option<Eta>,
    chance: Option<&'static str>,
}

/// How soon a fan with a pass, or one who came back, need ask again. Unit: milliseconds.
const SOON_MS: f64 = 2_000.0;
/// How long after the doors those who waited for them come to ask, spread. Unit: milliseconds.
const AFTER_DOORS_MS: f64 = 10_000.0;
/// How soon the front of the line asks again at the latest. Unit: milliseconds.
const FRONT_MS: f64 = 3_000.0;
/// Fans at the front at the least.
const FRONT_MIN: u32 = 50;
/// The same for all others while nobody can say how long it will take.
const LONGEST_MS: f64 = 30_000.0;

impl<'a> Look<'a> {
    /// Everything, and when to ask again.
    pub fn tell(&self, place: PlaceSeen) -> view::Place<'a> {
        let ahead = self.ahead(place);
        view::Place {
            status: self.status(place.state),
            place: ahead.place,
            ahead: ahead.ahead,
            tier: None,
            poll_after_ms: self.poll_after_ms(place.state, ahead.ahead, ahead.eta),
            expected_wait_seconds: ahead.eta.map(|eta| view::Wait {
                low: eta.low,
                mid: eta.mid,
                high: eta.high,
            }),
            chance: ahead.chance,
            message: self.seen.terms.message.as_deref(),
            pass: self.view.pass_token(self.number, self.fingerprint).map(view::Pass::new),
            as_of: views::time(self.seen.as_of),
            token: None,
        }
    }

    /// Where somebody who waits stands.
    pub fn ahead(&self, place: PlaceSeen) -> Ahead {
        let living = self.view.living();
        let (told, ahead) = match place.state {
            State::Waiting if place.slot != NO_PLACE => {
                // The living are counted by blocks; nobody is ahead whose turn has been.
                let still = place.slot.saturating_sub(self.seen.cursor);
                let ahead = living.ahead_of(place.slot).min(still + living.returning);
                (Some(place.slot.saturating_add(1)), Some(ahead))
            }
            State::Returning => (None, Some(living.returning.saturating_sub(1))),
            _ => (None, None),
        };
        let moves = self.seen.phase == Phase::Active;
        let ahead = ahead.filter(|_| moves);
        let (rate, paused) = (self.seen.expected_rate(), self.seen.terms.paused);
        let eta = ahead.and_then(|ahead| estimate::eta(ahead, rate, paused).ok());
        let chance = ahead.map(|ahead| estimate::chance(&self.outlook(ahead)).word());
        Ahead { place: told, ahead, eta, chance }
    }

    fn outlook(&self, ahead: u32) -> Outlook {
        let (mut available, mut held) = (0_u32, 0_u32);
        for pool in &self.entry.published().pools {
            available = available.saturating_add(pool.available);
            held = held.saturating_add(pool.held);
        }
        // Who has a pass already, or shops, stands before everybody who waits; held units are theirs.
        let ahead = ahead.saturating_add(self.seen.passes_out);
        Outlook {
            available,
            held,
            ahead,
            units_per_purchase: f64::from(self.seen.terms.units_per_pass_hundredths) / 100.0,
            conversion: 1.0 - self.seen.no_show_ratio(),
        }
    }

    fn status(&self, state: State) -> &'static str {
        let drawn = self.seen.terms.method == Method::Draw;
        match state {
            State::Waiting if self.seen.phase == Phase::PreQueue && drawn => "IN_DRAW",
            State::Waiting => "WAITING",
            State::Ready => "ADMITTED",
            State::Used => "USED",
            State::Skipped | State::Returning => "RETURNING",
            State::Left => "LEFT",
            State::Expired => "EXPIRED",
        }
    }

    fn poll_after_ms(&self, state: State, ahead: Option<u32>, eta: Option<Eta>) -> u32 {
        let random: f64 = rand::random();
        let spread = 1.0 + 0.3 * random;
        let after = match state {
            State::Ready | State::Skipped | State::Returning => SOON_MS * spread,
            State::Used | State::Left | State::Expired => LONGEST_MS * spread,
            State::Waiting if self.seen.phase == Phase::PreQueue => self.until_doors_ms(random),
            State::Waiting => {
                let eta_ms = eta.map(|eta| u64::from(eta.mid) * 1_000);
                let after = f64::from(estimate::poll_after_ms(eta_ms, random));
                // Who is next hears of it while there is still time to buy, however long it was to take.
                let is_next = ahead.is_some_and(|ahead| ahead < self.front());
                if is_next { after.min(FRONT_MS * spread) } else { after }
            }
        };
        after as u32
    }

    /// Nobody needs to know anything before the doors, and everybody right after.
    fn until_doors_ms(&self, random: f64) -> f64 {
        let doors = self.seen.terms.doors_at.filter(|doors| self.now < *doors);
        match (doors, self.seen.waiting_for) {
            (Some(doors), _) => {
                let until = (doors.0 - self.now.0) as f64 + AFTER_DOORS_MS * random;
                (until + SOON_MS / 2.0).min(LONGEST_MS * (1.0 + 0.3 * random))
            }
            (None, Some(_)) => LONGEST_MS * (1.0 + 0.3 * random),
            // They are opening.
            (None, None) => SOON_MS / 2.0 * (1.0 + 0.3 * random),
        }
    }

    /// Who may have their turn within some seconds. Unit: fans ahead.
    fn front(&self) -> u32 {
        let per_minute = self.seen.terms.rate_per_minute;
        (per_minute / 6).max(FRONT_MIN)
    }
}
