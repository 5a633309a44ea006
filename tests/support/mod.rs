//! A real server in its own process, and the requests that tests send it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    pub url: String,
    pub client: reqwest::Client,
}

impl Server {
    /// Starts the built binary on free ports, with the given settings in its environment, and waits
    /// for its ready line.
    pub fn start(data_dir: &Path, settings: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_onsale"));
        command
            .current_dir(data_dir)
            .env("ONSALE__STORAGE__DATA_DIR", data_dir.join("data"))
            .env("ONSALE__STORAGE__FREE_BYTES_MIN", "1048576")
            .env("ONSALE__SERVER__LISTEN", "127.0.0.1:0")
            .env("ONSALE__ADMIN__LISTEN", "127.0.0.1:0")
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("the server starts");
        let output = child.stdout.take().expect("its output is piped");
        let mut ready = String::new();
        BufReader::new(output).read_line(&mut ready).expect("the ready line");
        let url =
            ready.split_whitespace().nth(2).unwrap_or_else(|| panic!("no ready line: {ready}"));
        Self { child, url: url.to_owned(), client: reqwest::Client::new() }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it ends");
    }

    pub async fn send(
        &self,
        method: reqwest::Method,
        path: &str,
        key: Option<&str>,
        body: Option<Value>,
    ) -> Result<(u16, Value), reqwest::Error> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    pub async fn reserve(
        &self,
        event: &str,
        customer: &str,
        key: &str,
        quantity: u32,
    ) -> Result<(u16, Value), reqwest::Error> {
        let body =
            json!({"customer": customer, "lines": [{"pool": "standing", "quantity": quantity}]});
        let path = format!("/v1/events/{event}/reservations");
        self.send(reqwest::Method::POST, &path, Some(key), Some(body)).await
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.send(reqwest::Method::GET, path, None, None).await.expect("an answer")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
