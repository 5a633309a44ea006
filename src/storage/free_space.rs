//! How much room the disk has left for us.

use std::io;
use std::path::Path;

/// Unit: bytes that an ordinary user may still write to the file system of `dir`.
///
/// # Errors
/// When the directory is gone or the system does not say.
pub fn free_bytes(dir: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
