//! What browsers of other origins may do, and where spans go.

use super::bounds::{number, quoted, within};
use super::error::Unfit;
use super::raw::{RawCors, RawTelemetry};

/// Origins whose pages may read our answers.
#[derive(Debug, Clone)]
pub struct CorsConfig {
    /// At least one; each `scheme://host` or `scheme://host:port`, as browsers send it.
    pub origins: Vec<String>,
    /// Whether cookies may come along.
    pub credentials: bool,
}

/// A collector of spans.
#[derive(Debug, Clone)]
pub struct TelemetryConfig {
    /// http or https, without a user, a query or a fragment.
    pub otlp_endpoint: String,
    /// Of a thousand requests, so many get a span: 0 to 1,000.
    pub sample_permille: u32,
    /// Whether a caller decides which of its requests get one.
    pub follow_callers: bool,
}

impl CorsConfig {
    /// `None` when no origin is named.
    pub(super) fn checked(raw: RawCors) -> Result<Option<Self>, Unfit> {
        let origins: Vec<String> = raw.origins.split_whitespace().map(str::to_owned).collect();
        if let Some(bad) = origins.iter().find(|origin| !is_origin(origin)) {
            let reason = format!(
                "must be origins as browsers send them, as in https://shop.example, with blanks \
                 between; {bad} is not one"
            );
            return Err(Unfit::new("cors.origins", quoted(&raw.origins), reason));
        }
        let credentials = raw.credentials;
        Ok((!origins.is_empty()).then_some(Self { origins, credentials }))
    }
}

/// To the letter: what a browser would write otherwise is never matched.
fn is_origin(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else { return false };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        Some(_) | None => (rest, None),
    };
    let is_host = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._[]:".contains(&b);
    let usual = if text.starts_with("https") { "443" } else { "80" };
    let is_port = |port: &str| {
        port != usual && port.parse::<u16>().is_ok_and(|number| number.to_string() == port)
    };
    !host.is_empty()
        && host.bytes().all(is_host)
        && (host.starts_with('[') || !host.contains(':'))
        && port.is_none_or(is_port)
}

impl TelemetryConfig {
    /// `None` when there is no collector. Also then what is written has to be within its bounds.
    pub(super) fn checked(raw: RawTelemetry) -> Result<Option<Self>, Unfit> {
        let permille = raw.sample_permille;
        let permille = within("telemetry.sample_permille", permille, 0..=1_000, number)?;
        let endpoint = raw.otlp_endpoint;
        if endpoint.is_empty() {
            return Ok(None);
        }
        let rest = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
        let is_plain = |rest: &str| {
            let all = rest.bytes().all(|b| b.is_ascii_graphic() && !b"@?#".contains(&b));
            all && !rest.is_empty() && !rest.starts_with('/')
        };
        if !rest.is_some_and(is_plain) {
            // Not repeated when it may have a password in it.
            let shown =
                if endpoint.contains('@') { "(hidden)".to_owned() } else { quoted(&endpoint) };
            let reason = "must be the address of a collector without user and query, as in \
                          http://127.0.0.1:4318";
            return Err(Unfit::new("telemetry.otlp_endpoint", shown, reason));
        }
        Ok(Some(Self {
            otlp_endpoint: endpoint,
            sample_permille: permille,
            follow_callers: raw.follow_callers,
        }))
    }
}
