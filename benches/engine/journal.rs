//! Appending to the journal on this machine's disk, synced.

use criterion::{BenchmarkId, Criterion, Throughput};
use onsale::domain::ids::ShardId;
use onsale::domain::inventory::{Decision, Inventory, apply, decide};
use onsale::storage::journal::Journal;
use onsale::storage::record::{encode_created, encode_fact};
use onsale::storage::sled_journal::SledJournal;

use crate::ask;

pub fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("journal_append");
    for records in [1_u64, 16, 256, 4_096] {
        let created = ask::created();
        let mut inventory = Inventory::created(&created);
        let mut frames = Vec::new();
        encode_created(&mut frames, ShardId(0), &created);
        for number in 0..records {
            let decision = decide(&inventory, &ask::reserve(number), ask::NOW);
            let Ok(Decision::Happens(fact)) = decision else { panic!("{decision:?}") };
            apply(&mut inventory, &fact);
            encode_fact(&mut frames, &inventory, &fact, &[]);
        }
        // In the project's own build directory, so on the disk that a server would use.
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let (mut journal, _) = SledJournal::open(dir.path()).expect("it opens");
        group.throughput(Throughput::Elements(records));
        group.bench_with_input(BenchmarkId::from_parameter(records), &frames, |bencher, frames| {
            bencher.iter(|| journal.append(&[frames]).expect("it appends"));
        });
    }
    group.finish();
}
