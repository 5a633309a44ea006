//! After the run: is the draw what was published, and did everybody hear the place that it gives?

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use super::fan::{Fan, NONE, mark};
use super::laws::{Findings, Law};
use super::requests;
use super::terms::ask_once;
use crate::target::Target;

/// An answer that stops for so long is broken.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// An entrant's number and place, as the draw gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    number: u32,
    place: u32,
}

/// Writes what the server publishes of the draw into `file`, and gives the entries.
///
/// # Errors
/// It does not publish one.
pub fn fetch(target: Target, file: &Path) -> anyhow::Result<Vec<Entry>> {
    let head = ask_once(target, &requests::draw())?;
    if head.status != 200 {
        bail!("no draw is published: status {}: {}", head.status, head.text());
    }
    let entries = download(target, &requests::entries())?;
    let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
    out.write_all(head.text().trim_end().as_bytes())?;
    out.write_all(b"\n")?;
    out.write_all(&entries)?;
    out.flush()?;
    read(std::str::from_utf8(&entries)?)
}

fn read(text: &str) -> anyhow::Result<Vec<Entry>> {
    let entry = |line: &str| {
        let mut words = line.split(' ');
        let number = words.next()?.parse().ok()?;
        let place = words.nth(2)?.parse().ok()?;
        Some(Entry { number, place })
    };
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.map(|line| entry(line).with_context(|| format!("no entry of a draw: {line:?}"))).collect()
}

/// A body of any length.
fn download(target: Target, request: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(target.address)?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.write_all(request)?;
    let mut received = Vec::new();
    stream.read_to_end(&mut received)?;
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(bytes) = head.parse(&received)? else { bail!("no whole head") };
    let in_chunks =
        head.headers.iter().any(|header| header.name.eq_ignore_ascii_case("transfer-encoding"));
    let (status, body) = (head.code.unwrap_or_default(), &received[bytes..]);
    if status != 200 {
        bail!("status {status}: {}", String::from_utf8_lossy(body));
    }
    if in_chunks { joined(body) } else { Ok(body.to_vec()) }
}

fn joined(mut rest: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::with_capacity(rest.len());
    loop {
        let Ok(httparse::Status::Complete((head, size))) = httparse::parse_chunk_size(rest) else {
            bail!("the answer broke off");
        };
        let end = head + usize::try_from(size)?;
        if size == 0 {
            return Ok(body);
        }
        body.extend_from_slice(rest.get(head..end).context("the answer broke off")?);
        rest = rest.get(end + 2..).context("the answer broke off")?;
    }
}

/// Runs both verifiers over the file.
pub fn verify(programs: &Path, file: &Path, laws: &mut Findings) {
    let mut onsale = Command::new(programs.join("onsale"));
    onsale.arg("verify-draw").arg(file);
    verify_by("onsale verify-draw", onsale, laws);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/verify_draw.py");
    let has_python = Command::new("python3").arg("--version").output().is_ok();
    if has_python && script.exists() {
        let mut python = Command::new("python3");
        python.arg(PathBuf::from(&script)).arg(file);
        verify_by("verify_draw.py", python, laws);
    }
}

fn verify_by(name: &str, mut command: Command, laws: &mut Findings) {
    match command.output() {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said).into_owned();
            let last = said.trim_end().lines().last().unwrap_or_default().to_owned();
            laws.check(Law::Draw, output.status.success(), || format!("{name}: {last}"));
        }
        Err(error) => laws.check(Law::Draw, false, || format!("{name}: {error}")),
    }
}

/// Everybody's place against the draw, and no place twice. Places count from 0 in the draw; for people
/// from 1.
pub fn judge(fans: &[Fan], entries: &[Entry], laws: &mut Findings) {
    let mut drawn: Vec<(u32, u32)> = entries.iter().map(|e| (e.number, e.place + 1)).collect();
    drawn.sort_unstable();
    for (fan, number) in fans.iter().zip(0_u32..) {
        if fan.number == NONE || fan.place == NONE {
            continue;
        }
        let found = drawn.binary_search_by_key(&fan.number, |(number, _)| *number).ok();
        let place = found.map(|at| drawn[at].1);
        // Whoever came around the moment of the doors need not know on which side.
        let fits = match place {
            Some(place) => place == fan.place,
            None => !fan.is(mark::IN_DRAW),
        };
        laws.check(Law::Draw, fits, || {
            format!("fan {number} was told place {}, the draw gives {place:?}", fan.place)
        });
    }
    let mut places: Vec<u32> = fans.iter().map(|f| f.place).filter(|p| *p != NONE).collect();
    places.sort_unstable();
    laws.checked(Law::NoTwins, places.len() as u64);
    for pair in places.windows(2).filter(|pair| pair[0] == pair[1]) {
        laws.check(Law::NoTwins, false, || format!("two fans were told place {}", pair[0]));
    }
}

#[cfg(test)]
mod tests {
    use super::super::roles::Role;
    use super::*;

    #[test]
    fn chunks_are_joined_and_a_torn_one_is_an_error() {
        assert_eq!(joined(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").expect("whole"), b"abcde");
        assert!(joined(b"3\r\nabc\r\n2\r\nd").is_err());
        assert!(read("1 1 00ff 7\n2 1 00fe 9\n").is_ok_and(|entries| entries[1].place == 9));
        assert!(read("1 1").is_err());
    }

    #[test]
    fn a_place_that_the_draw_did_not_give_is_seen_and_so_is_one_given_twice() {
        let fan = |number, place| Fan { number, place, ..Fan::new(Role::Plain) };
        let entries = read("5 1 0a 1\n6 1 0b 0\n").expect("entries");
        let broken = |fans: &[Fan]| {
            let mut laws = Findings::default();
            judge(fans, &entries, &mut laws);
            (laws.is_broken(Law::Draw), laws.is_broken(Law::NoTwins))
        };
        assert_eq!(broken(&[fan(5, 2), fan(6, 1), fan(7, 3)]), (false, false));
        assert_eq!(broken(&[fan(5, 1), fan(6, 2)]), (true, false));
        assert_eq!(broken(&[fan(5, 2), fan(7, 2)]), (false, true));
        let mut drawn = fan(9, 4);
        drawn.set(mark::IN_DRAW);
        assert_eq!(broken(&[drawn]), (true, false), "an entrant who is not in the draw");
    }
}
