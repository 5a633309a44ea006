//! Limits, overload and slow clients, over real sockets against the real binary.

#[path = "../support/mod.rs"]
mod support;

mod changes;
mod clients;
mod flood;
mod overload;
mod rates;
mod restarts;
mod slow;

use std::path::Path;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use support::Server;

const EVENT: &str = "/v1/events/concert-a";

/// A server that limits everybody, and believes this machine who its clients are.
fn limited(dir: &Path, policies: &str, more: &[(&str, &str)]) -> Server {
    let mut settings = vec![
        ("ONSALE__LIMITS__POLICIES", policies),
        ("ONSALE__LIMITS__EXEMPT", ""),
        ("ONSALE__SERVER__TRUSTED_PROXIES", "127.0.0.0/8"),
    ];
    settings.extend(more);
    Server::start(dir, &settings)
}

/// What a client gets whom a proxy names.
async fn ask(server: &Server, method: Method, path: &str, from: &str) -> (u16, HeaderMap, Value) {
    let request = server.client.request(method, format!("{}{path}", server.url));
    let response = request.header("X-Forwarded-For", from).send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.expect("a body");
    (status, headers, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// How many of so many reads pass.
async fn reads(server: &Server, from: &str, times: usize) -> usize {
    let mut passed = 0;
    for _ in 0..times {
        let (status, ..) = ask(server, Method::GET, EVENT, from).await;
        assert!(status == 200 || status == 429, "{status}");
        passed += usize::from(status == StatusCode::OK);
    }
    passed
}
