//! How much a text costs: networks carry segments of 140 bytes, and one character outside of their
//! seven-bit alphabet (3GPP TS 23.038) more than halves what fits.

/// How a text is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// Seven bits: 160 characters, or 153 in each of several segments. Ten characters count twice.
    Gsm7,
    /// Sixteen bits: 70, or 67. Emoji count twice.
    Ucs2,
}

/// What a text takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub alphabet: Alphabet,
    /// 0 only for the empty text.
    pub segments: u32,
}

/// Segments that `text` takes, counted as networks do: a character is never cut by the end of a segment.
#[must_use]
pub fn size_of(text: &str) -> Size {
    if text.chars().all(|c| gsm7_units(c).is_some()) {
        let segments = segments(text.chars().filter_map(gsm7_units), 160, 153);
        return Size { alphabet: Alphabet::Gsm7, segments };
    }
    let segments = segments(text.chars().map(|c| c.len_utf16() as u32), 70, 67);
    Size { alphabet: Alphabet::Ucs2, segments }
}

fn segments(units: impl Iterator<Item = u32>, alone: u32, joined: u32) -> u32 {
    let (mut segments, mut in_segment, mut total) = (0_u32, joined, 0_u32);
    for units in units {
        total = total.saturating_add(units);
        in_segment += units;
        if joined < in_segment {
            segments = segments.saturating_add(1);
            in_segment = units;
        }
    }
    // One segment alone needs no header, and so holds more.
    if total <= alone { segments.min(1) } else { segments }
}

/// Septets of one character: 1, or 2 behind an escape, or `None` if the alphabet has it not.
fn gsm7_units(c: char) -> Option<u32> {
    match c {
        'A'..='Z' | 'a'..='z' | '0'..='9' => Some(1),
        _ if BASIC.contains(c) => Some(1),
        _ if EXTENDED.contains(c) => Some(2),
        _ => None,
    }
}

const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
const EXTENDED: &str = "\u{c}^{}\\[~]|€";

#[cfg(test)]
mod tests {
    use super::Alphabet::*;
    use super::*;

    #[test]
    fn segments_are_counted_as_networks_do() {
        for (text, alphabet, segments) in [
            (String::new(), Gsm7, 0),
            ("a".repeat(160), Gsm7, 1),
            ("a".repeat(161), Gsm7, 2),
            ("a".repeat(306), Gsm7, 2),
            ("a".repeat(307), Gsm7, 3),
            ("€".repeat(80), Gsm7, 1),
            ("€".repeat(81), Gsm7, 2),
            // 152 + 2 do not fit into 153: the euro goes to the second segment, 153 more to a third.
            (format!("{}€{}", "a".repeat(152), "a".repeat(151)), Gsm7, 2),
            (format!("{}€{}", "a".repeat(152), "a".repeat(152)), Gsm7, 3),
            ("ж".repeat(70), Ucs2, 1),
            ("ж".repeat(71), Ucs2, 2),
            ("ж".repeat(134), Ucs2, 2),
            ("ж".repeat(135), Ucs2, 3),
            ("🎫".repeat(35), Ucs2, 1),
            ("🎫".repeat(36), Ucs2, 2),
            // 33 tickets fit into 67 units, not 33 and a half.
            ("🎫".repeat(67), Ucs2, 3),
            (format!("{}ж", "a".repeat(70)), Ucs2, 2),
            // A backtick and a cedilla in small letters are not in the alphabet, ç being Ç there.
            ("`".to_owned(), Ucs2, 1),
            ("ç".to_owned(), Ucs2, 1),
            ("@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤ÄÖÑÜ§¿äöñüà".to_owned(), Gsm7, 1),
        ] {
            assert_eq!(size_of(&text), Size { alphabet, segments }, "{text}");
        }
    }

    #[test]
    fn the_alphabet_has_its_128_places() {
        // 62 letters and digits, and the escape that leads to the extension.
        assert_eq!(BASIC.chars().count() + 62 + 1, 128);
        assert_eq!(EXTENDED.chars().count(), 10);
    }
}
