//! The lines of the bulk door, both ways, as bytes: formatting and parsing each would cost the generator
//! more than the server spends on it.

use anyhow::bail;

use crate::event::POOL;

/// Digits of a line's number in keys and names, so that all lines are of one length.
const DIGITS: usize = 10;
/// Lines sent together.
const CHUNK_LINES: u64 = 512;

/// A number that counts up in place.
#[derive(Clone, Copy)]
struct Counter([u8; DIGITS]);

impl Counter {
    fn at(number: u64) -> Self {
        let mut digits = [b'0'; DIGITS];
        let mut rest = number;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
        Self(digits)
    }

    fn step(&mut self) {
        for digit in self.0.iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
    }

    /// Without zeros in front.
    fn short(&self) -> &[u8] {
        let zeros = self.0.iter().take(DIGITS - 1).take_while(|digit| **digit == b'0').count();
        &self.0[zeros..]
    }
}

/// What is sent: chunks of a body that has no length.
pub struct Sent {
    line: Vec<u8>,
    key_at: usize,
    fan_at: usize,
    counter: Counter,
    left: u64,
    chunk: Vec<u8>,
}

impl Sent {
    /// Lines `first + 1 ..= first + count` of the feeder `name`.
    pub fn new(name: &str, first: u64, count: u64) -> Self {
        let zeros = "0".repeat(DIGITS);
        let before_key = format!(r#"{{"idempotency_key":"{name}-"#);
        let before_fan = format!(r#"{before_key}{zeros}","customer":"{name}-"#);
        let line =
            format!("{before_fan}{zeros}\",\"lines\":[{{\"pool\":\"{POOL}\",\"quantity\":1}}]}}\n");
        Self {
            line: line.into_bytes(),
            key_at: before_key.len(),
            fan_at: before_fan.len(),
            counter: Counter::at(first),
            left: count,
            chunk: Vec::new(),
        }
    }

    /// The next piece of the request; `None` after the one that ends it.
    pub fn next_chunk(&mut self) -> &[u8] {
        self.chunk.clear();
        let lines = self.left.min(CHUNK_LINES);
        let bytes = self.line.len() * usize::try_from(lines).unwrap_or_default();
        self.chunk.extend_from_slice(format!("{bytes:x}\r\n").as_bytes());
        for _ in 0..lines {
            self.counter.step();
            let at = self.chunk.len();
            self.chunk.extend_from_slice(&self.line);
            for place in [at + self.key_at, at + self.fan_at] {
                self.chunk[place..place + DIGITS].copy_from_slice(&self.counter.0);
            }
        }
        self.left -= lines;
        self.chunk.extend_from_slice(b"\r\n");
        &self.chunk
    }

    /// Whether the piece that ends the body has been made.
    pub fn is_done(&self) -> bool {
        self.left == 0 && self.chunk.starts_with(b"0\r\n")
    }
}

/// Holds what comes back against what was sent, in whatever pieces it comes.
pub struct Outcomes {
    before_key: Vec<u8>,
    line: Counter,
    key: Counter,
    partial: Vec<u8>,
    /// Lines that have come.
    pub lines: u64,
    /// Of these, with status 201.
    pub yes: u64,
    /// Another outcome, to show what they are.
    pub other: Option<String>,
}

impl Outcomes {
    pub fn new(name: &str, first: u64) -> Self {
        Self {
            before_key: format!(r#","idempotency_key":"{name}-"#).into_bytes(),
            line: Counter::at(0),
            key: Counter::at(first),
            partial: Vec::new(),
            lines: 0,
            yes: 0,
            other: None,
        }
    }

    /// # Errors
    /// A line is not the next one, or is of another key.
    pub fn take(&mut self, piece: &[u8]) -> anyhow::Result<()> {
        let mut rest = piece;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            if self.partial.is_empty() {
                self.check(&rest[..end])?;
            } else {
                let mut line = std::mem::take(&mut self.partial);
                line.extend_from_slice(&rest[..end]);
                self.check(&line)?;
            }
            rest = &rest[end + 1..];
        }
        self.partial.extend_from_slice(rest);
        Ok(())
    }

    fn check(&mut self, line: &[u8]) -> anyhow::Result<()> {
        self.line.step();
        self.key.step();
        let status = line
            .strip_prefix(br#"{"line":"#)
            .and_then(|rest| rest.strip_prefix(self.line.short()))
            .and_then(|rest| rest.strip_prefix(&self.before_key[..]))
            .and_then(|rest| rest.strip_prefix(&self.key.0))
            .and_then(|rest| rest.strip_prefix(br#"","status":"#));
        let text = || String::from_utf8_lossy(line).into_owned();
        let Some(status) = status else {
            bail!("outcome {} is not that of its line: {}", self.lines + 1, text());
        };
        self.lines += 1;
        if status.starts_with(b"201,") {
            self.yes += 1;
        } else {
            self.other.get_or_insert_with(text);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_sent_once_and_the_body_ends() {
        let mut sent = Sent::new("b-1", 98, CHUNK_LINES + 3);
        let mut body = Vec::new();
        while !sent.is_done() {
            let chunk = sent.next_chunk();
            let head = chunk.windows(2).position(|two| two == b"\r\n").expect("a size") + 2;
            body.extend_from_slice(&chunk[head..chunk.len() - 2]);
        }
        let text = String::from_utf8(body).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len() as u64, CHUNK_LINES + 3);
        assert!(
            lines[0].contains(r#""b-1-0000000099","customer":"b-1-0000000099""#),
            "{}",
            lines[0]
        );
        assert!(lines[1].contains(r#""b-1-0000000100""#), "{}", lines[1]);
    }

    const ANSWER: &str = "{\"line\":1,\"idempotency_key\":\"b-0000000010\",\"status\":201,\"id\":\"x\"}\n\
        {\"line\":2,\"idempotency_key\":\"b-0000000011\",\"status\":409,\"code\":\"sold_out\"}\n";

    #[test]
    fn outcomes_are_the_same_however_they_are_cut() {
        for cut in 0..ANSWER.len() {
            let mut outcomes = Outcomes::new("b", 9);
            let (first, second) = ANSWER.as_bytes().split_at(cut);
            outcomes.take(first).expect("in order");
            outcomes.take(second).expect("in order");
            assert_eq!((outcomes.lines, outcomes.yes), (2, 1), "cut at {cut}");
            assert!(outcomes.other.expect("one").contains("sold_out"));
        }
    }

    #[test]
    fn an_outcome_that_is_missing_doubled_or_of_another_key_is_noticed() {
        let second = ANSWER.lines().nth(1).expect("two");
        let swapped = ANSWER.replace("0000000010", "0000000011");
        let doubled = format!("{ANSWER}{second}\n");
        for wrong in [&format!("{second}\n"), &swapped, &doubled] {
            assert!(Outcomes::new("b", 9).take(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
