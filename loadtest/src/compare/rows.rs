//! What is compared.

/// The databases of `peers/servers.sh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    None,
    Postgres,
    RedisAlways,
    RedisEverysec,
    RedisLocks,
    Etcd,
}

impl Database {
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Postgres => Some("postgres"),
            Self::RedisAlways => Some("redis-always"),
            Self::RedisEverysec => Some("redis-everysec"),
            Self::RedisLocks => Some("redis-locks"),
            Self::Etcd => Some("etcd"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// onsale with its data on the disk of the build directory.
    Onsale,
    /// onsale with its data in memory, where a sync costs nothing.
    OnsaleInMemory,
    /// `peers --backend`.
    Peer(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub name: &'static str,
    pub server: Server,
    pub database: Database,
    /// Units on sale. Few where each is a row of a table, none left where refusals are measured.
    pub units: u64,
    /// The status that is counted.
    pub wanted: u16,
    /// What a 201 means when the power fails.
    pub durable: &'static str,
}

impl Row {
    /// Whether the server can be asked for its books.
    pub fn has_books(&self) -> bool {
        self.server != Server::Peer("echo")
    }
}

const MANY: u64 = 100_000_000;
/// Row against which ratios are taken.
pub const BASE: &str = "echo";

const fn peer(
    name: &'static str,
    backend: &'static str,
    database: Database,
    units: u64,
    durable: &'static str,
) -> Row {
    Row { name, server: Server::Peer(backend), database, units, wanted: 201, durable }
}

pub const ROWS: &[Row] = &[
    peer("echo", "echo", Database::None, MANY, "stores nothing"),
    Row {
        name: "onsale",
        server: Server::Onsale,
        database: Database::None,
        units: MANY,
        wanted: 201,
        durable: "synced",
    },
    Row {
        name: "onsale-sync-free",
        server: Server::OnsaleInMemory,
        database: Database::None,
        units: MANY,
        wanted: 201,
        durable: "no: data in memory",
    },
    Row {
        name: "onsale-sold-out",
        server: Server::Onsale,
        database: Database::None,
        units: 1,
        wanted: 409,
        durable: "refusals",
    },
    peer("memory", "memory", Database::None, MANY, "no: memory only"),
    peer("redis-lua", "redis-lua", Database::RedisAlways, MANY, "synced"),
    peer("redis-lua-everysec", "redis-lua", Database::RedisEverysec, MANY, "no: a second is lost"),
    peer("redis-lock", "redis-lock", Database::RedisLocks, MANY, "synced"),
    peer("postgres-conditional", "postgres-conditional", Database::Postgres, MANY, "synced"),
    peer("postgres-pessimistic", "postgres-pessimistic", Database::Postgres, MANY, "synced"),
    peer("postgres-optimistic", "postgres-optimistic", Database::Postgres, MANY, "synced"),
    peer("postgres-skip-locked", "postgres-skip-locked", Database::Postgres, 300_000, "synced"),
    peer("etcd-lock", "etcd-lock", Database::Etcd, MANY, "synced"),
];
