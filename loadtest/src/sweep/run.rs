//! Rounds of runs, each with a server and data of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::ProgressBar;
use rand::seq::SliceRandom;

use super::axes::{Axis, Point, Shape};
use super::journal;
use crate::measure::books::{self, Told};
use crate::measure::figures::Sample;
use crate::measure::limits::allow_connections;
use crate::measure::load::{Load, Loaded, Times, load};
use crate::measure::machine::Moment;
use crate::measure::process::{DataDir, Process};
use crate::measure::programs::Places;
use crate::report::progress;
use crate::{event, plan};

pub const RATE: &str = "answers/s";
pub const SERVER_CPU: &str = "server CPU us";
pub const EVENT_BYTES: &str = "bytes per event";

/// Fewer events do not show in the server's memory.
const EVENTS_WEIGHED_MIN: u64 = 1_000;
/// Until memory that was only borrowed is given back.
const SETTLE: Duration = Duration::from_millis(500);

pub struct Run<'a> {
    pub places: &'a Places,
    pub points: Vec<Point>,
    pub rounds: u32,
    pub times: Times,
}

impl Run<'_> {
    /// All samples, and a line for each run that is missing.
    pub fn all(&self) -> (Vec<Sample>, Vec<String>) {
        let bar = progress("runs", self.points.len() as u64 * u64::from(self.rounds));
        let (mut samples, mut missing) = (Vec::new(), Vec::new());
        for round in 1..=self.rounds {
            let mut order = self.points.clone();
            order.shuffle(&mut rand::rng());
            for point in order {
                match self.sample(point, round) {
                    Ok(sample) => samples.push(sample),
                    Err(error) => {
                        let (axis, at) = (point.axis.name(), point.at);
                        let line = format!("missing: {axis} {at}, round {round}: {error:#}");
                        bar.println(&line);
                        missing.push(line);
                    }
                }
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        (samples, missing)
    }

    #[expect(clippy::cast_precision_loss, reason = "a place on an axis")]
    fn sample(&self, point: Point, round: u32) -> anyhow::Result<Sample> {
        let mut sample = Sample {
            round,
            axis: point.axis.name(),
            at: point.at as f64,
            figures: BTreeMap::new(),
            others: BTreeMap::new(),
            complaints: Vec::new(),
        };
        let data = DataDir::new(self.places.work.join("data"));
        if point.axis == Axis::Journal {
            journal::measure(self.places, &data, point.at, &mut sample)?;
            return Ok(sample);
        }
        let seconds = (self.times.warm_up + self.times.window).as_secs_f64().ceil() as u64;
        let shape = point.shape(seconds);
        allow_connections(shape.connections)?;
        let mut command = self.places.engine(data.path());
        command.env("ONSALE__SHARDS__COUNT", shape.shards.to_string());
        let mut process = Process::start(command, &self.places.work, |_| Ok(()))?;
        let measured = self.measure(&process, shape, &mut sample);
        measured.map_err(|error| process.explain(error))?;
        Ok(sample)
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn measure(&self, process: &Process, shape: Shape, sample: &mut Sample) -> anyhow::Result<()> {
        let empty = process.rss()?;
        event::create_many(process.target, shape.events, event_name, shape.units, &bar(shape))?;
        if sample.axis == Axis::Events.name() && EVENTS_WEIGHED_MIN <= shape.events {
            std::thread::sleep(SETTLE);
            let grown = process.rss()?.saturating_sub(empty) as f64;
            sample.figures.insert(EVENT_BYTES, grown / shape.events as f64);
        }
        let what = Load {
            target: process.target,
            connections: shape.connections,
            wanted: 201,
            lots: shape.events,
            heard: None,
            request: Box::new(move |number| {
                let event = event_name(number % shape.events);
                plan::reserve(&event, event::POOL, &format!("k-{number}"), number)
            }),
        };
        let pids = [process.pid()];
        let loaded = load(what, &self.times, || Moment::take(&pids, None))?;
        note(sample, &loaded);
        let told = loaded.told.iter().zip(0..).map(|(told, n)| (event_name(n), Told::yes(*told)));
        sample.complaints = books::complaints_of_all(process.target, told.collect())?;
        if loaded.answers == 0 {
            anyhow::bail!("no reservation was answered: {:?}", loaded.others);
        }
        Ok(())
    }
}

fn event_name(number: u64) -> String {
    format!("e-{number}")
}

fn bar(shape: Shape) -> ProgressBar {
    if shape.events < EVENTS_WEIGHED_MIN {
        return ProgressBar::hidden();
    }
    progress("events", shape.events)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn note(sample: &mut Sample, loaded: &Loaded) {
    let answers = loaded.answers.max(1) as f64;
    let (before, after) = (&loaded.before, &loaded.after);
    let per_answer = |spent: Duration| spent.as_secs_f64() * 1e6 / answers;
    let millis = |quantile| loaded.latency.value_at_quantile(quantile) as f64 / 1e3;
    sample.figures.extend([
        (RATE, loaded.answers as f64 / loaded.window.as_secs_f64()),
        (SERVER_CPU, per_answer(after.server_cpu.saturating_sub(before.server_cpu))),
        ("generator CPU us", per_answer(after.generator_cpu.saturating_sub(before.generator_cpu))),
        ("p50 ms", millis(0.5)),
        ("p99 ms", millis(0.99)),
        ("RSS MiB", after.rss as f64 / f64::from(1 << 20)),
        ("stolen %", after.stolen_since(before) * 100.0),
    ]);
    sample.others = loaded.others.clone();
}
