//! From an operator's JSON to a checked command.

use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::ids::EventId;
use crate::domain::inventory::Change;
use crate::domain::waiting_room::{Arrange, CodeTerms, Ending, Method, RoomMode, RoomTerms};
use crate::http::problem::{FieldErrors, Problem};
use crate::http::routes::draft::{instant, present};

/// Changes to a waiting room. What is left out stays; of a new room it is the default.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomChange {
    /// `on` (default), `off`, or `auto`: on when demand asks for it.
    mode: Option<String>,
    /// `draw` (default), `fifo`, `random`, `passthrough` or `reject`.
    method: Option<String>,
    /// RFC 3339; null: at once.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    doors_at: Option<Option<String>>,
    /// Fans let in a minute at the most: 1 to 10,000,000, by default 600.
    rate_per_minute: Option<u32>,
    /// Fans who shop at one time at the most: 1 to 10,000,000, by default 1,000.
    active_max: Option<u32>,
    /// How long a pass may be used: 10 to 3,600, by default 120.
    pass_seconds: Option<u32>,
    /// How long who missed their turn may come back: 0 to 86,400, by default 600.
    return_seconds: Option<u32>,
    /// How long after a missed poll a fan counts as gone: 10 to 3,600, by default 60.
    absent_seconds: Option<u32>,
    /// What one pass is expected to buy: 0.01 to 10,000, by default 2.
    units_per_pass: Option<f64>,
    /// Reservations asked a second that wake a room in the mode `auto`: 1 to 10,000,000, by default 100.
    auto_per_second: Option<u32>,
    /// Nobody is let in while true; everybody keeps their place.
    paused: Option<bool>,
    /// `none` (default), `drain` or `close`.
    ending: Option<String>,
    /// For everybody in line: 1 to 500 characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    message: Option<Option<String>>,
    /// Whether who joins must solve a challenge.
    challenge: Option<bool>,
    /// The public randomness that the draw will use, in words: 1 to 200 characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    beacon: Option<Option<String>>,
    /// What it turned out to be: 1 to 200 characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    beacon_value: Option<Option<String>>,
    /// All invitations from now on, at most 20,000. They are kept as digests and never shown again.
    codes: Option<Vec<CodeDraft>>,
}

/// An invitation: who joins with it before the doors goes first.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeDraft {
    /// 4 to 64 printable ASCII characters; capitals count.
    code: String,
    /// How many fans may use it; left out: any number.
    uses_max: Option<u32>,
}

impl RoomChange {
    /// The command, or everything that is wrong with it.
    pub fn check(&self, event: &EventId) -> Result<Arrange, Problem> {
        let mut errors = FieldErrors::default();
        let mode = [RoomMode::Off, RoomMode::On, RoomMode::Auto];
        let method =
            [Method::Draw, Method::Fifo, Method::Random, Method::Passthrough, Method::Reject];
        let ending = [Ending::None, Ending::Drain, Ending::Close];
        let ask = Arrange {
            mode: word(&mut errors, "mode", self.mode.as_deref(), &mode, RoomMode::as_str),
            method: word(&mut errors, "method", self.method.as_deref(), &method, Method::as_str),
            doors_at: changed(&mut errors, "doors_at", self.doors_at.as_ref(), instant),
            rate_per_minute: self.number(&mut errors, "rate_per_minute"),
            active_max: self.number(&mut errors, "active_max"),
            pass_seconds: self.number(&mut errors, "pass_seconds"),
            return_seconds: self.number(&mut errors, "return_seconds"),
            absent_seconds: self.number(&mut errors, "absent_seconds"),
            units_per_pass_hundredths: self.units_per_pass(&mut errors),
            auto_per_second: self.number(&mut errors, "auto_per_second"),
            paused: self.paused,
            ending: word(&mut errors, "ending", self.ending.as_deref(), &ending, Ending::as_str),
            message: changed(&mut errors, "message", self.message.as_ref(), |text| {
                line_of(text, RoomTerms::MESSAGE_CHARACTERS)
            }),
            challenge: self.challenge,
            beacon: changed(&mut errors, "beacon", self.beacon.as_ref(), beacon),
            beacon_value: changed(&mut errors, "beacon_value", self.beacon_value.as_ref(), beacon),
            codes: self.codes.as_deref().map(|codes| check_codes(&mut errors, event, codes)),
            ..Arrange::nothing(random())
        };
        errors.finish(Some(ask))
    }

    fn number(&self, errors: &mut FieldErrors, field: &'static str) -> Option<u32> {
        let (value, bounds) = match field {
            "rate_per_minute" => (self.rate_per_minute, RoomTerms::PER_MINUTE),
            "active_max" => (self.active_max, RoomTerms::ACTIVE_MAX),
            "pass_seconds" => (self.pass_seconds, RoomTerms::PASS_SECONDS),
            "return_seconds" => (self.return_seconds, RoomTerms::RETURN_SECONDS),
            "absent_seconds" => (self.absent_seconds, RoomTerms::ABSENT_SECONDS),
            _ => (self.auto_per_second, RoomTerms::AUTO_PER_SECOND),
        };
        let value = value?;
        if !bounds.contains(&value) {
            errors.add(field, format!("must be {} to {}", bounds.start(), bounds.end()));
        }
        Some(value)
    }

    fn units_per_pass(&self, errors: &mut FieldErrors) -> Option<u32> {
        let hundredths = (self.units_per_pass? * 100.0).round();
        let bounds = RoomTerms::UNITS_PER_PASS_HUNDREDTHS;
        if f64::from(*bounds.start()) <= hundredths && hundredths <= f64::from(*bounds.end()) {
            return Some(hundredths as u32);
        }
        errors.add("units_per_pass", "must be 0.01 to 10000");
        None
    }
}

/// 64 bytes that nobody can guess.
fn random() -> [u8; 64] {
    let mut bytes = [0; 64];
    rand::fill(&mut bytes);
    bytes
}

fn word<T: Copy>(
    errors: &mut FieldErrors,
    field: &'static str,
    given: Option<&str>,
    known: &[T],
    as_str: fn(T) -> &'static str,
) -> Option<T> {
    let given = given?;
    let found = known.iter().copied().find(|known| as_str(*known) == given);
    if found.is_none() {
        let words: Vec<&str> = known.iter().map(|known| as_str(*known)).collect();
        errors.add(field, format!("must be one of {}", words.join(", ")));
    }
    found
}

fn changed<T>(
    errors: &mut FieldErrors,
    field: &str,
    change: Option<&Option<String>>,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<Change<T>> {
    match change? {
        None => Some(Change::Clear),
        Some(text) => errors.check(field, parse(text)).map(Change::To),
    }
}

fn beacon(text: &str) -> Result<Arc<str>, String> {
    line_of(text, RoomTerms::BEACON_CHARACTERS)
}

/// It is shown to people and printed by programs, so nothing in it may move a cursor.
fn line_of(text: &str, bounds: RangeInclusive<usize>) -> Result<Arc<str>, String> {
    let printable = !text.contains(char::is_control);
    if printable && bounds.contains(&text.chars().take(bounds.end() + 1).count()) {
        return Ok(text.into());
    }
    let (least, most) = (bounds.start(), bounds.end());
    Err(format!("must have {least} to {most} characters, none of them a control character"))
}

fn check_codes(errors: &mut FieldErrors, event: &EventId, drafts: &[CodeDraft]) -> Vec<CodeTerms> {
    if RoomTerms::CODES_MAX < drafts.len() {
        errors.add("codes", format!("must have at most {} codes", RoomTerms::CODES_MAX));
        return Vec::new();
    }
    let mut codes: Vec<(CodeTerms, usize)> = Vec::with_capacity(drafts.len());
    for (at, draft) in drafts.iter().enumerate() {
        if draft.uses_max == Some(0) {
            errors.add(format!("codes[{at}].uses_max"), "must be at least 1");
        }
        let digest = errors.check(format!("codes[{at}].code"), code(event, &draft.code));
        codes.extend(digest.map(|digest| (CodeTerms { digest, uses_max: draft.uses_max }, at)));
    }
    codes.sort_by_key(|(code, at)| (code.digest, *at));
    for pair in codes.windows(2).filter(|pair| pair[0].0.digest == pair[1].0.digest) {
        errors.add(format!("codes[{}].code", pair[1].1), "stands twice");
    }
    codes.into_iter().map(|(code, _)| code).collect()
}

/// What is kept of a code. With the event in it, so that one event's journal says nothing about another's.
pub(super) fn code(event: &EventId, text: &str) -> Result<[u8; 16], String> {
    if !((4..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())) {
        return Err("must have 4 to 64 printable ASCII characters without spaces".to_owned());
    }
    let mut hasher = blake3::Hasher::new_derive_key("onsale waiting room code v1");
    hasher.update(event.as_str().as_bytes()).update(b"\0").update(text.as_bytes());
    let mut digest = [0; 16];
    digest.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> EventId {
        EventId::parse("concert-a").unwrap()
    }

    fn fields(body: &str) -> Vec<String> {
        let change: RoomChange = serde_json::from_str(body).unwrap();
        let problem = change.check(&event()).unwrap_err();
        let members = problem.members().1;
        let errors = members["errors"].as_array().unwrap();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_wrong_field_is_named_in_one_answer() {
        let body = r#"{"mode": "maybe", "method": "lottery", "doors_at": "soon", "rate_per_minute": 0,
            "active_max": 10000001, "pass_seconds": 9, "return_seconds": 86401, "absent_seconds": 9,
            "units_per_pass": 0.001, "auto_per_second": 0, "ending": "never", "message": "",
            "beacon": "a\u001b[2J", "beacon_value": "",
            "codes": [{"code": "abc"}, {"code": "with space"}, {"code": "good", "uses_max": 0},
                {"code": "good"}]}"#;
        let expected = [
            "mode",
            "method",
            "doors_at",
            "rate_per_minute",
            "active_max",
            "pass_seconds",
            "return_seconds",
            "absent_seconds",
            "units_per_pass",
            "auto_per_second",
            "ending",
            "message",
            "beacon",
            "beacon_value",
            "codes[0].code",
            "codes[1].code",
            "codes[2].uses_max",
            "codes[3].code",
        ];
        assert_eq!(fields(body), expected);
        assert_eq!(fields(r#"{"units_per_pass": 1e300}"#), ["units_per_pass"]);
        assert_eq!(fields(&format!(r#"{{"message": "{}"}}"#, "x".repeat(501))), ["message"]);
    }

    #[test]
    fn the_bounds_themselves_are_good_and_null_clears() {
        let body = r#"{"rate_per_minute": 10000000, "active_max": 1, "pass_seconds": 3600,
            "return_seconds": 0, "absent_seconds": 10, "units_per_pass": 0.01,
            "auto_per_second": 10000000, "message": null, "doors_at": null, "beacon": "drand 7",
            "codes": [{"code": "zzzz"}, {"code": "aaaa", "uses_max": 1}]}"#;
        let change: RoomChange = serde_json::from_str(body).unwrap();
        let ask = change.check(&event()).unwrap();
        assert_eq!((ask.units_per_pass_hundredths, ask.mode), (Some(1), None));
        assert!(matches!((ask.message, ask.doors_at), (Some(Change::Clear), Some(Change::Clear))));
        let codes = ask.codes.unwrap();
        assert!(codes[0].digest < codes[1].digest, "sorted for the domain");
        assert!(codes.iter().any(|known| known.digest == code(&event(), "aaaa").unwrap()));
        let other = EventId::parse("concert-b").unwrap();
        assert_ne!(code(&event(), "aaaa"), code(&other, "aaaa"));
        assert_ne!(random(), random());
    }
}
