//! What the settings say, before anything is believed: the shape of `config.toml`, and the layers
//! (built-in, file, environment) laid over each other with the origin of each value kept for errors.
//!
//! Numbers are `i64` here, since TOML knows nothing narrower; bounds are the business of the checked
//! types in `mod.rs`. Unknown keys are refused: a misspelt limit must not become a default.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Table, Value};

use super::error::{ConfigError, Origin, shown};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    pub(super) server: RawServer,
    pub(super) admin: RawAdmin,
    pub(super) storage: RawStorage,
    pub(super) shards: RawShards,
    pub(super) sale: RawSale,
    pub(super) payment: RawPayment,
    pub(super) mail: RawMail,
    pub(super) webhooks: RawWebhooks,
    pub(super) sms: RawSms,
    pub(super) tickets: RawTickets,
    pub(super) waiting_room: RawWaitingRoom,
    pub(super) limits: RawLimits,
    pub(super) identity: RawIdentity,
    pub(super) cors: RawCors,
    pub(super) telemetry: RawTelemetry,
    pub(super) demo: RawDemo,
    pub(super) log: RawLog,
}

/// `[server]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawServer {
    pub(super) listen: String,
    pub(super) connections_max: i64,
    pub(super) body_bytes_max: i64,
    pub(super) header_timeout_ms: i64,
    pub(super) idle_timeout_ms: i64,
    pub(super) drain_seconds: i64,
    pub(super) log_streams_max: i64,
    pub(super) place_streams_max: i64,
    pub(super) body_timeout_ms: i64,
    pub(super) in_flight_max: i64,
    pub(super) connections_per_address_max: i64,
    pub(super) trusted_proxies: String,
    pub(super) forwarded_header: String,
    pub(super) hsts_seconds: i64,
}

/// `[admin]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawAdmin {
    pub(super) listen: String,
}

/// `[storage]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawStorage {
    pub(super) data_dir: String,
    pub(super) free_bytes_min: i64,
    pub(super) epoch_bytes_max: i64,
    pub(super) log_bytes_max: i64,
}

/// `[shards]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawShards {
    pub(super) count: i64,
    pub(super) queue_depth_max: i64,
    pub(super) batch_records_max: i64,
    pub(super) deadline_ms: i64,
}

/// `[sale]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSale {
    pub(super) hold_seconds: i64,
}

/// `[payment]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPayment {
    pub(super) provider: String,
    pub(super) concurrency: i64,
    pub(super) per_second: i64,
    pub(super) timeout_ms: i64,
    pub(super) base_url: String,
    pub(super) secret_key: String,
    pub(super) webhook_secret: String,
    pub(super) simulated_seed: i64,
    pub(super) simulated_latency_ms: i64,
    pub(super) simulated_declines_permille: i64,
    pub(super) simulated_timeouts_permille: i64,
    pub(super) simulated_asyncs_permille: i64,
    pub(super) simulated_duplicates_permille: i64,
}

/// `[mail]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawMail {
    pub(super) mode: String,
    pub(super) directory: String,
    pub(super) from: String,
    pub(super) from_name: String,
    pub(super) host: String,
    pub(super) port: i64,
    pub(super) security: String,
    pub(super) username: String,
    pub(super) password: String,
    pub(super) root_certificates: String,
    pub(super) concurrency: i64,
}

/// `[webhooks]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawWebhooks {
    pub(super) url: String,
    pub(super) secrets: String,
    pub(super) types: String,
    pub(super) allow_private: bool,
    pub(super) timeout_ms: i64,
    pub(super) concurrency: i64,
    pub(super) root_certificates: String,
}

/// `[sms]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSms {
    pub(super) mode: String,
    pub(super) url: String,
    pub(super) token: String,
    pub(super) from: String,
    pub(super) segments_max: i64,
    pub(super) timeout_ms: i64,
    pub(super) root_certificates: String,
    pub(super) concurrency: i64,
}

/// `[tickets]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawTickets {
    pub(super) font_dirs: String,
}

/// `[waiting_room]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawWaitingRoom {
    pub(super) joins_per_source_max: i64,
    pub(super) sources_max: i64,
    pub(super) challenge_seconds: i64,
    pub(super) challenge_cost_min: i64,
    pub(super) challenge_cost_max: i64,
    pub(super) challenge_joins_per_second: i64,
    pub(super) challenges_used_max: i64,
}

/// `[limits]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawLimits {
    pub(super) policies: String,
    pub(super) exempt: String,
    pub(super) cells_max: i64,
}

/// `[identity]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawIdentity {
    pub(super) mode: String,
    pub(super) issuers: String,
    pub(super) leeway_seconds: i64,
    pub(super) token_seconds_max: i64,
    pub(super) jwks_refresh_seconds: i64,
    pub(super) tokens_remembered_max: i64,
}

/// `[cors]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawCors {
    pub(super) origins: String,
    pub(super) credentials: bool,
}

/// `[telemetry]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawTelemetry {
    pub(super) otlp_endpoint: String,
    pub(super) sample_permille: i64,
    pub(super) follow_callers: bool,
}

/// `[demo]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawDemo {
    pub(super) event: bool,
}

/// `[log]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawLog {
    pub(super) filter: String,
    pub(super) access_sample_permille: i64,
}

/// The settings as laid over each other so far, and who said what.
pub(super) struct Layers {
    values: Table,
    /// By `section.key`; absent means built in.
    origins: BTreeMap<String, Origin>,
}

impl Layers {
    /// The bottom layer. `text` has every key, and so decides which keys there are and their types.
    pub(super) fn built_in(text: &str) -> Result<Self, ConfigError> {
        Ok(Self { values: parse(text, &Origin::BuiltIn)?, origins: BTreeMap::new() })
    }

    /// Lays a file's values over what is there.
    ///
    /// # Errors
    /// Not TOML, an unknown section or key, or a value of another type than the built-in one.
    pub(super) fn lay_file(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        let origin = Origin::File(name.to_owned());
        for (section, content) in parse(text, &origin)? {
            match content {
                Value::Table(entries) => {
                    // An empty section is looked at too: its name may be the misspelt part.
                    self.require_section(&section, &origin)?;
                    for (key, value) in entries {
                        self.lay(&section, &key, value, origin.clone())?;
                    }
                }
                stray => {
                    let reason = "is outside of any [section]".to_owned();
                    let value = shown(&stray);
                    return Err(ConfigError::Setting { origin, key: section, value, reason });
                }
            }
        }
        Ok(())
    }

    /// Lays one value over what is there.
    ///
    /// # Errors
    /// As [`Layers::lay_file`].
    pub(super) fn lay(
        &mut self,
        section: &str,
        key: &str,
        value: Value,
        origin: Origin,
    ) -> Result<(), ConfigError> {
        self.require_section(section, &origin)?;
        let full = format!("{section}.{key}");
        let refuse = |origin, reason| {
            let (key, value) = (full.clone(), shown(&value));
            Err(ConfigError::Setting { origin, key, value, reason })
        };
        let Some(known) = self.values.get_mut(section).and_then(Value::as_table_mut) else {
            return refuse(origin, "unknown section".to_owned());
        };
        let Some(slot) = known.get_mut(key) else {
            let keys: Vec<&str> = known.keys().map(String::as_str).collect();
            return refuse(
                origin,
                format!("unknown key; [{section}] has {keys}", keys = keys.join(", ")),
            );
        };
        if !slot.same_type(&value) {
            let reason = format!("must be {}", type_in_words(slot));
            return refuse(origin, reason);
        }
        *slot = value;
        self.origins.insert(full, origin);
        Ok(())
    }

    /// The built-in value of a key: tells which type the environment's text has to become.
    pub(super) fn current(&self, section: &str, key: &str) -> Option<&Value> {
        self.values.get(section)?.get(key)
    }

    /// The whole as one shape, and where each key came from.
    ///
    /// # Errors
    /// Only if the built-in settings and the raw types disagree, which a test rules out.
    pub(super) fn into_raw(
        self,
    ) -> Result<(RawConfig, impl Fn(&str) -> Origin + Clone), ConfigError> {
        let origins = self.origins;
        let raw = RawConfig::deserialize(self.values).map_err(|error| ConfigError::NotToml {
            origin: Origin::BuiltIn,
            line: 0,
            reason: one_line(error.message()),
        })?;
        let origin_of = move |key: &str| origins.get(key).cloned().unwrap_or(Origin::BuiltIn);
        Ok((raw, origin_of))
    }

    fn require_section(&self, section: &str, origin: &Origin) -> Result<(), ConfigError> {
        if self.values.contains_key(section) {
            return Ok(());
        }
        let sections: Vec<&str> = self.values.keys().map(String::as_str).collect();
        Err(ConfigError::Section {
            origin: origin.clone(),
            section: section.to_owned(),
            reason: format!("unknown section; there are {}", sections.join(", ")),
        })
    }
}

fn parse(text: &str, origin: &Origin) -> Result<Table, ConfigError> {
    text.parse().map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = 1 + text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count();
        ConfigError::NotToml { origin: origin.clone(), line, reason: one_line(error.message()) }
    })
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn type_in_words(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text in quotes",
        Value::Integer(_) => "a whole number",
        Value::Boolean(_) => "true or false",
        Value::Float(_) => "a number",
        Value::Datetime(_) => "a time",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}
