//! What people see of a run: laws, figures, one page with plots.

use std::path::Path;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::chance::Waits;
use super::crowd::Crowd;
use super::watch::Look;
use crate::measure::curves::{Curve, Names, linear};
use crate::measure::machine;
use crate::measure::page::Page;
use crate::measure::spread::Spread;

/// A run that is over.
pub struct Ran<'a> {
    pub crowd: &'a Crowd,
    pub looks: &'a [Look],
    /// Unit: bytes.
    pub rss_before: u64,
    /// After each kill.
    pub starts: &'a [Duration],
    pub command: String,
}

type Line = (&'static str, String);

impl Ran<'_> {
    /// `true`: all laws hold.
    ///
    /// # Errors
    /// The files cannot be written.
    pub fn publish(&self, out: &Path) -> anyhow::Result<bool> {
        let (figures, laws) = (self.figures(), self.crowd.laws.lines());
        for (name, value) in &figures {
            println!("{name:13} {value}");
        }
        laws.iter().for_each(|line| println!("{line}"));
        let holds = self.crowd.laws.hold();
        println!("{}", if holds { "ledger clean" } else { "ledger NOT clean" });
        std::fs::create_dir_all(out)?;
        let machine = machine::describe()?;
        let json = serde_json::json!({
            "machine": machine, "command": self.command, "holds": holds, "laws": laws,
            "figures": figures.iter().map(|(name, value)| (*name, value.as_str()))
                .collect::<std::collections::BTreeMap<_, _>>(),
        });
        std::fs::write(out.join("waiting-room.json"), serde_json::to_vec_pretty(&json)?)?;
        let remarks = if holds { Vec::new() } else { vec!["ledger NOT clean".to_owned()] };
        let title = "onsale with a waiting room";
        let mut page = Page::new(title, &machine, &self.command, &remarks);
        page.heading("What must hold");
        page.table(&format!("| law |\n|---|\n| {} |", laws.join(" |\n| ")));
        page.heading("Figures");
        let rows = figures.iter().map(|(name, value)| format!("| {name} | {value} |"));
        page.table(&format!("| figure | |\n|---|---|\n{}", rows.collect::<Vec<_>>().join("\n")));
        for plot in self.plots()? {
            page.plot(&plot);
        }
        let file = out.join("waiting-room.html");
        std::fs::write(&file, page.finish())?;
        println!("{machine}");
        println!("report        {}", file.display());
        Ok(holds)
    }

    fn figures(&self) -> Vec<Line> {
        let Crowd { measures, story, fans, terms, .. } = self.crowd;
        let mean = |what: usize| {
            let busy: Vec<u32> =
                measures.seconds.iter().map(|s| s[what]).filter(|count| 0 < *count).collect();
            let most = busy.iter().max().copied().unwrap_or_default();
            let all: u64 = busy.iter().copied().map(u64::from).sum();
            (all / (busy.len() as u64).max(1), most)
        };
        let (joins, joins_most) = mean(0);
        let (polls, polls_most) = mean(1);
        let waits = Waits::of(fans.iter(), terms.pass_seconds);
        let rss = self.looks.iter().filter_map(|look| look.rss).max().unwrap_or_default();
        let grown = rss.saturating_sub(self.rss_before) / u64::from(terms.fans);
        let trouble = measures.trouble;
        let of = |name: &'static str, value: String| (name, value);
        let mut lines = vec![
            of("took", format!("{:.1} s", f64::from(self.crowd.now()) / 1e3)),
            of(
                "joins",
                format!(
                    "{}, {joins}/s, most {joins_most}/s; {}",
                    measures.joins,
                    millis(&measures.join_latency)
                ),
            ),
            of(
                "polls",
                format!(
                    "{}, {polls}/s, most {polls_most}/s; {}",
                    measures.polls,
                    millis(&measures.poll_latency)
                ),
            ),
            of("age of a poll", millis(&measures.age)),
            of("early polls", format!("{} refused", measures.early)),
            of(
                "passes",
                format!(
                    "{} given, {} used, {} lapsed; {} came back, {} places ran out, {} given up",
                    story.passes.len(),
                    story.passes_used,
                    story.passes_lapsed,
                    story.returned,
                    story.gone,
                    story.left
                ),
            ),
            of(
                "units",
                format!(
                    "{} reserved, {} paid, {} given back, of {}",
                    story.units_told, story.units_paid, story.units_given_back, terms.units
                ),
            ),
            of("server", format!("RSS at most {} MiB, grown by {grown} B for each fan", rss >> 20)),
            of(
                "generator",
                format!(
                    "late {}; {} retries, {} broken connections",
                    millis(&measures.late),
                    trouble.retries,
                    trouble.broken
                ),
            ),
        ];
        lines.extend(self.wait_told(&waits));
        lines.extend(self.kills());
        lines
    }

    fn wait_told(&self, waits: &Waits) -> Option<Line> {
        let (half, most) = (waits.error(0.5)?, waits.error(0.9)?);
        let all = waits.pairs.len();
        let text = format!(
            "{} of {all} inside of the band; error of the middle p50 {:.0} %, p90 {:.0} %",
            waits.inside,
            half * 100.0,
            most * 100.0
        );
        Some(("wait told", text))
    }

    fn kills(&self) -> Option<Line> {
        if self.starts.is_empty() {
            return None;
        }
        let took = |took: &std::time::Duration| format!("{:.2} s", took.as_secs_f64());
        let starts: Vec<String> = self.starts.iter().map(took).collect();
        Some(("kill -9", format!("{} times, up again in {}", starts.len(), starts.join(", "))))
    }

    fn plots(&self) -> anyhow::Result<Vec<String>> {
        let Crowd { measures, story, terms, fans, .. } = self.crowd;
        let x = "seconds since the start";
        let seconds = |what: usize| {
            let counts = measures.seconds.iter().map(|counts| f64::from(counts[what]));
            counts.collect::<Vec<f64>>()
        };
        #[expect(clippy::cast_precision_loss, reason = "a plot")]
        let passes: Vec<f64> = story.passes_by_second().iter().map(|count| *count as f64).collect();
        let rate = vec![f64::from(terms.rate_per_minute) / 60.0; passes.len()];
        let looked = |name: &str, of: fn(&Look) -> Option<u64>| {
            let points = self.looks.iter().filter_map(|look| {
                #[expect(clippy::cast_precision_loss, reason = "a plot")]
                Some((look.at, exactly(of(look)? as f64)))
            });
            Curve { name: name.to_owned(), points: points.step_by(5).collect() }
        };
        let active = looked("active", |look| Some(look.ready? + look.shopping?));
        let waits = Waits::of(fans.iter(), terms.pass_seconds);
        Ok(vec![
            linear(
                &Names { title: "joins and polls per second", x },
                &[by_second("joins", &seconds(0)), by_second("polls", &seconds(1))],
            )?,
            linear(
                &Names { title: "passes per second", x },
                &[by_second("given", &passes), by_second("rate", &rate)],
            )?,
            linear(&Names { title: "who waits", x }, &[looked("waiting", |look| look.waiting)])?,
            linear(
                &Names { title: "who shops", x },
                &[active, looked("ready", |look| look.ready)],
            )?,
            linear(
                &Names { title: "units available", x },
                &[looked("available", |look| look.available)],
            )?,
            linear(
                &Names { title: "wait in seconds: real against told", x: "told (middle)" },
                &[told_against_real(&waits), told_itself(&waits)],
            )?,
        ])
    }
}

fn exactly(value: f64) -> Spread {
    Spread { median: value, min: value, max: value }
}

fn by_second(name: &str, counts: &[f64]) -> Curve {
    let points = counts.iter().zip(0_u32..).map(|(count, at)| (f64::from(at), exactly(*count)));
    Curve { name: name.to_owned(), points: points.collect() }
}

/// Real waits of those who were told about the same.
fn told_against_real(waits: &Waits) -> Curve {
    const PARTS: usize = 40;
    let mut pairs = waits.pairs.clone();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let parts = pairs.chunks(pairs.len().div_ceil(PARTS).max(1));
    let points = parts.filter_map(|part| {
        let middle = part[part.len() / 2].0;
        Some((middle, Spread::of(part.iter().map(|(_, real)| *real))?))
    });
    Curve { name: "real".to_owned(), points: points.collect() }
}

fn told_itself(waits: &Waits) -> Curve {
    let most = waits.pairs.iter().map(|(told, _)| *told).fold(0.0, f64::max);
    let points = [0.0, most].map(|told| (told, exactly(told)));
    Curve { name: "told".to_owned(), points: points.to_vec() }
}

/// Of times in microseconds.
fn millis(times: &Histogram<u64>) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let at = |quantile| times.value_at_quantile(quantile) as f64 / 1e3;
    format!("p50 {:.1} ms, p99 {:.1} ms", at(0.5), at(0.99))
}
