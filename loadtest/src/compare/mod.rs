//! The same load on onsale and on the known ways to guard a counter, in one run on one machine.

mod databases;
mod html;
mod results;
mod rows;
mod run;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;
use clap::Args;

use self::results::{Sample, summaries, warnings};
use self::rows::{BASE, ROWS, Row};
use self::run::Plan;
use crate::measure::load::Times;
use crate::measure::machine;
use crate::measure::programs::Places;

/// Compares onsale with the known ways to guard a counter.
#[derive(Args)]
pub struct Compare {
    /// Rounds, 1 to 100; in each every row runs once per number of connections, in shuffled order.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Measured time of one run, 1 to 600. Unit: seconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Time before that. Unit: seconds.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=600))]
    warm_up_seconds: u64,
    /// Numbers of connections, 1 to 4,096 each.
    #[arg(long, value_delimiter = ',', default_value = "64,256", value_parser = clap::value_parser!(u32).range(1..=4_096))]
    connections: Vec<u32>,
    /// Only these rows; `echo` always runs.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Where the report goes.
    #[arg(long, default_value = "loadtest/results/compare", value_name = "DIR")]
    out: PathBuf,
    /// Take the programs of this directory as they are, instead of building them.
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

impl Compare {
    /// `true`: nothing was oversold anywhere, and no row is missing.
    ///
    /// # Errors
    /// The programs do not build, or nothing can be measured.
    pub fn run(&self) -> anyhow::Result<bool> {
        let rows = self.rows()?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/servers.sh");
        if self.programs.is_none() {
            // The etcd client is generated while it is built, by a tool of these packages.
            let installed = Command::new(&script).arg("install").status()?;
            if !installed.success() {
                bail!("the databases could not be installed");
            }
        }
        let packages = ["-p", "onsale", "-p", "peers", "--features", "peers/etcd"];
        let places = Places::prepare(self.programs.as_deref(), &packages, "compare")?;
        let plan = Plan {
            rows,
            rounds: self.rounds,
            connections: self.connections.clone(),
            times: Times {
                warm_up: std::time::Duration::from_secs(self.warm_up_seconds),
                window: std::time::Duration::from_secs(self.seconds),
            },
            places,
        };
        let (samples, missing) = plan.run(&script)?;
        self.report(&samples, missing)
    }

    fn rows(&self) -> anyhow::Result<Vec<&'static Row>> {
        if let Some(unknown) = self.only.iter().find(|name| ROWS.iter().all(|r| r.name != **name)) {
            let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
            bail!("--only: no row {unknown:?}; there are {}", names.join(", "));
        }
        let wanted = |row: &&Row| {
            self.only.is_empty() || row.name == BASE || self.only.iter().any(|o| o == row.name)
        };
        Ok(ROWS.iter().filter(wanted).collect())
    }

    fn report(&self, samples: &[Sample], missing: Vec<String>) -> anyhow::Result<bool> {
        let summaries = summaries(samples);
        let wrong: Vec<String> = samples
            .iter()
            .flat_map(|s| s.complaints.iter().map(move |c| format!("{}: {c}", s.row)))
            .collect();
        let holds = wrong.is_empty() && missing.is_empty() && !samples.is_empty();
        let mut remarks = warnings(samples);
        remarks.extend(missing);
        remarks.extend(wrong);
        println!("{}", table::table(&summaries));
        for remark in &remarks {
            println!("{remark}");
        }
        std::fs::create_dir_all(&self.out)?;
        let (machine, command) = (machine::describe()?, self.command());
        let json = serde_json::json!({
            "machine": machine, "command": command, "remarks": remarks,
            "summaries": summaries, "samples": samples,
        });
        std::fs::write(self.out.join("compare.json"), serde_json::to_vec_pretty(&json)?)?;
        let report = html::Report {
            summaries: &summaries,
            machine: &machine,
            command: &command,
            remarks: &remarks,
        };
        std::fs::write(self.out.join("compare.html"), report.render()?)?;
        println!("{machine}");
        println!("report        {}", self.out.join("compare.html").display());
        Ok(holds)
    }

    fn command(&self) -> String {
        let connections: Vec<String> = self.connections.iter().map(u32::to_string).collect();
        let mut command = format!(
            "loadtest compare --rounds {} --seconds {} --warm-up-seconds {} --connections {}",
            self.rounds,
            self.seconds,
            self.warm_up_seconds,
            connections.join(",")
        );
        if !self.only.is_empty() {
            command.push_str(&format!(" --only {}", self.only.join(",")));
        }
        command
    }
}
