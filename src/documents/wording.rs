//! Dates and money as English texts, and other people's texts on one line. Numbers are never rounded.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::money::Money;
use crate::domain::time::UnixMillis;

/// Whether times can be shown in this zone: an IANA name such as `Europe/Berlin`. The names are
/// compiled in, for machines without a time zone database.
#[must_use]
pub fn is_time_zone(name: &str) -> bool {
    TimeZone::get(name).is_ok()
}

/// `Tuesday, 1 June 2027, 19:00 CEST`; UTC when the zone is absent or unknown, and it says so.
#[must_use]
pub fn moment(at: UnixMillis, time_zone: Option<&str>) -> String {
    let zone = time_zone.and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
    let millis = i64::try_from(at.min(UnixMillis::MAX).0).expect("the year 9999 fits");
    let timestamp = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX);
    timestamp.to_zoned_datetime(zone).strftime("%A, %-d %B %Y, %H:%M %Z").to_string()
}

/// `2027-06-01T19:00:00Z`: RFC 3339 in UTC, for programs.
#[must_use]
pub fn rfc3339(at: UnixMillis) -> String {
    let millis = i64::try_from(at.min(UnixMillis::MAX).0).unwrap_or_default();
    Timestamp::from_millisecond(millis).unwrap_or_default().to_string()
}

/// `EUR 1,234.50`: the currency by its code, since `$` is many, and as many decimals as it has.
#[must_use]
pub fn money(money: Money) -> String {
    let currency = money.currency.as_str();
    let decimals = minor_digits(currency);
    let unit = 10_u64.pow(decimals);
    let whole = grouped(money.amount / unit);
    if decimals == 0 {
        return format!("{currency} {whole}");
    }
    let width = decimals as usize;
    format!("{currency} {whole}.{:0width$}", money.amount % unit)
}

/// Without line ends and other control characters, and without what reorders a line.
pub(super) fn one_line(text: &str) -> String {
    let is_unfit =
        |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let text: String = text.chars().map(|c| if is_unfit(c) { ' ' } else { c }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How many decimals a currency has: the exponent of ISO 4217, list one. 2 where it says nothing.
fn minor_digits(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if 0 < at && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Currency;

    #[test]
    fn a_moment_is_told_in_its_zone_and_names_it() {
        let summer = UnixMillis(1_811_876_400_000);
        let told = |zone| moment(summer, zone);
        assert_eq!(told(None), "Tuesday, 1 June 2027, 19:00 UTC");
        assert_eq!(told(Some("Europe/Berlin")), "Tuesday, 1 June 2027, 21:00 CEST");
        assert_eq!(told(Some("Asia/Kolkata")), "Wednesday, 2 June 2027, 00:30 IST");
        assert_eq!(told(Some("Mars/Olympus")), "Tuesday, 1 June 2027, 19:00 UTC");
        assert!(is_time_zone("America/Sao_Paulo") && !is_time_zone("Mars/Olympus"));
        assert!(moment(UnixMillis(u64::MAX), Some("Pacific/Kiritimati")).contains("9999"));
    }

    #[test]
    fn money_has_the_decimals_of_its_currency() {
        let told =
            |amount, code: &str| money(Money { amount, currency: Currency::parse(code).unwrap() });
        assert_eq!(told(4_500, "EUR"), "EUR 45.00");
        assert_eq!(told(5, "USD"), "USD 0.05");
        assert_eq!(told(0, "EUR"), "EUR 0.00");
        assert_eq!(told(12_000, "JPY"), "JPY 12,000");
        assert_eq!(told(1_234_567, "KWD"), "KWD 1,234.567");
        assert_eq!(told(1_000_000_000_000_000, "EUR"), "EUR 10,000,000,000,000.00");
        assert_eq!(told(12_345, "CLF"), "CLF 1.2345");
    }
}
