//! A distributed lock (Redlock) around read, modify, write.
//!
//! As people use it, so without fencing: a holder that is stopped for longer than the lock lives goes
//! on writing what it read before. `loadtest/peers/paused_holder.sh` shows what that does.

use std::time::Duration;

use redis::{AsyncCommands, pipe};
use rslock::{LockError, LockManager};
use tokio::sync::Mutex;

use super::{Database, Stored, ids_key, reservations_key, stock_key};
use crate::backend::{Ask, Backend, Counts, Outcome};

/// Tries for the lock, and the longest pause between two; then the client hears `busy`.
const TRIES: u32 = 2_000;
const PAUSE: Duration = Duration::from_millis(5);

pub struct Locked {
    database: Database,
    locks: LockManager,
    ttl: Duration,
    /// Requests of one process queue here, so that only processes compete for the lock.
    turn: Mutex<()>,
}

impl Locked {
    pub async fn connect(
        url: &str,
        lock_servers: &[String],
        ttl: Duration,
    ) -> anyhow::Result<Self> {
        let mut locks = LockManager::new(lock_servers.iter().map(String::as_str).collect());
        locks.set_retry(TRIES, PAUSE);
        Ok(Self { database: Database::connect(url).await?, locks, ttl, turn: Mutex::new(()) })
    }

    async fn reserve_alone(&self, ask: &Ask) -> anyhow::Result<Outcome> {
        let Ask { id, event, quantity, key, .. } = ask;
        let mut redis = self.database.0.clone();
        let mut read = pipe();
        read.get(stock_key(event)).hget(ids_key(event), key);
        let (available, known): (Option<u64>, Option<String>) =
            read.query_async(&mut redis).await?;
        if let Some(known) = known {
            return Ok(Outcome::Held(known));
        }
        let Some(left) = available.unwrap_or(0).checked_sub(u64::from(*quantity)) else {
            return Ok(Outcome::SoldOut);
        };
        let stored = serde_json::to_string(&Stored::of(ask))?;
        let mut write = pipe();
        write.atomic().set(stock_key(event), left).ignore();
        write.hset(reservations_key(event), id, stored).ignore();
        write.hset(ids_key(event), key, id).ignore();
        write.query_async::<()>(&mut redis).await?;
        Ok(Outcome::Held(id.clone()))
    }
}

impl Backend for Locked {
    async fn create(&self, event: &str, _pool: &str, capacity: u64) -> anyhow::Result<()> {
        let mut redis = self.database.0.clone();
        redis.del::<_, ()>(&[reservations_key(event), ids_key(event)]).await?;
        self.database.create(event, capacity).await
    }

    async fn reserve(&self, ask: Ask) -> anyhow::Result<Outcome> {
        let name = format!("{}:lock", ask.event);
        let _turn = self.turn.lock().await;
        let lock = match self.locks.lock(name.as_bytes(), self.ttl).await {
            Ok(lock) => lock,
            Err(LockError::Unavailable) => return Ok(Outcome::Busy),
            Err(error) => return Err(error.into()),
        };
        let outcome = self.reserve_alone(&ask).await;
        self.locks.unlock(&lock).await;
        outcome
    }

    async fn counts(&self, event: &str) -> anyhow::Result<Counts> {
        self.database.counts(event).await
    }
}
