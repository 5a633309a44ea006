//! How many of those ahead are still there. Counted about once a second, apart from everything else.

use crate::domain::time::UnixMillis;
use crate::domain::waiting_room::NO_PLACE;

/// Fans who wait and come to ask, by where they stand.
#[derive(Debug, Clone, Default)]
pub struct Living {
    pub as_of: UnixMillis,
    /// Positions that had been given out when it was counted.
    pub positions: u32,
    /// Living fans before each block of [`Living::BLOCK`] positions, and all of them at the end.
    before: Box<[u32]>,
    /// Who came back; all of them go first.
    pub returning: u32,
    /// Waiting without a position: before the doors, or under a method that tells none.
    pub unplaced: u32,
}

/// Counts one fan after the other.
pub(super) struct Counting {
    blocks: Vec<u32>,
    living: Living,
}

impl Living {
    /// Positions of one block.
    pub const BLOCK: u32 = 1_024;

    /// How many living fans are let in before this position; exact to some of one block and to what
    /// happened since `as_of`.
    #[must_use]
    pub fn ahead_of(&self, position: u32) -> u32 {
        let block = (position / Self::BLOCK) as usize;
        let (Some(before), Some(upto)) = (self.before.get(block), self.before.get(block + 1))
        else {
            // Who came since has surely not gone yet.
            let since = position.saturating_sub(self.positions);
            return self.returning + self.all_placed() + since;
        };
        let within = u64::from(upto - before) * u64::from(position % Self::BLOCK);
        let within = within.div_ceil(u64::from(Self::BLOCK));
        self.returning + before + u32::try_from(within).expect("less than a block")
    }

    /// All who wait and live.
    #[must_use]
    pub fn all(&self) -> u32 {
        self.all_placed() + self.returning + self.unplaced
    }

    fn all_placed(&self) -> u32 {
        self.before.last().copied().unwrap_or(0)
    }
}

impl Counting {
    pub fn new(as_of: UnixMillis, positions: u32) -> Self {
        let blocks = vec![0; positions.div_ceil(Living::BLOCK) as usize];
        Self { blocks, living: Living { as_of, positions, ..Living::default() } }
    }

    pub fn returning(&mut self) {
        self.living.returning += 1;
    }

    pub fn waiting(&mut self, position: u32) {
        if position == NO_PLACE {
            self.living.unplaced += 1;
        } else if let Some(block) = self.blocks.get_mut((position / Living::BLOCK) as usize) {
            *block += 1;
        }
    }

    pub fn finish(mut self) -> Living {
        let mut sum = 0;
        let before = self.blocks.iter().map(|block| {
            let before = sum;
            sum += block;
            before
        });
        let mut before: Vec<u32> = before.collect();
        before.push(sum);
        self.living.before = before.into();
        self.living
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ahead_are_the_living_before_a_position_and_all_who_came_back() {
        let mut counting = Counting::new(UnixMillis(1), 5_000);
        // Every second one is gone.
        (0..5_000).step_by(2).for_each(|position| counting.waiting(position));
        (0..7).for_each(|_| counting.returning());
        counting.waiting(NO_PLACE);
        let living = counting.finish();
        assert_eq!(living.all(), 2_500 + 7 + 1);
        for position in [0_u32, 1, 1_023, 1_024, 3_000, 4_999] {
            let exact = position.div_ceil(2) + 7;
            assert!(living.ahead_of(position).abs_diff(exact) <= 200, "{position}");
        }
        assert_eq!(living.ahead_of(2_048), 1_024 + 7);
        assert_eq!(living.ahead_of(6_000), 2_500 + 7 + 1_000, "who came since lives");
    }
}
