//! What each step of a reservation costs by itself, without HTTP:
//!
//! ```text
//! cargo bench --bench engine                     # all
//! cargo bench --bench engine -- decide           # one
//! ```
//!
//! Compare two versions on one machine, in turn; the absolute figures say more about the machine.

mod ask;
mod draw;
mod journal;
mod room;
mod rooms;
mod rules;
mod whole;

use criterion::{criterion_group, criterion_main};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

criterion_group! {
    name = benches;
    config = criterion::Criterion::default().sample_size(10);
    // Rooms first: memory that others gave back would not be seen to grow.
    targets = rooms::rooms, rules::decide_and_apply, rules::codec, draw::seal_a_million, room::line,
        room::whole_line, journal::append, whole::engine
}
criterion_main!(benches);
