//! Lines to the bulk door over some connections, and their outcomes at the same time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use indicatif::ProgressBar;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinSet;

use super::lines::{Outcomes, Sent};
use crate::cpu;
use crate::target::Target;

/// No outcome for so long ends the run.
const SILENCE_MAX: Duration = Duration::from_secs(20);
const READ_BYTES: usize = 256 << 10;

#[derive(Clone)]
pub struct Feed {
    pub target: Target,
    pub event: String,
    /// Keys begin with it; one name, one set of keys.
    pub name: String,
    pub reservations: u64,
    pub connections: u64,
}

/// What came of it.
#[derive(Default)]
pub struct Fed {
    /// 201s.
    pub yes: u64,
    /// Other outcomes, one of each connection as it was told.
    pub others: BTreeMap<String, u64>,
    pub took: Duration,
    pub generator_cpu: Duration,
    /// After so many seconds so many outcomes had come.
    pub course: Vec<(f64, u64)>,
}

/// # Errors
/// An outcome is not that of its line, or the connection broke.
pub fn feed(what: &Feed, bar: &ProgressBar) -> anyhow::Result<Fed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    let (begun, cpu_before) = (Instant::now(), cpu::own()?);
    let fed = Rc::new(RefCell::new(Fed::default()));
    local.block_on(&runtime, async {
        let mut feeding = JoinSet::new();
        for connection in 0..what.connections {
            // The first connections take one more where it does not divide.
            let share = (what.reservations + what.connections - 1 - connection) / what.connections;
            if share == 0 {
                continue;
            }
            let course = Course { begun, bar: bar.clone(), fed: Rc::clone(&fed) };
            let one = One { what: what.clone(), share, course };
            feeding.spawn_local(one.run(format!("{}-{connection}", what.name)));
        }
        while let Some(ended) = feeding.join_next().await {
            ended.context("a connection panicked")??;
        }
        anyhow::Ok(())
    })?;
    let mut fed = Rc::into_inner(fed).context("a connection is left")?.into_inner();
    (fed.took, fed.generator_cpu) = (begun.elapsed(), cpu::own()? - cpu_before);
    Ok(fed)
}

/// Where all connections note how far they are.
struct Course {
    begun: Instant,
    bar: ProgressBar,
    fed: Rc<RefCell<Fed>>,
}

impl Course {
    fn note(&self, lines: u64) {
        /// Between two places on the course. Unit: seconds.
        const STEP: f64 = 0.1;
        self.bar.inc(lines);
        let (now, all) = (self.begun.elapsed().as_secs_f64(), self.bar.position());
        let course = &mut self.fed.borrow_mut().course;
        match course.last_mut() {
            Some(last) if now < last.0 + STEP => last.1 = all,
            _ => course.push((now, all)),
        }
    }
}

struct One {
    what: Feed,
    share: u64,
    course: Course,
}

impl One {
    async fn run(self, name: String) -> anyhow::Result<()> {
        let stream = TcpStream::connect(self.what.target.address).await?;
        stream.set_nodelay(true)?;
        let (reader, mut writer) = stream.into_split();
        let head = format!(
            "POST /v1/events/{}/reservations/bulk HTTP/1.1\r\nHost: onsale\r\n\
             Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n",
            self.what.event
        );
        let mut sent = Sent::new(&name, 0, self.share);
        let send = tokio::task::spawn_local(async move {
            writer.write_all(head.as_bytes()).await?;
            while !sent.is_done() {
                writer.write_all(sent.next_chunk()).await?;
            }
            // Kept open: a closed half would end the answer.
            std::io::Result::<OwnedWriteHalf>::Ok(writer)
        });
        let mut outcomes = Outcomes::new(&name, 0);
        let received = self.receive(reader, &mut outcomes).await;
        send.abort();
        received.with_context(|| {
            format!("{name} broke off after {} of {} outcomes", outcomes.lines, self.share)
        })?;
        if outcomes.lines != self.share {
            bail!("{name}: {} outcomes for {} lines", outcomes.lines, self.share);
        }
        let mut fed = self.course.fed.borrow_mut();
        fed.yes += outcomes.yes;
        if let Some(other) = outcomes.other {
            *fed.others.entry(other).or_default() += outcomes.lines - outcomes.yes;
        }
        Ok(())
    }

    async fn receive(
        &self,
        mut reader: OwnedReadHalf,
        outcomes: &mut Outcomes,
    ) -> anyhow::Result<()> {
        let mut received: Vec<u8> = Vec::with_capacity(READ_BYTES);
        while !head_ends(&mut received)? {
            read_more(&mut reader, &mut received).await?;
        }
        // Bytes left of the present chunk, and whether its line end is still to come.
        let (mut left, mut line_end) = (0, false);
        loop {
            let mut used = 0;
            let before = outcomes.lines;
            loop {
                let rest = &received[used..];
                if 0 < left {
                    let here = left.min(rest.len());
                    outcomes.take(&rest[..here])?;
                    (left, used) = (left - here, used + here);
                    if 0 < left {
                        break;
                    }
                }
                let rest = &received[used..];
                let skipped = if line_end { 2 } else { 0 };
                let Some(rest) = rest.get(skipped..) else { break };
                match httparse::parse_chunk_size(rest) {
                    Ok(httparse::Status::Complete((_, 0))) => {
                        self.course.note(outcomes.lines - before);
                        return Ok(());
                    }
                    Ok(httparse::Status::Complete((head, size))) => {
                        used += skipped + head;
                        (left, line_end) = (usize::try_from(size)?, true);
                    }
                    Ok(httparse::Status::Partial) => break,
                    Err(_) => bail!("the answer is not in chunks"),
                }
            }
            received.drain(..used);
            self.course.note(outcomes.lines - before);
            read_more(&mut reader, &mut received).await?;
        }
    }
}

/// Whether the head is here; it is then taken off.
fn head_ends(received: &mut Vec<u8>) -> anyhow::Result<bool> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(bytes) = head.parse(received)? else { return Ok(false) };
    if head.code != Some(200) {
        let text = String::from_utf8_lossy(&received[bytes..]);
        bail!("status {}: {text}", head.code.unwrap_or_default());
    }
    received.drain(..bytes);
    Ok(true)
}

async fn read_more(reader: &mut OwnedReadHalf, received: &mut Vec<u8>) -> anyhow::Result<()> {
    received.reserve(READ_BYTES);
    let read = tokio::time::timeout(SILENCE_MAX, reader.read_buf(received)).await;
    if read.context("no outcome in 20 s")?? == 0 {
        bail!("the server closed the connection");
    }
    Ok(())
}
