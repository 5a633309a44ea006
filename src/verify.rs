//! `onsale verify`: reads a data directory, audits every law, and says what it found.

use std::path::Path;

use anyhow::Context;

use crate::storage::journal::Journal;
use crate::storage::recovery::recover;
use crate::storage::sled_journal::SledJournal;

/// Prints a summary and the digest. `false`: something is wrong.
///
/// # Errors
/// When the directory does not open or its journal is refused.
#[expect(clippy::print_stdout, reason = "the summary is what the command is for")]
pub fn verify(data_dir: &Path) -> anyhow::Result<bool> {
    let there = data_dir.join("db").is_file();
    anyhow::ensure!(there, "{} is not a data directory", data_dir.display());
    let (journal, report) = SledJournal::open(data_dir)?;
    let reader = journal.reader();
    let books = recover(&*reader).context("the journal is refused")?;
    println!(
        "checkpoint    {}",
        reader.checkpoint_epoch()?.map_or("none".into(), |e| e.to_string())
    );
    println!("epochs        {:?}", reader.epochs()?);
    println!("records       {} after the checkpoint", books.records);
    println!("torn values   {} dropped", report.torn_values_dropped);
    println!("events        {}", books.events.len());
    println!("reservations  {}", books.reservations());
    for placed in books.events.values() {
        let inventory = &placed.inventory;
        for (pool, counts) in inventory.terms().pools.iter().zip(inventory.pools()) {
            println!(
                "  {} / {}: capacity {} = available {} + held {} + sold {} + blocked {}",
                inventory.terms().id,
                pool.id,
                counts.capacity,
                counts.available,
                counts.held,
                counts.sold,
                counts.blocked
            );
        }
    }
    println!("digest        {}", books.digest());
    let broken = books.audit();
    for (event, law) in &broken {
        println!("broken        {event}: {law}");
    }
    println!("{}", if broken.is_empty() { "all laws hold" } else { "LAWS ARE BROKEN" });
    Ok(broken.is_empty())
}
