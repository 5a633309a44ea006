//! Which shard should own a new event. The ring only proposes: the proposal is recorded with the event
//! and the record decides from then on, so that a change of the shard count moves few events and none
//! behind the journal's back.

use std::hash::{Hash, Hasher};

use hashring::HashRing;

use super::ids::{EventId, ShardId};

/// Points of one shard on the ring. 160 keep the fullest of 8 shards within about 10 % of the mean;
/// more only make the ring larger.
const POINTS_PER_SHARD: u16 = 160;

/// A consistent-hash ring over the shards `0..count`.
pub struct Ring {
    ring: HashRing<Point>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Point {
    shard: ShardId,
    point: u16,
}

/// Hashes fixed bytes. Derived hashes feed the ring native integers and terminators, which differ
/// between targets and compiler versions; a placement must not.
impl Hash for Point {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.shard.0.to_le_bytes());
        state.write(&self.point.to_le_bytes());
    }
}

struct Key<'a>(&'a str);

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0.as_bytes());
    }
}

impl Ring {
    #[must_use]
    pub fn new(shards: std::num::NonZeroU16) -> Self {
        let mut ring = HashRing::new();
        let points = (0..shards.get()).flat_map(|shard| {
            (0..POINTS_PER_SHARD).map(move |point| Point { shard: ShardId(shard), point })
        });
        ring.batch_add(points.collect());
        Self { ring }
    }

    #[must_use]
    pub fn propose(&self, event: &EventId) -> ShardId {
        let point = self.ring.get(&Key(event.as_str()));
        point.expect("a ring has at least one shard").shard
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;

    fn ring(shards: u16) -> Ring {
        Ring::new(NonZeroU16::new(shards).unwrap())
    }

    fn event(n: u32) -> EventId {
        EventId::parse(&format!("event-{n}")).unwrap()
    }

    #[test]
    fn placements_are_the_same_on_every_machine_and_in_every_version() {
        let ring = ring(8);
        let placed: String =
            (0..64).map(|n| char::from(b'0' + ring.propose(&event(n)).0 as u8)).collect();
        // Golden: recorded placements of running installations were made by this ring.
        assert_eq!(placed, GOLDEN);
    }

    const GOLDEN: &str = "7620052443536126222562075464615027205607033514441473432352037210";

    #[test]
    fn shards_get_about_equal_shares() {
        let ring = ring(8);
        let mut share = [0_u32; 8];
        for n in 0..8_000 {
            share[usize::from(ring.propose(&event(n)).0)] += 1;
        }
        assert!(share.iter().all(|n| (700..=1_300).contains(n)), "{share:?}");
    }

    #[test]
    fn one_more_shard_moves_about_its_share_and_no_event_between_old_shards() {
        let (eight, nine) = (ring(8), ring(9));
        let moved: Vec<ShardId> = (0..8_000)
            .map(event)
            .filter(|id| eight.propose(id) != nine.propose(id))
            .map(|id| nine.propose(&id))
            .collect();
        assert!((500..=1_300).contains(&moved.len()), "{} moved", moved.len());
        assert!(moved.iter().all(|shard| *shard == ShardId(8)));
    }
}
