//! Numbers within bounds, for every section alike, and the error that names key, value and bounds.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;

use super::error::{Unfit, shown};

/// `value` made into what the section wants, if it is within `bounds` and `narrow` can take it.
pub(super) fn within<T>(
    key: &'static str,
    value: i64,
    bounds: RangeInclusive<i64>,
    narrow: impl FnOnce(i64) -> Option<T>,
) -> Result<T, Unfit> {
    let narrowed = if bounds.contains(&value) { narrow(value) } else { None };
    narrowed.ok_or_else(|| {
        let reason = format!("must be {} to {}", bounds.start(), bounds.end());
        Unfit::new(key, value, reason)
    })
}

pub(super) fn number<T: TryFrom<i64>>(value: i64) -> Option<T> {
    value.try_into().ok()
}

pub(super) fn non_zero(value: i64) -> Option<NonZeroU32> {
    number(value).and_then(NonZeroU32::new)
}

pub(super) fn millis(
    key: &'static str,
    value: i64,
    bounds: RangeInclusive<i64>,
) -> Result<Duration, Unfit> {
    within(key, value, bounds, number).map(Duration::from_millis)
}

/// Networks with blanks between, each as in `192.0.2.0/24`; an address alone is a network of one.
pub(super) fn networks(key: &'static str, text: &str) -> Result<Vec<IpNet>, Unfit> {
    let network = |word: &str| {
        let net = word.parse::<IpNet>().ok();
        let net = net.or_else(|| word.parse::<IpAddr>().ok().map(IpNet::from));
        let reason = "must be networks with blanks between, as in 10.0.0.0/8 or 2001:db8::/32";
        net.ok_or_else(|| Unfit::new(key, quoted(word), reason))
    };
    text.split_whitespace().map(network).collect()
}

pub(super) fn quoted(value: impl std::fmt::Display) -> String {
    shown(&toml::Value::String(value.to_string()))
}
