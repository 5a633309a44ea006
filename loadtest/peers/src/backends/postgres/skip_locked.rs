//! A row per ticket: nobody waits for a row that somebody else is taking.

use super::{Database, Parameters, is_repeat};
use crate::backend::{Ask, Backend, Counts, Outcome};

/// Else the planner, which does not know `LIMIT $5`, reads and sorts the whole table for each ticket.
const PLAN: &str =
    "-c%20enable_seqscan=off%20-c%20enable_bitmapscan=off%20-c%20plan_cache_mode=force_custom_plan";
const RESERVE: &str = "
    WITH picked AS (
        SELECT id FROM tickets WHERE event = $2 AND pool = $3 AND reservation IS NULL
        ORDER BY id LIMIT $5 FOR UPDATE SKIP LOCKED),
    taken AS (
        UPDATE tickets SET reservation = $1 FROM picked
        WHERE tickets.id = picked.id AND (SELECT count(*) FROM picked) = $5 RETURNING 1)
    INSERT INTO reservations (id, event, pool, customer, quantity, idempotency_key)
    SELECT $1, $2, $3, $4, $7, $6 WHERE (SELECT count(*) FROM taken) = $5";
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
        let quantity = i64::from(ask.quantity);
        let mut list = parameters.list().to_vec();
        list[4] = &quantity;
        list.push(&parameters.quantity);
        let client = self.0.client().await?;
        let reserve = client.prepare_cached(RESERVE).await?;
        let outcome = client.execute(&reserve, &list).await;
        drop(client);
        match outcome {
            Ok(0) => Ok(Outcome::SoldOut),
            Ok(_) => Ok(Outcome::Held(ask.id)),
            Err(error) if is_repeat(&error) => self.0.known(&ask).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn counts(&self, event: &str) -> anyhow::Result<Counts> {
        let row = self.0.client().await?.query_one(COUNT, &[&event]).await?;
        let unit = |column| anyhow::Ok(u64::try_from(row.try_get::<_, i64>(column)?)?);
        Ok(Counts { capacity: unit(0)?, available: unit(1)?, held: unit(2)? })
    }
}
