//! Redis, two ways. Whether it syncs before it answers is the server's setting (`appendfsync`).

mod locked;
mod script;

use ::redis::aio::ConnectionManager;
use ::redis::{AsyncCommands, AsyncIter};
use anyhow::Context;
use serde::{Deserialize, Serialize};

pub use locked::Locked;
pub use script::Script;

use crate::backend::{Ask, Counts};

/// What is stored for a reservation.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    customer: &'a str,
    pool: &'a str,
    quantity: u32,
    created_at: jiff::Timestamp,
}

impl<'a> Stored<'a> {
    fn of(ask: &'a Ask) -> Self {
        let Ask { customer, pool, quantity, .. } = ask;
        Self { customer, pool, quantity: *quantity, created_at: jiff::Timestamp::now() }
    }
}

/// One connection that everybody shares: commands are pipelined, and it connects again by itself.
#[derive(Clone)]
struct Database(ConnectionManager);

impl Database {
    async fn connect(url: &str) -> anyhow::Result<Self> {
        let client = ::redis::Client::open(url).context("not a Redis URL")?;
        Ok(Self(client.get_connection_manager().await.context("Redis")?))
    }

    async fn create(&self, event: &str, capacity: u64) -> anyhow::Result<()> {
        let mut redis = self.0.clone();
        let both = [(capacity_key(event), capacity), (stock_key(event), capacity)];
        Ok(redis.mset::<_, _, ()>(&both).await?)
    }

    async fn counts(&self, event: &str) -> anyhow::Result<Counts> {
        let mut redis = self.0.clone();
        let (capacity, available): (u64, u64) =
            redis.mget(&[capacity_key(event), stock_key(event)]).await?;
        let mut held = 0;
        let mut stored: AsyncIter<'_, (String, String)> =
            redis.hscan(reservations_key(event)).await?;
        while let Some(item) = stored.next_item().await {
            held += u64::from(serde_json::from_str::<Stored<'_>>(&item?.1)?.quantity);
        }
        Ok(Counts { capacity, available, held })
    }
}

fn capacity_key(event: &str) -> String {
    format!("{event}:capacity")
}

fn stock_key(event: &str) -> String {
    format!("{event}:available")
}

fn reservations_key(event: &str) -> String {
    format!("{event}:reservations")
}

fn ids_key(event: &str) -> String {
    format!("{event}:ids")
}
