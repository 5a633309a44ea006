//! How long a server takes to come back, by what it has to read.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::ProgressBar;

use crate::bulk::{Feed, feed};
use crate::event;
use crate::measure::books::{self, Told};
use crate::measure::figures::Sample;
use crate::measure::process::{DataDir, Process};
use crate::measure::programs::Places;
use crate::report::progress;

pub const READY_JOURNAL: &str = "ready from journal s";
pub const READY_CHECKPOINT: &str = "ready from checkpoint s";
pub const OWN_JOURNAL: &str = "recovery from journal s";
pub const OWN_CHECKPOINT: &str = "recovery from checkpoint s";
pub const RESERVATION_BYTES: &str = "bytes per reservation";
pub const RECOVERED_BYTES: &str = "bytes per reservation, recovered";

const EVENT: &str = "journal";
/// An epoch that a million reservations do not fill: nothing is folded into a checkpoint.
const EPOCH_ENDLESS: u64 = 1 << 30;
/// The shortest epoch: the next few reservations close it.
const EPOCH_SHORT: u64 = 64 << 10;
/// Fill some short epochs. Unit: reservations.
const MORE: u64 = 2_000;
const CHECKPOINT_MAX: Duration = Duration::from_secs(60);
const SETTLE: Duration = Duration::from_millis(500);

/// Fills a journal, and restarts from it: alone, then with a checkpoint.
///
/// # Errors
/// A server did not start, or ended in the middle.
pub fn measure(
    places: &Places,
    data: &DataDir,
    reservations: u64,
    sample: &mut Sample,
) -> anyhow::Result<()> {
    let this = Journal { places, data: data.path(), reservations };
    let empty = this.fill(sample)?;
    this.restart(empty, sample)?;
    if sample.complaints.is_empty() {
        this.fold(sample)?;
        this.restart_from_checkpoint(sample)?;
    }
    // What is wrong already is told, and not hidden by what follows from it.
    Ok(())
}

struct Journal<'a> {
    places: &'a Places,
    data: &'a Path,
    reservations: u64,
}

impl Journal<'_> {
    fn start(&self, epoch_bytes: u64) -> anyhow::Result<Process> {
        let mut command: Command = self.places.engine(self.data);
        command.env("ONSALE__STORAGE__EPOCH_BYTES_MAX", epoch_bytes.to_string());
        Process::start(command, &self.places.work, |_| Ok(()))
    }

    /// Tells the server's memory before. Unit: bytes.
    fn fill(&self, sample: &mut Sample) -> anyhow::Result<u64> {
        let mut process = self.start(EPOCH_ENDLESS)?;
        let empty = process.rss()?;
        event::create(process.target, EVENT, self.reservations + MORE)?;
        let bar = progress("filling", self.reservations);
        let fed = self.feed(&mut process, "first", self.reservations, &bar);
        bar.finish_and_clear();
        fed?;
        std::thread::sleep(SETTLE);
        sample.figures.insert(RESERVATION_BYTES, self.weigh(&process, empty)?);
        self.check(&process, self.reservations, sample)?;
        Ok(empty)
    }

    fn restart(&self, empty: u64, sample: &mut Sample) -> anyhow::Result<()> {
        let process = self.start(EPOCH_ENDLESS)?;
        sample.figures.insert(READY_JOURNAL, process.took.as_secs_f64());
        sample.figures.insert(OWN_JOURNAL, own_figure(&process)?);
        sample.figures.insert(RECOVERED_BYTES, self.weigh(&process, empty)?);
        self.check(&process, self.reservations, sample)
    }

    fn fold(&self, sample: &mut Sample) -> anyhow::Result<()> {
        let mut process = self.start(EPOCH_SHORT)?;
        self.feed(&mut process, "more", MORE, &ProgressBar::hidden())?;
        process.wait_for_log("checkpoint written", CHECKPOINT_MAX)?;
        self.check(&process, self.reservations + MORE, sample)
    }

    fn restart_from_checkpoint(&self, sample: &mut Sample) -> anyhow::Result<()> {
        let process = self.start(EPOCH_ENDLESS)?;
        sample.figures.insert(READY_CHECKPOINT, process.took.as_secs_f64());
        sample.figures.insert(OWN_CHECKPOINT, own_figure(&process)?);
        self.check(&process, self.reservations + MORE, sample)?;
        process.stop()?;
        self.audit(sample)
    }

    /// Every law over what is on disk, and whether it was a checkpoint that was read.
    fn audit(&self, sample: &mut Sample) -> anyhow::Result<()> {
        let mut verify = Command::new(self.places.programs.join("onsale"));
        let said = verify.arg("verify").arg(self.data).output()?;
        let text = String::from_utf8_lossy(&said.stdout);
        if !said.status.success() {
            let why = text.lines().last().unwrap_or("no word").to_owned();
            sample.complaints.push(format!("onsale verify: {why}"));
            return Ok(());
        }
        let records = text.lines().find_map(|line| line.strip_prefix("records"));
        let records = records.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        let records: u64 = records.with_context(|| format!("no records in {text}"))?;
        if MORE < records {
            bail!("{records} records were not in the checkpoint");
        }
        Ok(())
    }

    fn feed(
        &self,
        process: &mut Process,
        name: &str,
        reservations: u64,
        bar: &ProgressBar,
    ) -> anyhow::Result<()> {
        let what = Feed {
            target: process.target,
            event: EVENT.to_owned(),
            name: name.to_owned(),
            reservations,
            connections: 1,
        };
        let fed = feed(&what, bar).map_err(|error| process.explain(error))?;
        if fed.yes != reservations {
            bail!("{} of {reservations} reservations were made: {:?}", fed.yes, fed.others);
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    fn weigh(&self, process: &Process, empty: u64) -> anyhow::Result<f64> {
        Ok(process.rss()?.saturating_sub(empty) as f64 / self.reservations as f64)
    }

    fn check(&self, process: &Process, told: u64, sample: &mut Sample) -> anyhow::Result<()> {
        let wrong = books::complaints(process.target, EVENT, Told::yes(told))?;
        sample.complaints.extend(wrong);
        Ok(())
    }
}

fn own_figure(process: &Process) -> anyhow::Result<f64> {
    process.metric("onsale_recovery_duration_seconds")
}
