//! A version column: read, then change only if nobody else did, else read again.

use std::time::Duration;

use super::{Database, Parameters, is_repeat};
use crate::backend::{Ask, Backend, Counts, Outcome};

const READ: &str = "SELECT available, version FROM pools WHERE event = $1 AND pool = $2";
const RESERVE: &str = "
    WITH taken AS (
        UPDATE pools SET available = available - $5::integer, version = version + 1
        WHERE event = $2 AND pool = $3 AND version = $7 RETURNING 1)
    INSERT INTO reservations (id, event, pool, customer, quantity, idempotency_key)
    SELECT $1, $2, $3, $4, $5, $6 FROM taken";

/// Then the client hears `busy`.
const TRIES: u32 = 100;

pub struct Optimistic(Database);

impl Optimistic {
    pub async fn connect(database: &str, connections: usize) -> anyhow::Result<Self> {
        Ok(Self(Database::connect(database, connections).await?))
    }

    /// `None`: somebody else was faster.
    async fn try_reserve(&self, ask: &Ask) -> anyhow::Result<Option<Outcome>> {
        let parameters = Parameters::of(ask)?;
        let client = self.0.client().await?;
        let read = client.prepare_cached(READ).await?;
        let reserve = client.prepare_cached(RESERVE).await?;
        let Some(row) = client.query_opt(&read, &[&ask.event, &ask.pool]).await? else {
            return Ok(Some(Outcome::SoldOut));
        };
        let (available, version): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        if available < i64::from(ask.quantity) {
            return Ok(Some(Outcome::SoldOut));
        }
        let mut list = parameters.list().to_vec();
        list.push(&version);
        let stored = client.execute(&reserve, &list).await?;
        Ok((0 < stored).then(|| Outcome::Held(ask.id.clone())))
    }
}

impl Backend for Optimistic {
    async fn create(&self, event: &str, pool: &str, capacity: u64) -> anyhow::Result<()> {
        self.0.create(event, pool, capacity).await
    }

    async fn reserve(&self, ask: Ask) -> anyhow::Result<Outcome> {
        for attempt in 1..=TRIES {
            match self.try_reserve(&ask).await {
                Ok(Some(outcome)) => return Ok(outcome),
                Ok(None) => {}
                Err(error) if error.downcast_ref().is_some_and(is_repeat) => {
                    return self.0.known(&ask).await;
                }
                Err(error) => return Err(error),
            }
            // The connection is given back meanwhile; losers that all come back at once lose again.
            let pause = rand::random_range(0..=attempt.min(20));
            tokio::time::sleep(Duration::from_millis(u64::from(pause))).await;
        }
        Ok(Outcome::Busy)
    }

    async fn counts(&self, event: &str) -> anyhow::Result<Counts> {
        self.0.counts(event).await
    }
}
