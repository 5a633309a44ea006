//! A million addresses.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::limited;
use crate::support::Server;

/// Of the server. Unit: KiB.
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process()));
    let status = status.expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux");
    line.trim().trim_end_matches(" kB").trim().parse().expect("a number")
}

/// Asks once for each address, many requests under way on one connection; tells how often it was let in.
async fn flood(server: &Server, addresses: std::ops::Range<u32>) -> usize {
    const TOGETHER: usize = 64;
    let stream = TcpStream::connect(server.url.trim_start_matches("http://")).await;
    let mut stream = stream.expect("it listens");
    let (mut let_in, mut received) = (0, Vec::new());
    let mut addresses = addresses.peekable();
    while addresses.peek().is_some() {
        let asked: Vec<u32> = addresses.by_ref().take(TOGETHER).collect();
        let text: String = asked
            .iter()
            .map(|n| {
                let address = std::net::Ipv4Addr::from(0x2000_0000 + n);
                format!("GET /v1/nothing HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {address}\r\n\r\n")
            })
            .collect();
        stream.write_all(text.as_bytes()).await.expect("sent");
        received.clear();
        // Each answer ends with the end of its problem, and names its status in it once.
        let ends = |bytes: &[u8]| String::from_utf8_lossy(bytes).matches("HTTP/1.1 ").count();
        while ends(&received) < asked.len() || !received.ends_with(b"}") {
            let read = stream.read_buf(&mut received).await.expect("answers");
            assert!(0 < read, "the server closed");
        }
        let_in += String::from_utf8_lossy(&received).matches("HTTP/1.1 404").count();
    }
    let_in
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the gate: some minutes"]
async fn a_million_addresses_cannot_grow_the_server() {
    let dir = tempfile::tempdir().expect("a directory");
    let policies = "read-address;q=1;w=86400";
    let server = limited(dir.path(), policies, &[("ONSALE__LIMITS__CELLS_MAX", "100000")]);
    flood(&server, 0..1_000).await;
    let (fresh, mut full) = (resident(&server), 0);
    let mut let_in = 0;
    for part in 0..10 {
        let first = 1_000 + part * 100_000;
        let halves = [first..first + 50_000, first + 50_000..first + 100_000];
        let (one, other) =
            tokio::join!(flood(&server, halves[0].clone()), flood(&server, halves[1].clone()));
        let_in += one + other;
        if part < 4 {
            // From the second part on the table has no room; the allocator comes to rest a little later.
            full = full.max(resident(&server));
        }
        println!("{} addresses: {let_in} let in, {} KiB", (part + 1) * 100_000, resident(&server));
    }
    let before = full;
    let after = resident(&server);
    println!(
        "1,000,000 addresses: {fresh} KiB fresh, {before} KiB with a full table, {after} KiB after, {let_in} \
         were let in"
    );
    assert!(after < before + 8 * 1_024, "{before} KiB became {after} KiB");
    assert!(after < fresh + 48 * 1_024, "{fresh} KiB became {after} KiB");
    assert!((90_000..140_000).contains(&let_in), "{let_in} for 100,000 places");
}
