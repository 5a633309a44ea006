//! Each route's class, held against the documents: public answers carry what a CDN needs, all others and
//! all errors are nobody's to keep.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{EVENT, Shop, one, send};

/// Who may keep what a route answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// For a second; for a minute.
    Second,
    Minute,
    /// Nobody.
    Private,
    /// Nobody; and here it need not succeed, since that takes more than this test has.
    Rare,
}

use Class::{Minute, Private, Rare, Second};

/// Every route of both documents. A new one belongs here; public is what is the same for everybody.
const CLASSES: &[(&str, &str, Class)] = &[
    ("GET", "/v1/events", Second),
    ("POST", "/v1/events", Private),
    ("GET", "/v1/events/{event}", Second),
    ("PATCH", "/v1/events/{event}", Private),
    ("GET", "/v1/events/{event}/availability", Second),
    ("GET", "/v1/events/{event}/log", Private),
    ("POST", "/v1/events/{event}/reservations", Rare),
    ("POST", "/v1/events/{event}/reservations/bulk", Private),
    ("GET", "/v1/events/{event}/reservations/{id}", Private),
    ("DELETE", "/v1/events/{event}/reservations/{id}", Rare),
    ("POST", "/v1/events/{event}/bookings", Rare),
    ("GET", "/v1/events/{event}/bookings/{id}", Private),
    ("POST", "/v1/events/{event}/bookings/{id}/cancel", Private),
    ("GET", "/v1/events/{event}/bookings/{id}/stream", Private),
    ("GET", "/v1/events/{event}/bookings/{id}/tickets", Private),
    ("GET", "/v1/events/{event}/bookings/{id}/tickets.pdf", Private),
    ("GET", "/v1/events/{event}/tickets/{ticket}/qr.svg", Private),
    ("GET", "/v1/events/{event}/keys", Minute),
    ("POST", "/v1/events/{event}/checkins", Rare),
    ("GET", "/v1/events/{event}/waiting-room", Second),
    ("PATCH", "/v1/events/{event}/waiting-room", Private),
    ("GET", "/v1/events/{event}/waiting-room/challenge", Private),
    ("POST", "/v1/events/{event}/waiting-room/challenge", Private),
    ("POST", "/v1/events/{event}/waiting-room/places", Rare),
    ("GET", "/v1/events/{event}/waiting-room/places/me", Rare),
    ("DELETE", "/v1/events/{event}/waiting-room/places/me", Private),
    ("GET", "/v1/events/{event}/waiting-room/places/me/stream", Rare),
    ("GET", "/v1/events/{event}/waiting-room/places/me/pass", Rare),
    ("GET", "/v1/events/{event}/waiting-room/places/me/proof", Rare),
    ("GET", "/v1/events/{event}/waiting-room/draw", Second),
    ("GET", "/v1/events/{event}/waiting-room/draw/entries", Minute),
    ("GET", "/v1/events/{event}/waiting-room/figures", Private),
    ("GET", "/v1/events/{event}/waiting-room/suspects", Private),
    ("POST", "/v1/payments/webhook", Rare),
    ("GET", "/v1/dead-letters", Private),
    ("POST", "/v1/dead-letters/{id}/send", Rare),
    ("GET", "/v1/audit", Private),
    ("GET", "/v1/limits", Private),
    ("PUT", "/v1/limits", Private),
    ("DELETE", "/v1/limits", Private),
    ("GET", "/healthz", Private),
    ("GET", "/readyz", Private),
];

/// Routes that are served and in no document.
const UNDESCRIBED: &[(&str, bool, Class)] = &[
    ("/openapi.json", false, Minute),
    ("/problems/sold_out", false, Minute),
    ("/docs/", false, Private),
    ("/openapi.json", true, Minute),
    ("/problems/sold_out", true, Minute),
    ("/metrics", true, Private),
];

async fn operations(shop: &Shop, base: &str) -> Vec<(String, String)> {
    let url = format!("{base}/openapi.json");
    let document = send(&shop.server.client, Method::GET, &url, &[], None).await;
    let document: Value = document.json().await.expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let mut found = Vec::new();
    for (path, item) in paths {
        let methods = item.as_object().expect("operations").keys();
        let methods = methods.filter(|key| !matches!(key.as_str(), "parameters" | "summary"));
        found.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
    }
    found
}

fn body(method: &str, path: &str) -> Option<Value> {
    match (method, path) {
        ("POST", "/v1/events") => Some(json!({"name": "New", "pools": [{"id": "a", "capacity": 1,
            "price": {"amount": 1, "currency": "EUR"}}]})),
        ("PATCH", "/v1/events/{event}") => Some(json!({"name": "Other"})),
        ("PATCH", _) => Some(json!({"rate_per_minute": 7})),
        ("PUT", _) => Some(json!({"policies": [], "exempt": []})),
        ("POST", path) if path.ends_with("/bulk") => None,
        ("POST", _) => Some(json!({})),
        _ => None,
    }
}

#[tokio::test]
async fn every_route_of_the_documents_is_kept_as_its_class_says() {
    let dir = tempfile::tempdir().expect("a directory");
    let shop = Shop::open(dir.path(), &[]).await;
    let known: BTreeSet<(String, String)> =
        CLASSES.iter().map(|(method, path, _)| ((*method).into(), (*path).into())).collect();
    assert_eq!(known.len(), CLASSES.len(), "a route stands twice");
    let mut described = BTreeSet::new();
    for base in [&shop.server.url, &shop.server.admin] {
        described.extend(operations(&shop, base).await);
    }
    let unclassed: Vec<_> = described.difference(&known).collect();
    assert!(unclassed.is_empty(), "routes without a class: {unclassed:?}");
    let gone: Vec<_> = known.difference(&described).collect();
    assert!(gone.is_empty(), "classes without a route: {gone:?}");
    // What ends things comes last.
    let ends = |method: &str, path: &str| method == "DELETE" || path.ends_with("/cancel");
    let mut classes = CLASSES.to_vec();
    classes.sort_by_key(|(method, path, _)| ends(method, path));
    for (method, path, class) in classes {
        let operators = ["/v1/dead-letters", "/v1/audit", "/v1/limits"];
        let is_operator = operators.iter().any(|route| path.starts_with(route))
            || path.ends_with("/figures")
            || path.ends_with("/suspects");
        let base = if is_operator { &shop.server.admin } else { &shop.server.url };
        let filled = path
            .replace("{event}", "concert-a")
            .replace("{id}", &shop.booking)
            .replace("{ticket}", &shop.ticket);
        check(&shop, method, &format!("{base}{filled}"), body(method, path).as_ref(), class).await;
    }
    for (path, is_operator, class) in UNDESCRIBED {
        let base = if *is_operator { &shop.server.admin } else { &shop.server.url };
        check(&shop, "GET", &format!("{base}{path}"), None, *class).await;
    }
}

async fn check(shop: &Shop, method: &str, url: &str, body: Option<&Value>, class: Class) {
    let name = format!("{method} {url}");
    let method: Method = method.parse().expect("a method");
    let mut headers = vec![("Onsale-Place", shop.place.as_str())];
    if url.ends_with("/bulk") {
        headers.push(("Content-Type", "application/x-ndjson"));
    }
    let answer = send(&shop.server.client, method, url, &headers, body).await;
    let (status, told) = (answer.status().as_u16(), answer.headers().clone());
    assert_ne!(status, 405, "{name}");
    if class != Rare {
        assert!((200..300).contains(&status), "{name}: {status} {:?}", answer.text().await);
    }
    let control = one(&told, "cache-control");
    let expected = match class {
        Second => "public, max-age=1, s-maxage=1, stale-while-revalidate=5",
        Minute => "public, max-age=60, s-maxage=60, stale-while-revalidate=600",
        Private | Rare => "no-store",
    };
    assert_eq!(control, expected, "{name}: {status}");
    if !matches!(class, Second | Minute) {
        assert_eq!((one(&told, "etag").starts_with("W/"), one(&told, "vary")), (false, ""));
        return;
    }
    assert_eq!(one(&told, "vary"), "Accept-Encoding", "{name}");
    let tag = one(&told, "etag");
    assert!(tag.starts_with('"') && tag.ends_with('"') && 2 < tag.len(), "{name}: strong: {tag}");
    let again = send(
        &shop.server.client,
        Method::GET,
        url,
        &[("If-None-Match", tag), ("Cookie", "a=b"), ("Authorization", "")],
        None,
    )
    .await;
    let told = again.headers().clone();
    // What moves by itself may have moved on.
    let moves = url.ends_with("/availability") || url.ends_with("/waiting-room");
    if again.status() == 304 || !moves {
        assert_eq!(again.status(), 304, "{name}");
        assert_eq!((one(&told, "etag"), one(&told, "cache-control")), (tag, expected), "{name}");
        assert_eq!((one(&told, "vary"), one(&told, "set-cookie")), ("Accept-Encoding", ""));
    }
    let nothing = url.replace("concert-a", "no-such-event").replace("sold_out", "no_such_code");
    if nothing != url {
        let none = send(&shop.server.client, Method::GET, &nothing, &[], None).await;
        assert_eq!(
            (none.status().as_u16(), one(none.headers(), "cache-control")),
            (404, "no-store")
        );
        assert_eq!((one(none.headers(), "etag"), one(none.headers(), "vary")), ("", ""), "{name}");
    }
}

#[tokio::test]
async fn a_public_answer_is_the_same_for_everybody() {
    let dir = tempfile::tempdir().expect("a directory");
    let shop = Shop::open(dir.path(), &[]).await;
    let url = format!("{}{EVENT}", shop.server.url);
    let mut seen = BTreeSet::new();
    for headers in [
        &[][..],
        &[("Cookie", "session=1"), ("Accept-Language", "de")],
        &[("Onsale-Place", shop.place.as_str()), ("User-Agent", "other"), ("Accept", "text/html")],
    ] {
        let answer = send(&shop.server.client, Method::GET, &url, headers, None).await;
        let tag = one(answer.headers(), "etag").to_owned();
        seen.insert((tag, answer.text().await.expect("a body")));
    }
    assert_eq!(seen.len(), 1);
}
