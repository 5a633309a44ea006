//! Overload: when too much is under way at once, what matters least is refused first, before anybody has
//! looked at it.
//!
//! Reading and joining go first: a page can be read again, and a place in line is as good a second later. Then
//! polls, then what organizers do and reservations without a pass. Whoever has a pass, or has reserved, is
//! served until the very last; health always.

use std::sync::atomic::{AtomicU64, Ordering};

use super::class::Kind;
use crate::domain::limits::Class;
use crate::faults;
use crate::http::problem::{Code, Problem};
use crate::metrics;

/// See the module.
pub struct Load {
    /// Requests under way at the most, health aside.
    in_flight_max: u64,
    refused: AtomicU64,
}

/// Those who are refused are told to come back after 1 to 4 seconds, so that not all come at once.
const RETRY_SPREAD: u64 = 4;

impl Load {
    pub fn new(in_flight_max: u32) -> Self {
        Self { in_flight_max: in_flight_max.into(), refused: AtomicU64::new(0) }
    }

    /// Whether a request may come in while so many are under way, itself among them. `has_pass` is only asked
    /// when it decides.
    ///
    /// # Errors
    /// 503 `busy`.
    pub fn check(
        &self,
        kind: Kind,
        in_flight: u64,
        has_pass: impl Fn() -> bool,
    ) -> Result<(), Problem> {
        if in_flight <= self.in_flight_max * permille(kind) / 1_000
            || kind == Kind::Health
            || faults::planted("shed_nothing")
            || (in_flight <= self.in_flight_max && has_pass())
        {
            return Ok(());
        }
        metrics::count_shed(kind.class().map_or("signed", Class::as_str));
        let later = self.refused.fetch_add(1, Ordering::Relaxed) % RETRY_SPREAD;
        Err(Problem::new(Code::Busy, "too many requests are under way").retry_after(1 + later))
    }
}

/// Up to which part of the whole a kind is served.
fn permille(kind: Kind) -> u64 {
    match kind {
        Kind::Of(Class::Read | Class::Join) => 700,
        Kind::Of(Class::Poll) => 800,
        Kind::Of(Class::Manage | Class::Reserve) => 900,
        Kind::Of(Class::Book) | Kind::Signed | Kind::Health => 1_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_least_goes_first_and_health_never() {
        let load = Load::new(1_000);
        let up_to = |kind, has_pass: bool| {
            (1..=2_000).take_while(|n| load.check(kind, *n, || has_pass).is_ok()).last()
        };
        let of = Kind::Of;
        for (kind, has_pass, expected) in [
            (of(Class::Read), false, 700),
            (of(Class::Join), false, 700),
            (of(Class::Poll), false, 800),
            (of(Class::Manage), false, 900),
            (of(Class::Reserve), false, 900),
            (of(Class::Reserve), true, 1_000),
            (of(Class::Book), false, 1_000),
            (Kind::Signed, false, 1_000),
            (Kind::Health, false, 2_000),
        ] {
            assert_eq!(up_to(kind, has_pass), Some(expected), "{kind:?} {has_pass}");
        }
    }

    #[test]
    fn those_who_are_refused_do_not_come_back_all_at_once() {
        let load = Load::new(10);
        let refused = || load.check(Kind::Of(Class::Read), 11, || false).expect_err("too many");
        let seconds: Vec<String> = (0..8).map(|_| format!("{:?}", refused())).collect();
        assert!(seconds[..4].iter().all(|one| seconds[4..].contains(one)));
        assert_ne!(seconds[0], seconds[1]);
    }
}
