//! Limits are changed while the server runs.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Server;
use crate::{limited, reads};

async fn operate(server: &Server, method: Method, body: Option<&Value>) -> (u16, Value) {
    let mut request = server.client.request(method, format!("{}/v1/limits", server.admin));
    if let Some(body) = body {
        request = request.json(body);
    }
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

#[tokio::test]
async fn a_change_holds_at_once_outlives_a_kill_and_is_taken_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut server = limited(dir.path(), "read-address;q=2;w=600", &[]);
    assert_eq!(reads(&server, "203.0.113.1", 5).await, 2);
    let before = json!({"policies": [{"name": "read-address", "q": 2, "w": 600}], "exempt": [],
        "source": "settings"});
    assert_eq!(operate(&server, Method::GET, None).await, (200, before.clone()));
    let change = json!({"policies": [{"name": "read-address", "q": 4, "w": 600}],
        "exempt": ["198.51.100.0/24"]});
    let mut after = change.clone();
    after["source"] = json!("changed");
    assert_eq!(operate(&server, Method::PUT, Some(&change)).await, (200, after.clone()));
    assert_eq!(reads(&server, "203.0.113.2", 9).await, 4);
    assert_eq!(reads(&server, "198.51.100.7", 9).await, 9, "exempt");
    server.kill();
    let server = limited(dir.path(), "read-address;q=2;w=600", &[]);
    assert_eq!(operate(&server, Method::GET, None).await, (200, after));
    assert_eq!(operate(&server, Method::DELETE, None).await, (200, before));
    let public = server.get("/v1/limits").await;
    assert_eq!((public.0, &public.1["code"]), (404, &json!("not_found")), "not for buyers");
}

#[tokio::test]
async fn what_cannot_hold_is_refused_with_its_field_and_nothing_changes() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = limited(dir.path(), "read-address;q=2;w=600", &[]);
    let policy = |name: &str, q: i64, w: i64| json!({"name": name, "q": q, "w": w});
    let with = |policies: Vec<Value>| json!({"policies": policies, "exempt": []});
    let many: Vec<Value> = (0..40).map(|_| policy("read-net48", 1, 1)).collect();
    let cases = [
        (with(vec![policy("read-everybody", 1, 1)]), "policies[0].name"),
        (with(vec![policy("read-address", 0, 1)]), "policies[0].q"),
        (with(vec![policy("read-address", 200_001, 1)]), "policies[0].q"),
        (with(vec![policy("read-address", -1, 1)]), "policies[0].q"),
        (with(vec![policy("read-address", 1, 0)]), "policies[0].w"),
        (with(vec![policy("read-address", 1, 86_401)]), "policies[0].w"),
        (with(vec![policy("read-net48", 1, 1), policy("read-net48", 2, 1)]), "policies[1].name"),
        (with(many), "policies[1].name"),
        (json!({"policies": [], "exempt": ["10.0.0.0/33"]}), "exempt[0]"),
        (json!({"policies": [], "exempt": ["everybody"]}), "exempt[0]"),
        (json!({"policies": []}), "exempt"),
        (json!({"policies": [], "exempt": [], "more": 1}), "more"),
    ];
    for (body, field) in cases {
        let (status, answer) = operate(&server, Method::PUT, Some(&body)).await;
        assert_eq!((status, &answer["errors"][0]["field"]), (400, &json!(field)), "{answer}");
    }
    let (_, now) = operate(&server, Method::GET, None).await;
    assert_eq!(now["source"], "settings");
    let document = server.client.get(format!("{}/openapi.json", server.admin)).send().await;
    let document: Value = document.expect("an answer").json().await.expect("JSON");
    for method in ["get", "put", "delete"] {
        assert!(document["paths"]["/v1/limits"][method].is_object(), "{method} is described");
    }
}
