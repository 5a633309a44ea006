//! `kill -9` at any moment, before and after the doors: no place is lost, none moves.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use onsale::actors::{EventEntry, RoomView, Router};
use onsale::clock::{Clock, SystemClock};
use onsale::domain::inventory::Change;
use onsale::domain::waiting_room::{Method, NO_PLACE, Phase, State};
use onsale::storage::sled_journal::SledJournal;
use tokio::task::JoinSet;

use crate::child::{spawn, word};
use crate::world::{join, open_room, pulse, put_on_sale, start};

/// How long the doors stay shut. Unit: milliseconds.
const DOORS_MS: u64 = 150;
const JOINERS: u64 = 8;

#[test]
fn no_kill_loses_or_moves_a_place() {
    kill_often(8);
}

#[test]
#[ignore = "part of the gate: a hundred kills"]
fn a_hundred_kills_lose_or_move_no_place() {
    kill_often(100);
}

fn kill_often(cycles: u64) {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = dir.path().join("ledger");
    std::fs::write(&ledger, "").expect("a ledger");
    let (mut joins, mut places) = (0, 0);
    for cycle in 0..cycles {
        let told = one_life(dir.path(), cycle, Some(50 + cycle * 67 % 400));
        joins += told.iter().filter(|line| line.starts_with("J ")).count();
        places += told.iter().filter(|line| line.starts_with("P ")).count();
        let mut file = std::fs::OpenOptions::new().append(true).open(&ledger).expect("the ledger");
        let lines = told.iter().fold(String::new(), |mut lines, line| {
            let _ = writeln!(lines, "{cycle} {line}");
            lines
        });
        file.write_all(lines.as_bytes()).expect("it is written");
    }
    one_life(dir.path(), cycles, None);
    println!("{cycles} kills: {joins} joins and {places} positions told, none lost or moved");
    assert!(cycles * 20 < joins as u64, "only {joins} joins: the test tried nothing");
    assert!(cycles * 5 < places as u64, "only {places} positions: the doors never opened");
}

/// One process, which first checks all that earlier ones told; killed so long after that.
fn one_life(dir: &Path, cycle: u64, kill_after_ms: Option<u64>) -> Vec<String> {
    let number = cycle.to_string();
    let life = if kill_after_ms.is_some() { "go on" } else { "check" };
    let words = [("ONSALE_TEST_CYCLE", number.as_str()), ("ONSALE_TEST_LIFE", life)];
    let mut child = spawn("kills::child_that_is_killed", dir, &words);
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let checked = lines.by_ref().map_while(Result::ok).find(|line| line.ends_with("checked"));
    assert!(checked.is_some(), "cycle {cycle}: a place was lost or moved, see above");
    let Some(kill_after_ms) = kill_after_ms else {
        assert!(child.wait().expect("it ends").success());
        return Vec::new();
    };
    let told = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());
    std::thread::sleep(Duration::from_millis(kill_after_ms));
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let mut told = told.join().expect("the lines");
    // The last line may be torn.
    if told.last().is_some_and(|line| !line.ends_with(';')) {
        told.pop();
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the tests above, which kill it"]
async fn child_that_is_killed() {
    let Some(dir) = word("ONSALE_TEST_DIR") else { return };
    let dir = Path::new(&dir);
    let cycle: u64 = word("ONSALE_TEST_CYCLE").expect("a word").parse().expect("a number");
    let (journal, _) = SledJournal::open(&dir.join("data")).expect("it opens");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let engine = start(Box::new(journal), clock).await;
    let router = Arc::clone(engine.router());
    let is_last = word("ONSALE_TEST_LIFE").is_some_and(|life| life == "check");
    let from = if is_last { 0 } else { cycle.saturating_sub(3) };
    check(&router, &dir.join("ledger"), from).await;
    println!("checked");
    if is_last {
        return engine.drain().await;
    }
    let entry = put_on_sale(&router, &format!("e{cycle}"), 1_000, 60).await;
    let doors = router.now().plus_millis(DOORS_MS);
    let view = open_room(&router, &entry, |ask| {
        ask.method = Some([Method::Draw, Method::Fifo][usize::from(cycle % 3 == 2)]);
        ask.doors_at = Some(Change::To(doors));
        ask.rate_per_minute = Some(6_000);
        ask.active_max = Some(30);
        ask.pass_seconds = Some(10);
    })
    .await;
    let _pulse = pulse(&engine, Duration::from_millis(10));
    let mut tasks = JoinSet::new();
    for joiner in 0..JOINERS {
        let (router, entry, view) = (Arc::clone(&router), Arc::clone(&entry), Arc::clone(&view));
        tasks.spawn(async move { join_on(&router, &entry, &view, joiner).await });
    }
    while tasks.join_next().await.is_some() {}
}

/// Joins, and says so once it is told; after the doors says each position that is shown.
async fn join_on(router: &Router, entry: &Arc<EventEntry>, view: &RoomView, joiner: u64) {
    let (mut mine, mut told) = (Vec::new(), 0);
    for n in 0.. {
        let place = join(router, entry, n * JOINERS + joiner).await.expect("a place");
        println!("J {} {};", place.fingerprint, place.number);
        mine.push((place.fingerprint, place.number));
        while told < mine.len() && view.snapshot().phase == Phase::Active {
            let (fingerprint, number) = mine[told];
            told += 1;
            let seen = view.place(number, &view.snapshot(), router.now()).expect("given out");
            if seen.state == State::Waiting && seen.slot != NO_PLACE {
                println!("P {fingerprint} {number} {};", seen.slot);
            }
        }
    }
}

/// Everything that was told since the cycle `from` still holds: the fan finds their number, and stands at their position.
async fn check(router: &Router, ledger: &Path, from: u64) {
    let ledger = std::fs::read_to_string(ledger).expect("a ledger");
    let mut lost = Vec::new();
    for line in ledger.lines() {
        let mut words = line.trim_end_matches(';').split(' ');
        let cycle: u64 = words.next().expect("a cycle").parse().expect("a number");
        if cycle < from {
            continue;
        }
        let kind = words.next().expect("a kind");
        let mut number = || words.next().expect("a word").parse::<u64>().expect("a number");
        let (fingerprint, place) = (number(), number());
        let entry = router.find(&format!("e{cycle}")).expect("the event");
        if kind == "J" {
            let found = join(router, &entry, fingerprint).await.expect("its place");
            if u64::from(found.number) != place || !found.replayed {
                lost.push(format!("{line}: found {found:?}"));
            }
        } else {
            let position = u32::try_from(number()).expect("a position");
            let found = router.room_entrants(&entry, position, 1).await.expect("who stands there");
            let found = found.first().map(|found| (u64::from(found.number), found.fingerprint));
            if found != Some((place, fingerprint)) {
                lost.push(format!("{line}: found {found:?}"));
            }
        }
    }
    lost.iter().take(10).for_each(|line| eprintln!("lost or moved: {line}"));
    assert!(lost.is_empty(), "{} places lost or moved", lost.len());
}
