//! Files fit in one reading, functions on one screen, and each file opens by saying what it is.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::{Source, assert_none, rust_files};

/// Lines of a file, without its module of tests.
const FILE_LINES_MAX: usize = 400;
/// Lines of a function, from `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

#[test]
fn files_and_functions_are_short_and_files_say_what_they_are() {
    let sources = rust_files(&["src", "tests", "loadtest/src"]);
    assert!(!sources.is_empty(), "found no sources");
    let complaints: Vec<String> = sources.iter().flat_map(check).collect();
    assert_none(&complaints);
}

fn check(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    if !source.text.starts_with("//!") {
        complaints.push(source.complain(1, "the file must open with a `//!` that says what it is"));
    }
    let lines = counted_lines(&source.text);
    if FILE_LINES_MAX < lines {
        let rule = format!("{lines} lines; a file has at most {FILE_LINES_MAX} without its tests");
        complaints.push(source.complain(FILE_LINES_MAX + 1, rule));
    }
    let mut functions = Functions { found: Vec::new() };
    functions.visit_file(&source.parse());
    for (name, line, lines) in functions.found {
        if FUNCTION_LINES_MAX < lines {
            let rule =
                format!("{name} has {lines} lines; a function has at most {FUNCTION_LINES_MAX}");
            complaints.push(source.complain(line, rule));
        }
    }
    complaints
}

/// Lines up to the module of tests at the end, all of them if there is none.
fn counted_lines(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let opens_tests = |at: &usize| {
        let next = lines.get(at + 1).copied().unwrap_or_default();
        lines[*at] == "#[cfg(test)]" && next.starts_with("mod ") && next.ends_with('{')
    };
    (0..lines.len()).find(opens_tests).unwrap_or(lines.len())
}

struct Functions {
    /// Name, first line, number of lines.
    found: Vec<(String, usize, usize)>,
}

impl Functions {
    fn add(&mut self, signature: &syn::Signature, end: Span) {
        let first = signature.fn_token.span().start().line;
        self.found.push((signature.ident.to_string(), first, end.end().line + 1 - first));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig, item.block.span());
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig, item.block.span());
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.add(&item.sig, block.span());
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[test]
fn a_planted_long_file_is_found_and_its_tests_do_not_count() {
    let fits = format!("//! A file.\n{}", "// x\n".repeat(FILE_LINES_MAX - 1));
    let tests = "#[cfg(test)]\nmod tests {\n}\n".to_owned() + &"// x\n".repeat(100);
    assert_none(&check(&Source::planted("src/a.rs", &(fits.clone() + &tests))));
    let long = check(&Source::planted("src/a.rs", &(fits.clone() + "// x\n" + &tests)));
    assert_eq!(long, ["src/a.rs:401: 401 lines; a file has at most 400 without its tests"]);
    // A test-only item in the midst does not hide the rest of the file.
    let hidden = format!("//! A file.\n#[cfg(test)]\nuse std::fmt;\n{}", "// x\n".repeat(400));
    assert_eq!(check(&Source::planted("src/a.rs", &hidden)).len(), 1);
}

#[test]
fn a_planted_long_function_is_found_wherever_it_stands() {
    let body = |lines: usize| format!("fn f() {{\n{}}}\n", "();\n".repeat(lines - 2));
    let wrap =
        |before: &str, lines, after: &str| format!("//! A file.\n{before}{}{after}", body(lines));
    for (before, after) in
        [("", ""), ("impl X {\n", "}"), ("trait T {\n", "}"), ("fn g() {\n", "}")]
    {
        let fits = Source::planted("src/a.rs", &wrap(before, 60, after));
        assert_none(&check(&fits));
        let long = check(&Source::planted("src/a.rs", &wrap(before, 71, after)));
        assert!(long.iter().any(|c| c.contains("f has 71 lines")), "{before} {long:?}");
    }
    let exact = check(&Source::planted("src/a.rs", &wrap("", 70, "")));
    assert_none(&exact);
}

#[test]
fn a_file_that_does_not_say_what_it_is_is_found() {
    let silent = check(&Source::planted("src/a.rs", "use std::fmt;\n"));
    assert_eq!(silent, ["src/a.rs:1: the file must open with a `//!` that says what it is"]);
}
