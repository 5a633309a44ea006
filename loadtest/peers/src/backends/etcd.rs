//! A lease and a lock around read, modify, write.
//!
//! As the documentation of the lock shows it: the write does not ask whether the lock is still held.

use std::time::Duration;

use anyhow::Context;
use etcd_client::{Client, Compare, CompareOp, GetOptions, LockOptions, Txn, TxnOp, TxnOpResponse};
use tokio::sync::Mutex;

use crate::backend::{Ask, Backend, Counts, Outcome};

/// Then the client hears `busy`.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct EtcdLock {
    client: Client,
    /// One lease for the process, kept alive, as the lock's session of the official clients.
    lease: i64,
    /// Requests of one process queue here: to etcd one lease is one owner.
    turn: Mutex<()>,
}

impl EtcdLock {
    pub async fn connect(endpoint: &str, ttl: Duration) -> anyhow::Result<Self> {
        let mut client = Client::connect([endpoint], None).await.context("etcd")?;
        let seconds = i64::try_from(ttl.as_secs())?.max(1);
        let lease = client.lease_grant(seconds, None).await?.id();
        let (mut keeper, mut kept) = client.lease_keep_alive(lease).await?;
        tokio::spawn(async move {
            let mut beat = tokio::time::interval(ttl / 3);
            loop {
                beat.tick().await;
                if keeper.keep_alive().await.is_err() || kept.message().await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { client, lease, turn: Mutex::new(()) })
    }

    async fn reserve_alone(&self, ask: &Ask) -> anyhow::Result<Outcome> {
        let Ask { id, event, quantity, key, .. } = ask;
        let mut client = self.client.clone();
        let read = Txn::new().and_then([
            TxnOp::get(stock_key(event), None),
            TxnOp::get(format!("{event}/ids/{key}"), None),
        ]);
        let read = client.txn(read).await?;
        let values: Vec<Option<String>> =
            read.op_responses().into_iter().map(first_value).collect::<anyhow::Result<_>>()?;
        if let Some(Some(known)) = values.get(1) {
            return Ok(Outcome::Held(known.clone()));
        }
        let available = values.into_iter().next().flatten().unwrap_or_else(|| "0".to_owned());
        let Some(left) = available.parse::<u64>()?.checked_sub(u64::from(*quantity)) else {
            return Ok(Outcome::SoldOut);
        };
        let stored = format!("{quantity} {}", ask.customer);
        let write = Txn::new()
            // Always so: all three or none.
            .when([Compare::version(stock_key(event), CompareOp::Greater, 0)])
            .and_then([
                TxnOp::put(stock_key(event), left.to_string(), None),
                TxnOp::put(format!("{event}/reservations/{id}"), stored, None),
                TxnOp::put(format!("{event}/ids/{key}"), id.as_str(), None),
            ]);
        client.txn(write).await?;
        Ok(Outcome::Held(id.clone()))
    }
}

impl Backend for EtcdLock {
    async fn create(&self, event: &str, _pool: &str, capacity: u64) -> anyhow::Result<()> {
        let mut client = self.client.clone();
        client.put(format!("{event}/capacity"), capacity.to_string(), None).await?;
        client.put(stock_key(event), capacity.to_string(), None).await?;
        Ok(())
    }

    async fn reserve(&self, ask: Ask) -> anyhow::Result<Outcome> {
        let mut client = self.client.clone();
        let _turn = self.turn.lock().await;
        let name = format!("{}/lock", ask.event);
        let options = LockOptions::new().with_lease(self.lease);
        let lock = client.lock(name, Some(options));
        let Ok(lock) = tokio::time::timeout(PATIENCE, lock).await else {
            return Ok(Outcome::Busy);
        };
        let lock = lock?;
        let outcome = self.reserve_alone(&ask).await;
        client.unlock(lock.key()).await?;
        outcome
    }

    async fn counts(&self, event: &str) -> anyhow::Result<Counts> {
        let mut client = self.client.clone();
        let mut number = async |name: &str| -> anyhow::Result<u64> {
            let found = client.get(format!("{event}/{name}"), None).await?;
            let pair = found.kvs().first().context("no such event")?;
            Ok(pair.value_str()?.parse()?)
        };
        let (capacity, available) = (number("capacity").await?, number("available").await?);
        let prefix = GetOptions::new().with_prefix();
        let stored = client.get(format!("{event}/reservations/"), Some(prefix)).await?;
        let mut held = 0;
        for pair in stored.kvs() {
            let quantity = pair.value_str()?.split(' ').next().unwrap_or_default();
            held += quantity.parse::<u64>()?;
        }
        Ok(Counts { capacity, available, held })
    }
}

fn stock_key(event: &str) -> String {
    format!("{event}/available")
}

fn first_value(response: TxnOpResponse) -> anyhow::Result<Option<String>> {
    let TxnOpResponse::Get(found) = response else { anyhow::bail!("not a read") };
    Ok(found.kvs().first().map(|pair| pair.value_str().map(str::to_owned)).transpose()?)
}
