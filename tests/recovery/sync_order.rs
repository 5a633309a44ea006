//! No answer overtakes the disk (INV-5), seen from outside: the system calls of the server under
//! `strace`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::support::Server;

const RESERVATIONS: usize = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace; .ci/run runs it"]
async fn between_each_write_and_its_answer_the_disk_was_synced() {
    let dir = tempfile::tempdir().expect("a directory");
    let trace = dir.path().join("trace");
    let text = trace.to_str().expect("an ASCII path");
    let calls = "trace=openat,recvfrom,read,pwrite64,pwritev,fdatasync,fsync,writev,write,sendto";
    // With -D the server is our own child, and strace watches from the side.
    let wrapper = ["strace", "-D", "-f", "-y", "-s", "32", "-e", calls, "-o", text];
    let mut server = Server::start_under(&wrapper, dir.path(), &[]);
    for n in 0..RESERVATIONS {
        let sold = server.reserve("concert-a", "fan", &n.to_string(), 1).await;
        assert_eq!(sold.expect("an answer").0, 201);
    }
    let process = server.process();
    server.kill();
    let seen = follow(&whole(&trace, process));
    assert_eq!(seen.overtaken, [""; 0]);
    assert_eq!(seen.answers, RESERVATIONS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace; .ci/run runs it"]
async fn a_sync_that_fails_ends_the_process_before_another_answer() {
    let dir = tempfile::tempdir().expect("a directory");
    // The tenth sync says EIO, and so do all after it.
    let inject = "inject=fdatasync:error=EIO:when=10+";
    let wrapper =
        ["strace", "-D", "-f", "-q", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", inject];
    let mut server = Server::start_under(&wrapper, dir.path(), &[]);
    let mut told = Vec::new();
    for n in 0..100 {
        match server.reserve("concert-a", "fan", &n.to_string(), 1).await {
            Ok((201, body)) => told.push(body["id"].as_str().expect("an id").to_owned()),
            Ok((status, body)) => panic!("{status} {body}"),
            Err(_) => break,
        }
    }
    assert_eq!(server.exit_code(), Some(74), "{} were sold", told.len());
    assert!(!told.is_empty() && told.len() < 10, "{} were sold", told.len());
    let server = Server::start(dir.path(), &[]);
    for id in &told {
        let path = format!("/v1/events/concert-a/reservations/{id}");
        assert_eq!(server.get(&path).await.0, 200, "{id} was promised");
    }
}

/// The trace, once strace has written its last line.
fn whole(trace: &Path, process: u32) -> String {
    for _ in 0..1_000 {
        let text = fs::read_to_string(trace).expect("the trace");
        if text.lines().any(|line| is_end_of(line, process)) {
            return text;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("strace did not write that {process} was killed");
}

/// strace pads the numbers of processes to five places, so there may be several spaces.
fn is_end_of(line: &str, process: u32) -> bool {
    line.split_once(' ').is_some_and(|(number, rest)| {
        number == process.to_string() && rest.trim_start() == "+++ killed by SIGKILL +++"
    })
}

#[derive(Default)]
struct Seen {
    answers: usize,
    overtaken: Vec<String>,
}

/// Where one request stands, as the calls tell it.
#[derive(PartialEq)]
enum Stage {
    Idle,
    Asked,
    Written,
    Synced,
}

/// One request at a time was under way, so the calls of all threads are one story.
fn follow(trace: &str) -> Seen {
    let mut seen = Seen::default();
    let mut stage = Stage::Idle;
    for line in trace.lines() {
        if line.contains("\"POST /v1/events/") {
            stage = Stage::Asked;
        } else if is_write_to_store(line) && stage != Stage::Idle {
            stage = Stage::Written;
        } else if is_sync_done(line) && stage == Stage::Written {
            stage = Stage::Synced;
        } else if line.contains("\"HTTP/1.1 201") {
            seen.answers += 1;
            if stage != Stage::Synced {
                seen.overtaken.push(format!("answer {}: {line}", seen.answers));
            }
            stage = Stage::Idle;
        }
    }
    seen
}

fn is_write_to_store(line: &str) -> bool {
    line.contains("pwrite") && file_of(line).is_some_and(|file| file.ends_with("/db"))
}

fn is_sync_done(line: &str) -> bool {
    // A call that another thread's interrupts is two lines: only the second says that it is done.
    let done = line.trim_end().ends_with("= 0") || line.contains("= 0 (");
    done && (line.contains("fdatasync(") || line.contains("fdatasync resumed"))
}

/// What `-y` writes behind the descriptor.
fn file_of(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once('<')?;
    rest.split_once('>').map(|(file, _)| file)
}

/// With a number below 10,000 the end was once never found.
#[test]
fn the_end_of_a_trace_is_found_whatever_the_number_of_the_process() {
    assert!(is_end_of("12345 +++ killed by SIGKILL +++", 12_345));
    assert!(is_end_of("812   +++ killed by SIGKILL +++", 812));
    assert!(!is_end_of("8123  +++ killed by SIGKILL +++", 812));
    assert!(!is_end_of("812   fdatasync(6</tmp/data/db>) = 0", 812));
}

#[test]
fn an_answer_before_its_sync_is_found() {
    let asked = "1 recvfrom(9<TCP:[1]>, \"POST /v1/events/concert-a\", 8192) = 300\n";
    let written = "2 pwrite64(5</tmp/data/db>, \"...\", 200, 0) = 200\n";
    let synced = "3 fdatasync(6</tmp/data/db>) = 0\n";
    let answered = "1 writev(9<TCP:[1]>, [{\"HTTP/1.1 201 Created\"}], 2) = 700\n";
    let good = [asked, written, synced, answered].concat();
    assert_eq!(follow(&good).overtaken, [""; 0]);
    let interrupted = "3 fdatasync(6</tmp/data/db> <unfinished ...>\n";
    let bad = [
        [asked, answered, written, synced].concat(),
        [asked, synced, written, answered].concat(),
        [asked, written, answered, synced].concat(),
        [asked, written, interrupted, answered].concat(),
    ];
    for trace in bad {
        assert_eq!(follow(&trace).overtaken.len(), 1, "{trace}");
    }
    let resumed = "3 <... fdatasync resumed>) = 0\n";
    let good = [asked, written, interrupted, resumed, answered].concat();
    assert_eq!(follow(&good).overtaken, [""; 0]);
}
