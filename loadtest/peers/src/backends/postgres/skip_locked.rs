//! A row per ticket: nobody waits for a row that somebody else is taking.

use super::{Database, Parameters};
use crate::backend::{Ask, Backend, Counts, Outcome};

/// Each plan is made for the number of tickets asked for: for an unknown one the planner assumes a tenth
/// of the table.
const PLAN: &str = "-c%20plan_cache_mode=force_custom_plan";
const RESERVE: &str = "
    WITH picked AS (
        SELECT id FROM tickets WHERE event = $2 AND pool = $3 AND reservation IS NULL
        ORDER BY id LIMIT $7 FOR UPDATE SKIP LOCKED),
    taken AS (
        UPDATE tickets SET reservation = $1 FROM picked
        WHERE event = $2 AND pool = $3 AND tickets.id = picked.id AND reservation IS NULL
        AND (SELECT count(*) FROM picked) = $7 RETURNING 1)
    INSERT INTO reservations (id, event, pool, customer, quantity, idempotency_key)
    SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT count(*) FROM taken) = $7";
const CREATE: &str = "INSERT INTO tickets (event, pool)
    SELECT $1, $2 FROM generate_series(1, $3::bigint)";
const COUNT: &str = "SELECT count(*), count(*) FILTER (WHERE reservation IS NULL),
    (SELECT coalesce(sum(quantity), 0)::bigint FROM reservations WHERE event = $1)
    FROM tickets WHERE event = $1";

pub struct SkipLocked(Database);

impl SkipLocked {
    pub async fn connect(database: &str, connections: usize) -> anyhow::Result<Self> {
        let tuned = format!("{database}?options={PLAN}");
        Ok(Self(Database::connect(&tuned, connections).await?))
    }
}

impl Backend for SkipLocked {
    async fn create(&self, event: &str, pool: &str, capacity: u64) -> anyhow::Result<()> {
        let client = self.0.client().await?;
        client.execute(CREATE, &[&event, &pool, &i64::try_from(capacity)?]).await?;
        // The planner must know that the table is large.
        client.batch_execute("VACUUM ANALYZE tickets").await?;
        Ok(())
    }

    async fn reserve(&self, ask: Ask) -> anyhow::Result<Outcome> {
        let parameters = Parameters::of(&ask)?;
        let tickets = i64::from(ask.quantity);
        let mut list = parameters.list().to_vec();
        list.push(&tickets);
        self.0.reserve_by(RESERVE, &list, &ask).await
    }

    async fn counts(&self, event: &str) -> anyhow::Result<Counts> {
        let row = self.0.client().await?.query_one(COUNT, &[&event]).await?;
        let unit = |column| anyhow::Ok(u64::try_from(row.try_get::<_, i64>(column)?)?);
        Ok(Counts { capacity: unit(0)?, available: unit(1)?, held: unit(2)? })
    }
}
