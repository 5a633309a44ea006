//! The bulk door at full speed: every line answered, in order, and in the books.

mod feed;
mod lines;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

pub use self::feed::{Feed, feed};
use crate::event;
use crate::measure::books::{self, Told};
use crate::measure::curves::{Curve, Names, linear};
use crate::measure::figures::{Goal, Sample, figure, rows, table};
use crate::measure::process::{DataDir, Process};
use crate::measure::programs::Places;
use crate::measure::report::{Report, Section};
use crate::measure::spread::Spread;
use crate::report::progress;

const EVENT: &str = "bulk";
const AXIS: &str = "connections";
const RATE: &str = "reservations/s";
const COLUMNS: [&str; 5] = [RATE, "took s", "server CPU us", "generator CPU us", "RSS MiB"];

/// Feeds the bulk door, and checks every line that comes back.
#[derive(Args)]
pub struct Bulk {
    /// Reservations of one round, 1 to 10^8; one unit each.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    reservations: u64,
    /// Connections that share them, 1 to 64.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=64))]
    connections: u64,
    /// Rounds, 1 to 100, each with a server and data of its own.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Where the report goes.
    #[arg(long, default_value = "loadtest/results/bulk", value_name = "DIR")]
    out: PathBuf,
    /// Take the programs of this directory as they are, instead of building them.
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

impl Bulk {
    /// `true`: every line had its own outcome, and all 201s are in the books.
    ///
    /// # Errors
    /// The programs do not build, or the report cannot be written.
    pub fn run(&self) -> anyhow::Result<bool> {
        let places = Places::prepare(self.programs.as_deref(), &["-p", "onsale"], "bulk")?;
        let bar = progress("lines", self.reservations * u64::from(self.rounds));
        let (mut samples, mut missing, mut courses) = (Vec::new(), Vec::new(), Vec::new());
        for round in 1..=self.rounds {
            match self.round(&places, round, &bar) {
                Ok((sample, course)) => {
                    samples.push(sample);
                    courses.push(course);
                }
                Err(error) => missing.push(format!("missing: round {round}: {error:#}")),
            }
        }
        bar.finish_and_clear();
        self.report(samples, missing, &courses)
    }

    fn round(
        &self,
        places: &Places,
        round: u32,
        bar: &indicatif::ProgressBar,
    ) -> anyhow::Result<(Sample, Curve)> {
        let data = DataDir::new(places.work.join("data"));
        let mut process = Process::start(places.engine(data.path()), &places.work, |_| Ok(()))?;
        self.feed(&process, round, bar).map_err(|error| process.explain(error))
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn feed(
        &self,
        process: &Process,
        round: u32,
        bar: &indicatif::ProgressBar,
    ) -> anyhow::Result<(Sample, Curve)> {
        event::create(process.target, EVENT, self.reservations)?;
        let what = Feed {
            target: process.target,
            event: EVENT.to_owned(),
            name: "shop".to_owned(),
            reservations: self.reservations,
            connections: self.connections,
        };
        let start = bar.position();
        let before = process.cpu()?;
        let fed = feed(&what, bar)?;
        let spent = process.cpu()? - before;
        let (seconds, count) = (fed.took.as_secs_f64(), self.reservations as f64);
        let per_line = |spent: std::time::Duration| spent.as_secs_f64() * 1e6 / count;
        let figures = BTreeMap::from([
            (RATE, fed.yes as f64 / seconds),
            ("took s", seconds),
            ("server CPU us", per_line(spent)),
            ("generator CPU us", per_line(fed.generator_cpu)),
            ("RSS MiB", process.rss()? as f64 / f64::from(1 << 20)),
        ]);
        let complaints = books::complaints(process.target, EVENT, Told::yes(fed.yes))?;
        let point = |(at, lines): (f64, u64)| Some((at, Spread::of([(lines - start) as f64])?));
        let name = format!("round {round}");
        let curve = Curve { name, points: fed.course.into_iter().filter_map(point).collect() };
        let at = self.connections as f64;
        let sample = Sample { round, axis: AXIS, at, figures, others: fed.others, complaints };
        Ok((sample, curve))
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn report(
        &self,
        samples: Vec<Sample>,
        missing: Vec<String>,
        courses: &[Curve],
    ) -> anyhow::Result<bool> {
        let rows = rows(&samples);
        let names = Names { title: "outcomes so far", x: "seconds" };
        let plots = if courses.is_empty() { Vec::new() } else { vec![linear(&names, courses)?] };
        let section = Section {
            heading: format!("{} reservations a round", self.reservations),
            note: "One object a line over chunked requests; every outcome was held against its \
                   line: number, key, status."
                .to_owned(),
            plots,
            table: table(&rows, AXIS, &COLUMNS),
        };
        let others = samples.iter().flat_map(|sample| &sample.others);
        let remarks = others.map(|(what, count)| format!("{count} lines were no 201: {what}"));
        let report = Report {
            name: "bulk",
            title: "The bulk door of onsale",
            command: format!(
                "loadtest bulk --reservations {} --connections {} --rounds {}",
                self.reservations, self.connections, self.rounds
            ),
            remarks: remarks.collect(),
            goals: vec![Goal {
                name: "reservations/s over the bulk door",
                floor: 200_000.0,
                goal: 400_000.0,
                more_is_better: true,
                reached: figure(&rows, AXIS, RATE, self.connections as f64),
            }],
            sections: vec![section],
            samples,
            missing,
        };
        report.publish(&self.out)
    }
}
