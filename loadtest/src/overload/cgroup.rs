//! A cgroup with a CPU quota, so that a server on this machine is small and the generator beside it is
//! not. Version 1 or 2, whichever has the CPU controller.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

/// The kernel's least for quota and period. Unit: microseconds.
const QUOTA_MIN: u64 = 1_000;
/// Short, or the server stands still for most of a tenth of a second at a time. Unit: microseconds.
const PERIOD_MIN: u64 = 10_000;

/// Removed when dropped; whoever is in it must have ended by then.
pub struct Cgroup(PathBuf);

impl Cgroup {
    /// `share`: percent of one core.
    ///
    /// # Errors
    /// One line that says why this machine offers none.
    pub fn create(share: u32) -> anyhow::Result<Self> {
        let (parent, version) = place()?;
        if version == 2 {
            // Fails where it is on already or may not be; whether it is decides the write below.
            drop(fs::write(parent.join("cgroup.subtree_control"), "+cpu"));
        }
        let path = parent.join(format!("onsale-loadtest-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| path.display().to_string())?;
        let this = Self(path);
        let (quota, period) = quota(share);
        match version {
            2 => this.write("cpu.max", &format!("{quota} {period}"))?,
            _ => {
                this.write("cpu.cfs_period_us", &period.to_string())?;
                this.write("cpu.cfs_quota_us", &quota.to_string())?;
            }
        }
        Ok(this)
    }

    /// # Errors
    /// There is no such process, or it may not be moved.
    pub fn take(&self, pid: i32) -> anyhow::Result<()> {
        self.write("cgroup.procs", &pid.to_string())
    }

    fn write(&self, file: &str, value: &str) -> anyhow::Result<()> {
        let path = self.0.join(file);
        fs::write(&path, value).with_context(|| path.display().to_string())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A process that was just waited for may be counted a moment longer.
        for _ in 0..50 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        eprintln!("{} could not be removed", self.0.display());
    }
}

/// Quota and period. Unit: microseconds.
fn quota(share: u32) -> (u64, u64) {
    let share = u64::from(share);
    let period = PERIOD_MIN.max((QUOTA_MIN * 100).div_ceil(share.max(1)));
    (period * share / 100, period)
}

/// Where groups can be made, and of which version.
fn place() -> anyhow::Result<(PathBuf, u8)> {
    let mounts = procfs::process::Process::myself()?.mountinfo()?;
    let own = procfs::process::Process::myself()?.cgroups()?;
    for mount in mounts {
        let v1 = mount.fs_type == "cgroup" && mount.super_options.contains_key("cpu");
        let v2 = mount.fs_type == "cgroup2"
            && fs::read_to_string(mount.mount_point.join("cgroup.controllers"))
                .is_ok_and(|controllers| controllers.split_whitespace().any(|c| c == "cpu"));
        if !v1 && !v2 {
            continue;
        }
        let mine = own.clone().into_iter().find(|group| {
            if v1 { group.controllers.iter().any(|c| c == "cpu") } else { group.hierarchy == 0 }
        });
        // In a container the path may be one of the host's, and not be there.
        let path = mine.map(|group| group.pathname).unwrap_or_default();
        let below = mount.mount_point.join(path.trim_start_matches('/'));
        let place = if Path::is_dir(&below) { below } else { mount.mount_point };
        return Ok((place, if v1 { 1 } else { 2 }));
    }
    bail!("no cgroup controller for CPU is mounted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_the_share_of_its_period_and_allowed_by_the_kernel() {
        for share in 1..=100 {
            let (quota, period) = quota(share);
            assert_eq!(quota, period * u64::from(share) / 100);
            assert!(QUOTA_MIN <= quota && (PERIOD_MIN..=1_000_000).contains(&period), "{share}");
        }
    }
}
