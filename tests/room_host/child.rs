//! This test binary once more as a process of its own: it can be killed, and it can have planted bugs.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Starts the test of this name, which is ignored otherwise, with its words in the environment.
pub fn spawn(test: &str, dir: &Path, words: &[(&str, &str)]) -> Child {
    Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
        .env("ONSALE_TEST_DIR", dir)
        .envs(words.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("it starts")
}

/// The word of the parent; `None`: nobody started this test on purpose.
pub fn word(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
