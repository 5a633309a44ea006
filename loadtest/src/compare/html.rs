//! One file with plots that needs nothing else: for people who would rather look.

use std::fmt::Write;

use anyhow::anyhow;
use plotters::prelude::*;

use super::results::Summary;
use super::table;

const WIDTH: u32 = 900;
const BAR: u32 = 26;
const STYLE: &str = "body{font:15px system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;color:#222}\
table{border-collapse:collapse;font-size:13px;display:block;overflow-x:auto}td,th{border:1px solid #ccc;padding:3px 7px;\
text-align:right}td:first-child,th:first-child{text-align:left}.warn{background:#fff3cd;padding:.6em 1em}svg{max-width:100%}";

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
        let mut out = format!(
            "<!doctype html><meta charset=utf-8><title>onsale compared</title><style>{STYLE}</style>\
             <h1>onsale compared</h1><p>{}</p><p><code>{}</code></p>",
            escape(self.machine),
            escape(self.command)
        );
        for remark in self.remarks {
            write!(out, "<p class=warn>{}</p>", escape(remark))?;
        }
        let mut connections: Vec<u32> = self.summaries.iter().map(|s| s.connections).collect();
        connections.sort_unstable();
        connections.dedup();
        for &connections in &connections {
            write!(out, "<h2>{connections} connections</h2>")?;
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
                out.push_str(&bars(title, &rows, value)?);
            }
        }
        if 1 < connections.len() {
            out.push_str("<h2>Growth with connections</h2>");
            out.push_str(&growth(self.summaries, &connections)?);
        }
        write!(out, "<h2>All figures</h2>{}", html_table(&table::table(self.summaries)))?;
        out.push_str("<p>Medians over the rounds; in brackets the smallest and the largest.</p>");
        Ok(out)
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

fn growth(summaries: &[Summary], connections: &[u32]) -> anyhow::Result<String> {
    let most = summaries.iter().map(|s| s.rate.median).fold(1.0, f64::max) * 1.5;
    let least = summaries.iter().map(|s| s.rate.median).fold(most, f64::min).max(1.0) / 1.5;
    let (first, last) = (connections[0], connections[connections.len() - 1]);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, 460)).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .caption("answers per second", ("sans-serif", 18))
            .margin(10)
            .x_label_area_size(36)
            .y_label_area_size(80)
            .build_cartesian_2d((first..last).log_scale(), (least..most).log_scale())
            .map_err(drawn)?;
        chart.configure_mesh().x_desc("connections").draw().map_err(drawn)?;
        let mut names: Vec<&str> = summaries.iter().map(|summary| summary.row).collect();
        names.dedup();
        for (at, name) in names.into_iter().enumerate() {
            let color = Palette99::pick(at).stroke_width(2);
            let own = summaries.iter().filter(|summary| summary.row == name);
            let line = LineSeries::new(own.map(|s| (s.connections, s.rate.median)), color);
            let series = chart.draw_series(line).map_err(drawn)?;
            series.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color));
        }
        let mut labels = chart.configure_series_labels();
        labels.background_style(WHITE.mix(0.8)).border_style(BLACK).draw().map_err(drawn)?;
        root.present().map_err(drawn)?;
    }
    Ok(svg)
}

fn drawn<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> anyhow::Error {
    anyhow!("a plot could not be drawn: {error}")
}

fn html_table(markdown: &str) -> String {
    let mut out = String::from("<table>");
    for (number, line) in markdown.lines().enumerate().filter(|(number, _)| *number != 1) {
        let tag = if number == 0 { "th" } else { "td" };
        let cells = line.trim_matches('|').split('|').map(|cell| escape(cell.trim()));
        let cells: Vec<String> = cells.map(|cell| format!("<{tag}>{cell}</{tag}>")).collect();
        out.push_str(&format!("<tr>{}</tr>", cells.concat()));
    }
    out + "</table>"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
