//! The summary as a table in Markdown: for the terminal and for `loadtest/README.md`.

use std::fmt::Write;

use super::results::Summary;
use crate::measure::spread::Spread;

const HEAD: &str = "\
| row | connections | answers/s | to echo | p50 ms | p99 ms | p99.9 ms | max ms | server CPU us | to echo | \
generator CPU us | syncs/s | per sync | RSS MiB | onsale is | a 201 is |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|";

pub fn table(summaries: &[Summary]) -> String {
    let mut out = String::from(HEAD);
    for s in summaries {
        let cells = [
            s.row.to_owned(),
            s.connections.to_string(),
            format!("{:.0}", s.rate.median),
            ratio(s.rate_to_echo),
            format!("{:.2}", s.p50.median),
            format!("{:.2}", s.p99.median),
            format!("{:.2}", s.p999.median),
            format!("{:.1}", s.max.median),
            format!("{:.1}", s.server_cpu.median),
            ratio(s.cpu_to_echo),
            format!("{:.1}", s.generator_cpu.median),
            whole(s.syncs),
            whole(s.per_sync),
            format!("{:.0}", s.rss.median / f64::from(1 << 20)),
            s.onsale_to_this.map_or_else(String::new, |r| format!("{:.2} times", r.median)),
            s.durable.to_owned(),
        ];
        // Writing to a string does not fail.
        let _ = write!(out, "\n| {} |", cells.join(" | "));
    }
    out
}

/// The smallest and the largest in brackets.
fn ratio(spread: Option<Spread>) -> String {
    spread.map_or_else(String::new, |Spread { median, min, max }| {
        format!("{median:.2} ({min:.2}-{max:.2})")
    })
}

fn whole(spread: Option<Spread>) -> String {
    spread.map_or_else(String::new, |spread| format!("{:.0}", spread.median))
}
