//! The gate: who may reserve, with which pass, and once.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::hall::{Hall, PLACES, quick};

async fn pass_of(hall: &Hall, customer: &str) -> (String, String) {
    let token = hall.token(customer).await;
    let pass = hall.admitted(&token).await;
    (token, pass)
}

#[tokio::test]
async fn one_pass_used_twice_at_the_same_instant_is_one_reservation() {
    let hall = Hall::with_room(100, quick()).await;
    let mut passes = Vec::new();
    for fan in 0..20 {
        let customer = format!("fan-{fan}");
        let (_, pass) = pass_of(&hall, &customer).await;
        passes.push((customer, pass));
    }
    for (customer, pass) in &passes {
        let headers = [("Onsale-Pass", pass.as_str())];
        let (one, other) =
            tokio::join!(hall.reserve(customer, &headers), hall.reserve(customer, &headers));
        let mut codes =
            [(one.status, one.code().to_owned()), (other.status, other.code().to_owned())];
        codes.sort();
        assert_eq!(codes, [(201, String::new()), (409, "pass_used".to_owned())]);
    }
    let (_, left) = hall.server.get("/v1/events/hall/availability").await;
    assert_eq!(left["pools"][0]["held"], 20);
}

#[tokio::test]
async fn a_retry_with_its_key_gets_its_answer_and_another_key_does_not() {
    let hall = Hall::with_room(100, quick()).await;
    let (token, pass) = pass_of(&hall, "a").await;
    let once = [("Onsale-Pass", pass.as_str()), ("Idempotency-Key", "k1")];
    let first = hall.reserve("a", &once).await.expect(201);
    let retried = hall.reserve("a", &once).await.expect(201);
    assert_eq!((retried.header("idempotent-replayed"), &retried.body), ("true", &first.body));
    hall.until(&token, |place| place["status"] == "USED").await;
    assert_eq!(hall.reserve("a", &once).await.expect(201).body, first.body, "also much later");
    let again = [("Onsale-Pass", pass.as_str()), ("Idempotency-Key", "k2")];
    let refused = hall.reserve("a", &again).await.expect(409);
    assert_eq!(refused.code(), "pass_used");
    assert_eq!(refused.body["waiting_room"], PLACES);
}

#[tokio::test]
async fn a_pass_is_for_its_customer_its_event_and_nothing_that_looks_like_it() {
    let hall = Hall::with_room(100, quick()).await;
    hall.event("other", 100).await;
    let other = "/v1/events/other/waiting-room";
    hall.send(Method::PATCH, other, &[], Some(quick())).await.expect(201);
    let (token, pass) = pass_of(&hall, "a").await;
    let signed = hall.me(Method::GET, "/pass", &token).await.expect(200).body;
    let signed = signed["token"].as_str().expect("a token").to_owned();
    let reason = async |customer: &str, headers: &[(&str, &str)]| {
        let refused = hall.reserve(customer, headers).await.expect(403);
        assert_eq!(refused.code(), "not_admitted");
        assert_eq!(refused.body["waiting_room"], PLACES);
        refused.reason().to_owned()
    };
    assert_eq!(reason("a", &[]).await, "missing");
    for pass in [&pass, &signed] {
        assert_eq!(reason("b", &[("Onsale-Pass", pass)]).await, "other_customer");
        let twice = [("Onsale-Pass", pass.as_str()), ("Onsale-Pass", pass.as_str())];
        assert_eq!(reason("a", &twice).await, "missing");
        let as_device = [("Onsale-Pass", pass.as_str()), ("Onsale-Device", "a")];
        assert_eq!(reason("a", &as_device).await, "other_customer");
        for at in [0, 5, 20, pass.len() - 1] {
            let sign = if &pass[at..=at] == "A" { "B" } else { "A" };
            let bad = format!("{}{sign}{}", &pass[..at], &pass[at + 1..]);
            assert_eq!(reason("a", &[("Onsale-Pass", &bad)]).await, "invalid", "{at} of {pass}");
            assert_eq!(reason("a", &[("Onsale-Pass", &pass[..at])]).await, "invalid");
        }
    }
    assert_eq!(reason("a", &[("Onsale-Pass", &token)]).await, "invalid", "a place is no pass");
    let body = json!({"customer": "a", "lines": [{"pool": "standing", "quantity": 1}]});
    for (pass, reason) in [(&pass, "invalid"), (&signed, "other_event")] {
        let headers = [("Onsale-Pass", pass.as_str())];
        let path = "/v1/events/other/reservations";
        let refused = hall.send(Method::POST, path, &headers, Some(body.clone())).await.expect(403);
        assert_eq!(refused.reason(), reason);
    }
    // A refusal of the sale itself does not use it up.
    let too_many = json!({"customer": "a", "lines": [{"pool": "standing", "quantity": 101}]});
    let path = "/v1/events/hall/reservations";
    let headers = [("Onsale-Pass", signed.as_str())];
    hall.send(Method::POST, path, &headers, Some(too_many)).await.expect(409);
    hall.reserve("a", &headers).await.expect(201);
    assert_eq!(hall.reserve("a", &[("Onsale-Pass", &pass)]).await.expect(409).code(), "pass_used");
}

#[tokio::test]
async fn who_joined_by_device_reserves_with_the_device() {
    let hall = Hall::with_room(100, quick()).await;
    let joined =
        hall.send(Method::POST, PLACES, &[], Some(json!({"device": "d-1"}))).await.expect(201);
    let pass = hall.admitted(joined.body["token"].as_str().expect("a token")).await;
    let headers = |device: &'static str| {
        [("Onsale-Pass", pass.clone()), ("Onsale-Device", device.to_owned())]
    };
    let send = async |headers: [(&'static str, String); 2]| {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        hall.reserve("ann", &headers).await
    };
    assert_eq!(send(headers("d-2")).await.expect(403).reason(), "other_customer");
    send(headers("d-1")).await.expect(201);
}

#[tokio::test]
async fn the_signed_pass_is_verified_by_a_program_that_is_not_ours() {
    let hall = Hall::with_room(100, quick()).await;
    let (token, _) = pass_of(&hall, "a").await;
    let signed = hall.me(Method::GET, "/pass", &token).await.expect(200).body;
    let jwt = signed["token"].as_str().expect("a token");
    let parts: Vec<&str> = jwt.split('.').collect();
    let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64url");
    let json = |text: &str| -> Value { serde_json::from_slice(&decode(text)).expect("JSON") };
    let (head, claims) = (json(parts[0]), json(parts[1]));
    assert_eq!((&head["alg"], &head["typ"]), (&json!("EdDSA"), &json!("onsale-pass+jwt")));
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("onsale"), &json!("hall")));
    let keys = hall.get("/v1/events/hall/keys").await.expect(200).body;
    let keys = keys["keys"].as_array().expect("keys");
    let key = keys.iter().find(|key| key["kid"] == head["kid"]).expect("its key");
    let key = decode(key["x"].as_str().expect("a key"));
    let openssl = |message: &str| openssl_accepts(&key, message.as_bytes(), &decode(parts[2]));
    assert_eq!(openssl(&format!("{}.{}", parts[0], parts[1])), Some(true));
    assert_eq!(openssl(&format!("{}.{}x", parts[0], parts[1])), Some(false));
}

/// `None` without the program; the gate's scripts install it.
fn openssl_accepts(key: &[u8], message: &[u8], signature: &[u8]) -> Option<bool> {
    let dir = tempfile::tempdir().expect("a directory");
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    };
    // SubjectPublicKeyInfo of an Ed25519 key, RFC 8410.
    let der = [&hex::decode("302a300506032b6570032100").expect("hex")[..], key].concat();
    let (key, message) = (file("key", &der), file("message", message));
    let signature = file("signature", signature);
    let output = std::process::Command::new("openssl")
        .args(["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-rawin", "-inkey"])
        .arg(key)
        .arg("-in")
        .arg(message)
        .arg("-sigfile")
        .arg(signature)
        .output();
    Some(output.expect("openssl is installed").status.success())
}

#[tokio::test]
async fn each_line_of_a_bulk_request_needs_its_own_pass() {
    let hall = Hall::with_room(100, quick()).await;
    let ((_, a), (_, b)) = (pass_of(&hall, "a").await, pass_of(&hall, "b").await);
    let line = |key: &str, customer: &str, pass: Value| {
        let mut line = json!({"idempotency_key": key, "customer": customer,
            "lines": [{"pool": "standing", "quantity": 1}]});
        if !pass.is_null() {
            line["pass"] = pass;
        }
        line.to_string()
    };
    let body = [
        line("1", "a", json!(a)),
        line("2", "b", Value::Null),
        line("3", "b", json!(a)),
        line("4", "b", json!(b)),
        line("5", "a", json!(a)),
        line("1", "a", json!(a)),
    ];
    let url = format!("{}/v1/events/hall/reservations/bulk", hall.server.url);
    let request = hall.server.client.post(url).header("Content-Type", "application/x-ndjson");
    let answer = request.body(body.join("\n")).send().await.expect("an answer");
    let text = answer.text().await.expect("lines");
    let told: Vec<(u64, String)> = text
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            let word = [&line["reason"], &line["code"]]
                .iter()
                .find_map(|word| word.as_str().map(str::to_owned));
            (line["status"].as_u64().expect("a status"), word.unwrap_or_default())
        })
        .collect();
    let expected = [
        (201, ""),
        (403, "missing"),
        (403, "other_customer"),
        (201, ""),
        (409, "pass_used"),
        (201, ""),
    ];
    assert_eq!(told, expected.map(|(status, word)| (status, word.to_owned())), "{text}");
    assert!(text.contains("/v1/events/hall/waiting-room/places"), "{text}");
}
