//! One keep-alive connection, and requests over it one after another.
//!
//! Not a general client: it reads what onsale sends (a length, no chunks), so that a request costs the
//! generator less than it costs the server.

use std::io;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::target::Target;

/// Bytes of one answer; more than any route that is loaded sends.
const ANSWER_BYTES_MAX: usize = 1 << 20;
const HEADERS_MAX: usize = 32;

/// An answer, with the parts a buyer looks at.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Unit: seconds. `None`: the server does not say.
    pub retry_after: Option<u64>,
    pub body: Vec<u8>,
}

impl Answer {
    /// # Errors
    /// The body is not what the status promised.
    pub fn parse<'a, T: Deserialize<'a>>(&'a self) -> Result<T, String> {
        serde_json::from_slice(&self.body).map_err(|error| {
            format!("status {}, body not understood: {error}: {}", self.status, self.text())
        })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Connected when first needed, and again after an error.
pub struct Connection {
    target: Target,
    stream: Option<TcpStream>,
    received: Vec<u8>,
}

impl Connection {
    pub fn new(target: Target) -> Self {
        Self { target, stream: None, received: Vec::with_capacity(2_048) }
    }

    /// Sends one request and waits for its answer.
    ///
    /// # Errors
    /// The connection broke. The request may have been carried out: only its key tells.
    pub async fn ask(&mut self, request: &[u8]) -> io::Result<Answer> {
        let answer = self.exchange(request).await;
        if answer.is_err() {
            self.stream = None;
        }
        answer
    }

    async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.target.address).await?;
            stream.set_nodelay(true)?;
            self.stream = Some(stream);
        }
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        stream.write_all(request).await?;
        self.received.clear();
        loop {
            if stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some((answer, closes)) = parse(&self.received)? {
                if closes {
                    self.stream = None;
                }
                return Ok(answer);
            }
            if ANSWER_BYTES_MAX < self.received.len() {
                return Err(invalid("the answer is too long"));
            }
        }
    }
}

/// The answer and whether the server closes after it; `None`: not all of it is here yet.
fn parse(received: &[u8]) -> io::Result<Option<(Answer, bool)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head_bytes) = head.parse(received).map_err(invalid)? else {
        return Ok(None);
    };
    let mut length = None;
    let (mut retry_after, mut closes) = (None, false);
    for header in head.headers.iter() {
        let value = std::str::from_utf8(header.value).unwrap_or_default();
        if header.name.eq_ignore_ascii_case("content-length") {
            length = Some(value.parse::<usize>().map_err(invalid)?);
        } else if header.name.eq_ignore_ascii_case("retry-after") {
            retry_after = value.parse().ok();
        } else if header.name.eq_ignore_ascii_case("connection") {
            closes = value.eq_ignore_ascii_case("close");
        }
    }
    let length = length.ok_or_else(|| invalid("the answer has no content-length"))?;
    let Some(body) = received.get(head_bytes..head_bytes.saturating_add(length)) else {
        return Ok(None);
    };
    let status = head.code.ok_or_else(|| invalid("the answer has no status"))?;
    Ok(Some((Answer { status, retry_after, body: body.to_vec() }, closes)))
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_only_when_all_of_it_is_there() {
        let whole = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\n\
            Connection: close\r\nContent-Length: 4\r\n\r\nbusy";
        for cut in 0..whole.len() {
            assert!(matches!(parse(&whole[..cut]), Ok(None)), "cut at {cut}");
        }
        let (answer, closes) = parse(whole).expect("valid").expect("whole");
        assert!(closes);
        assert_eq!((answer.status, answer.retry_after), (503, Some(2)));
        assert_eq!(answer.text(), "busy");
    }

    #[test]
    fn what_is_not_http_is_an_error() {
        assert!(parse(b"SSH-2.0-OpenSSH\r\n\r\n").is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err(), "no length");
    }
}
