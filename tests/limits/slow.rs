//! Clients that take their time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::EVENT;
use crate::support::Server;

/// Milliseconds that everything may take in these tests; an operator who wants slow clients gone within 10 s
/// writes 10000.
const PATIENCE_MS: &str = "1000";
/// Far less than ten times as long, since that is how they would be told from clients that are not let go.
const GONE: Duration = Duration::from_millis(3_500);

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.url.trim_start_matches("http://")).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream
}

/// Sends a byte now and then until the server has closed; tells when that was, and what it said.
fn drip(mut stream: TcpStream, begin: String, byte: &'static [u8]) -> (Duration, String) {
    let begun = Instant::now();
    stream.write_all(begin.as_bytes()).expect("sent");
    stream.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
    let mut said = Vec::new();
    loop {
        let mut some = [0; 4_096];
        match stream.read(&mut some) {
            Ok(0) => break,
            Ok(bytes) => said.extend(&some[..bytes]),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock) => {}
            Err(_) => break,
        }
        if stream.write_all(byte).is_err() || Duration::from_secs(15) < begun.elapsed() {
            break;
        }
    }
    (begun.elapsed(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn whoever_drips_a_head_or_a_body_is_let_go_in_time() {
    let dir = tempfile::tempdir().expect("a directory");
    let settings = [
        ("ONSALE__SERVER__HEADER_TIMEOUT_MS", PATIENCE_MS),
        ("ONSALE__SERVER__BODY_TIMEOUT_MS", PATIENCE_MS),
        ("ONSALE__SERVER__IDLE_TIMEOUT_MS", PATIENCE_MS),
    ];
    let server = Server::start(dir.path(), &settings);
    let head = "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ".to_owned();
    let body = format!(
        "POST {EVENT}/reservations HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n{{"
    );
    let chunked = format!(
        "POST {EVENT}/reservations HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    std::thread::scope(|scope| {
        let drips = [
            ("head", head, &b"a"[..], false),
            ("body", body, b" ", true),
            ("chunks", chunked, b"1\r\n \r\n", true),
        ];
        for (what, begin, byte, is_told) in drips {
            let stream = connect(&server);
            scope.spawn(move || {
                let (took, said) = drip(stream, begin, byte);
                println!("{what}: let go after {took:?}");
                assert!(took < GONE, "{what}: {took:?}");
                assert!(
                    Duration::from_millis(900) < took,
                    "{what} was not given its time: {took:?}"
                );
                assert_eq!(said.contains("\"request_timeout\""), is_told, "{what}: {said}");
            });
        }
    });
}
