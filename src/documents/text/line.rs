//! One line as glyphs, and how it gets on the page.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use harfrust::{Direction, GlyphBuffer, UnicodeBuffer};
use krilla::geom::Point;
use krilla::surface::Surface;
use krilla::text::{GlyphId, KrillaGlyph};
use unicode_segmentation::UnicodeSegmentation;

use super::Weight;
use super::coverage::is_ignorable;
use super::face::LoadedFace;
use super::fonts::Fonts;
use super::itemize::{Item, itemize};

/// Printed where no font has the character.
const REPLACEMENT: &str = "\u{fffd}";

/// Sets lines, and remembers what could not be set.
pub(in crate::documents) struct Typesetter<'a> {
    fonts: &'a Fonts,
    uncovered: BTreeSet<char>,
}

/// One line, not yet at a size.
pub(in crate::documents) struct Line {
    runs: Vec<Run>,
    /// Unit: the font's size.
    pub width_em: f32,
}

struct Run {
    face: Arc<LoadedFace>,
    /// What the glyphs say: for search and for screen readers.
    text: String,
    glyphs: Vec<KrillaGlyph>,
    width_em: f32,
}

impl<'a> Typesetter<'a> {
    pub fn new(fonts: &'a Fonts) -> Self {
        Self { fonts, uncovered: BTreeSet::new() }
    }

    /// Characters of all lines so far that no font has.
    pub fn into_uncovered(self) -> Vec<char> {
        self.uncovered.into_iter().collect()
    }

    /// `text` is one line; line ends and other control characters in it are printed as spaces.
    pub fn line(&mut self, text: &str, weight: Weight) -> Line {
        let ends_line = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        let text: String = text.chars().map(|c| if ends_line(c) { ' ' } else { c }).collect();
        let items = itemize(&text, self.fonts, weight);
        let runs: Vec<Run> = items.iter().map(|item| self.run(&text, item, weight)).collect();
        let width_em = runs.iter().map(|run| run.width_em).sum();
        Line { runs, width_em }
    }

    fn run(&mut self, text: &str, item: &Item, weight: Weight) -> Run {
        let said = &text[item.range.clone()];
        let Some(face) = item.face.and_then(|face| self.fonts.load(face)) else {
            return self.replacement(said, weight);
        };
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(said);
        // Arabic letters join also across a change of the font.
        buffer.set_pre_context(&text[..item.range.start]);
        buffer.set_post_context(&text[item.range.end..]);
        buffer.guess_segment_properties();
        let direction = if item.is_rtl { Direction::RightToLeft } else { Direction::LeftToRight };
        buffer.set_direction(direction);
        let shaped = face.shape(buffer);
        let mut glyphs = glyphs(&shaped, said.len(), face.drawing.units_per_em());
        if !item.is_rtl {
            join_words(said, &mut glyphs);
        }
        Run::new(face, said.to_owned(), glyphs)
    }

    /// One sign for each character as a reader counts them.
    fn replacement(&mut self, said: &str, weight: Weight) -> Run {
        self.uncovered.extend(said.chars().filter(|c| !is_ignorable(*c)));
        let face = self.fonts.find(REPLACEMENT, weight).and_then(|face| self.fonts.load(face));
        let face = face.expect("the embedded fonts have the replacement character");
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(REPLACEMENT);
        buffer.guess_segment_properties();
        let shaped = face.shape(buffer);
        let sign = glyphs(&shaped, said.len(), face.drawing.units_per_em());
        let signs = said.grapheme_indices(true).flat_map(|(at, cluster)| {
            let text_range = at..at + cluster.len();
            sign.iter()
                .map(move |glyph| KrillaGlyph { text_range: text_range.clone(), ..glyph.clone() })
        });
        let signs = signs.collect();
        Run::new(face, said.to_owned(), signs)
    }
}

impl Run {
    fn new(face: Arc<LoadedFace>, text: String, glyphs: Vec<KrillaGlyph>) -> Self {
        let width_em = glyphs.iter().map(|glyph| glyph.x_advance).sum();
        Self { face, text, glyphs, width_em }
    }
}

impl Line {
    /// Draws it with its baseline at `at`, in the fill that is set. Unit of `size`: points.
    pub fn draw(&self, surface: &mut Surface<'_>, at: Point, size: f32) {
        let mut at = at;
        for run in &self.runs {
            let font = run.face.drawing.clone();
            surface.draw_glyphs(at, &run.glyphs, font, &run.text, size, false);
            at.x += run.width_em * size;
        }
    }
}

fn glyphs(shaped: &GlyphBuffer, text_bytes: usize, units_per_em: f32) -> Vec<KrillaGlyph> {
    let infos = shaped.glyph_infos();
    let starts: BTreeSet<usize> = infos.iter().map(|info| info.cluster as usize).collect();
    // What a glyph says ends where the next begins, in the order of the text.
    let said = |start: usize| -> Range<usize> {
        start..starts.range(start + 1..).next().copied().unwrap_or(text_bytes)
    };
    let em = |units: i32| units as f32 / units_per_em;
    infos
        .iter()
        .zip(shaped.glyph_positions())
        .map(|(info, position)| KrillaGlyph {
            glyph_id: GlyphId::new(info.glyph_id),
            text_range: said(info.cluster as usize),
            x_advance: em(position.x_advance),
            x_offset: em(position.x_offset),
            y_offset: em(position.y_offset),
            y_advance: em(position.y_advance),
            location: None,
        })
        .collect()
}

/// Where a letter is drawn by several glyphs, as in Devanagari, readers of PDFs guess spaces after its
/// marks. There each glyph says its whole word instead. Not right to left, where they turn words around.
fn join_words(said: &str, glyphs: &mut [KrillaGlyph]) {
    let is_composed = glyphs.windows(2).any(|pair| pair[0].text_range == pair[1].text_range);
    for glyph in glyphs.iter_mut().filter(|_| is_composed) {
        let Range { start, end } = glyph.text_range;
        if said[start..end].starts_with(' ') {
            continue;
        }
        let word_start = said[..start].rfind(' ').map_or(0, |space| space + 1);
        let word_end = said[end..].find(' ').map_or(said.len(), |space| end + space);
        glyph.text_range = word_start..word_end;
    }
}
