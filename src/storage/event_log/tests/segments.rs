//! Segments: how many are kept, and what becomes of damaged ones. Damage is told, never passed on.

use super::*;
use crate::storage::event_log::segment::Segment;

#[test]
fn the_oldest_segments_go_when_there_are_too_many() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (journal, log) = on_disk(dir.path(), 20_000);
    let mut world = World::new(journal, 1);
    run(&mut world, &log, 200, 5);
    let on_disk_now: u64 = segments(dir.path()).iter().map(|path| length(path)).sum();
    assert_eq!(log.bytes(), on_disk_now);
    assert!((10_000..=20_000).contains(&on_disk_now), "{on_disk_now}");
    let (inventory, entries) = &world.events[&EventNumber(1)];
    let until = inventory.version();
    let LogError::Gone { oldest } = log.page(EventNumber(1), 0, until, 10).expect_err("gone")
    else {
        panic!("gone is gone")
    };
    assert!(1 < oldest && oldest < until);
    let mut after = oldest - 1;
    while after < until {
        let page = log.page(EventNumber(1), after, until, 100).expect("kept");
        assert_eq!(page[..], entries[after as usize..][..page.len()]);
        after += page.len() as u64;
    }
    let before = log.page(EventNumber(1), oldest - 2, until, 10).expect_err("gone");
    assert!(matches!(before, LogError::Gone { oldest: again } if again == oldest));
    drop(log);
    let journal = world.journal.reader();
    let log = EventLog::open(journal, dir.path().join("log"), 0).expect("opens");
    assert_eq!((log.bytes(), segments(dir.path()).len()), (0, 0), "0 keeps none");
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).expect("it is there").len()
}

#[test]
fn each_flipped_byte_and_each_cut_of_a_segment_is_refused_and_the_journal_is_still_told() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (journal, log) = on_disk(dir.path(), 1 << 30);
    let mut world = World::new(journal, 3);
    run(&mut world, &log, 3, 0);
    world.fold(&log);
    run(&mut world, &log, 3, 0);
    let path = segments(dir.path()).remove(0);
    let whole = fs::read(&path).expect("reads");
    let all = || -> Result<Vec<_>, LogError> {
        let events = world.events.iter();
        events.map(|(event, (state, _))| read_all(&log, *event, state.version())).collect()
    };
    let right: Vec<_> = world.events.values().map(|(_, entries)| entries.clone()).collect();
    assert_eq!(all().expect("whole"), right);
    for at in 0..whole.len() {
        let mut bad = whole.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&path, &bad).expect("writes");
        assert!(matches!(all(), Err(LogError::Segment { .. })), "byte {at}");
    }
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).expect("writes");
        assert!(matches!(all(), Err(LogError::Segment { .. })), "cut at {cut}");
        assert!(Segment::open(&path, 1).is_err(), "cut at {cut}");
    }
    // The damage is in the past: whoever follows is not kept from the present.
    for (event, (state, entries)) in &world.events {
        let after = entries.len() as u64 - 2;
        let page = log.page(*event, after, state.version(), 10).expect("in the journal");
        assert_eq!(page, entries[after as usize..]);
    }
    // Of another epoch it is no better.
    fs::write(&path, &whole).expect("writes");
    assert!(Segment::open(&path, 2).is_err());
    assert_eq!(all().expect("whole again"), right);
}

#[test]
fn segments_hold_no_contact_and_no_payment_token() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (journal, log) = on_disk(dir.path(), 1 << 30);
    let mut world = World::new(journal, 1);
    run(&mut world, &log, 2, 0);
    world.fold(&log);
    let bytes = fs::read(segments(dir.path()).remove(0)).expect("reads");
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("fan-1") && has("card"), "the test looks at nothing");
    assert!(!has("secret"));
    world.check(&log);
}

#[test]
fn what_a_crash_left_is_written_anew() {
    let dir = tempfile::tempdir().expect("temp dir");
    fs::create_dir_all(dir.path().join("log")).expect("a directory");
    for name in ["unfinished", "0000000000000001.segment", "nonsense"] {
        fs::write(dir.path().join("log").join(name), "left over").expect("writes");
    }
    let (journal, log) = on_disk(dir.path(), 1 << 30);
    let mut world = World::new(journal, 2);
    run(&mut world, &log, 4, 0);
    // The epoch is in the journal, so its segment is not looked at.
    world.check(&log);
    world.fold(&log);
    world.check(&log);
    assert!(!dir.path().join("log/unfinished").exists());
}

#[test]
fn a_segment_that_cannot_be_written_leaves_a_gap_that_is_told() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (journal, log) = on_disk(dir.path(), 1 << 30);
    let mut world = World::new(journal, 1);
    run(&mut world, &log, 3, 0);
    world.fold(&log);
    let first = world.events[&EventNumber(1)].0.version();
    run(&mut world, &log, 3, 0);
    // In the way of the next: a directory with something in it.
    let in_the_way = dir.path().join("log/unfinished");
    fs::create_dir_all(in_the_way.join("x")).expect("a directory");
    world.fold(&log);
    fs::remove_dir_all(in_the_way).expect("removes");
    let lost = world.events[&EventNumber(1)].0.version();
    run(&mut world, &log, 3, 0);
    world.fold(&log);
    run(&mut world, &log, 3, 0);
    let (inventory, entries) = &world.events[&EventNumber(1)];
    let until = inventory.version();
    let page = log.page(EventNumber(1), 0, until, 1_000).expect("kept");
    assert_eq!(page, entries[..first as usize]);
    for after in first..lost {
        let gone = log.page(EventNumber(1), after, until, 1_000).expect_err("lost");
        assert!(matches!(gone, LogError::Gone { oldest } if oldest == lost + 1), "{gone:?}");
    }
    let page = log.page(EventNumber(1), lost, until, 1_000).expect("kept");
    assert_eq!(page, entries[lost as usize..]);
}
