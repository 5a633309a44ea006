//! A code as QR: the modules, and the picture as SVG.

use fast_qr::{ECL, QRBuilder, QRCode};

/// Light modules around the code, which readers need.
pub(super) const QUIET_MODULES: usize = 4;

/// A text that no QR holds: more than 3,391 characters of a ticket code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a text of {bytes} bytes is too long for a QR")]
pub struct QrError {
    pub bytes: usize,
}

/// The dark modules, as runs in rows from the top: what both pictures are drawn of.
pub(super) struct Qr {
    /// Modules on each side, without the quiet zone.
    pub size: usize,
    pub runs: Vec<DarkRun>,
}

pub(super) struct DarkRun {
    pub row: usize,
    pub column: usize,
    pub length: usize,
}

impl Qr {
    /// Error correction M: a seventh may be damaged. More would make the modules finer, and a phone in
    /// the dark fails at fine modules sooner than at a crease.
    pub fn of(code: &str) -> Result<Self, QrError> {
        let qr = QRBuilder::new(code).ecl(ECL::M).build();
        let qr = qr.map_err(|_too_long| QrError { bytes: code.len() })?;
        Ok(Self { size: qr.size, runs: (0..qr.size).flat_map(|row| runs_of(&qr, row)).collect() })
    }
}

fn runs_of(qr: &QRCode, row: usize) -> Vec<DarkRun> {
    let mut runs: Vec<DarkRun> = Vec::new();
    for column in (0..qr.size).filter(|column| qr[row][*column].value()) {
        match runs.last_mut() {
            Some(run) if run.column + run.length == column => run.length += 1,
            _ => runs.push(DarkRun { row, column, length: 1 }),
        }
    }
    runs
}

/// The code as an SVG of black on white, quiet zone included; it has no size of its own.
///
/// # Errors
/// [`QrError`]: `code` is no ticket code of ours, they all fit.
pub fn qr_svg(code: &str) -> Result<String, QrError> {
    let qr = Qr::of(code)?;
    let side = qr.size + 2 * QUIET_MODULES;
    let mut path = String::with_capacity(qr.runs.len() * 18);
    for run in &qr.runs {
        let (x, y) = (run.column + QUIET_MODULES, run.row + QUIET_MODULES);
        path.push_str(&format!("M{x} {y}h{0}v1h-{0}z", run.length));
    }
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" \
         shape-rendering=\"crispEdges\" role=\"img\" aria-label=\"Ticket code\">\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}h-{side}z\"/><path d=\"{path}\"/></svg>\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_code_of_usual_length_is_a_small_qr() {
        let code = format!("ONSALE1.{}", "A7".repeat(82));
        assert_eq!(Qr::of(&code).unwrap().size, 45, "alphanumeric mode, error correction M");
        // What the longest code takes: still less than 2 mm a module at the size it is printed.
        assert!(Qr::of(&"A".repeat(400)).unwrap().size <= 69);
    }

    #[test]
    fn the_picture_has_its_quiet_zone_and_the_three_eyes() {
        let svg = qr_svg("ONSALE1.AAAA").unwrap();
        assert!(svg.contains("viewBox=\"0 0 29 29\""), "21 modules and 4 on each side: {svg}");
        for eye in ["M4 4h7v1", "M18 4h7v1", "M4 18h7v1"] {
            assert!(svg.contains(eye), "{eye}");
        }
    }

    #[test]
    fn a_text_without_end_is_refused() {
        assert_eq!(qr_svg(&"A".repeat(4_000)), Err(QrError { bytes: 4_000 }));
    }
}
