//! Very many fans: through the rules, the records, a checkpoint and back.

use onsale::domain::ids::{EventNumber, ShardId};
use onsale::domain::time::UnixMillis;
use onsale::domain::waiting_room::{
    Arrange, FANS_PER_PIECE, Join, Method, Room, RoomCommand, RoomDecision, RoomFact, TickInput,
    apply, create, decide, tick,
};
use onsale::storage::books::Books;
use onsale::storage::frame::read_frames;
use onsale::storage::record::{CheckpointPart, decode, encode_created, encode_room};

use crate::world::created;

const EVENT: EventNumber = EventNumber(1);
/// A million where that takes seconds, not a minute; several pieces in any case.
const FANS: u64 = if cfg!(debug_assertions) { 200_000 } else { 1_000_000 };

/// A sealed room of [`FANS`], built by the records of its journal.
fn books() -> Books {
    let now = UnixMillis(1_000_000);
    let doors = UnixMillis(2_000_000);
    let ask = Arrange {
        method: Some(Method::Draw),
        doors_at: Some(onsale::domain::inventory::Change::To(doors)),
        ..Arrange::nothing([5; 64])
    };
    let first = create(&ask, now).expect("in bounds");
    let mut room = Room::arranged(EVENT, &first).expect("it brings keys");
    let mut books = Books::default();
    let mut bytes = Vec::new();
    encode_created(&mut bytes, ShardId(0), &created());
    encode_room(&mut bytes, EVENT, &RoomFact::Arranged(Box::new(first)));
    let mut happen = |room: &mut Room, fact: &RoomFact| {
        encode_room(&mut bytes, EVENT, fact);
        apply(room, fact, |_| ());
        if 1 << 20 <= bytes.len() {
            fold(&mut books, &bytes);
            bytes.clear();
        }
    };
    for who in 0..FANS {
        let fingerprint = who.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let join = RoomCommand::Join(Join { fingerprint, code: None, suspect: who % 100 == 0 });
        match decide(&room, &join, now) {
            Ok(RoomDecision::Happens(fact)) => happen(&mut room, &fact),
            other => panic!("{other:?}"),
        }
    }
    let input = TickInput { heard: None, absent: &|_| false, tokens: 0, calm: false };
    for fact in tick(&room, &input, doors) {
        happen(&mut room, &fact);
    }
    fold(&mut books, &bytes);
    assert_eq!(books.rooms[&EVENT].digest(), room.digest(), "INV-6");
    books
}

fn fold(books: &mut Books, bytes: &[u8]) {
    for frame in read_frames(bytes) {
        books.fold(decode(&frame.expect("whole")).expect("understood")).expect("folds");
    }
}

#[test]
fn very_many_fans_are_written_and_read_in_pieces() {
    let books = books();
    let mut frames = books.checkpoint_frames();
    let mut restored = Books::default();
    let (mut pieces, mut largest, mut more) = (0, 0, true);
    while more {
        let mut bytes = Vec::new();
        more = frames(&mut bytes);
        for frame in read_frames(&bytes) {
            let frame = frame.expect("whole");
            largest = largest.max(frame.payload.len());
            let part = CheckpointPart::decode(&frame).expect("understood");
            pieces += u64::from(matches!(part, CheckpointPart::Line(_)));
            // The totals at the end carry the digest.
            restored.restore(part).expect("adds up");
        }
    }
    assert_eq!(pieces, FANS.div_ceil(u64::from(FANS_PER_PIECE)));
    assert!(largest < 2 << 20, "a frame of {largest} bytes");
    assert_eq!(restored.audit(), []);
    let (room, back) = (&books.rooms[&EVENT], &restored.rooms[&EVENT]);
    assert_eq!(back.line().cursor(), room.line().cursor());
    assert_eq!(back.line().find(0x9e37_79b9_7f4a_7c15), Some(1));
}

#[test]
fn a_checkpoint_that_lacks_a_piece_or_has_a_foreign_one_is_refused() {
    let books = small();
    let (mut frames, mut bytes) = (books.checkpoint_frames(), Vec::new());
    while frames(&mut bytes) {}
    let frames: Vec<_> = read_frames(&bytes).map(|frame| frame.expect("whole")).collect();
    let restores = |skip: Option<usize>, again: Option<usize>| {
        let mut restored = Books::default();
        let all = frames.iter().enumerate().flat_map(|(at, frame)| {
            let times = usize::from(skip != Some(at)) + usize::from(again == Some(at));
            std::iter::repeat_n(frame, times)
        });
        let mut parts = all.map(|frame| CheckpointPart::decode(frame).expect("understood"));
        parts.try_for_each(|part| restored.restore(part)).is_ok()
    };
    assert!(restores(None, None));
    for at in 0..frames.len() - 1 {
        assert!(!restores(Some(at), None), "without frame {at}");
    }
    for at in 1..frames.len() - 1 {
        assert!(!restores(None, Some(at)), "frame {at} twice");
    }
}

/// One event without reservations and its room of ten.
fn small() -> Books {
    let now = UnixMillis(1_000_000);
    let first = create(&Arrange::nothing([5; 64]), now).expect("in bounds");
    let mut bytes = Vec::new();
    encode_created(&mut bytes, ShardId(0), &created());
    let mut room = Room::arranged(EVENT, &first).expect("it brings keys");
    encode_room(&mut bytes, EVENT, &RoomFact::Arranged(Box::new(first)));
    for who in 0..10 {
        let join = RoomCommand::Join(Join { fingerprint: who, code: None, suspect: false });
        let Ok(RoomDecision::Happens(fact)) = decide(&room, &join, now) else { panic!("{who}") };
        encode_room(&mut bytes, EVENT, &fact);
        apply(&mut room, &fact, |_| ());
    }
    let mut books = Books::default();
    fold(&mut books, &bytes);
    books
}

#[test]
fn a_fact_of_a_room_that_was_never_made_is_refused() {
    let mut bytes = Vec::new();
    encode_created(&mut bytes, ShardId(0), &created());
    let mut books = Books::default();
    fold(&mut books, &bytes);
    let woken = RoomFact::Woken { at: UnixMillis(1) };
    for event in [EVENT, EventNumber(2)] {
        let mut bytes = Vec::new();
        encode_room(&mut bytes, event, &woken);
        let frame = read_frames(&bytes).next().expect("one").expect("whole");
        assert!(books.fold(decode(&frame).expect("understood")).is_err());
    }
}
