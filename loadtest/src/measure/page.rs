//! One HTML file that needs nothing else: for people who would rather look.

const STYLE: &str = "body{font:15px system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;color:#222}\
table{border-collapse:collapse;font-size:13px;display:block;overflow-x:auto}td,th{border:1px solid #ccc;padding:3px 7px;\
text-align:right}td:first-child,th:first-child{text-align:left}.warn{background:#fff3cd;padding:.6em 1em}svg{max-width:100%}";

/// A page that is being written.
pub struct Page(String);

impl Page {
    pub fn new(title: &str, machine: &str, command: &str, remarks: &[String]) -> Self {
        let title = escape(title);
        let mut page = Self(format!(
            "<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>\
             <h1>{title}</h1><p>{}</p><p><code>{}</code></p>",
            escape(machine),
            escape(command)
        ));
        for remark in remarks {
            page.add(&format!("<p class=warn>{}</p>", escape(remark)));
        }
        page
    }

    pub fn heading(&mut self, text: &str) {
        self.add(&format!("<h2>{}</h2>", escape(text)));
    }

    pub fn paragraph(&mut self, text: &str) {
        self.add(&format!("<p>{}</p>", escape(text)));
    }

    pub fn plot(&mut self, svg: &str) {
        self.add(svg);
    }

    /// A table in Markdown.
    pub fn table(&mut self, markdown: &str) {
        self.add("<table>");
        for (number, line) in markdown.lines().enumerate().filter(|(number, _)| *number != 1) {
            let tag = if number == 0 { "th" } else { "td" };
            let cells = line.trim_matches('|').split('|').map(|cell| escape(cell.trim()));
            let cells: Vec<String> = cells.map(|cell| format!("<{tag}>{cell}</{tag}>")).collect();
            self.add(&format!("<tr>{}</tr>", cells.concat()));
        }
        self.add("</table>");
    }

    pub fn finish(self) -> String {
        self.0
    }

    fn add(&mut self, html: &str) {
        self.0.push_str(html);
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
