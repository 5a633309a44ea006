//! What is published of a draw after the doors, as text: one line of JSON, then a line for each entry.
//! `docs/waiting-room-draw.md` describes it for others; whoever serves it and whoever checks it use this.

use std::fmt;

use serde_json::{Map, Value, json};

use super::super::super::ids::EventId;
use super::{Entry, Hash, Method, TIERS};

/// Names the format and the way of drawing. Either changes only together with this.
pub const FORMAT: &str = "onsale-draw-1";

/// Longest beacon, and longest announcement of one. Unit: characters.
pub const BEACON_LENGTH_MAX: usize = 200;

/// All of a draw but its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub event: EventId,
    pub method: Method,
    /// SHA-256 of `secret`, known since before the doors.
    pub commitment: Hash,
    /// Which public randomness would be used, as told before the doors.
    pub beacon_announced: Option<String>,
    /// What it turned out to be.
    pub beacon: Option<String>,
    /// How many entries there are.
    pub count: u64,
    /// The same by tier.
    pub tiers: [u64; TIERS],
    pub root: Hash,
    pub secret: [u8; 32],
    pub seed: Hash,
}

impl Head {
    /// The line of JSON, without its end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let head = json!({
            "format": FORMAT,
            "event": self.event.as_str(),
            "method": self.method.word(),
            "commitment": hex::encode(self.commitment),
            "beacon_announced": self.beacon_announced,
            "beacon": self.beacon,
            "count": self.count,
            "tiers": self.tiers,
            "root": hex::encode(self.root),
            "secret": hex::encode(self.secret),
            "seed": hex::encode(self.seed),
        });
        head.to_string()
    }

    /// Reads what [`Head::to_json`] wrote; members that it does not know are left alone.
    ///
    /// # Errors
    /// Says which member is not what it must be.
    pub fn from_json(text: &[u8]) -> Result<Self, BadHead> {
        let Ok(Value::Object(head)) = serde_json::from_slice(text) else {
            return Err(BadHead("the first line is not a JSON object".to_owned()));
        };
        if head.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err(bad("format", &format!("must be \"{FORMAT}\"")));
        }
        if head.get("secret").is_some_and(Value::is_null) {
            return Err(bad("secret", "is null: the doors have not opened yet, there is no draw"));
        }
        let event = head.get("event").and_then(Value::as_str);
        let event = event.and_then(|event| EventId::parse(event).ok());
        let method = head.get("method").and_then(Value::as_str).and_then(Method::of_word);
        Ok(Self {
            event: event.ok_or_else(|| bad("event", "must be the slug of an event"))?,
            method: method.ok_or_else(|| bad("method", "must be \"draw\" or \"fifo\""))?,
            commitment: hash(&head, "commitment")?,
            beacon_announced: beacon(&head, "beacon_announced")?,
            beacon: beacon(&head, "beacon")?,
            count: head.get("count").and_then(number).ok_or_else(|| bad("count", NUMBER))?,
            tiers: tiers(&head)?,
            root: hash(&head, "root")?,
            secret: hash(&head, "secret")?,
            seed: hash(&head, "seed")?,
        })
    }
}

/// Why a first line is not the head of a draw.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadHead(String);

const NUMBER: &str = "must be a whole number from 0 to 2^32";

fn bad(member: &str, rule: &str) -> BadHead {
    BadHead(format!("`{member}` of the first line {rule}"))
}

fn hash(head: &Map<String, Value>, member: &str) -> Result<Hash, BadHead> {
    let text = head.get(member).and_then(Value::as_str).filter(|text| is_small_hex(text));
    let mut hash = [0; 32];
    text.and_then(|text| hex::decode_to_slice(text, &mut hash).ok())
        .ok_or_else(|| bad(member, "must be 64 digits of 0-9a-f"))?;
    Ok(hash)
}

fn is_small_hex(text: &str) -> bool {
    text.bytes().all(|sign| matches!(sign, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether `text` may be a beacon, or announce one: it is shown to people, so nothing in it may move a
/// terminal's cursor.
#[must_use]
pub fn is_beacon(text: &str) -> bool {
    (1..=BEACON_LENGTH_MAX).contains(&text.chars().count()) && !text.contains(char::is_control)
}

fn beacon(head: &Map<String, Value>, member: &str) -> Result<Option<String>, BadHead> {
    match head.get(member) {
        Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if is_beacon(text) => Ok(Some(text.clone())),
        _ => Err(bad(
            member,
            "must be null or 1 to 200 characters, none of them a control character",
        )),
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().filter(|number| *number <= 1 << 32)
}

fn tiers(head: &Map<String, Value>) -> Result<[u64; TIERS], BadHead> {
    let counts = head.get("tiers").and_then(Value::as_array);
    let counts: Option<Vec<u64>> = counts.and_then(|counts| counts.iter().map(number).collect());
    counts
        .and_then(|counts| counts.try_into().ok())
        .ok_or_else(|| bad("tiers", "must be three whole numbers from 0 to 2^32"))
}

/// An entry and the place that the draw gave it.
///
/// Written `NUMBER TIER FINGERPRINT PLACE`: decimal, one digit, 16 digits of 0-9a-f, decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    pub entry: Entry,
    /// From 0: how many stand before it.
    pub place: u32,
}

impl fmt::Display for Placed {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let Entry { number, tier, fingerprint } = self.entry;
        write!(out, "{number} {tier} {fingerprint:016x} {}", self.place)
    }
}

impl Placed {
    /// Reads a line, without its end; `None` if it is not exactly what is written for some entry.
    #[must_use]
    pub fn from_line(line: &[u8]) -> Option<Self> {
        let line = str::from_utf8(line).ok()?;
        let mut words = line.split(' ');
        let number = decimal(words.next()?)?;
        let tier = decimal(words.next()?).filter(|tier| *tier < TIERS as u32)?;
        let fingerprint = words.next().filter(|word| word.len() == 16 && is_small_hex(word))?;
        let place = decimal(words.next()?)?;
        let entry = Entry {
            number,
            tier: u8::try_from(tier).ok()?,
            fingerprint: u64::from_str_radix(fingerprint, 16).ok()?,
        };
        words.next().is_none().then_some(Self { entry, place })
    }
}

/// Without a sign or zeros before it, which `parse` would take.
fn decimal(word: &str) -> Option<u32> {
    let is_plain = word == "0" || !word.starts_with(['0', '+']);
    word.parse().ok().filter(|_| is_plain)
}
