//! A few thousand tickets, and everybody at once.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use clap::builder::RangedU64ValueParser;

use crate::event::{self, CURRENCY, HOLD_SECONDS, POOL, PRICE};
use crate::journey::JourneyOptions;
use crate::ledger::{Heading, Ledger, Money};
use crate::ledger_check::{Checked, check};
use crate::plan::Plan;
use crate::report;
use crate::rush::{Rushed, rush};
use crate::target::Target;

/// Creates an event, lets everybody rush it, and checks the ledger.
#[derive(Args)]
pub struct FlashSale {
    /// The server, on this machine.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    target: Target,
    /// Tickets of the event, 1 to 10^9.
    #[arg(long, default_value_t = 10_000, value_parser = RangedU64ValueParser::<u64>::new().range(1..=1_000_000_000))]
    tickets: u64,
    /// Buyers, each wanting one ticket, 1 to 10^8.
    #[arg(long, default_value_t = 200_000, value_parser = RangedU64ValueParser::<u64>::new().range(1..=100_000_000))]
    buyers: u64,
    /// Connections, 1 to 20,000; `ulimit -n` must be higher, for the server too.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    connections: u32,
    /// Buyers per second who come whatever the server does, at most 10^6. Without it the next one comes
    /// when a connection is free.
    #[arg(long, value_parser = rate)]
    rate: Option<f64>,
    /// Threads of this program, 1 to 64.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    threads: u32,
    /// How long a buyer repeats a request that got 429, 503 or a broken connection. Unit: seconds.
    #[arg(long, default_value_t = 60)]
    give_up_seconds: u64,
    /// Id of the event; must be new. Without it one is made from the time.
    #[arg(long)]
    event: Option<String>,
    /// Where every 201 is written down; must be new. Without it loadtest/results/EVENT.jsonl.
    #[arg(long)]
    ledger: Option<PathBuf>,
    #[command(flatten)]
    journey: JourneyOptions,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "is not a number".to_owned())?;
    if (0.001..=1e6).contains(&rate) { Ok(rate) } else { Err("must be 0.001 to 1000000".into()) }
}

impl FlashSale {
    /// `true`: everybody got an answer, and every answer was true.
    ///
    /// # Errors
    /// There is no server, it does not take the event, or the ledger cannot be written.
    pub fn run(&self) -> anyhow::Result<bool> {
        let event = self.event.clone().unwrap_or_else(event_name);
        event::create_held(self.target, &event, self.tickets, self.journey.hold_seconds)?;
        let path = self.ledger.clone();
        let path = path.unwrap_or_else(|| format!("loadtest/results/{event}.jsonl").into());
        let price = Money { amount: PRICE, currency: CURRENCY.to_owned() };
        let heading = Heading {
            event: event.clone(),
            pool: POOL.to_owned(),
            capacity: self.tickets,
            price: self.journey.buy.then_some(price),
        };
        let ledger = Ledger::create(&path, &heading)?;
        println!("event         {event}, {} tickets, {} buyers", self.tickets, self.buyers);
        println!("ledger file   {}", path.display());
        let rushed = rush(self.plan(event), ledger, self.threads.min(self.connections))?;
        report::print(&rushed);
        let mut checked = check(self.target, &path)?;
        self.check_outcome(&rushed, &mut checked);
        checked.print();
        Ok(checked.holds())
    }

    fn plan(&self, event: String) -> Plan {
        Plan {
            target: self.target,
            event,
            pool: POOL.to_owned(),
            buyers: self.buyers,
            connections: self.connections,
            rate: self.rate,
            patience: Duration::from_secs(self.give_up_seconds),
            roles: self.journey.roles(),
        }
    }

    /// What must hold beyond the ledger, because nobody else buys from this event.
    fn check_outcome(&self, rushed: &Rushed, checked: &mut Checked) {
        let tally = &rushed.tally;
        let complaints = &mut checked.complaints;
        if 0 < tally.errors_total() {
            complaints.push(format!("{} buyers got no proper answer", tally.errors_total()));
        }
        let journey = &tally.journey;
        if 0 < journey.errors_total() {
            complaints.push(format!("{} were left alone on their way", journey.errors_total()));
        }
        let stray = checked.pool.taken().saturating_sub(checked.told);
        if tally.unknown < stray {
            complaints.push(format!("{stray} units are taken that nobody was told of"));
        }
        let expected = self.tickets.min(self.buyers);
        // Units that come back are sold again if somebody comes after them; nobody can foretell how many.
        let came_back = 0 < journey.came_back() || self.journey.hold_seconds < HOLD_SECONDS;
        if tally.errors_total() == 0 && !came_back && tally.sold != expected {
            complaints.push(format!("{} sold, {expected} could have been", tally.sold));
        }
    }
}

fn event_name() -> String {
    // A name nobody has used, not a time that anything depends on.
    #[expect(clippy::disallowed_methods, reason = "a load generator has no clock of the engine's")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("flash-sale-{}", now.as_millis())
}
