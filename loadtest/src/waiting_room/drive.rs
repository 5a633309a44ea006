//! Lets the crowd act over a bounded number of connections, looks at the room meanwhile, and kills the
//! server when asked to.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use indicatif::ProgressBar;
use tokio::task::JoinSet;

use super::crowd::{Crowd, Next, Shared};
use super::walk::{Lines, step};
use super::watch::{self, Look};
use crate::measure::process::Process;
use crate::target::Target;

/// The server, which may be away for a while.
pub struct Server {
    process: Rc<RefCell<Option<Process>>>,
    pub target: Target,
    pub admin: Option<Target>,
    logs: PathBuf,
    again: Box<dyn Fn() -> Command>,
    /// How long each start after a kill took.
    pub starts: RefCell<Vec<Duration>>,
}

impl Server {
    /// `again` starts it on the same addresses and data.
    pub fn new(process: Process, logs: PathBuf, again: Box<dyn Fn() -> Command>) -> Self {
        let (target, admin) = (process.target, process.admin);
        let process = Rc::new(RefCell::new(Some(process)));
        Self { process, target, admin, logs, again, starts: RefCell::default() }
    }

    /// One that nobody kills.
    #[cfg(test)]
    pub fn without_process(target: Target) -> Self {
        Self {
            process: Rc::default(),
            target,
            admin: Some(target),
            logs: PathBuf::new(),
            again: Box::new(|| Command::new("true")),
            starts: RefCell::default(),
        }
    }

    /// Unit: bytes. `None`: it is away.
    pub fn rss(&self) -> Option<u64> {
        self.process.borrow().as_ref().and_then(|process| process.rss().ok())
    }

    /// Whether it ended by itself.
    pub fn has_ended(&self) -> bool {
        self.process.borrow_mut().as_mut().is_some_and(|process| process.ended().is_some())
    }

    /// `kill -9`, and again.
    async fn kill(&self) -> anyhow::Result<()> {
        let process = self.process.borrow_mut().take();
        let (command, logs) = ((self.again)(), self.logs.clone());
        let started = tokio::task::spawn_blocking(move || {
            // Dropping it kills it.
            drop(process);
            Process::start(command, &logs, |_| Ok(()))
        });
        let process = started.await?.context("after kill -9")?;
        self.starts.borrow_mut().push(process.took);
        *self.process.borrow_mut() = Some(process);
        Ok(())
    }
}

/// Runs until nobody is left, or the time is over.
///
/// # Errors
/// The server ended, or speaks another language than this program.
pub fn drive(
    crowd: Crowd,
    server: &Rc<Server>,
    connections: u32,
    kills: u32,
    bar: &ProgressBar,
) -> anyhow::Result<(Crowd, Vec<Look>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    let crowd: Shared = Rc::new(RefCell::new(crowd));
    let looks = local.block_on(&runtime, async {
        let mut serving = JoinSet::new();
        for _ in 0..connections {
            serving.spawn_local(serve(Rc::clone(&crowd), server.target));
        }
        let killing =
            tokio::task::spawn_local(kill_at_times(Rc::clone(&crowd), Rc::clone(server), kills));
        let looking = watch::watch(Rc::clone(&crowd), Rc::clone(server), bar.clone());
        let looking = tokio::task::spawn_local(looking);
        while let Some(served) = serving.join_next().await {
            served.context("a connection panicked")??;
        }
        killing.await.context("the killer panicked")??;
        looking.await.context("the watcher panicked")?
    })?;
    let crowd = Rc::into_inner(crowd).context("a connection is left")?.into_inner();
    Ok((crowd, looks))
}

async fn serve(crowd: Shared, target: Target) -> anyhow::Result<()> {
    let mut lines = Lines::new(target);
    loop {
        let next = crowd.borrow_mut().next();
        match next {
            Next::Act(fan) => step(&crowd, &mut lines, fan).await?,
            Next::Wait(millis) => {
                tokio::time::sleep(Duration::from_millis(u64::from(millis))).await;
            }
            Next::Over => return Ok(()),
        }
    }
}

/// Each at a random moment of its own part of the run, by what fans have done.
async fn kill_at_times(crowd: Shared, server: Rc<Server>, kills: u32) -> anyhow::Result<()> {
    const PAUSE: Duration = Duration::from_millis(20);
    for kill in 0..kills {
        let part = 0.9 / f64::from(kills);
        let at = 0.05 + part * (f64::from(kill) + rand::random::<f64>());
        while progress(&crowd.borrow()) < at {
            if crowd.borrow().is_over() {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        server.kill().await?;
        let mut crowd = crowd.borrow_mut();
        crowd.started_at = Some(crowd.now());
    }
    Ok(())
}

/// From 0 to 1: half for joining, a quarter each for leaving the line and for the units.
#[expect(clippy::cast_precision_loss, reason = "a share")]
fn progress(crowd: &Crowd) -> f64 {
    let fans = f64::from(crowd.terms.fans);
    let joined = crowd.measures.joins as f64 / fans;
    let done = crowd.done() as f64 / fans;
    let taken = crowd.story.units_told.saturating_sub(crowd.story.units_given_back) as f64;
    let taken = (taken / f64::from(crowd.terms.units)).min(1.0);
    joined / 2.0 + done / 4.0 + taken / 4.0
}
