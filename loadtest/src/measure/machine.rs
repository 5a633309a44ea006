//! What the kernel counts: CPU of processes, syncs of the disk, time that other machines took.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use procfs::process::all_processes;
use procfs::{Current, CurrentSI, KernelStats};

use crate::cpu;

/// Counters of one moment.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub server_cpu: Duration,
    pub generator_cpu: Duration,
    /// Sum over the server's processes. Unit: bytes.
    pub rss: u64,
    /// Flushes that the disk has done; `None`: it is not known which disk.
    pub flushes: Option<u64>,
    stolen: u64,
    total: u64,
}

impl Moment {
    /// # Errors
    /// `/proc` cannot be read.
    pub fn take(roots: &[i32], disk: Option<(i32, i32)>) -> anyhow::Result<Self> {
        let all = KernelStats::current()?.total;
        let stolen = all.steal.unwrap_or(0);
        let idle = all.idle + all.iowait.unwrap_or(0);
        let busy = all.user + all.nice + all.system + all.softirq.unwrap_or(0);
        let (server_cpu, rss) = family(roots)?;
        Ok(Self {
            server_cpu,
            generator_cpu: cpu::own()?,
            rss,
            flushes: disk.and_then(flushes),
            stolen,
            total: idle + busy + stolen,
        })
    }

    /// Share of the time since `before` in which this machine could not run, 0 to 1.
    pub fn stolen_since(&self, before: &Self) -> f64 {
        let total = (self.total - before.total).max(1);
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let share = (self.stolen - before.stolen) as f64 / total as f64;
        share
    }
}

/// CPU time and memory of processes with all their descendants.
fn family(roots: &[i32]) -> anyhow::Result<(Duration, u64)> {
    let stats: Vec<_> = all_processes()?.filter_map(|process| process.ok()?.stat().ok()).collect();
    let mut members: Vec<i32> = roots.to_vec();
    let mut ticks = 0;
    let mut pages = 0;
    let mut at = 0;
    while let Some(&pid) = members.get(at) {
        at += 1;
        if let Some(stat) = stats.iter().find(|stat| stat.pid == pid) {
            ticks += stat.utime + stat.stime;
            pages += stat.rss;
        }
        members.extend(stats.iter().filter(|stat| stat.ppid == pid).map(|stat| stat.pid));
    }
    Ok((cpu::time(ticks), pages * procfs::page_size()))
}

/// The disk that holds `path`.
pub fn disk_of(path: &Path) -> Option<(i32, i32)> {
    let device = std::fs::metadata(path).ok()?.dev();
    let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00));
    Some((i32::try_from(major).ok()?, i32::try_from(minor).ok()?))
}

fn flushes(disk: (i32, i32)) -> Option<u64> {
    let disks = procfs::diskstats().ok()?;
    disks.into_iter().find(|stat| (stat.major, stat.minor) == disk)?.flushes
}

/// The machine, in a line.
///
/// # Errors
/// `/proc` cannot be read.
pub fn describe() -> anyhow::Result<String> {
    let cpus = procfs::CpuInfo::current()?;
    let model = cpus.model_name(0).unwrap_or("unknown").to_owned();
    let memory = procfs::Meminfo::current()?.mem_total >> 30;
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!(
        "{} cores ({model}), {memory} GiB, Linux {}; servers, databases and generator share them",
        cpus.num_cores(),
        kernel.trim()
    ))
}
