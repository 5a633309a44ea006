//! Cuts a line into stretches of one direction, one script and one font, in the order they are seen.

use std::ops::Range;

use unicode_bidi::ParagraphBidiInfo;
use unicode_script::{Script, UnicodeScript};
use unicode_segmentation::UnicodeSegmentation;

use super::Weight;
use super::coverage::is_ignorable;
use super::fonts::Fonts;

/// What is shaped in one go.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Where it stands in the text. Unit: bytes.
    pub range: Range<usize>,
    pub is_rtl: bool,
    /// `None`: no font has it, and a sign that says so is printed in its place.
    pub face: Option<usize>,
}

/// From left to right, as printed; `text` is one paragraph without line ends. Its direction is that of
/// its first letter that has one.
pub(super) fn itemize(text: &str, fonts: &Fonts, weight: Weight) -> Vec<Item> {
    let bidi = ParagraphBidiInfo::new(text, None);
    let (levels, runs) = bidi.visual_runs(0..text.len());
    let mut items = Vec::new();
    for run in runs {
        let is_rtl = levels[run.start].is_rtl();
        let mut stretch = cut(text, run, is_rtl, fonts, weight);
        if is_rtl {
            stretch.reverse();
        }
        items.append(&mut stretch);
    }
    items
}

/// One run, in the order it is read.
fn cut(text: &str, run: Range<usize>, is_rtl: bool, fonts: &Fonts, weight: Weight) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut script = Script::Common;
    // A grapheme is never torn: its marks belong to its letter and must come from the same font.
    for (at, cluster) in text[run.clone()].grapheme_indices(true) {
        let range = run.start + at..run.start + at + cluster.len();
        let own = script_of(cluster);
        let changes = is_real(own) && is_real(script) && own != script;
        if is_real(own) {
            script = own;
        }
        let last = items.last_mut();
        // Spaces and digits stay with the font before them, so that it changes as seldom as it can.
        let kept = last
            .as_ref()
            .and_then(|last| last.face)
            .filter(|face| !changes && fonts.covers(*face, cluster));
        let face = kept.or_else(|| fonts.find(cluster, weight));
        match last {
            Some(last) if last.face == face && !changes => last.range.end = range.end,
            _ => items.push(Item { range, is_rtl, face }),
        }
    }
    items
}

fn script_of(cluster: &str) -> Script {
    let visible = cluster.chars().find(|c| !is_ignorable(*c));
    visible.map_or(Script::Common, |c| c.script())
}

fn is_real(script: Script) -> bool {
    !matches!(script, Script::Common | Script::Inherited | Script::Unknown)
}
