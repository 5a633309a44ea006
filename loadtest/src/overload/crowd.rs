//! Fans who come whatever the server does (open loop), each over a line of their own while they wait.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::buyer;
use crate::connection::{Answer, Connection};
use crate::event::POOL;
use crate::plan;
use crate::target::Target;

/// What a fan does who is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fans {
    /// Asks again at once.
    Pushy,
    /// Comes back when `Retry-After` says, and up to half as long again.
    Polite,
}

/// Tries of one fan.
pub const TRIES_MAX: u32 = 3;
/// A fan who has waited so long goes away.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// When the server does not say.
const RETRY_AFTER: Duration = Duration::from_secs(1);
const LATENCY_MAX: u64 = 60_000_000;
/// Between two looks who is due; adds up to itself to every latency, at every load.
const TICK: Duration = Duration::from_millis(1);

/// What came of it.
pub struct Tally {
    /// Fans who came.
    pub fans: u64,
    /// Requests, so with second and third tries.
    pub tries: u64,
    /// 201s.
    pub accepted: u64,
    /// 201s while fans were still coming.
    pub accepted_in_time: u64,
    /// By code.
    pub refused: BTreeMap<String, u64>,
    /// Fans without an answer, by reason.
    pub unanswered: BTreeMap<String, u64>,
    /// Requests that may have taken effect, although nobody was told.
    pub unknown: u64,
    /// Of the accepted, from when their try was due. Unit: microseconds.
    pub latency: Histogram<u64>,
    /// The same in the second half of the time: the connections are made by then.
    pub settled: Histogram<u64>,
    /// How late the generator was itself.
    pub late: Duration,
}

impl Tally {
    fn new() -> Self {
        let histogram =
            || Histogram::new_with_bounds(1, LATENCY_MAX, 3).expect("bounds are in order");
        Self {
            fans: 0,
            tries: 0,
            accepted: 0,
            accepted_in_time: 0,
            refused: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            unknown: 0,
            latency: histogram(),
            settled: histogram(),
            late: Duration::ZERO,
        }
    }

    /// Of the accepted. Unit: milliseconds.
    pub fn millis(&self, quantile: f64) -> f64 {
        millis(&self.latency, quantile)
    }
}

/// Unit: milliseconds.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub fn millis(of: &Histogram<u64>, quantile: f64) -> f64 {
    of.value_at_quantile(quantile) as f64 / 1e3
}

/// Where a crowd goes.
#[derive(Clone)]
pub struct Place {
    pub target: Target,
    pub event: String,
    pub fans: Fans,
    /// Fans who can wait at the same time; more find no line.
    pub lines: u32,
    /// Part of the keys: one name, one crowd.
    pub name: String,
}

/// Clones are the same crowd.
#[derive(Clone)]
pub struct Crowd(Rc<Shared>);

struct Shared {
    place: Place,
    /// Lines that nobody uses, the last used first.
    free: RefCell<Vec<Connection>>,
    made: Cell<u32>,
    next: Cell<u64>,
    settled_from: Cell<Instant>,
    waiting: Cell<u64>,
    over: Cell<bool>,
    tally: RefCell<Tally>,
}

impl Crowd {
    pub fn new(place: Place) -> Self {
        Self(Rc::new(Shared {
            place,
            free: RefCell::new(Vec::new()),
            made: Cell::new(0),
            next: Cell::new(0),
            settled_from: Cell::new(Instant::now()),
            waiting: Cell::new(0),
            over: Cell::new(false),
            tally: RefCell::new(Tally::new()),
        }))
    }

    /// Lets fans come at `rate` per second for so long. Must be called within a `LocalSet`.
    #[expect(clippy::cast_precision_loss, reason = "fans are far fewer than 2^52")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, small")]
    pub async fn come(&self, rate: f64, lasting: Duration) {
        let begun = Instant::now();
        self.0.settled_from.set(begun + lasting / 2);
        let all = (rate * lasting.as_secs_f64()) as u64;
        let mut come = 0;
        while come < all {
            let now = (begun.elapsed().as_secs_f64() * rate) as u64;
            while come <= now && come < all {
                let due = begun + Duration::from_secs_f64(come as f64 / rate);
                self.fan_comes(due);
                come += 1;
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// Nobody comes any more, and nobody comes back.
    pub fn end(&self) {
        self.0.over.set(true);
    }

    /// Waits for those who wait, and tells what came of everybody.
    pub async fn gone(self) -> Tally {
        self.end();
        while 0 < self.0.waiting.get() {
            tokio::time::sleep(TICK).await;
        }
        self.0.tally.replace(Tally::new())
    }

    /// What came of everybody since the last call, those who wait still left out.
    pub fn so_far(&self) -> Tally {
        self.0.tally.replace(Tally::new())
    }

    fn fan_comes(&self, due: Instant) {
        let shared = Rc::clone(&self.0);
        {
            let mut tally = shared.tally.borrow_mut();
            tally.late = tally.late.max(due.elapsed());
            tally.fans += 1;
        }
        let number = shared.next.replace(shared.next.get() + 1);
        shared.waiting.set(shared.waiting.get() + 1);
        tokio::task::spawn_local(async move {
            shared.fan(number, due).await;
            shared.waiting.set(shared.waiting.get() - 1);
        });
    }
}

/// What a try came to.
enum Try {
    Done,
    /// Again, after so long.
    Refused(Duration),
}

impl Shared {
    async fn fan(&self, number: u64, mut due: Instant) {
        let Place { event, name, .. } = &self.place;
        let request = plan::reserve(event, POOL, &format!("{name}-{number}"), number);
        for _ in 0..TRIES_MAX {
            let Some(mut line) = self.line() else {
                self.unanswered("no line was free", false);
                return;
            };
            self.tally.borrow_mut().tries += 1;
            let answer = tokio::time::timeout(ANSWER_MAX, line.ask(&request)).await;
            let refused = match answer {
                Ok(Ok(answer)) => self.answered(&answer, due),
                Ok(Err(error)) => {
                    self.unanswered(&format!("connection: {}", error.kind()), true);
                    Try::Done
                }
                Err(_) => {
                    self.unanswered("no answer in 5 s", true);
                    // An answer may still come over the old one.
                    line = Connection::new(self.place.target);
                    Try::Done
                }
            };
            self.free.borrow_mut().push(line);
            let Try::Refused(pause) = refused else { return };
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            if self.over.get() {
                return;
            }
            due = Instant::now();
        }
    }

    fn line(&self) -> Option<Connection> {
        if let Some(line) = self.free.borrow_mut().pop() {
            return Some(line);
        }
        let made = self.made.get();
        (made < self.place.lines).then(|| {
            self.made.set(made + 1);
            Connection::new(self.place.target)
        })
    }

    fn answered(&self, answer: &Answer, due: Instant) -> Try {
        let mut tally = self.tally.borrow_mut();
        match answer.status {
            201 => {
                tally.accepted += 1;
                if !self.over.get() {
                    tally.accepted_in_time += 1;
                }
                let micros = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
                tally.latency.saturating_record(micros.max(1));
                if self.settled_from.get() <= due {
                    tally.settled.saturating_record(micros.max(1));
                }
                Try::Done
            }
            429 | 503 => {
                let code = buyer::code(answer);
                tally.unknown += u64::from(code == "outcome_unknown");
                *tally.refused.entry(code).or_default() += 1;
                Try::Refused(match self.place.fans {
                    Fans::Pushy => Duration::ZERO,
                    Fans::Polite => {
                        let told = answer.retry_after.map_or(RETRY_AFTER, Duration::from_secs);
                        told.mul_f64(1.0 + rand::random::<f64>() / 2.0)
                    }
                })
            }
            _ => {
                *tally.unanswered.entry(buyer::code(answer)).or_default() += 1;
                Try::Done
            }
        }
    }

    fn unanswered(&self, why: &str, unknown: bool) {
        let mut tally = self.tally.borrow_mut();
        *tally.unanswered.entry(why.to_owned()).or_default() += 1;
        tally.unknown += u64::from(unknown);
    }
}
