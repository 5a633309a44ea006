//! Makes a text fit its place: first smaller, then on more lines, at last cut with an ellipsis.

use krilla::geom::Point;
use krilla::surface::Surface;
use unicode_script::{Script, UnicodeScript};
use unicode_segmentation::UnicodeSegmentation;

use super::Weight;
use super::line::{Line, Typesetter};

/// Characters of a text that are looked at; what is longer would be cut anyway.
const TEXT_CHARS_MAX: usize = 400;
/// Distance of baselines. Unit: the font's size.
const LEADING_EM: f32 = 1.25;
/// Width of a space as the wrapping counts it. Unit: the font's size.
const SPACE_EM: f32 = 0.27;
const ELLIPSIS: &str = "…";

/// Room for a text. Unit: points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::documents) struct Frame {
    pub width: f32,
    pub size_max: f32,
    pub size_min: f32,
    pub lines_max: usize,
}

/// A text that has been made to fit.
pub(in crate::documents) struct Block {
    lines: Vec<Line>,
    size: f32,
    width: f32,
}

/// What is not torn at a line's end.
#[derive(Clone)]
struct Piece {
    text: String,
    width_em: f32,
    follows_space: bool,
}

impl Block {
    pub fn fit(setter: &mut Typesetter<'_>, text: &str, weight: Weight, frame: Frame) -> Self {
        let text: String = text.chars().take(TEXT_CHARS_MAX).collect();
        let (lines, size) = arranged(setter, &text, weight, frame);
        let lines = lines.iter().map(|line| setter.line(&joined(line), weight)).collect();
        Self { lines, size, width: frame.width }
    }

    /// Unit: points, from the top of the first line to the bottom of the last.
    pub fn height(&self) -> f32 {
        self.lines.len() as f32 * self.size * LEADING_EM
    }

    /// Draws it below and right of `corner`, in the fill that is set.
    pub fn draw(&self, surface: &mut Surface<'_>, corner: Point) {
        let mut baseline = corner.y + self.size * LEADING_EM * 0.8;
        for line in &self.lines {
            // Joined, the pieces may be a little wider than each by itself.
            let size = self.size.min(self.width / line.width_em.max(f32::EPSILON));
            line.draw(surface, Point::from_xy(corner.x, baseline), size);
            baseline += self.size * LEADING_EM;
        }
    }
}

/// The lines and their size.
fn arranged(
    setter: &mut Typesetter<'_>,
    text: &str,
    weight: Weight,
    frame: Frame,
) -> (Vec<Vec<Piece>>, f32) {
    let words = pieces(setter, text, weight, f32::INFINITY);
    let mut size = frame.size_max;
    while frame.size_min <= size {
        let lines = wrap(&words, frame.width / size);
        let fits = lines.len() <= frame.lines_max
            && words.iter().all(|word| word.width_em * size <= frame.width);
        if fits {
            return (lines, size);
        }
        size -= 1.0;
    }
    let line_em = frame.width / frame.size_min;
    let mut lines = wrap(&pieces(setter, text, weight, line_em), line_em);
    if frame.lines_max < lines.len() {
        lines.truncate(frame.lines_max);
        if let Some(last) = lines.last_mut() {
            cut(last, line_em);
        }
    }
    (lines, frame.size_min)
}

/// Words, and within them what may stand apart: ideographs always, and every letter of a word that is
/// wider than a line.
fn pieces(setter: &mut Typesetter<'_>, text: &str, weight: Weight, line_em: f32) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for word in text.split_whitespace() {
        let mut follows_space = true;
        for part in parts(word) {
            let width_em = setter.line(&part, weight).width_em;
            if width_em <= line_em {
                pieces.push(Piece { text: part, width_em, follows_space });
            } else {
                for letter in part.graphemes(true) {
                    let (text, width_em) =
                        (letter.to_owned(), setter.line(letter, weight).width_em);
                    pieces.push(Piece { text, width_em, follows_space });
                    follows_space = false;
                }
            }
            follows_space = false;
        }
    }
    pieces
}

fn parts(word: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut may_break = true;
    for cluster in word.graphemes(true) {
        let is_ideograph = cluster.chars().next().is_some_and(|c| {
            matches!(c.script(), Script::Han | Script::Hiragana | Script::Katakana)
        });
        match parts.last_mut() {
            Some(part) if !(may_break || is_ideograph) => part.push_str(cluster),
            _ => parts.push(cluster.to_owned()),
        }
        may_break = is_ideograph;
    }
    parts
}

fn wrap(pieces: &[Piece], width_em: f32) -> Vec<Vec<Piece>> {
    let mut lines: Vec<Vec<Piece>> = Vec::new();
    let mut used_em = 0.0;
    for piece in pieces {
        let space_em = if piece.follows_space { SPACE_EM } else { 0.0 };
        let fits = used_em + space_em + piece.width_em <= width_em;
        match lines.last_mut() {
            Some(line) if fits => {
                line.push(piece.clone());
                used_em += space_em + piece.width_em;
            }
            _ => {
                lines.push(vec![piece.clone()]);
                used_em = piece.width_em;
            }
        }
    }
    lines
}

fn cut(line: &mut Vec<Piece>, width_em: f32) {
    let width = |line: &[Piece]| -> f32 {
        let space = |piece: &Piece| if piece.follows_space { SPACE_EM } else { 0.0 };
        line.iter().map(|piece| piece.width_em + space(piece)).sum()
    };
    // An ellipsis is about one em wide.
    while 1 < line.len() && width_em < width(line) + 1.0 {
        line.pop();
    }
    line.push(Piece { text: ELLIPSIS.into(), width_em: 1.0, follows_space: false });
}

fn joined(line: &[Piece]) -> String {
    let mut text = String::new();
    for piece in line {
        if piece.follows_space && !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&piece.text);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::Fonts;
    use super::*;

    const NARROW: Frame = Frame { width: 100.0, size_max: 20.0, size_min: 10.0, lines_max: 2 };

    fn fit(text: &str, frame: Frame) -> Vec<Vec<Piece>> {
        let fonts = Fonts::embedded();
        let mut setter = Typesetter::new(&fonts);
        arranged(&mut setter, text, Weight::Regular, frame).0
    }

    fn told(text: &str) -> Vec<String> {
        fit(text, NARROW).iter().map(|line| joined(line)).collect()
    }

    #[test]
    fn a_text_gets_smaller_before_it_is_torn_and_is_torn_before_it_is_cut() {
        assert_eq!(told("Short"), ["Short"]);
        assert_eq!(told("Standing left"), ["Standing", "left"]);
        assert_eq!(told("Grandstand north"), ["Grandstand", "north"]);
        let torn = told("Donaudampfschifffahrtsgesellschaft");
        assert_eq!(torn.len(), 2);
        assert_eq!(torn.concat(), "Donaudampfschifffahrtsgesellschaft");
        let cut = told("one two three four five six seven eight nine ten eleven twelve");
        assert!(cut.len() == 2 && cut[1].ends_with('…'), "{cut:?}");
        assert!(cut.iter().all(|line| !line.contains("twel")), "{cut:?}");
    }

    #[test]
    fn ideographs_wrap_without_spaces() {
        assert_eq!(told("東京国際").concat(), "東京国際");
        assert!(1 < told("東京国際展示場東京国際展示場").len());
    }

    #[test]
    fn nothing_is_nothing() {
        assert!(told(" \n ").is_empty());
    }
}
