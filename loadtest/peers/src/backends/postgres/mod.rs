//! PostgreSQL, four ways.

mod conditional;
mod optimistic;
mod pessimistic;
mod skip_locked;

use anyhow::Context;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, NoTls};

pub use conditional::Conditional;
pub use optimistic::Optimistic;
pub use pessimistic::Pessimistic;
pub use skip_locked::SkipLocked;

use crate::backend::{Ask, Counts, Outcome};

const SCHEMA: &str = include_str!("schema.sql");

/// A pool of connections, and what all four ways do alike.
struct Database {
    pool: Pool,
}

impl Database {
    async fn connect(database: &str, connections: usize) -> anyhow::Result<Self> {
        let config: Config = database.parse().context("not a PostgreSQL connection string")?;
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config, NoTls, manager);
        let pool = Pool::builder(manager).max_size(connections).build()?;
        pool.get().await.context("PostgreSQL")?.batch_execute(SCHEMA).await?;
        Ok(Self { pool })
    }

    async fn client(&self) -> anyhow::Result<Object> {
        Ok(self.pool.get().await?)
    }

    async fn create(&self, event: &str, pool: &str, capacity: u64) -> anyhow::Result<()> {
        let capacity = i64::try_from(capacity)?;
        let insert = "INSERT INTO pools (event, pool, capacity, available) VALUES ($1, $2, $3, $3)";
        self.client().await?.execute(insert, &[&event, &pool, &capacity]).await?;
        Ok(())
    }

    async fn counts(&self, event: &str) -> anyhow::Result<Counts> {
        let select = "SELECT capacity, available, (SELECT coalesce(sum(quantity), 0)::bigint
            FROM reservations r WHERE r.event = p.event) FROM pools p WHERE event = $1";
        let row = self.client().await?.query_one(select, &[&event]).await?;
        let unit = |column| anyhow::Ok(u64::try_from(row.try_get::<_, i64>(column)?)?);
        Ok(Counts { capacity: unit(0)?, available: unit(1)?, held: unit(2)? })
    }

    /// Reserves by one statement that stores nothing when there is not enough.
    async fn reserve_by(
        &self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
        ask: &Ask,
    ) -> anyhow::Result<Outcome> {
        let client = self.client().await?;
        let statement = client.prepare_cached(statement).await?;
        let stored = client.execute(&statement, parameters).await;
        drop(client);
        match stored {
            Ok(0) => Ok(Outcome::SoldOut),
            Ok(_) => Ok(Outcome::Held(ask.id.clone())),
            Err(error) if is_repeat(&error) => self.known(ask).await,
            Err(error) => Err(error.into()),
        }
    }

    /// The outcome of a key that is already in the table.
    async fn known(&self, ask: &Ask) -> anyhow::Result<Outcome> {
        let select = "SELECT id FROM reservations WHERE event = $1 AND idempotency_key = $2";
        let row = self.client().await?.query_one(select, &[&ask.event, &ask.key]).await?;
        Ok(Outcome::Held(row.try_get(0)?))
    }
}

/// Whether an error says that the idempotency key is in use.
fn is_repeat(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::UNIQUE_VIOLATION)
}

/// `$1` to `$6` of every statement that stores a reservation.
struct Parameters<'a> {
    ask: &'a Ask,
    quantity: i32,
}

impl<'a> Parameters<'a> {
    fn of(ask: &'a Ask) -> anyhow::Result<Self> {
        Ok(Self { ask, quantity: i32::try_from(ask.quantity)? })
    }

    fn list(&self) -> [&(dyn ToSql + Sync); 6] {
        let Ask { id, event, pool, customer, key, .. } = self.ask;
        [id, event, pool, customer, &self.quantity, key]
    }
}
