//! The known ways to guard a hot counter behind one HTTP front: what `loadtest compare` measures
//! onsale against. Each is written as somebody would who knows the database; none is a straw man.

mod backend;
mod backends;
mod front;

use std::net::SocketAddr;

use clap::{Parser, ValueEnum};

use self::backends::postgres::{Conditional, Optimistic, Pessimistic, SkipLocked};
use self::backends::redis::{Locked, Script};
use self::backends::{Echo, Memory};

/// One way to guard a counter, over HTTP on this machine.
#[derive(Parser)]
struct Arguments {
    #[arg(long, value_enum)]
    backend: Backend,
    /// Port 0 takes a free one, which the ready line tells.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// PostgreSQL: a connection string. Redis: the URL of the server with the data. etcd: an endpoint.
    #[arg(long, default_value = "")]
    database: String,
    /// redis-lock: URLs of the servers that hold the lock, separated by commas.
    #[arg(long, value_delimiter = ',')]
    lock_servers: Vec<String>,
    /// How long a lock lives without its holder. Unit: milliseconds.
    #[arg(long, default_value_t = 10_000)]
    lock_ttl_ms: u64,
    /// PostgreSQL: connections.
    #[arg(long, default_value_t = 16)]
    pool: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Backend {
    /// JSON in, JSON out; no stock at all.
    Echo,
    /// One ractor actor, no disk.
    Memory,
    /// Read the version, update where it is still the same, else again.
    PostgresOptimistic,
    /// `SELECT ... FOR UPDATE`, then update.
    PostgresPessimistic,
    /// One `UPDATE ... WHERE available >= n`.
    PostgresConditional,
    /// A row per ticket, `FOR UPDATE SKIP LOCKED`.
    PostgresSkipLocked,
    /// One script.
    RedisLua,
    /// Redlock around read, modify, write.
    RedisLock,
    /// Lease and lock around read, modify, write.
    #[cfg(feature = "etcd")]
    EtcdLock,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let Arguments { listen, database, lock_servers, pool, .. } = &arguments;
    let ttl = std::time::Duration::from_millis(arguments.lock_ttl_ms);
    match arguments.backend {
        Backend::Echo => front::serve(*listen, Echo).await,
        Backend::Memory => front::serve(*listen, Memory::start().await?).await,
        Backend::PostgresOptimistic => {
            front::serve(*listen, Optimistic::connect(database, *pool).await?).await
        }
        Backend::PostgresPessimistic => {
            front::serve(*listen, Pessimistic::connect(database, *pool).await?).await
        }
        Backend::PostgresConditional => {
            front::serve(*listen, Conditional::connect(database, *pool).await?).await
        }
        Backend::PostgresSkipLocked => {
            front::serve(*listen, SkipLocked::connect(database, *pool).await?).await
        }
        Backend::RedisLua => front::serve(*listen, Script::connect(database).await?).await,
        Backend::RedisLock => {
            front::serve(*listen, Locked::connect(database, lock_servers, ttl).await?).await
        }
        #[cfg(feature = "etcd")]
        Backend::EtcdLock => {
            front::serve(*listen, backends::EtcdLock::connect(database, ttl).await?).await
        }
    }
}
