//! What the journal's frames mean: one kind and version each, and the way from and to the facts of the
//! domain. The shapes themselves stand in `v1` and are never edited; a new shape is a new version.

mod audit;
mod checkpoint;
mod piece;
mod purchase;
mod room;
mod told;
mod v1;
mod v2;

pub use audit::{encode_audit, encode_audit_entry};
pub use checkpoint::{
    CheckpointPart, encode_event, encode_passes, encode_purchase, encode_reservation, encode_totals,
};
pub use room::{encode_line, encode_room, encode_room_head};

use super::codec;
use super::frame::{Frame, write_frame};
use crate::domain::audit::AuditFact;
use crate::domain::ids::{EventNumber, OrganizerId, ShardId};
use crate::domain::inventory::{Created, Entry, Fact, Happened, Inventory, ReservationName};
use crate::domain::waiting_room::RoomFact;

/// One thing that happened, as the journal tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// An event came onto the books, owned by this shard.
    Created {
        shard: ShardId,
        created: Created,
    },
    /// The event is owned by another shard from here on (the shard count changed).
    Placed {
        event: EventNumber,
        shard: ShardId,
    },
    Happened {
        event: EventNumber,
        fact: Fact,
    },
    /// In the event's waiting room.
    Room {
        event: EventNumber,
        fact: RoomFact,
    },
    /// In the audit log.
    Audit(AuditFact),
}

/// A frame that passed its checksum and still makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("unknown record: kind {kind}, version {version}; written by a newer onsale?")]
    Unknown { kind: u8, version: u8 },
    #[error("record of kind {kind} does not decode")]
    Malformed {
        kind: u8,
        #[source]
        source: codec::CodecError,
    },
    #[error("record of kind {kind} has an impossible {field}")]
    Impossible { kind: u8, field: &'static str },
}

/// Kinds of frames. Numbers are on disk; never reuse one.
mod kind {
    pub const CREATED: u8 = 1;
    pub const AMENDED: u8 = 2;
    pub const RESERVED: u8 = 3;
    pub const RELEASED: u8 = 4;
    pub const EXPIRED: u8 = 5;
    pub const PLACED: u8 = 6;
    pub const PURCHASE: u8 = 7;
    pub const ROOM: u8 = 8;
    pub const AUDIT: u8 = 9;
    pub const CHECKPOINT_EVENT: u8 = 32;
    pub const CHECKPOINT_RESERVATION: u8 = 33;
    pub const CHECKPOINT_TOTALS: u8 = 34;
    pub const CHECKPOINT_PURCHASE: u8 = 35;
    pub const CHECKPOINT_ROOM: u8 = 36;
    pub const CHECKPOINT_LINE: u8 = 37;
    pub const CHECKPOINT_PASSES: u8 = 38;
    pub const CHECKPOINT_AUDIT: u8 = 39;
}

const V1: u8 = 1;
const V2: u8 = 2;
/// Of facts: the shape of version 1 or 2, told with its number and names. Of an event that comes onto the
/// books, there or in a checkpoint: version 2 and its organizer.
const V3: u8 = 3;
/// The same of a reservation made with a pass: version 1 and the pass, told.
const V4: u8 = 4;

pub fn encode_created(out: &mut Vec<u8>, shard: ShardId, created: &Created) {
    let value = v2::Created::from_domain(shard, created);
    match &created.organizer {
        None => write_frame(out, kind::CREATED, V2, |out| codec::encode_into(out, &value)),
        Some(organizer) => write_frame(out, kind::CREATED, V3, |out| {
            codec::encode_into(out, &(&value, organizer.as_str()));
        }),
    }
}

pub fn encode_placed(out: &mut Vec<u8>, event: EventNumber, shard: ShardId) {
    let value = v1::Placed { event: event.0, shard: shard.0 };
    write_frame(out, kind::PLACED, V1, |out| codec::encode_into(out, &value));
}

/// `state` is the event's after the fact, `names` are those that it had for the fact before.
pub fn encode_fact(out: &mut Vec<u8>, state: &Inventory, fact: &Fact, names: &[ReservationName]) {
    encode_told(out, state.number(), fact, state.version(), names);
}

fn encode_told(
    out: &mut Vec<u8>,
    event: EventNumber,
    fact: &Fact,
    version: u64,
    names: &[ReservationName],
) {
    match fact {
        Fact::Reserved(reserved) => {
            let value = v1::ReservedOut::from_domain(event, reserved);
            match reserved.pass {
                None => told::write(out, kind::RESERVED, value, version, names),
                Some(pass) => {
                    told::write_as(out, (kind::RESERVED, V4), (value, pass), version, names);
                }
            }
        }
        Fact::Released { sequence, at } => {
            let value = v1::Released { event: event.0, sequence: *sequence, at: at.0 };
            told::write(out, kind::RELEASED, value, version, names);
        }
        Fact::Expired { sequences, at } => {
            let value = v1::ExpiredOut { event: event.0, sequences, at: at.0 };
            told::write(out, kind::EXPIRED, value, version, names);
        }
        Fact::Amended(amended) => {
            let value = v2::Amended::from_domain(event, amended);
            told::write(out, kind::AMENDED, value, version, names);
        }
        fact => {
            if let Some(value) = purchase::Purchase::from_domain(event, fact) {
                told::write(out, kind::PURCHASE, value, version, names);
            }
        }
    }
}

/// # Errors
/// [`RecordError`]: the journal must be refused, since skipping a fact would sell a unit twice.
pub fn decode(frame: &Frame<'_>) -> Result<Record, RecordError> {
    Ok(read(frame)?.0)
}

/// The entry of an event's log that this frame is; `None` when it cannot be told, as facts from before
/// version 3 cannot.
///
/// # Errors
/// [`RecordError`].
pub fn decode_entry(frame: &Frame<'_>) -> Result<Option<Entry>, RecordError> {
    match read(frame)? {
        (Record::Created { created, .. }, _) => Ok(Some(Entry::created(created))),
        (Record::Happened { fact, .. }, Some(telling)) => {
            let number = telling.version;
            let names = telling.names(frame.kind, &fact)?;
            Ok(Some(Entry::of(number, fact, names)))
        }
        (Record::Placed { .. } | Record::Happened { .. }, _) => Ok(None),
        (Record::Room { .. } | Record::Audit(_), _) => Ok(None),
    }
}

/// Appends a frame of this event's log as it is kept when its epoch is folded: contacts and payment tokens
/// stay behind.
///
/// # Errors
/// [`RecordError`].
pub fn keep_told(
    out: &mut Vec<u8>,
    event: EventNumber,
    frame: &Frame<'_>,
) -> Result<(), RecordError> {
    let entry = if frame.kind == kind::PURCHASE { decode_entry(frame)? } else { None };
    match entry {
        Some(Entry { number, happened: Happened::Fact(fact @ Fact::Booked(_)), names }) => {
            encode_told(out, event, &fact, number, &names);
        }
        Some(_) | None => write_frame(out, frame.kind, frame.version, |out| {
            out.extend_from_slice(frame.payload);
        }),
    }
    Ok(())
}

/// The event in whose log this frame is an entry, if it is one. Reads no more than that.
///
/// # Errors
/// [`RecordError`].
pub fn event_told(frame: &Frame<'_>) -> Result<Option<EventNumber>, RecordError> {
    let is_told = match frame.kind {
        kind::CREATED => true,
        kind::AMENDED | kind::RESERVED | kind::RELEASED | kind::EXPIRED | kind::PURCHASE => {
            matches!(frame.version, V3 | V4)
        }
        _ => false,
    };
    if !is_told {
        return Ok(None);
    }
    let kind = frame.kind;
    let event = codec::decode_first(frame.payload);
    Ok(Some(EventNumber(event.map_err(|source| RecordError::Malformed { kind, source })?)))
}

fn read(frame: &Frame<'_>) -> Result<(Record, Option<told::Telling>), RecordError> {
    let untold = match (frame.kind, frame.version) {
        (kind::CREATED, V1) => parse::<v1::Created>(frame)?.into_domain()?,
        (kind::CREATED, V2) => parse::<v2::Created>(frame)?.into_domain(None)?,
        (kind::CREATED, V3) => {
            let (created, organizer): (v2::Created, String) = parse(frame)?;
            created.into_domain(Some(organizer_in(frame.kind, &organizer)?))?
        }
        (kind::AMENDED, V1) => parse::<v1::Amended>(frame)?.into_domain()?,
        (kind::AMENDED, V2) => parse::<v2::Amended>(frame)?.into_domain()?,
        (kind::AMENDED, V3) => return told::read(frame, v2::Amended::into_domain),
        (kind::RESERVED, V1) => parse::<v1::Reserved>(frame)?.into_domain(None)?,
        (kind::RESERVED, V3) => {
            return told::read(frame, |reserved: v1::Reserved| reserved.into_domain(None));
        }
        (kind::RESERVED, V4) => {
            return told::read(frame, |(reserved, pass): (v1::Reserved, u32)| {
                reserved.into_domain(Some(pass))
            });
        }
        (kind::RELEASED, V1) => parse::<v1::Released>(frame)?.into_domain(),
        (kind::RELEASED, V3) => return told::read(frame, |f: v1::Released| Ok(f.into_domain())),
        (kind::EXPIRED, V1) => parse::<v1::Expired>(frame)?.into_domain(),
        (kind::EXPIRED, V3) => return told::read(frame, |f: v1::Expired| Ok(f.into_domain())),
        (kind::PLACED, V1) => parse::<v1::Placed>(frame)?.into_domain(),
        (kind::PURCHASE, V1) => parse::<purchase::Purchase>(frame)?.into_domain()?,
        (kind::PURCHASE, V3) => return told::read(frame, purchase::Purchase::into_domain),
        (kind::ROOM, V1) => parse::<room::Room>(frame)?.into_domain()?,
        (kind::AUDIT, V1) => parse::<audit::Step>(frame)?.into_domain(),
        (kind, version) => return Err(RecordError::Unknown { kind, version }),
    };
    Ok((untold, None))
}

fn organizer_in(kind: u8, text: &str) -> Result<OrganizerId, RecordError> {
    OrganizerId::parse(text).map_err(|_| RecordError::Impossible { kind, field: "organizer" })
}

fn parse<T: serde::de::DeserializeOwned>(frame: &Frame<'_>) -> Result<T, RecordError> {
    let kind = frame.kind;
    codec::decode(frame.payload).map_err(|source| RecordError::Malformed { kind, source })
}

#[cfg(test)]
mod organizer_tests;
#[cfg(test)]
mod tests;
