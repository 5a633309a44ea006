//! Imports point one way: `main > app > http | cluster > actors > storage | providers > domain`.
//! `config`, `clock`, `metrics`, `telemetry` and `faults` may be used by all of them but `domain`, and
//! themselves know only `domain`. Some crates are kept behind one folder, so that they can be replaced.
//!
//! Read are `use` items, written-out paths, and the tokens of macros; not what stands under
//! `#[cfg(test)]`, which does not ship.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, UseTree};

use crate::{Source, assert_none, rust_files};

/// Folders or files of `src/` and how high they stand. Each may import itself and what stands lower.
const HEIGHTS: &[(&str, u8)] = &[
    ("domain", 0),
    ("config", TOOLS),
    ("clock", TOOLS),
    ("metrics", TOOLS),
    ("telemetry", TOOLS),
    ("faults", TOOLS),
    ("storage", 2),
    ("providers", 2),
    ("documents", 2),
    ("actors", 3),
    ("http", 4),
    ("cluster", 4),
    ("app", 5),
    ("verify", 5),
    ("verify_draw", 5),
];

/// At this height, and only here, neighbours may import each other.
const TOOLS: u8 = 1;

/// What may not be used where: a path, the places that may (empty: none of those below), and why.
const KEPT_BEHIND: &[(&[&str], &[&str], &str)] = &[
    (&["sled"], &["src/storage/sled_journal"], "sled's traps are fenced in one place"),
    (&["bincode"], &["src/storage/codec"], "records are encoded in one place"),
    (&["axum"], &["src/http", "src/app"], "axum is the business of the front door"),
    (&["ractor"], &["src/actors", "src/app"], "ractor is the business of the actors"),
    (&["lettre"], &["src/providers/mail"], "mail is the business of one channel"),
    (&["reqwest"], &["src/providers"], "who talks to the outside is a provider"),
    (&["hashring"], &["src/domain/placement"], "the ring only proposes, in one place"),
    (&["std", "time", "SystemTime"], &["src/clock"], "time is an argument; the clock reads it"),
];

/// What the rules may not know. A rule that does none of this gives the same answer at every replay.
const NOT_IN_DOMAIN: &[&[&str]] = &[
    &["tokio"],
    &["ractor"],
    &["sled"],
    &["axum"],
    &["hyper"],
    &["rand"],
    &["metrics"],
    &["tracing"],
    &["std", "time"],
    &["std", "fs"],
    &["std", "net"],
    &["std", "env"],
    &["std", "process"],
    &["std", "thread"],
];

#[test]
fn imports_point_one_way() {
    let sources = rust_files(&["src"]);
    let complaints: Vec<String> = sources.iter().flat_map(check).collect();
    assert_none(&complaints);
}

#[test]
fn every_module_has_a_place_in_the_order() {
    let unplaced: Vec<String> = rust_files(&["src"])
        .iter()
        .filter(|source| !matches!(layer(&source.path), "main" | "lib"))
        .filter(|source| height(layer(&source.path)).is_none())
        .map(|source| source.complain(1, "this module has no place in HEIGHTS"))
        .collect();
    assert_none(&unplaced);
}

fn check(source: &Source) -> Vec<String> {
    let mut paths = Paths { module: module_of(&source.path), found: Vec::new() };
    if !is_test_file(&source.path) {
        paths.visit_file(&source.parse());
    }
    let mut complaints: Vec<String> = paths
        .found
        .iter()
        .filter_map(|(path, line)| Some(source.complain(*line, objection(&source.path, path)?)))
        .collect();
    complaints.dedup();
    complaints
}

/// Why `path` may not be used in `file`, if it may not.
fn objection(file: &str, path: &[String]) -> Option<String> {
    let from = layer(file);
    let written = path.join("::");
    if let ["crate" | "onsale", to, ..] = path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        let (Some(ours), Some(theirs)) = (height(from), height(to)) else { return None };
        let points_down = from == to || theirs < ours || (theirs == TOOLS && ours == TOOLS);
        return (!points_down)
            .then(|| format!("{from} may not import {to} ({written}): imports point one way"));
    }
    let begins =
        |start: &[&str]| start.len() <= path.len() && start.iter().zip(path).all(|(a, b)| a == b);
    if from == "domain" && NOT_IN_DOMAIN.iter().any(|start| begins(start)) {
        return Some(format!("domain may not know {written}: rules are pure"));
    }
    KEPT_BEHIND
        .iter()
        .find(|(start, homes, _)| begins(start) && !homes.iter().any(|home| file.starts_with(home)))
        .map(|(_, homes, why)| format!("{written} belongs in {}: {why}", homes.join(", ")))
}

fn height(layer: &str) -> Option<u8> {
    HEIGHTS.iter().find(|(name, _)| *name == layer).map(|(_, height)| *height)
}

/// The folder or file directly under `src/`.
fn layer(file: &str) -> &str {
    let below = file.strip_prefix("src/").unwrap_or(file);
    below.split('/').next().unwrap_or(below).trim_end_matches(".rs")
}

/// `src/storage/journal.rs` is `crate::storage::journal`, `src/storage/mod.rs` is `crate::storage`.
fn module_of(file: &str) -> Vec<String> {
    let below = file.strip_prefix("src/").unwrap_or(file).trim_end_matches(".rs");
    let below = below.strip_suffix("/mod").unwrap_or(below);
    let own = below.split('/').filter(|part| !matches!(*part, "lib" | "main"));
    std::iter::once("crate").chain(own).map(str::to_owned).collect()
}

fn is_test_file(file: &str) -> bool {
    file.ends_with("/tests.rs") || file.contains("/tests/")
}

struct Paths {
    /// Where the walk is, from `crate` on; resolves `self` and `super`.
    module: Vec<String>,
    /// Each path, from its crate on, and its line.
    found: Vec<(Vec<String>, usize)>,
}

impl Paths {
    fn add(&mut self, written: &[String], line: usize) {
        let mut path = Vec::new();
        for (at, part) in written.iter().enumerate() {
            match part.as_str() {
                "self" if at == 0 => path.clone_from(&self.module),
                "super" => {
                    if at == 0 {
                        path.clone_from(&self.module);
                    }
                    path.pop();
                }
                _ => path.push(part.clone()),
            }
        }
        self.found.push((path, line));
    }

    fn add_use(&mut self, before: &mut Vec<String>, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.add_use(before, &path.tree);
                before.pop();
            }
            UseTree::Name(name) => self.add_leaf(before, &name.ident),
            UseTree::Rename(rename) => self.add_leaf(before, &rename.ident),
            UseTree::Glob(glob) => self.add(before, glob.star_token.spans[0].start().line),
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.add_use(before, tree));
            }
        }
    }

    fn add_leaf(&mut self, before: &[String], leaf: &syn::Ident) {
        let mut whole = before.to_vec();
        // `use a::{self}` is `use a`.
        if before.is_empty() || leaf != "self" {
            whole.push(leaf.to_string());
        }
        self.add(&whole, leaf.span().start().line);
    }

    /// Macros are not parsed; their tokens still show `word::word::...`.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut line, mut colons) = (0, 0);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.flush(&mut path, line);
                    }
                    line = ident.span().start().line;
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.flush(&mut path, line);
                    self.add_tokens(group.stream());
                    colons = 0;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.flush(&mut path, line);
                    colons = 0;
                }
            }
        }
        self.flush(&mut path, line);
    }

    fn flush(&mut self, path: &mut Vec<String>, line: usize) {
        if 1 < path.len() {
            self.add(path, line);
        }
        path.clear();
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !item_attributes(item).iter().any(is_cfg_test) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_use(&mut Vec::new(), &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let written: Vec<String> =
            path.segments.iter().map(|part| part.ident.to_string()).collect();
        if 1 < written.len() {
            self.add(&written, path.segments[0].ident.span().start().line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.add_tokens(call.tokens.clone());
    }
}

fn item_attributes(item: &syn::Item) -> &[Attribute] {
    match item {
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        _ => &[],
    }
}

fn is_cfg_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Ident>().is_ok_and(|ident| ident == "test")
}

#[test]
fn planted_arrows_that_point_back_are_found() {
    let planted = [
        ("src/domain/a.rs", "use crate::storage::Journal;", "domain may not import storage"),
        ("src/domain/a.rs", "use crate::{domain::ids, clock::Clock};", "may not import clock"),
        ("src/domain/inventory/a.rs", "use super::super::super::http::x;", "may not import http"),
        ("src/storage/mod.rs", "use super::actors::Shard;", "storage may not import actors"),
        ("src/storage/a.rs", "use crate::providers::Mail;", "storage may not import providers"),
        ("src/actors/a.rs", "fn f() { crate::http::serve(); }", "actors may not import http"),
        ("src/actors/a.rs", "fn f(x: crate::app::App) {}", "actors may not import app"),
        ("src/http/a.rs", "use crate::cluster::Lease;", "http may not import cluster"),
        ("src/clock.rs", "use crate::storage;", "clock may not import storage"),
        ("src/actors/a.rs", "fn f() { vec![crate::http::x()]; }", "actors may not import http"),
        ("src/storage/a.rs", "mod b { use super::super::super::app; }", "may not import app"),
        ("src/storage/a.rs", "use crate::actors as others;", "storage may not import actors"),
    ];
    for (file, text, expected) in planted {
        let found = check(&Source::planted(file, &format!("//! A file.\n\n{text}\n")));
        assert!(found.iter().any(|c| c.contains(expected)), "{file} {text}: {found:?}");
        assert!(found[0].starts_with(&format!("{file}:3: ")), "{found:?}");
    }
}

#[test]
fn planted_uses_of_what_is_kept_apart_are_found() {
    let planted = [
        ("src/domain/a.rs", "use std::time::Instant;", "domain may not know std::time::Instant"),
        ("src/domain/a.rs", "use std::{fmt, time};", "domain may not know std::time"),
        ("src/domain/a.rs", "fn f() -> u8 { rand::random() }", "domain may not know rand::random"),
        ("src/domain/a.rs", "fn f() { tokio::spawn(x); }", "domain may not know tokio::spawn"),
        ("src/domain/a.rs", "use sled;", "domain may not know sled"),
        ("src/domain/a.rs", "fn f() { let _ = std::env::var(x); }", "domain may not know std::env"),
        ("src/actors/a.rs", "use sled::Db;", "sled::Db belongs in src/storage/sled_journal"),
        ("src/storage/record.rs", "use bincode::Options;", "belongs in src/storage/codec"),
        ("src/actors/a.rs", "use axum::Json;", "axum::Json belongs in src/http"),
        ("src/http/a.rs", "fn f() { std::time::SystemTime::now(); }", "belongs in src/clock"),
    ];
    for (file, text, expected) in planted {
        let found = check(&Source::planted(file, &format!("//! A file.\n{text}\n")));
        assert!(found.iter().any(|c| c.contains(expected)), "{file} {text}: {found:?}");
    }
}

#[test]
fn arrows_that_point_on_are_left_alone() {
    let fine = [
        ("src/main.rs", "use onsale::{app, config::Config};"),
        ("src/app.rs", "use crate::{http, storage, config::ServerConfig};"),
        ("src/http/a.rs", "use crate::actors::ShardHandle; use super::error;"),
        ("src/actors/a.rs", "use crate::{storage::Journal, metrics, faults};"),
        ("src/storage/sled_journal/file.rs", "use sled::Db; use crate::domain::ids;"),
        ("src/domain/inventory/a.rs", "use super::super::time::UnixMillis; use std::fmt;"),
        ("src/domain/a.rs", "#[cfg(test)]\nmod tests { use crate::storage::MemoryJournal; }"),
        ("src/clock.rs", "use std::time::{Instant, SystemTime}; use crate::domain::time;"),
    ];
    for (file, text) in fine {
        assert_none(&check(&Source::planted(file, &format!("//! A file.\n{text}\n"))));
    }
}
