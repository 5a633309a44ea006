//! Issuers change their keys while the server runs, and sometimes do not answer.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use onsale::domain::access::Role;
use onsale::storage::access_keys::AccessKeys;
use reqwest::Method;

use crate::issuer::{Issuer, Signer};
use crate::support::Server;
use crate::world::{SETTINGS, World, answer, event, issuer_said, make_key};

/// Asks until the status is this, or fails.
async fn until(world: &World, path: &str, token: &str, status: u16) {
    let started = Instant::now();
    loop {
        let answer = world.get(path, token).await;
        if answer.status == status {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{status} expected, {answer:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_file_of_keys_is_followed_and_one_that_is_broken_is_not() {
    let world = World::start().await;
    let (old, path) = (&world.issuer, "/v1/events/own");
    let new = Issuer::new(&old.name, "key-2", Signer::eddsa(2));
    let (old_token, new_token) = (old.token("fan"), new.token("fan"));
    assert_eq!(world.get(path, &old_token).await.status, 200);
    assert_eq!(world.get(path, &new_token).await.status, 401);
    let file = world.dir.path().join("acme.json");
    let both = serde_json::json!({"keys": [old.jwk(), new.jwk()]}).to_string();
    std::fs::write(&file, both).expect("written");
    until(&world, path, &new_token, 200).await;
    assert_eq!(world.get(path, &old_token).await.status, 200);
    std::fs::write(&file, new.jwks()).expect("written");
    // The old key's token was remembered: it ends with its key all the same.
    until(&world, path, &old_token, 401).await;
    std::fs::write(&file, "{\"keys\":").expect("written");
    let failed = "onsale_identity_key_sets_total{outcome=\"failed\"}";
    let started = Instant::now();
    while !world.get("/metrics", "").await.text.contains(failed) {
        assert!(started.elapsed() < Duration::from_secs(10), "the broken file was not looked at");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(world.get(path, &new_token).await.status, 200);
}

/// Serves a key set over HTTP, and counts how often it was asked for.
struct KeyServer {
    url: String,
    set: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicU32>,
}

impl KeyServer {
    fn start(set: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/jwks.json", listener.local_addr().expect("its address"));
        let (set, asked) = (Arc::new(Mutex::new(Some(set))), Arc::new(AtomicU32::new(0)));
        let (serves, counts) = (Arc::clone(&set), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut head = [0; 4_096];
                if !matches!(stream.read(&mut head), Ok(1..)) {
                    continue;
                }
                counts.fetch_add(1, Ordering::SeqCst);
                let set = serves.lock().expect("not poisoned").clone();
                let (status, body) = set.map_or(("503 Down", String::new()), |set| ("200 OK", set));
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
                );
                drop(stream.write_all((head + &body).as_bytes()));
            }
        });
        Self { url, set, asked }
    }

    fn serve(&self, set: Option<String>) {
        *self.set.lock().expect("not poisoned") = set;
    }
}

#[tokio::test]
async fn a_url_of_keys_is_followed_and_what_was_known_stays_while_it_does_not_answer() {
    let dir = tempfile::tempdir().expect("a directory");
    let old = Issuer::new("https://id.test", "key-1", Signer::eddsa(1));
    let new = Issuer::new("https://id.test", "key-2", Signer::eddsa(2));
    let keys = KeyServer::start(old.jwks());
    std::fs::write(dir.path().join("issuers.toml"), issuer_said(&old, &keys.url, ""))
        .expect("written");
    let operator = make_key(&AccessKeys::of(&dir.path().join("data")), Role::Operator, None);
    let refresh = [("ONSALE__IDENTITY__JWKS_REFRESH_SECONDS", "1")];
    let server = Server::start(dir.path(), &[SETTINGS, &refresh].concat());
    let ask = async |token: &str| {
        answer(server.client.get(format!("{}/v1/events", server.url)).bearer_auth(token))
            .await
            .status
    };
    let create = server.client.request(Method::POST, format!("{}/v1/events", server.url));
    let created = answer(create.bearer_auth(&operator).json(&event("own"))).await;
    assert_eq!(created.status, 201, "{created:?}");
    let (old_token, new_token) = (old.token("fan"), new.token("fan"));
    assert_eq!((ask(&old_token).await, ask(&new_token).await), (200, 401));
    keys.serve(None);
    let before = keys.asked.load(Ordering::SeqCst);
    let started = Instant::now();
    while keys.asked.load(Ordering::SeqCst) < before + 2 {
        assert!(started.elapsed() < Duration::from_secs(20), "it is not asked again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(ask(&old_token).await, 200);
    keys.serve(Some(new.jwks()));
    let started = Instant::now();
    while ask(&new_token).await != 200 {
        assert!(started.elapsed() < Duration::from_secs(20), "the new key is not taken");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(ask(&old_token).await, 401);
}

#[tokio::test]
async fn tokens_with_unknown_keys_make_nobody_ask_more_than_once_a_minute() {
    let dir = tempfile::tempdir().expect("a directory");
    let issuer = Issuer::new("https://id.test", "key-1", Signer::eddsa(1));
    let keys = KeyServer::start(issuer.jwks());
    std::fs::write(dir.path().join("issuers.toml"), issuer_said(&issuer, &keys.url, ""))
        .expect("written");
    let server = Server::start(dir.path(), SETTINGS);
    let stranger = Issuer::new("https://id.test", "key-of-nobody", Signer::eddsa(66));
    for number in 0..200 {
        let token = stranger.token(&format!("fan-{number}"));
        let request = server.client.get(format!("{}/v1/events", server.url)).bearer_auth(token);
        assert_eq!(answer(request).await.status, 401);
    }
    // The first look is the start's; the next may come a minute later.
    assert_eq!(keys.asked.load(Ordering::SeqCst), 1);
}

#[test]
fn a_server_does_not_start_with_issuers_that_cannot_be_used() {
    let dir = tempfile::tempdir().expect("a directory");
    let issuer = Issuer::new("https://id.test", "key-1", Signer::eddsa(1));
    std::fs::write(dir.path().join("empty.json"), "{\"keys\":[]}").expect("written");
    for (said, word) in [
        (issuer_said(&issuer, "missing.json", ""), "missing.json"),
        (issuer_said(&issuer, "empty.json", ""), "1 to 100 keys"),
        (issuer_said(&issuer, "http://192.0.2.1/jwks", ""), "https"),
        (issuer_said(&issuer, "empty.json", "colour = 1"), "colour"),
    ] {
        std::fs::write(dir.path().join("issuers.toml"), said).expect("written");
        let ended = Server::refused(dir.path(), SETTINGS);
        assert_eq!(ended.code, Some(1), "{}", ended.text);
        assert!(ended.text.contains(word), "{word}: {}", ended.text);
    }
}
