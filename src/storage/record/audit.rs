//! Version 1 of the records of the audit log, and of its entries in a checkpoint. Frozen.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Record, V1, kind};
use crate::domain::audit::{AuditEntry, AuditFact};
use crate::domain::time::UnixMillis;
use crate::storage::codec;
use crate::storage::frame::write_frame;

/// What happens to the audit log. Append only.
#[derive(Serialize, Deserialize)]
pub(super) enum Step {
    Begun(EntryV1),
    Ended { number: u64, outcome: String },
}

#[derive(Serialize, Deserialize)]
pub(super) struct EntryV1 {
    number: u64,
    at: u64,
    who: String,
    from: String,
    action: String,
    object: String,
    outcome: Option<String>,
}

pub fn encode_audit(out: &mut Vec<u8>, fact: &AuditFact) {
    let value = match fact {
        AuditFact::Begun(entry) => Step::Begun(EntryV1::from_domain(entry)),
        AuditFact::Ended { number, outcome } => {
            Step::Ended { number: *number, outcome: outcome.as_ref().to_owned() }
        }
    };
    write_frame(out, kind::AUDIT, V1, |out| codec::encode_into(out, &value));
}

/// An entry of a checkpoint.
pub fn encode_audit_entry(out: &mut Vec<u8>, entry: &AuditEntry) {
    let value = EntryV1::from_domain(entry);
    write_frame(out, kind::CHECKPOINT_AUDIT, V1, |out| codec::encode_into(out, &value));
}

impl Step {
    pub(super) fn into_domain(self) -> Record {
        Record::Audit(match self {
            Self::Begun(entry) => AuditFact::Begun(entry.into_domain()),
            Self::Ended { number, outcome } => AuditFact::Ended { number, outcome: outcome.into() },
        })
    }
}

impl EntryV1 {
    fn from_domain(entry: &AuditEntry) -> Self {
        let text = |text: &Arc<str>| text.as_ref().to_owned();
        Self {
            number: entry.number,
            at: entry.at.0,
            who: text(&entry.who),
            from: text(&entry.from),
            action: text(&entry.action),
            object: text(&entry.object),
            outcome: entry.outcome.as_ref().map(text),
        }
    }

    pub(super) fn into_domain(self) -> AuditEntry {
        AuditEntry {
            number: self.number,
            at: UnixMillis(self.at),
            who: self.who.into(),
            from: self.from.into(),
            action: self.action.into(),
            object: self.object.into(),
            outcome: self.outcome.map(Arc::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::books::Books;
    use crate::storage::frame::{Frame, read_frames};
    use crate::storage::record::{CheckpointPart, RecordError, decode, decode_entry, event_told};

    fn entry(number: u64, outcome: Option<&str>) -> AuditEntry {
        AuditEntry {
            number,
            at: UnixMillis(1_700_000_000_000),
            who: "key:ab12cd34".into(),
            from: "2001:db8::1".into(),
            action: "amend_event".into(),
            object: "events/concert-a".into(),
            outcome: outcome.map(Arc::from),
        }
    }

    fn first_frame(bytes: &[u8]) -> Frame<'_> {
        read_frames(bytes).next().unwrap().unwrap()
    }

    #[test]
    fn the_bytes_of_the_audit_log_never_change() {
        let mut found = Vec::new();
        let ended = AuditFact::Ended { number: 300, outcome: "version_mismatch".into() };
        for fact in [AuditFact::Begun(entry(300, None)), ended] {
            let mut out = Vec::new();
            encode_audit(&mut out, &fact);
            let frame = first_frame(&out);
            assert_eq!(event_told(&frame).unwrap(), None, "it is in no event's log");
            assert_eq!(decode_entry(&frame).unwrap(), None);
            assert_eq!(decode(&frame).unwrap(), Record::Audit(fact));
            found.push(hex::encode(&out));
        }
        for entry in [entry(1, Some("done")), entry(2, None)] {
            let mut out = Vec::new();
            encode_audit_entry(&mut out, &entry);
            let part = CheckpointPart::decode(&first_frame(&out)).unwrap();
            let CheckpointPart::Audit(back) = part else { panic!("{part:?}") };
            assert_eq!(back, entry);
            found.push(hex::encode(&out));
        }
        let golden: Vec<&str> = include_str!("golden_audit_v1.txt").lines().collect();
        assert_eq!(found, golden, "old journals would not read; now:\n{}", found.join("\n"));
    }

    #[test]
    fn a_step_that_nobody_knows_is_refused() {
        let frame = Frame { kind: kind::AUDIT, version: V1, payload: &[2, 0] };
        assert!(matches!(decode(&frame), Err(RecordError::Malformed { .. })));
        let frame = Frame { kind: kind::AUDIT, version: 2, payload: &[] };
        assert!(matches!(decode(&frame), Err(RecordError::Unknown { .. })));
    }

    #[test]
    fn a_checkpoint_keeps_the_log_and_notices_a_missing_entry() {
        let mut books = Books::default();
        let empty = books.digest();
        for number in 1..=3 {
            books.fold(Record::Audit(AuditFact::Begun(entry(number, None)))).unwrap();
        }
        let ended = AuditFact::Ended { number: 2, outcome: "done".into() };
        books.fold(Record::Audit(ended)).unwrap();
        assert_ne!(books.digest(), empty);
        let (mut out, mut frames) = (Vec::new(), books.checkpoint_frames());
        while frames(&mut out) {}
        let read = |skipped: Option<usize>| {
            let mut back = Books::default();
            for (at, frame) in read_frames(&out).enumerate() {
                if Some(at) != skipped {
                    back.restore(CheckpointPart::decode(&frame.unwrap()).unwrap())?;
                }
            }
            Ok::<_, crate::storage::recovery::RecoveryError>(back)
        };
        let back = read(None).unwrap();
        assert_eq!((back.digest(), &back.audit_log), (books.digest(), &books.audit_log));
        assert!((0..3).all(|at| read(Some(at)).is_err()), "the totals miss nothing");
    }
}
