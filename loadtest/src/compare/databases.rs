//! The databases of the peers, through `peers/servers.sh`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::rows::Database;

/// A running database.
#[derive(Debug, Clone)]
pub struct Running {
    pub urls: Vec<String>,
    pub pids: Vec<i32>,
}

/// All that were started; stopped, with their data, when this goes.
pub struct Databases {
    script: PathBuf,
    dir: PathBuf,
    running: BTreeMap<String, Result<Running, String>>,
}

impl Databases {
    /// # Errors
    /// The script cannot be run at all; a database that does not start only lacks in the report.
    pub fn start(script: &Path, dir: &Path, wanted: &[Database]) -> anyhow::Result<Self> {
        let mut names: Vec<&str> = wanted.iter().filter_map(|database| database.name()).collect();
        names.sort_unstable();
        names.dedup();
        let mut this = Self { script: script.into(), dir: dir.into(), running: BTreeMap::new() };
        if names.is_empty() {
            return Ok(this);
        }
        this.run(&["install"], Stdio::null()).context("the databases could not be installed")?;
        // The servers outlive the script and would hold a pipe open: it writes to a file.
        std::fs::create_dir_all(dir)?;
        let told = dir.join("servers.txt");
        let mut arguments = vec!["start", this.dir_name()?];
        arguments.extend(&names);
        this.run(&arguments, std::fs::File::create(&told)?.into())?;
        this.running = std::fs::read_to_string(told)?.lines().filter_map(parse).collect();
        Ok(this)
    }

    /// # Errors
    /// Why it does not run.
    pub fn find(&self, database: Database) -> Result<Running, String> {
        let Some(name) = database.name() else {
            return Ok(Running { urls: Vec::new(), pids: Vec::new() });
        };
        match self.running.get(name) {
            Some(Ok(running)) => Ok(running.clone()),
            Some(Err(why)) => Err(format!("{name}: {why}")),
            None => Err(format!("{name} was not started")),
        }
    }

    fn dir_name(&self) -> anyhow::Result<&str> {
        self.dir.to_str().context("the build directory's name is not UTF-8")
    }

    fn run(&self, arguments: &[&str], output: Stdio) -> anyhow::Result<()> {
        let mut command = Command::new(&self.script);
        command.args(arguments).stdin(Stdio::null()).stdout(output);
        let status = command.status().with_context(|| self.script.display().to_string())?;
        if !status.success() {
            bail!("{} {}: {status}", self.script.display(), arguments.join(" "));
        }
        Ok(())
    }
}

impl Drop for Databases {
    fn drop(&mut self) {
        let stopped = self.dir_name().and_then(|dir| self.run(&["stop", dir], Stdio::null()));
        if let Err(error) = stopped {
            eprintln!("databases may still run: {error:#}");
        }
    }
}

/// `NAME ready URL,.. PID,..` or `NAME failed WHY`.
fn parse(line: &str) -> Option<(String, Result<Running, String>)> {
    let (name, rest) = line.split_once(' ')?;
    let running = match rest.split_once(' ')? {
        ("ready", rest) => {
            let (urls, pids) = rest.split_once(' ')?;
            let urls = urls.split(',').map(str::to_owned).collect();
            Ok(Running { urls, pids: pids.split(',').filter_map(|pid| pid.parse().ok()).collect() })
        }
        (_, why) => Err(why.to_owned()),
    };
    Some((name.to_owned(), running))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_script_are_understood() {
        let (name, running) = parse("redis-locks ready redis://a/,redis://b/ 1,22").expect("one");
        let running = running.expect("ready");
        assert_eq!((name.as_str(), running.urls.len()), ("redis-locks", 2));
        assert_eq!(running.pids, [1, 22]);
        let (_, failed) = parse("etcd failed bind: address in use").expect("one");
        assert_eq!(failed.expect_err("failed"), "bind: address in use");
    }
}
