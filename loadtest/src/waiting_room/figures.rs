//! Joins and polls per second over HTTP, beside the stock echo, in one run.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use anyhow::bail;
use rand::seq::SliceRandom;
use serde_json::json;

use super::answers::Place;
use super::requests::{self, EVENT};
use super::terms::arrange;
use crate::measure::figures::{Goal, Sample, rows, table};
use crate::measure::limits::allow_connections;
use crate::measure::load::{Load, Loaded, Times, load};
use crate::measure::machine::Moment;
use crate::measure::process::{DataDir, Process};
use crate::measure::programs::Places;
use crate::measure::report::{Report, Section};
use crate::measure::spread::Spread;
use crate::report::progress;
use crate::{event, plan};

const RATE: &str = "answers/s";
const COLUMNS: [&str; 5] = [RATE, "p50 ms", "p99 ms", "server CPU us", "generator CPU us"];
const WARM_UP: Duration = Duration::from_secs(1);

pub struct Figures {
    pub rounds: u32,
    pub seconds: u64,
    pub connections: u32,
}

impl Figures {
    /// `true`: nothing is missing.
    ///
    /// # Errors
    /// The programs do not build.
    pub fn run(&self, programs: Option<&Path>, out: &Path) -> anyhow::Result<bool> {
        let places = Places::prepare(programs, &["-p", "onsale", "-p", "peers"], "waiting-room")?;
        allow_connections(self.connections)?;
        let (mut samples, mut missing) = (Vec::new(), Vec::new());
        let bar = progress("rounds", u64::from(self.rounds));
        for round in 1..=self.rounds {
            // What comes first may find another machine than what comes last.
            let mut order = [true, false];
            order.shuffle(&mut rand::rng());
            for is_echo in order {
                let measured =
                    if is_echo { self.echo(&places, round) } else { self.room(&places, round) };
                match measured {
                    Ok(found) => samples.extend(found),
                    Err(error) => missing.push(format!("missing: round {round}: {error:#}")),
                }
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        let goals = vec![
            goal("durable joins/s to echo/s", (0.6, 0.9), to_echo(&samples, "joins")),
            goal("polls/s to echo/s", (0.85, 1.0), to_echo(&samples, "polls")),
        ];
        let rows = rows(&samples);
        let section = |(name, note): (&'static str, &str)| Section {
            heading: name.to_owned(),
            note: note.to_owned(),
            plots: Vec::new(),
            table: table(&rows, name, &COLUMNS),
        };
        let sections = [
            ("echo", "Stock axum, JSON in, JSON out."),
            ("joins", "Each a new customer, on disk before the answer."),
            ("polls", "Each fan of the joins once, after the time that was told."),
        ];
        let (rounds, seconds, connections) = (self.rounds, self.seconds, self.connections);
        let report = Report {
            name: "waiting-room-figures",
            title: "Joins and polls of a waiting room",
            command: format!(
                "loadtest waiting-room --figures --rounds {rounds} --seconds {seconds} \
                 --connections {connections}"
            ),
            remarks: Vec::new(),
            goals,
            sections: sections.into_iter().map(section).collect(),
            samples,
            missing,
        };
        report.publish(out)
    }

    fn echo(&self, places: &Places, round: u32) -> anyhow::Result<Vec<Sample>> {
        let mut command = Command::new(places.programs.join("peers"));
        command.args(["--backend", "echo"]);
        let process = Process::start(command, &places.work, |_| Ok(()))?;
        event::create(process.target, EVENT, 1_000)?;
        let request = |n| plan::reserve(EVENT, event::POOL, &format!("e-{n}"), n);
        let what = self.load(&process, 201, Box::new(request));
        Ok(vec![self.measured("echo", round, &process, what, 1.0)?])
    }

    /// Joins, then a poll of each who joined.
    fn room(&self, places: &Places, round: u32) -> anyhow::Result<Vec<Sample>> {
        let data = DataDir::new(places.work.join("data"));
        let process = Process::start(places.engine(data.path()), &places.work, |_| Ok(()))?;
        event::create(process.target, EVENT, 1_000_000)?;
        // Hardly anybody is let in, so that all who are asked about wait.
        arrange(process.target, &json!({"mode": "on", "method": "fifo", "rate_per_minute": 1}))?;
        let heard = Rc::new(RefCell::new((Vec::new(), 0)));
        let keep = Rc::clone(&heard);
        let join = |n| requests::join(u32::try_from(n).unwrap_or_default());
        let mut what = self.load(&process, 201, Box::new(join));
        what.heard = Some(Box::new(move |answer| {
            if let Ok(told) = answer.parse::<Place<'_>>() {
                let (tokens, pause) = &mut *keep.borrow_mut();
                tokens.push(told.token.unwrap_or_default().to_owned());
                *pause = told.poll_after_ms.unwrap_or_default().max(*pause);
            }
        }));
        let joins = self.measured("joins", round, &process, what, 1.0)?;
        let (tokens, pause) = heard.take();
        if tokens.is_empty() {
            bail!("nobody joined");
        }
        std::thread::sleep(Duration::from_millis(u64::from(pause)));
        let count = tokens.len() as u64;
        let poll =
            move |n: u64| requests::poll(&tokens[usize::try_from(n % count).unwrap_or_default()]);
        let what = self.load(&process, 200, Box::new(poll));
        // Nobody may be asked about twice, so it ends sooner.
        let polls = self.measured("polls", round, &process, what, 0.25)?;
        Ok(vec![joins, polls])
    }

    fn load(&self, process: &Process, wanted: u16, request: Box<dyn Fn(u64) -> Vec<u8>>) -> Load {
        let connections = self.connections;
        Load { target: process.target, connections, wanted, lots: 1, request, heard: None }
    }

    fn measured(
        &self,
        axis: &'static str,
        round: u32,
        process: &Process,
        what: Load,
        share: f64,
    ) -> anyhow::Result<Sample> {
        let window = Duration::from_secs(self.seconds).mul_f64(share);
        let times = Times { warm_up: WARM_UP.mul_f64(share), window };
        let pids = [process.pid()];
        let loaded = load(what, &times, || Moment::take(&pids, None))?;
        if loaded.answers == 0 {
            bail!("{axis}: no proper answer: {:?}", loaded.others);
        }
        let complaints =
            loaded.others.iter().map(|(code, count)| format!("{axis}: {count} {code}"));
        Ok(Sample {
            round,
            axis,
            at: f64::from(self.connections),
            figures: figures(&loaded),
            complaints: complaints.collect(),
            others: loaded.others,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn figures(loaded: &Loaded) -> BTreeMap<&'static str, f64> {
    let answers = loaded.answers as f64;
    let (before, after) = (&loaded.before, &loaded.after);
    let per_answer = |spent: Duration| spent.as_secs_f64() * 1e6 / answers;
    let millis = |quantile| loaded.latency.value_at_quantile(quantile) as f64 / 1e3;
    BTreeMap::from([
        (RATE, answers / loaded.window.as_secs_f64()),
        ("p50 ms", millis(0.5)),
        ("p99 ms", millis(0.99)),
        ("server CPU us", per_answer(after.server_cpu.saturating_sub(before.server_cpu))),
        ("generator CPU us", per_answer(after.generator_cpu.saturating_sub(before.generator_cpu))),
    ])
}

/// Taken within each round.
fn to_echo(samples: &[Sample], axis: &str) -> Option<Spread> {
    let rate = |axis: &str, round: u32| {
        let own = samples.iter().find(|sample| sample.axis == axis && sample.round == round)?;
        own.figures.get(RATE).copied()
    };
    let rounds = samples.iter().filter(|sample| sample.axis == axis).map(|sample| sample.round);
    Spread::of(rounds.filter_map(|round| Some(rate(axis, round)? / rate("echo", round)?)))
}

fn goal(name: &'static str, (floor, goal): (f64, f64), reached: Option<Spread>) -> Goal {
    Goal { name, floor, goal, more_is_better: true, reached }
}
