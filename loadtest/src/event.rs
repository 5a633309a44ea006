//! The event that is rushed.

use std::time::Duration;

use anyhow::bail;
use indicatif::ProgressBar;

use crate::buyer::{self, Outcome, Trouble};
use crate::connection::Connection;
use crate::measure::each::each;
use crate::plan::post;
use crate::target::Target;

/// What one unit costs. Unit: minor units of the currency.
pub const PRICE: u64 = 4_500;
pub const CURRENCY: &str = "EUR";
/// Its one pool.
pub const POOL: &str = "standing";
/// The longest that the server allows. Unit: seconds.
pub const HOLD_SECONDS: u32 = 86_400;

/// Puts an event with so many units on sale; what is reserved does not lapse while it is checked.
///
/// # Errors
/// There is no server, or it does not take the event.
pub fn create(target: Target, id: &str, units: u64) -> anyhow::Result<()> {
    create_held(target, id, units, HOLD_SECONDS)
}

/// As [`create`], with another time for which a reservation is held.
///
/// # Errors
/// As for [`create`].
pub fn create_held(target: Target, id: &str, units: u64, hold_seconds: u32) -> anyhow::Result<()> {
    let request = creation(id, units, hold_seconds);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut connection = Connection::new(target);
    // No patience: without a server there is nothing to wait for.
    let mut trouble = Trouble::default();
    let asked = buyer::ask(&mut connection, &request, Duration::ZERO, &mut trouble);
    match runtime.block_on(asked) {
        Outcome::Answered(answer) if answer.status == 201 => Ok(()),
        Outcome::Answered(answer) => {
            bail!("the event was not created: status {}: {}", answer.status, answer.text())
        }
        Outcome::GaveUp { reason, .. } => {
            let address = target.address;
            bail!("no event could be created at http://{address}: {reason}; is onsale running?")
        }
    }
}

/// Puts many events on sale, over many connections.
///
/// # Errors
/// The server does not take one of them.
pub fn create_many(
    target: Target,
    count: u64,
    name: impl Fn(u64) -> String + 'static,
    units: u64,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    /// Refused ones, until when they are asked again.
    const PATIENCE: Duration = Duration::from_secs(10);
    const CONNECTIONS: u32 = 128;
    let created = each(target, count, CONNECTIONS, bar, async move |connection, number| {
        let request = creation(&name(number), units, HOLD_SECONDS);
        match buyer::ask(connection, &request, PATIENCE, &mut Trouble::default()).await {
            Outcome::Answered(answer) if answer.status == 201 => Ok(Vec::new()),
            Outcome::Answered(answer) => {
                bail!("an event was not created: status {}: {}", answer.status, answer.text())
            }
            Outcome::GaveUp { reason, .. } => bail!("an event was not created: {reason}"),
        }
    });
    bar.finish_and_clear();
    created.map(drop)
}

fn creation(id: &str, units: u64, hold_seconds: u32) -> Vec<u8> {
    let body = serde_json::json!({
        "id": id,
        "name": "Flash sale",
        "sale": {"hold_seconds": hold_seconds},
        "pools": [{
            "id": POOL, "kind": "general", "name": "Standing", "capacity": units,
            "price": {"amount": PRICE, "currency": CURRENCY},
        }],
    });
    post("/v1/events", None, &body.to_string())
}
