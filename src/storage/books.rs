//! All events at one point of the journal, built by folding facts. Recovery, the compactor, a shard's
//! successor and `onsale verify` all use this one fold, so that they cannot disagree.

use std::collections::BTreeMap;

use super::record::{
    CheckpointPart, Record, encode_audit_entry, encode_event, encode_line, encode_passes,
    encode_purchase, encode_reservation, encode_room_head, encode_totals,
};
use super::recovery::RecoveryError;
use crate::domain::audit::{AuditEntry, AuditLog};
use crate::domain::ids::{EventNumber, ShardId};
use crate::domain::inventory::{BrokenLaw, Digest, Inventory, apply};
use crate::domain::waiting_room::{self, LinePiece, Room, RoomFact};

/// An event and the shard that owns it.
#[derive(Debug)]
pub struct Placed {
    pub shard: ShardId,
    pub inventory: Inventory,
}

/// Events by number.
#[derive(Debug, Default)]
pub struct Books {
    pub events: BTreeMap<EventNumber, Placed>,
    /// Waiting rooms of the events that have one.
    pub rooms: BTreeMap<EventNumber, Room>,
    pub audit_log: AuditLog,
    /// Records folded since the checkpoint, for the log.
    pub records: u64,
}

impl Books {
    /// The smallest number that no event ever had.
    #[must_use]
    pub fn next_event(&self) -> u64 {
        self.events.last_key_value().map_or(1, |(number, _)| number.0 + 1)
    }

    /// # Errors
    /// When the record contradicts the ones before it.
    ///
    /// # Panics
    /// When it breaks a law.
    pub fn fold(&mut self, record: Record) -> Result<(), RecoveryError> {
        self.records += 1;
        match record {
            Record::Created { shard, created } => {
                let event = created.event;
                let placed = Placed { shard, inventory: Inventory::created(&created) };
                match self.events.insert(event, placed) {
                    None => Ok(()),
                    Some(_) => Err(RecoveryError::CreatedTwice { event: event.0 }),
                }
            }
            Record::Placed { event, shard } => {
                self.event(event)?.shard = shard;
                Ok(())
            }
            Record::Happened { event, fact } => {
                apply(&mut self.event(event)?.inventory, &fact);
                Ok(())
            }
            Record::Room { event, fact } => self.fold_room(event, &fact),
            Record::Audit(fact) => {
                self.audit_log.apply(&fact);
                Ok(())
            }
        }
    }

    fn fold_room(&mut self, event: EventNumber, fact: &RoomFact) -> Result<(), RecoveryError> {
        if let Some(room) = self.rooms.get_mut(&event) {
            waiting_room::apply(room, fact, |_| ());
            return Ok(());
        }
        self.event(event)?;
        let first = match fact {
            RoomFact::Arranged(arranged) => Room::arranged(event, arranged),
            _ => None,
        };
        self.rooms.insert(event, first.ok_or(RecoveryError::UnknownRoom { event: event.0 })?);
        Ok(())
    }

    fn event(&mut self, event: EventNumber) -> Result<&mut Placed, RecoveryError> {
        self.events.get_mut(&event).ok_or(RecoveryError::UnknownEvent { event: event.0 })
    }

    /// Takes in one part of a checkpoint.
    ///
    /// # Errors
    /// When the parts do not add up to what the checkpoint's totals say.
    pub fn restore(&mut self, part: CheckpointPart) -> Result<(), RecoveryError> {
        match part {
            CheckpointPart::Event { shard, snapshot } => {
                let (number, inventory) = (snapshot.number, Inventory::restore(snapshot));
                self.events.insert(number, Placed { shard, inventory });
                Ok(())
            }
            CheckpointPart::Reservation(reservation) => {
                let last = self.events.last_entry().ok_or(RecoveryError::CheckpointIncomplete)?;
                last.into_mut().inventory.restore_reservation(reservation);
                Ok(())
            }
            CheckpointPart::Purchase(purchase) => {
                let last = self.events.last_entry().ok_or(RecoveryError::CheckpointIncomplete)?;
                let restored = last.into_mut().inventory.restore_purchase(purchase);
                restored.map_err(|_| RecoveryError::CheckpointIncomplete)
            }
            CheckpointPart::Passes(passes) => {
                let last = self.events.last_entry().ok_or(RecoveryError::CheckpointIncomplete)?;
                last.into_mut().inventory.restore_passes(passes);
                Ok(())
            }
            CheckpointPart::Room(head) => {
                let event = head.event;
                let known = self.events.contains_key(&event);
                let old = known.then(|| self.rooms.insert(event, Room::restore(*head)));
                old.filter(Option::is_none).map(drop).ok_or(RecoveryError::CheckpointIncomplete)
            }
            CheckpointPart::Line(piece) => {
                let room = self.rooms.get_mut(&piece.event);
                let room = room.ok_or(RecoveryError::CheckpointIncomplete)?;
                room.restore_piece(&piece).map_err(|_| RecoveryError::CheckpointIncomplete)
            }
            CheckpointPart::Audit(entry) => {
                self.audit_log.push(entry);
                Ok(())
            }
            CheckpointPart::Totals { events, reservations, digest } => {
                let found = (self.events.len() as u64, self.reservations(), self.digest().0);
                if found == (events, reservations, digest) {
                    Ok(())
                } else {
                    Err(RecoveryError::CheckpointIncomplete)
                }
            }
        }
    }

    /// Reservations over all events, whatever their status.
    #[must_use]
    pub fn reservations(&self) -> u64 {
        self.events.values().map(|placed| placed.inventory.reservations() as u64).sum()
    }

    /// Equal for equal states (INV-6).
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        for placed in self.events.values() {
            hasher.update(&placed.shard.0.to_le_bytes());
            hasher.update(&placed.inventory.digest().0);
        }
        // Of none, nothing: checkpoints from before there were rooms carry such a digest.
        for room in self.rooms.values() {
            hasher.update(&room.digest().0);
        }
        // The same of the audit log, each entry as it stands in a checkpoint.
        let mut written = Vec::new();
        for entry in self.audit_log.entries() {
            written.clear();
            encode_audit_entry(&mut written, entry);
            hasher.update(&written);
        }
        Digest(*hasher.finalize().as_bytes())
    }

    /// Every law that does not hold, with its event.
    #[must_use]
    pub fn audit(&self) -> Vec<(String, BrokenLaw)> {
        let audits = self.events.values().flat_map(|placed| {
            let id = placed.inventory.terms().id.to_string();
            placed.inventory.audit().into_iter().map(move |broken| (id.clone(), broken))
        });
        let rooms = self.rooms.values().flat_map(|room| {
            let event = self.events.get(&room.event());
            let id =
                event.map_or_else(String::new, |placed| placed.inventory.terms().id.to_string());
            room.audit().into_iter().map(move |broken| (id.clone(), broken))
        });
        audits.chain(rooms).collect()
    }

    /// The frames of a checkpoint of this state, a few at a time: each call of the result appends
    /// some and says whether more follow.
    pub fn checkpoint_frames(&self) -> impl FnMut(&mut Vec<u8>) -> bool {
        /// Enough to keep one write busy, little enough to stay in cache. Unit: bytes.
        const STRIDE: usize = 64 << 10;
        let events = self.events.values().flat_map(|placed| {
            let head = std::iter::once(Piece::Event(placed));
            let head = head.chain(placed.inventory.reservation_snapshots().map(Piece::Reservation));
            let head = head.chain(placed.inventory.purchase_snapshots().map(Piece::Purchase));
            head.chain(placed.inventory.passes_snapshots().map(Piece::Passes))
        });
        let rooms = self.rooms.values().flat_map(|room| {
            std::iter::once(Piece::Room(room)).chain(room.line_pieces().map(Piece::Line))
        });
        let mut parts = events.chain(rooms).chain(self.audit_log.entries().map(Piece::Audit));
        move |out| {
            let full = out.len() + STRIDE;
            for part in parts.by_ref() {
                match part {
                    Piece::Event(placed) => {
                        encode_event(out, placed.shard, &placed.inventory.snapshot());
                    }
                    Piece::Reservation(reservation) => encode_reservation(out, &reservation),
                    Piece::Purchase(purchase) => encode_purchase(out, &purchase),
                    Piece::Passes(passes) => encode_passes(out, &passes),
                    Piece::Room(room) => encode_room_head(out, &room.head()),
                    Piece::Line(piece) => encode_line(out, piece),
                    Piece::Audit(entry) => encode_audit_entry(out, entry),
                }
                if full <= out.len() {
                    return true;
                }
            }
            encode_totals(out, self.events.len() as u64, self.reservations(), self.digest().0);
            false
        }
    }
}

enum Piece<'a> {
    Event(&'a Placed),
    Reservation(crate::domain::inventory::ReservationSnapshot),
    Purchase(crate::domain::inventory::PurchaseSnapshot),
    Passes(crate::domain::inventory::PassesSnapshot),
    Room(&'a Room),
    Line(LinePiece),
    Audit(&'a AuditEntry),
}
