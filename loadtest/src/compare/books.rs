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
    if answer.status != 200 {
        bail!("its books cannot be read: status {}: {}", answer.status, answer.text());
    }
    let availability: Availability = answer.parse().map_err(anyhow::Error::msg)?;
    let Some(pool) = availability.pools.first() else { bail!("no pool in {}", answer.text()) };
    Ok(judge(pool, told))
}

fn judge(pool: &Counts, told: u64) -> Vec<String> {
    let Counts { capacity, available, held, sold, blocked } = pool;
    let mut complaints = Vec::new();
    let taken = held + sold;
    if available + taken + blocked != *capacity {
        complaints
            .push(format!("capacity {capacity}, but {available} available and {taken} taken"));
    }
    if taken != told {
        complaints.push(format!("{taken} taken, but {told} were told so"));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_oversold_or_lost_is_said() {
        let pool = |available, held| Counts { capacity: 10, available, held, sold: 0, blocked: 0 };
        assert!(judge(&pool(7, 3), 3).is_empty());
        assert_eq!(judge(&pool(7, 2), 3).len(), 2, "a reservation is lost");
        assert_eq!(judge(&pool(7, 4), 4).len(), 1, "the counter lost a sale");
        assert_eq!(judge(&pool(7, 3), 4).len(), 1, "a buyer was told yes for nothing");
    }
}
