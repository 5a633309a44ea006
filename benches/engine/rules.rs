//! The rules and the encoding, in memory.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use onsale::domain::inventory::{Command, Decision, Fact, Inventory, apply, decide};
use onsale::storage::frame::read_frames;
use onsale::storage::record::{decode, encode_fact};

use crate::ask;

/// Reservations in one measured inventory, so that it stays of the size of a sale.
const SALE: u64 = 100_000;

pub fn decide_and_apply(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide_and_apply");
    group.throughput(Throughput::Elements(1));
    group.bench_function("reserve", |bencher| {
        bencher.iter_custom(|times| {
            let mut took = Duration::ZERO;
            for from in (0..times).step_by(usize::try_from(SALE).expect("small")) {
                let until = times.min(from + SALE);
                let commands: Vec<Command> = (from..until).map(ask::reserve).collect();
                let mut inventory = Inventory::created(&ask::created());
                let started = Instant::now();
                for command in &commands {
                    happen(&mut inventory, command);
                }
                took += started.elapsed();
            }
            took
        });
    });
    group.finish();
}

fn happen(inventory: &mut Inventory, command: &Command) -> Fact {
    match decide(inventory, command, ask::NOW) {
        Ok(Decision::Happens(fact)) => {
            apply(inventory, &fact);
            fact
        }
        other => panic!("{other:?}"),
    }
}

pub fn codec(criterion: &mut Criterion) {
    let mut inventory = Inventory::created(&ask::created());
    let facts: Vec<Fact> = (0..512).map(|n| happen(&mut inventory, &ask::reserve(n))).collect();
    let mut encoded = Vec::new();
    let encode = |out: &mut Vec<u8>| {
        out.clear();
        facts.iter().for_each(|fact| encode_fact(out, &inventory, fact, &[]));
    };
    encode(&mut encoded);
    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::Elements(facts.len() as u64));
    let mut out = Vec::new();
    group.bench_function("encode", |bencher| bencher.iter(|| encode(black_box(&mut out))));
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            read_frames(&encoded)
                .map(|frame| decode(&frame.expect("whole")).expect("understood"))
                .for_each(|record| drop(black_box(record)));
        });
    });
    group.finish();
}
