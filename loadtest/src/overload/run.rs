//! One load on a server of its own: normal, too much, and back to normal.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::cgroup::Cgroup;
use super::crowd::{Crowd, Fans, Place, Tally, millis};
use crate::cpu;
use crate::measure::books::{self, Told};
use crate::measure::figures::Sample;
use crate::measure::limits::allow_connections;
use crate::measure::load::{Load, Times, load};
use crate::measure::machine::Moment;
use crate::measure::process::{DataDir, Process};
use crate::measure::programs::Places;
use crate::{event, plan};

pub const GOODPUT: &str = "accepted/s";
pub const OFFERED: &str = "fans/s";
pub const P99: &str = "p99 ms";
pub const P99_SETTLED: &str = "p99 settled ms";
pub const BACK: &str = "back to normal s";

/// Units on sale; nobody is refused for want of them.
const UNITS: u64 = 100_000_000;
/// Load at which the server is said to be at rest, to its capacity.
const REST: f64 = 0.5;
const REST_LASTING: Duration = Duration::from_secs(1);
/// A p99 of so many times that at rest is near it.
const NEAR: f64 = 2.0;
/// Over which a p99 is taken after the overload.
const WINDOW: Duration = Duration::from_millis(250);
/// Longest wait for the server to come back.
const BACK_MAX: Duration = Duration::from_secs(20);
/// Connections that find out what the server carries.
const CAPACITY_CONNECTIONS: u32 = 256;

pub struct Run<'a> {
    pub places: &'a Places,
    /// `None`: the server has the whole machine.
    pub share: Option<u32>,
    pub lines: u32,
    pub seconds: Duration,
}

impl Run<'_> {
    /// 201s per second that this server gives when asked for more in a closed loop.
    ///
    /// # Errors
    /// It gave none.
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    pub fn capacity(&self) -> anyhow::Result<f64> {
        let (_data, _group, mut process) = self.server()?;
        event::create(process.target, "capacity", UNITS)?;
        let what = Load {
            target: process.target,
            connections: CAPACITY_CONNECTIONS,
            wanted: 201,
            lots: 1,
            heard: None,
            request: Box::new(|n| plan::reserve("capacity", event::POOL, &format!("c-{n}"), n)),
        };
        let times = Times { warm_up: Duration::from_secs(1), window: self.seconds };
        let pids = [process.pid()];
        let loaded = load(what, &times, || Moment::take(&pids, None))
            .map_err(|error| process.explain(error))?;
        if loaded.answers == 0 {
            let error = anyhow::anyhow!("no reservation was answered: {:?}", loaded.others);
            return Err(process.explain(error));
        }
        Ok(loaded.answers as f64 / self.seconds.as_secs_f64())
    }

    /// # Errors
    /// The server did not start, or ended in the middle.
    pub fn sample(
        &self,
        (fans, axis): (Fans, &'static str),
        (times, capacity): (f64, f64),
        round: u32,
    ) -> anyhow::Result<Sample> {
        allow_connections(self.lines * 2)?;
        let (_data, _group, mut process) = self.server()?;
        event::create(process.target, "overload", UNITS)?;
        let course = self.course(&mut process, fans, times * capacity, capacity);
        let course = course.map_err(|error| process.explain(error))?;
        if let Some(status) = process.ended() {
            anyhow::bail!("the server ended in the middle: {status}");
        }
        let told = Told { yes: course.accepted, nothing: course.unknown };
        let complaints = books::complaints(process.target, "overload", told)?;
        let mut others = course.tally.refused.clone();
        others.extend(course.tally.unanswered.clone());
        let mut figures = self.figures(&course);
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        figures.insert("RSS peak MiB", process.rss_peak()? as f64 / f64::from(1 << 20));
        Ok(Sample { round, axis, at: times, figures, others, complaints })
    }

    fn server(&self) -> anyhow::Result<(DataDir, Option<Cgroup>, Process)> {
        let group = self.share.map(Cgroup::create).transpose()?;
        let data = DataDir::new(self.places.work.join("data"));
        let command = self.places.engine(data.path());
        let process = Process::start(command, &self.places.work, |pid| {
            group.as_ref().map_or(Ok(()), |group| group.take(pid))
        })?;
        Ok((data, group, process))
    }

    fn course(
        &self,
        process: &mut Process,
        fans: Fans,
        rate: f64,
        capacity: f64,
    ) -> anyhow::Result<Course> {
        let target = process.target;
        let crowd = |name: &str| {
            Crowd::new(Place {
                target,
                event: "overload".to_owned(),
                fans,
                lines: self.lines,
                name: name.to_owned(),
            })
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let rest = crowd("rest");
            rest.come(REST * capacity, REST_LASTING).await;
            let rest = rest.gone().await;
            let many = crowd("many");
            let (cpu_before, pid_before) = (cpu::own()?, process.cpu()?);
            many.come(rate, self.seconds).await;
            many.end();
            let generator = (cpu::own()? - cpu_before).as_secs_f64() / self.seconds.as_secs_f64();
            let server = (process.cpu()? - pid_before).as_secs_f64() / self.seconds.as_secs_f64();
            let after = crowd("after");
            let near = rest.millis(0.99) * NEAR;
            let (back, seen) = after_it(&after, REST * capacity, near, process).await;
            let (after, many) = (after.gone().await, many.gone().await);
            let told = [&rest, &many, &after, &seen];
            anyhow::Ok(Course {
                accepted: told.iter().map(|tally| tally.accepted).sum(),
                unknown: told.iter().map(|tally| tally.unknown).sum(),
                rest_p99: rest.millis(0.99),
                back,
                generator,
                server,
                tally: many,
            })
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn figures(&self, course: &Course) -> BTreeMap<&'static str, f64> {
        let seconds = self.seconds.as_secs_f64();
        let per_second = |count: u64| count as f64 / seconds;
        let Tally { fans, tries, accepted_in_time, refused, unanswered, late, .. } = &course.tally;
        let mut figures = BTreeMap::from([
            (OFFERED, per_second(*fans)),
            ("requests/s", per_second(*tries)),
            (GOODPUT, per_second(*accepted_in_time)),
            ("refused/s", per_second(refused.values().sum())),
            ("not answered/s", per_second(unanswered.values().sum())),
            ("p50 ms", course.tally.millis(0.5)),
            (P99, course.tally.millis(0.99)),
            (P99_SETTLED, millis(&course.tally.settled, 0.99)),
            ("p99 at rest ms", course.rest_p99),
            ("server cores", course.server),
            ("generator cores", course.generator),
            ("generator late ms", late.as_secs_f64() * 1e3),
        ]);
        if let Some(back) = course.back {
            figures.insert(BACK, back.as_secs_f64());
        }
        figures
    }
}

struct Course {
    tally: Tally,
    /// Over all crowds.
    accepted: u64,
    unknown: u64,
    rest_p99: f64,
    /// `None`: not within [`BACK_MAX`].
    back: Option<Duration>,
    /// Cores in use during the overload.
    generator: f64,
    server: f64,
}

/// Watches the server at rest again: how long until the first of two windows in a row was near normal,
/// and what was answered in all windows.
async fn after_it(
    crowd: &Crowd,
    rate: f64,
    near: f64,
    process: &mut Process,
) -> (Option<Duration>, Tally) {
    let begun = Instant::now();
    let mut all = crowd.so_far();
    let mut good_since = None;
    while begun.elapsed() < BACK_MAX && process.ended().is_none() {
        let started = begun.elapsed();
        crowd.come(rate, WINDOW).await;
        let window = crowd.so_far();
        let is_near = window.accepted_in_time > 0 && window.millis(0.99) <= near;
        all.accepted += window.accepted;
        all.unknown += window.unknown;
        match good_since {
            Some(since) if is_near => return (Some(since), all),
            _ => good_since = is_near.then_some(started),
        }
    }
    (None, all)
}
