//! One script: Redis runs nothing else meanwhile.

use super::{Database, Stored, ids_key, reservations_key, stock_key};
use crate::backend::{Ask, Backend, Counts, Outcome};

pub struct Script {
    database: Database,
    reserve: redis::Script,
}

impl Script {
    pub async fn connect(url: &str) -> anyhow::Result<Self> {
        let reserve = redis::Script::new(include_str!("reserve.lua"));
        Ok(Self { database: Database::connect(url).await?, reserve })
    }
}

impl Backend for Script {
    async fn create(&self, event: &str, _pool: &str, capacity: u64) -> anyhow::Result<()> {
        self.database.create(event, capacity).await
    }

    async fn reserve(&self, ask: Ask) -> anyhow::Result<Outcome> {
        let mut call = self.reserve.prepare_invoke();
        call.key(stock_key(&ask.event)).key(reservations_key(&ask.event)).key(ids_key(&ask.event));
        call.arg(ask.quantity).arg(&ask.id).arg(&ask.key);
        call.arg(serde_json::to_string(&Stored::of(&ask))?);
        let id: String = call.invoke_async(&mut self.database.0.clone()).await?;
        Ok(if id.is_empty() { Outcome::SoldOut } else { Outcome::Held(id) })
    }

    async fn counts(&self, event: &str) -> anyhow::Result<Counts> {
        self.database.counts(event).await
    }
}
