//! Looks at the room from outside while fans act: its own figures, the stock, the server's memory.

use std::rc::Rc;
use std::time::Duration;

use indicatif::ProgressBar;
use serde::Deserialize;
use serde_json::Value;

use super::crowd::Shared;
use super::drive::Server;
use super::laws::Law;
use super::requests;
use crate::connection::Connection;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// One look. What was not told is absent.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// Unit: seconds since the start.
    pub at: f64,
    pub waiting: Option<u64>,
    pub ready: Option<u64>,
    pub shopping: Option<u64>,
    pub available: Option<u64>,
    /// Unit: bytes.
    pub rss: Option<u64>,
}

#[derive(Deserialize)]
struct Availability {
    pools: Vec<Pool>,
}

#[derive(Deserialize)]
struct Pool {
    available: u64,
    held: u64,
}

/// Until the run is over.
///
/// # Errors
/// The server ended by itself.
pub async fn watch(
    crowd: Shared,
    server: Rc<Server>,
    bar: ProgressBar,
) -> anyhow::Result<Vec<Look>> {
    let mut looks = Vec::new();
    let mut connection = Connection::new(server.target);
    let mut admin = server.admin.map(Connection::new);
    while !crowd.borrow().is_over() {
        if server.has_ended() {
            anyhow::bail!("the server ended in the middle");
        }
        let at = f64::from(crowd.borrow().now()) / 1e3;
        let mut look = Look { at, rss: server.rss(), ..Look::default() };
        if let Some(figures) = figures(admin.as_mut()).await {
            look.waiting = number(&figures, "waiting");
            look.ready = number(&figures, "ready");
            look.shopping = number(&figures, "shopping");
        }
        if let Some(pool) = stock(&mut connection).await {
            look.available = Some(pool.available);
            crowd.borrow_mut().sale_over = pool.available == 0 && pool.held == 0;
        }
        judge(&crowd, &look);
        looks.push(look);
        bar.set_position(crowd.borrow().done());
        tokio::time::sleep(PAUSE).await;
    }
    Ok(looks)
}

fn judge(crowd: &Shared, look: &Look) {
    let (Some(ready), Some(shopping)) = (look.ready, look.shopping) else { return };
    let mut crowd = crowd.borrow_mut();
    let most = u64::from(crowd.terms.active_max);
    crowd.laws.check(Law::OwnFigures, ready + shopping <= most, || {
        format!("{:.1} s after the start: {ready} ready, {shopping} shopping", look.at)
    });
}

async fn figures(admin: Option<&mut Connection>) -> Option<Value> {
    let asked = admin?.ask(&requests::figures()).await.ok()?;
    (asked.status == 200).then(|| asked.parse().ok())?
}

async fn stock(connection: &mut Connection) -> Option<Pool> {
    let request = requests::availability();
    let asked = tokio::time::timeout(ANSWER_MAX, connection.ask(&request)).await.ok()?.ok()?;
    let told: Availability = asked.parse().ok()?;
    told.pools.into_iter().next()
}

/// The first whole number of this name, wherever it stands.
fn number(value: &Value, name: &str) -> Option<u64> {
    let members = value.as_object()?;
    members
        .get(name)
        .and_then(Value::as_u64)
        .or_else(|| members.values().find_map(|inner| number(inner, name)))
}
