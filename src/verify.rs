//! `onsale verify`: reads a data directory, audits every law, and says what it found.

use std::io::Write;
use std::path::Path;

use anyhow::Context;

use crate::domain::waiting_room::State;
use crate::storage::journal::Journal;
use crate::storage::recovery::recover;
use crate::storage::sled_journal::SledJournal;

/// Writes a summary and the digest to `out`. `false`: something is wrong.
///
/// # Errors
/// When the directory does not open, its journal is refused, or `out` takes nothing.
pub fn verify(data_dir: &Path, out: &mut impl Write) -> anyhow::Result<bool> {
    let there = data_dir.join("db").is_file();
    anyhow::ensure!(there, "{} is not a data directory", data_dir.display());
    let (journal, report) = SledJournal::open(data_dir)?;
    let reader = journal.reader();
    let books = recover(&*reader).context("the journal is refused")?;
    let checkpoint = reader.checkpoint_epoch()?.map_or("none".into(), |epoch| epoch.to_string());
    writeln!(out, "checkpoint    {checkpoint}")?;
    writeln!(out, "epochs        {:?}", reader.epochs()?)?;
    writeln!(out, "records       {} after the checkpoint", books.records)?;
    writeln!(out, "torn values   {} dropped", report.torn_values_dropped)?;
    writeln!(out, "events        {}", books.events.len())?;
    writeln!(out, "reservations  {}", books.reservations())?;
    for placed in books.events.values() {
        let inventory = &placed.inventory;
        for (pool, counts) in inventory.terms().pools.iter().zip(inventory.pools()) {
            writeln!(
                out,
                "  {} / {}: capacity {} = available {} + held {} + sold {} + blocked {}",
                inventory.terms().id,
                pool.id,
                counts.capacity,
                counts.available,
                counts.held,
                counts.sold,
                counts.blocked
            )?;
        }
    }
    if !books.rooms.is_empty() {
        writeln!(out, "rooms         {}", books.rooms.len())?;
    }
    for (event, room) in &books.rooms {
        let id = books.events.get(event).map(|placed| placed.inventory.terms().id.to_string());
        let (id, phase) = (id.unwrap_or_default(), room.phase().as_str());
        write!(out, "  {id}: {phase}, {} joined", room.totals().joined)?;
        for state in State::ALL {
            write!(out, ", {} {}", room.line().count(state), state.as_str())?;
        }
        writeln!(out)?;
    }
    let kept = books.audit_log.entries().len();
    if 0 < kept {
        writeln!(out, "audit log     {kept} entries")?;
    }
    writeln!(out, "digest        {}", books.digest())?;
    let broken = books.audit();
    for (event, law) in &broken {
        writeln!(out, "broken        {event}: {law}")?;
    }
    writeln!(out, "{}", if broken.is_empty() { "all laws hold" } else { "LAWS ARE BROKEN" })?;
    Ok(broken.is_empty())
}
