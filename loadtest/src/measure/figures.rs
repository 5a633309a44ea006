//! Figures of single runs along an axis, what is said of them over all rounds, and the goals they are
//! held against.

use std::collections::BTreeMap;

use serde::Serialize;

use super::curves::{Curve, number};
use super::spread::Spread;

/// One run at one place of an axis.
#[derive(Debug, Clone, Serialize)]
pub struct Sample {
    pub round: u32,
    pub axis: &'static str,
    /// Where on the axis.
    pub at: f64,
    /// By name, unit included.
    pub figures: BTreeMap<&'static str, f64>,
    /// What was answered besides; by code or reason.
    pub others: BTreeMap<String, u64>,
    /// What the books say that they should not.
    pub complaints: Vec<String>,
}

/// One place of an axis over all rounds.
#[derive(Debug, Serialize)]
pub struct Row {
    pub axis: &'static str,
    pub at: f64,
    pub rounds: usize,
    pub figures: BTreeMap<&'static str, Spread>,
}

/// By axis in the order of their names, then along it.
pub fn rows(samples: &[Sample]) -> Vec<Row> {
    let mut places: Vec<(&'static str, f64)> = samples.iter().map(|s| (s.axis, s.at)).collect();
    places.sort_by(|a, b| a.0.cmp(b.0).then(a.1.total_cmp(&b.1)));
    places.dedup();
    let row = |(axis, at): (&'static str, f64)| {
        let own: Vec<&Sample> = own(samples, axis, at).collect();
        let mut values: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
        for (name, value) in own.iter().flat_map(|sample| &sample.figures) {
            values.entry(name).or_default().push(*value);
        }
        let figures = values.into_iter().filter_map(|(name, v)| Some((name, Spread::of(v)?)));
        Row { axis, at, rounds: own.len(), figures: figures.collect() }
    };
    places.into_iter().map(row).collect()
}

fn own<'a>(
    samples: &'a [Sample],
    axis: &'static str,
    at: f64,
) -> impl Iterator<Item = &'a Sample> + use<'a> {
    samples.iter().filter(move |s| s.axis == axis && s.at.total_cmp(&at).is_eq())
}

/// A figure at one place to the same at another, taken within each round.
pub fn ratio(
    samples: &[Sample],
    axis: &'static str,
    figure: &str,
    (at, to): (f64, f64),
) -> Option<Spread> {
    Spread::of(own(samples, axis, at).filter_map(|sample| {
        let base = own(samples, axis, to).find(|base| base.round == sample.round)?;
        Some(sample.figures.get(figure)? / base.figures.get(figure)?)
    }))
}

/// The figure of a row.
pub fn figure(rows: &[Row], axis: &str, figure: &str, at: f64) -> Option<Spread> {
    let row = rows.iter().find(|row| row.axis == axis && row.at.total_cmp(&at).is_eq())?;
    row.figures.get(figure).copied()
}

/// One line: a figure along an axis.
pub fn curve(rows: &[Row], axis: &str, figure: &str) -> Curve {
    let own = rows.iter().filter(|row| row.axis == axis);
    let points = own.filter_map(|row| Some((row.at, *row.figures.get(figure)?)));
    Curve { name: figure.to_owned(), points: points.collect() }
}

/// Medians with the smallest and the largest, in Markdown; `columns` that no row has are left out.
pub fn table(rows: &[Row], axis: &str, columns: &[&'static str]) -> String {
    let own: Vec<&Row> = rows.iter().filter(|row| row.axis == axis).collect();
    let columns: Vec<_> = columns
        .iter()
        .filter(|name| own.iter().any(|row| row.figures.contains_key(**name)))
        .collect();
    let names: Vec<&str> = columns.iter().map(|name| **name).collect();
    let mut out =
        format!("| {axis} | {} |\n|{}", names.join(" | "), "---|".repeat(names.len() + 1));
    for row in own {
        let cells = columns.iter().map(|name| row.figures.get(**name).map_or(String::new(), told));
        let cells: Vec<String> = cells.collect();
        out.push_str(&format!("\n| {} | {} |", at(row.at), cells.join(" | ")));
    }
    out
}

/// A place on an axis, written out.
pub fn at(value: f64) -> String {
    value.to_string()
}

fn told(spread: &Spread) -> String {
    let Spread { median, min, max } = spread;
    if min.total_cmp(max).is_eq() {
        return number(*median);
    }
    format!("{} ({}-{})", number(*median), number(*min), number(*max))
}

/// What a figure must reach at least, and what it should.
#[derive(Debug, Serialize)]
pub struct Goal {
    pub name: &'static str,
    pub floor: f64,
    pub goal: f64,
    pub more_is_better: bool,
    pub reached: Option<Spread>,
}

impl Goal {
    fn verdict(&self) -> &'static str {
        let beats = |median: f64, wanted: f64| {
            if self.more_is_better { wanted <= median } else { median <= wanted }
        };
        match self.reached {
            None => "not measured",
            Some(reached) if beats(reached.median, self.goal) => "goal",
            Some(reached) if beats(reached.median, self.floor) => "floor",
            Some(_) => "MISSED",
        }
    }
}

/// In Markdown.
pub fn goals_table(goals: &[Goal]) -> String {
    let mut out =
        String::from("| figure | measured | floor | goal | reached |\n|---|---|---|---|---|");
    for goal in goals {
        let measured = goal.reached.as_ref().map_or(String::new(), told);
        let (floor, wanted) = (number(goal.floor), number(goal.goal));
        let verdict = goal.verdict();
        out.push_str(&format!("\n| {} | {measured} | {floor} | {wanted} | {verdict} |", goal.name));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(round: u32, at: f64, value: f64) -> Sample {
        Sample {
            round,
            axis: "events",
            at,
            figures: BTreeMap::from([("x", value)]),
            others: BTreeMap::new(),
            complaints: Vec::new(),
        }
    }

    /// The ratio of the medians would be 1: each round is compared with itself.
    #[test]
    fn ratios_are_taken_within_a_round_and_only_where_both_were_measured() {
        let samples = [
            sample(1, 1.0, 10.0),
            sample(1, 5.0, 20.0),
            sample(2, 1.0, 20.0),
            sample(2, 5.0, 10.0),
            sample(3, 5.0, 99.0),
        ];
        let ratio = ratio(&samples, "events", "x", (5.0, 1.0)).expect("two rounds");
        assert!((ratio.min - 0.5).abs() < 1e-9 && (ratio.max - 2.0).abs() < 1e-9, "{ratio:?}");
        assert_eq!(rows(&samples).len(), 2);
    }

    #[test]
    fn a_goal_says_whether_it_is_reached_whichever_way_is_better() {
        let goal = |more_is_better, value: f64| Goal {
            name: "n",
            floor: if more_is_better { 0.8 } else { 3.0 },
            goal: if more_is_better { 0.98 } else { 1.5 },
            more_is_better,
            reached: Spread::of([value]),
        };
        let told: Vec<_> = [0.99, 0.9, 0.1].map(|v| goal(true, v).verdict()).into();
        assert_eq!(told, ["goal", "floor", "MISSED"]);
        let told: Vec<_> = [1.0, 2.0, 9.0].map(|v| goal(false, v).verdict()).into();
        assert_eq!(told, ["goal", "floor", "MISSED"]);
    }
}
