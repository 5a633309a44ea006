//! After each run: do a server's books agree with what it told?

use anyhow::bail;
use serde::Deserialize;

use crate::connection::Connection;
use crate::plan::get;
use crate::target::Target;

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

/// What is wrong, if anything: `told` 201s must be all that is taken.
///
/// # Errors
/// The server does not say.
pub fn complaints(target: Target, event: &str, told: u64) -> anyhow::Result<Vec<String>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut connection = Connection::new(target);
    let request = get(&format!("/v1/events/{event}/availability"));
    let answer = runtime.block_on(connection.ask(&request))?;
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
