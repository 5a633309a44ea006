//! Events that belong to an organizer read back, and their bytes never change.

use super::tests::{created_and_amended, golden, in_hex, part_of, read_back, terms_with_booking};
use super::*;
use crate::storage::frame::read_frames;

#[test]
fn an_event_of_an_organizer_has_a_version_of_its_own() {
    let [Record::Created { created, .. }, _] = created_and_amended(terms_with_booking()) else {
        unreachable!()
    };
    let organizer = Some(OrganizerId::parse("acme").unwrap());
    let created = Created { organizer, ..created };
    let (mut bytes, mut checkpoint) = (Vec::new(), Vec::new());
    encode_created(&mut bytes, ShardId(3), &created);
    let snapshot = Inventory::created(&created).snapshot();
    encode_event(&mut checkpoint, ShardId(3), &snapshot);
    assert_eq!(read_back(&bytes), Record::Created { shard: ShardId(3), created });
    let frame = read_frames(&bytes).next().unwrap().unwrap();
    assert_eq!(event_told(&frame).unwrap(), Some(EventNumber(77)));
    assert_eq!(decode_entry(&frame).unwrap().unwrap().number, 1);
    let CheckpointPart::Event { snapshot: back, .. } = part_of(&checkpoint) else { panic!() };
    assert_eq!(back, snapshot);
    let found = [in_hex(&bytes), in_hex(&checkpoint)];
    let golden = golden(include_str!("golden_organizer.txt"));
    assert_eq!(found, *golden, "old journals would not read");
}
