//! Open files: each connection takes one here and one in the server, which inherits this limit.

use anyhow::bail;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files besides connections: runtime, journal, logs.
const SPARE: u64 = 512;

/// Raises the soft limit as far as this many connections need.
///
/// # Errors
/// The hard limit is lower; the line says what to do.
pub fn allow_connections(connections: u32) -> anyhow::Result<()> {
    let needed = u64::from(connections) + SPARE;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|soft| needed <= soft) {
        return Ok(());
    }
    if let Some(hard) = limit.maximum.filter(|hard| *hard < needed) {
        bail!(
            "{connections} connections need {needed} open files, and the hard limit is {hard}: \
             raise it (`ulimit -Hn`), or ask for fewer connections"
        );
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum: limit.maximum })?;
    Ok(())
}
