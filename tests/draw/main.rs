//! `onsale verify-draw` on good draws, on changed ones and on files that are none; and `docs/verify_draw.py`
//! beside it, which is written from `docs/waiting-room-draw.md` and must say the same, word for word.

mod files;

use std::path::{Path, PathBuf};
use std::process::Command;

use files::{Draw, TAMPERED, drawn, good, malformed, people};
use onsale::domain::waiting_room::draw::Method;
use tempfile::TempDir;

/// What a verifier said.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    code: Option<i32>,
    out: String,
    error: String,
}

fn said(mut verifier: Command, file: &Path) -> Said {
    let output = verifier.arg(file).output().expect("the verifier starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Said { code: output.status.code(), out: text(output.stdout), error: text(output.stderr) }
}

fn ours(file: &Path) -> Said {
    let mut onsale = Command::new(env!("CARGO_BIN_EXE_onsale"));
    onsale.arg("verify-draw");
    said(onsale, file)
}

fn python(file: &Path) -> Said {
    let mut python = Command::new("python3");
    python.arg(document("verify_draw.py"));
    said(python, file)
}

fn document(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

fn written(folder: &TempDir, text: &[u8]) -> PathBuf {
    let path = folder.path().join("draw");
    std::fs::write(&path, text).expect("room on the disk");
    path
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("room for a folder")
}

/// The draw that [`TAMPERED`] changes.
fn base() -> Draw {
    drawn(&people(200), Method::Draw, Some("cafe"))
}

#[test]
fn good_draws_hold() {
    let folder = folder();
    for (name, draw) in good() {
        let said = ours(&written(&folder, draw.text().as_bytes()));
        assert!(said.out.ends_with("\nthe draw holds\n"), "{name}: {said:?}");
        assert!(!said.out.contains("BROKEN"), "{name}: {said:?}");
        assert_eq!((said.code, said.error.as_str()), (Some(0), ""), "{name}");
    }
}

#[test]
fn whatever_is_changed_is_named() {
    let folder = folder();
    for (name, change, broken) in TAMPERED {
        let mut draw = base();
        change(&mut draw);
        let said = ours(&written(&folder, draw.text().as_bytes()));
        let last = format!("\nTHE DRAW DOES NOT HOLD: {broken}\n");
        assert!(said.out.ends_with(&last), "{name}: {said:?}");
        let named: Vec<&str> =
            said.out.lines().filter_map(|line| line.strip_prefix("BROKEN  ")).collect();
        let words: Vec<&str> = named.iter().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(words.join(", "), *broken, "{name}: {said:?}");
        assert_eq!((said.code, said.error.as_str()), (Some(1), ""), "{name}");
    }
}

/// Each digit of each hash and of each entry counts.
#[test]
fn no_flipped_bit_leaves_a_draw_that_holds() {
    let folder = folder();
    let text = drawn(&people(3), Method::Draw, Some("cafe")).text().into_bytes();
    let mut changed_nothing = Vec::new();
    for at in 0..text.len() {
        let mut flipped = text.clone();
        flipped[at] ^= 1;
        let said = ours(&written(&folder, &flipped));
        if said.code == Some(0) {
            changed_nothing.push(at);
        }
    }
    // What nothing can be computed from: the event's name and the announcement.
    let whole = String::from_utf8(text).expect("ASCII");
    let is_free = |at: &usize| {
        ["concert-a", "drand round 4711, \\\"evmnet\\\""].iter().any(|word| {
            let start = whole.find(word).expect("it is in the head");
            (start..start + word.len()).contains(at)
        })
    };
    changed_nothing.retain(|at| !is_free(at));
    assert!(changed_nothing.is_empty(), "bytes {changed_nothing:?} of {whole}");
}

#[test]
fn what_is_no_draw_is_refused_with_the_reason() {
    let folder = folder();
    for (text, reason) in malformed() {
        let path = written(&folder, &text);
        let said = ours(&path);
        let start = format!("{}: {reason}", path.display());
        let shown = String::from_utf8_lossy(&text);
        assert!(said.error.starts_with(&start), "{shown:.300}: {said:?}, expected {reason}");
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{shown:.300}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let said = ours(&folder().path().join("nothing"));
    assert_eq!(said.code, Some(1));
    assert!(said.error.contains("nothing: No such file"), "{said:?}");
}

/// The page shows a whole draw, and what is said about it.
#[test]
fn the_example_of_the_page_holds() {
    let folder = folder();
    let (file, expected) = example();
    assert_eq!(ours(&written(&folder, file.as_bytes())).out, expected);
}

fn example() -> (String, String) {
    let page = std::fs::read_to_string(document("waiting-room-draw.md")).expect("the page");
    let (_, section) = page.split_once("## A whole draw").expect("the section");
    let mut blocks = section.split("```").skip(1).step_by(2);
    let mut block = || blocks.next().expect("two blocks").trim_start_matches("text\n").to_owned();
    (block(), block())
}

#[test]
#[ignore = "tests/draw.sh runs it"]
fn the_python_script_says_the_same() {
    let folder = folder();
    let mut texts: Vec<Vec<u8>> = Vec::new();
    texts.extend(good().into_iter().map(|(_, draw)| draw.text().into_bytes()));
    texts.extend(TAMPERED.iter().map(|(_, change, _)| {
        let mut draw = base();
        change(&mut draw);
        draw.text().into_bytes()
    }));
    texts.extend(malformed().into_iter().map(|(text, _)| text));
    texts.push(example().0.into_bytes());
    for count in [2, 3, 127, 128, 129, 100_000] {
        texts.push(drawn(&people(count), Method::Draw, Some("cafe")).text().into_bytes());
    }
    for text in &texts {
        let path = written(&folder, text);
        let shown = String::from_utf8_lossy(text);
        assert_eq!(ours(&path), python(&path), "{shown:.300}");
    }
    println!("{} files, the same words", texts.len());
}
