//! A server under test: started on a free port, ended when dropped.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::databases::Running;
use super::rows::{Row, Server};
use crate::target::Target;

const START_MAX: Duration = Duration::from_secs(20);

/// Where the programs and the data are.
pub struct Places {
    pub programs: PathBuf,
    /// On the disk that is measured.
    pub work: PathBuf,
}

pub struct Process {
    child: Child,
    /// Removed with it.
    data: Option<PathBuf>,
    pub target: Target,
}

impl Process {
    /// # Errors
    /// One line: what did not start, and what it said.
    pub fn start(row: &Row, database: &Running, places: &Places) -> anyhow::Result<Self> {
        let (mut command, data) = command(row, database, places);
        let (out, err) = (places.work.join("server.out"), places.work.join("server.err"));
        command.stdin(Stdio::null()).stdout(File::create(&out)?).stderr(File::create(&err)?);
        if let Some(data) = &data {
            remove(data);
        }
        let child = command.spawn().with_context(|| format!("{command:?} was not started"))?;
        let target = Target { address: ([127, 0, 0, 1], 0).into() };
        let mut process = Self { child, data, target };
        process.target = process.ready(&out, &err)?;
        Ok(process)
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(i32::MAX)
    }

    fn ready(&mut self, out: &Path, err: &Path) -> anyhow::Result<Target> {
        let started = Instant::now();
        loop {
            let said = std::fs::read_to_string(out)?;
            let url = said.lines().find_map(|line| line.strip_prefix("listening on "));
            if let Some(url) = url.and_then(|rest| rest.split_whitespace().next()) {
                return url.parse().map_err(|why| anyhow::anyhow!("{url}: {why}"));
            }
            let ended = self.child.try_wait()?.is_some();
            if ended || START_MAX < started.elapsed() {
                let said = std::fs::read_to_string(err)?;
                let why = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("no word");
                bail!("the server did not start: {why}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing of it is needed any more; each run begins with empty data.
        drop(self.child.kill());
        drop(self.child.wait());
        if let Some(data) = &self.data {
            remove(data);
        }
    }
}

fn remove(data: &Path) {
    if data.exists()
        && let Err(error) = std::fs::remove_dir_all(data)
    {
        eprintln!("{} could not be removed: {error}", data.display());
    }
}

fn command(row: &Row, database: &Running, places: &Places) -> (Command, Option<PathBuf>) {
    let data = match row.server {
        Server::Onsale => places.work.join("data"),
        Server::OnsaleInMemory => {
            PathBuf::from(format!("/dev/shm/onsale-compare-{}", std::process::id()))
        }
        Server::Peer(backend) => {
            let mut command = Command::new(places.programs.join("peers"));
            command.args(["--backend", backend]);
            if let Some((first, others)) = database.urls.split_first() {
                command.args(["--database", first]);
                if !others.is_empty() {
                    command.args(["--lock-servers", &others.join(",")]);
                }
            }
            return (command, None);
        }
    };
    let mut command = Command::new(places.programs.join("onsale"));
    command
        .current_dir(&places.work)
        .env("ONSALE__STORAGE__DATA_DIR", &data)
        .env("ONSALE__SERVER__LISTEN", "127.0.0.1:0")
        .env("ONSALE__ADMIN__LISTEN", "127.0.0.1:0");
    (command, Some(data))
}
