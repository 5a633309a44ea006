//! `onsale keys`, while the server runs.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use reqwest::Method;

use crate::world::{World, answer, event};

fn onsale(world: &World, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onsale"));
    command.args(words).arg(world.dir.path().join("data")).current_dir(world.dir.path());
    command.output().expect("it runs")
}

async fn status(world: &World, key: &str) -> u16 {
    world.get("/v1/events/own/log", key).await.status
}

async fn until(world: &World, key: &str, wanted: u16) -> Duration {
    let started = Instant::now();
    while status(world, key).await != wanted {
        assert!(started.elapsed() < Duration::from_secs(10), "not {wanted} within 10 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    started.elapsed()
}

#[tokio::test]
async fn a_key_is_good_within_a_second_of_its_making_and_bad_within_one_of_its_revoking() {
    let world = World::start().await;
    let words = ["keys", "create", "--role", "service", "--organizer", "acme", "--name", "shop 2"];
    let made = onsale(&world, &words);
    assert!(made.status.success(), "{made:?}");
    let key = String::from_utf8(made.stdout).expect("text").trim().to_owned();
    assert!(until(&world, &key, 200).await < Duration::from_secs(2));
    let id = key.split('_').nth(1).expect("an id");
    let listed = String::from_utf8(onsale(&world, &["keys", "list"]).stdout).expect("text");
    let row = listed.lines().find(|line| line.starts_with(id)).expect("its row");
    assert!(row.contains("service") && row.contains("acme") && row.ends_with("shop 2"), "{row}");
    let secret = key.rsplit_once(&format!("{id}_")).expect("a secret").1;
    assert!(!listed.contains(secret));
    assert!(onsale(&world, &["keys", "revoke", id]).status.success());
    assert!(until(&world, &key, 401).await < Duration::from_secs(2));
    let listed = String::from_utf8(onsale(&world, &["keys", "list"]).stdout).expect("text");
    assert!(
        listed.lines().any(|line| line.starts_with(id) && line.contains("revoked")),
        "{listed}"
    );
}

/// What the audit log has of keys, without so many that come first.
async fn on_record(world: &World, known: usize) -> Vec<[String; 5]> {
    let url = format!("{}/v1/audit?limit=1000", world.server.admin);
    let page = answer(world.server.client.get(url).bearer_auth(&world.operator)).await;
    let items = page.body["items"].as_array().expect("a list").clone();
    let fields = ["who", "from", "action", "object", "outcome"];
    let line =
        |item: &serde_json::Value| fields.map(|f| item[f].as_str().unwrap_or("?").to_owned());
    let lines = items.iter().map(line).filter(|[.., object, _]| object.starts_with("keys/"));
    lines.skip(known).collect()
}

#[tokio::test]
async fn keys_made_and_revoked_are_on_record_once_whether_the_server_runs_or_not() {
    let mut world = World::start().await;
    // An operator's and three of each organizer.
    let known = 7;
    while on_record(&world, 0).await.len() < known {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let create = ["keys", "create", "--role", "service", "--organizer", "acme", "--name", "shop 2"];
    let id_of = |made: Output| {
        let key = String::from_utf8(made.stdout).expect("text");
        key.split('_').nth(1).expect("an id").to_owned()
    };
    let one = id_of(onsale(&world, &create));
    let line = |action: &str, id: &str| {
        ["command_line", "local", action, &format!("keys/{id}"), "done"].map(str::to_owned)
    };
    let until = async |world: &World, wanted: &[[String; 5]]| {
        let started = Instant::now();
        while on_record(world, known).await != wanted {
            let found = on_record(world, known).await;
            assert!(started.elapsed() < Duration::from_secs(10), "{found:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    until(&world, &[line("create_key", &one)]).await;
    world.server.kill();
    let two = id_of(onsale(&world, &create));
    assert!(onsale(&world, &["keys", "revoke", &one]).status.success());
    let wanted = [line("create_key", &one), line("create_key", &two), line("revoke_key", &one)];
    for _ in 0..2 {
        world.server = crate::support::Server::start(world.dir.path(), crate::world::SETTINGS);
        until(&world, &wanted).await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(on_record(&world, known).await, wanted, "each once");
        world.server.kill();
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_reason() {
    let world = World::start().await;
    for (words, reason) in [
        (&["keys", "create", "--role", "emperor", "--name", "x"][..], "must be one of"),
        (&["keys", "create", "--role", "service", "--name", "x"], "needs an organizer"),
        (
            &["keys", "create", "--role", "operator", "--organizer", "acme", "--name", "x"],
            "no organizer",
        ),
        (
            &["keys", "create", "--role", "service", "--organizer", "Acme!", "--name", "x"],
            "--organizer Acme!",
        ),
        (&["keys", "create", "--role", "operator", "--name", ""], "name"),
        (&["keys", "revoke", "aaaaaaaa"], "no key aaaaaaaa"),
    ] {
        let output = onsale(&world, words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{words:?}: {said}");
        assert!(said.contains(reason), "{words:?}: {said}");
    }
}

#[tokio::test]
async fn whose_an_event_is_survives_a_restart_and_a_change() {
    let mut world = World::start().await;
    let renamed = Some(serde_json::json!({"name": "New"}));
    let changed = world.ask(Method::PATCH, "/v1/events/own", &world.acme.organizer, renamed).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    world.server.kill();
    world.server = crate::support::Server::start(world.dir.path(), crate::world::SETTINGS);
    assert_eq!(status(&world, &world.acme.organizer).await, 200);
    assert_eq!(status(&world, &world.other.organizer).await, 404);
    let again =
        world.ask(Method::POST, "/v1/events", &world.other.organizer, Some(event("own"))).await;
    assert_eq!(again.status, 409, "{again:?}");
}
