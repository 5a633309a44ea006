//! The outbox on a shelf in memory; `sled_journal` runs the same laws on a directory.

use super::*;
use crate::domain::time::UnixMillis;

const ID: LetterId = LetterId { event: EventNumber(7), entry: 12 };

fn outbox() -> (Outbox, Arc<MemoryShelf>) {
    let shelf = Arc::new(MemoryShelf::default());
    (Outbox::new(shelf.clone()), shelf)
}

fn letter(body_bytes: usize) -> Letter {
    Letter {
        event: "concert-a".to_owned(),
        kind: "booking.confirmed".to_owned(),
        body_bytes: u32::try_from(body_bytes).expect("small"),
        tries: 1,
        reason: "answered 500".to_owned(),
        state: LetterState::Resting { not_before: UnixMillis(5_000) },
    }
}

#[test]
fn a_letter_reads_back_whatever_its_length() {
    let (outbox, _) = outbox();
    for (entry, length) in (1..).zip([0, 1, 3_999, 4_000, 4_001, 8_000, 20_001]) {
        let id = LetterId { entry, ..ID };
        let body: Vec<u8> = (0..=255).cycle().take(length).collect();
        outbox.put(id, &letter(length), &body).expect("kept");
        assert_eq!(outbox.body(id).expect("there"), body);
        assert_eq!(outbox.letter(id).expect("there"), Some(letter(length)));
        outbox.remove(id).expect("removed");
        assert!(outbox.body(id).is_err());
    }
    assert_eq!(outbox.letters(None, 10, |_| true).expect("reads"), []);
}

#[test]
fn letters_come_in_the_order_of_their_ids_and_go_on_after_one() {
    let (outbox, _) = outbox();
    let ids = [(1, 9), (1, 10), (2, 1), (256, 1), (u64::MAX, u64::MAX)];
    let ids = ids.map(|(event, entry)| LetterId { event: EventNumber(event), entry });
    for id in ids.iter().rev() {
        outbox.put(*id, &letter(1), b"x").expect("kept");
    }
    let found = |after, limit| {
        let found = outbox.letters(after, limit, |_| true).expect("reads");
        found.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    assert_eq!(found(None, 10), ids);
    assert_eq!(found(None, 2), ids[..2]);
    assert_eq!(found(Some(ids[1]), 2), ids[2..4]);
    assert_eq!(found(Some(ids[4]), 2), []);
    assert_eq!(found(None, 0), []);
    let none = outbox.letters(None, 10, Letter::is_dead).expect("reads");
    assert_eq!(none, []);
}

#[test]
fn a_crash_between_its_writes_leaves_no_letter_without_its_body_and_no_body_for_ever() {
    for kept in 0..=4 {
        let (outbox, shelf) = outbox();
        shelf.fail_from_write(Some(kept + 1));
        let body = vec![b'x'; 9_000];
        let put = outbox.put(ID, &letter(body.len()), &body);
        assert_eq!(put.is_ok(), kept == 4, "three parts and a letter");
        shelf.fail_from_write(None);
        outbox.tidy().expect("tidies");
        match outbox.letter(ID).expect("reads") {
            Some(_) => assert_eq!(outbox.body(ID).expect("there"), body),
            None => assert!(shelf.get(Board::Bodies, &part_key(ID, 0)).expect("reads").is_none()),
        }
    }
}

#[test]
fn cursors_and_the_beginning_do_not_mix() {
    let (outbox, _) = outbox();
    assert_eq!(outbox.since().expect("reads"), None);
    outbox.set_since(Some(EventNumber(3))).expect("kept");
    for event in [1, 5_000_000, u64::MAX] {
        assert_eq!(outbox.cursor(EventNumber(event)).expect("reads"), None);
        outbox.set_cursor(EventNumber(event), event / 2).expect("kept");
    }
    let all: Vec<_> = outbox.cursors().expect("reads").into_iter().map(|(e, c)| (e.0, c)).collect();
    assert_eq!(all, [(1, 0), (5_000_000, 2_500_000), (u64::MAX, u64::MAX / 2)]);
    assert_eq!(outbox.since().expect("reads"), Some(EventNumber(3)));
    outbox.set_since(None).expect("kept");
    assert_eq!(outbox.since().expect("reads"), None);
}

#[test]
fn an_id_reads_what_it_writes_and_nothing_else() {
    assert_eq!(ID.to_string(), "w7-12");
    assert_eq!(LetterId::parse("w7-12"), Some(ID));
    for bad in ["", "w", "w7", "w7-", "w-12", "m7-12", "w07-12", "w7-+1", "w7-12-1", "w7-012"] {
        assert_eq!(LetterId::parse(bad), None, "{bad:?}");
    }
}

#[test]
fn letters_of_older_versions_of_this_program_read() {
    let dead = LetterState::Dead { given_up_at: UnixMillis(1_795_521_600_000) };
    let letters = [letter(300), Letter { state: dead, tries: 10, ..letter(1) }];
    let written: Vec<String> = letters.iter().map(|letter| hex::encode(letter.encode())).collect();
    assert_eq!(written, include_str!("golden_v1.txt").lines().collect::<Vec<_>>());
    for (letter, golden) in letters.iter().zip(written) {
        let bytes = hex::decode(golden).expect("hex");
        assert_eq!(Letter::decode(ID, &bytes).expect("reads"), *letter);
        for cut in 0..bytes.len() {
            assert!(Letter::decode(ID, &bytes[..cut]).is_err(), "cut at {cut}");
        }
    }
}
