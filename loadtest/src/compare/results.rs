//! Samples of single runs, and what is said of them together.

use std::collections::BTreeMap;

use serde::Serialize;

use super::rows::{BASE, ROWS, Row};
use crate::measure::load::Loaded;
use crate::measure::spread::Spread;

/// One run of one row.
#[derive(Debug, Clone, Serialize)]
pub struct Sample {
    pub round: u32,
    pub row: &'static str,
    pub connections: u32,
    /// Wanted answers per second.
    pub rate: f64,
    /// Unit: milliseconds.
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
    /// Per answer, databases included. Unit: microseconds.
    pub server_cpu: f64,
    pub generator_cpu: f64,
    /// Of the disk, per second.
    pub syncs: Option<f64>,
    /// Unit: bytes.
    pub rss: u64,
    /// Share of the time that other machines on the host took, 0 to 1.
    pub stolen: f64,
    pub others: BTreeMap<String, u64>,
    /// What the books say that they should not.
    pub complaints: Vec<String>,
}

impl Sample {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub fn of(row: &Row, round: u32, connections: u32, loaded: &Loaded) -> Self {
        let seconds = loaded.window.as_secs_f64();
        let (before, after) = (&loaded.before, &loaded.after);
        let answers = loaded.answers.max(1) as f64;
        let millis = |quantile| loaded.latency.value_at_quantile(quantile) as f64 / 1e3;
        let flushes = before.flushes.zip(after.flushes).map(|(before, after)| after - before);
        let per_answer = |spent: std::time::Duration| spent.as_secs_f64() * 1e6 / answers;
        Self {
            round,
            row: row.name,
            connections,
            rate: loaded.answers as f64 / seconds,
            p50: millis(0.5),
            p99: millis(0.99),
            p999: millis(0.999),
            max: loaded.latency.max() as f64 / 1e3,
            server_cpu: per_answer(after.server_cpu.saturating_sub(before.server_cpu)),
            generator_cpu: per_answer(after.generator_cpu.saturating_sub(before.generator_cpu)),
            syncs: flushes.map(|flushes| flushes as f64 / seconds),
            rss: after.rss,
            stolen: after.stolen_since(before),
            others: loaded.others.clone(),
            complaints: Vec::new(),
        }
    }
}

/// One row at one number of connections, over all rounds.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub row: &'static str,
    pub connections: u32,
    pub durable: &'static str,
    pub rounds: usize,
    pub rate: Spread,
    pub p50: Spread,
    pub p99: Spread,
    pub p999: Spread,
    pub max: Spread,
    pub server_cpu: Spread,
    pub generator_cpu: Spread,
    pub syncs: Option<Spread>,
    /// Answers per sync of the disk.
    pub per_sync: Option<Spread>,
    pub rss: Spread,
    /// Of each round, then the median: to `echo` at the same number of connections.
    pub rate_to_echo: Option<Spread>,
    pub cpu_to_echo: Option<Spread>,
    /// onsale's rate to this row's.
    pub onsale_to_this: Option<Spread>,
}

/// In the order of [`ROWS`], then by connections.
pub fn summaries(samples: &[Sample]) -> Vec<Summary> {
    let mut keys: Vec<(usize, u32)> = Vec::new();
    for sample in samples {
        let place = ROWS.iter().position(|row| row.name == sample.row).unwrap_or(ROWS.len());
        keys.push((place, sample.connections));
    }
    keys.sort_unstable();
    keys.dedup();
    let rows = keys.into_iter().filter_map(|(place, connections)| {
        let row = ROWS.get(place)?;
        summary(row, connections, samples)
    });
    rows.collect()
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn summary(row: &Row, connections: u32, all: &[Sample]) -> Option<Summary> {
    let at = |name: &'static str| {
        all.iter().filter(move |s| s.row == name && s.connections == connections)
    };
    let own: Vec<&Sample> = at(row.name).collect();
    let spread = |value: fn(&Sample) -> f64| Spread::of(own.iter().map(|sample| value(sample)));
    let ratio = |to: &'static str, value: fn(&Sample, &Sample) -> f64| {
        Spread::of(own.iter().filter_map(|sample| {
            at(to).find(|other| other.round == sample.round).map(|other| value(sample, other))
        }))
    };
    Some(Summary {
        row: row.name,
        connections,
        durable: row.durable,
        rounds: own.len(),
        rate: spread(|s| s.rate)?,
        p50: spread(|s| s.p50)?,
        p99: spread(|s| s.p99)?,
        p999: spread(|s| s.p999)?,
        max: spread(|s| s.max)?,
        server_cpu: spread(|s| s.server_cpu)?,
        generator_cpu: spread(|s| s.generator_cpu)?,
        syncs: Spread::of(own.iter().filter_map(|s| s.syncs)),
        per_sync: Spread::of(
            own.iter().filter_map(|s| Some(s.rate / s.syncs.filter(|syncs| 1.0 <= *syncs)?)),
        ),
        rss: spread(|s| s.rss as f64)?,
        rate_to_echo: ratio(BASE, |own, echo| own.rate / echo.rate),
        cpu_to_echo: ratio(BASE, |own, echo| own.server_cpu / echo.server_cpu),
        onsale_to_this: ratio("onsale", |own, onsale| onsale.rate / own.rate),
    })
}

/// Why the figures may say little; empty when they do not.
pub fn warnings(samples: &[Sample]) -> Vec<String> {
    /// Spread of `echo` over the rounds, to its median, beyond which it is said.
    const ECHO_SPREAD_MAX: f64 = 0.2;
    const STOLEN_MAX: f64 = 0.05;
    let mut warnings = Vec::new();
    for summary in summaries(samples).iter().filter(|summary| summary.row == BASE) {
        let Spread { median, min, max } = summary.rate;
        if ECHO_SPREAD_MAX < (max - min) / median {
            warnings.push(format!(
                "noisy machine: echo with {} connections ran at {min:.0} to {max:.0}/s",
                summary.connections
            ));
        }
    }
    let stolen = Spread::of(samples.iter().map(|sample| sample.stolen));
    if let Some(stolen) = stolen.filter(|stolen| STOLEN_MAX < stolen.max) {
        let percent = stolen.max * 100.0;
        warnings.push(format!("noisy machine: up to {percent:.0} % of the time was stolen"));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ratio of the medians would be 1: each round is compared with itself.
    #[test]
    fn ratios_are_taken_within_a_round() {
        let sample = |round, row, rate| Sample {
            round,
            row,
            connections: 64,
            rate,
            p50: 1.0,
            p99: 1.0,
            p999: 1.0,
            max: 1.0,
            server_cpu: 1.0,
            generator_cpu: 1.0,
            syncs: None,
            rss: 1,
            stolen: 0.0,
            others: BTreeMap::new(),
            complaints: Vec::new(),
        };
        let samples = [
            sample(1, "echo", 100.0),
            sample(1, "onsale", 50.0),
            sample(2, "echo", 50.0),
            sample(2, "onsale", 100.0),
            sample(3, "echo", 80.0),
            sample(3, "onsale", 20.0),
        ];
        let summaries = summaries(&samples);
        let onsale = summaries.iter().find(|summary| summary.row == "onsale").expect("one");
        let ratio = onsale.rate_to_echo.expect("echo ran");
        assert!((ratio.median - 0.5).abs() < 1e-9 && (ratio.max - 2.0).abs() < 1e-9, "{ratio:?}");
        assert_eq!(warnings(&samples).len(), 1, "echo ran at 50 to 100");
    }
}
