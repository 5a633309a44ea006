//! Puts load on a running onsale, and checks afterwards that what it was told is true.
//!
//! Exit codes: 0 all holds, 1 the ledger and the server disagree, 2 the call is wrong or there is no
//! server.

mod bulk;
mod buyer;
mod compare;
mod connection;
mod cpu;
mod event;
mod journey;
mod ledger;
mod ledger_check;
mod measure;
mod overload;
mod plan;
mod refusals;
mod report;
mod rush;
mod scenarios;
mod sweep;
mod tally;
mod target;
mod waiting_room;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::bulk::Bulk;
use self::compare::Compare;
use self::ledger_check::CheckLedger;
use self::overload::Overload;
use self::refusals::Refusals;
use self::scenarios::flash_sale::FlashSale;
use self::sweep::Sweep;
use self::waiting_room::WaitingRoom;

/// Load for onsale. Only ever against this machine.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    /// Creates an event, lets everybody rush it, and checks the ledger.
    FlashSale(FlashSale),
    /// Asks the server for every reservation of a ledger.
    CheckLedger(CheckLedger),
    /// Compares onsale with the known ways to guard a counter, databases and all.
    Compare(Compare),
    /// How the engine grows: with events, units, shards, connections and the journal.
    Sweep(Sweep),
    /// More fans than the engine can serve, and how it comes back.
    Overload(Overload),
    /// What a refusal costs beside what it refuses.
    Refusals(Refusals),
    /// Feeds the bulk door, and checks every line that comes back.
    Bulk(Bulk),
    /// Lets a crowd through a waiting room, and checks all that it was told.
    WaitingRoom(WaitingRoom),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().scenario {
        Scenario::FlashSale(scenario) => scenario.run(),
        Scenario::CheckLedger(check) => check.run(),
        Scenario::Compare(compare) => compare.run(),
        Scenario::Sweep(sweep) => sweep.run(),
        Scenario::Overload(overload) => overload.run(),
        Scenario::Refusals(refusals) => refusals.run(),
        Scenario::Bulk(bulk) => bulk.run(),
        Scenario::WaitingRoom(scenario) => scenario.run(),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}
