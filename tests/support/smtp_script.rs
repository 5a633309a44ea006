//! A mail server that says what the test tells it to, for what a real one cannot be made to do.

#![allow(dead_code, reason = "each test binary uses some of it")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the server does at a step instead of going along.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    Say(&'static str),
    /// Closes the connection.
    Hang,
    /// Reads on, answers nothing.
    Silence,
}

/// A step: `greeting`, a verb such as `RCPT`, or `.` for the end of a mail.
pub type Script = Vec<(&'static str, Act)>;

pub struct Server {
    pub port: u16,
    /// First words of each line outside of mails, over all connections.
    pub heard: Arc<Mutex<Vec<String>>>,
    pub connections: Arc<AtomicUsize>,
    /// Most connections that were open at once.
    pub most_at_once: Arc<AtomicUsize>,
}

impl Server {
    /// The n-th connection follows the n-th script, further ones the last.
    pub async fn start(scripts: Vec<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let server = Self {
            port: listener.local_addr().expect("bound").port(),
            heard: Arc::default(),
            connections: Arc::default(),
            most_at_once: Arc::default(),
        };
        let (heard, connections) = (server.heard.clone(), server.connections.clone());
        let (most, open) = (server.most_at_once.clone(), Arc::new(AtomicUsize::new(0)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = connections.fetch_add(1, Ordering::SeqCst);
                let script = scripts[number.min(scripts.len() - 1)].clone();
                most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let (heard, open) = (heard.clone(), open.clone());
                tokio::spawn(async move {
                    let _ = converse(stream, &script, &heard).await;
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        server
    }

    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("no test panicked with it").clone()
    }
}

async fn converse(
    stream: TcpStream,
    script: &Script,
    heard: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut step = "greeting".to_owned();
    loop {
        let told = script.iter().find(|(at, _)| *at == step).map(|(_, act)| *act);
        match told.unwrap_or_else(|| usual(&step)) {
            Act::Say(line) => stream.write_all(format!("{line}\r\n").as_bytes()).await?,
            Act::Hang => return Ok(()),
            Act::Silence => {}
        }
        let mut line = String::new();
        if step == "DATA" {
            while line != ".\r\n" {
                line.clear();
                if stream.read_line(&mut line).await? == 0 {
                    return Ok(());
                }
            }
            step = ".".to_owned();
            continue;
        }
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        step = line.get(..4).unwrap_or_default().to_owned();
        heard.lock().expect("no test panicked with it").push(step.clone());
    }
}

fn usual(step: &str) -> Act {
    Act::Say(match step {
        "greeting" => "220 ready",
        "EHLO" => "250-here\r\n250 AUTH PLAIN",
        "AUTH" => "235 welcome",
        "DATA" => "354 go on",
        "QUIT" => "221 bye",
        _ => "250 ok",
    })
}
