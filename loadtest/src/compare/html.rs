//! One file with plots that needs nothing else: for people who would rather look.

use plotters::prelude::*;

use super::results::Summary;
use super::table;
use crate::measure::curves::{Curve, Names, drawn, logarithmic};
use crate::measure::page::Page;

const WIDTH: u32 = 900;
const BAR: u32 = 26;
type Figure = fn(&Summary) -> f64;

pub struct Report<'a> {
    pub summaries: &'a [Summary],
    pub machine: &'a str,
    pub command: &'a str,
    /// Noise, what is missing, what the books complain of.
    pub remarks: &'a [String],
}

impl Report<'_> {
    /// # Errors
    /// A plot could not be drawn.
    pub fn render(&self) -> anyhow::Result<String> {
        let mut page = Page::new("onsale compared", self.machine, self.command, self.remarks);
        let mut connections: Vec<u32> = self.summaries.iter().map(|s| s.connections).collect();
        connections.sort_unstable();
        connections.dedup();
        for &connections in &connections {
            page.heading(&format!("{connections} connections"));
            let rows: Vec<&Summary> =
                self.summaries.iter().filter(|s| s.connections == connections).collect();
            let plots: [(&str, Figure); 5] = [
                ("answers per second", |s| s.rate.median),
                ("p50, ms", |s| s.p50.median),
                ("p99, ms", |s| s.p99.median),
                ("p99.9, ms", |s| s.p999.median),
                ("server CPU per answer, us", |s| s.server_cpu.median),
            ];
            for (title, value) in plots {
                page.plot(&bars(title, &rows, value)?);
            }
        }
        if 1 < connections.len() {
            page.heading("Growth with connections");
            page.plot(&growth(self.summaries)?);
        }
        page.heading("All figures");
        page.table(&table::table(self.summaries));
        page.paragraph("Medians over the rounds; in brackets the smallest and the largest.");
        Ok(page.finish())
    }
}

/// Bars on a logarithmic axis: the rows are orders of magnitude apart.
fn bars(title: &str, rows: &[&Summary], value: Figure) -> anyhow::Result<String> {
    let values: Vec<f64> = rows.iter().map(|row| value(row).max(0.01)).collect();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min) / 2.0;
    let most = values.iter().copied().fold(0.0, f64::max) * 3.0;
    let mut svg = String::new();
    let count = u32::try_from(rows.len())?;
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, 70 + count * BAR)).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .caption(title, ("sans-serif", 18))
            .x_label_area_size(24)
            .y_label_area_size(170)
            .build_cartesian_2d((least..most).log_scale(), (0..count).into_segmented())
            .map_err(drawn)?;
        let name = |at: &SegmentValue<u32>| match at {
            SegmentValue::CenterOf(at) => rows.get(*at as usize).map_or("", |row| row.row).into(),
            _ => String::new(),
        };
        chart
            .configure_mesh()
            .disable_y_mesh()
            .y_labels(rows.len())
            .y_label_formatter(&name)
            .draw()
            .map_err(drawn)?;
        for (at, (row, value)) in (0..count).zip(rows.iter().zip(&values)) {
            let color = if row.row.starts_with("onsale") {
                RGBColor(214, 90, 49)
            } else {
                RGBColor(90, 130, 170)
            };
            let ends = [(least, SegmentValue::Exact(at)), (*value, SegmentValue::Exact(at + 1))];
            let mut bar = Rectangle::new(ends, color.filled());
            bar.set_margin(3, 3, 0, 0);
            chart.draw_series([bar]).map_err(drawn)?;
            let text = if *value < 100.0 { format!(" {value:.2}") } else { format!(" {value:.0}") };
            let place = (*value, SegmentValue::CenterOf(at));
            let label = EmptyElement::at(place) + Text::new(text, (4, -6), ("sans-serif", 13));
            chart.draw_series([label]).map_err(drawn)?;
        }
        root.present().map_err(drawn)?;
    }
    Ok(svg)
}

fn growth(summaries: &[Summary]) -> anyhow::Result<String> {
    let mut names: Vec<&str> = summaries.iter().map(|summary| summary.row).collect();
    names.dedup();
    let curves: Vec<Curve> = names
        .into_iter()
        .map(|name| {
            let own = summaries.iter().filter(|summary| summary.row == name);
            let points = own.map(|s| (f64::from(s.connections), s.rate)).collect();
            Curve { name: name.to_owned(), points }
        })
        .collect();
    logarithmic(&Names { title: "answers per second", x: "connections" }, &curves)
}
