//! A waiting room in front of one event: fans join, ask when told, go away, come back, open two tabs,
//! steal tokens, and buy. Afterwards everything that they were told is held against what happened.

mod answers;
mod chance;
mod crowd;
mod draw;
mod drive;
#[cfg(test)]
mod fake;
mod fan;
mod figures;
mod laws;
mod leave;
mod report;
mod requests;
mod roles;
mod settle;
mod shop;
mod story;
mod terms;
mod walk;
mod watch;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use anyhow::{Context, bail};
use clap::Args;
use clap::builder::RangedU64ValueParser;

use self::crowd::Crowd;
use self::drive::{Server, drive};
use self::report::Ran;
use self::requests::EVENT;
use self::terms::{Terms, arrange};
use crate::event;
use crate::measure::limits::allow_connections;
use crate::measure::process::{DataDir, Process};
use crate::measure::programs::Places;
use crate::report::progress;

/// Lets a crowd through a waiting room, and checks what it was told.
#[derive(Args)]
pub struct WaitingRoom {
    /// Fans, 100 to 10,000,000.
    #[arg(long, default_value_t = 1_000_000, value_parser = RangedU64ValueParser::<u32>::new().range(100..=10_000_000))]
    fans: u32,
    /// Units on sale. Without it one for 50 fans, but 50 at least.
    #[arg(long, value_parser = RangedU64ValueParser::<u32>::new().range(1..=1_000_000))]
    units: Option<u32>,
    /// How long fans come before the doors open. Without it so long that 15,000 come in a second.
    #[arg(long, value_parser = RangedU64ValueParser::<u32>::new().range(1..=3_600))]
    join_seconds: Option<u32>,
    /// How long the sale should take; the rate of passes follows from it.
    #[arg(long, value_parser = RangedU64ValueParser::<u32>::new().range(1..=3_600))]
    sale_seconds: Option<u32>,
    /// Most fans who may shop at one time. Without it what comes in 15 seconds.
    #[arg(long, value_parser = RangedU64ValueParser::<u32>::new().range(1..=1_000_000))]
    active_max: Option<u32>,
    /// How long a pass may be used, 10 to 3,600. Unit: seconds.
    #[arg(long, default_value_t = 30, value_parser = RangedU64ValueParser::<u32>::new().range(10..=3_600))]
    pass_seconds: u32,
    /// How long after a missed time a fan counts as gone, 10 to 3,600. Unit: seconds.
    #[arg(long, default_value_t = 30, value_parser = RangedU64ValueParser::<u32>::new().range(10..=3_600))]
    absent_seconds: u32,
    /// How long reserved units are held, 5 to 3,600. Unit: seconds.
    #[arg(long, default_value_t = 20, value_parser = RangedU64ValueParser::<u32>::new().range(5..=3_600))]
    hold_seconds: u32,
    /// How often the server is killed (`kill -9`) and started again in the middle, at random moments.
    #[arg(long, default_value_t = 0, value_parser = RangedU64ValueParser::<u32>::new().range(0..=20))]
    kills: u32,
    /// Requests under way at the most, 1 to 4,096.
    #[arg(long, default_value_t = 64, value_parser = RangedU64ValueParser::<u32>::new().range(1..=4_096))]
    connections: u32,
    /// When the run ends whatever is left to do. Unit: minutes.
    #[arg(long, default_value_t = 30, value_parser = RangedU64ValueParser::<u32>::new().range(1..=600))]
    minutes: u32,
    /// Instead of the scenario: joins and polls per second, beside the stock echo.
    #[arg(long)]
    figures: bool,
    /// Of `--figures`: rounds, 1 to 100.
    #[arg(long, default_value_t = 3, value_parser = RangedU64ValueParser::<u32>::new().range(1..=100))]
    rounds: u32,
    /// Of `--figures`: how long each is measured, 1 to 600. Unit: seconds.
    #[arg(long, default_value_t = 4, value_parser = RangedU64ValueParser::<u64>::new().range(1..=600))]
    seconds: u64,
    /// Where the report goes.
    #[arg(long, default_value = "loadtest/results/waiting-room", value_name = "DIR")]
    out: PathBuf,
    /// Take the programs of this directory as they are, instead of building them.
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

impl WaitingRoom {
    /// `true`: all laws hold.
    ///
    /// # Errors
    /// The programs do not build, or the server ended in the middle.
    pub fn run(&self) -> anyhow::Result<bool> {
        if self.figures {
            let (rounds, seconds) = (self.rounds, self.seconds);
            let what = figures::Figures { rounds, seconds, connections: self.connections };
            return what.run(self.programs.as_deref(), &self.out);
        }
        let places = Places::prepare(self.programs.as_deref(), &["-p", "onsale"], "waiting-room")?;
        allow_connections(self.connections * 2)?;
        let (data, mails) = (places.work.join("data"), places.work.join("mails"));
        let (data, mails) = (DataDir::new(data), DataDir::new(mails));
        let begin = command(&places, data.path(), mails.path(), None);
        let mut process = Process::start(begin, &places.work, |_| Ok(()))?;
        let rss_before = process.rss()?;
        let terms = self.terms();
        event::create_held(process.target, EVENT, u64::from(terms.units), terms.hold_seconds)?;
        let crowd = Crowd::new(terms.clone(), self.minutes * 60);
        let doors_at = crowd.timestamp(terms.doors_seconds * 1_000);
        arrange(process.target, &terms.body(&doors_at)).map_err(|error| process.explain(error))?;
        println!("{}", self.heading(&terms));
        let again = again(&places, &data, &mails, &process)?;
        let server = Rc::new(Server::new(process, places.work.clone(), again));
        let bar = progress("fans", u64::from(terms.fans));
        let driven = drive(crowd, &server, self.connections, self.kills, &bar);
        bar.finish_and_clear();
        let (mut crowd, looks) = driven?;
        let draw_file = places.work.join("draw.txt");
        settle::settle(&mut crowd, &server, &places.programs, &draw_file)?;
        let starts = server.starts.borrow().clone();
        let command = self.command();
        Ran { crowd: &crowd, looks: &looks, rss_before, starts: &starts, command }
            .publish(&self.out)
    }

    fn terms(&self) -> Terms {
        let fans = self.fans;
        let units = self.units.unwrap_or_else(|| (fans / 50).max(50));
        let join_seconds = self.join_seconds.unwrap_or_else(|| (fans / 15_000).max(3));
        let sale_seconds = self.sale_seconds.unwrap_or(30 + fans / 6_000);
        // One pass is expected to buy a unit and a half; some come to nothing, and are sold again.
        let passes = u64::from(units) * 9 / 10;
        let per_minute = (passes * 60 / u64::from(sale_seconds)).max(60);
        let rate_per_minute = u32::try_from(per_minute).unwrap_or(u32::MAX);
        Terms {
            fans,
            units,
            rate_per_minute,
            active_max: self.active_max.unwrap_or((rate_per_minute / 4).max(10)),
            pass_seconds: self.pass_seconds,
            absent_seconds: self.absent_seconds,
            return_seconds: 600,
            hold_seconds: self.hold_seconds,
            join_seconds,
            doors_seconds: join_seconds + 3 + join_seconds / 5,
        }
    }

    fn heading(&self, terms: &Terms) -> String {
        let Terms { fans, units, rate_per_minute, active_max, doors_seconds, .. } = terms;
        format!(
            "waiting room  {fans} fans, {units} units, doors after {doors_seconds} s, \
             {rate_per_minute} passes a minute, {active_max} shop at the most, {} kills",
            self.kills
        )
    }

    fn command(&self) -> String {
        let mut command = format!("loadtest waiting-room --fans {}", self.fans);
        let given = [
            ("units", self.units),
            ("join-seconds", self.join_seconds),
            ("sale-seconds", self.sale_seconds),
            ("active-max", self.active_max),
            ("kills", (0 < self.kills).then_some(self.kills)),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                command.push_str(&format!(" --{name} {value}"));
            }
        }
        command
    }
}

/// The engine, with a cashier that does not hold up a load test, and connections that may rest.
fn command(places: &Places, data: &Path, mails: &Path, addresses: Option<[String; 2]>) -> Command {
    let mut command = places.engine(data);
    command
        .env("ONSALE__MAIL__DIRECTORY", mails)
        .env("ONSALE__PAYMENT__CONCURRENCY", "1000")
        .env("ONSALE__PAYMENT__PER_SECOND", "10000")
        .env("ONSALE__PAYMENT__SIMULATED_LATENCY_MS", "50")
        .env("ONSALE__SERVER__HEADER_TIMEOUT_MS", "600000")
        .env("ONSALE__SERVER__IDLE_TIMEOUT_MS", "600000");
    if let Some([listen, admin]) = addresses {
        command.env("ONSALE__SERVER__LISTEN", listen).env("ONSALE__ADMIN__LISTEN", admin);
    }
    command
}

/// The same on the addresses that it has now.
fn again(
    places: &Places,
    data: &DataDir,
    mails: &DataDir,
    process: &Process,
) -> anyhow::Result<Box<dyn Fn() -> Command>> {
    let admin = process.admin.context("the server tells no address of its admin listener")?;
    let addresses = [process.target, admin].map(|target| target.address.to_string());
    if addresses.iter().any(|address| address.ends_with(":0")) {
        bail!("the server tells no address");
    }
    let (programs, work) = (places.programs.clone(), places.work.clone());
    let (data, mails) = (data.path().to_owned(), mails.path().to_owned());
    Ok(Box::new(move || {
        let places = Places { programs: programs.clone(), work: work.clone() };
        command(&places, &data, &mails, Some(addresses.clone()))
    }))
}
