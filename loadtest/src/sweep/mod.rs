//! How the engine grows with what it holds and with who asks.

mod axes;
mod journal;
mod run;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::Args;

use self::axes::{Axis, Point};
use self::run::{EVENT_BYTES, RATE, Run, SERVER_CPU};
use crate::measure::curves::{Names, logarithmic};
use crate::measure::figures::{Goal, Row, Sample, curve, figure, ratio, rows, table};
use crate::measure::load::Times;
use crate::measure::programs::Places;
use crate::measure::report::{Report, Section};

const COLUMNS: [&str; 14] = [
    RATE,
    SERVER_CPU,
    "generator CPU us",
    "p50 ms",
    "p99 ms",
    "RSS MiB",
    EVENT_BYTES,
    "stolen %",
    journal::READY_JOURNAL,
    journal::OWN_JOURNAL,
    journal::READY_CHECKPOINT,
    journal::OWN_CHECKPOINT,
    journal::RESERVATION_BYTES,
    journal::RECOVERED_BYTES,
];
/// Share of the time taken by other machines from which it is said. Unit: percent.
const STOLEN_MAX: f64 = 5.0;

/// Measures how the engine grows.
#[derive(Args)]
pub struct Sweep {
    /// Rounds, 1 to 100; in each every place runs once, in shuffled order.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Measured time of one run, 1 to 600. Unit: seconds.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Time before that. Unit: seconds.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=600))]
    warm_up_seconds: u64,
    /// Only these axes: events, units, shards, connections, journal.
    #[arg(long, value_delimiter = ',', value_name = "AXIS,..")]
    only: Vec<String>,
    /// Few places, one round, one second: whether it works, not how fast.
    #[arg(long)]
    quick: bool,
    /// Where the report goes.
    #[arg(long, default_value = "loadtest/results/sweep", value_name = "DIR")]
    out: PathBuf,
    /// Take the programs of this directory as they are, instead of building them.
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

impl Sweep {
    /// `true`: no run is missing, and all books agree.
    ///
    /// # Errors
    /// There is no such axis, or the programs do not build.
    pub fn run(&self) -> anyhow::Result<bool> {
        let axes = self.axes()?;
        let places = Places::prepare(self.programs.as_deref(), &["-p", "onsale"], "sweep")?;
        let (rounds, warm_up, seconds) =
            if self.quick { (1, 0, 1) } else { (self.rounds, self.warm_up_seconds, self.seconds) };
        let times =
            Times { warm_up: Duration::from_secs(warm_up), window: Duration::from_secs(seconds) };
        let points = Point::of(&axes, self.quick);
        let run = Run { places: &places, points, rounds, times };
        let (samples, missing) = run.all();
        self.report(&axes, samples, missing)
    }

    fn axes(&self) -> anyhow::Result<Vec<Axis>> {
        let names = Axis::ALL.map(Axis::name);
        if let Some(unknown) = self.only.iter().find(|only| !names.contains(&only.as_str())) {
            bail!("--only: no axis {unknown:?}; there are {}", names.join(", "));
        }
        let wanted =
            |axis: &Axis| self.only.is_empty() || self.only.iter().any(|only| only == axis.name());
        Ok(Axis::ALL.into_iter().filter(wanted).collect())
    }

    fn report(
        &self,
        axes: &[Axis],
        samples: Vec<Sample>,
        missing: Vec<String>,
    ) -> anyhow::Result<bool> {
        let rows = rows(&samples);
        let sections =
            axes.iter().map(|axis| section(*axis, &rows)).collect::<anyhow::Result<Vec<_>>>()?;
        let report = Report {
            name: "sweep",
            title: "How onsale grows",
            command: self.command(),
            remarks: remarks(&samples),
            goals: goals(&samples, &rows),
            sections,
            samples,
            missing,
        };
        report.publish(&self.out)
    }

    fn command(&self) -> String {
        let mut command = "loadtest sweep".to_owned();
        if self.quick {
            command.push_str(" --quick");
        } else {
            command.push_str(&format!(
                " --rounds {} --seconds {} --warm-up-seconds {}",
                self.rounds, self.seconds, self.warm_up_seconds
            ));
        }
        if !self.only.is_empty() {
            command.push_str(&format!(" --only {}", self.only.join(",")));
        }
        command
    }
}

fn section(axis: Axis, rows: &[Row]) -> anyhow::Result<Section> {
    let plots: &[(&str, &[&str])] = match axis {
        Axis::Journal => &[
            ("seconds until ready", &[journal::READY_JOURNAL, journal::READY_CHECKPOINT]),
            ("bytes per reservation", &[journal::RESERVATION_BYTES, journal::RECOVERED_BYTES]),
        ],
        _ => &[
            ("answers per second", &[RATE]),
            ("server CPU per reservation, us", &[SERVER_CPU]),
            ("latency, ms", &["p50 ms", "p99 ms"]),
            ("RSS, MiB", &["RSS MiB"]),
        ],
    };
    let plots = plots.iter().map(|(title, figures)| {
        let curves: Vec<_> = figures.iter().map(|name| curve(rows, axis.name(), name)).collect();
        logarithmic(&Names { title, x: axis.name() }, &curves)
    });
    Ok(Section {
        heading: format!("Growth with {}", axis.name()),
        note: axis.note().to_owned(),
        plots: plots.collect::<anyhow::Result<_>>()?,
        table: table(rows, axis.name(), &COLUMNS),
    })
}

/// The goals of the design. What `--quick` or `--only` leaves out is "not measured".
fn goals(samples: &[Sample], rows: &[Row]) -> Vec<Goal> {
    let goal =
        |name, (floor, goal), reached| Goal { name, floor, goal, more_is_better: false, reached };
    let journal = |name| figure(rows, Axis::Journal.name(), name, 1e6);
    let grown = |axis: Axis, ends| ratio(samples, axis.name(), SERVER_CPU, ends);
    vec![
        goal(
            "server CPU per reservation, 100,000 events / 1 event",
            (1.5, 1.1),
            grown(Axis::Events, (1e5, 1.0)),
        ),
        goal(
            "server CPU per reservation, pools of 10^7 units / of 10^3",
            (1.2, 1.05),
            grown(Axis::Units, (1e7, 1e3)),
        ),
        goal(
            "bytes per event without sales, 100,000 events",
            (4_096.0, 1_024.0),
            figure(rows, Axis::Events.name(), EVENT_BYTES, 1e5),
        ),
        goal("bytes per reservation", (400.0, 200.0), journal(journal::RESERVATION_BYTES)),
        goal("bytes per reservation, recovered", (400.0, 200.0), journal(journal::RECOVERED_BYTES)),
        goal("a million from journal alone, s", (2.0, 0.5), journal(journal::READY_JOURNAL)),
        goal("a million from checkpoint, s", (1.0, 0.3), journal(journal::READY_CHECKPOINT)),
    ]
}

/// Why figures may say little.
fn remarks(samples: &[Sample]) -> Vec<String> {
    let mut remarks = Vec::new();
    let stolen = samples.iter().filter_map(|sample| sample.figures.get("stolen %"));
    let stolen = stolen.copied().fold(0.0, f64::max);
    if STOLEN_MAX < stolen {
        remarks.push(format!("noisy machine: up to {stolen:.0} % of the time was stolen"));
    }
    for sample in samples.iter().filter(|sample| !sample.others.is_empty()) {
        let place = format!("{} {}, round {}", sample.axis, sample.at, sample.round);
        remarks.push(format!("{place}: answers that were no 201: {:?}", sample.others));
    }
    remarks
}
