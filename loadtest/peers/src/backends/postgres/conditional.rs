//! One statement: the count goes down only where it suffices.

use super::{Database, Parameters};
use crate::backend::{Ask, Backend, Counts, Outcome};

const RESERVE: &str = "
    WITH taken AS (
        UPDATE pools SET available = available - $5::integer
        WHERE event = $2 AND pool = $3 AND available >= $5::integer RETURNING 1)
    INSERT INTO reservations (id, event, pool, customer, quantity, idempotency_key)
    SELECT $1, $2, $3, $4, $5, $6 FROM taken";

pub struct Conditional(Database);

impl Conditional {
    pub async fn connect(database: &str, connections: usize) -> anyhow::Result<Self> {
        Ok(Self(Database::connect(database, connections).await?))
    }
}

impl Backend for Conditional {
    async fn create(&self, event: &str, pool: &str, capacity: u64) -> anyhow::Result<()> {
        self.0.create(event, pool, capacity).await
    }

    async fn reserve(&self, ask: Ask) -> anyhow::Result<Outcome> {
        let parameters = Parameters::of(&ask)?;
        self.0.reserve_by(RESERVE, &parameters.list(), &ask).await
    }

    async fn counts(&self, event: &str) -> anyhow::Result<Counts> {
        self.0.counts(event).await
    }
}
