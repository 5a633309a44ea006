//! HTTP, as far as this program speaks it, from the other side.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Room;
use crate::target::Target;

pub struct Ask {
    pub method: String,
    pub path: String,
    headers: Vec<(String, String)>,
    pub body: Value,
}

impl Ask {
    pub fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    }

    /// `None`: not all of it is here.
    fn read(received: &[u8]) -> Option<(Self, usize)> {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut head = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(bytes) = head.parse(received).expect("HTTP") else {
            return None;
        };
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let (method, path) = (head.method.expect("whole"), head.path.expect("whole"));
        let mut ask = Self {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: head.headers.iter().map(|h| (h.name.to_owned(), text(h.value))).collect(),
            body: Value::Null,
        };
        let length = ask.header("content-length").and_then(|length| length.parse().ok());
        let end = bytes + length.unwrap_or(0);
        let body = received.get(bytes..end)?;
        ask.body = serde_json::from_slice(body).unwrap_or_default();
        Some((ask, end))
    }
}

async fn serve(mut stream: TcpStream, room: Rc<RefCell<Room>>) -> Option<()> {
    let mut received = Vec::new();
    loop {
        while let Some((ask, end)) = Ask::read(&received) {
            received.drain(..end);
            let (status, body) = room.borrow_mut().answer(&ask);
            let again = body["retry_after"].as_u64();
            let again = again.map(|s| format!("Retry-After: {s}\r\n")).unwrap_or_default();
            let body = body.to_string();
            let length = body.len();
            let head = format!("HTTP/1.1 {status} X\r\n{again}Content-Length: {length}\r\n\r\n");
            stream.write_all((head + &body).as_bytes()).await.ok()?;
        }
        if stream.read_buf(&mut received).await.ok()? == 0 {
            return None;
        }
    }
}

/// Serves a room on a thread of its own, which ends with the process.
pub fn start(make: impl FnOnce() -> Room + Send + 'static) -> Target {
    let (address, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime.expect("a runtime"), async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let room = Rc::new(RefCell::new(make()));
            address.send(listener.local_addr().expect("an address")).expect("heard");
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                tokio::task::spawn_local(serve(stream, Rc::clone(&room)));
            }
        });
    });
    Target { address: told.recv().expect("an address") }
}
