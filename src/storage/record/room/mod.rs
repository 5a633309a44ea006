//! Version 1 of the records about waiting rooms, frozen like the rest. A join is what there are millions of:
//! its step is small.

mod checkpoint;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(super) use checkpoint::{HeadV1, PieceV1};
pub use checkpoint::{encode_line, encode_room_head};

use super::{Record, RecordError, V1, kind};
use crate::domain::ids::EventNumber;
use crate::domain::time::UnixMillis;
use crate::domain::waiting_room::{
    Admitted, Arranged, CodeTerms, Ending, Joined, Method, RoomFact, RoomKeys, RoomMode, RoomTerms,
    Sealed, Tier,
};
use crate::storage::codec;
use crate::storage::frame::write_frame;

#[derive(Serialize, Deserialize)]
pub(super) struct Room {
    event: u64,
    step: Step,
}

/// Everything that happens in a room. Append only.
#[derive(Serialize, Deserialize)]
enum Step {
    Joined {
        fingerprint: [u8; 8],
        tier: u8,
        code: Option<u16>,
        at: u64,
    },
    Left {
        number: u32,
        frees_at: u64,
        at: u64,
    },
    Admitted {
        numbers: Vec<u32>,
        skipped: Vec<u32>,
        shopping: u32,
        expires_at: u64,
        return_until: u64,
        at: u64,
    },
    Used {
        numbers: Vec<u32>,
        heard: u64,
        at: u64,
    },
    Lapsed {
        numbers: Vec<u32>,
        return_until: u64,
        at: u64,
    },
    Returned {
        number: u32,
        at: u64,
    },
    Arranged {
        terms: Box<TermsV1>,
        keys: Option<KeysV1>,
        at: u64,
    },
    Sealed {
        sealed: SealedV1,
    },
    Promoted {
        number: u32,
        code: u16,
        at: u64,
    },
    Drained {
        at: u64,
    },
    Woken {
        at: u64,
    },
    Rested {
        at: u64,
    },
}

#[derive(Serialize, Deserialize)]
struct TermsV1 {
    mode: u8,
    method: u8,
    doors_at: Option<u64>,
    rate_per_minute: u32,
    active_max: u32,
    pass_seconds: u32,
    return_seconds: u32,
    absent_seconds: u32,
    units_per_pass_hundredths: u32,
    auto_per_second: u32,
    paused: bool,
    ending: u8,
    message: Option<String>,
    challenge: bool,
    beacon: Option<String>,
    beacon_value: Option<String>,
    codes: Vec<([u8; 16], Option<u32>)>,
    awake: bool,
    revision: u64,
}

#[derive(Serialize, Deserialize)]
struct KeysV1 {
    token: [u8; 32],
    secret: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct SealedV1 {
    method: u8,
    root: [u8; 32],
    count: u32,
    beacon: Option<String>,
    at: u64,
}

pub fn encode_room(out: &mut Vec<u8>, event: EventNumber, fact: &RoomFact) {
    let value = Room { event: event.0, step: Step::from_domain(fact) };
    write_frame(out, kind::ROOM, V1, |out| codec::encode_into(out, &value));
}

impl Room {
    pub(super) fn into_domain(self) -> Result<Record, RecordError> {
        let (event, fact) = (EventNumber(self.event), self.step.into_domain()?);
        Ok(Record::Room { event, fact })
    }
}

impl Step {
    fn from_domain(fact: &RoomFact) -> Self {
        match fact {
            RoomFact::Joined(joined) => Self::Joined {
                fingerprint: joined.fingerprint.to_le_bytes(),
                tier: joined.tier as u8,
                code: joined.code,
                at: joined.at.0,
            },
            RoomFact::Left { number, frees_at, at } => {
                Self::Left { number: *number, frees_at: frees_at.0, at: at.0 }
            }
            RoomFact::Admitted(admitted) => Self::Admitted {
                numbers: admitted.numbers.clone(),
                skipped: admitted.skipped.clone(),
                shopping: admitted.shopping,
                expires_at: admitted.expires_at.0,
                return_until: admitted.return_until.0,
                at: admitted.at.0,
            },
            RoomFact::Used { numbers, heard, at } => {
                Self::Used { numbers: numbers.clone(), heard: *heard, at: at.0 }
            }
            RoomFact::Lapsed { numbers, return_until, at } => {
                Self::Lapsed { numbers: numbers.clone(), return_until: return_until.0, at: at.0 }
            }
            RoomFact::Returned { number, at } => Self::Returned { number: *number, at: at.0 },
            RoomFact::Arranged(arranged) => Self::Arranged {
                terms: Box::new(TermsV1::from_domain(&arranged.terms)),
                keys: arranged.keys.as_ref().map(KeysV1::from_domain),
                at: arranged.at.0,
            },
            RoomFact::Sealed(sealed) => Self::Sealed { sealed: SealedV1::from_domain(sealed) },
            RoomFact::Promoted { number, code, at } => {
                Self::Promoted { number: *number, code: *code, at: at.0 }
            }
            RoomFact::Drained { at } => Self::Drained { at: at.0 },
            RoomFact::Woken { at } => Self::Woken { at: at.0 },
            RoomFact::Rested { at } => Self::Rested { at: at.0 },
        }
    }

    fn into_domain(self) -> Result<RoomFact, RecordError> {
        Ok(match self {
            Self::Joined { fingerprint, tier, code, at } => RoomFact::Joined(Joined {
                fingerprint: u64::from_le_bytes(fingerprint),
                tier: Tier::from_number(tier).ok_or_else(|| impossible("tier"))?,
                code,
                at: UnixMillis(at),
            }),
            Self::Left { number, frees_at, at } => {
                RoomFact::Left { number, frees_at: UnixMillis(frees_at), at: UnixMillis(at) }
            }
            Self::Admitted { numbers, skipped, shopping, expires_at, return_until, at } => {
                RoomFact::Admitted(Admitted {
                    numbers,
                    skipped,
                    shopping,
                    expires_at: UnixMillis(expires_at),
                    return_until: UnixMillis(return_until),
                    at: UnixMillis(at),
                })
            }
            Self::Used { numbers, heard, at } => {
                RoomFact::Used { numbers, heard, at: UnixMillis(at) }
            }
            Self::Lapsed { numbers, return_until, at } => {
                let return_until = UnixMillis(return_until);
                RoomFact::Lapsed { numbers, return_until, at: UnixMillis(at) }
            }
            Self::Returned { number, at } => RoomFact::Returned { number, at: UnixMillis(at) },
            Self::Arranged { terms, keys, at } => RoomFact::Arranged(Box::new(Arranged {
                terms: terms.into_domain(kind::ROOM)?,
                keys: keys.map(KeysV1::into_domain),
                at: UnixMillis(at),
            })),
            Self::Sealed { sealed } => RoomFact::Sealed(sealed.into_domain(kind::ROOM)?),
            Self::Promoted { number, code, at } => {
                RoomFact::Promoted { number, code, at: UnixMillis(at) }
            }
            Self::Drained { at } => RoomFact::Drained { at: UnixMillis(at) },
            Self::Woken { at } => RoomFact::Woken { at: UnixMillis(at) },
            Self::Rested { at } => RoomFact::Rested { at: UnixMillis(at) },
        })
    }
}

impl TermsV1 {
    fn from_domain(terms: &RoomTerms) -> Self {
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        Self {
            mode: match terms.mode {
                RoomMode::Off => 0,
                RoomMode::On => 1,
                RoomMode::Auto => 2,
            },
            method: method_number(terms.method),
            doors_at: terms.doors_at.map(|at| at.0),
            rate_per_minute: terms.rate_per_minute,
            active_max: terms.active_max,
            pass_seconds: terms.pass_seconds,
            return_seconds: terms.return_seconds,
            absent_seconds: terms.absent_seconds,
            units_per_pass_hundredths: terms.units_per_pass_hundredths,
            auto_per_second: terms.auto_per_second,
            paused: terms.paused,
            ending: match terms.ending {
                Ending::None => 0,
                Ending::Drain => 1,
                Ending::Close => 2,
            },
            message: text(&terms.message),
            challenge: terms.challenge,
            beacon: text(&terms.beacon),
            beacon_value: text(&terms.beacon_value),
            codes: terms.codes.iter().map(|code| (code.digest, code.uses_max)).collect(),
            awake: terms.awake,
            revision: terms.revision,
        }
    }

    fn into_domain(self, kind: u8) -> Result<Arc<RoomTerms>, RecordError> {
        let impossible = |field| RecordError::Impossible { kind, field };
        let codes = self.codes.into_iter();
        let terms = RoomTerms {
            mode: match self.mode {
                0 => RoomMode::Off,
                1 => RoomMode::On,
                2 => RoomMode::Auto,
                _ => return Err(impossible("mode")),
            },
            method: method_of(self.method).ok_or_else(|| impossible("method"))?,
            doors_at: self.doors_at.map(UnixMillis),
            rate_per_minute: self.rate_per_minute,
            active_max: self.active_max,
            pass_seconds: self.pass_seconds,
            return_seconds: self.return_seconds,
            absent_seconds: self.absent_seconds,
            units_per_pass_hundredths: self.units_per_pass_hundredths,
            auto_per_second: self.auto_per_second,
            paused: self.paused,
            ending: match self.ending {
                0 => Ending::None,
                1 => Ending::Drain,
                2 => Ending::Close,
                _ => return Err(impossible("ending")),
            },
            message: self.message.map(Arc::from),
            challenge: self.challenge,
            beacon: self.beacon.map(Arc::from),
            beacon_value: self.beacon_value.map(Arc::from),
            codes: codes.map(|(digest, uses_max)| CodeTerms { digest, uses_max }).collect(),
            awake: self.awake,
            revision: self.revision,
        };
        // Codes are looked up by halving, and a count of none would never be reached.
        match terms.codes.is_sorted_by(|a, b| a.digest < b.digest) {
            true => Ok(Arc::new(terms)),
            false => Err(impossible("codes")),
        }
    }
}

impl KeysV1 {
    fn from_domain(keys: &RoomKeys) -> Self {
        Self { token: keys.token, secret: keys.secret }
    }

    fn into_domain(self) -> RoomKeys {
        RoomKeys { token: self.token, secret: self.secret }
    }
}

impl SealedV1 {
    fn from_domain(sealed: &Sealed) -> Self {
        Self {
            method: method_number(sealed.method),
            root: sealed.root,
            count: sealed.count,
            beacon: sealed.beacon.as_deref().map(str::to_owned),
            at: sealed.at.0,
        }
    }

    fn into_domain(self, kind: u8) -> Result<Sealed, RecordError> {
        let method = method_of(self.method).filter(|method| method.orders());
        Ok(Sealed {
            method: method.ok_or(RecordError::Impossible { kind, field: "method" })?,
            root: self.root,
            count: self.count,
            beacon: self.beacon.map(Arc::from),
            at: UnixMillis(self.at),
        })
    }
}

fn method_number(method: Method) -> u8 {
    match method {
        Method::Draw => 0,
        Method::Fifo => 1,
        Method::Random => 2,
        Method::Passthrough => 3,
        Method::Reject => 4,
    }
}

fn method_of(number: u8) -> Option<Method> {
    match number {
        0 => Some(Method::Draw),
        1 => Some(Method::Fifo),
        2 => Some(Method::Random),
        3 => Some(Method::Passthrough),
        4 => Some(Method::Reject),
        _ => None,
    }
}

fn impossible(field: &'static str) -> RecordError {
    RecordError::Impossible { kind: kind::ROOM, field }
}
