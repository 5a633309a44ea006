//! A body cut into lines, bounded in bytes and in silence.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::problem::Code;
use crate::http::routes::reservations::LineDraft;

/// Most bytes of one line; a hundred reservation lines with long names are half of it.
const LINE_BYTES_MAX: usize = 16 << 10;

/// A line of the bulk door: a reservation with its key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkLine<'a> {
    /// 1 to 255 printable characters; repeat the line with it, 24 h.
    #[serde(borrow)]
    pub idempotency_key: Cow<'a, str>,
    /// 1 to 255 printable characters.
    #[serde(borrow)]
    pub customer: Cow<'a, str>,
    /// 1 to 100 lines, each pool once.
    #[serde(borrow)]
    pub lines: Vec<LineDraft<'a>>,
    /// The customer's pass of the waiting room, if it asks for one.
    #[serde(borrow, default)]
    pub pass: Option<Cow<'a, str>>,
}

/// How a body ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    Whole,
    Broken(Code, &'static str),
}

/// Lines of a body, read as they are wanted.
pub struct Lines {
    body: Body,
    idle: Duration,
    gathered: BytesMut,
    number: u64,
}

impl Lines {
    pub fn new(body: Body, idle: Duration) -> Self {
        Self { body, idle, gathered: BytesMut::new(), number: 0 }
    }

    /// Number of the newest line, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Hands up to `lines_max` lines to `take`: all that are here, and at least one unless the body
    /// ends. Empty lines count but are not handed on.
    pub async fn next_chunk(
        &mut self,
        lines_max: usize,
        mut take: impl FnMut(u64, &[u8]),
    ) -> Option<End> {
        loop {
            if 0 < self.take_whole(lines_max, &mut take) {
                return None;
            }
            if LINE_BYTES_MAX < self.gathered.len() {
                return Some(End::Broken(Code::BodyTooLarge, "a line is longer than 16 KiB"));
            }
            let frame = match tokio::time::timeout(self.idle, self.body.frame()).await {
                Err(_) => return Some(End::Broken(Code::RequestTimeout, "the lines stopped")),
                Ok(None) => break,
                Ok(Some(Err(_))) => {
                    return Some(End::Broken(Code::InvalidRequest, "the body broke off"));
                }
                Ok(Some(Ok(frame))) => frame,
            };
            if let Ok(data) = frame.into_data() {
                self.add(data);
            }
        }
        // The last line may do without its line end.
        let last = self.gathered.split();
        self.hand_on(&last, &mut take);
        Some(End::Whole)
    }

    fn add(&mut self, data: Bytes) {
        if self.gathered.is_empty() {
            // Not a copy when nobody else holds the bytes.
            self.gathered = BytesMut::from(data);
        } else {
            self.gathered.extend_from_slice(&data);
        }
    }

    fn take_whole(&mut self, lines_max: usize, take: &mut impl FnMut(u64, &[u8])) -> usize {
        let mut taken = 0;
        let mut used = 0;
        let gathered = std::mem::take(&mut self.gathered);
        for end in memchr::memchr_iter(b'\n', &gathered).take(lines_max) {
            taken += 1;
            self.hand_on(&gathered[used..end], take);
            used = end + 1;
        }
        self.gathered = gathered;
        self.gathered.advance(used);
        taken
    }

    fn hand_on(&mut self, line: &[u8], take: &mut impl FnMut(u64, &[u8])) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.number += 1;
        if !line.is_empty() {
            take(self.number, line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn chunks(pieces: &[&'static [u8]], lines_max: usize) -> (Vec<Vec<String>>, End) {
        let (mut sender, body) = http_body_util::channel::Channel::<Bytes>::new(64);
        for piece in pieces {
            sender.send_data(Bytes::from_static(piece)).await.expect("room");
        }
        drop(sender);
        let mut lines = Lines::new(Body::new(body), Duration::from_secs(1));
        let mut chunks = Vec::new();
        loop {
            let mut chunk = Vec::new();
            let end = lines.next_chunk(lines_max, |number, line| {
                chunk.push(format!("{number} {}", String::from_utf8_lossy(line)));
            });
            let end = end.await;
            chunks.push(chunk);
            if let Some(end) = end {
                return (chunks, end);
            }
        }
    }

    #[tokio::test]
    async fn lines_are_the_same_however_the_body_is_cut() {
        let expected = ["1 a", "2 bc", "4 d", "5 e"];
        for pieces in [
            &[&b"a\nbc\r\n\nd\ne"[..]][..],
            &[b"a", b"\nb", b"c\r", b"\n\n", b"d\n", b"e"],
            &[b"a\nbc\n\nd\ne\n"],
        ] {
            for lines_max in [1, 2, 100] {
                let (chunks, end) = chunks(pieces, lines_max).await;
                assert_eq!(chunks.concat(), expected);
                assert!(chunks.iter().all(|chunk| chunk.len() <= lines_max));
                assert_eq!(end, End::Whole);
            }
        }
    }

    #[tokio::test]
    async fn a_line_without_end_is_refused_and_what_came_before_is_taken() {
        const ENDLESS: &[u8] = &[b'x'; LINE_BYTES_MAX];
        let (chunks, end) = chunks(&[b"a\n", ENDLESS, b"x"], 10).await;
        assert_eq!(chunks.concat(), ["1 a"]);
        assert!(matches!(end, End::Broken(Code::BodyTooLarge, _)));
    }
}
