//! A room taken apart and put together again, for checkpoints: its head first, then its line in pieces of
//! many fans, so that no piece is large. Also the digest, which sees the same.

use std::sync::Arc;

use super::column::Column;
use super::fact::{RoomKeys, Sealed};
use super::line::{Cell, Line, Lots, State};
use super::room::{Room, Totals};
use super::terms::RoomTerms;
use crate::domain::ids::EventNumber;
use crate::domain::inventory::Digest;
use crate::domain::time::UnixMillis;

/// Everything of a room but its fans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomHead {
    pub event: EventNumber,
    pub terms: Arc<RoomTerms>,
    pub keys: RoomKeys,
    pub sealed: Option<Sealed>,
    pub drained: bool,
    pub codes_used: Vec<u32>,
    pub version: u64,
    pub latest: UnixMillis,
    pub heard: u64,
    pub totals: Totals,
    /// First number of the line.
    pub base: u32,
    pub cursor: u32,
    /// How many came back ever.
    pub returns: u32,
    /// Fronts, then ends, of the parts of a line that is let in at random.
    pub lots: Option<([u32; 3], [u32; 2])>,
}

/// Fans of one line, one after the other, and as many positions. The columns are as they are in memory, in
/// little-endian bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinePiece {
    pub event: EventNumber,
    /// How many fans come before.
    pub from: u32,
    pub fingerprints: Vec<u8>,
    pub cells: Vec<u8>,
    pub slots: Vec<u8>,
    /// The numbers at the positions from `from` on; fewer than fans, where positions end.
    pub order: Vec<u8>,
}

/// Fans of one [`LinePiece`]; about a megabyte.
pub const FANS_PER_PIECE: u32 = 65_536;

impl Room {
    #[must_use]
    pub fn head(&self) -> RoomHead {
        RoomHead {
            event: self.event,
            terms: Arc::clone(&self.terms),
            keys: self.keys,
            sealed: self.sealed.clone(),
            drained: self.drained,
            codes_used: self.codes_used.clone(),
            version: self.version,
            latest: self.latest,
            heard: self.heard,
            totals: self.totals,
            base: self.line.base,
            cursor: self.line.cursor,
            returns: self.line.returns,
            lots: self.line.lots.map(|lots| (lots.next, lots.end)),
        }
    }

    /// The fans, in the order of their numbers.
    pub fn line_pieces(&self) -> impl Iterator<Item = LinePiece> + '_ {
        let line = &self.line;
        (0..line.cells.len()).step_by(FANS_PER_PIECE as usize).map(move |from| LinePiece {
            event: self.event,
            from,
            fingerprints: bytes_of(&line.fingerprints, from, u64::to_le_bytes),
            cells: bytes_of(&line.cells, from, |cell| [cell.0]),
            slots: bytes_of(&line.slots, from, u32::to_le_bytes),
            order: bytes_of(&line.order, from, u32::to_le_bytes),
        })
    }

    /// The room without its fans; add them with [`Room::restore_piece`], in order.
    #[must_use]
    pub fn restore(head: RoomHead) -> Self {
        let line = Line {
            is_sealed: head.sealed.is_some(),
            cursor: head.cursor,
            returns: head.returns,
            lots: head.lots.map(|(next, end)| Lots { next, end }),
            ..Line::starting_at(head.base)
        };
        Self {
            event: head.event,
            terms: head.terms,
            keys: head.keys,
            line,
            sealed: head.sealed,
            drained: head.drained,
            codes_used: head.codes_used,
            version: head.version,
            latest: head.latest,
            heard: head.heard,
            totals: head.totals,
        }
    }

    /// # Errors
    /// What is wrong with the piece.
    pub fn restore_piece(&mut self, piece: &LinePiece) -> Result<(), &'static str> {
        let line = &mut self.line;
        let fans = piece.cells.len();
        if piece.from != line.cells.len() || (FANS_PER_PIECE as usize) < fans {
            return Err("fans");
        }
        let (fingerprints, odd) = piece.fingerprints.as_chunks();
        let (slots, odd_slots) = piece.slots.as_chunks();
        let (order, odd_order) = piece.order.as_chunks();
        let whole = odd.is_empty() && odd_slots.is_empty() && odd_order.is_empty();
        if !whole || fingerprints.len() != fans || slots.len() != fans || fans < order.len() {
            return Err("columns");
        }
        let mut back = Vec::new();
        for ((fingerprint, slot), cell) in fingerprints.iter().zip(slots).zip(&piece.cells) {
            let (slot, number) = (u32::from_le_bytes(*slot), line.next_number());
            let cell = Cell::checked(*cell).ok_or("cell")?;
            line.add(u64::from_le_bytes(*fingerprint), cell, slot);
            if cell.state() == State::Returning {
                back.push(number);
            }
        }
        order.iter().for_each(|number| line.order.push(u32::from_le_bytes(*number)));
        if !back.is_empty() {
            line.returning.extend(back);
            let (slots, base) = (&line.slots, line.base);
            let turn = |number: &u32| slots.at(*number - base);
            line.returning.make_contiguous().sort_unstable_by_key(turn);
        }
        Ok(())
    }

    /// Equal for equal states, whichever way they came about (INV-6).
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.head().bytes());
        for piece in self.line_pieces() {
            for column in [&piece.fingerprints, &piece.cells, &piece.slots, &piece.order] {
                hasher.update(&(column.len() as u64).to_le_bytes());
                hasher.update(column);
            }
        }
        Digest(*hasher.finalize().as_bytes())
    }
}

impl RoomHead {
    /// In a fixed form: integers little-endian, texts behind their length.
    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut number = |value: u64| out.extend_from_slice(&value.to_le_bytes());
        let totals = &self.totals;
        for value in [self.event.0, self.version, self.latest.0, self.heard] {
            number(value);
        }
        for value in [self.base, self.cursor, self.returns, u32::from(self.drained)] {
            number(u64::from(value));
        }
        for value in [totals.joined, totals.priority, totals.suspects, totals.admitted, totals.used]
        {
            number(value);
        }
        for value in [totals.lapsed, totals.skipped, totals.returned, totals.left] {
            number(value);
        }
        number(totals.inversions);
        number(self.codes_used.len() as u64);
        self.codes_used.iter().for_each(|used| number(u64::from(*used)));
        number(u64::from(self.lots.is_some()));
        let (next, end) = self.lots.unwrap_or_default();
        next.iter().chain(&end).for_each(|position| number(u64::from(*position)));
        number(u64::from(self.sealed.is_some()));
        if let Some(sealed) = &self.sealed {
            number(sealed.method as u64);
            number(u64::from(sealed.count));
            number(sealed.at.0);
            out.extend_from_slice(&sealed.root);
            text(&mut out, sealed.beacon.as_deref());
        }
        out.extend_from_slice(&self.keys.token);
        out.extend_from_slice(&self.keys.secret);
        self.terms.write_bytes(&mut out);
        out
    }
}

impl RoomTerms {
    fn write_bytes(&self, out: &mut Vec<u8>) {
        let mut number = |value: u64| out.extend_from_slice(&value.to_le_bytes());
        number(self.mode as u64);
        number(self.method as u64);
        number(self.ending as u64);
        number(self.doors_at.map_or(u64::MAX, |at| at.0));
        for value in [self.rate_per_minute, self.active_max, self.pass_seconds] {
            number(u64::from(value));
        }
        for value in [self.return_seconds, self.absent_seconds, self.units_per_pass_hundredths] {
            number(u64::from(value));
        }
        number(u64::from(self.auto_per_second));
        for flag in [self.paused, self.challenge, self.awake] {
            number(u64::from(flag));
        }
        number(self.revision);
        number(self.codes.len() as u64);
        for code in &self.codes {
            out.extend_from_slice(&code.digest);
            out.extend_from_slice(&code.uses_max.unwrap_or(0).to_le_bytes());
        }
        for value in [&self.message, &self.beacon, &self.beacon_value] {
            text(out, value.as_deref());
        }
    }
}

fn text(out: &mut Vec<u8>, value: Option<&str>) {
    out.extend_from_slice(&value.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
    out.extend_from_slice(value.unwrap_or_default().as_bytes());
}

fn bytes_of<T: Copy + Default, const N: usize>(
    column: &Column<T>,
    from: u32,
    bytes: impl Fn(T) -> [u8; N],
) -> Vec<u8> {
    column.iter(from).take(FANS_PER_PIECE as usize).flat_map(bytes).collect()
}
