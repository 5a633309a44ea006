//! A circuit breaker: after enough faults in a row it refuses at once, so that a service that is down is
//! not pressed further and nobody waits for its time-outs; after a pause one single probe finds out.
//!
//! Own code, because of the crates for it, `failsafe` is not kept up, and `recloser` counts rates in a ring
//! buffer and lets as many probes through as come. Instants are tokio's, so that tests can stop the time.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// When to open, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct BreakerOptions {
    /// Faults in a row that open the circuit.
    pub faults_max: NonZeroU32,
    /// How long it stays open before a probe.
    pub pause: Duration,
}

/// One circuit, shared by all who ask the same service.
#[derive(Debug)]
pub struct Breaker {
    options: BreakerOptions,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed {
        faults: u32,
    },
    Open {
        until: Instant,
    },
    /// One call is on its way.
    Probing,
}

/// The right to one call. Dropped without a report (its caller gave up), it proves nothing: the place of
/// a probe is free again.
#[derive(Debug)]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
    is_reported: bool,
}

impl Breaker {
    #[must_use]
    pub fn new(options: BreakerOptions) -> Self {
        Self { options, state: Mutex::new(State::Closed { faults: 0 }) }
    }

    /// Whether a call may be made at `now`.
    ///
    /// # Errors
    /// The circuit is open: how long until it is worth asking again. Do not call.
    pub fn admit(&self, now: Instant) -> Result<Permit<'_>, Duration> {
        let mut state = self.lock();
        let is_probe = match *state {
            State::Closed { .. } => false,
            State::Open { until } if until <= now => {
                *state = State::Probing;
                true
            }
            State::Open { until } => return Err(until - now),
            State::Probing => return Err(self.options.pause),
        };
        Ok(Permit { breaker: self, is_probe, is_reported: false })
    }

    /// Whether calls are refused at the moment.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !matches!(*self.lock(), State::Closed { .. })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A state is one word and is whole even if a thread died holding the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// The service answered, whatever it said.
    pub fn succeeded(self) {
        self.report(|_| State::Closed { faults: 0 });
    }

    /// The service could not be asked, or did not make sense.
    pub fn failed(self, now: Instant) {
        let BreakerOptions { faults_max, pause } = self.breaker.options;
        self.report(|faults| {
            let faults = faults.saturating_add(1);
            if faults_max.get() <= faults {
                State::Open { until: now + pause }
            } else {
                State::Closed { faults }
            }
        });
    }

    /// Moves on from the number of faults in a row.
    fn report(mut self, next: impl FnOnce(u32) -> State) {
        self.is_reported = true;
        let mut state = self.breaker.lock();
        *state = match *state {
            State::Closed { faults } => next(faults),
            // A probe stands for all that failed before it.
            State::Probing if self.is_probe => next(u32::MAX),
            // Sent before the circuit opened, answered late: says nothing about now.
            late => late,
        };
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_probe && !self.is_reported {
            // It was admitted because its pause was over; so may the next.
            *self.breaker.lock() = State::Open { until: Instant::now() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(30);

    fn breaker() -> Breaker {
        let faults_max = NonZeroU32::new(3).expect("three");
        Breaker::new(BreakerOptions { faults_max, pause: PAUSE })
    }

    fn fail(breaker: &Breaker, times: u32, now: Instant) {
        (0..times).for_each(|_| breaker.admit(now).expect("closed").failed(now));
    }

    #[test]
    fn faults_in_a_row_open_it_and_a_success_between_them_does_not() {
        let (breaker, now) = (breaker(), Instant::now());
        for _ in 0..5 {
            fail(&breaker, 2, now);
            breaker.admit(now).expect("closed").succeeded();
        }
        fail(&breaker, 3, now);
        assert_eq!(breaker.admit(now).err(), Some(PAUSE));
        let later = now + Duration::from_secs(10);
        assert_eq!(breaker.admit(later).err(), Some(Duration::from_secs(20)), "what is left of it");
    }

    #[test]
    fn after_the_pause_one_probe_passes_and_its_outcome_decides() {
        let (breaker, now) = (breaker(), Instant::now());
        fail(&breaker, 3, now);
        let later = now + PAUSE;
        let probe = breaker.admit(later).expect("a probe");
        assert!(breaker.admit(later).is_err(), "a second probe");
        probe.failed(later);
        assert_eq!(breaker.admit(later).err(), Some(PAUSE), "one failed probe opens it again");
        let later = later + PAUSE;
        breaker.admit(later).expect("a probe").succeeded();
        fail(&breaker, 2, later);
        assert!(!breaker.is_open(), "it starts from none");
    }

    #[test]
    fn a_probe_whose_caller_gave_up_leaves_its_place_to_the_next() {
        let (breaker, now) = (breaker(), Instant::now());
        fail(&breaker, 3, now);
        drop(breaker.admit(now + PAUSE).expect("a probe"));
        assert!(breaker.is_open());
        assert!(breaker.admit(Instant::now()).expect("another").is_probe);
    }

    #[test]
    fn answers_to_calls_from_before_say_nothing() {
        let (breaker, now) = (breaker(), Instant::now());
        let early: Vec<Permit<'_>> = (0..2).map(|_| breaker.admit(now).expect("closed")).collect();
        fail(&breaker, 3, now);
        let [first, second] = early.try_into().expect("two");
        first.succeeded();
        assert!(breaker.is_open(), "a late success closes nothing");
        let probe = breaker.admit(now + PAUSE).expect("a probe");
        second.failed(now + PAUSE);
        probe.succeeded();
        assert!(!breaker.is_open(), "nor does a late fault end the probe");
    }
}
