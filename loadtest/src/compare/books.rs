//! After each run: do a server's books agree with what it told?

use anyhow::bail;
use serde::Deserialize;

use crate::connection::{Answer, Connection};
use crate::plan::{get, post};
use crate::target::Target;

pub const POOL: &str = "standing";

#[derive(Deserialize)]
struct Availability {
    pools: Vec<Counts>,
}

#[derive(Deserialize)]
struct Counts {
    capacity: u64,
    available: u64,
    held: u64,
    sold: u64,
    blocked: u64,
}

/// # Errors
/// The server does not take the event.
pub fn open(target: Target, event: &str, units: u64) -> anyhow::Result<()> {
    let body = serde_json::json!({
        "id": event,
        "name": "Compared",
        "sale": {"hold_seconds": 86_400},
        "pools": [{
            "id": POOL, "kind": "general", "name": "Standing", "capacity": units,
            "price": {"amount": 4500, "currency": "EUR"},
        }],
    });
    let answer = ask(target, &post("/v1/events", None, &body.to_string()))?;
    if answer.status != 201 {
        bail!("the event was not created: status {}: {}", answer.status, answer.text());
    }
    Ok(())
}

/// What is wrong, if anything: `told` 201s must be all that is taken.
///
/// # Errors
/// The server does not say.
pub fn complaints(target: Target, event: &str, told: u64) -> anyhow::Result<Vec<String>> {
    let answer = ask(target, &get(&format!("/v1/events/{event}/availability")))?;
    let availability: Availability = answer.parse().map_err(anyhow::Error::msg)?;
    let Some(pool) = availability.pools.first() else { bail!("no pool in {}", answer.text()) };
    let mut complaints = Vec::new();
    let taken = pool.held + pool.sold;
    if pool.available + taken + pool.blocked != pool.capacity {
        let Counts { capacity, available, .. } = pool;
        complaints
            .push(format!("capacity {capacity}, but {available} available and {taken} taken"));
    }
    if taken != told {
        complaints.push(format!("{taken} taken, but {told} were told so"));
    }
    Ok(complaints)
}

fn ask(target: Target, request: &[u8]) -> anyhow::Result<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut connection = Connection::new(target);
    Ok(runtime.block_on(connection.ask(request))?)
}
