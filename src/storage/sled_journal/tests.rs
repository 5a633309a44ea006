//! The journal on a real directory.

use std::ops::ControlFlow;

use super::*;
use crate::storage::frame::write_frame;

fn frame(number: u32, bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    write_frame(&mut out, 1, 1, |out| {
        out.extend_from_slice(&number.to_le_bytes());
        out.resize(out.len() + bytes, 7);
    });
    out
}

fn open(dir: &Path) -> SledJournal {
    SledJournal::open(dir).expect("opens").0
}

fn numbers(journal: &SledJournal) -> Vec<u32> {
    let mut found = Vec::new();
    let mut visit = |frame: crate::storage::frame::Frame<'_>| {
        found.push(u32::from_le_bytes(frame.payload[..4].try_into().expect("four")));
        Ok(())
    };
    let reader = journal.reader();
    if let Some(epoch) = reader.checkpoint_epoch().expect("reads") {
        reader.read_checkpoint(epoch, &mut visit).expect("reads");
    }
    for epoch in reader.epochs().expect("reads") {
        reader.read_epoch(epoch, &mut visit).expect("reads");
    }
    found
}

#[test]
fn what_was_appended_is_there_again_whatever_its_size() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut journal = open(dir.path());
    for n in 0..100 {
        let size = [10, 100, 4_080, 4_090, 9_000, 100_000][n as usize % 6];
        journal.append(&[&frame(n, size), &frame(1_000 + n, 1)]).expect("appends");
    }
    let expected: Vec<u32> = (0..100).flat_map(|n| [n, 1_000 + n]).collect();
    assert_eq!(numbers(&journal), expected);
    drop(journal);
    assert_eq!(numbers(&open(dir.path())), expected);
}

/// It began at nothing, so a server that restarted often folded late or never.
#[test]
fn what_an_epoch_holds_is_counted_over_restarts() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut journal = open(dir.path());
    for n in 0..3 {
        journal.append(&[&frame(n, 10), &frame(n, 9_000)]).expect("appends");
        let counted = journal.epoch_bytes();
        assert_eq!(counted, (u64::from(n) + 1) * (9_010 + 2 * 14));
        drop(journal);
        journal = open(dir.path());
        assert_eq!(journal.epoch_bytes(), counted);
    }
    // What was torn does not count, nor does the epoch before.
    let counted = journal.epoch_bytes();
    journal.put(&[&frame(9, 20_000)]).expect("puts");
    journal.tree.remove(journal.position.key.to_be_bytes()).expect("tears");
    drop(journal);
    let mut journal = open(dir.path());
    assert_eq!(journal.epoch_bytes(), counted);
    journal.rotate().expect("rotates");
    drop(journal);
    assert_eq!(open(dir.path()).epoch_bytes(), 0);
}

#[test]
fn a_checkpoint_replaces_the_epochs_before_it() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut journal = open(dir.path());
    journal.append(&[&frame(1, 10)]).expect("appends");
    assert_eq!(journal.rotate().expect("rotates"), 2);
    journal.append(&[&frame(2, 10)]).expect("appends");
    let reader = journal.reader();
    let mut once = |out: &mut Vec<u8>| {
        out.extend(frame(50, 5_000));
        false
    };
    reader.write_checkpoint(1, &mut once).expect("writes");
    assert_eq!(numbers(&journal), [50, 2]);
    drop((reader, journal));
    let mut journal = open(dir.path());
    assert_eq!(numbers(&journal), [50, 2]);
    journal.append(&[&frame(3, 10)]).expect("appends");
    assert_eq!(numbers(&journal), [50, 2, 3]);
}

#[test]
fn an_unfinished_checkpoint_is_as_if_it_never_was() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut journal = open(dir.path());
    journal.append(&[&frame(1, 10)]).expect("appends");
    journal
        .reader
        .tree(CHECKPOINT, 1)
        .expect("tree")
        .insert(1_u64.to_be_bytes(), b"x")
        .expect("put");
    drop(journal);
    let journal = open(dir.path());
    assert_eq!(numbers(&journal), [1]);
    assert!(journal.reader.numbers(CHECKPOINT).is_empty());
}

#[test]
fn a_torn_record_that_nobody_was_told_of_is_dropped() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut journal = open(dir.path());
    journal.append(&[&frame(1, 10)]).expect("appends");
    // The writer dies between the parts of a long record, before its sync and its watermark.
    journal.put(&[&frame(2, 20_000)]).expect("puts");
    journal.tree.remove(journal.position.key.to_be_bytes()).expect("tears");
    drop(journal);
    let (journal, report) = SledJournal::open(dir.path()).expect("opens");
    assert_eq!(report.torn_values_dropped, 4);
    assert_eq!(numbers(&journal), [1]);
}

#[test]
fn a_journal_that_ends_before_what_was_acknowledged_is_refused() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut journal = open(dir.path());
    for n in 1..=3 {
        journal.append(&[&frame(n, 10)]).expect("appends");
    }
    journal.tree.remove(3_u64.to_be_bytes()).expect("loses");
    drop(journal);
    let refused = SledJournal::open(dir.path()).err().expect("refused");
    assert!(matches!(refused, OpenError::AcknowledgedRecordsMissing { .. }), "{refused}");
}

#[test]
fn a_value_missing_in_the_middle_is_refused() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut journal = open(dir.path());
    for n in 1..=3 {
        journal.append(&[&frame(n, 10)]).expect("appends");
    }
    journal.tree.remove(2_u64.to_be_bytes()).expect("loses");
    drop(journal);
    assert!(SledJournal::open(dir.path()).is_err());
}

#[test]
fn a_directory_has_one_owner() {
    let dir = tempfile::tempdir().expect("temp dir");
    let _owner = open(dir.path());
    let refused = SledJournal::open(dir.path()).err().expect("refused");
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
}

#[test]
fn leftovers_of_an_interrupted_snapshot_do_no_harm() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut journal = open(dir.path());
    journal.append(&[&frame(1, 10)]).expect("appends");
    drop(journal);
    std::fs::write(dir.path().join("snap.00000000000000FF.generating"), b"").expect("writes");
    assert_eq!(numbers(&open(dir.path())), [1]);
}

#[test]
fn an_outbox_survives_folding_and_restarts_and_changes_nothing_of_the_journal() {
    use crate::domain::ids::EventNumber;
    use crate::domain::time::UnixMillis;
    use crate::storage::outbox::{Letter, LetterId, LetterState};
    let dir = tempfile::tempdir().expect("temp dir");
    let mut journal = open(dir.path());
    let id = LetterId { event: EventNumber(1), entry: 2 };
    let body = vec![b'x'; 20_000];
    let letter = Letter {
        event: "a".to_owned(),
        kind: "booking.created".to_owned(),
        body_bytes: 20_000,
        tries: 1,
        reason: String::new(),
        state: LetterState::Resting { not_before: UnixMillis(1) },
    };
    journal.append(&[&frame(1, 10)]).expect("appends");
    assert!(journal.outbox_if_any(1).expect("reads").is_none());
    let outbox = journal.outbox(1).expect("opens");
    assert!(journal.outbox_if_any(1).expect("reads").is_some());
    outbox.put(id, &letter, &body).expect("kept");
    outbox.set_cursor(EventNumber(1), 2).expect("kept");
    assert_eq!(journal.outbox(2).expect("opens").cursors().expect("reads"), [], "another's");
    journal.rotate().expect("rotates");
    journal.append(&[&frame(2, 10)]).expect("appends");
    let mut once = |out: &mut Vec<u8>| {
        out.extend(frame(50, 5_000));
        false
    };
    journal.reader().write_checkpoint(1, &mut once).expect("writes");
    drop((outbox, journal));
    let (journal, report) = SledJournal::open(dir.path()).expect("opens");
    assert_eq!((report, numbers(&journal)), (OpenReport::default(), vec![50, 2]));
    let outbox = journal.outbox(1).expect("opens");
    assert_eq!(outbox.cursor(EventNumber(1)).expect("reads"), Some(2));
    assert_eq!(outbox.letters(None, 9, |_| true).expect("reads"), [(id, letter)]);
    assert_eq!(outbox.body(id).expect("reads"), body);
    outbox.remove(id).expect("removed");
    outbox.sync().expect("syncs");
    drop((outbox, journal));
    let outbox = open(dir.path()).outbox(1).expect("opens");
    assert_eq!(outbox.letters(None, 9, |_| true).expect("reads"), []);
}

fn from(journal: &SledJournal, key: u64, most: usize) -> (Vec<(u64, u32)>, u64) {
    let mut found = Vec::new();
    let from = Position { epoch: 1, key };
    let next = journal.reader().read_epoch_from(from, &mut |key, frame| {
        found.push((key, u32::from_le_bytes(frame.payload[..4].try_into().expect("four"))));
        Ok(if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    });
    (found, next.expect("reads"))
}

#[test]
fn an_epoch_reads_on_from_every_key_at_which_a_frame_begins() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut journal = open(dir.path());
    let (mut whole, mut next) = (Vec::new(), 0);
    for n in 0..60 {
        let size = [10, 100, 4_080, 4_090, 9_000, 100_000][n as usize % 6];
        journal.append(&[&frame(n, size), &frame(1_000 + n, 1)]).expect("appends");
        if n % 7 == 0 {
            // Whoever follows sees each frame once.
            let (more, on) = from(&journal, next, usize::MAX);
            whole.extend(more);
            next = on;
        }
    }
    whole.extend(from(&journal, next, usize::MAX).0);
    let expected: Vec<u32> = (0..60).flat_map(|n| [n, 1_000 + n]).collect();
    assert_eq!(whole.iter().map(|(_, n)| *n).collect::<Vec<_>>(), expected);
    for (at, (key, _)) in whole.iter().enumerate() {
        let first = whole[..at].iter().filter(|(before, _)| before < key).count();
        assert_eq!(from(&journal, *key, usize::MAX).0, whole[first..]);
        let three = &whole[first..whole.len().min(first + 3)];
        assert_eq!(from(&journal, *key, 3).0, three);
    }
}

#[test]
fn a_frame_that_is_not_whole_yet_is_read_from_its_beginning_later() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut journal = open(dir.path());
    journal.append(&[&frame(1, 10), &frame(2, 9_000)]).expect("appends");
    let last = journal.position.key;
    let tail = journal.tree.remove(last.to_be_bytes()).expect("removes").expect("was there");
    let (found, next) = from(&journal, 0, usize::MAX);
    assert_eq!((found, next), (vec![(1, 1)], 2));
    journal.tree.insert(last.to_be_bytes(), tail).expect("inserts");
    assert_eq!(from(&journal, next, usize::MAX), (vec![(2, 2)], last + 1));
}
