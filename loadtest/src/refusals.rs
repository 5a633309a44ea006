//! What a refusal costs the server, beside what it refuses: CPU time for each request, taken in turns on one server.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use indicatif::ProgressBar;

use crate::connection::Connection;
use crate::event;
use crate::measure::each::each;
use crate::measure::process::{DataDir, Process};
use crate::measure::programs::Places;
use crate::plan;
use crate::target::Target;

/// Measures what a refusal costs.
#[derive(Args)]
pub struct Refusals {
    /// Rounds, 1 to 100; in each every kind of answer is asked for in turn.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Requests of each kind and round, 100 to 10,000,000.
    #[arg(long, default_value_t = 40_000, value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    requests: u64,
    /// Take the program of this directory as it is, instead of building it.
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

/// A kind of answer, and how it is got.
struct Kind {
    name: &'static str,
    /// The client that the proxy names.
    from: &'static str,
    status: u16,
    /// Whether slow bodies take all places first.
    is_crowded: bool,
}

const KINDS: [Kind; 4] = [
    Kind { name: "accepted, never counted", from: "198.51.100.1", status: 201, is_crowded: false },
    Kind { name: "accepted, counted", from: "203.0.113.1", status: 201, is_crowded: false },
    Kind { name: "limited: 429", from: "2001:db8::1", status: 429, is_crowded: false },
    Kind { name: "shed: 503", from: "203.0.113.1", status: 503, is_crowded: true },
];

const CONNECTIONS: u32 = 32;
const IN_FLIGHT_MAX: usize = 100;
const UNITS: u64 = 1_000_000_000;
const EVENT: &str = "refusals";

impl Refusals {
    /// `true`: every refusal costs less than what it refuses.
    ///
    /// # Errors
    /// Nothing can be measured.
    pub fn run(&self) -> anyhow::Result<bool> {
        let places = Places::prepare(self.programs.as_deref(), &["-p", "onsale"], "refusals")?;
        let data = DataDir::new(places.work.join("data"));
        let mut command = places.engine(data.path());
        command
            .env("ONSALE__SERVER__TRUSTED_PROXIES", "127.0.0.0/8")
            .env("ONSALE__LIMITS__EXEMPT", "198.51.100.0/24")
            .env("ONSALE__LIMITS__POLICIES", POLICIES)
            .env("ONSALE__SERVER__IN_FLIGHT_MAX", IN_FLIGHT_MAX.to_string())
            .env("ONSALE__SERVER__BODY_TIMEOUT_MS", "600000")
            .env("ONSALE__SERVER__IDLE_TIMEOUT_MS", "600000");
        let mut process = Process::start(command, &places.work, |_| Ok(()))?;
        let costs = self.measure(&process).map_err(|error| process.explain(error))?;
        Ok(report(&costs))
    }

    /// By kind, of each round. Unit: microseconds of CPU for each request.
    fn measure(&self, process: &Process) -> anyhow::Result<BTreeMap<usize, Vec<f64>>> {
        create(process.target)?;
        let mut costs: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        let bar = ProgressBar::hidden();
        // The first round warms up.
        for round in 0..=self.rounds {
            for at in 0..KINDS.len() {
                // Each kind comes first, second and so on in turn.
                let at = (at + round as usize) % KINDS.len();
                let kind = &KINDS[at];
                let held = if kind.is_crowded { crowd(process.target)? } else { Vec::new() };
                let before = process.cpu()?;
                let (from, status) = (kind.from, kind.status);
                each(process.target, self.requests, CONNECTIONS, &bar, async move |line, n| {
                    ask(line, from, status, &format!("{round}-{at}-{n}"), n).await
                })?;
                let spent = process.cpu()?.saturating_sub(before);
                drop(held);
                if 0 < round {
                    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
                    let each = spent.as_secs_f64() * 1e6 / self.requests as f64;
                    costs.entry(at).or_default().push(each);
                }
                // Those who held places must have gone before the next ones are let in.
                std::thread::sleep(Duration::from_millis(300));
            }
        }
        Ok(costs)
    }
}

const POLICIES: &str = "reserve-address;q=200000;w=1 reserve-net64;q=1;w=86400 reserve-net48;q=200000;w=1 \
                        manage-address;q=1000;w=1";

fn create(target: Target) -> anyhow::Result<()> {
    event::create(target, EVENT, UNITS)?;
    // The quota of the one who is refused is one.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let first = request("2001:db8::1", "first", 0);
    let answer = runtime.block_on(Connection::new(target).ask(&first))?;
    ensure!(answer.status == 201, "the first one got {}: {}", answer.status, answer.text());
    Ok(())
}

/// Connections whose requests are under way for as long as they are held.
fn crowd(target: Target) -> anyhow::Result<Vec<TcpStream>> {
    let head = format!(
        "POST /v1/events/{EVENT}/bookings HTTP/1.1\r\nHost: onsale\r\n\
         Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{{"
    );
    let hold = |_| {
        let mut stream = TcpStream::connect(target.address)?;
        stream.write_all(head.as_bytes())?;
        Ok(stream)
    };
    let held: std::io::Result<Vec<TcpStream>> = (0..IN_FLIGHT_MAX).map(hold).collect();
    std::thread::sleep(Duration::from_millis(300));
    held.context("no places could be held")
}

fn request(from: &str, key: &str, fan: u64) -> Vec<u8> {
    let request = plan::reserve(EVENT, event::POOL, key, fan);
    let text = String::from_utf8_lossy(&request);
    text.replacen("\r\n", &format!("\r\nX-Forwarded-For: {from}\r\n"), 1).into_bytes()
}

async fn ask(
    line: &mut Connection,
    from: &str,
    status: u16,
    key: &str,
    fan: u64,
) -> anyhow::Result<Vec<String>> {
    let answer = line.ask(&request(from, key, fan)).await?;
    ensure!(answer.status == status, "{} instead of {status}: {}", answer.status, answer.text());
    Ok(Vec::new())
}

fn report(costs: &BTreeMap<usize, Vec<f64>>) -> bool {
    println!("| answer | CPU us for each request | of the rounds | to accepted |");
    println!("|---|---|---|---|");
    let median = |costs: &[f64]| {
        let mut costs = costs.to_vec();
        costs.sort_by(f64::total_cmp);
        costs.get(costs.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let accepted = costs.get(&1).map_or(f64::NAN, |costs| median(costs));
    let mut are_cheaper = true;
    for (at, costs) in costs {
        let kind = &KINDS[*at];
        let cost = median(costs);
        let low = costs.iter().copied().fold(f64::INFINITY, f64::min);
        let high = costs.iter().copied().fold(0.0, f64::max);
        let part = cost / accepted;
        println!("| {} | {cost:.1} | {low:.1}-{high:.1} | {part:.2} |", kind.name);
        are_cheaper &= kind.status == 201 || part < 1.0;
    }
    are_cheaper
}
