//! Closed-loop load for a fixed time over a fixed number of connections.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use super::machine::Moment;
use crate::buyer;
use crate::connection::Connection;
use crate::plan::Plan;

/// What came of it; rates and times count only what was asked and answered inside of the window.
pub struct Loaded {
    /// Answers with the wanted status in the window.
    pub answers: u64,
    /// 201s, warm-up included: what the books must say.
    pub told: u64,
    /// By code or reason, warm-up included.
    pub others: BTreeMap<String, u64>,
    /// Unit: microseconds.
    pub latency: Histogram<u64>,
    pub window: Duration,
    pub before: Moment,
    pub after: Moment,
}

pub struct Times {
    pub warm_up: Duration,
    pub window: Duration,
}

/// A request that takes longer is given up, and the run with it.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// Longest latency that is told apart. Unit: microseconds.
const LATENCY_MAX: u64 = 60_000_000;

struct Shared {
    plan: Plan,
    wanted: u16,
    from: Instant,
    until: Instant,
    next: u64,
    answers: u64,
    told: u64,
    others: BTreeMap<String, u64>,
    latency: Histogram<u64>,
}

/// # Errors
/// The machine's counters cannot be read.
pub fn load(
    plan: Plan,
    wanted: u16,
    times: &Times,
    look: impl Fn() -> anyhow::Result<Moment>,
) -> anyhow::Result<Loaded> {
    let from = Instant::now() + times.warm_up;
    let until = from + times.window;
    let connections = plan.connections;
    let shared = Rc::new(RefCell::new(Shared {
        plan,
        wanted,
        from,
        until,
        next: 0,
        answers: 0,
        told: 0,
        others: BTreeMap::new(),
        latency: Histogram::new_with_bounds(1, LATENCY_MAX, 3)?,
    }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    let (before, after) = local.block_on(&runtime, async {
        let mut serving = JoinSet::new();
        for _ in 0..connections {
            serving.spawn_local(ask_on(Rc::clone(&shared)));
        }
        tokio::time::sleep_until(from.into()).await;
        let before = look()?;
        tokio::time::sleep_until(until.into()).await;
        let after = look()?;
        while serving.join_next().await.is_some() {}
        anyhow::Ok((before, after))
    })?;
    let shared = Rc::into_inner(shared).ok_or_else(|| anyhow::anyhow!("a connection is left"))?;
    let Shared { answers, told, others, latency, .. } = shared.into_inner();
    Ok(Loaded { answers, told, others, latency, window: times.window, before, after })
}

/// One buyer after another over one connection, until the window ends or the connection is of no use.
async fn ask_on(shared: Rc<RefCell<Shared>>) {
    let target = shared.borrow().plan.target;
    let mut connection = Connection::new(target);
    loop {
        let asked = Instant::now();
        let request = {
            let mut shared = shared.borrow_mut();
            if shared.until <= asked {
                return;
            }
            shared.next += 1;
            shared.plan.reserve(shared.next)
        };
        let answer = tokio::time::timeout(ANSWER_MAX, connection.ask(&request)).await;
        let mut shared = shared.borrow_mut();
        match answer {
            Ok(Ok(answer)) => {
                shared.told += u64::from(answer.status == 201);
                if answer.status == shared.wanted {
                    shared.note(asked);
                } else {
                    *shared.others.entry(buyer::code(&answer)).or_default() += 1;
                }
            }
            Ok(Err(error)) => return shared.give_up(&format!("connection: {}", error.kind())),
            Err(_) => return shared.give_up("no answer in 20 s"),
        }
    }
}

impl Shared {
    fn note(&mut self, asked: Instant) {
        let answered = Instant::now();
        if self.from <= asked && answered <= self.until {
            self.answers += 1;
            let micros = u64::try_from((answered - asked).as_micros()).unwrap_or(u64::MAX);
            self.latency.saturating_record(micros.max(1));
        }
    }

    fn give_up(&mut self, why: &str) {
        *self.others.entry(why.to_owned()).or_default() += 1;
    }
}
