//! The doors open in front of a million people.

use std::hint::black_box;

use criterion::Criterion;
use onsale::domain::waiting_room::draw::merkle::{Growing, Tree};
use onsale::domain::waiting_room::draw::{Entry, Method, places, seed};

const PEOPLE: u32 = 1_000_000;

fn entry(number: u32) -> Entry {
    let fingerprint = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Entry { number, tier: u8::from(!number.is_multiple_of(50)), fingerprint }
}

/// From the root on, which `close` or `of` gives.
fn seal(tree: &Tree) -> Vec<u32> {
    let seed = seed(&[7; 32], Some("beacon"), &tree.root(), tree.count());
    places(Method::Draw, (0..PEOPLE).map(|number| (number, entry(number).tier)), &seed)
}

pub fn seal_a_million(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("draw_1_000_000");
    group.bench_function("seal_all_at_once", |bencher| {
        bencher.iter(|| black_box(seal(&Tree::of((0..PEOPLE).map(entry)))));
    });
    let mut growing = Growing::default();
    (0..PEOPLE).for_each(|number| growing.push(&entry(number)));
    group.bench_function("seal_what_grew", |bencher| {
        bencher.iter(|| black_box(seal(&growing.clone().close())));
    });
    let tree = growing.close();
    group.bench_function("root", |bencher| {
        bencher.iter(|| black_box(Tree::of((0..PEOPLE).map(entry)).root()));
    });
    group.bench_function("path", |bencher| {
        let entry_at = |index: u64| entry(u32::try_from(index).expect("below a million"));
        bencher.iter(|| black_box(tree.path(black_box(777_777), entry_at)));
    });
    group.finish();
}
