//! Who does what: some never come back, some have an empty card, some change their mind.

use std::time::Duration;

use clap::Args;

use crate::event::HOLD_SECONDS;

/// The journey's options of the command line.
#[derive(Args)]
pub struct JourneyOptions {
    /// Those who reserved go on: book, wait for the outcome, fetch their tickets.
    #[arg(long)]
    pub buy: bool,
    /// Of a hundred who reserved, so many never book.
    #[arg(long, default_value_t = 0, requires = "buy", value_name = "PERCENT", value_parser = percent())]
    abandon: u8,
    /// Of a hundred who book, so many pay with a card that the simulated provider declines.
    #[arg(long, default_value_t = 0, requires = "buy", value_name = "PERCENT", value_parser = percent())]
    declines: u8,
    /// Of a hundred who book, so many pay with a card at which the simulated provider times out first.
    #[arg(long, default_value_t = 0, requires = "buy", value_name = "PERCENT", value_parser = percent())]
    timeouts: u8,
    /// Of a hundred whose booking is CONFIRMED, so many cancel it.
    #[arg(long, default_value_t = 0, requires = "buy", value_name = "PERCENT", value_parser = percent())]
    cancel: u8,
    /// How long a reservation is held, 1 to 86,400: shorter, and abandoned units come back in time.
    #[arg(long, default_value_t = HOLD_SECONDS, requires = "buy", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub hold_seconds: u32,
    /// How long a buyer waits for the outcome of a payment. Unit: seconds.
    #[arg(long, default_value_t = 120, requires = "buy", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    outcome_seconds: u32,
}

fn percent() -> clap::builder::RangedI64ValueParser<u8> {
    clap::value_parser!(u8).range(0..=100)
}

impl JourneyOptions {
    /// `None`: reserving is all there is.
    pub fn roles(&self) -> Option<Roles> {
        self.buy.then(|| Roles {
            abandon: self.abandon,
            declines: self.declines,
            timeouts: self.timeouts,
            cancel: self.cancel,
            outcome_patience: Duration::from_secs(u64::from(self.outcome_seconds)),
        })
    }
}

/// Shares in percent, and how long buyers wait. The same buyer does the same in every run.
#[derive(Debug, Clone)]
pub struct Roles {
    pub abandon: u8,
    pub declines: u8,
    pub timeouts: u8,
    pub cancel: u8,
    pub outcome_patience: Duration,
}

/// Left to the rates in the server's settings.
const TOKEN: &str = "tok_load";
const DECLINED: [&str; 2] = ["tok_declined", "tok_insufficient_funds"];
const TIMED_OUT: [&str; 2] = ["tok_timeout", "tok_timeout_lost"];

/// Whether a token can only end in a decline.
pub fn is_declined(token: &str) -> bool {
    DECLINED.contains(&token)
}

impl Roles {
    pub fn abandons(&self, buyer: u64) -> bool {
        roll(buyer, 1) % 100 < u64::from(self.abandon)
    }

    pub fn cancels(&self, buyer: u64) -> bool {
        roll(buyer, 2) % 100 < u64::from(self.cancel)
    }

    pub fn token(&self, buyer: u64) -> &'static str {
        let (place, either) = (roll(buyer, 3) % 100, usize::from(roll(buyer, 4).is_multiple_of(2)));
        let declines = u64::from(self.declines);
        if place < declines {
            DECLINED[either]
        } else if place < declines + u64::from(self.timeouts) {
            TIMED_OUT[either]
        } else {
            TOKEN
        }
    }
}

/// Splitmix64 of the buyer and what is asked about them, so that one answer does not decide another.
fn roll(buyer: u64, about: u64) -> u64 {
    let seed = buyer.wrapping_mul(8).wrapping_add(about);
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept_and_do_not_depend_on_each_other() {
        let patience = Duration::from_secs(1);
        let roles = Roles {
            abandon: 20,
            declines: 10,
            timeouts: 30,
            cancel: 50,
            outcome_patience: patience,
        };
        let share = |is: &dyn Fn(u64) -> bool| (0..10_000).filter(|buyer| is(*buyer)).count();
        assert!((1_850..=2_150).contains(&share(&|buyer| roles.abandons(buyer))));
        assert!((880..=1_120).contains(&share(&|buyer| is_declined(roles.token(buyer)))));
        let timed_out = share(&|buyer| TIMED_OUT.contains(&roles.token(buyer)));
        assert!((2_800..=3_200).contains(&timed_out));
        let both = share(&|buyer| roles.abandons(buyer) && roles.cancels(buyer));
        assert!((850..=1_150).contains(&both));
    }
}
