//! A real server in its own process, and the requests that tests send it.

#![allow(dead_code, reason = "each test binary uses some of it")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use onsale::providers::outbound::{self, Patience};
use serde_json::{Value, json};

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    pub url: String,
    pub admin: String,
    pub client: reqwest::Client,
}

/// How a server ended that did not come up.
pub struct Ended {
    pub code: Option<i32>,
    /// What it said on standard error.
    pub text: String,
}

fn command(wrapper: &[&str], data_dir: &Path, settings: &[(&str, &str)]) -> Command {
    let server = env!("CARGO_BIN_EXE_onsale");
    let mut words = wrapper.iter().copied().chain([server]);
    let mut command = Command::new(words.next().expect("at least the server"));
    command
        .args(words)
        .current_dir(data_dir)
        .env("ONSALE__STORAGE__DATA_DIR", data_dir.join("data"))
        .env("ONSALE__STORAGE__FREE_BYTES_MIN", "1048576")
        .env("ONSALE__SERVER__LISTEN", "127.0.0.1:0")
        .env("ONSALE__ADMIN__LISTEN", "127.0.0.1:0")
        .envs(settings.iter().copied());
    command
}

/// `reqwest::Client::new()` would want root certificates and a provider of TLS, which nobody here speaks.
pub fn plain_client() -> reqwest::Client {
    let base = outbound::base_url("http://127.0.0.1").expect("loopback");
    let patience = Patience { connect: Duration::from_secs(30), total: Duration::from_secs(600) };
    outbound::client(&base, patience).expect("without TLS there is nothing to miss")
}

impl Server {
    /// Starts the built binary on free ports, with the given settings in its environment, and waits
    /// for its ready line.
    pub fn start(data_dir: &Path, settings: &[(&str, &str)]) -> Self {
        Self::start_under(&[], data_dir, settings)
    }

    /// The same, started by another program such as `strace`, whose arguments come first.
    pub fn start_under(wrapper: &[&str], data_dir: &Path, settings: &[(&str, &str)]) -> Self {
        Self::spawn(command(wrapper, data_dir, settings), Stdio::null())
    }

    /// What it says on standard error goes into the file `log`.
    pub fn start_logged(data_dir: &Path, settings: &[(&str, &str)], log: &Path) -> Self {
        let log = std::fs::File::options().create(true).append(true).open(log).expect("a file");
        Self::spawn(command(&[], data_dir, settings), log.into())
    }

    fn spawn(mut command: Command, log: Stdio) -> Self {
        command.stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().expect("the server starts");
        let output = child.stdout.take().expect("its output is piped");
        let mut ready = String::new();
        BufReader::new(output).read_line(&mut ready).expect("the ready line");
        let mut words = ready.split_whitespace();
        let url = words.nth(2).unwrap_or_else(|| panic!("no ready line: {ready}")).to_owned();
        let admin = words.nth(2).unwrap_or_default().to_owned();
        Self { child, url, admin, client: plain_client() }
    }

    /// Starts a server that is expected to end by itself.
    pub fn refused(data_dir: &Path, settings: &[(&str, &str)]) -> Ended {
        let output = command(&[], data_dir, settings).output().expect("the server starts");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        Ended { code: output.status.code(), text }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it ends");
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        let sent = Command::new("kill").arg(self.process().to_string()).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits until the server ends by itself.
    pub fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it was started").is_some()
    }

    pub fn process(&self) -> u32 {
        self.child.id()
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
