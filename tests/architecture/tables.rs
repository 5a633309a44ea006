//! Tables in the docs, read row by row, and the metrics table held against the program.

use onsale::metrics::TABLE;

use crate::{Source, assert_none, read};

/// A row: its line and its cells, without the backticks around them.
pub struct Row {
    pub line: usize,
    pub cells: Vec<String>,
}

/// The rows of every table whose first cell is in backticks, so neither headings nor rulers.
pub fn rows(text: &str) -> Vec<Row> {
    let is_row = |line: &&str| line.trim_start().starts_with("| `");
    let cells = |line: &str| {
        let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
        // A bar inside of a cell is written `\|`.
        let inner = inner.replace("\\|", "\u{1}");
        let cells = inner.split('|').map(|cell| cell.replace('\u{1}', "|"));
        cells.map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    };
    let numbered = text.lines().enumerate().filter(|(_, line)| is_row(line));
    numbered.map(|(at, line)| Row { line: at + 1, cells: cells(line) }).collect()
}

/// What a metric's row must say, in the order of the table.
type Metric = (String, String, String, String);

#[test]
fn docs_metrics_md_is_the_table_of_metrics() {
    assert_none(&check(&read("docs/metrics.md"), &defined()));
}

fn defined() -> Vec<Metric> {
    let row = |(name, kind, labels, help): &(&str, onsale::metrics::Kind, &str, &str)| {
        let (name, labels, help) = (*name, labels.replace(',', ", "), *help);
        (name.to_owned(), kind.as_str().to_owned(), labels, help.to_owned())
    };
    TABLE.iter().map(row).collect()
}

fn check(docs: &Source, defined: &[Metric]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut told = Vec::new();
    let rows = rows(&docs.text);
    for row in rows.iter().filter(|row| row.cells[0].starts_with("onsale_")) {
        let Some(metric) = defined.iter().find(|(name, ..)| *name == row.cells[0]) else {
            let rule = format!("{} is not in metrics::TABLE", row.cells[0]);
            complaints.push(docs.complain(row.line, rule));
            continue;
        };
        told.push(&metric.0);
        let (name, kind, labels, help) = metric;
        if row.cells.get(1..4) != Some(&[kind.clone(), labels.clone(), help.clone()]) {
            let rule = format!("{name} must be told as `{kind}`, `{labels}`, {help:?}");
            complaints.push(docs.complain(row.line, rule));
        }
    }
    for (name, ..) in defined {
        match told.iter().filter(|known| **known == name).count() {
            1 => {}
            0 => complaints.push(docs.complain(1, format!("{name} has no row"))),
            rows => complaints.push(docs.complain(1, format!("{name} has {rows} rows"))),
        }
    }
    complaints
}

#[test]
fn planted_differences_of_the_metrics_are_found() {
    let metric = |name: &str| {
        let owned = str::to_owned;
        (owned(name), owned("gauge"), owned("shard"), owned("How deep."))
    };
    let defined = [metric("onsale_depth")];
    let check = |table: &str| check(&Source::planted("docs/metrics.md", table), &defined);
    let head = "| name | type | labels | answers |\n|---|---|---|---|\n";
    assert_none(&check(&format!("{head}| `onsale_depth` | gauge | `shard` | How deep. |\n")));
    let planted = [
        ("", "docs/metrics.md:1: onsale_depth has no row"),
        (
            "| `onsale_depth` | counter | `shard` | How deep. |",
            "docs/metrics.md:3: onsale_depth must be told as `gauge`, `shard`, \"How deep.\"",
        ),
        (
            "| `onsale_depth` | gauge | `shard` | How deep. |\n| `onsale_old` | gauge | | Old. |",
            "docs/metrics.md:4: onsale_old is not in metrics::TABLE",
        ),
        (
            "| `onsale_depth` | gauge | `shard` | How deep. |\n\
             | `onsale_depth` | gauge | `shard` | How deep. |",
            "docs/metrics.md:1: onsale_depth has 2 rows",
        ),
    ];
    for (row, complaint) in planted {
        assert_eq!(check(&format!("{head}{row}\n")), [complaint]);
    }
}
