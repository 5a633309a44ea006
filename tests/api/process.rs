//! The program as its operator meets it: exit codes, one-line refusals, the drain.

use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::support::Server;

#[test]
fn a_broken_config_is_one_line_with_file_key_value_and_reason_and_exit_2() {
    let dir = tempfile::tempdir().expect("a directory");
    let cases = [
        ("[shards]\ncount = 5000\n", ["shards.count", "5000", "0 to 1024"]),
        ("[shards]\ncuont = 1\n", ["cuont", "unknown key", "count"]),
        ("[sale]\nhold_seconds = \"long\"\n", ["sale.hold_seconds", "long", "config.toml"]),
        ("[server]\nlisten = \"0.0.0.0:8080\"\n", ["server.listen", "0.0.0.0:8080", "loopback"]),
        ("[identity]\nmode = \"none\"\n", ["identity.mode", "none", "config.toml"]),
        ("[server\n", ["config.toml", "1", ""]),
    ];
    for (text, words) in cases {
        std::fs::write(dir.path().join("config.toml"), text).expect("written");
        for arguments in [&["check-config"][..], &[]] {
            let output = Command::new(env!("CARGO_BIN_EXE_onsale"))
                .args(arguments)
                .current_dir(dir.path())
                .output()
                .expect("it runs");
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{text}: {said}");
            assert!(words.iter().all(|word| said.contains(word)), "{text}: {said}");
            assert_eq!(said.trim_end().lines().count(), 1, "{said}");
        }
    }
}

#[test]
fn verify_of_what_is_no_data_directory_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let output = Command::new(env!("CARGO_BIN_EXE_onsale"))
        .args(["verify", "nothing"])
        .current_dir(dir.path())
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr).trim_end(),
        "nothing is not a data directory"
    );
}

/// The signal came before it was watched for, and ended the process in the midst of what it did.
#[test]
fn a_server_that_says_it_is_ready_ends_in_order_from_that_moment_on() {
    let dir = tempfile::tempdir().expect("a directory");
    for _ in 0..20 {
        let mut server = Server::start(dir.path(), &[]);
        server.terminate();
        assert_eq!(server.exit_code(), Some(0));
    }
}

/// `onsale verify data | head -1` once ended in a panic.
#[test]
fn verify_outlives_a_reader_that_has_seen_enough() {
    let dir = tempfile::tempdir().expect("a directory");
    drop(Server::start(dir.path(), &[]));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let status = Command::new(env!("CARGO_BIN_EXE_onsale"))
        .arg("verify")
        .arg(dir.path().join("data"))
        .stdout(writer)
        .status()
        .expect("it runs");
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn a_data_directory_in_use_is_one_line_and_exit_1() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[]);
    let second = Server::refused(dir.path(), &[("ONSALE__LOG__FILTER", "error")]);
    assert_eq!(second.code, Some(1), "{}", second.text);
    assert!(second.text.contains("in use"), "{}", second.text);
    assert_eq!(second.text.trim_end().lines().count(), 1, "{}", second.text);
    let sold = server.reserve("concert-a", "fan", "k", 1).await.expect("an answer");
    assert_eq!(sold.0, 201, "the first one sells on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_answers_what_is_under_way_and_exits_0() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut server = Server::start(dir.path(), &[]);
    assert_eq!(server.get("/readyz").await.0, 200);
    let (client, url) = (server.client.clone(), server.url.clone());
    let buyer = tokio::spawn(async move {
        let mut told = Vec::new();
        for n in 0.. {
            let body = json!({"customer": "fan", "lines": [{"pool": "standing", "quantity": 1}]});
            let request = client
                .post(format!("{url}/v1/events/concert-a/reservations"))
                .header("Idempotency-Key", n.to_string())
                .json(&body);
            let Ok(response) = request.send().await else { break };
            if response.status() != 201 {
                assert_eq!(response.status(), 503, "draining");
                break;
            }
            let body: serde_json::Value = response.json().await.expect("a whole answer");
            told.push(body["id"].as_str().expect("an id").to_owned());
        }
        told
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.terminate();
    assert_eq!(server.exit_code(), Some(0));
    let told = buyer.await.expect("a buyer");
    assert!(!told.is_empty());
    let server = Server::start(dir.path(), &[]);
    let (_, now) = server.get("/v1/events/concert-a/availability").await;
    assert_eq!(now["pools"][0]["held"], json!(told.len()), "what was told, and nothing else");
}
