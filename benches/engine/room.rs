//! The waiting room in memory: what a join costs and weighs with a million in line, and how long the doors,
//! a checkpoint and the way back take.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use onsale::domain::ids::EventNumber;
use onsale::domain::inventory::Change;
use onsale::domain::time::UnixMillis;
use onsale::domain::waiting_room::{
    Arrange, Heard, Join, Method, Room, RoomCommand, RoomDecision, RoomFact, TickInput, apply,
    create, decide, tick,
};
use onsale::storage::frame::read_frames;
use onsale::storage::record::{decode, encode_room};

const FANS: u64 = 1_000_000;
const EVENT: EventNumber = EventNumber(1);
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

pub fn line(criterion: &mut Criterion) {
    weigh();
    let mut group = criterion.benchmark_group("room");
    group.throughput(Throughput::Elements(1));
    for (name, encodes) in [("join", false), ("join_and_encode", true)] {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                let mut took = Duration::ZERO;
                for from in (0..times).step_by(usize::try_from(FANS).expect("small")) {
                    let joins: Vec<RoomCommand> = (0..FANS.min(times - from)).map(join).collect();
                    let (mut room, mut out) = (room(), Vec::with_capacity(1 << 20));
                    let started = Instant::now();
                    for join in &joins {
                        let fact = happen(&mut room, join);
                        if encodes {
                            encode_room(&mut out, EVENT, &fact);
                            if 1 << 19 < out.len() {
                                black_box(&out);
                                out.clear();
                            }
                        }
                    }
                    took += started.elapsed();
                }
                took
            });
        });
    }
    group.bench_function("admit", |bencher| {
        let full = full();
        bencher.iter_custom(|times| {
            let mut took = Duration::ZERO;
            let mut room = reopened(&full);
            for _ in 0..times {
                let started = Instant::now();
                if admit(&mut room) == 0 {
                    room = reopened(&full);
                    continue;
                }
                took += started.elapsed();
            }
            // Each tick lets in a thousand.
            took / 1_000
        });
    });
    group.finish();
}

/// Whole steps of a room of a million. Unit: one room.
pub fn whole_line(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("room_of_a_million");
    let full = full();
    let sealed = tick(&full, &input(None), UnixMillis(NOW.0 + 1_000));
    group.bench_function("open_the_doors", |bencher| {
        bencher.iter(|| black_box(tick(&full, &input(None), UnixMillis(NOW.0 + 1_000))));
    });
    let mut opened = reopened(&full);
    group.bench_function("fold_the_seal", |bencher| {
        bencher.iter_custom(|times| {
            let mut took = Duration::ZERO;
            for _ in 0..times {
                let mut room = reopened_shut(&full);
                let started = Instant::now();
                sealed.iter().for_each(|fact| apply(&mut room, fact, |_| ()));
                took += started.elapsed();
                opened = room;
            }
            took
        });
    });
    group.bench_function("digest", |bencher| bencher.iter(|| black_box(opened.digest())));
    group.bench_function("restore", |bencher| {
        let pieces: Vec<_> = opened.line_pieces().collect();
        bencher.iter(|| {
            let mut room = Room::restore(opened.head());
            pieces.iter().for_each(|piece| room.restore_piece(piece).expect("fits"));
            black_box(room);
        });
    });
    let mut bytes = Vec::new();
    for who in 0..FANS {
        let RoomCommand::Join(ask) = join(who) else { unreachable!() };
        let tier = onsale::domain::waiting_room::Tier::General;
        let fingerprint = ask.fingerprint;
        let joined =
            onsale::domain::waiting_room::Joined { fingerprint, tier, code: None, at: NOW };
        encode_room(&mut bytes, EVENT, &RoomFact::Joined(joined));
    }
    group.bench_function("replay_the_joins", |bencher| {
        bencher.iter(|| {
            let mut room = room();
            for frame in read_frames(&bytes) {
                let record = decode(&frame.expect("whole")).expect("understood");
                let onsale::storage::record::Record::Room { fact, .. } = record else {
                    unreachable!()
                };
                apply(&mut room, &fact, |_| ());
            }
            black_box(room);
        });
    });
    group.finish();
}

fn weigh() {
    let before = resident_bytes();
    let mut room = full();
    let sealed = tick(&room, &input(None), UnixMillis(NOW.0 + 1_000));
    sealed.iter().for_each(|fact| apply(&mut room, fact, |_| ()));
    let fans = FANS as f64;
    let own = room.line().memory_bytes() as f64 / fans;
    let resident = resident_bytes().saturating_sub(before) as f64 / fans;
    println!("a million who wait: {own:.1} bytes each by count, {resident:.1} more resident");
}

/// Unit: bytes; 0 where the system does not tell.
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4_096
}

fn room() -> Room {
    let ask = Arrange {
        method: Some(Method::Draw),
        doors_at: Some(Change::To(UnixMillis(NOW.0 + 1_000))),
        active_max: Some(10_000_000),
        ..Arrange::nothing([7; 64])
    };
    Room::arranged(EVENT, &create(&ask, NOW).expect("in bounds")).expect("it brings keys")
}

fn join(who: u64) -> RoomCommand {
    let spread = (who + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    RoomCommand::Join(Join { fingerprint: spread ^ spread >> 29, code: None, suspect: false })
}

fn happen(room: &mut Room, command: &RoomCommand) -> RoomFact {
    match decide(room, command, NOW) {
        Ok(RoomDecision::Happens(fact)) => {
            apply(room, &fact, |change| _ = black_box(change));
            fact
        }
        other => panic!("{other:?}"),
    }
}

fn full() -> Room {
    let mut room = room();
    (0..FANS).for_each(|who| drop(happen(&mut room, &join(who))));
    room
}

fn input(heard: Option<&Heard>) -> TickInput<'_> {
    TickInput { heard, absent: &|_| false, tokens: 1_000, calm: false }
}

/// The same room, by way of a checkpoint.
fn reopened_shut(full: &Room) -> Room {
    let mut room = Room::restore(full.head());
    full.line_pieces().for_each(|piece| room.restore_piece(&piece).expect("fits"));
    room
}

fn reopened(full: &Room) -> Room {
    let mut room = reopened_shut(full);
    let sealed = tick(&room, &input(None), UnixMillis(NOW.0 + 1_000));
    sealed.iter().for_each(|fact| apply(&mut room, fact, |_| ()));
    room
}

/// One tick, and how many came in.
fn admit(room: &mut Room) -> usize {
    let heard = Heard { available_units: u64::MAX, as_of: NOW, ..Heard::default() };
    let facts = tick(room, &input(Some(&heard)), UnixMillis(NOW.0 + 2_000));
    facts.iter().for_each(|fact| apply(room, fact, |change| _ = black_box(change)));
    match &facts[..] {
        [RoomFact::Admitted(admitted)] => admitted.numbers.len(),
        _ => 0,
    }
}
