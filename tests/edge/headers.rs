//! Headers that browsers heed, on every kind of answer.

use std::collections::BTreeMap;

use reqwest::{Method, redirect};
use serde_json::json;

use crate::shop::{EVENT, Shop, one, send};
use crate::support::Server;

const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

#[tokio::test]
async fn every_answer_has_them_and_tells_nothing_of_the_server() {
    let dir = tempfile::tempdir().expect("a directory");
    let shop = Shop::open(dir.path(), &[]).await;
    let client = reqwest::Client::builder().redirect(redirect::Policy::none()).no_proxy();
    let client = client.tls_backend_preconfigured(onsale::providers::tls::client_config(
        rustls::RootCertStore::empty(),
    ));
    let client = client.build().expect("a client");
    let (public, admin) = (&shop.server.url, &shop.server.admin);
    let order = json!({"customer": "fan-9", "lines": [{"pool": "standing", "quantity": 1}]});
    let booking = &shop.booking;
    let asked: Vec<(Method, String, u16, Option<&serde_json::Value>)> = vec![
        (Method::GET, format!("{public}{EVENT}"), 200, None),
        (Method::HEAD, format!("{public}{EVENT}"), 200, None),
        // Without a pass.
        (Method::POST, format!("{public}{EVENT}/reservations"), 403, Some(&order)),
        (Method::POST, format!("{public}{EVENT}/waiting-room/places"), 400, Some(&order)),
        (Method::GET, format!("{public}{EVENT}/waiting-room/places/me"), 400, None),
        (Method::GET, format!("{public}/nothing"), 404, None),
        (Method::PUT, format!("{public}{EVENT}"), 405, None),
        (Method::OPTIONS, format!("{public}{EVENT}"), 405, None),
        (Method::GET, format!("{public}/v1/events/%FF"), 400, None),
        (Method::GET, format!("{public}/docs"), 303, None),
        (Method::GET, format!("{public}/docs/"), 200, None),
        (Method::GET, format!("{public}/docs/swagger-ui.css"), 200, None),
        (Method::GET, format!("{public}{EVENT}/bookings/{booking}/tickets.pdf"), 200, None),
        (Method::GET, format!("{public}{EVENT}/bookings/{booking}/stream"), 200, None),
        (Method::GET, format!("{public}/healthz"), 200, None),
        (Method::GET, format!("{admin}/metrics"), 200, None),
        (Method::GET, format!("{admin}/nothing"), 404, None),
    ];
    for (method, url, status, body) in asked {
        let name = format!("{method} {url}");
        let answer = send(&client, method, &url, &[], body).await;
        assert_eq!(answer.status().as_u16(), status, "{name}");
        let headers = answer.headers();
        assert_eq!(one(headers, "x-content-type-options"), "nosniff", "{name}");
        assert_eq!(one(headers, "x-frame-options"), "DENY", "{name}");
        assert_eq!(one(headers, "referrer-policy"), "no-referrer", "{name}");
        assert_eq!(one(headers, "strict-transport-security"), "", "{name}");
        assert!(!one(headers, "x-request-id").is_empty(), "{name}");
        assert!(!one(headers, "cache-control").is_empty(), "{name}");
        for silent in ["server", "x-powered-by", "access-control-allow-origin", "set-cookie"] {
            assert_eq!(one(headers, silent), "", "{name}");
        }
        let policy = one(headers, "content-security-policy");
        assert!(
            policy.contains("default-src 'none'; ") && policy.contains("frame-ancestors 'none'")
        );
        match one(headers, "content-type") {
            "text/html" | "text/html; charset=utf-8" => {
                assert!(policy.contains("script-src 'self';"), "{policy}");
                assert!(!policy.contains("unsafe-eval"), "{policy}");
            }
            "application/pdf" => assert!(policy.contains("object-src 'self'"), "{policy}"),
            _ => assert_eq!(policy, NOTHING, "{name}"),
        }
    }
}

/// What the page asks for must be allowed by its own policy: no script, style or picture from elsewhere, and
/// no script written into it.
#[tokio::test]
async fn the_page_of_the_api_keeps_its_own_policy() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[]);
    let page = send(&server.client, Method::GET, &format!("{}/docs/", server.url), &[], None).await;
    let page = page.text().await.expect("a page");
    for (at, _) in page.match_indices("<script") {
        let tag = &page[at..at + page[at..].find('>').expect("an end")];
        assert!(tag.contains("src=\"./"), "a script in the page: {tag}");
    }
    let links = page.split("src=\"").chain(page.split("href=\"")).skip(1);
    for link in links.filter_map(|rest| rest.split('"').next()) {
        assert!(!link.starts_with("http") && !link.starts_with("//"), "{link}");
    }
    let script = format!("{}/docs/swagger-initializer.js", server.url);
    let script = send(&server.client, Method::GET, &script, &[], None).await;
    assert!(script.text().await.expect("a script").contains("/openapi.json"));
}

#[tokio::test]
async fn https_only_is_said_when_the_settings_say_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[("ONSALE__SERVER__HSTS_SECONDS", "31536000")]);
    for path in [EVENT, "/nothing"] {
        let url = format!("{}{path}", server.url);
        let answer = send(&server.client, Method::GET, &url, &[], None).await;
        let told = one(answer.headers(), "strict-transport-security");
        assert_eq!(told, "max-age=31536000");
    }
}

#[tokio::test]
async fn a_harmless_request_id_comes_back_and_any_other_is_replaced() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[]);
    let mut told = BTreeMap::new();
    let long = "x".repeat(129);
    for id in ["shop-7.a_B", "", "a b", "a\u{e9}", "<script>", "a;b", &long] {
        let url = format!("{}/nothing", server.url);
        let answer = send(&server.client, Method::GET, &url, &[("X-Request-Id", id)], None).await;
        let back = one(answer.headers(), "x-request-id").to_owned();
        let problem: serde_json::Value = answer.json().await.expect("JSON");
        assert_eq!(problem["instance"], json!(back));
        told.insert(back, id);
    }
    assert_eq!(told.len(), 7, "each has its own: {told:?}");
    let kept: Vec<_> = told.iter().filter(|(back, id)| back.as_str() == **id).collect();
    assert_eq!(kept, [(&"shop-7.a_B".to_owned(), &"shop-7.a_B")]);
}
