//! The frames of a checkpoint: each event followed by its reservations, then the waiting rooms, then the
//! audit log, and totals at the end, by which a reader knows that nothing is missing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::audit::EntryV1;
use super::piece::Piece;
use super::room::{HeadV1, PieceV1};
use super::v1::{Key, lines_in, lines_out};
use super::{RecordError, V1, V2, V3, kind, organizer_in, parse, v1, v2};
use crate::domain::audit::AuditEntry;
use crate::domain::ids::{CustomerId, EventNumber, OrganizerId, ShardId};
use crate::domain::inventory::{
    EventSnapshot, EventTerms, Lines, PassesSnapshot, PoolCounts, PurchaseSnapshot,
    ReservationSnapshot, Status,
};
use crate::domain::time::UnixMillis;
use crate::domain::waiting_room::{LinePiece, RoomHead};
use crate::storage::codec;
use crate::storage::frame::{Frame, write_frame};

/// One piece of a checkpoint, in the order in which they are written.
#[derive(Debug)]
pub enum CheckpointPart {
    Event {
        shard: ShardId,
        snapshot: EventSnapshot,
    },
    /// Belongs to the event before it.
    Reservation(ReservationSnapshot),
    /// The same, after its reservations.
    Purchase(PurchaseSnapshot),
    /// The same, after its purchases.
    Passes(PassesSnapshot),
    /// A waiting room; its event came before.
    Room(Box<RoomHead>),
    /// Belongs to the room before it.
    Line(LinePiece),
    /// Of the audit log, from the oldest on.
    Audit(AuditEntry),
    Totals {
        events: u64,
        reservations: u64,
        digest: [u8; 32],
    },
}

/// `T`: the terms, which came in two versions.
#[derive(Serialize, Deserialize)]
struct EventV1<T> {
    shard: u16,
    number: u64,
    terms: T,
    /// capacity, available, held, sold, blocked of each pool.
    pools: Vec<[u32; 5]>,
    version: u64,
    latest: u64,
    next_sequence: u64,
    remembered_from: u64,
    retired: Vec<(u64, u64)>,
    creation_key: Option<Key>,
}

#[derive(Deserialize)]
struct ReservationV1 {
    sequence: u64,
    salt: u32,
    customer: String,
    status: u8,
    lines: Vec<(u16, u32)>,
    created_at: u64,
    expires_at: u64,
    key: Option<Key>,
}

/// Writes what [`ReservationV1`] reads.
#[derive(Serialize)]
struct ReservationOutV1<'a> {
    sequence: u64,
    salt: u32,
    customer: &'a str,
    status: u8,
    #[serde(serialize_with = "lines_out")]
    lines: &'a Lines,
    created_at: u64,
    expires_at: u64,
    key: Option<Key>,
}

#[derive(Serialize, Deserialize)]
struct TotalsV1 {
    events: u64,
    reservations: u64,
    digest: [u8; 32],
}

pub fn encode_event(out: &mut Vec<u8>, shard: ShardId, event: &EventSnapshot) {
    let pools = event.pools.iter().map(|p| [p.capacity, p.available, p.held, p.sold, p.blocked]);
    let value = EventV1 {
        shard: shard.0,
        number: event.number.0,
        terms: v2::Terms::from_domain(&event.terms),
        pools: pools.collect(),
        version: event.version,
        latest: event.latest.0,
        next_sequence: event.next_sequence,
        remembered_from: event.remembered_from,
        retired: event.retired.iter().map(|(at, sequence)| (at.0, *sequence)).collect(),
        creation_key: event.creation_key.map(Key::from_domain),
    };
    match &event.organizer {
        None => write_frame(out, kind::CHECKPOINT_EVENT, V2, |out| codec::encode_into(out, &value)),
        Some(organizer) => write_frame(out, kind::CHECKPOINT_EVENT, V3, |out| {
            codec::encode_into(out, &(&value, organizer.as_str()));
        }),
    }
}

pub fn encode_reservation(out: &mut Vec<u8>, reservation: &ReservationSnapshot) {
    let value = ReservationOutV1 {
        sequence: reservation.sequence,
        salt: reservation.salt,
        customer: reservation.customer.as_str(),
        status: reservation.status as u8,
        lines: &reservation.lines,
        created_at: reservation.created_at.0,
        expires_at: reservation.expires_at.0,
        key: reservation.key.map(Key::from_domain),
    };
    write_frame(out, kind::CHECKPOINT_RESERVATION, V1, |out| codec::encode_into(out, &value));
}

pub fn encode_purchase(out: &mut Vec<u8>, snapshot: &PurchaseSnapshot) {
    let value = Piece::from_domain(snapshot);
    write_frame(out, kind::CHECKPOINT_PURCHASE, V1, |out| codec::encode_into(out, &value));
}

pub fn encode_passes(out: &mut Vec<u8>, snapshot: &PassesSnapshot) {
    let value = (&snapshot.used, &snapshot.live);
    write_frame(out, kind::CHECKPOINT_PASSES, V1, |out| codec::encode_into(out, &value));
}

pub fn encode_totals(out: &mut Vec<u8>, events: u64, reservations: u64, digest: [u8; 32]) {
    let value = TotalsV1 { events, reservations, digest };
    write_frame(out, kind::CHECKPOINT_TOTALS, V1, |out| codec::encode_into(out, &value));
}

impl CheckpointPart {
    /// # Errors
    /// [`RecordError`]: the checkpoint must be refused as a whole.
    pub fn decode(frame: &Frame<'_>) -> Result<Self, RecordError> {
        match (frame.kind, frame.version) {
            (kind::CHECKPOINT_EVENT, V1) => {
                let event = parse::<EventV1<v1::Terms>>(frame)?;
                event.into_part(None, |terms| terms.into_domain(kind::CHECKPOINT_EVENT))
            }
            (kind::CHECKPOINT_EVENT, V2) => {
                let event = parse::<EventV1<v2::Terms>>(frame)?;
                event.into_part(None, |terms| terms.into_domain(kind::CHECKPOINT_EVENT))
            }
            (kind::CHECKPOINT_EVENT, V3) => {
                let (event, organizer): (EventV1<v2::Terms>, String) = parse(frame)?;
                let organizer = organizer_in(frame.kind, &organizer)?;
                event.into_part(Some(organizer), |terms| terms.into_domain(kind::CHECKPOINT_EVENT))
            }
            (kind::CHECKPOINT_RESERVATION, V1) => parse::<ReservationV1>(frame)?.into_part(),
            (kind::CHECKPOINT_PURCHASE, V1) => {
                Ok(Self::Purchase(parse::<Piece>(frame)?.into_domain()?))
            }
            (kind::CHECKPOINT_PASSES, V1) => {
                let (used, live) = parse(frame)?;
                Ok(Self::Passes(PassesSnapshot { used, live }))
            }
            (kind::CHECKPOINT_ROOM, V1) => {
                Ok(Self::Room(Box::new(parse::<HeadV1>(frame)?.into_domain()?)))
            }
            (kind::CHECKPOINT_LINE, V1) => Ok(Self::Line(parse::<PieceV1>(frame)?.into_domain())),
            (kind::CHECKPOINT_AUDIT, V1) => Ok(Self::Audit(parse::<EntryV1>(frame)?.into_domain())),
            (kind::CHECKPOINT_TOTALS, V1) => {
                let TotalsV1 { events, reservations, digest } = parse(frame)?;
                Ok(Self::Totals { events, reservations, digest })
            }
            (kind, version) => Err(RecordError::Unknown { kind, version }),
        }
    }
}

impl<T> EventV1<T> {
    fn into_part(
        self,
        organizer: Option<OrganizerId>,
        terms: impl FnOnce(T) -> Result<Arc<EventTerms>, RecordError>,
    ) -> Result<CheckpointPart, RecordError> {
        let kind = kind::CHECKPOINT_EVENT;
        let terms = terms(self.terms)?;
        if terms.pools.len() != self.pools.len() {
            return Err(RecordError::Impossible { kind, field: "pools" });
        }
        let pools =
            self.pools.iter().map(|[capacity, available, held, sold, blocked]| PoolCounts {
                capacity: *capacity,
                available: *available,
                held: *held,
                sold: *sold,
                blocked: *blocked,
            });
        let retired = self.retired.into_iter().map(|(at, sequence)| (UnixMillis(at), sequence));
        let snapshot = EventSnapshot {
            number: EventNumber(self.number),
            terms,
            pools: pools.collect(),
            version: self.version,
            latest: UnixMillis(self.latest),
            next_sequence: self.next_sequence,
            remembered_from: self.remembered_from,
            retired: retired.collect(),
            creation_key: self.creation_key.map(Key::into_domain),
            organizer,
        };
        Ok(CheckpointPart::Event { shard: ShardId(self.shard), snapshot })
    }
}

impl ReservationV1 {
    fn into_part(self) -> Result<CheckpointPart, RecordError> {
        let kind = kind::CHECKPOINT_RESERVATION;
        let impossible = |field| RecordError::Impossible { kind, field };
        let status = match self.status {
            0 => Status::Held,
            1 => Status::Released,
            2 => Status::Expired,
            3 => Status::Booked,
            _ => return Err(impossible("status")),
        };
        Ok(CheckpointPart::Reservation(ReservationSnapshot {
            sequence: self.sequence,
            salt: self.salt,
            customer: CustomerId::parse(&self.customer).map_err(|_| impossible("customer"))?,
            status,
            lines: lines_in(kind, self.lines)?,
            created_at: UnixMillis(self.created_at),
            expires_at: UnixMillis(self.expires_at),
            key: self.key.map(Key::into_domain),
        }))
    }
}
