//! Who callers are, and how they show it.

use std::path::PathBuf;
use std::time::Duration;

use super::bounds::{number, quoted, within};
use super::error::Unfit;
use super::raw::RawIdentity;

/// Who may do what.
#[derive(Debug, Clone)]
pub struct IdentityConfig {
    pub mode: IdentityMode,
    /// The file that names whose tokens are taken; absent: nobody's.
    pub issuers: Option<PathBuf>,
    /// How far clocks may be apart. Unit: seconds. Bounds: 0 to 60.
    pub leeway_s: u64,
    /// How far ahead a token may end. Unit: seconds. Bounds: 60 to 604,800.
    pub token_s_max: u64,
    /// Between two looks at a key set that has a URL, 1 s to a day.
    pub jwks_refresh: Duration,
    /// Tokens whose check is remembered, 0 to 10,000,000.
    pub tokens_remembered_max: usize,
}

/// How callers say who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityMode {
    /// They do not: everybody may do everything, so only loopback is served.
    Development,
    /// By API keys and customers' tokens.
    Keys,
}

impl TryFrom<RawIdentity> for IdentityConfig {
    type Error = Unfit;

    fn try_from(raw: RawIdentity) -> Result<Self, Unfit> {
        let mode = match raw.mode.as_str() {
            "development" => IdentityMode::Development,
            "keys" => IdentityMode::Keys,
            _ => {
                let reason = "must be \"development\" or \"keys\"";
                return Err(Unfit::new("identity.mode", quoted(raw.mode), reason));
            }
        };
        let (leeway, token) = (raw.leeway_seconds, raw.token_seconds_max);
        let (refresh, remembered) = (raw.jwks_refresh_seconds, raw.tokens_remembered_max);
        Ok(Self {
            mode,
            issuers: (!raw.issuers.is_empty()).then(|| raw.issuers.into()),
            leeway_s: within("identity.leeway_seconds", leeway, 0..=60, number)?,
            token_s_max: within("identity.token_seconds_max", token, 60..=604_800, number)?,
            jwks_refresh: within("identity.jwks_refresh_seconds", refresh, 1..=86_400, number)
                .map(Duration::from_secs)?,
            tokens_remembered_max: within(
                "identity.tokens_remembered_max",
                remembered,
                0..=10_000_000,
                number,
            )?,
        })
    }
}
