//! What an operator may say, and what everybody sees of it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::hall::{Hall, ROOM};

#[tokio::test]
async fn a_change_that_somebody_made_in_between_is_not_overwritten() {
    let hall = Hall::of(10).await;
    let made = hall.arrange(json!({"rate_per_minute": 60})).await.expect(201);
    let first = made.header("etag").to_owned();
    let seen = hall.get(ROOM).await.expect(200);
    let tag = seen.header("etag").to_owned();
    assert_ne!((first.as_str(), tag.as_str()), ("", ""));
    let patch = async |tag: &str, body: Value| {
        hall.send(Method::PATCH, ROOM, &[("If-Match", tag)], Some(body)).await
    };
    // What GET gave is as good as what PATCH gave.
    let changed = patch(&tag, json!({"rate_per_minute": 120})).await.expect(200);
    assert_eq!(
        (&changed.body["rate_per_minute"], &changed.body["version"]),
        (&json!(120), &json!(2))
    );
    for stale in [&tag, &first, "\"nonsense\"", "x"] {
        let refused = patch(stale, json!({"rate_per_minute": 1})).await.expect(412);
        assert_eq!(refused.code(), "version_mismatch");
    }
    patch(changed.header("etag"), json!({"rate_per_minute": 180})).await.expect(200);
    patch("*", json!({"rate_per_minute": 240})).await.expect(200);
    hall.event("new", 1).await;
    let path = "/v1/events/new/waiting-room";
    let headers = [("If-Match", "\"1-1\"")];
    hall.send(Method::PATCH, path, &headers, Some(json!({}))).await.expect(412);
    hall.send(Method::PATCH, path, &[], Some(json!({}))).await.expect(201);
}

#[tokio::test]
async fn every_wrong_field_is_named_and_nothing_changes() {
    let hall = Hall::with_room(10, json!({})).await;
    let body = json!({"mode": "maybe", "active_max": 0, "pass_seconds": 5, "message": "",
        "doors_at": "tomorrow"});
    let refused = hall.arrange(body).await.expect(400);
    let errors = refused.body["errors"].as_array().expect("errors").clone();
    let fields: Vec<&str> = errors.iter().filter_map(|error| error["field"].as_str()).collect();
    assert_eq!(fields, ["mode", "doors_at", "active_max", "pass_seconds", "message"]);
    for (body, field) in [
        (json!({"rate_per_minute": -1}), "rate_per_minute"),
        (json!({"rate_per_minute": 1.5}), "rate_per_minute"),
        (json!({"paused": "yes"}), "paused"),
        (json!({"ratte": 1}), "ratte"),
        (json!({"codes": [{"code": "abcd", "x": 1}]}), "codes[0].x"),
        (json!({"codes": [{}]}), "codes[0].code"),
    ] {
        let refused = hall.arrange(body).await.expect(400);
        assert_eq!(refused.body["errors"][0]["field"], field, "{}", refused.text);
    }
    hall.send(Method::PATCH, "/v1/events/no/waiting-room", &[], Some(json!({}))).await.expect(404);
    assert_eq!(hall.get(ROOM).await.body["version"], 1);
}

#[tokio::test]
async fn codes_are_used_so_often_and_never_shown_again() {
    let hall = Hall::of(10).await;
    let terms = json!({"doors_at": crate::hall::in_seconds(600), "codes": [
        {"code": "once-only", "uses_max": 1}, {"code": "for-all"}]});
    let made = hall.arrange(terms).await.expect(201);
    assert_eq!(made.body["codes"]["count"], 2);
    assert!(!made.text.contains("once-only"));
    let join = async |customer: &str, code: &str| {
        let body = json!({"customer": customer, "code": code});
        hall.send(Method::POST, crate::hall::PLACES, &[], Some(body)).await
    };
    assert_eq!(join("a", "once-only").await.expect(201).body["tier"], "priority");
    assert_eq!(join("b", "once-only").await.expect(409).body["state"], "code_used_up");
    assert_eq!(join("b", "for-all").await.expect(201).body["tier"], "priority");
    let figures = hall.figures_until(|figures| figures["priority"] == 2).await;
    assert_eq!(figures["terms"]["codes"], json!({"count": 2, "uses": 2}), "{figures}");
    assert!(!figures.to_string().contains("for-all"));
}

#[tokio::test]
async fn the_room_is_public_the_same_for_all_and_cacheable_for_a_second() {
    let terms = json!({"method": "fifo", "paused": true, "message": "Soon", "beacon": "drand 7"});
    let hall = Hall::with_room(10, terms).await;
    let seen = hall.get(ROOM).await.expect(200);
    assert_eq!(
        seen.header("cache-control"),
        "public, max-age=1, s-maxage=1, stale-while-revalidate=5"
    );
    assert_eq!(seen.body["message"], "Soon");
    assert_eq!((&seen.body["phase"], &seen.body["stock"]), (&json!("PAUSED"), &json!("many")));
    assert_eq!(seen.body["commitment"].as_str().map(str::len), Some(64));
    let tag = seen.header("etag").to_owned();
    let again = hall.send(Method::GET, ROOM, &[("If-None-Match", &tag)], None).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    hall.token("a").await;
    for _ in 0..100 {
        let again = hall.send(Method::GET, ROOM, &[("If-None-Match", &tag)], None).await;
        if again.status == 200 {
            assert_eq!(again.body["counts"]["joined"], 1);
            assert_ne!(again.header("etag"), tag, "another body, another tag");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the room never told of its fan");
}

#[tokio::test]
async fn figures_and_suspects_are_the_operators_alone() {
    let hall = Hall::with_room(10, json!({})).await;
    for path in ["figures", "suspects"] {
        hall.get(&format!("{ROOM}/{path}")).await.expect(404);
        hall.get(&format!("{}{ROOM}/{path}", hall.server.admin)).await.expect(200);
    }
    let figures = hall.figures().await;
    for name in [
        "waiting",
        "living",
        "active",
        "ready",
        "shopping",
        "passes_issued",
        "passes_used",
        "passes_lapsed",
        "no_show_ratio",
        "order_inversions",
        "early_polls",
        "suspects",
    ] {
        assert!(figures[name].is_number(), "{name}: {figures}");
    }
    for name in ["wait_p50_seconds", "wait_p99_seconds", "eta_error_p50_seconds"] {
        assert!(figures[name].is_null(), "nobody was let in yet: {figures}");
    }
}
