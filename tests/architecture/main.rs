//! Reads the sources and fails on what a reviewer should not have to look for: an import that points
//! back, a file or function too long to hold in the head, a file that does not say what it is, and a
//! table in the docs that no longer tells what the program does.
//!
//! A checker is a function from text to complaints (`file:line: rule`). Each has one test that runs it
//! over the repository and one that feeds it a planted violation: a check that cannot fail is none.

mod arrows;
mod lengths;
mod names;
mod settings;
mod tables;

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

/// A file and its text.
struct Source {
    /// Relative to the repository, with forward slashes.
    path: String,
    text: String,
}

impl Source {
    fn planted(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    fn complain(&self, line: usize, rule: impl Display) -> String {
        format!("{}:{line}: {rule}", self.path)
    }

    fn parse(&self) -> syn::File {
        syn::parse_file(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One file of the repository.
fn read(path: &str) -> Source {
    let text = fs::read_to_string(root().join(path));
    let text = text.unwrap_or_else(|error| panic!("{path}: cannot be read: {error}"));
    Source { path: path.to_owned(), text }
}

/// Every Rust file under the given folders, in the order of their paths.
fn rust_files(folders: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut paths);
    }
    paths.sort();
    let relative = |path: &PathBuf| path.strip_prefix(root()).expect("below the root").to_owned();
    paths.iter().map(|path| read(&relative(path).to_string_lossy().replace('\\', "/"))).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("readable folder").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
