//! Something for each of many numbers, over a bounded number of connections.

use std::cell::Cell;
use std::rc::Rc;

use anyhow::Context;
use indicatif::ProgressBar;
use tokio::task::JoinSet;

use crate::connection::Connection;
use crate::target::Target;

/// Calls `work` once for each of `0..count`, and gathers what it complains of.
///
/// # Errors
/// The first error of `work`; the rest is then not done.
pub fn each<W>(
    target: Target,
    count: u64,
    connections: u32,
    bar: &ProgressBar,
    work: W,
) -> anyhow::Result<Vec<String>>
where
    W: AsyncFn(&mut Connection, u64) -> anyhow::Result<Vec<String>> + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    let (next, work) = (Rc::new(Cell::new(0)), Rc::new(work));
    local.block_on(&runtime, async {
        let mut working = JoinSet::new();
        for _ in 0..u64::from(connections).min(count) {
            let (next, work, bar) = (Rc::clone(&next), Rc::clone(&work), bar.clone());
            working.spawn_local(async move {
                let mut connection = Connection::new(target);
                let mut complaints = Vec::new();
                while next.get() < count {
                    let number = next.replace(next.get() + 1);
                    complaints.extend(work(&mut connection, number).await?);
                    bar.inc(1);
                }
                anyhow::Ok(complaints)
            });
        }
        let mut complaints = Vec::new();
        while let Some(worked) = working.join_next().await {
            complaints.extend(worked.context("a connection panicked")??);
        }
        Ok(complaints)
    })
}
