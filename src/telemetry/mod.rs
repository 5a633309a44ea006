//! Logs: to standard error, one line each, so that standard output stays free for the line that tells
//! the addresses. What is logged is chosen by `[log] filter`. And the traces that requests belong to, by
//! which others find in our logs what they look for in theirs.

mod one_line;
mod trace;

use std::io::{self, IsTerminal};

use anyhow::Context;
use tracing_subscriber::EnvFilter;

pub use one_line::{OneLine, OneLineWriter};
pub use trace::{TraceContext, Traces};

/// Laid under the chosen filter. ractor opens a span per actor at every poll, and sled tells of its
/// own housekeeping; whoever wants that names the target in `log.filter`.
const QUIETED: &str = "ractor=warn,sled=warn";

/// Sends what `filter` lets through to standard error, for the rest of the process.
///
/// # Errors
/// A filter that is not one (`Config` has checked it), or logs set up before.
pub fn install(filter: &str) -> anyhow::Result<()> {
    let is_terminal = io::stderr().is_terminal();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(chosen(filter)?)
        .with_writer(OneLine { keeps_colours: is_terminal })
        .with_ansi(is_terminal)
        .finish();
    tracing::subscriber::set_global_default(subscriber).context("logs were set up before")
}

fn chosen(filter: &str) -> anyhow::Result<EnvFilter> {
    EnvFilter::try_new(format!("{QUIETED},{filter}"))
        .with_context(|| format!("reading the log filter {filter:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_stay_quiet_unless_named() {
        let directives = |filter| chosen(filter).expect("is a filter").to_string();
        assert!(directives("debug").contains("ractor=warn"));
        assert!(directives("debug").contains("sled=warn"));
        let named = directives("info,sled=debug");
        assert!(named.contains("sled=debug") && !named.contains("sled=warn"), "{named}");
    }
}
