//! More fans than the engine can serve: what is accepted, how fast, at what memory, and how it comes
//! back.

mod cgroup;
mod crowd;
mod run;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use rand::seq::SliceRandom;

use self::crowd::{Fans, TRIES_MAX};
use self::run::{BACK, GOODPUT, OFFERED, P99, P99_SETTLED, Run};
use crate::measure::curves::{Curve, Names, linear, logarithmic};
use crate::measure::figures::{Goal, Row, Sample, ratio, rows, table};
use crate::measure::limits::allow_connections;
use crate::measure::programs::Places;
use crate::measure::report::{Report, Section};
use crate::measure::spread::Spread;
use crate::report::progress;

type Kind = (Fans, &'static str);

const KINDS: [Kind; 2] = [(Fans::Pushy, "pushy"), (Fans::Polite, "polite")];
const LOADS: [f64; 6] = [0.5, 0.7, 1.0, 2.0, 5.0, 10.0];
const LOADS_QUICK: [f64; 3] = [0.5, 0.7, 2.0];
const COLUMNS: [&str; 14] = [
    OFFERED,
    "requests/s",
    GOODPUT,
    "refused/s",
    "not answered/s",
    "p50 ms",
    P99,
    P99_SETTLED,
    "p99 at rest ms",
    BACK,
    "RSS peak MiB",
    "server cores",
    "generator cores",
    "generator late ms",
];
/// A generator that is later than this, to the p99 it measured, measured itself.
const LATE_MAX: f64 = 0.5;

/// Offers more than the engine can take.
#[derive(Args)]
pub struct Overload {
    /// CPU of the server, in percent of one core, 1 to 100.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    share: u32,
    /// Without a cgroup: server and generator share the cores, and high loads say little.
    #[arg(long)]
    no_cgroup: bool,
    /// Rounds, 1 to 100; in each every load runs once with each kind of fans, in shuffled order.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// How long fans come, 1 to 600. Unit: seconds.
    #[arg(long, default_value_t = 5, value_parser = RangedU64ValueParser::<u64>::new().range(1..=600))]
    seconds: u64,
    /// Only these fans: pushy, polite.
    #[arg(long, value_delimiter = ',', value_name = "FANS,..")]
    only: Vec<String>,
    /// Fans who can wait at the same time, 1 to 8,000; whoever comes when so many wait finds no line.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=8_000))]
    lines: u32,
    /// Few loads, one round, one second: whether it works, not how well.
    #[arg(long)]
    quick: bool,
    /// Where the report goes.
    #[arg(long, default_value = "loadtest/results/overload", value_name = "DIR")]
    out: PathBuf,
    /// Take the programs of this directory as they are, instead of building them.
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

/// What came of all runs.
#[derive(Default)]
struct Found {
    /// One of each round. Unit: 201s per second.
    capacities: Vec<f64>,
    samples: Vec<Sample>,
    /// A line for each run that could not be made.
    missing: Vec<String>,
}

impl Overload {
    /// `true`: no run is missing, and all books agree.
    ///
    /// # Errors
    /// The programs do not build, or this machine offers no cgroup.
    pub fn run(&self) -> anyhow::Result<bool> {
        let kinds = self.kinds()?;
        let places = Places::prepare(self.programs.as_deref(), &["-p", "onsale"], "overload")?;
        if !self.no_cgroup {
            cgroup::Cgroup::create(self.share).context(
                "no cgroup with a quota of CPU can be made for the server (it takes root or a \
                 delegated group); --no-cgroup runs without",
            )?;
        }
        allow_connections(self.lines * 2)?;
        let (rounds, seconds) = if self.quick { (1, 1) } else { (self.rounds, self.seconds) };
        let run = Run {
            places: &places,
            share: (!self.no_cgroup).then_some(self.share),
            lines: self.lines,
            seconds: Duration::from_secs(seconds),
        };
        let found = self.all(&run, &kinds, rounds);
        self.report(&kinds, found)
    }

    fn all(&self, run: &Run<'_>, kinds: &[Kind], rounds: u32) -> Found {
        let loads: &[f64] = if self.quick { &LOADS_QUICK } else { &LOADS };
        let mut found = Found::default();
        let bar = progress("loads", (loads.len() * kinds.len()) as u64 * u64::from(rounds));
        for round in 1..=rounds {
            let capacity = match run.capacity() {
                Ok(capacity) => capacity,
                Err(error) => {
                    found.missing.push(format!("missing: capacity, round {round}: {error:#}"));
                    continue;
                }
            };
            found.capacities.push(capacity);
            let mut order: Vec<(Kind, f64)> =
                kinds.iter().flat_map(|kind| loads.iter().map(|load| (*kind, *load))).collect();
            order.shuffle(&mut rand::rng());
            for (kind, times) in order {
                match run.sample(kind, (times, capacity), round) {
                    Ok(sample) => found.samples.push(sample),
                    Err(error) => {
                        let place = format!("{} {times}, round {round}", kind.1);
                        found.missing.push(format!("missing: {place}: {error:#}"));
                    }
                }
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        found
    }

    fn kinds(&self) -> anyhow::Result<Vec<Kind>> {
        let named = |only: &String| KINDS.iter().any(|(_, name)| name == only);
        if let Some(unknown) = self.only.iter().find(|only| !named(only)) {
            bail!("--only: no fans {unknown:?}; there are pushy, polite");
        }
        let wanted =
            |(_, name): &Kind| self.only.is_empty() || self.only.iter().any(|only| only == name);
        Ok(KINDS.into_iter().filter(wanted).collect())
    }

    fn report(&self, kinds: &[Kind], found: Found) -> anyhow::Result<bool> {
        let Found { capacities, samples, missing } = found;
        let rows = rows(&samples);
        let (mut sections, mut goals) = (Vec::new(), Vec::new());
        for (_, name) in kinds {
            sections.push(section(name, &rows)?);
        }
        for (fans, name) in kinds {
            goals.extend(goals_of(*fans, name, &samples));
        }
        let report = Report {
            name: "overload",
            title: "onsale with more fans than it can serve",
            command: self.command(),
            remarks: self.remarks(&capacities, &samples),
            goals,
            sections,
            samples,
            missing,
        };
        report.publish(&self.out)
    }

    fn command(&self) -> String {
        let mut command =
            format!("loadtest overload --share {} --lines {}", self.share, self.lines);
        match self.quick {
            true => command.push_str(" --quick"),
            false => {
                command.push_str(&format!(" --rounds {} --seconds {}", self.rounds, self.seconds))
            }
        }
        if self.no_cgroup {
            command.push_str(" --no-cgroup");
        }
        if !self.only.is_empty() {
            command.push_str(&format!(" --only {}", self.only.join(",")));
        }
        command
    }

    fn remarks(&self, capacities: &[f64], samples: &[Sample]) -> Vec<String> {
        let mut remarks = Vec::new();
        if let Some(Spread { median, min, max }) = Spread::of(capacities.iter().copied()) {
            let server = if self.no_cgroup {
                "NOT held in a cgroup: generator and server share the cores".to_owned()
            } else {
                format!("held at {} % of a core", self.share)
            };
            remarks.push(format!(
                "capacity: {median:.0} 201s/s ({min:.0}-{max:.0}) in a closed loop; server {server}"
            ));
        }
        for sample in samples {
            let place = || format!("{} {}, round {}", sample.axis, sample.at, sample.round);
            let figure = |name| sample.figures.get(name).copied().unwrap_or_default();
            if figure(P99) * LATE_MAX < figure("generator late ms") {
                let late = figure("generator late ms");
                remarks.push(format!("{}: the generator itself was late by {late:.0} ms", place()));
            }
            if !sample.figures.contains_key(BACK) {
                remarks.push(format!("{}: not back to normal in 20 s", place()));
            }
        }
        remarks
    }
}

fn section(name: &'static str, rows: &[Row]) -> anyhow::Result<Section> {
    let against_offered = |figure: &'static str| {
        let own = rows.iter().filter(|row| row.axis == name);
        let points = own
            .filter_map(|row| Some((row.figures.get(OFFERED)?.median, *row.figures.get(figure)?)));
        Curve { name: figure.to_owned(), points: points.collect() }
    };
    let x = "fans per second who come";
    let plot = |title, figures: &[&'static str]| {
        let curves: Vec<Curve> = figures.iter().map(|figure| against_offered(figure)).collect();
        logarithmic(&Names { title, x }, &curves)
    };
    let does = if name == "pushy" { "ask again at once" } else { "obey Retry-After" };
    Ok(Section {
        heading: format!("Fans who {does} ({name})"),
        note: format!(
            "Loads are multiples of the capacity measured first. Each fan wants one unit, tries up to \
             {TRIES_MAX} times, and waits 5 s for an answer. Latencies are of accepted requests, from \
             when they were due; settled are those of the second half, when all connections are \
             made. Back to normal: after the last fan, until p99 at half of the capacity is within \
             twice what it was before, in two windows of 250 ms in a row."
        ),
        plots: vec![
            plot(
                "accepted, refused and not answered per second",
                &[GOODPUT, "refused/s", "not answered/s"],
            )?,
            plot("latency of the accepted, ms", &["p50 ms", P99, P99_SETTLED])?,
            linear(&Names { title: "back to normal, s", x }, &[against_offered(BACK)])?,
        ],
        table: table(rows, name, &COLUMNS),
    })
}

/// What the design wants at ten times the load.
fn goals_of(fans: Fans, name: &'static str, samples: &[Sample]) -> [Goal; 3] {
    let names = match fans {
        Fans::Pushy => [
            "pushy fans: accepted/s at 10 times the load / peak accepted/s",
            "pushy fans: p99 of the accepted at 10 times / at 0.7",
            "pushy fans: p99 settled at 10 times / at 0.7",
        ],
        Fans::Polite => [
            "polite fans: accepted/s at 10 times the load / peak accepted/s",
            "polite fans: p99 of the accepted at 10 times / at 0.7",
            "polite fans: p99 settled at 10 times / at 0.7",
        ],
    };
    let of_round = |sample: &&Sample| sample.axis == name && sample.at.total_cmp(&10.0).is_eq();
    let to_peak = samples.iter().filter(of_round).filter_map(|sample| {
        let round = samples.iter().filter(|s| s.axis == name && s.round == sample.round);
        let peak = round.filter_map(|s| s.figures.get(GOODPUT)).copied().fold(0.0, f64::max);
        Some(sample.figures.get(GOODPUT)? / peak)
    });
    let goal = |name, (floor, goal), more_is_better, reached| Goal {
        name,
        floor,
        goal,
        more_is_better,
        reached,
    };
    [
        goal(names[0], (0.8, 0.98), true, Spread::of(to_peak)),
        goal(names[1], (3.0, 1.5), false, ratio(samples, name, P99, (10.0, 0.7))),
        goal(names[2], (3.0, 1.5), false, ratio(samples, name, P99_SETTLED, (10.0, 0.7))),
    ]
}
