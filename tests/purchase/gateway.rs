//! A stand-in for a gateway of short messages, in the test's own process: it remembers what it was told
//! while the server under test dies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;

pub const TOKEN: &str = "gateway-token";
/// For anything that is sure to happen. The second try comes after five seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// What it does with the next messages to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Answers this status, and nothing is sent.
    Status(u16),
    /// Sends it, and never answers.
    HangAfter,
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    pub id: String,
    pub to: String,
    pub text: String,
    pub from: String,
}

/// Runs until it is dropped.
pub struct Gateway {
    pub url: String,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Shared(Mutex<Books>);

#[derive(Default)]
struct Books {
    /// Everything that came, also what was not taken.
    calls: Vec<Text>,
    /// What was taken.
    taken: Vec<Text>,
    /// By number, the next first.
    manners: BTreeMap<String, Vec<Manner>>,
    complaints: Vec<String>,
}

impl Gateway {
    pub async fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let routes = axum::Router::new()
            .route("/send", axum::routing::post(take))
            .with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/send", listener.local_addr().expect("bound"));
        let server = tokio::spawn(async move {
            axum::serve(listener, routes).await.expect("serving never ends by itself");
        });
        Self { url, shared, server }
    }

    /// What the next messages to a number meet, one each.
    pub fn script(&self, to: &str, manners: &[Manner]) {
        self.books().manners.insert(to.to_owned(), manners.to_vec());
    }

    /// Everything that came for a number.
    pub fn calls(&self, to: &str) -> Vec<Text> {
        self.books().calls.iter().filter(|text| text.to == to).cloned().collect()
    }

    /// What went out to a number.
    pub fn taken(&self, to: &str) -> Vec<Text> {
        self.books().taken.iter().filter(|text| text.to == to).cloned().collect()
    }

    /// The same, once there are so many.
    #[track_caller]
    pub fn until_taken(&self, to: &str, count: usize) -> impl Future<Output = Vec<Text>> {
        let place = std::panic::Location::caller();
        async move {
            let started = Instant::now();
            while self.taken(to).len() < count {
                assert!(started.elapsed() < PATIENCE, "{place}: {to} got {:?}", self.taken(to));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            self.taken(to)
        }
    }

    pub fn complaints(&self) -> Vec<String> {
        self.books().complaints.clone()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.shared.0.lock().expect("no test panics while holding it")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let text: Result<Text, _> = serde_json::from_slice(&body);
    let manner = {
        let mut books = shared.0.lock().expect("no test panics while holding it");
        let text = match text {
            Ok(text) if header("authorization") != format!("Bearer {TOKEN}") => {
                Err(format!("{} without the token", text.id))
            }
            Ok(text) if header("idempotency-key") != text.id => {
                Err(format!("{} under another key", text.id))
            }
            Ok(text) => Ok(text),
            Err(error) => Err(error.to_string()),
        };
        let text = match text {
            Ok(text) => text,
            Err(complaint) => {
                books.complaints.push(complaint);
                return StatusCode::BAD_REQUEST.into_response();
            }
        };
        books.calls.push(text.clone());
        let manner = books
            .manners
            .get_mut(&text.to)
            .filter(|next| !next.is_empty())
            .map(|next| next.remove(0));
        if !matches!(manner, Some(Manner::Status(_))) {
            books.taken.push(text);
        }
        manner
    };
    match manner {
        None => StatusCode::ACCEPTED.into_response(),
        Some(Manner::Status(status)) => {
            let status = StatusCode::from_u16(status).expect("a status");
            (status, "not this one").into_response()
        }
        Some(Manner::HangAfter) => std::future::pending().await,
    }
}

/// An order by a buyer who leaves these.
pub fn order_by(reservation: &str, token: &str, contact: Value) -> Value {
    serde_json::json!({"reservation": reservation, "contact": contact,
        "payment": {"method": "card", "token": token}})
}
