//! What must hold, by number, and what was found of it.

/// Complaints that are kept of each; the rest is counted.
const EXAMPLES_MAX: usize = 5;

/// One condition of the ledger. They are printed in this order, numbered from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    Answered,
    OnePlace,
    NoTwins,
    PlaceKept,
    NothingLost,
    Order,
    SingleUse,
    Theft,
    Gate,
    OverAdmission,
    OwnFigures,
    Pace,
    Hint,
    Returns,
    Chance,
    Books,
    Draw,
}

/// Each with what it says, and whether a run in which it was never tried is worth anything.
const LAWS: [(Law, &str, bool); 17] = [
    (Law::Answered, "every request got an answer that fits it", true),
    (Law::OnePlace, "two tabs, a reload and a repeat find the place that was there", true),
    (Law::NoTwins, "no number in the line was given to two fans", true),
    (Law::PlaceKept, "no place that was told moved back (INV-10)", true),
    (Law::NothingLost, "no place and no pass that was told was gone", true),
    (Law::Order, "nobody who came when told was let in after somebody behind them", true),
    (Law::SingleUse, "no pass bought twice, also at the same instant", true),
    (Law::Theft, "no pass bought anything for somebody else", false),
    (Law::Gate, "nothing without a pass, with one that ran out, with made-up tokens", false),
    (Law::OverAdmission, "by what fans saw, never more than active_max shopped", true),
    (Law::OwnFigures, "by what the room says, never more than active_max shopped", true),
    (Law::Pace, "in no five seconds more passes than the rate", true),
    (Law::Hint, "who came when told was served, who came sooner was not", true),
    (Law::Returns, "nobody came back a second time", false),
    (Law::Chance, "what was told to be likelier came true more often", false),
    (Law::Books, "what was told is what is sold, and no more than there was", true),
    (Law::Draw, "the draw holds, and each place that was told is the one it gives", true),
];

#[derive(Debug, Clone, Default)]
struct Found {
    checked: u64,
    wrong: u64,
    examples: Vec<String>,
    note: Option<String>,
}

/// What was found of all.
#[derive(Debug, Clone)]
pub struct Findings {
    found: Vec<Found>,
}

impl Default for Findings {
    fn default() -> Self {
        Self { found: vec![Found::default(); LAWS.len()] }
    }
}

impl Findings {
    /// It was tried `count` times.
    pub fn checked(&mut self, law: Law, count: u64) {
        self.found[law as usize].checked += count;
    }

    /// It was tried once; `wrong` says what was found where it does not hold.
    pub fn check(&mut self, law: Law, holds: bool, wrong: impl FnOnce() -> String) {
        let found = &mut self.found[law as usize];
        found.checked += 1;
        if !holds {
            found.wrong += 1;
            if found.examples.len() < EXAMPLES_MAX {
                found.examples.push(wrong());
            }
        }
    }

    /// A few words behind it.
    pub fn note(&mut self, law: Law, note: String) {
        self.found[law as usize].note = Some(note);
    }

    /// Whether a law is broken.
    #[cfg(test)]
    pub fn is_broken(&self, law: Law) -> bool {
        0 < self.found[law as usize].wrong
    }

    /// Lines for people: one for each law, then what is wrong.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for ((law, text, _), found) in LAWS.iter().zip(&self.found) {
            let note = found.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
            let (number, verdict) = (*law as usize + 1, self.verdict(*law));
            lines
                .push(format!("L{number:<2} {verdict:9} {:>9} tried  {text}{note}", found.checked));
            lines.extend(found.examples.iter().map(|example| format!("    WRONG     {example}")));
            let more = found.wrong.saturating_sub(found.examples.len() as u64);
            if 0 < more {
                lines.push(format!("    WRONG     and {more} more"));
            }
        }
        lines
    }

    /// Whether all hold, and each that must be tried was.
    pub fn hold(&self) -> bool {
        LAWS.iter().all(|(law, _, _)| matches!(self.verdict(*law), "PASS" | "not seen"))
    }

    fn verdict(&self, law: Law) -> &'static str {
        let (found, (_, _, needed)) = (&self.found[law as usize], LAWS[law as usize]);
        match (found.wrong, found.checked) {
            (0, 0) if needed => "NOT TRIED",
            (0, 0) => "not seen",
            (0, _) => "PASS",
            _ => "FAIL",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laws_stand_in_their_own_order() {
        assert!(LAWS.iter().enumerate().all(|(at, (law, _, _))| *law as usize == at));
    }

    #[test]
    fn one_wrong_fan_of_many_fails_the_law_and_so_does_nobody_at_all() {
        let mut findings = Findings::default();
        assert!(!findings.hold(), "nothing was tried");
        LAWS.iter().for_each(|(law, _, _)| findings.checked(*law, 10));
        assert!(findings.hold());
        findings.check(Law::Theft, false, || "fan 7".to_owned());
        assert!(!findings.hold() && findings.is_broken(Law::Theft));
        let lines = findings.lines().join("\n");
        assert!(lines.contains("L8  FAIL") && lines.contains("WRONG     fan 7"), "{lines}");
    }
}
