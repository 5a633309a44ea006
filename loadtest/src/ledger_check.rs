//! Holds a ledger against the server: every 201 is still there, none was given twice, and the pool's
//! counts add up.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::ProgressBar;
use serde::Deserialize;
use tokio::task::JoinSet;

use crate::buyer::{self, Outcome, Trouble};
use crate::connection::{Answer, Connection};
use crate::journey::{self, Balance};
use crate::ledger::{self, Entry, Heading};
use crate::plan::get;
use crate::target::Target;

const CONNECTIONS: usize = 32;
const PATIENCE: Duration = Duration::from_secs(30);
/// Complaints that are printed; the rest is counted.
const COMPLAINTS_MAX: usize = 20;

/// Asks the server for every reservation of a ledger.
#[derive(Args)]
pub struct CheckLedger {
    /// The ledger of an earlier run.
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
    /// The server, on this machine.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    target: Target,
}

impl CheckLedger {
    /// `true`: all holds.
    ///
    /// # Errors
    /// There is no ledger or no server.
    pub fn run(&self) -> anyhow::Result<bool> {
        let found = check(self.target, &self.ledger)?;
        found.print();
        Ok(found.holds())
    }
}

/// A pool as the server counts it. Unit: units.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PoolCount {
    pub id: String,
    pub capacity: u64,
    pub available: u64,
    pub held: u64,
    pub sold: u64,
    pub blocked: u64,
}

impl PoolCount {
    pub fn taken(&self) -> u64 {
        self.held + self.sold
    }
}

/// What a check found.
pub struct Checked {
    pub told: u64,
    pub pool: PoolCount,
    pub complaints: Vec<String>,
    /// Where buyers went on to buy.
    pub balance: Option<Balance>,
}

impl Checked {
    pub fn holds(&self) -> bool {
        self.complaints.is_empty()
    }

    pub fn print(&self) {
        let PoolCount { available, held, sold, blocked, capacity, .. } = &self.pool;
        println!("ledger        {} units were promised in 201s", self.told);
        println!(
            "server        available {available} + held {held} + sold {sold} + blocked {blocked} \
             = capacity {capacity}"
        );
        if let Some(balance) = &self.balance {
            balance.print();
        }
        for complaint in self.complaints.iter().take(COMPLAINTS_MAX) {
            println!("WRONG         {complaint}");
        }
        match self.complaints.len() {
            0 => println!("ledger clean"),
            wrong => println!("ledger NOT clean: {wrong} wrong"),
        }
    }
}

/// # Errors
/// The ledger cannot be read, or the server cannot be asked.
pub fn check(target: Target, path: &Path) -> anyhow::Result<Checked> {
    if ledger::heading(path)?.price.is_some() {
        return journey::check(target, path);
    }
    let (heading, entries) = ledger::read::<Entry>(path)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let pool = pool_count(target, &heading).await?;
        let mut complaints = doubles(&entries);
        complaints.extend(capacity(&heading, &pool));
        let told = entries.iter().map(|entry| entry.quantity).sum();
        complaints.extend(sums(&heading, &pool, told));
        complaints.extend(lost(target, heading.event, entries).await?);
        Ok(Checked { told, pool, complaints, balance: None })
    })
}

/// Entries whose id or key was in the ledger before.
pub fn doubles<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<String> {
    let mut ids = BTreeSet::new();
    let mut keys = BTreeSet::new();
    let doubled =
        entries.into_iter().filter(|entry| !ids.insert(&entry.id) | !keys.insert(&entry.key));
    doubled.map(|entry| format!("{} (key {}) was told twice", entry.id, entry.key)).collect()
}

/// Whether the pool is as large as it was, and its parts make the whole.
pub fn capacity(heading: &Heading, pool: &PoolCount) -> Vec<String> {
    let mut complaints = Vec::new();
    if pool.available + pool.taken() + pool.blocked != pool.capacity {
        complaints.push("the pool's counts do not add up to its capacity".to_owned());
    }
    if pool.capacity != heading.capacity {
        complaints.push(format!("the capacity was {}, is {}", heading.capacity, pool.capacity));
    }
    complaints
}

fn sums(heading: &Heading, pool: &PoolCount, told: u64) -> Vec<String> {
    let mut complaints = Vec::new();
    if pool.taken() < told {
        complaints.push(format!("{told} units were promised, {} are taken", pool.taken()));
    }
    if heading.capacity < told {
        complaints.push(format!("oversold: {told} units promised of {}", heading.capacity));
    }
    complaints
}

/// # Errors
/// The server cannot be asked, or has no such pool.
pub async fn pool_count(target: Target, heading: &Heading) -> anyhow::Result<PoolCount> {
    #[derive(Deserialize)]
    struct Availability {
        pools: Vec<PoolCount>,
    }
    let path = format!("/v1/events/{}/availability", heading.event);
    let answer = ask(&mut Connection::new(target), &path).await?;
    if answer.status != 200 {
        bail!("{path}: status {}: {}", answer.status, answer.text());
    }
    let availability: Availability = answer.parse().map_err(anyhow::Error::msg)?;
    let pool = availability.pools.into_iter().find(|pool| pool.id == heading.pool);
    pool.with_context(|| format!("{path}: there is no pool {}", heading.pool))
}

/// Entries that the server does not hold as it promised.
async fn lost(target: Target, event: String, entries: Vec<Entry>) -> anyhow::Result<Vec<String>> {
    let progress = crate::report::progress("ledger", entries.len() as u64);
    let (event, entries) = (Rc::new(event), Rc::new(entries));
    let mut readers = JoinSet::new();
    for first in 0..CONNECTIONS {
        let (event, entries) = (Rc::clone(&event), Rc::clone(&entries));
        let progress = progress.clone();
        readers.spawn_local(async move {
            read_share(target, &event, entries.iter().skip(first).step_by(CONNECTIONS), &progress)
                .await
        });
    }
    let mut complaints = Vec::new();
    while let Some(read) = readers.join_next().await {
        complaints.extend(read.context("a reader panicked")??);
    }
    progress.finish_and_clear();
    Ok(complaints)
}

async fn read_share(
    target: Target,
    event: &str,
    entries: impl Iterator<Item = &Entry>,
    progress: &ProgressBar,
) -> anyhow::Result<Vec<String>> {
    let mut connection = Connection::new(target);
    let mut complaints = Vec::new();
    for entry in entries {
        let path = format!("/v1/events/{event}/reservations/{}", entry.id);
        let answer = ask(&mut connection, &path).await?;
        complaints.extend(complaint(entry, &answer));
        progress.inc(1);
    }
    Ok(complaints)
}

fn complaint(entry: &Entry, answer: &Answer) -> Option<String> {
    #[derive(Deserialize)]
    struct Reservation {
        status: String,
        lines: Vec<Line>,
    }
    #[derive(Deserialize)]
    struct Line {
        quantity: u64,
    }
    let Entry { key, id, quantity, .. } = entry;
    if answer.status != 200 {
        return Some(format!("{id} (key {key}) was promised and is gone: {}", answer.text()));
    }
    let found: Reservation = match answer.parse() {
        Ok(found) => found,
        Err(reason) => return Some(format!("{id} (key {key}): {reason}")),
    };
    let units: u64 = found.lines.iter().map(|line| line.quantity).sum();
    let live = matches!(found.status.as_str(), "HELD" | "BOOKED");
    (!live || units != *quantity).then(|| {
        let status = found.status;
        format!("{id} (key {key}): {quantity} units were promised, now {status} with {units}")
    })
}

/// Asks with patience, whatever the answer is.
///
/// # Errors
/// There is no answer.
pub async fn ask(connection: &mut Connection, path: &str) -> anyhow::Result<Answer> {
    match buyer::ask(connection, &get(path), PATIENCE, &mut Trouble::default()).await {
        Outcome::Answered(answer) => Ok(answer),
        Outcome::GaveUp { reason, .. } => bail!("{path}: {reason}"),
    }
}
