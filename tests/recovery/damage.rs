//! A damaged journal is refused loudly; only an unacknowledged torn tail may be dropped (P7).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use onsale::storage::journal::Journal;
use onsale::storage::recovery::recover;
use onsale::storage::sled_journal::SledJournal;

use crate::support::Server;

/// Longer than any recovery of a few hundred bytes may take.
const HANG: Duration = Duration::from_secs(60);
/// Opening mostly waits for sled's threads.
const THREADS: usize = 16;

/// What one opening of a directory came to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Opened {
    Refused(String),
    /// The digest of the state.
    As(String),
    Panicked,
    Hung,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_flipped_byte_is_refused_or_harmless() {
    // In memory where there is such a place: some thousand openings sync more than any disk likes.
    let shm = Path::new("/dev/shm");
    let dir = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
    let dir = dir.expect("a directory");
    let killed = killed_after(5, dir.path()).await;
    let whole = open(copy(&killed, &dir.path().join("whole")));
    let Opened::As(_) = &whole else { panic!("the undamaged journal: {whole:?}") };
    // The same once more as a clean stop leaves it: with sled's snapshot.
    let stopped = dir.path().join("whole");
    assert_eq!(open(stopped.clone()), whole);
    let mut flips = flips_of(&killed);
    flips.extend(flips_of(&stopped));
    let complaints = try_each(&flips, dir.path(), &whole);
    assert_eq!(complaints, [""; 0], "of {} flipped bytes", flips.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tail_that_nobody_was_told_of_is_dropped_and_one_that_was_told_is_missed() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut server = Server::start(dir.path(), &[]);
    sell(&server, "early", 3).await;
    let early = copy(&dir.path().join("data"), &dir.path().join("early"));
    sell(&server, "late", 3).await;
    server.kill();
    let late = dir.path().join("data");
    let acknowledged = open(copy(&early, &dir.path().join("reference")));
    let everything = open(copy(&late, &dir.path().join("reference")));
    let (from, to) = (length(&early), length(&late));
    assert!(from < to, "selling made the file longer");
    let mut refused = 0;
    for cut in from..=to {
        // The kernel wrote part of the next records, and the power went: the watermark is the old one.
        let torn = copy(&late, &dir.path().join("torn"));
        fs::copy(early.join("watermark"), torn.join("watermark")).expect("copied");
        truncate(&torn.join("db"), cut);
        let opened = open(torn);
        assert!(matches!(opened, Opened::As(_)), "cut at {cut} of {from} to {to}: {opened:?}");
        assert!(cut != from || opened == acknowledged, "what was told is there");
        // The same bytes, when the watermark says that more was acknowledged. Where only zeros are gone
        // nothing is: sled reads them all the same.
        if cut < to {
            let lost = copy(&late, &dir.path().join("lost"));
            truncate(&lost.join("db"), cut);
            let opened = open(lost);
            let is_lost = matches!(opened, Opened::Refused(_));
            assert!(is_lost || opened == everything, "cut at {cut} of {to}: {opened:?}");
            refused += u64::from(is_lost);
        }
    }
    assert!(to - from <= refused + 8, "{refused} of {} cuts were refused", to - from);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_sells_on_after_a_torn_tail_and_refuses_to_start_without_what_it_promised() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut server = Server::start(dir.path(), &[]);
    let told = sell(&server, "told", 20).await;
    server.kill();
    let db = dir.path().join("data/db");
    let whole = fs::read(&db).expect("it reads");
    // A write that the crash cut off: bytes after the last record that make no record.
    fs::write(&db, [&whole[..], &[0x5A; 300]].concat()).expect("it writes");
    let mut server = Server::start(dir.path(), &[]);
    for id in &told {
        let path = format!("/v1/events/concert-a/reservations/{id}");
        assert_eq!(server.get(&path).await.0, 200, "{id}");
    }
    sell(&server, "after", 1).await;
    server.kill();
    truncate(&db, whole.len() as u64 - 40);
    let refused = Server::refused(dir.path(), &[]);
    assert_eq!(refused.code, Some(1), "{}", refused.text);
    assert!(refused.text.contains("acknowledged"), "{}", refused.text);
}

/// A data directory with this many reservations, after `kill -9`.
async fn killed_after(reservations: u32, dir: &Path) -> PathBuf {
    let mut server = Server::start(dir, &[]);
    sell(&server, "fan", reservations).await;
    server.kill();
    dir.join("data")
}

async fn sell(server: &Server, key: &str, reservations: u32) -> Vec<String> {
    let mut told = Vec::new();
    for n in 0..reservations {
        let sold = server.reserve("concert-a", "fan", &format!("{key}-{n}"), 1).await;
        let (status, body) = sold.expect("an answer");
        assert_eq!(status, 201, "{body}");
        told.push(body["id"].as_str().expect("an id").to_owned());
    }
    told
}

struct Flip {
    dir: PathBuf,
    file: String,
    at: usize,
    mask: u8,
}

/// Every byte of every file that holds anything, by one bit and by all.
fn flips_of(dir: &Path) -> Vec<Flip> {
    let mut flips = Vec::new();
    for file in files(dir) {
        let bytes = fs::read(dir.join(&file)).expect("it reads");
        // sled fills its file with zeros up to half a mebibyte; the first of them will do.
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 65);
        for at in 0..end.min(bytes.len()) {
            let is_padding = bytes[at..].iter().take(64).all(|byte| *byte == 0);
            let masks: &[u8] = if is_padding { &[0xFF] } else { &[0x01, 0xFF] };
            let flip = |mask: &u8| Flip { dir: dir.into(), file: file.clone(), at, mask: *mask };
            // The space between the two slots of the watermark is never read.
            if !(file == "watermark" && is_padding && at % 512 != 0) {
                flips.extend(masks.iter().map(flip));
            }
        }
    }
    flips
}

fn try_each(flips: &[Flip], dir: &Path, whole: &Opened) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let complaints = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (next, complaints) = (&next, &complaints);
            scope.spawn(move || {
                while let Some(flip) = flips.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let damaged = copy(&flip.dir, &dir.join(format!("damaged-{thread}")));
                    let path = damaged.join(&flip.file);
                    let mut bytes = fs::read(&path).expect("it reads");
                    bytes[flip.at] ^= flip.mask;
                    fs::write(&path, bytes).expect("it writes");
                    let opened = open(damaged);
                    if !matches!(opened, Opened::Refused(_)) && opened != *whole {
                        let Flip { file, at, mask, .. } = flip;
                        let complaint = format!("{file}[{at}] ^ {mask:#x}: {opened:?}");
                        complaints.lock().expect("no panic").push(complaint);
                    }
                }
            });
        }
    });
    complaints.into_inner().expect("no panic")
}

/// Opens and replays, as the server does, and gives up on what does not come back.
fn open(dir: PathBuf) -> Opened {
    let (tell, told) = mpsc::channel();
    let opener = std::thread::spawn(move || {
        let opened = match SledJournal::open(&dir) {
            Ok((journal, _)) => recover(&*journal.reader()).map_err(|error| format!("{error:?}")),
            Err(error) => Err(format!("{error:?}")),
        };
        let opened = match opened {
            Ok(books) => Opened::As(books.digest().to_string()),
            Err(reason) => Opened::Refused(reason),
        };
        drop(tell.send(opened));
    });
    match told.recv_timeout(HANG) {
        Ok(opened) => {
            // Until sled has let go of the files.
            drop(opener.join());
            opened
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => Opened::Panicked,
        Err(mpsc::RecvTimeoutError::Timeout) => Opened::Hung,
    }
}

fn files(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry"));
    let files = entries.filter(|entry| entry.path().is_file());
    files.map(|entry| entry.file_name().into_string().expect("an ASCII name")).collect()
}

fn copy(from: &Path, to: &Path) -> PathBuf {
    drop(fs::remove_dir_all(to));
    fs::create_dir_all(to.join("blobs")).expect("made");
    for file in files(from) {
        fs::copy(from.join(&file), to.join(&file)).expect("copied");
    }
    to.to_path_buf()
}

fn length(dir: &Path) -> u64 {
    fs::metadata(dir.join("db")).expect("it is there").len()
}

fn truncate(path: &Path, length: u64) {
    let file = fs::OpenOptions::new().write(true).open(path).expect("it opens");
    file.set_len(length).expect("it is cut");
}
