//! `onsale verify-draw`: reads what was published of a draw, computes all of it anew, and says what holds. Needs
//! no server and no network. `docs/verify_draw.py` says the same, word for word.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::domain::waiting_room::draw::check::check;
use crate::domain::waiting_room::draw::proof::{Head, Placed};

/// Writes a verdict on each part to `out`. `false`: something does not hold.
///
/// # Errors
/// When the file cannot be read or is not one of a draw, or `out` takes nothing.
pub fn verify_draw(path: &Path, out: &mut impl Write) -> anyhow::Result<bool> {
    let name = || path.display().to_string();
    let file = File::open(path).with_context(name)?;
    // Reading a file takes about as long as the hashing of it.
    let half = file.metadata().with_context(name)?.len().max(1);
    let mut bar = Bar::over(2 * half);
    let (head, entries) = read(BufReader::new(file), &mut bar).with_context(name)?;
    let share = half as f64 / entries.len().max(1) as f64;
    let verdicts =
        check(&head, &entries, &mut |hashed| bar.at(half + (hashed as f64 * share) as u64));
    bar.end();

    writeln!(out, "draw of {}, method {}", head.event, head.method.word())?;
    for verdict in &verdicts {
        writeln!(out, "{verdict}")?;
    }
    for note in notes(&head) {
        writeln!(out, "note    {note}")?;
    }
    let broken: Vec<&str> =
        verdicts.iter().filter(|verdict| !verdict.holds).map(|verdict| verdict.what).collect();
    if broken.is_empty() {
        writeln!(out, "the draw holds")?;
    } else {
        writeln!(out, "THE DRAW DOES NOT HOLD: {}", broken.join(", "))?;
    }
    Ok(broken.is_empty())
}

/// What no file can prove by itself.
fn notes(head: &Head) -> [String; 2] {
    let beacon = match (&head.beacon, &head.beacon_announced) {
        (Some(beacon), Some(announced)) => format!(
            "compare the beacon with its source: it is \"{beacon}\", announced was \"{announced}\""
        ),
        (Some(beacon), None) => format!(
            "the beacon \"{beacon}\" was not announced before the doors, so it may have been chosen"
        ),
        (None, _) => "no beacon was used: whoever knew the secret could have tried out entries of \
                      their own until they liked the draw"
            .to_owned(),
    };
    ["compare the commitment with the one that was shown before the doors".to_owned(), beacon]
}

/// The head and the entries, which stand in rising order of their numbers.
fn read(mut file: impl BufRead, bar: &mut Bar) -> anyhow::Result<(Head, Vec<Placed>)> {
    let mut line = Vec::new();
    let mut done = read_line(&mut file, &mut line, HEAD_BYTES_MAX)? as u64;
    let head = Head::from_json(&line)?;
    let mut entries: Vec<Placed> = Vec::new();
    for at in 2_u64.. {
        let read = read_line(&mut file, &mut line, ENTRY_BYTES_MAX)?;
        if read == 0 {
            break;
        }
        done += read as u64;
        if at.is_multiple_of(8_192) {
            bar.at(done);
        }
        // Whoever puts the two answers together may end the first line once more.
        if line.is_empty() {
            continue;
        }
        let placed = Placed::from_line(&line).with_context(|| {
            format!(
                "line {at} must be `NUMBER TIER FINGERPRINT PLACE`: decimal below 2^32, 0 to 2, 16 digits \
                 of 0-9a-f, decimal below 2^32"
            )
        })?;
        if let Some(before) = entries.last() {
            let (before, number) = (before.entry.number, placed.entry.number);
            anyhow::ensure!(
                before < number,
                "line {at} has number {number} after {before}: numbers must rise"
            );
        }
        entries.push(placed);
    }
    Ok((head, entries))
}

/// The next line without its end, at most `length_max` bytes of it. Gives the bytes read, 0 at the end.
fn read_line(
    file: &mut impl BufRead,
    line: &mut Vec<u8>,
    length_max: u64,
) -> std::io::Result<usize> {
    line.clear();
    let read = file.take(length_max).read_until(b'\n', line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    Ok(read)
}

/// Longest first line. Unit: bytes.
const HEAD_BYTES_MAX: u64 = 65_536;

/// Longer than any entry, so that a piece of a longer line is no entry either. Unit: bytes.
const ENTRY_BYTES_MAX: u64 = 64;

/// How far it is, on a terminal, and only if it takes its time.
struct Bar {
    bar: ProgressBar,
    since: Instant,
}

impl Bar {
    fn over(length: u64) -> Self {
        let style = ProgressStyle::with_template("{percent:>3} % {wide_bar} {eta} left");
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::hidden());
        Self { bar: bar.with_style(style.expect("a good template")), since: Instant::now() }
    }

    fn at(&mut self, position: u64) {
        if self.bar.is_hidden() && PATIENCE <= self.since.elapsed() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_position(position);
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// How long nobody needs to be told anything.
const PATIENCE: Duration = Duration::from_secs(1);
