//! `config.toml` is the list of settings: each key has its comment there, its row with the same
//! default in `docs/settings.md`, and its field in the program.

use onsale::config::Config;

use crate::tables::rows;
use crate::{Source, assert_none, read};

/// A key and its default as written, with the line where it stands.
struct Key {
    /// `section.key`.
    name: String,
    value: String,
    line: usize,
    has_comment: bool,
}

#[test]
fn docs_settings_md_and_config_toml_tell_the_same() {
    assert_none(&check(&read("config.toml"), &read("docs/settings.md")));
}

#[test]
fn the_shipped_file_is_read_by_the_program_and_a_key_more_is_not() {
    let file = read("config.toml");
    let load = |text: &str| Config::from_parts(Some(("config.toml", text)), []);
    load(&file.text).expect("the shipped file fits");
    let more = file.text + "\n[more]\nkey = 1\n";
    assert!(load(&more).is_err(), "an unknown section is taken");
}

fn check(file: &Source, docs: &Source) -> Vec<String> {
    let (keys, rows) = (keys(&file.text), rows(&docs.text));
    let mut complaints = Vec::new();
    for key in &keys {
        if !key.has_comment {
            let rule = format!("{} needs a comment: unit, bounds, reason", key.name);
            complaints.push(file.complain(key.line, rule));
        }
        let mut told = rows.iter().filter(|row| row.cells[0] == key.name);
        match (told.next(), told.next()) {
            (None, _) => {
                complaints.push(file.complain(key.line, format!("{} has no row", key.name)));
            }
            (Some(row), None) => {
                if row.cells.get(1) != Some(&key.value) {
                    let rule = format!("the default of {} is {}", key.name, key.value);
                    complaints.push(docs.complain(row.line, rule));
                }
                if row.cells.len() != 4 || row.cells.iter().any(String::is_empty) {
                    let rule = format!("{} needs default, unit and bounds, reason", key.name);
                    complaints.push(docs.complain(row.line, rule));
                }
            }
            (Some(_), Some(row)) => {
                complaints.push(docs.complain(row.line, format!("{} is told twice", key.name)));
            }
        }
    }
    for row in rows.iter().filter(|row| keys.iter().all(|key| key.name != row.cells[0])) {
        let rule = format!("{} is not in config.toml", row.cells[0]);
        complaints.push(docs.complain(row.line, rule));
    }
    complaints
}

/// The keys of a file that writes one to a line, as ours does.
fn keys(text: &str) -> Vec<Key> {
    let mut section = String::new();
    let mut has_comment = false;
    let mut keys = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#'))
        {
            let (name, value) = (format!("{section}.{}", name.trim()), value.trim().to_owned());
            keys.push(Key { name, value, line: at + 1, has_comment });
        }
        has_comment = line.starts_with('#');
    }
    keys
}

#[test]
fn every_key_that_toml_sees_is_seen_here() {
    let file = read("config.toml");
    let table: toml::Table = file.text.parse().expect("TOML");
    let mut expected: Vec<String> = Vec::new();
    for (section, content) in &table {
        let entries = content.as_table().expect("only sections at the top");
        expected.extend(entries.keys().map(|key| format!("{section}.{key}")));
    }
    let mut seen: Vec<String> = keys(&file.text).into_iter().map(|key| key.name).collect();
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected);
}

#[test]
fn planted_differences_of_the_settings_are_found() {
    let check = |file: &str, docs: &str| {
        let file = Source::planted("config.toml", file);
        check(&file, &Source::planted("docs/settings.md", docs))
    };
    let file = "[shards]\n# Shards.\ncount = 0\n";
    let row = "| `shards.count` | `0` | shards, 0 to 9 | cores |\n";
    assert_none(&check(file, row));
    let planted = [
        (file, "", "config.toml:3: shards.count has no row"),
        ("[shards]\ncount = 0\n", row, "config.toml:2: shards.count needs a comment"),
        (
            "[shards]\n# Shards.\ncount = 1\n",
            row,
            "docs/settings.md:1: the default of shards.count",
        ),
        (
            file,
            "| `shards.count` | `0` | | cores |",
            "docs/settings.md:1: shards.count needs default",
        ),
        ("", row, "docs/settings.md:1: shards.count is not in config.toml"),
        (file, &row.repeat(2), "docs/settings.md:2: shards.count is told twice"),
    ];
    for (file, docs, complaint) in planted {
        let found = check(file, docs);
        assert!(found.iter().any(|c| c.starts_with(complaint)), "{complaint}: {found:?}");
    }
}
