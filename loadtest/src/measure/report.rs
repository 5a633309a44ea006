//! What a scenario found: tables to the terminal, JSON with every run, one HTML file with plots.

use std::path::Path;

use super::figures::{Goal, Row, Sample, goals_table, rows};
use super::machine;
use super::page::Page;

/// A part of the report.
pub struct Section {
    pub heading: String,
    /// What people must know to read it.
    pub note: String,
    /// In SVG.
    pub plots: Vec<String>,
    /// In Markdown.
    pub table: String,
}

pub struct Report {
    /// Names the files too.
    pub name: &'static str,
    pub title: &'static str,
    /// How to run it again.
    pub command: String,
    pub samples: Vec<Sample>,
    /// A line for each run that could not be made.
    pub missing: Vec<String>,
    pub remarks: Vec<String>,
    pub goals: Vec<Goal>,
    pub sections: Vec<Section>,
}

impl Report {
    /// `true`: nothing is missing, and no books are wrong.
    ///
    /// # Errors
    /// The files cannot be written.
    pub fn publish(mut self, out: &Path) -> anyhow::Result<bool> {
        let wrong = self.samples.iter().flat_map(|sample| {
            let place = format!("{} {}, round {}", sample.axis, sample.at, sample.round);
            sample.complaints.iter().map(move |c| format!("WRONG: {place}: {c}"))
        });
        let wrong: Vec<String> = wrong.collect();
        let holds = wrong.is_empty() && self.missing.is_empty() && !self.samples.is_empty();
        self.remarks.extend(self.missing.iter().cloned());
        self.remarks.extend(wrong);
        for section in &self.sections {
            println!("\n{}\n{}", section.heading, section.table);
        }
        let goals = (!self.goals.is_empty()).then(|| goals_table(&self.goals));
        if let Some(goals) = &goals {
            println!("\n{goals}");
        }
        for remark in &self.remarks {
            println!("{remark}");
        }
        self.write(out, goals.as_deref())?;
        Ok(holds)
    }

    fn write(&self, out: &Path, goals: Option<&str>) -> anyhow::Result<()> {
        std::fs::create_dir_all(out)?;
        let machine = machine::describe()?;
        let rows: Vec<Row> = rows(&self.samples);
        let json = serde_json::json!({
            "machine": machine, "command": self.command, "remarks": self.remarks,
            "goals": self.goals, "rows": rows, "samples": self.samples,
        });
        let json_file = out.join(format!("{}.json", self.name));
        std::fs::write(json_file, serde_json::to_vec_pretty(&json)?)?;
        let mut page = Page::new(self.title, &machine, &self.command, &self.remarks);
        if let Some(goals) = goals {
            page.table(goals);
        }
        for section in &self.sections {
            page.heading(&section.heading);
            page.paragraph(&section.note);
            section.plots.iter().for_each(|plot| page.plot(plot));
            page.table(&section.table);
        }
        page.paragraph("Medians over the rounds; in brackets the smallest and the largest.");
        let html_file = out.join(format!("{}.html", self.name));
        std::fs::write(&html_file, page.finish())?;
        println!("{machine}");
        println!("report        {}", html_file.display());
        Ok(())
    }
}
