//! Where the programs under test come from.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// Where the programs and the data are.
pub struct Places {
    pub programs: PathBuf,
    /// On the disk that is measured.
    pub work: PathBuf,
}

impl Places {
    /// Takes the programs of `given` as they are, or builds these packages; `work` is a folder beside
    /// them.
    ///
    /// # Errors
    /// The programs do not build, or there is no such directory.
    pub fn prepare(given: Option<&Path>, packages: &[&str], work: &str) -> anyhow::Result<Self> {
        let programs = match given {
            Some(given) => given.to_owned(),
            None => build(packages)?,
        };
        // The engine runs in a directory of its own, where a relative name would lead elsewhere.
        let programs = programs.canonicalize().with_context(|| programs.display().to_string())?;
        let work = programs.join(work);
        std::fs::create_dir_all(&work)?;
        Ok(Self { programs, work })
    }

    /// The engine on free ports of loopback, with its data in `data`.
    pub fn engine(&self, data: &Path) -> Command {
        let mut command = Command::new(self.programs.join("onsale"));
        command
            .current_dir(&self.work)
            .env("ONSALE__STORAGE__DATA_DIR", data)
            .env("ONSALE__SERVER__LISTEN", "127.0.0.1:0")
            .env("ONSALE__ADMIN__LISTEN", "127.0.0.1:0");
        command
    }
}

/// Builds what is measured as it is shipped, and tells where it is.
fn build(packages: &[&str]) -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no workspace")?;
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(root).args(["build", "--release", "--locked"]).args(packages);
    if !build.status()?.success() {
        bail!("the programs do not build");
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    Ok(target.join("release"))
}
