//! How a well-behaved fan asks: one key, repeated until there is an answer, never sooner than told.

use std::io;
use std::time::{Duration, Instant};

use crate::connection::{Answer, Connection};

/// Between two tries when the server does not say; also when there is no server.
const PAUSE: Duration = Duration::from_millis(500);
/// Longest pause taken from a `Retry-After`, so that one odd answer does not end a run.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How it ended for one request.
#[derive(Debug)]
pub enum Outcome {
    Answered(Answer),
    /// Out of patience. `maybe_done`: an earlier try may have taken effect.
    GaveUp {
        reason: String,
        maybe_done: bool,
    },
}

/// What it took.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    /// Tries after the first.
    pub retries: u64,
    /// Of these, after a connection that could not be made or broke.
    pub broken: u64,
}

/// Repeats the same bytes, so with the same key, until the answer is neither 429 nor 503, at most for
/// `patience` from the first trouble.
pub async fn ask(
    connection: &mut Connection,
    request: &[u8],
    patience: Duration,
    trouble: &mut Trouble,
) -> Outcome {
    let mut first_trouble: Option<Instant> = None;
    let mut maybe_done = false;
    loop {
        let (reason, pause) = match connection.ask(request).await {
            Ok(answer) if matches!(answer.status, 429 | 503) => {
                let code = code(&answer);
                maybe_done |= code == "outcome_unknown";
                (code, answer.retry_after.map_or(PAUSE, Duration::from_secs).min(PAUSE_MAX))
            }
            Ok(answer) => return Outcome::Answered(answer),
            Err(error) => {
                trouble.broken += 1;
                maybe_done |= error.kind() != io::ErrorKind::ConnectionRefused;
                (format!("connection: {}", error.kind()), PAUSE)
            }
        };
        if patience <= first_trouble.get_or_insert_with(Instant::now).elapsed() {
            return Outcome::GaveUp { reason, maybe_done };
        }
        trouble.retries += 1;
        // Up to half as long again, else all who were turned away together come back together.
        tokio::time::sleep(pause.mul_f64(1.0 + rand::random::<f64>() / 2.0)).await;
    }
}

/// The problem's code, or the status when the body is no problem.
pub fn code(answer: &Answer) -> String {
    #[derive(serde::Deserialize)]
    struct Problem {
        code: String,
    }
    match answer.parse::<Problem>() {
        Ok(problem) => problem.code,
        Err(_) => format!("status {}", answer.status),
    }
}
