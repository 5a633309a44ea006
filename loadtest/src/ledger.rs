//! The buyers' own book: every reservation they were told of, written before it is counted.
//!
//! A file of JSON lines. The first says what was sold where, each later one is a 201; where buyers go on to
//! buy, also what they asked and heard then ([`crate::journey::story`]).

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heading {
    pub event: String,
    pub pool: String,
    /// Unit: units of the pool.
    pub capacity: u64,
    /// What a unit costs, where buyers go on to buy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
}

/// In minor units of the currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    pub amount: u64,
    pub currency: String,
}

/// A 201.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub key: String,
    pub id: String,
    pub quantity: u64,
    /// Until when the buyer was told that it is held, as the server wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// A ledger that is being written.
pub struct Ledger {
    lines: Mutex<BufWriter<File>>,
}

impl Ledger {
    /// # Errors
    /// The file exists (a ledger is evidence, and never overwritten) or cannot be written.
    pub fn create(path: &Path, heading: &Heading) -> anyhow::Result<Self> {
        if let Some(above) = path.parent() {
            std::fs::create_dir_all(above)?;
        }
        let file = File::create_new(path)
            .with_context(|| format!("creating the ledger {}", path.display()))?;
        let ledger = Self { lines: Mutex::new(BufWriter::new(file)) };
        ledger.write(heading)?;
        ledger.flush()?;
        Ok(ledger)
    }

    /// # Errors
    /// The file cannot be written.
    pub fn add(&self, line: &impl Serialize) -> anyhow::Result<()> {
        self.write(line)
    }

    /// # Errors
    /// The file cannot be written.
    pub fn flush(&self) -> anyhow::Result<()> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).flush().context("the ledger")
    }

    fn write(&self, line: &impl Serialize) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.write_all(&text).context("the ledger")
    }
}

/// The first line alone.
///
/// # Errors
/// As for [`read`].
pub fn heading(path: &Path) -> anyhow::Result<Heading> {
    let mut line = String::new();
    BufReader::new(open(path)?).read_line(&mut line).context("the ledger")?;
    serde_json::from_str(&line).context("line 1 of the ledger")
}

fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| format!("opening {}", path.display()))
}

/// # Errors
/// The file cannot be read, or a line is not of a ledger.
pub fn read<L: DeserializeOwned>(path: &Path) -> anyhow::Result<(Heading, Vec<L>)> {
    let mut lines = BufReader::new(open(path)?).lines();
    let heading = lines.next().context("the ledger is empty")??;
    let heading = serde_json::from_str(&heading).context("line 1 of the ledger")?;
    let entries = lines.zip(2..).map(|(line, number)| {
        serde_json::from_str(&line?).with_context(|| format!("line {number} of the ledger"))
    });
    Ok((heading, entries.collect::<anyhow::Result<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_reads_back_and_is_never_overwritten() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("new/a.jsonl");
        let heading = Heading { event: "e".into(), pool: "p".into(), capacity: 3, price: None };
        let entry = Entry { key: "k".into(), id: "i".into(), quantity: 2, expires_at: None };
        let ledger = Ledger::create(&path, &heading).expect("a new file");
        ledger.add(&entry).expect("written");
        ledger.flush().expect("flushed");
        assert_eq!(read(&path).expect("it reads back"), (heading.clone(), vec![entry]));
        assert!(Ledger::create(&path, &heading).is_err());
    }
}
