//! Numbers within bounds, for every section alike, and the error that names key, value and bounds.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

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

pub(super) fn quoted(value: impl std::fmt::Display) -> String {
    shown(&toml::Value::String(value.to_string()))
}
