//! The row is locked first, then looked at, then changed.

use tokio_postgres::types::ToSql;

use super::{Database, Parameters, is_repeat};
use crate::backend::{Ask, Backend, Counts, Outcome};

const LOCK: &str = "SELECT available FROM pools WHERE event = $1 AND pool = $2 FOR UPDATE";
const TAKE: &str = "UPDATE pools SET available = available - $3 WHERE event = $1 AND pool = $2";
const STORE: &str = "
    INSERT INTO reservations (id, event, pool, customer, quantity, idempotency_key)
    VALUES ($1, $2, $3, $4, $5, $6)";

pub struct Pessimistic(Database);

impl Pessimistic {
    pub async fn connect(database: &str, connections: usize) -> anyhow::Result<Self> {
        Ok(Self(Database::connect(database, connections).await?))
    }

    async fn try_reserve(&self, ask: &Ask) -> Result<Outcome, anyhow::Error> {
        let parameters = Parameters::of(ask)?;
        let mut client = self.0.client().await?;
        let lock = client.prepare_cached(LOCK).await?;
        let take = client.prepare_cached(TAKE).await?;
        let store = client.prepare_cached(STORE).await?;
        let transaction = client.transaction().await?;
        let row = transaction.query_opt(&lock, &[&ask.event, &ask.pool]).await?;
        let available: i64 = row.map_or(Ok(0), |row| row.try_get(0))?;
        let quantity = i64::from(ask.quantity);
        if available < quantity {
            return Ok(Outcome::SoldOut);
        }
        // Both leave together: one round trip while the lock is held.
        let (taken, stored) =
            ([&ask.event as &(dyn ToSql + Sync), &ask.pool, &quantity], parameters.list());
        tokio::try_join!(transaction.execute(&take, &taken), transaction.execute(&store, &stored),)?;
        transaction.commit().await?;
        Ok(Outcome::Held(ask.id.clone()))
    }
}

impl Backend for Pessimistic {
    async fn create(&self, event: &str, pool: &str, capacity: u64) -> anyhow::Result<()> {
        self.0.create(event, pool, capacity).await
    }

    async fn reserve(&self, ask: Ask) -> anyhow::Result<Outcome> {
        match self.try_reserve(&ask).await {
            Err(error) if error.downcast_ref().is_some_and(is_repeat) => self.0.known(&ask).await,
            outcome => outcome,
        }
    }

    async fn counts(&self, event: &str) -> anyhow::Result<Counts> {
        self.0.counts(event).await
    }
}
