//! A disk without space refuses sales, loses none, and sells on by itself once there is space.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::Server;

/// The disk of this test. Unit: bytes.
const DISK: usize = 64 << 20;
/// What the server wants to have free. Unit: bytes.
const FREE_MIN: &str = "16777216";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "mounts a small tmpfs, which needs root or user namespaces; .ci/run runs it"]
async fn a_full_disk_refuses_sales_loses_none_and_sells_on_when_there_is_space() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = on_small_disk(dir.path(), &[]);
    let (_open, disk) = way_into(&server, dir.path());
    reserve(&server, "before").await;
    fs::write(disk.join("ballast"), vec![1; DISK - (8 << 20)]).expect("there is room for it");
    let (_, body) = until(&server, "full", 503).await;
    assert_eq!(body["code"], json!("storage_full"), "{body}");
    assert_eq!(server.get("/v1/events/concert-a/availability").await.0, 200, "reading goes on");
    fs::remove_file(disk.join("ballast")).expect("removed");
    until(&server, "full-again", 201).await;
    let (held, body) = (held(&server).await, reserve(&server, "full-again").await);
    assert_eq!(self::held(&server).await, held, "the key gives its first answer: {body}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "mounts a small tmpfs, which needs root or user namespaces; .ci/run runs it"]
async fn a_write_that_fails_ends_the_process_and_loses_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    // Without its guard the server meets the full disk in the middle of a write.
    let mut server = on_small_disk(dir.path(), &[("ONSALE_FAULT", "ignore_full_disk")]);
    let (_open, disk) = way_into(&server, dir.path());
    let mut told = Vec::new();
    for n in 0..20 {
        told.push(reserve(&server, &format!("before-{n}")).await);
    }
    let filled = fs::write(disk.join("ballast"), vec![1; DISK]);
    assert!(filled.is_err(), "there was room for {DISK} bytes more");
    // sled's file has room up to the end of its page; then the disk has none.
    for n in 0..10_000 {
        match server.reserve("concert-a", "fan", &format!("full-{n}"), 1).await {
            Ok((201, body)) => told.push(id(&body)),
            Ok((status, body)) => panic!("{status} {body}"),
            Err(_) => break,
        }
    }
    assert_eq!(server.exit_code(), Some(74), "a journal fault ends the process");
    fs::remove_file(disk.join("ballast")).expect("removed");
    let kept = dir.path().join("kept");
    fs::create_dir_all(&kept).expect("made");
    copy(&disk.join("data"), &kept.join("data"));
    let server = Server::start(&kept, &[]);
    for id in &told {
        let (status, _) = server.get(&format!("/v1/events/concert-a/reservations/{id}")).await;
        assert_eq!(status, 200, "{id} was promised");
    }
    reserve(&server, "recovered").await;
}

/// Asks, each time with a key of its own, until the answer has this status.
async fn until(server: &Server, key: &str, status: u16) -> (u16, Value) {
    let started = Instant::now();
    for n in 0.. {
        let key = if status == 201 { key.to_owned() } else { format!("{key}-{n}") };
        let answer = server.reserve("concert-a", "fan", &key, 1).await.expect("an answer");
        if answer.0 == status {
            return answer;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "still {answer:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    unreachable!("the loop has no end")
}

async fn reserve(server: &Server, key: &str) -> String {
    let (status, body) = server.reserve("concert-a", "fan", key, 1).await.expect("an answer");
    assert_eq!(status, 201, "{body}");
    id(&body)
}

fn id(reservation: &Value) -> String {
    reservation["id"].as_str().expect("an id").to_owned()
}

async fn held(server: &Server) -> Value {
    server.get("/v1/events/concert-a/availability").await.1["pools"][0]["held"].clone()
}

/// A server whose data directory is on a small disk that nobody else sees, and that goes with it.
fn on_small_disk(dir: &Path, settings: &[(&str, &str)]) -> Server {
    let mount =
        format!("mount -t tmpfs -o size={DISK} onsale-test '{}' && exec \"$0\"", dir.display());
    let wrapper = ["unshare", "--mount", "--map-root-user", "sh", "-c", &mount];
    let settings = [&[("ONSALE__STORAGE__FREE_BYTES_MIN", FREE_MIN)], settings].concat();
    Server::start_under(&wrapper, dir, &settings)
}

/// The small disk as seen from here, and what keeps it there when the server has ended.
fn way_into(server: &Server, dir: &Path) -> (File, PathBuf) {
    let root = format!("/proc/{}/root{}", server.process(), dir.display());
    let open = File::open(root).expect("the server's disk");
    let path = format!("/proc/self/fd/{}", open.as_raw_fd()).into();
    (open, path)
}

/// As `cp -a` does: a directory with keys stays closed to others.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    let modes = fs::metadata(from).expect("it is there").permissions();
    fs::set_permissions(to, modes).expect("ours");
    for entry in fs::read_dir(from).expect("it reads") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("copied");
        }
    }
}
