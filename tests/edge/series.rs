//! What strangers try does not grow the metrics.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::shop::Shop;

/// Series that a scrape may have.
const SERIES_MAX: usize = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_paths_methods_and_agents_make_no_series() {
    flood(20_000).await;
}

/// The gate's figure; some minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a million requests take some minutes"]
async fn a_million_random_paths_methods_and_agents_make_no_series() {
    flood(1_000_000).await;
}

async fn flood(requests: u32) {
    let dir = tempfile::tempdir().expect("a directory");
    let quiet = [("ONSALE__LOG__ACCESS_SAMPLE_PERMILLE", "1000")];
    // Honest use first, so that what it needs is among them.
    let shop = Shop::open(dir.path(), &quiet).await;
    let document = shop.server.get("/openapi.json").await.1;
    let templates: Vec<String> =
        document["paths"].as_object().expect("paths").keys().cloned().collect();
    let before = series(&shop).await;
    let address = shop.server.url.trim_start_matches("http://").to_owned();
    std::thread::scope(|scope| {
        for seed in 1..=4_u64 {
            let (address, templates) = (address.as_str(), &templates);
            scope.spawn(move || Stranger::new(seed, templates).ask(address, requests / 4));
        }
    });
    let after = series(&shop).await;
    println!("{requests} requests: {before} series before, {after} after");
    assert!(after < SERIES_MAX, "{after} series, {before} before; seeds 1 to 4");
    // It still serves.
    assert_eq!(shop.server.get("/v1/events/concert-a").await.0, 200);
}

async fn series(shop: &Shop) -> usize {
    let scrape = shop.server.client.get(format!("{}/metrics", shop.server.admin)).send().await;
    let text = scrape.expect("an answer").text().await.expect("a body");
    assert!(!text.contains("zzz"), "a stranger's word is in the scrape");
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).count()
}

/// Asks at random, over connections that are kept.
struct Stranger<'a> {
    state: u64,
    templates: &'a [String],
}

impl<'a> Stranger<'a> {
    fn new(seed: u64, templates: &'a [String]) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), templates }
    }

    fn random(&mut self, below: usize) -> usize {
        // xorshift64
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % below as u64) as usize
    }

    fn word(&mut self) -> String {
        format!("zzz{:x}", self.random(usize::MAX))
    }

    fn method(&mut self) -> String {
        const METHODS: [&str; 8] =
            ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];
        match self.random(METHODS.len() + 1) {
            at if at < METHODS.len() => METHODS[at].to_owned(),
            _ => self.word().to_uppercase(),
        }
    }

    fn path(&mut self) -> String {
        let mut path = match self.random(3) {
            0 => format!("/{}", self.word()),
            1 => format!("/v1/{}/{}", self.word(), self.word()),
            _ => {
                let at = self.random(self.templates.len());
                self.templates[at].clone()
            }
        };
        while let Some(at) = path.find('{') {
            let end = at + path[at..].find('}').expect("a whole template") + 1;
            let known = self.random(2) == 0 && path[at..].starts_with("{event}");
            let word = if known { "concert-a".to_owned() } else { self.word() };
            path.replace_range(at..end, &word);
        }
        if self.random(4) == 0 { format!("{path}?{}={}", self.word(), self.word()) } else { path }
    }

    fn ask(&mut self, address: &str, requests: u32) {
        let mut connection = None;
        for _ in 0..requests {
            let (method, path, agent) = (self.method(), self.path(), self.word());
            let body = if self.random(2) == 0 { "{}" } else { "{\"customer\":\"zzz\"}" };
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: {agent}\r\nUser-Agent: {agent}\r\n\
                 X-Request-Id: {agent}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let stream = connection.get_or_insert_with(|| connect(address));
            stream.get_mut().write_all(request.as_bytes()).expect("sent");
            if !read_answer(stream, method == "HEAD") {
                connection = None;
            }
        }
    }
}

fn connect(address: &str) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    stream.set_nodelay(true).expect("no delay");
    BufReader::new(stream)
}

/// Whether the connection goes on.
fn read_answer(stream: &mut BufReader<TcpStream>, is_head: bool) -> bool {
    let (mut line, mut length, mut goes_on) = (String::new(), Some(0), true);
    loop {
        line.clear();
        stream.read_line(&mut line).expect("a whole head");
        assert!(!line.is_empty(), "it hung up without an answer");
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(text) = header.strip_prefix("content-length: ") {
            length = text.parse().ok();
        }
        assert!(!header.starts_with("http/1.1 5"), "{header}");
        goes_on &= header != "connection: close";
        if header == "transfer-encoding: chunked" {
            length = None;
        }
    }
    match length {
        _ if is_head => goes_on,
        Some(bytes) => {
            let mut body = vec![0; bytes];
            stream.read_exact(&mut body).expect("a whole body");
            if body.starts_with(b"{") {
                let _: Value = serde_json::from_slice(&body).expect("JSON");
            }
            goes_on
        }
        // A stream; the next request goes by another connection.
        None => false,
    }
}
