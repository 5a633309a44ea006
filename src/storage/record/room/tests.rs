//! Every shape of a waiting room on disk reads back, and its bytes never change.

use super::*;
use crate::domain::waiting_room::{LinePiece, RoomHead, Totals};
use crate::storage::frame::{Frame, HEADER, read_frames};
use crate::storage::record::{CheckpointPart, decode};

const EVENT: EventNumber = EventNumber(77);
const AT: UnixMillis = UnixMillis(1_700_000_000_000);

fn terms(mode: RoomMode, method: Method, ending: Ending) -> Arc<RoomTerms> {
    Arc::new(RoomTerms {
        mode,
        method,
        doors_at: Some(UnixMillis(1_700_000_600_000)),
        rate_per_minute: 601,
        active_max: 1_001,
        pass_seconds: 121,
        return_seconds: 602,
        absent_seconds: 61,
        units_per_pass_hundredths: 250,
        auto_per_second: 99,
        paused: true,
        ending,
        message: Some("Gleich geht es los".into()),
        challenge: true,
        beacon: Some("drand round 7".into()),
        beacon_value: Some("c0ffee".into()),
        codes: vec![
            CodeTerms { digest: [1; 16], uses_max: None },
            CodeTerms { digest: [2; 16], uses_max: Some(300) },
        ],
        awake: true,
        revision: 300,
    })
}

fn keys() -> RoomKeys {
    RoomKeys { token: [3; 32], secret: [4; 32] }
}

fn sealed(method: Method) -> Sealed {
    Sealed { method, root: [5; 32], count: 70_000, beacon: Some("c0ffee".into()), at: AT }
}

fn facts() -> Vec<RoomFact> {
    let (number, later) = (70_000, UnixMillis(AT.0 + 1_000));
    let numbers = || vec![0, 250, 251, 70_000];
    let joined = |tier, code| {
        RoomFact::Joined(Joined { fingerprint: 0x0123_4567_89ab_cdef, tier, code, at: AT })
    };
    let arranged = |terms, keys| RoomFact::Arranged(Box::new(Arranged { terms, keys, at: AT }));
    vec![
        joined(Tier::General, None),
        joined(Tier::Priority, Some(300)),
        joined(Tier::Suspect, None),
        RoomFact::Left { number, frees_at: later, at: AT },
        RoomFact::Admitted(Admitted {
            numbers: numbers(),
            skipped: vec![1],
            shopping: 12,
            expires_at: later,
            return_until: later,
            at: AT,
        }),
        RoomFact::Used { numbers: numbers(), heard: 70_000, at: AT },
        RoomFact::Lapsed { numbers: numbers(), return_until: later, at: AT },
        RoomFact::Returned { number, at: AT },
        arranged(terms(RoomMode::Off, Method::Draw, Ending::None), Some(keys())),
        arranged(terms(RoomMode::On, Method::Passthrough, Ending::Drain), None),
        arranged(terms(RoomMode::Auto, Method::Reject, Ending::Close), None),
        arranged(Arc::new(RoomTerms::default()), None),
        RoomFact::Sealed(sealed(Method::Draw)),
        RoomFact::Sealed(Sealed { beacon: None, ..sealed(Method::Fifo) }),
        RoomFact::Sealed(sealed(Method::Random)),
        RoomFact::Promoted { number, code: 1, at: AT },
        RoomFact::Drained { at: AT },
        RoomFact::Woken { at: AT },
        RoomFact::Rested { at: AT },
    ]
}

fn heads() -> Vec<RoomHead> {
    let first = RoomHead {
        event: EVENT,
        terms: terms(RoomMode::On, Method::Random, Ending::None),
        keys: keys(),
        sealed: Some(sealed(Method::Random)),
        drained: true,
        codes_used: vec![5, 300],
        version: 90_000,
        latest: AT,
        heard: 70_000,
        totals: Totals {
            joined: 1,
            priority: 2,
            suspects: 3,
            admitted: 4,
            used: 5,
            lapsed: 6,
            skipped: 7,
            returned: 8,
            left: 9,
            inversions: 10,
        },
        base: 300,
        cursor: 301,
        returns: 302,
        lots: Some(([1, 2, 3], [4, 5])),
    };
    let second = RoomHead { sealed: None, lots: None, ..first.clone() };
    vec![first, second]
}

fn piece() -> LinePiece {
    LinePiece {
        event: EVENT,
        from: 65_536,
        fingerprints: vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
        cells: vec![0b0000_1000, 0b0010_1100],
        slots: vec![0, 0, 1, 0, 255, 255, 255, 255],
        order: vec![1, 0, 0, 0],
    }
}

fn first_frame(bytes: &[u8]) -> Frame<'_> {
    read_frames(bytes).next().unwrap().unwrap()
}

#[test]
fn the_bytes_of_waiting_rooms_never_change() {
    let mut found = Vec::new();
    for fact in facts() {
        let mut out = Vec::new();
        encode_room(&mut out, EVENT, &fact);
        assert_eq!(decode(&first_frame(&out)).unwrap(), Record::Room { event: EVENT, fact });
        found.push(hex::encode(&out));
    }
    for head in heads() {
        let mut out = Vec::new();
        encode_room_head(&mut out, &head);
        let part = CheckpointPart::decode(&first_frame(&out)).unwrap();
        let CheckpointPart::Room(back) = part else { panic!("{part:?}") };
        assert_eq!(*back, head);
        found.push(hex::encode(&out));
    }
    let mut out = Vec::new();
    encode_line(&mut out, piece());
    let part = CheckpointPart::decode(&first_frame(&out)).unwrap();
    let CheckpointPart::Line(back) = part else { panic!("{part:?}") };
    assert_eq!(back, piece());
    found.push(hex::encode(&out));
    let golden: Vec<&str> = include_str!("../golden_room_v1.txt").lines().collect();
    assert_eq!(found, golden, "old journals would not read; written now:\n{}", found.join("\n"));
}

#[test]
fn a_join_is_small() {
    let mut out = Vec::new();
    encode_room(&mut out, EVENT, &facts()[0]);
    assert!(out.len() <= HEADER + 22, "{} bytes", out.len());
}

#[test]
fn numbers_that_mean_nothing_are_refused() {
    // Where in each payload stands a number that may not be 9.
    let cases = [(0, 10, "tier"), (12, 2, "method"), (11, 2, "mode"), (11, 3, "method")];
    for (fact, at, field) in cases {
        let mut out = Vec::new();
        encode_room(&mut out, EVENT, &facts()[fact]);
        let mut payload = out[HEADER..].to_vec();
        payload[at] = 9;
        let frame = Frame { kind: kind::ROOM, version: 1, payload: &payload };
        let refused = decode(&frame);
        let names_it =
            matches!(&refused, Err(RecordError::Impossible { field: f, .. }) if *f == field);
        assert!(names_it, "{field}: {refused:?}");
    }
    let frame = Frame { kind: kind::ROOM, version: 1, payload: &[77, 12, 0] };
    assert!(matches!(decode(&frame), Err(RecordError::Malformed { .. })));
}

#[test]
fn codes_that_are_out_of_order_or_uncounted_are_refused() {
    let [first, _] = &heads()[..] else { unreachable!() };
    let terms = RoomTerms {
        codes: first.terms.codes.iter().rev().copied().collect(),
        ..(*first.terms).clone()
    };
    let unsorted = RoomHead { terms: Arc::new(terms), ..first.clone() };
    let uncounted = RoomHead { codes_used: vec![1], ..first.clone() };
    for bad in [unsorted, uncounted] {
        let mut out = Vec::new();
        encode_room_head(&mut out, &bad);
        let refused = CheckpointPart::decode(&first_frame(&out));
        assert!(matches!(refused, Err(RecordError::Impossible { .. })), "{refused:?}");
    }
}
