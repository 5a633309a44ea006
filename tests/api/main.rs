//! The HTTP contract, over a real socket against the real binary.

#[path = "../support/mod.rs"]
mod support;

mod bulk;
mod edges;
mod log;
mod process;

use reqwest::Method;
use serde_json::{Value, json};
use support::Server;

const RESERVATIONS: &str = "/v1/events/concert-a/reservations";

fn server(dir: &tempfile::TempDir) -> Server {
    Server::start(dir.path(), &[])
}

async fn post(server: &Server, path: &str, body: Value) -> (u16, Value) {
    server.send(Method::POST, path, None, Some(body)).await.expect("an answer")
}

#[tokio::test]
async fn a_repeated_request_gets_its_first_answer_and_another_body_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = server(&dir);
    let (status, first) = server.reserve("concert-a", "fan", "k", 2).await.expect("an answer");
    assert_eq!(status, 201, "{first}");
    let (status, again) = server.reserve("concert-a", "fan", "k", 2).await.expect("an answer");
    assert_eq!((status, again), (201, first));
    let (status, other) = server.reserve("concert-a", "fan", "k", 3).await.expect("an answer");
    assert_eq!((status, &other["code"]), (422, &json!("idempotency_key_reused")));
    let (_, left) = server.get("/v1/events/concert-a/availability").await;
    assert_eq!(left["pools"][0]["held"], 2);
}

#[tokio::test]
async fn what_is_given_back_can_be_bought_again_and_giving_back_twice_changes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = server(&dir);
    let event = json!({"id": "small", "name": "Small", "pools": [
        {"id": "standing", "capacity": 2, "price": {"amount": 100, "currency": "EUR"}}]});
    assert_eq!(post(&server, "/v1/events", event.clone()).await.0, 201);
    assert_eq!(post(&server, "/v1/events", event).await.1["code"], "already_exists");
    let (_, held) = server.reserve("small", "a", "1", 2).await.expect("an answer");
    let (status, refused) = server.reserve("small", "b", "2", 1).await.expect("an answer");
    assert_eq!((status, &refused["code"]), (409, &json!("all_held")));
    // The fast path must not hide the first answer from who has it.
    assert_eq!(server.reserve("small", "a", "1", 2).await.expect("an answer"), (201, held.clone()));
    let path = format!("/v1/events/small/reservations/{}", held["id"].as_str().expect("an id"));
    for _ in 0..2 {
        let answer = server.send(Method::DELETE, &path, None, None).await.expect("an answer");
        assert_eq!((answer.0, &answer.1["status"]), (200, &json!("RELEASED")));
    }
    assert_eq!(server.reserve("small", "b", "2", 2).await.expect("an answer").0, 201);
}

#[tokio::test]
async fn bad_bodies_are_refused_with_their_field_named_and_change_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = server(&dir);
    let line = |quantity: Value| json!({"customer": "a", "lines": [{"pool": "standing", "quantity": quantity}]});
    let many: Vec<Value> = vec![json!({"pool": "standing", "quantity": 1}); 10_001];
    let cases = [
        (line(json!(0)), "lines[0].quantity"),
        (line(json!(-1)), "lines[0].quantity"),
        (line(json!(1.5)), "lines[0].quantity"),
        (line(json!(1e30)), "lines[0].quantity"),
        (line(json!(10_001)), "lines[0].quantity"),
        (line(json!("1")), "lines[0].quantity"),
        (json!({"customer": "a", "lines": many}), "lines"),
        (json!({"customer": "a", "lines": []}), "lines"),
        (json!({"customer": "a"}), "lines"),
        (json!({"customer": "", "lines": [{"pool": "standing", "quantity": 1}]}), "customer"),
        (json!({"customer": "a", "lines": [{"pool": "A!", "quantity": 1}]}), "lines[0].pool"),
        (
            json!({"customer": "a", "lines": [{"pool": "standing", "quantity": 1, "x": 1}]}),
            "lines[0].x",
        ),
        (
            json!({"customer": "a", "lines": [
            {"pool": "standing", "quantity": 1}, {"pool": "standing", "quantity": 1}]}),
            "lines[1].pool",
        ),
    ];
    for (body, field) in cases {
        let (status, answer) = post(&server, RESERVATIONS, body).await;
        assert_eq!(status, 400, "{field}: {answer}");
        assert_eq!(answer["errors"][0]["field"], field, "{answer}");
    }
    let (_, left) = server.get("/v1/events/concert-a/availability").await;
    assert_eq!(left["pools"][0]["available"], 10_000);
}

#[tokio::test]
async fn a_sale_that_is_not_open_or_paused_or_over_the_limit_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = server(&dir);
    let event = |id: &str, sale: Value| {
        json!({"id": id, "name": id, "sale": sale, "pools": [
            {"id": "standing", "capacity": 9, "price": {"amount": 1, "currency": "EUR"}}]})
    };
    let later = event("later", json!({"opens_at": "2999-01-01T00:00:00Z"}));
    assert_eq!(post(&server, "/v1/events", later).await.0, 201);
    let limited = event("limited", json!({"per_customer_limit": 2}));
    assert_eq!(post(&server, "/v1/events", limited).await.0, 201);
    let code = async |event: &str, key: &str, units: u32| {
        let answer = server.reserve(event, "a", key, units).await.expect("an answer");
        (answer.0, answer.1["code"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(code("later", "1", 1).await, (409, "not_on_sale".to_owned()));
    assert_eq!(code("limited", "1", 2).await.0, 201);
    assert_eq!(code("limited", "2", 1).await, (409, "over_customer_limit".to_owned()));
    let pause = json!({"sale": {"state": "paused"}});
    let paused = server.send(Method::PATCH, "/v1/events/limited", None, Some(pause)).await;
    assert_eq!(paused.expect("an answer").0, 200);
    assert_eq!(code("limited", "3", 1).await, (409, "sale_closed".to_owned()));
    let below = json!({"pools": [{"id": "standing", "capacity": 1}]});
    let below = server.send(Method::PATCH, "/v1/events/limited", None, Some(below)).await;
    assert_eq!(below.expect("an answer").1["code"], "invalid_state");
    assert_eq!(code("nowhere", "1", 1).await, (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_hold_that_is_not_bought_in_time_lapses() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut server = server(&dir);
    let event = json!({"id": "short", "name": "Short", "sale": {"hold_seconds": 1}, "pools": [
        {"id": "standing", "capacity": 1, "price": {"amount": 1, "currency": "EUR"}}]});
    assert_eq!(post(&server, "/v1/events", event).await.0, 201);
    let (_, held) = server.reserve("short", "a", "1", 1).await.expect("an answer");
    let path = format!("/v1/events/short/reservations/{}", held["id"].as_str().expect("an id"));
    for _ in 0..100 {
        if server.get(&path).await.1["status"] == "EXPIRED" {
            let late = server.send(Method::DELETE, &path, None, None).await.expect("an answer");
            assert_eq!((late.0, &late.1["code"]), (410, &json!("reservation_expired")));
            assert_eq!(server.reserve("short", "b", "2", 1).await.expect("an answer").0, 201);
            server.kill();
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the hold never lapsed");
}
