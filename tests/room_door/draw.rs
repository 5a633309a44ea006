//! What is published of a draw, held against what each fan was told and against the verifiers.

use std::process::Command;

use onsale::domain::waiting_room::draw::merkle::leads_to_root;
use onsale::domain::waiting_room::draw::{Entry, Hash};
use reqwest::Method;
use serde_json::{Value, json};

use crate::hall::{Hall, PLACES, ROOM, in_seconds};

fn hash(text: &Value) -> Hash {
    let mut hash = [0; 32];
    hex::decode_to_slice(text.as_str().expect("a text"), &mut hash).expect("64 digits");
    hash
}

#[tokio::test]
async fn the_draw_of_the_api_is_what_fans_are_told_and_what_both_verifiers_compute() {
    let hall = Hall::of(1_000).await;
    let terms = json!({"doors_at": in_seconds(3), "active_max": 1, "paused": true,
        "beacon": "drand round 1000000", "codes": [{"code": "friends"}]});
    let made = hall.arrange(terms).await.expect(201);
    let mut tokens = Vec::new();
    for fan in 0..40 {
        let mut body = json!({"customer": format!("fan-{fan}")});
        if fan % 10 == 7 {
            body["code"] = json!("friends");
        }
        let joined = hall.send(Method::POST, PLACES, &[], Some(body)).await.expect(201).body;
        let tier = if fan % 10 == 7 { "priority" } else { "general" };
        assert_eq!(joined["tier"], tier);
        tokens.push(joined["token"].as_str().expect("a token").to_owned());
    }
    // One who left before the doors is not in the draw.
    hall.me(Method::DELETE, "", &tokens[11]).await.expect(200);
    let before = hall.get(&format!("{ROOM}/draw")).await.expect(200).body;
    assert_eq!(before["commitment"], made.body["commitment"]);
    assert_eq!((&before["secret"], &before["root"]), (&Value::Null, &Value::Null));
    let early = hall.me(Method::GET, "/proof", &tokens[0]).await.expect(409);
    assert_eq!(early.body["state"], "PAUSED");

    // The doors stay shut until the beacon is known.
    hall.until_waiting_for("beacon").await;
    hall.arrange(json!({"beacon_value": "5e1f"})).await.expect(200);
    let head = loop {
        let head = hall.get(&format!("{ROOM}/draw")).await.expect(200);
        if !head.body["secret"].is_null() {
            break head;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!(head.body["commitment"], made.body["commitment"]);
    assert_eq!((&head.body["count"], &head.body["tiers"]), (&json!(39), &json!([4, 35, 0])));
    assert_eq!(head.body["beacon"], "5e1f");
    let later = hall.token("late").await;
    let later = hall.me(Method::GET, "/proof", &later).await.expect(409);
    assert_eq!(later.body["state"], "not_an_entrant");
    hall.me(Method::GET, "/proof", &tokens[11]).await.expect(409);

    let entries = hall.get(&format!("{ROOM}/draw/entries")).await.expect(200);
    assert_eq!(entries.text.lines().count(), 39);
    for (fan, token) in tokens.iter().enumerate().filter(|(fan, _)| *fan != 11) {
        let proof = hall.me(Method::GET, "/proof", token).await.expect(200).body;
        let number = |name: &str| proof[name].as_u64().expect("a number");
        let fingerprint = proof["fingerprint"].as_str().expect("a fingerprint");
        let entry = Entry {
            number: u32::try_from(number("number")).expect("32 bits"),
            tier: u8::try_from(number("tier")).expect("a tier"),
            fingerprint: u64::from_str_radix(fingerprint, 16).expect("16 digits"),
        };
        let path: Vec<Hash> = proof["path"].as_array().expect("a path").iter().map(hash).collect();
        let (index, root) = (number("index"), hash(&head.body["root"]));
        assert!(leads_to_root(&entry, index, 39, &path, &root), "fan {fan}: {proof}");
        let line = format!("{} {} {fingerprint} {}", entry.number, entry.tier, number("place"));
        assert!(entries.text.lines().any(|known| known == line), "{line}");
        let told = hall.until(token, |place| place["place"] != Value::Null).await;
        assert_eq!(told["place"], number("place") + 1, "what the fan is told is what was drawn");
    }

    both_verify(&head.text, &entries.text);
}

/// Both verifiers say the same of what the API gave, and both notice when one place changed hands.
fn both_verify(head: &str, entries: &str) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), format!("{head}{entries}")).expect("written");
    let verify = |program: &str, words: &[&str]| {
        let output = Command::new(program).args(words).arg(file.path()).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/verify_draw.py");
    let ours = verify(env!("CARGO_BIN_EXE_onsale"), &["verify-draw"]);
    assert_eq!(ours.0, Some(0), "{}", ours.1);
    assert_eq!(verify("python3", &[script]), ours);
    let swapped = entries.replacen(" 0\n", " 1\n", 1);
    std::fs::write(file.path(), format!("{head}{swapped}")).expect("written");
    assert_eq!(verify(env!("CARGO_BIN_EXE_onsale"), &["verify-draw"]).0, Some(1));
    assert_eq!(verify("python3", &[script]).0, Some(1));
}

impl Hall {
    async fn until_waiting_for(&self, what: &str) {
        for _ in 0..200 {
            if self.get(ROOM).await.expect(200).body["waiting_for"] == what {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("it never waited for {what}");
    }
}
