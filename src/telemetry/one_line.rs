//! One event, one line, whatever is in it. A client's text in a log must neither begin a line that looks
//! like ours nor move the cursor of whoever reads it. Places that log such text escape it; this is the wall
//! behind them, for those that somebody forgets, libraries included.

use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

/// Makes writers to standard error.
#[derive(Debug, Clone, Copy)]
pub struct OneLine {
    /// On a terminal the formatter's own colours stay; the escape character of others it escapes itself.
    pub keeps_colours: bool,
}

impl<'a> MakeWriter<'a> for OneLine {
    type Writer = OneLineWriter<io::Stderr>;

    fn make_writer(&'a self) -> Self::Writer {
        OneLineWriter { to: io::stderr(), keeps_colours: self.keeps_colours }
    }
}

/// Takes one whole event with each write, as the formatter of `tracing_subscriber` gives it.
#[derive(Debug)]
pub struct OneLineWriter<W> {
    to: W,
    keeps_colours: bool,
}

impl<W: Write> OneLineWriter<W> {
    pub fn new(to: W) -> Self {
        Self { to, keeps_colours: false }
    }
}

impl<W: Write> Write for OneLineWriter<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let (text, end) = match event.strip_suffix(b"\n") {
            Some(text) => (text, &b"\n"[..]),
            None => (event, &b""[..]),
        };
        if is_harmless(text) {
            self.to.write_all(event)?;
        } else {
            // In one write, so that two threads do not write into each other's lines.
            let mut line = escaped(text, self.keeps_colours);
            line.extend_from_slice(end);
            self.to.write_all(&line)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn is_harmless(text: &[u8]) -> bool {
    text.is_ascii() && !text.iter().any(u8::is_ascii_control)
}

/// Control characters, those above ASCII and the separators of lines too, as Rust writes them.
fn escaped(text: &[u8], keeps_colours: bool) -> Vec<u8> {
    let mut line = String::with_capacity(text.len() + 16);
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            '\u{1b}' if keeps_colours => line.push(c),
            '\u{2028}' | '\u{2029}' => line.extend(c.escape_unicode()),
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
    line.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(event: &str) -> String {
        let mut to = Vec::new();
        OneLineWriter::new(&mut to).write_all(event.as_bytes()).expect("memory");
        String::from_utf8(to).expect("text")
    }

    #[test]
    fn an_event_is_one_line_without_anything_that_moves_a_cursor() {
        assert_eq!(written("INFO fine, also: ä €\n"), "INFO fine, also: ä €\n");
        let hostile = "INFO agent=a\r\nERROR all is lost\u{1b}[2J\u{9b}31m\u{2028}x\0\n";
        let told = "INFO agent=a\\r\\nERROR all is lost\\u{1b}[2J\\u{9b}31m\\u{2028}x\\u{0}\n";
        assert_eq!(written(hostile), told);
        assert_eq!(written("no end"), "no end");
        assert_eq!(written("two ends\n\n"), "two ends\\n\n");
    }

    #[test]
    fn on_a_terminal_only_colours_stay() {
        let mut to = Vec::new();
        let mut writer = OneLineWriter { to: &mut to, keeps_colours: true };
        writer.write_all(b"\x1b[32mINFO\x1b[0m a\r\nb\n").expect("memory");
        assert_eq!(to, b"\x1b[32mINFO\x1b[0m a\\r\\nb\n");
    }
}
