//! What is logged, and how much of what was asked.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::bounds::{number, quoted, within};
use super::error::Unfit;
use super::raw::RawLog;

/// What is logged.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// Directives that `tracing_subscriber::EnvFilter` understands.
    pub filter: String,
    /// Of a thousand requests, so many are told: 0 to 1,000.
    pub access_permille: u32,
}

impl TryFrom<RawLog> for LogConfig {
    type Error = Unfit;

    fn try_from(raw: RawLog) -> Result<Self, Unfit> {
        // EnvFilter takes a bare word for a target and nothing for "errors only", so a misspelt level
        // would silence the log without a word.
        let is_clear = |directive: &str| directive.contains('=') || is_level(directive.trim());
        let filter = raw.filter.as_str();
        if filter.split(',').all(is_clear) && EnvFilter::try_new(filter).is_ok() {
            let permille = raw.access_sample_permille;
            let access = within("log.access_sample_permille", permille, 0..=1_000, number)?;
            return Ok(Self { filter: raw.filter, access_permille: access });
        }
        let reason = "must be a level (error, warn, info, debug, trace) or target=level directives";
        Err(Unfit::new("log.filter", quoted(raw.filter), reason))
    }
}

fn is_level(word: &str) -> bool {
    word.parse::<LevelFilter>().is_ok() && !word.bytes().all(|byte| byte.is_ascii_digit())
}
