//! Opening a data directory: what sled leaves behind is cleared away, what it gets wrong is refused.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::storage::error::OpenError;
use crate::storage::recovery::panic_text;

/// sled's page cache. The journal is read once, so it need not be large. Unit: bytes.
const CACHE_BYTES: u64 = 64 << 20;
/// sled's own flusher also clears away dead segments, so it must run. Unit: milliseconds.
const FLUSHER_MS: u64 = 500;
/// A server that is being replaced may take this long to let go of the directory.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn open_store(dir: &Path) -> Result<sled::Db, OpenError> {
    let io = |doing| move |source| OpenError::Io { dir: dir.into(), doing, source };
    fs::create_dir_all(dir).map_err(io("creating it"))?;
    remove_unfinished_snapshots(dir).map_err(io("removing unfinished snapshots"))?;
    let started = Instant::now();
    loop {
        match guarded(dir)? {
            Ok(store) => return Ok(store),
            Err(sled::Error::Io(error)) if is_locked(&error) => {
                if LOCK_PATIENCE < started.elapsed() {
                    return Err(OpenError::InUse { dir: dir.into() });
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            Err(sled::Error::Io(error)) => return Err(io("opening the store")(error)),
            Err(sled::Error::Corruption { .. }) if set_snapshots_aside(dir) => {}
            Err(error) => {
                return Err(OpenError::StoreDamaged { dir: dir.into(), reason: error.to_string() });
            }
        }
    }
}

/// sled panics on some damage; that is a refusal too.
fn guarded(dir: &Path) -> Result<sled::Result<sled::Db>, OpenError> {
    let config =
        sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(Some(FLUSHER_MS));
    catch_unwind(AssertUnwindSafe(|| config.open()))
        .map_err(|panic| OpenError::StoreDamaged { dir: dir.into(), reason: panic_text(&*panic) })
}

fn is_locked(error: &io::Error) -> bool {
    // fs2's error reaches us as text.
    error.to_string().contains("could not acquire lock")
}

/// A crash while sled opens leaves `snap.*.generating`, which it later takes for a snapshot.
fn remove_unfinished_snapshots(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            tracing::warn!(file = %name, "removing an unfinished snapshot");
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Snapshots only save time: without them sled reads its whole log. `true`: some were moved, so it is
/// worth trying again.
fn set_snapshots_aside(dir: &Path) -> bool {
    let Ok(entries) = fs::read_dir(dir) else { return false };
    let snapshots = entries.flatten().filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("snap.") && !name.ends_with(".damaged")
    });
    let moved = snapshots.filter(|entry| {
        let mut aside = std::ffi::OsString::from("damaged-");
        aside.push(entry.file_name());
        fs::rename(entry.path(), dir.join(aside)).is_ok()
    });
    0 < moved.count()
}
