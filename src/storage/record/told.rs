//! Version 3 of every fact: an older shape, and what an event's log tells beside it. Frozen, like the
//! shapes inside of it.

use serde::de::DeserializeOwned;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};

use super::v1::{lines_in, lines_out};
use super::{Record, RecordError, V3, parse};
use crate::domain::ids::ReservationId;
use crate::domain::inventory::{Fact, Lines, ReservationName};
use crate::storage::codec;
use crate::storage::frame::{Frame, write_frame};

#[derive(Deserialize)]
struct Told<T> {
    fact: T,
    version: u64,
    names: Vec<Name>,
}

#[derive(Deserialize)]
struct Name {
    salt: u32,
    is_booking: bool,
    /// Empty: not told.
    lines: Vec<(u16, u32)>,
}

/// Writes what [`Told`] reads, without copying anything.
#[derive(Serialize)]
struct ToldOut<'a, T> {
    fact: T,
    version: u64,
    #[serde(serialize_with = "names_out")]
    names: &'a [ReservationName],
}

#[derive(Serialize)]
struct NameOut<'a> {
    salt: u32,
    is_booking: bool,
    #[serde(serialize_with = "told_lines_out")]
    lines: Option<&'a Lines>,
}

/// What a frame tells beside its fact.
pub(super) struct Telling {
    /// The event's version after the fact.
    pub version: u64,
    names: Vec<Name>,
}

pub(super) fn write<T: Serialize>(
    out: &mut Vec<u8>,
    kind: u8,
    fact: T,
    version: u64,
    names: &[ReservationName],
) {
    write_as(out, (kind, V3), fact, version, names);
}

/// As a frame of this kind and version, for shapes of which there is more than one that tells.
pub(super) fn write_as<T: Serialize>(
    out: &mut Vec<u8>,
    (kind, as_version): (u8, u8),
    fact: T,
    version: u64,
    names: &[ReservationName],
) {
    let told = ToldOut { fact, version, names };
    write_frame(out, kind, as_version, |out| codec::encode_into(out, &told));
}

pub(super) fn read<T: DeserializeOwned>(
    frame: &Frame<'_>,
    into_domain: impl FnOnce(T) -> Result<Record, RecordError>,
) -> Result<(Record, Option<Telling>), RecordError> {
    let Told { fact, version, names } = parse(frame)?;
    Ok((into_domain(fact)?, Some(Telling { version, names })))
}

impl Telling {
    /// One for each reservation that the fact names.
    pub(super) fn names(self, kind: u8, fact: &Fact) -> Result<Vec<ReservationName>, RecordError> {
        let sequences = fact.sequences();
        if sequences.len() != self.names.len() {
            return Err(RecordError::Impossible { kind, field: "number of names" });
        }
        let names = sequences.iter().zip(self.names).map(|(sequence, name)| {
            let lines = if name.lines.is_empty() { None } else { Some(name.lines) };
            Ok(ReservationName {
                id: ReservationId { sequence: *sequence, salt: name.salt },
                is_booking: name.is_booking,
                lines: lines.map(|lines| lines_in(kind, lines)).transpose()?,
            })
        });
        names.collect()
    }
}

fn names_out<S: Serializer>(names: &&[ReservationName], to: S) -> Result<S::Ok, S::Error> {
    let mut seq = to.serialize_seq(Some(names.len()))?;
    for name in *names {
        let lines = name.lines.as_ref();
        seq.serialize_element(&NameOut { salt: name.id.salt, is_booking: name.is_booking, lines })?;
    }
    seq.end()
}

fn told_lines_out<S: Serializer>(lines: &Option<&Lines>, to: S) -> Result<S::Ok, S::Error> {
    match lines {
        Some(lines) => lines_out(lines, to),
        None => to.serialize_seq(Some(0))?.end(),
    }
}
