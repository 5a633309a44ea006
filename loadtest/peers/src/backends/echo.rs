//! Nothing behind the front: what HTTP and JSON cost by themselves.

use crate::backend::{Ask, Backend, Counts, Outcome};

pub struct Echo;

impl Backend for Echo {
    async fn create(&self, _event: &str, _pool: &str, _capacity: u64) -> anyhow::Result<()> {
        Ok(())
    }

    async fn reserve(&self, ask: Ask) -> anyhow::Result<Outcome> {
        Ok(Outcome::Held(ask.id))
    }

    async fn counts(&self, _event: &str) -> anyhow::Result<Counts> {
        anyhow::bail!("echo keeps no stock")
    }
}
