//! Rounds of runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use rand::seq::SliceRandom;

use super::databases::{Databases, Running};
use super::results::Sample;
use super::rows::{Row, Server};
use crate::measure::books::{self, Told};
use crate::measure::load::{Load, Loaded, Times, load};
use crate::measure::machine::{Moment, disk_of};
use crate::measure::process::{DataDir, Process};
use crate::measure::programs::Places;
use crate::report::progress;
use crate::{event, plan};

pub struct Plan {
    pub rows: Vec<&'static Row>,
    pub rounds: u32,
    pub connections: Vec<u32>,
    pub times: Times,
    pub places: Places,
}

impl Plan {
    /// All samples, and a line for each run that is missing.
    ///
    /// # Errors
    /// The databases' script cannot be run.
    pub fn run(&self, script: &Path) -> anyhow::Result<(Vec<Sample>, Vec<String>)> {
        let wanted: Vec<_> = self.rows.iter().map(|row| row.database).collect();
        let databases = Databases::start(script, &self.places.work.join("databases"), &wanted)?;
        let runs = self.rows.len() * self.connections.len() * self.rounds as usize;
        let bar = progress("runs", runs as u64);
        let (mut samples, mut missing) = (Vec::new(), Vec::new());
        for round in 1..=self.rounds {
            let mut order: Vec<(&Row, u32)> = Vec::new();
            for row in &self.rows {
                order.extend(self.connections.iter().map(|connections| (*row, *connections)));
            }
            order.shuffle(&mut rand::rng());
            for (row, connections) in order {
                match self.sample(row, round, connections, &databases) {
                    Ok(sample) => samples.push(sample),
                    Err(error) => {
                        let line = format!(
                            "missing: {} with {connections} connections, round {round}: {error:#}",
                            row.name
                        );
                        bar.println(&line);
                        missing.push(line);
                    }
                }
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        Ok((samples, missing))
    }

    fn sample(
        &self,
        row: &Row,
        round: u32,
        connections: u32,
        databases: &Databases,
    ) -> anyhow::Result<Sample> {
        let database = databases.find(row.database).map_err(anyhow::Error::msg)?;
        let (command, _data) = command(row, &database, &self.places);
        let process = Process::start(command, &self.places.work, |_| Ok(()))?;
        // Databases live through the whole comparison: each run has an event of its own.
        let name = format!("c-{}-{round}-{connections}", row.name);
        event::create(process.target, &name, row.units)?;
        let loaded = self.load(row, &name, connections, &process, &database)?;
        let mut sample = Sample::of(row, round, connections, &loaded);
        if row.has_books() {
            sample.complaints =
                books::complaints(process.target, &name, Told::yes(loaded.told.iter().sum()))?;
        }
        if loaded.answers == 0 {
            anyhow::bail!("no answer with status {}: {:?}", row.wanted, loaded.others);
        }
        Ok(sample)
    }

    fn load(
        &self,
        row: &Row,
        name: &str,
        connections: u32,
        process: &Process,
        database: &Running,
    ) -> anyhow::Result<Loaded> {
        let event = name.to_owned();
        let what = Load {
            target: process.target,
            connections,
            wanted: row.wanted,
            lots: 1,
            heard: None,
            request: Box::new(move |number| {
                plan::reserve(&event, event::POOL, &format!("{event}-{number}"), number)
            }),
        };
        let mut pids = database.pids.clone();
        pids.push(process.pid());
        let disk = disk_of(&self.places.work);
        load(what, &self.times, || Moment::take(&pids, disk))
    }
}

fn command(row: &Row, database: &Running, places: &Places) -> (Command, Option<DataDir>) {
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
    let data = DataDir::new(data);
    (places.engine(data.path()), Some(data))
}
