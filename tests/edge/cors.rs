//! Who of other origins may read what: exact origins, and on both ways in.

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::json;

use crate::shop::{EVENT, one, send};
use crate::support::Server;

const SHOP: &str = "https://shop.example";
const ORIGINS: (&str, &str) =
    ("ONSALE__CORS__ORIGINS", "https://shop.example http://localhost:3000");

async fn preflight(server: &Server, url: &str, origin: &str) -> (u16, HeaderMap) {
    let headers = [
        ("Origin", origin),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type,idempotency-key"),
    ];
    let answer = send(&server.client, Method::OPTIONS, url, &headers, None).await;
    (answer.status().as_u16(), answer.headers().clone())
}

#[tokio::test]
async fn nobody_of_another_origin_is_let_in_unless_asked() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[]);
    let url = format!("{}{EVENT}/reservations", server.url);
    let (status, headers) = preflight(&server, &url, SHOP).await;
    assert_eq!(status, 405);
    assert!(headers.keys().all(|name| !name.as_str().starts_with("access-control")));
    let url = format!("{}{EVENT}", server.url);
    let answer = send(&server.client, Method::GET, &url, &[("Origin", SHOP)], None).await;
    assert!(answer.headers().keys().all(|name| !name.as_str().starts_with("access-control")));
}

#[tokio::test]
async fn exact_origins_are_let_in_by_both_ways_and_no_other() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[ORIGINS]);
    let order = json!({"customer": "fan", "lines": [{"pool": "standing", "quantity": 1}]});
    let rush = format!("{}{EVENT}/reservations", server.url);
    let table = format!("{}{EVENT}", server.url);
    let refused = format!("{}/nothing", server.url);
    for origin in [SHOP, "http://localhost:3000"] {
        for url in [&rush, &table, &refused] {
            let (status, headers) = preflight(&server, url, origin).await;
            assert_eq!(status, 204, "{url}");
            assert_eq!(one(&headers, "access-control-allow-origin"), origin);
            let methods = one(&headers, "access-control-allow-methods");
            assert!(["GET", "POST", "PATCH", "DELETE"].iter().all(|m| methods.contains(m)));
            let allowed = one(&headers, "access-control-allow-headers").to_lowercase();
            assert!(allowed.contains("idempotency-key") && allowed.contains("onsale-pass"));
            assert_eq!(one(&headers, "access-control-max-age"), "600");
            assert_eq!(one(&headers, "access-control-allow-credentials"), "");
            assert_eq!(one(&headers, "x-content-type-options"), "nosniff");
            assert!(!one(&headers, "x-request-id").is_empty());
        }
        for (method, url, body) in [
            (Method::POST, &rush, Some(&order)),
            (Method::GET, &table, None),
            (Method::GET, &refused, None),
        ] {
            let answer = send(&server.client, method, url, &[("Origin", origin)], body).await;
            assert_eq!(one(answer.headers(), "access-control-allow-origin"), origin);
            assert!(one(answer.headers(), "access-control-expose-headers").contains("ETag"));
            let vary = if url == &table { "Accept-Encoding, Origin" } else { "Origin" };
            assert_eq!(one(answer.headers(), "vary"), vary);
        }
    }
    for stranger in [
        "https://shop.example.evil",
        "https://evil-shop.example",
        "http://shop.example",
        "https://SHOP.example",
        "https://shop.example:443",
        "https://shop.example/",
        "null",
        "*",
        "",
    ] {
        let (_, headers) = preflight(&server, &rush, stranger).await;
        assert!(headers.keys().all(|n| !n.as_str().starts_with("access-control")), "{stranger}");
        let answer = send(&server.client, Method::GET, &table, &[("Origin", stranger)], None).await;
        assert_eq!(one(answer.headers(), "access-control-allow-origin"), "", "{stranger}");
        assert_eq!(one(answer.headers(), "vary"), "Accept-Encoding, Origin", "a cache must know");
    }
    // On the operators' listener there is none of it.
    let (status, headers) = preflight(&server, &format!("{}/v1/audit", server.admin), SHOP).await;
    assert_eq!(status, 405);
    assert_eq!(one(&headers, "access-control-allow-methods"), "");
    // An OPTIONS that is no preflight is what it was.
    let plain = send(&server.client, Method::OPTIONS, &table, &[("Origin", SHOP)], None).await;
    assert_eq!(plain.status(), 405);
}

#[tokio::test]
async fn cookies_come_along_only_when_the_settings_say_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[ORIGINS, ("ONSALE__CORS__CREDENTIALS", "true")]);
    let url = format!("{}{EVENT}", server.url);
    let (_, headers) = preflight(&server, &url, SHOP).await;
    assert_eq!(one(&headers, "access-control-allow-credentials"), "true");
    let (_, headers) = preflight(&server, &url, "https://evil.example").await;
    assert_eq!(one(&headers, "access-control-allow-credentials"), "");
}
