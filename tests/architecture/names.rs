//! Every name that `ARCHITECTURE.md` writes in backticks still exists: files and folders, paths of
//! modules and types, functions written with `()`, metrics and environment variables.
//!
//! Left alone is what nobody can tell from an English word or a foreign name: single words in small
//! letters, all capitals (`HELD`), anything with blanks or other signs, and URL paths (`/v1/...`).
//! Write `module::name` or `name()` to have a name checked.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use crate::{Source, assert_none, read, root, rust_files};

/// What exists, to be asked for names.
struct Known {
    /// Full paths of what the program defines, from below the crate: `storage::journal::Journal`.
    defined: Vec<Vec<String>>,
    /// Every identifier in any source, foreign types that are used among them.
    used: BTreeSet<String>,
    /// Crates, as code writes them.
    crates: BTreeSet<String>,
    file_exists: fn(&str) -> bool,
}

#[test]
fn architecture_md_names_nothing_that_is_gone() {
    let known = Known::from(
        &rust_files(&["src", "tests", "loadtest/src"]),
        &read("Cargo.toml").text,
        |path| root().join(path).exists(),
    );
    assert_none(&check(&read("ARCHITECTURE.md"), &known));
}

fn check(page: &Source, known: &Known) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut in_block = false;
    for (at, line) in page.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        }
        // Odd parts stand between backticks. Blocks are pictures, not names.
        let quoted = line.split('`').skip(1).step_by(2).filter(|_| !in_block);
        for name in quoted.flat_map(alternatives) {
            if !known.has(&name) {
                complaints.push(page.complain(at + 1, format!("`{name}` does not exist")));
            }
        }
    }
    complaints
}

/// `src/{a,b}.rs` is two names.
fn alternatives(name: &str) -> Vec<String> {
    let parts =
        name.split_once('{').filter(|_| is_relative_path(name)).and_then(|(before, rest)| {
            let (choices, after) = rest.split_once('}')?;
            Some((before, choices, after))
        });
    let Some((before, choices, after)) = parts else { return vec![name.to_owned()] };
    choices.split(',').map(|choice| format!("{before}{}{after}", choice.trim())).collect()
}

impl Known {
    fn from(sources: &[Source], manifest: &str, file_exists: fn(&str) -> bool) -> Self {
        let manifest: toml::Table = manifest.parse().expect("Cargo.toml is TOML");
        let dependencies = ["dependencies", "dev-dependencies"];
        let tables = dependencies.iter().filter_map(|name| manifest.get(*name)?.as_table());
        let named = tables.flat_map(|table| table.keys().map(|name| name.replace('-', "_")));
        let own = ["std", "core", "alloc"].map(str::to_owned);
        let mut known = Self {
            defined: Vec::new(),
            used: BTreeSet::new(),
            crates: named.chain(own).collect(),
            file_exists,
        };
        for source in sources {
            let below = source.path.strip_prefix("src/").unwrap_or(&source.path);
            let below = below.trim_end_matches(".rs").trim_end_matches("/mod");
            let module: Vec<String> = below.split('/').map(str::to_owned).collect();
            known.defined.extend((1..=module.len()).map(|end| module[..end].to_vec()));
            let mut defined = Definitions { within: module, found: &mut known.defined };
            defined.visit_file(&source.parse());
            let tokens = source.text.parse().expect("syn has parsed it");
            collect_identifiers(tokens, &mut known.used);
        }
        known
    }

    /// Whether `name` exists, or is of a kind that is left alone.
    fn has(&self, name: &str) -> bool {
        let is_word = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
                && part.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_')
        };
        if let Some(metric) = name.strip_prefix("onsale_") {
            let metric = metric.split('{').next().unwrap_or(metric);
            return onsale::metrics::TABLE.iter().any(|(known, ..)| known[7..] == *metric);
        }
        if is_file(name) {
            return (self.file_exists)(name);
        }
        let (bare, is_call) = match name.strip_suffix("()") {
            Some(bare) => (bare, true),
            None => (name, false),
        };
        let parts: Vec<&str> = bare.split("::").collect();
        if !parts.iter().all(|part| is_word(part)) {
            return true;
        }
        match parts[..] {
            [one] if is_call => self.used.contains(one),
            [one] if is_camel_case(one) => self.used.contains(one),
            [_] => true,
            ["crate" | "onsale", ref rest @ ..] => self.defines(rest),
            [first, ..] if self.crates.contains(first) => true,
            _ => self.defines(&parts),
        }
    }

    /// Whether something is defined under this path. Parts in between may be left out, as a re-export
    /// does: `storage::Journal` is found in `storage::journal::Journal`.
    fn defines(&self, parts: &[&str]) -> bool {
        self.defined.iter().any(|full| {
            let mut rest = full.iter();
            full.last().map(String::as_str) == parts.last().copied()
                && parts.iter().all(|part| rest.any(|candidate| candidate == part))
        })
    }
}

fn is_file(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    let is_path = is_relative_path(name);
    let signs = |sign: char| sign.is_ascii_alphanumeric() || "._-/".contains(sign);
    let is_known = matches!(ending, Some("rs" | "toml" | "md"));
    // `text/plain` and `application/json` are no files of ours.
    let is_media_type = name.starts_with("application/") || name.starts_with("text/");
    name.chars().all(signs) && (is_path || is_known) && !is_media_type
}

fn is_relative_path(name: &str) -> bool {
    name.contains('/') && !name.starts_with('/') && !name.contains("//")
}

fn is_camel_case(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_uppercase())
        && word.chars().any(|sign| sign.is_ascii_lowercase())
}

fn collect_identifiers(tokens: TokenStream, into: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                into.insert(ident.to_string());
            }
            TokenTree::Group(group) => collect_identifiers(group.stream(), into),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

struct Definitions<'a> {
    within: Vec<String>,
    found: &'a mut Vec<Vec<String>>,
}

impl Definitions<'_> {
    fn add(&mut self, name: &syn::Ident) {
        let mut path = self.within.clone();
        path.push(name.to_string());
        self.found.push(path);
    }

    fn inside(&mut self, name: &syn::Ident, visit: impl FnOnce(&mut Self)) {
        self.add(name);
        self.within.push(name.to_string());
        visit(self);
        self.within.pop();
    }
}

impl<'ast> Visit<'ast> for Definitions<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.inside(&item.ident, |inner| visit::visit_item_mod(inner, item));
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.inside(&item.ident, |inner| visit::visit_item_struct(inner, item));
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.inside(&item.ident, |inner| visit::visit_item_enum(inner, item));
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.inside(&item.ident, |inner| visit::visit_item_trait(inner, item));
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let syn::Type::Path(path) = &*item.self_ty
            && let Some(last) = path.path.segments.last()
        {
            self.inside(&last.ident, |inner| visit::visit_item_impl(inner, item));
        }
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.add(&signature.ident);
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.add(&variant.ident);
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if let Some(name) = &field.ident {
            self.add(name);
        }
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.add(&item.ident);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.add(&item.ident);
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.add(&item.ident);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.add(&item.ident);
    }
}

fn planted() -> Known {
    let source = Source::planted(
        "src/storage/journal.rs",
        "//! A file.\nuse std::sync::Arc;\npub trait Journal { fn append(&self); }\n\
         pub enum Fault { DiskFull }\nconst BYTES_MAX: u32 = 1;\nfn open() {}\n",
    );
    let exists =
        |path: &str| matches!(path, "src/storage/" | "src/a.rs" | "src/b.rs" | "config.toml");
    Known::from(&[source], "[dependencies]\nserde-json = \"1\"\n", exists)
}

#[test]
fn names_that_are_gone_are_found() {
    let gone = [
        "src/actors/",
        "src/c.rs",
        "main.rs",
        "Mailbox",
        "storage::Mailbox",
        "journal::Journal::read",
        "Fault::DiskSlow",
        "actors::Journal",
        "storage::journal::BYTES_MIN",
        "close()",
        "crate::actors",
        "onsale_gone_total",
        "src/{a,c}.rs",
    ];
    for name in gone {
        let page =
            Source::planted("ARCHITECTURE.md", &format!("# Page\n\nSee `open` and `{name}`.\n"));
        let found = check(&page, &planted());
        assert!(
            found.len() == 1 && found[0].starts_with("ARCHITECTURE.md:3: "),
            "{name}: {found:?}"
        );
    }
}

#[test]
fn names_that_exist_and_words_of_other_worlds_are_left_alone() {
    let fine = "`src/storage/` `src/{a,b}.rs` `config.toml` `Journal` `Arc` `storage::Journal` \
        `storage::journal::Fault::DiskFull` `Journal::append` `append()` `open` `serde_json::Value` \
        `std::sync::Mutex` `BYTES_MAX` `HELD` `Retry-After` `/v1/events/{event}` `text/plain` \
        `onsale_units` `onsale_units{state}` `[shards] count` `fdatasync` `crate::storage`\n\
        ```text\n`Gone`\n```\n";
    assert_none(&check(&Source::planted("ARCHITECTURE.md", fine), &planted()));
}
