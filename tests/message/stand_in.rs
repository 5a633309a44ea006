//! An HTTP server in place of the other side: keeps what it got and answers as told.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

pub struct StandIn {
    pub url: String,
    pub port: u16,
    seen: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
}

impl StandIn {
    pub async fn start<R: IntoResponse>(
        answer: impl Fn() -> R + Clone + Send + Sync + 'static,
    ) -> Self {
        let seen: Arc<Mutex<Vec<_>>> = Arc::default();
        let keep = seen.clone();
        let handle = move |request: Request| {
            let (keep, answer) = (keep.clone(), answer.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1 << 20).await.expect("a small body");
                keep.lock().expect("no test panicked with it").push((parts.headers, body));
                let answer: Response = answer().into_response();
                answer
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        tokio::spawn(async move {
            axum::serve(listener, Router::new().fallback(handle)).await.expect("serves");
        });
        Self { url: format!("http://127.0.0.1:{port}/hook"), port, seen }
    }

    pub fn seen(&self) -> Vec<(HeaderMap, Bytes)> {
        self.seen.lock().expect("no test panicked with it").clone()
    }
}

/// A port that takes a connection, reads one piece of the request, then keeps silent or hangs up.
pub async fn mute(hang_up: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 65_536]).await;
            if !hang_up {
                kept.push(stream);
            }
        }
    });
    port
}

/// A port at which nobody listens.
pub fn nobody() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}
