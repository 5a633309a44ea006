//! A waiting room in a checkpoint: its head, then its fans in pieces.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::super::{RecordError, V1, kind};
use super::{KeysV1, SealedV1, TermsV1};
use crate::domain::ids::EventNumber;
use crate::domain::time::UnixMillis;
use crate::domain::waiting_room::{LinePiece, RoomHead, Totals};
use crate::storage::codec;
use crate::storage::frame::write_frame;

#[derive(Serialize, Deserialize)]
pub(in super::super) struct HeadV1 {
    event: u64,
    terms: TermsV1,
    keys: KeysV1,
    sealed: Option<SealedV1>,
    drained: bool,
    codes_used: Vec<u32>,
    version: u64,
    latest: u64,
    heard: u64,
    /// joined, priority, suspects, admitted, used, lapsed, skipped, returned, left, inversions.
    totals: [u64; 10],
    base: u32,
    cursor: u32,
    returns: u32,
    lots: Option<([u32; 3], [u32; 2])>,
}

#[derive(Serialize, Deserialize)]
pub(in super::super) struct PieceV1 {
    event: u64,
    from: u32,
    fingerprints: Bytes,
    cells: Bytes,
    slots: Bytes,
    order: Bytes,
}

/// Bytes that are written and read in one go: a list of numbers goes one by one.
struct Bytes(Vec<u8>);

pub fn encode_room_head(out: &mut Vec<u8>, head: &RoomHead) {
    let totals = &head.totals;
    let value = HeadV1 {
        event: head.event.0,
        terms: TermsV1::from_domain(&head.terms),
        keys: KeysV1::from_domain(&head.keys),
        sealed: head.sealed.as_ref().map(SealedV1::from_domain),
        drained: head.drained,
        codes_used: head.codes_used.clone(),
        version: head.version,
        latest: head.latest.0,
        heard: head.heard,
        totals: [
            totals.joined,
            totals.priority,
            totals.suspects,
            totals.admitted,
            totals.used,
            totals.lapsed,
            totals.skipped,
            totals.returned,
            totals.left,
            totals.inversions,
        ],
        base: head.base,
        cursor: head.cursor,
        returns: head.returns,
        lots: head.lots,
    };
    write_frame(out, kind::CHECKPOINT_ROOM, V1, |out| codec::encode_into(out, &value));
}

pub fn encode_line(out: &mut Vec<u8>, piece: LinePiece) {
    let value = PieceV1 {
        event: piece.event.0,
        from: piece.from,
        fingerprints: Bytes(piece.fingerprints),
        cells: Bytes(piece.cells),
        slots: Bytes(piece.slots),
        order: Bytes(piece.order),
    };
    write_frame(out, kind::CHECKPOINT_LINE, V1, |out| codec::encode_into(out, &value));
}

impl HeadV1 {
    pub(in super::super) fn into_domain(self) -> Result<RoomHead, RecordError> {
        let kind = kind::CHECKPOINT_ROOM;
        let terms = self.terms.into_domain(kind)?;
        if terms.codes.len() != self.codes_used.len() {
            return Err(RecordError::Impossible { kind, field: "codes used" });
        }
        let [
            joined,
            priority,
            suspects,
            admitted,
            used,
            lapsed,
            skipped,
            returned,
            left,
            inversions,
        ] = self.totals;
        let totals = Totals {
            joined,
            priority,
            suspects,
            admitted,
            used,
            lapsed,
            skipped,
            returned,
            left,
            inversions,
        };
        Ok(RoomHead {
            event: EventNumber(self.event),
            terms,
            keys: self.keys.into_domain(),
            sealed: self.sealed.map(|sealed| sealed.into_domain(kind)).transpose()?,
            drained: self.drained,
            codes_used: self.codes_used,
            version: self.version,
            latest: UnixMillis(self.latest),
            heard: self.heard,
            totals,
            base: self.base,
            cursor: self.cursor,
            returns: self.returns,
            lots: self.lots,
        })
    }
}

impl PieceV1 {
    pub(in super::super) fn into_domain(self) -> LinePiece {
        LinePiece {
            event: EventNumber(self.event),
            from: self.from,
            fingerprints: self.fingerprints.0,
            cells: self.cells.0,
            slots: self.slots.0,
            order: self.order.0,
        }
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;
        impl Visitor<'_> for Whole {
            type Value = Bytes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }

            fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Whole)
    }
}
