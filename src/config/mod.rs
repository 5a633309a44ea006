//! Settings: `config.toml`, overridden key by key by the environment, checked once at the start.
//!
//! ```text
//!   built-in config.toml < file < ONSALE__SECTION__KEY   raw.rs, environment.rs: what is said
//!                     └── TryFrom<Raw...> ──> Config     here: what the program may rely on
//! ```
//!
//! A section type can only be made by its `TryFrom`, so whoever holds one holds values within their
//! bounds. Parts of the program receive their own section, never the whole [`Config`]. Units, bounds
//! and reasons of the defaults stand beside the values, in `config.toml`.

mod bounds;
mod edge;
mod environment;
mod error;
mod identity;
mod limits;
mod log;
mod purchases;
mod raw;
mod server;
mod waiting_room;
mod webhooks;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io, thread};

use self::bounds::{millis, non_zero, number, quoted, within};
use crate::domain::time::HoldLength;

pub use edge::{CorsConfig, TelemetryConfig};
pub use environment::PREFIX as ENVIRONMENT_PREFIX;
pub use error::{ConfigError, Origin, Unfit};
pub use identity::{IdentityConfig, IdentityMode};
pub use limits::LimitConfig;
pub use log::LogConfig;
pub use purchases::{
    MailConfig, MailMode, PaymentConfig, Provider, Secret, Simulation, SmsConfig, SmtpConfig,
    SmtpSecurity, TicketConfig,
};
pub use raw::{
    RawAdmin, RawCors, RawDemo, RawIdentity, RawLimits, RawLog, RawMail, RawPayment, RawSale,
    RawServer, RawShards, RawSms, RawStorage, RawTelemetry, RawTickets, RawWaitingRoom,
    RawWebhooks,
};
pub use server::{ForwardedHeader, ServerConfig};
pub use waiting_room::WaitingRoomConfig;
pub use webhooks::WebhookConfig;

/// The file that is read when none is named, if it is there.
pub const FILE_NAME: &str = "config.toml";

/// The shipped `config.toml`: every key with its default, so that a bare binary runs.
pub const BUILT_IN: &str = include_str!("../../config.toml");

/// All settings, within their bounds.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: ServerConfig,
    pub admin: AdminConfig,
    pub storage: StorageConfig,
    pub shards: ShardConfig,
    pub sale: SaleConfig,
    pub payment: PaymentConfig,
    pub mail: MailConfig,
    /// `None`: nobody is told.
    pub webhooks: Option<WebhookConfig>,
    /// Absent: no short messages are sent.
    pub sms: Option<SmsConfig>,
    pub tickets: TicketConfig,
    pub waiting_room: WaitingRoomConfig,
    pub limits: LimitConfig,
    pub identity: IdentityConfig,
    /// Absent: browsers of other origins read nothing.
    pub cors: Option<CorsConfig>,
    /// Absent: no spans are sent.
    pub telemetry: Option<TelemetryConfig>,
    pub demo: DemoConfig,
    pub log: LogConfig,
}

/// The door for operators.
#[derive(Debug, Clone)]
pub struct AdminConfig {
    /// Loopback while `identity.mode` is `development`. Port 0: any free one. Never the address of `server.listen`.
    pub listen: SocketAddr,
}

/// The journal's place and its limits.
#[derive(Debug, Clone)]
pub struct StorageConfig {
    /// Not empty; relative to the working directory.
    pub data_dir: PathBuf,
    /// Bytes free on the disk under which nothing new is accepted, 1 MiB to 1 PiB.
    pub free_bytes_min: u64,
    /// Bytes of records after which a new epoch begins, 64 KiB to 1 GiB.
    pub epoch_bytes_max: u64,
    /// Bytes of segments that events' logs are read from, 0 to 1 TiB; 0 keeps none.
    pub log_bytes_max: u64,
}

/// The shards and their queues: no batch is larger than the queue that feeds it.
#[derive(Debug, Clone)]
pub struct ShardConfig {
    /// Shard actors, 1 to 1,024; a 0 in the file has become the number of cores.
    pub count: NonZeroU16,
    /// Commands that may wait in one shard, 1 to 1,000,000.
    pub queue_depth_max: NonZeroU32,
    /// Commands per disk sync and shard, 1 to 4,096.
    pub batch_records_max: NonZeroU32,
    /// How long a command may wait for its turn, 10 ms to 60 s.
    pub deadline: Duration,
}

/// Defaults for events that do not say.
#[derive(Debug, Clone)]
pub struct SaleConfig {
    pub hold: HoldLength,
}

/// The event to try things on.
#[derive(Debug, Clone)]
pub struct DemoConfig {
    /// Whether an empty data directory begins with it.
    pub event: bool,
}

impl Config {
    /// Settings of this start: from `path`, which must then exist, else from `config.toml` in the
    /// working directory if there is one, else as built in; the environment wins over each.
    ///
    /// # Errors
    /// One line that names the source, the key, the value and what would be right. Print it and end.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let named = path.unwrap_or(Path::new(FILE_NAME));
        let name = named.display().to_string();
        let text = match fs::read_to_string(named) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_none() => None,
            Err(error) => {
                return Err(ConfigError::Unreadable { file: name, reason: error.to_string() });
            }
        };
        Self::from_parts(text.as_deref().map(|text| (name.as_str(), text)), std::env::vars_os())
    }

    /// Settings from a file's name and text, if any, and the given environment. Reads nothing else.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_parts(
        file: Option<(&str, &str)>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut layers = raw::Layers::built_in(BUILT_IN)?;
        if let Some((name, text)) = file {
            layers.lay_file(name, text)?;
        }
        environment::lay(&mut layers, environment)?;
        let (raw, origin_of) = layers.into_raw()?;
        Self::try_from(raw).map_err(|unfit| unfit.locate(origin_of))
    }
}

impl TryFrom<raw::RawConfig> for Config {
    type Error = Unfit;

    fn try_from(raw: raw::RawConfig) -> Result<Self, Unfit> {
        let config = Self {
            server: raw.server.try_into()?,
            admin: raw.admin.try_into()?,
            storage: raw.storage.try_into()?,
            shards: raw.shards.try_into()?,
            sale: raw.sale.try_into()?,
            payment: raw.payment.try_into()?,
            mail: raw.mail.try_into()?,
            webhooks: WebhookConfig::checked(raw.webhooks)?,
            sms: purchases::sms(raw.sms)?,
            tickets: raw.tickets.try_into()?,
            waiting_room: raw.waiting_room.try_into()?,
            limits: raw.limits.try_into()?,
            identity: raw.identity.try_into()?,
            cors: CorsConfig::checked(raw.cors)?,
            telemetry: TelemetryConfig::checked(raw.telemetry)?,
            demo: raw.demo.try_into()?,
            log: raw.log.try_into()?,
        };
        let (buyers, operators) = (config.server.listen, config.admin.listen);
        if config.identity.mode == IdentityMode::Development {
            for (key, address) in [("server.listen", buyers), ("admin.listen", operators)] {
                if !address.ip().is_loopback() {
                    let reason = "must be a loopback address while identity.mode is \"development\", \
                                  where everybody may do everything";
                    return Err(Unfit::new(key, quoted(address), reason));
                }
            }
        }
        if buyers == operators && buyers.port() != 0 {
            let reason = "must not be the address of server.listen";
            return Err(Unfit::new("admin.listen", quoted(operators), reason).or(Unfit::new(
                "server.listen",
                quoted(buyers),
                "must not be that of admin.listen",
            )));
        }
        Ok(config)
    }
}

impl TryFrom<RawAdmin> for AdminConfig {
    type Error = Unfit;

    fn try_from(raw: RawAdmin) -> Result<Self, Unfit> {
        Ok(Self { listen: address("admin.listen", &raw.listen)? })
    }
}

impl TryFrom<RawStorage> for StorageConfig {
    type Error = Unfit;

    fn try_from(raw: RawStorage) -> Result<Self, Unfit> {
        if raw.data_dir.is_empty() {
            return Err(Unfit::new("storage.data_dir", "\"\"", "must name a directory"));
        }
        let (free, epoch) = (raw.free_bytes_min, raw.epoch_bytes_max);
        Ok(Self {
            data_dir: raw.data_dir.into(),
            free_bytes_min: within("storage.free_bytes_min", free, MIB..=PIB, number)?,
            epoch_bytes_max: within(
                "storage.epoch_bytes_max",
                epoch,
                64 * KIB..=1_024 * MIB,
                number,
            )?,
            log_bytes_max: within("storage.log_bytes_max", raw.log_bytes_max, 0..=TIB, number)?,
        })
    }
}

impl TryFrom<RawShards> for ShardConfig {
    type Error = Unfit;

    fn try_from(raw: RawShards) -> Result<Self, Unfit> {
        let count: u16 = within("shards.count", raw.count, 0..=COUNT_MAX.into(), number)?;
        let (queue, batch) = (raw.queue_depth_max, raw.batch_records_max);
        let config = Self {
            count: NonZeroU16::new(count).unwrap_or_else(one_per_core),
            queue_depth_max: within("shards.queue_depth_max", queue, 1..=1_000_000, non_zero)?,
            batch_records_max: within("shards.batch_records_max", batch, 1..=4_096, non_zero)?,
            deadline: millis("shards.deadline_ms", raw.deadline_ms, 10..=60_000)?,
        };
        if config.batch_records_max <= config.queue_depth_max {
            return Ok(config);
        }
        let at_most = format!("must be at most shards.queue_depth_max ({queue})");
        let at_least = format!("must be at least shards.batch_records_max ({batch})");
        Err(Unfit::new("shards.batch_records_max", batch, at_most).or(Unfit::new(
            "shards.queue_depth_max",
            queue,
            at_least,
        )))
    }
}

impl TryFrom<RawSale> for SaleConfig {
    type Error = Unfit;

    fn try_from(raw: RawSale) -> Result<Self, Unfit> {
        let (min, max) = (HoldLength::SECONDS_MIN, HoldLength::SECONDS_MAX);
        let hold = u32::try_from(raw.hold_seconds).ok().and_then(HoldLength::from_seconds);
        hold.map(|hold| Self { hold }).ok_or_else(|| {
            Unfit::new("sale.hold_seconds", raw.hold_seconds, format!("must be {min} to {max}"))
        })
    }
}

impl TryFrom<RawDemo> for DemoConfig {
    type Error = Unfit;

    fn try_from(raw: RawDemo) -> Result<Self, Unfit> {
        Ok(Self { event: raw.event })
    }
}

fn address(key: &'static str, text: &str) -> Result<SocketAddr, Unfit> {
    let reason = "must be an IP address and a port, as in 127.0.0.1:8080 or [::1]:8080";
    text.parse().map_err(|_| Unfit::new(key, quoted(text), reason))
}

/// One shard per core: each is one thread's worth of work, and a second one would only wait.
fn one_per_core() -> NonZeroU16 {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let count = u16::try_from(cores).unwrap_or(COUNT_MAX).min(COUNT_MAX);
    NonZeroU16::new(count).unwrap_or(NonZeroU16::MIN)
}

/// Shard actors at most: far above any machine's cores, and the label `shard` stays a small set.
const COUNT_MAX: u16 = 1_024;
const KIB: i64 = 1_024;
const MIB: i64 = 1_024 * KIB;
const TIB: i64 = 1_024 * 1_024 * MIB;
const PIB: i64 = 1_024 * TIB;

#[cfg(test)]
mod tests;
