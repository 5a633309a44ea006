//! Closed-loop load for a fixed time over a fixed number of connections.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use super::machine::Moment;
use crate::buyer;
use crate::connection::{Answer, Connection};
use crate::target::Target;

/// What is asked, by whom.
pub struct Load {
    pub target: Target,
    pub connections: u32,
    /// The status that is counted.
    pub wanted: u16,
    /// Request `n` is for lot `n % lots`; at least 1.
    pub lots: u64,
    /// The bytes of request `n`.
    pub request: Box<dyn Fn(u64) -> Vec<u8>>,
    /// Is told every answer with the wanted status.
    pub heard: Option<Heard>,
}

pub type Heard = Box<dyn Fn(&Answer)>;

/// What came of it; rates and times count only what was asked and answered inside of the window.
pub struct Loaded {
    /// Answers with the wanted status in the window.
    pub answers: u64,
    /// 201s by lot, warm-up included: what the books must say.
    pub told: Vec<u64>,
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
    load: Load,
    from: Instant,
    until: Instant,
    next: u64,
    answers: u64,
    told: Vec<u64>,
    others: BTreeMap<String, u64>,
    latency: Histogram<u64>,
}

/// # Errors
/// The machine's counters cannot be read.
pub fn load(
    load: Load,
    times: &Times,
    look: impl Fn() -> anyhow::Result<Moment>,
) -> anyhow::Result<Loaded> {
    let from = Instant::now() + times.warm_up;
    let until = from + times.window;
    let connections = load.connections;
    let lots = usize::try_from(load.lots.max(1))?;
    let shared = Rc::new(RefCell::new(Shared {
        load,
        from,
        until,
        next: 0,
        answers: 0,
        told: vec![0; lots],
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
    let target = shared.borrow().load.target;
    let mut connection = Connection::new(target);
    loop {
        let asked = Instant::now();
        let (request, lot) = {
            let mut shared = shared.borrow_mut();
            if shared.until <= asked {
                return;
            }
            shared.next += 1;
            let lot = usize::try_from(shared.next % shared.load.lots.max(1)).unwrap_or_default();
            ((shared.load.request)(shared.next), lot)
        };
        let answer = tokio::time::timeout(ANSWER_MAX, connection.ask(&request)).await;
        let mut shared = shared.borrow_mut();
        match answer {
            Ok(Ok(answer)) => {
                shared.told[lot] += u64::from(answer.status == 201);
                if answer.status == shared.load.wanted {
                    shared.note(asked);
                    if let Some(heard) = &shared.load.heard {
                        heard(&answer);
                    }
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
