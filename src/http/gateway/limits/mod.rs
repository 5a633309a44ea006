//! How often somebody may ask. Each policy that fits a request takes one from its budget, the narrowest first; the
//! first one that has none left refuses, and the others get theirs back.
//!
//! Nothing here waits or locks. What is kept is bounded (`cells`) and survives a restart (`kept`).

mod cells;
mod kept;
mod plan;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use axum::http::{HeaderName, HeaderValue, Response};
use ipnet::IpNet;

use self::cells::{Cell, Cells};
pub use self::kept::Change;
use self::kept::{Kept, Shelf};
use self::plan::{Plan, Row};
use crate::clock::Clock;
use crate::domain::limits::{Class, Debt, Policies, Ruling, TICKS_PER_SECOND};
use crate::faults;
use crate::http::problem::{Code, Problem};
use crate::metrics::{self, LimitMetrics};

/// Whom a request counts to.
pub struct Subject<'a> {
    /// The client's, behind all proxies of ours.
    pub address: IpAddr,
    /// Of a customer who showed who they are.
    pub customer: Option<&'a str>,
    /// Of a key, or of whoever vouches for the customer.
    pub organizer: Option<&'a str>,
    /// Nobody counts.
    pub is_exempt: bool,
    /// Whether they may come in although there is no room for strangers. Only asked then: it costs something.
    pub has_pass: &'a dyn Fn() -> bool,
}

/// What the answer tells about limits, whatever it is.
#[derive(Debug, Clone)]
pub struct Told {
    policy: HeaderValue,
    left: HeaderValue,
}

/// How the limits are set up.
pub struct LimitOptions {
    pub policies: Policies,
    pub exempt: Vec<IpNet>,
    /// Addresses that may owe something at the same time, and as many customers.
    pub cells_max: usize,
    /// Where changes and debts are kept; `None`: nowhere.
    pub directory: Option<PathBuf>,
    pub clock: Arc<dyn Clock>,
}

/// See the module.
pub struct Limits {
    plan: ArcSwap<Plan>,
    /// Whoever changes it holds this, so that file and memory agree.
    changing: Mutex<()>,
    /// What the settings say, to go back to.
    settings: Change,
    strangers: Cells,
    known: Cells,
    seed: [u8; 32],
    /// Debts of before the start that were lost may be so old. Unit: ticks since 1970.
    lost_at: Option<u64>,
    /// Unit: ticks since 1970.
    started_at: u64,
    /// Somebody was counted since debts were kept, and ever.
    is_changed: AtomicBool,
    is_used: AtomicBool,
    shelf: Option<Shelf>,
    clock: Arc<dyn Clock>,
    metrics: LimitMetrics,
}

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// Policies that one request can meet: customer, organizer, and two networks.
const ROWS_MAX: usize = 4;
/// A typical `RateLimit`.
const LEFT_BYTES: usize = 96;
/// Strangers are told to come back after 2 s or a little later, so that not all come at once.
const FULL_RETRY_SECONDS: u64 = 2;
/// Longest time after a kill in which whoever is not known may have asked before. Unit: seconds.
const DOUBT_SECONDS_MAX: u64 = 600;
/// Cells of each table that are kept while the server runs; all of them when it stops.
const KEPT_CELLS_MAX: usize = 1 << 16;

impl Told {
    /// Not onto what a CDN keeps: it would tell everybody what one client has left.
    pub fn write<B>(self, response: &mut Response<B>) {
        let headers = response.headers_mut();
        let control = headers.get(axum::http::header::CACHE_CONTROL);
        if control.is_some_and(|control| control.as_bytes().starts_with(b"public")) {
            return;
        }
        headers.insert(RATE_LIMIT_POLICY, self.policy);
        headers.insert(RATE_LIMIT, self.left);
    }
}

impl Limits {
    /// With what is kept of the time before the start.
    pub fn new(options: LimitOptions) -> Self {
        let now = ticks(&*options.clock);
        let settings = Change { policies: options.policies, exempt: options.exempt };
        let shelf = options.directory.map(Shelf::new);
        let changed = shelf.as_ref().and_then(Shelf::change);
        let kept = shelf.as_ref().and_then(Shelf::cells);
        let kept = kept.filter(|_| !faults::planted("forget_debts"));
        let limits = Self {
            plan: ArcSwap::from_pointee(Plan::new(
                changed.as_ref().unwrap_or(&settings),
                changed.is_some(),
            )),
            changing: Mutex::default(),
            settings,
            strangers: Cells::new(options.cells_max),
            known: Cells::new(options.cells_max),
            seed: kept.as_ref().map_or_else(rand::random, |kept| kept.seed),
            lost_at: kept.as_ref().and_then(|kept| (!kept.is_whole).then_some(kept.at)),
            started_at: now,
            is_changed: AtomicBool::new(false),
            is_used: AtomicBool::new(kept.is_some()),
            shelf,
            clock: options.clock,
            metrics: LimitMetrics::new(),
        };
        if let Some(kept) = kept {
            for (table, debts) in [(&limits.strangers, kept.strangers), (&limits.known, kept.known)]
            {
                for (key, debt) in debts {
                    if let Some(cell) = table.find(key, now).filter(|_| !debt.is_paid(now)) {
                        cell.change(|_| (Some(debt), ()));
                    }
                }
            }
        }
        limits
    }

    /// Whether nobody counts who comes from there.
    pub fn exempts(&self, address: IpAddr) -> bool {
        self.plan.load().exempts(address)
    }

    /// Takes one from each budget that the request counts to.
    ///
    /// # Errors
    /// 429 when one is empty, 503 when a stranger comes and too many are counted already. Nothing was taken.
    pub fn check(
        &self,
        class: Class,
        subject: &Subject<'_>,
    ) -> (Result<(), Problem>, Option<Told>) {
        let plan = self.plan.load();
        let of_class = plan.class(class);
        if subject.is_exempt || of_class.is_empty() || faults::planted("ignore_limits") {
            return (Ok(()), None);
        }
        let now = ticks(&*self.clock);
        let mut taken: [Option<(&Row, &Cell)>; ROWS_MAX] = [None; ROWS_MAX];
        let mut left = String::with_capacity(LEFT_BYTES);
        for ((row, key), taken_of) in of_class.rows(subject, &self.seed).zip(0..) {
            let table = if row.is_of_stranger() { &self.strangers } else { &self.known };
            let Some(cell) = table.find(key, now) else {
                // Whoever is known is not turned away for want of a cell.
                let may_pass = !row.is_of_stranger()
                    || subject.customer.is_some()
                    || class == Class::Book
                    || (subject.has_pass)();
                if may_pass {
                    continue;
                }
                give_back(&taken);
                metrics::count_limited("full");
                return (Err(self.full()), None);
            };
            match self.ask(row, cell, now) {
                Ruling::Passed { left: more, whole_in, .. } => {
                    row.tell(&mut left, more, whole_in);
                    taken[taken_of] = Some((row, cell));
                }
                Ruling::Refused { wait } => {
                    give_back(&taken);
                    metrics::count_limited(row.policy.name());
                    left.clear();
                    row.tell(&mut left, 0, wait);
                    return (Err(refused(row, wait)), of_class.told(&left));
                }
            }
        }
        if !self.is_changed.load(Ordering::Relaxed) {
            self.is_changed.store(true, Ordering::Relaxed);
        }
        (Ok(()), of_class.told(&left))
    }

    fn ask(&self, row: &Row, cell: &Cell, now: u64) -> Ruling {
        let window = row.pace.window();
        let doubt = window.min(DOUBT_SECONDS_MAX * TICKS_PER_SECOND);
        let is_doubtful = self.lost_at.is_some_and(|lost_at| now < lost_at.saturating_add(doubt));
        cell.change(|debt| {
            let known = !is_doubtful || self.started_at <= debt.until();
            let debt = if known { debt } else { Debt::unknown_since(now) };
            let ruling = row.pace.ask(debt, now);
            match ruling {
                Ruling::Passed { debt, .. } => (Some(debt), ruling),
                Ruling::Refused { .. } => (None, ruling),
            }
        })
    }

    fn full(&self) -> Problem {
        static SPREAD: AtomicU64 = AtomicU64::new(0);
        let later = SPREAD.fetch_add(1, Ordering::Relaxed) % 4;
        let detail =
            "too many addresses ask at once; come back, or with the pass of a waiting room";
        Problem::new(Code::Busy, detail)
            .with("reason", "limits_full")
            .retry_after(FULL_RETRY_SECONDS + later)
    }

    /// What holds now, and whether it was changed since the settings were read.
    pub fn current(&self) -> (Change, bool) {
        let plan = self.plan.load();
        (plan.change.clone(), plan.is_changed)
    }

    /// What holds from now on, also after a restart; `None`: what the settings say.
    ///
    /// # Errors
    /// It could not be kept; nothing changed.
    pub fn set(&self, change: Option<Change>) -> std::io::Result<()> {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shelf) = &self.shelf {
            shelf.keep_change(change.as_ref())?;
        }
        let is_changed = change.is_some();
        let change = change.unwrap_or_else(|| self.settings.clone());
        self.plan.store(Arc::new(Plan::new(&change, is_changed)));
        Ok(())
    }

    /// Notes who owes what, if that has changed. Called once a second, and with `whole` at the end.
    pub fn keep(&self, whole: bool) {
        let now = ticks(&*self.clock);
        self.metrics.strangers_used.set(self.strangers.used(now));
        self.metrics.known_used.set(self.known.used(now));
        let Some(shelf) = &self.shelf else { return };
        let is_changed = self.is_changed.swap(false, Ordering::Relaxed);
        if is_changed {
            self.is_used.store(true, Ordering::Relaxed);
        }
        let is_due = is_changed || (whole && self.is_used.load(Ordering::Relaxed));
        if !is_due {
            return;
        }
        let max = if whole { usize::MAX } else { KEPT_CELLS_MAX };
        let kept = Kept {
            at: now,
            is_whole: whole,
            seed: self.seed,
            strangers: self.strangers.owing(now, max),
            known: self.known.owing(now, max),
        };
        if let Err(error) = shelf.keep_cells(&kept) {
            tracing::warn!(%error, "who owes what under the limits could not be kept");
        }
    }
}

/// All that was taken by a request that is refused after all.
fn give_back(taken: &[Option<(&Row, &Cell)>; ROWS_MAX]) {
    for (row, cell) in taken.iter().flatten() {
        cell.change(|debt| (Some(row.pace.give_back(debt)), ()));
    }
}

fn refused(row: &Row, wait: u64) -> Problem {
    let policy = &row.policy;
    let (quota, seconds) = (policy.quota, policy.window_seconds);
    let detail = format!("{} allows {quota} requests in {seconds} s", policy.name());
    Problem::new(Code::RateLimited, detail)
        .with("violated-policies", vec![policy.name()])
        .retry_after(wait.div_ceil(TICKS_PER_SECOND))
}

/// Unit: ticks since 1970.
fn ticks(clock: &dyn Clock) -> u64 {
    clock.now().0.saturating_mul(TICKS_PER_SECOND / 1_000)
}

#[cfg(test)]
mod tests;
