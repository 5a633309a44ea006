//! What is allowed gets through, and no more.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::{EVENT, ask, limited};

/// A client that asks ten times as often as it may, for some windows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_times_the_allowed_rate_gets_the_quota_of_every_window() {
    const QUOTA: u64 = 60;
    const WINDOW: Duration = Duration::from_secs(3);
    const WINDOWS: u32 = 3;
    let dir = tempfile::tempdir().expect("a directory");
    let server = limited(dir.path(), "read-address;q=60;w=3", &[]);
    // The first one opens the connection, and is no part of what is counted.
    ask(&server, Method::GET, EVENT, "198.51.100.1").await;
    let begun = Instant::now();
    let (mut asked, mut passed) = (0, 0_u64);
    let pause = WINDOW / u32::try_from(QUOTA * 10).expect("small");
    while begun.elapsed() < WINDOW * WINDOWS {
        let due = pause * asked;
        tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
        let (status, ..) = ask(&server, Method::GET, EVENT, "203.0.113.9").await;
        asked += 1;
        passed += u64::from(status == 200);
    }
    let allowed = QUOTA * u64::from(WINDOWS);
    println!("{passed} of {asked} passed, {allowed} allowed");
    assert!(u64::from(asked) > allowed * 5, "the generator was too slow: {asked}");
    assert!(allowed.abs_diff(passed) <= allowed / 20, "{passed} passed, {allowed} are allowed");
}

#[tokio::test]
async fn whoever_is_refused_is_told_by_which_policy_and_until_when() {
    let dir = tempfile::tempdir().expect("a directory");
    let policies = "read-address;q=3;w=60 book-address;q=2;w=60";
    let server = limited(dir.path(), policies, &[]);
    let path = &format!("{EVENT}/bookings/none");
    let (status, headers, _) = ask(&server, Method::GET, path, "203.0.113.9").await;
    assert_eq!(status, 404);
    assert_eq!(headers["ratelimit-policy"], "\"book-address\";q=2;w=60");
    let left = headers["ratelimit"].to_str().expect("ASCII");
    assert!(left.starts_with("\"book-address\";r=1;t=3"), "{left}");
    ask(&server, Method::GET, path, "203.0.113.9").await;
    let (status, headers, problem) = ask(&server, Method::GET, path, "203.0.113.9").await;
    assert_eq!((status, &problem["code"]), (429, &json!("rate_limited")));
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(problem["violated-policies"], json!(["book-address"]));
    let left = headers["ratelimit"].to_str().expect("ASCII");
    let wait: u64 = left.strip_prefix("\"book-address\";r=0;t=").expect(left).parse().expect(left);
    let after = headers["retry-after"].to_str().expect("ASCII").parse::<u64>().expect("seconds");
    assert!((1..=60).contains(&wait) && wait <= after, "t={wait}, Retry-After: {after}");
    let (status, headers, _) = ask(&server, Method::GET, EVENT, "203.0.113.9").await;
    assert_eq!(status, 200, "another class has its own budget");
    assert_eq!(headers.get("ratelimit"), None, "what a CDN keeps tells nothing of one client");
    let metrics = server.client.get(format!("{}/metrics", server.admin)).send().await;
    let text = metrics.expect("an answer").text().await.expect("a body");
    assert!(text.contains("onsale_limited_total{policy=\"book-address\"} 1"), "{text}");
}
