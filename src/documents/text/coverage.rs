//! Which characters a font has, small enough to keep for hundreds of fonts.

use skrifa::{FontRef, MetadataProvider};

/// Characters as ranges, ascending and apart.
#[derive(Debug)]
pub(super) struct Coverage(Vec<(u32, u32)>);

impl Coverage {
    pub fn of(font: &FontRef<'_>) -> Self {
        let mut points: Vec<u32> = font.charmap().mappings().map(|(point, _)| point).collect();
        points.sort_unstable();
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for point in points {
            match ranges.last_mut() {
                Some((_, last)) if point <= *last + 1 => *last = point,
                _ => ranges.push((point, point)),
            }
        }
        ranges.shrink_to_fit();
        Self(ranges)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all that is visible of `text` is there.
    pub fn covers(&self, text: &str) -> bool {
        text.chars().filter(|c| !is_ignorable(*c)).all(|c| self.has(c))
    }

    fn has(&self, c: char) -> bool {
        let point = u32::from(c);
        let after = self.0.partition_point(|(first, _)| *first <= point);
        after.checked_sub(1).is_some_and(|at| point <= self.0[at].1)
    }
}

/// Characters that print nothing by themselves (Unicode's `Default_Ignorable_Code_Point`): joiners,
/// direction marks, variation selectors. No font need have them.
pub(super) fn is_ignorable(c: char) -> bool {
    matches!(u32::from(c),
        0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
        | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f
        | 0xfeff | 0xffa0 | 0xfff0..=0xfff8 | 0x1_bca0..=0x1_bca3 | 0x1_d173..=0x1_d17a
        | 0xe_0000..=0xe_0fff)
}
