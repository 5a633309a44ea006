//! Where each event's frames stand in the epochs of the journal, learnt by those who read logs and by
//! nobody else: every frame is looked at once, however many read, and never when nobody does.
//!
//! Bounds: 8 bytes for each value of the journal that holds frames of an event, times the events in it,
//! and some 64 for each event of an epoch; gone with the epoch. A value has 4 KiB, so one event that sells
//! alone takes 128 KiB for an epoch of 64 MiB.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use super::LogError;
use crate::domain::ids::EventNumber;
use crate::storage::frame::Frame;
use crate::storage::journal::{JournalReader, Position};
use crate::storage::record::{decode_entry, event_told};

#[derive(Default)]
pub(super) struct Places {
    epochs: BTreeMap<u64, Learnt>,
}

#[derive(Default)]
struct Learnt {
    /// The first value that was not looked at.
    next_key: u64,
    events: HashMap<EventNumber, Place>,
}

/// One event in one epoch.
struct Place {
    /// Number of its first entry there.
    first: u64,
    /// Values in which frames of it begin, ascending.
    keys: Vec<u64>,
}

impl Places {
    /// Looks at what came since. `epochs` are those of the journal, which the caller holds.
    ///
    /// # Errors
    /// [`LogError::Journal`], [`LogError::Record`].
    pub fn learn(&mut self, reader: &dyn JournalReader, epochs: &[u64]) -> Result<(), LogError> {
        self.epochs.retain(|epoch, _| epochs.contains(epoch));
        for epoch in epochs {
            let learnt = self.epochs.entry(*epoch).or_default();
            if let Err(error) = learnt.learn(reader, *epoch) {
                // What it knows may be half of it.
                self.epochs.remove(epoch);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Number of the event's first entry in the journal.
    pub fn first(&self, event: EventNumber) -> Option<u64> {
        let mut places = self.epochs.values().filter_map(|learnt| learnt.events.get(&event));
        places.next().map(|place| place.first)
    }

    /// The values that hold the event's entries from `number` on, at most `limit`; the first may begin
    /// with some before it.
    ///
    /// # Errors
    /// As [`Places::learn`].
    pub fn from(
        &self,
        reader: &dyn JournalReader,
        event: EventNumber,
        number: u64,
        limit: usize,
    ) -> Result<Vec<Position>, LogError> {
        let places = self.epochs.iter();
        let places =
            places.filter_map(|(epoch, learnt)| Some((*epoch, learnt.events.get(&event)?)));
        let places: Vec<(u64, &Place)> = places.collect();
        let begun = places.partition_point(|(_, place)| place.first <= number);
        let mut positions = Vec::new();
        for (epoch, place) in places.into_iter().skip(begun.saturating_sub(1)) {
            // Later epochs are read from their beginning.
            let skipped = match positions.is_empty() {
                true => place.before(reader, event, epoch, number)?,
                false => 0,
            };
            let keys = place.keys.iter().skip(skipped).map(|key| Position { epoch, key: *key });
            positions.extend(keys.take(limit - positions.len()));
            if positions.len() == limit {
                break;
            }
        }
        Ok(positions)
    }
}

impl Learnt {
    fn learn(&mut self, reader: &dyn JournalReader, epoch: u64) -> Result<(), LogError> {
        let from = Position { epoch, key: self.next_key };
        let events = &mut self.events;
        self.next_key = each(reader, from, |key, frame| {
            let Some(event) = event_told(frame)? else { return Ok(ControlFlow::Continue(())) };
            if let Some(place) = events.get_mut(&event) {
                if place.keys.last() != Some(&key) {
                    place.keys.push(key);
                }
            } else if let Some(entry) = decode_entry(frame)? {
                events.insert(event, Place { first: entry.number, keys: vec![key] });
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(())
    }
}

impl Place {
    /// How many values need not be read for the entries from `number` on.
    fn before(
        &self,
        reader: &dyn JournalReader,
        event: EventNumber,
        epoch: u64,
        number: u64,
    ) -> Result<usize, LogError> {
        let (mut low, mut high) = (0, self.keys.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let position = Position { epoch, key: self.keys[middle] };
            if first_at(reader, event, position)?.is_some_and(|first| first <= number) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low.saturating_sub(1))
    }
}

/// Number of the event's first entry in this value.
fn first_at(
    reader: &dyn JournalReader,
    event: EventNumber,
    at: Position,
) -> Result<Option<u64>, LogError> {
    let mut first = None;
    each(reader, at, |key, frame| {
        if key != at.key {
            return Ok(ControlFlow::Break(()));
        }
        if event_told(frame)? != Some(event) {
            return Ok(ControlFlow::Continue(()));
        }
        first = decode_entry(frame)?.map(|entry| entry.number);
        Ok(ControlFlow::Break(()))
    })?;
    Ok(first)
}

/// Hands each frame from `from` on to `take` until it breaks or fails, and keeps the reason. Gives the key
/// to go on from.
pub(super) fn each(
    reader: &dyn JournalReader,
    from: Position,
    mut take: impl FnMut(u64, &Frame<'_>) -> Result<ControlFlow<()>, LogError>,
) -> Result<u64, LogError> {
    let mut failed = None;
    let next = reader.read_epoch_from(from, &mut |key, frame| {
        Ok(take(key, &frame).unwrap_or_else(|error| {
            failed = Some(error);
            ControlFlow::Break(())
        }))
    })?;
    failed.map_or(Ok(next), Err)
}
