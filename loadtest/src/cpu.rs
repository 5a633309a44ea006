//! CPU time, as the kernel counts it.

use std::time::Duration;

/// User and system time of this process.
///
/// # Errors
/// `/proc` cannot be read.
pub fn own() -> anyhow::Result<Duration> {
    let stat = procfs::process::Process::myself()?.stat()?;
    Ok(time(stat.utime + stat.stime))
}

/// What a number of the kernel's ticks lasts.
pub fn time(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1_000 / procfs::ticks_per_second())
}
