//! Whose request it is, behind proxies of ours and in front of liars.

use reqwest::Method;

use crate::{EVENT, limited, reads};

const POLICY: &str = "read-address;q=5;w=600 read-net48;q=8;w=600";

#[tokio::test]
async fn whoever_is_no_proxy_of_ours_counts_by_their_own_address() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = limited(dir.path(), POLICY, &[("ONSALE__SERVER__TRUSTED_PROXIES", "10.0.0.0/8")]);
    let mut passed = 0;
    for n in 0..20 {
        passed += reads(&server, &format!("203.0.113.{n}"), 1).await;
    }
    assert_eq!(passed, 5, "twenty names, one address");
}

#[tokio::test]
async fn behind_a_proxy_of_ours_each_client_has_a_budget_whatever_they_wrote_themselves() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = limited(dir.path(), POLICY, &[]);
    assert_eq!(reads(&server, "203.0.113.1", 9).await, 5);
    let mut passed = 0;
    for n in 0..20 {
        passed += reads(&server, &format!("198.51.100.{n}, 203.0.113.2"), 1).await;
    }
    assert_eq!(passed, 5, "what the client wrote before its address counts for nothing");
    assert_eq!(reads(&server, "::ffff:203.0.113.1", 2).await, 0, "the same address");
    let (mut household, mut company) = (0, 0);
    for n in 0..20 {
        household += reads(&server, &format!("2001:db8:1:1::{n:x}"), 1).await;
        company += reads(&server, &format!("2001:db8:2:{n:x}::1"), 1).await;
    }
    assert_eq!((household, company), (5, 8));
}

#[tokio::test]
async fn an_address_that_cannot_be_read_makes_nobody_exempt() {
    let dir = tempfile::tempdir().expect("a directory");
    let exempt = [("ONSALE__LIMITS__EXEMPT", "127.0.0.0/8")];
    let server = limited(dir.path(), POLICY, &exempt);
    let (status, ..) = server.get(EVENT).await;
    assert_eq!(status, 200);
    assert_eq!(reads(&server, "junk", 9).await, 5);
    // From the machine itself, without a proxy: free.
    for _ in 0..20 {
        assert_eq!(server.get(EVENT).await.0, 200);
    }
}

#[tokio::test]
async fn suspects_of_a_waiting_room_are_those_whom_the_proxy_names() {
    let dir = tempfile::tempdir().expect("a directory");
    let more = [("ONSALE__WAITING_ROOM__JOINS_PER_SOURCE_MAX", "1")];
    let server = limited(dir.path(), "", &more);
    let room = serde_json::json!({"rate_per_minute": 6_000, "active_max": 10});
    let path = format!("{EVENT}/waiting-room");
    let (status, body) =
        server.send(Method::PATCH, &path, None, Some(room)).await.expect("an answer");
    assert!(status == 200 || status == 201, "{status} {body}");
    for n in 0..3 {
        let join = server.client.post(format!("{}{path}/places", server.url));
        let join = join.header("X-Forwarded-For", "203.0.113.9");
        let body = serde_json::json!({"customer": format!("fan-{n}")});
        assert_eq!(join.json(&body).send().await.expect("an answer").status(), 201);
    }
    let suspects = server.client.get(format!("{}{path}/suspects", server.admin)).send().await;
    let suspects: serde_json::Value = suspects.expect("an answer").json().await.expect("JSON");
    let sources = suspects["sources"].as_array().expect("a list");
    assert_eq!(sources.len(), 1, "{suspects}");
    assert!(sources[0].to_string().contains("203.0.113.9"), "{suspects}");
}
