//! Lets all buyers of a plan come, over a bounded number of connections.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::ProgressBar;
use serde::Deserialize;
use tokio::task::JoinSet;

use crate::buyer::{self, Outcome};
use crate::connection::{Answer, Connection};
use crate::cpu;
use crate::journey::story::Line;
use crate::journey::walk::Walk;
use crate::ledger::{Entry, Ledger};
use crate::plan::Plan;
use crate::tally::Tally;

/// How long it took, and what came of it.
pub struct Rushed {
    pub took: Duration,
    /// CPU time of this process during the rush.
    pub generator_cpu: Duration,
    pub tally: Tally,
    /// Whether those who reserved went on to buy.
    pub goes_on: bool,
}

struct Run {
    plan: Plan,
    ledger: Ledger,
    started: Instant,
    next: AtomicU64,
    progress: ProgressBar,
}

/// # Errors
/// The ledger cannot be written; the run is worth nothing then.
pub fn rush(plan: Plan, ledger: Ledger, threads: u32) -> anyhow::Result<Rushed> {
    let progress = crate::report::progress("buyers", plan.buyers);
    let cpu_before = cpu::own()?;
    let started = Instant::now();
    let run = Arc::new(Run { plan, ledger, started, next: AtomicU64::new(0), progress });
    let workers: Vec<_> = (0..threads)
        .map(|thread| {
            let run = Arc::clone(&run);
            // The first threads take one more where it does not divide.
            let connections = (run.plan.connections + threads - 1 - thread) / threads;
            std::thread::spawn(move || worker(run, connections))
        })
        .collect();
    let mut tally = Tally::default();
    for worker in workers {
        tally.merge(worker.join().map_err(|_| anyhow::anyhow!("a worker panicked"))??);
    }
    run.ledger.flush()?;
    run.progress.finish_and_clear();
    let generator_cpu = cpu::own()? - cpu_before;
    let goes_on = run.plan.roles.is_some();
    Ok(Rushed { took: run.started.elapsed(), generator_cpu, tally, goes_on })
}

/// One thread with its share of the connections; threads share nothing but the next buyer's number.
fn worker(run: Arc<Run>, connections: u32) -> anyhow::Result<Tally> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let run = Rc::new(run);
        let mut serving = JoinSet::new();
        for _ in 0..connections {
            let run = Rc::clone(&run);
            serving.spawn_local(async move { serve(&run).await });
        }
        let mut tally = Tally::default();
        while let Some(served) = serving.join_next().await {
            tally.merge(served.context("a connection panicked")??);
        }
        Ok(tally)
    })
}

/// Takes buyers one after another until there are no more.
async fn serve(run: &Run) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    let mut connection = Connection::new(run.plan.target);
    loop {
        let buyer = run.next.fetch_add(1, Ordering::Relaxed);
        if run.plan.buyers <= buyer {
            return Ok(tally);
        }
        let intended = run.arrival(buyer).await;
        run.buy(&mut connection, buyer, intended, &mut tally).await?;
        run.progress.inc(1);
    }
}

impl Run {
    /// Waits until the buyer comes, and tells from when their latency counts: from the moment they
    /// were due if all connections were still busy then (their wait is the server's doing), else from
    /// when this program woke (its timer's delay is not).
    async fn arrival(&self, buyer: u64) -> Instant {
        let now = Instant::now();
        let Some(due) = self.plan.comes_at(buyer).map(|after| self.started + after) else {
            return now;
        };
        if due <= now {
            return due;
        }
        tokio::time::sleep_until(due.into()).await;
        Instant::now()
    }

    async fn buy(
        &self,
        connection: &mut Connection,
        buyer: u64,
        intended: Instant,
        tally: &mut Tally,
    ) -> anyhow::Result<()> {
        let request = self.plan.reserve(buyer);
        let patience = self.plan.patience;
        match buyer::ask(connection, &request, patience, &mut tally.trouble).await {
            Outcome::Answered(answer) if answer.status == 201 => match reservation(&answer) {
                Ok(Reservation { id, expires_at }) => {
                    let took = intended.elapsed();
                    let (key, quantity) = (self.plan.key(buyer), 1);
                    self.ledger.add(&Entry { key, id: id.clone(), quantity, expires_at })?;
                    tally.sell(took);
                    if let Some(roles) = &self.plan.roles {
                        let walk = Walk { plan: &self.plan, roles, ledger: &self.ledger };
                        walk.go(connection, buyer, &id, tally).await?;
                    }
                }
                Err(reason) => tally.fail(reason, true),
            },
            Outcome::Answered(answer) if answer.status == 409 => {
                tally.refuse(buyer::code(&answer), intended.elapsed());
            }
            Outcome::Answered(answer) => tally.fail(buyer::code(&answer), false),
            Outcome::GaveUp { reason, maybe_done } => {
                if maybe_done && self.plan.roles.is_some() {
                    self.ledger.add(&Line::Unknown { unknown: self.plan.key(buyer) })?;
                }
                tally.fail(reason, maybe_done);
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Reservation {
    id: String,
    expires_at: Option<String>,
}

fn reservation(answer: &Answer) -> Result<Reservation, String> {
    answer.parse()
}
