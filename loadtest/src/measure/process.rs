//! A server under test: started on a free port, ended when dropped.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::connection::Connection;
use crate::cpu;
use crate::plan::get;
use crate::target::Target;

const START_MAX: Duration = Duration::from_secs(60);
/// Between two looks whether it is ready; also the error of a measured start.
const READY_PAUSE: Duration = Duration::from_millis(2);

/// An empty directory for a server's data, removed with what is in it when dropped.
pub struct DataDir(PathBuf);

impl DataDir {
    pub fn new(path: PathBuf) -> Self {
        remove(&path);
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

fn remove(data: &Path) {
    if data.exists()
        && let Err(error) = std::fs::remove_dir_all(data)
    {
        eprintln!("{} could not be removed: {error}", data.display());
    }
}

pub struct Process {
    child: Child,
    errors: PathBuf,
    pub target: Target,
    /// Where its metrics are, if it says so.
    pub admin: Option<Target>,
    /// From the call to the line that says it is ready.
    pub took: Duration,
}

impl Process {
    /// Starts it with its output in files of `logs`. `started` is called as soon as it has a number.
    ///
    /// # Errors
    /// One line: what did not start, and what it said.
    pub fn start(
        mut command: Command,
        logs: &Path,
        started: impl FnOnce(i32) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let (out, errors) = (logs.join("server.out"), logs.join("server.err"));
        command.stdin(Stdio::null()).stdout(File::create(&out)?).stderr(File::create(&errors)?);
        let begun = Instant::now();
        let child = command.spawn().with_context(|| format!("{command:?} was not started"))?;
        let target = Target { address: ([127, 0, 0, 1], 0).into() };
        let took = Duration::ZERO;
        let mut process = Self { child, errors, target, admin: None, took };
        started(process.pid())?;
        process.ready(&out, begun)?;
        process.took = begun.elapsed();
        Ok(process)
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(i32::MAX)
    }

    /// How it ended, if it has, without having been told to.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// What failed, or that the server ended, which is then why.
    pub fn explain(&mut self, error: anyhow::Error) -> anyhow::Error {
        // Whoever was connected hears of it before it can be waited for.
        std::thread::sleep(Duration::from_millis(50));
        match self.ended() {
            Some(status) => anyhow::anyhow!("the server ended in the middle: {status}"),
            None => error,
        }
    }

    /// Unit: bytes.
    ///
    /// # Errors
    /// It has ended.
    pub fn rss(&self) -> anyhow::Result<u64> {
        let stat = procfs::process::Process::new(self.pid())?.stat()?;
        Ok(stat.rss * procfs::page_size())
    }

    /// The most that it ever was. Unit: bytes.
    ///
    /// # Errors
    /// It has ended.
    pub fn rss_peak(&self) -> anyhow::Result<u64> {
        let status = procfs::process::Process::new(self.pid())?.status()?;
        Ok(status.vmhwm.context("the kernel tells no peak")? << 10)
    }

    /// # Errors
    /// It has ended.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = procfs::process::Process::new(self.pid())?.stat()?;
        Ok(cpu::time(stat.utime + stat.stime))
    }

    /// A metric without labels.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let admin = self.admin.context("no admin listener")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut connection = Connection::new(admin);
        let answer = runtime.block_on(connection.ask(&get("/metrics")))?;
        let text = answer.text();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.and_then(|value| value.parse().ok()).with_context(|| format!("no metric {name}"))
    }

    /// Waits until it logs something with these words.
    ///
    /// # Errors
    /// It did not in `patience`, or has ended.
    pub fn wait_for_log(&mut self, words: &str, patience: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !std::fs::read_to_string(&self.errors)?.contains(words) {
            if let Some(status) = self.ended() {
                bail!("the server ended in the middle: {status}");
            }
            if patience < begun.elapsed() {
                bail!("the server did not log {words:?} in {patience:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Ends it in order: what it was told is on disk, and its files are closed.
    ///
    /// # Errors
    /// It did not end in order.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let pid = rustix::process::Pid::from_raw(self.pid()).context("no such process")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let begun = Instant::now();
        while begun.elapsed() < START_MAX {
            match self.ended() {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("the server ended badly: {status}"),
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        bail!("the server did not end")
    }

    fn ready(&mut self, out: &Path, begun: Instant) -> anyhow::Result<()> {
        loop {
            let said = std::fs::read_to_string(out)?;
            let line = said.strip_suffix('\n').unwrap_or_default();
            if let Some(rest) = line.lines().find_map(|line| line.strip_prefix("listening on ")) {
                let mut words = rest.split_whitespace();
                let mut url = || words.find(|word| word.starts_with("http")).map(str::parse);
                let target = url().unwrap_or_else(|| Err("no address".to_owned()));
                self.target = target.map_err(|why| anyhow::anyhow!("{rest}: {why}"))?;
                self.admin = url().and_then(Result::ok);
                return Ok(());
            }
            let ended = self.child.try_wait()?.is_some();
            if ended || START_MAX < begun.elapsed() {
                let said = std::fs::read_to_string(&self.errors)?;
                let why = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("no word");
                bail!("the server did not start: {why}");
            }
            std::thread::sleep(READY_PAUSE);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing of it is needed any more.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
