//! Every route, asked by everybody who may not use it. The table here is written by hand, apart from the one
//! that the server decides by; a route that is in the OpenAPI documents and not here fails the test.

use std::collections::BTreeMap;

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use crate::issuer::now_s;
use crate::world::{World, answer, booking, event, one_unit};

/// What each kind of caller hears at the least: `+` may (whatever the answer is, it is not 401 or 403), `o` may
/// for what is theirs, so 404 here, `?` 401, `-` 403.
///
/// In this order: stranger, customer of acme, customer of other, organizer acme, organizer other, service
/// acme, service other, scanner acme, scanner other, operator. All is asked of what is acme's and belongs to
/// another customer.
const EXPECTED: &[(&str, &str, &str)] = &[
    ("GET", "/healthz", "++++++++++"),
    ("GET", "/readyz", "++++++++++"),
    ("GET", "/v1/events", "++++++++++"),
    ("POST", "/v1/events", "?--++----+"),
    ("GET", "/v1/events/{event}", "++++++++++"),
    ("PATCH", "/v1/events/{event}", "?--+o----+"),
    ("GET", "/v1/events/{event}/availability", "++++++++++"),
    ("GET", "/v1/events/{event}/log", "?--+o+o--+"),
    ("POST", "/v1/events/{event}/reservations", "?+o+o+o--+"),
    ("POST", "/v1/events/{event}/reservations/bulk", "?--+o+o--+"),
    ("GET", "/v1/events/{event}/reservations/{id}", "?oo+o+o--+"),
    ("DELETE", "/v1/events/{event}/reservations/{id}", "?oo+o+o--+"),
    ("POST", "/v1/events/{event}/bookings", "?oo+o+o--+"),
    ("GET", "/v1/events/{event}/bookings/{id}", "?oo+o+o--+"),
    ("POST", "/v1/events/{event}/bookings/{id}/cancel", "?oo+o+o--+"),
    ("GET", "/v1/events/{event}/bookings/{id}/stream", "?oo+o+o--+"),
    ("GET", "/v1/events/{event}/bookings/{id}/tickets", "?oo+o+o--+"),
    ("GET", "/v1/events/{event}/bookings/{id}/tickets.pdf", "?oo+o+o--+"),
    ("GET", "/v1/events/{event}/tickets/{ticket}/qr.svg", "?oo+o+o--+"),
    ("GET", "/v1/events/{event}/keys", "++++++++++"),
    ("POST", "/v1/events/{event}/checkins", "?--+o--+o+"),
    ("GET", "/v1/events/{event}/waiting-room", "++++++++++"),
    ("PATCH", "/v1/events/{event}/waiting-room", "?--+o----+"),
    ("POST", "/v1/events/{event}/waiting-room/challenge", "++++++++++"),
    ("GET", "/v1/events/{event}/waiting-room/challenge", "++++++++++"),
    ("POST", "/v1/events/{event}/waiting-room/places", "?-o+o+o--+"),
    ("GET", "/v1/events/{event}/waiting-room/places/me", "+oo+o+o--+"),
    ("DELETE", "/v1/events/{event}/waiting-room/places/me", "+oo+o+o--+"),
    ("GET", "/v1/events/{event}/waiting-room/places/me/stream", "+oo+o+o--+"),
    ("GET", "/v1/events/{event}/waiting-room/places/me/pass", "+oo+o+o--+"),
    ("GET", "/v1/events/{event}/waiting-room/places/me/proof", "+oo+o+o--+"),
    ("GET", "/v1/events/{event}/waiting-room/draw", "++++++++++"),
    ("GET", "/v1/events/{event}/waiting-room/draw/entries", "++++++++++"),
    ("POST", "/v1/payments/webhook", "++++++++++"),
    // Of the admin listener.
    ("GET", "/metrics", "++++++++++"),
    ("GET", "/v1/audit", "?--------+"),
    ("GET", "/v1/limits", "?--------+"),
    ("PUT", "/v1/limits", "?--------+"),
    ("DELETE", "/v1/limits", "?--------+"),
    ("GET", "/v1/dead-letters", "?--------+"),
    ("POST", "/v1/dead-letters/{id}/send", "?--------+"),
    ("GET", "/v1/events/{event}/waiting-room/figures", "?--+o----+"),
    ("GET", "/v1/events/{event}/waiting-room/suspects", "?--+o----+"),
];

/// Signed by the provider, so that 401 is its own answer.
const WEBHOOK: &str = "/v1/payments/webhook";

/// What belongs to the customer `victim` of acme's event.
struct Victim {
    /// A booking that is confirmed, and a reservation that is held.
    booking: String,
    held: String,
    place: String,
}

async fn victim(world: &World) -> Victim {
    let token = world.issuer.token("victim");
    Victim {
        booking: world.booking_of(&token).await,
        held: world.reservation_of(&token).await,
        place: world.place_of(&token).await,
    }
}

/// A request that would do something, were it not for who asks.
fn request(
    world: &World,
    victim: &Victim,
    (method, template): (&str, &str),
    who: &str,
) -> reqwest::RequestBuilder {
    let id = if template.contains("/bookings/") { &victim.booking } else { &victim.held };
    let ticket = format!("{}-1", victim.booking);
    let event_id = if template.contains("/waiting-room") { "line" } else { "own" };
    let path = template.replace("{event}", event_id).replace("{id}", id);
    let path = path.replace("{ticket}", &ticket);
    let verb = Method::from_bytes(method.as_bytes()).expect("a method");
    let request = world.request(verb, &path, who).header("Onsale-Place", &victim.place);
    let body = match (method, template) {
        ("POST", "/v1/events") => event(&format!("new-{}", rand::random::<u32>())),
        ("PATCH", "/v1/events/{event}") => json!({"name": "Taken"}),
        ("PATCH", _) => json!({"paused": true}),
        ("PUT", _) => json!({"policies": [], "exempt": []}),
        ("POST", "/v1/events/{event}/reservations") => one_unit(),
        ("POST", "/v1/events/{event}/reservations/bulk") => {
            json!({"idempotency_key": "k", "customer": "x", "lines": one_unit()["lines"]})
        }
        ("POST", "/v1/events/{event}/bookings") => booking(&victim.held),
        ("POST", "/v1/events/{event}/checkins") => json!({"code": "x", "nonce": "n"}),
        ("POST", path) if path.ends_with("/places") => json!({"customer": "victim"}),
        _ => return request,
    };
    let body = body.to_string() + "\n";
    let kind =
        if template.ends_with("/bulk") { "application/x-ndjson" } else { "application/json" };
    request.header("Content-Type", kind).body(body)
}

/// Each documented route; those of the admin listener too.
async fn documented(world: &World) -> Vec<(String, String)> {
    let mut routes = Vec::new();
    for base in [&world.server.url, &world.server.admin] {
        let request = world.server.client.get(format!("{base}/openapi.json"));
        let document = answer(request).await.body;
        let paths = document["paths"].as_object().expect("paths").clone();
        for (path, item) in paths {
            let methods = item.as_object().expect("methods").keys();
            let methods = methods
                .filter(|key| ["get", "put", "post", "delete", "patch"].contains(&key.as_str()));
            routes.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
        }
    }
    routes
}

fn callers(world: &World) -> Vec<(&'static str, String)> {
    vec![
        ("stranger", String::new()),
        ("customer of acme", world.issuer.token("fan")),
        ("customer of other", world.other_issuer.token("victim")),
        ("organizer acme", world.acme.organizer.clone()),
        ("organizer other", world.other.organizer.clone()),
        ("service acme", world.acme.service.clone()),
        ("service other", world.other.service.clone()),
        ("scanner acme", world.acme.scanner.clone()),
        ("scanner other", world.other.scanner.clone()),
        ("operator", world.operator.clone()),
    ]
}

#[tokio::test]
async fn every_route_refuses_every_wrong_identity() {
    let world = World::start().await;
    let victim = victim(&world).await;
    let table: BTreeMap<(&str, &str), &str> =
        EXPECTED.iter().map(|(method, path, row)| ((*method, *path), *row)).collect();
    for (method, path) in documented(&world).await {
        let is_known = table.contains_key(&(method.as_str(), path.as_str()));
        assert!(is_known, "{method} {path}: say in EXPECTED who may use it");
    }
    let callers = callers(&world);
    let (mut asked, mut wrong) = (0, Vec::new());
    // Who may not goes first: whoever may would change what is asked for.
    for ((method, path), row) in &table {
        for ((name, credentials), may) in callers.iter().zip(row.chars()) {
            let expected = match may {
                '?' => 401,
                '-' => 403,
                'o' => 404,
                _ => continue,
            };
            let request = request(&world, &victim, (method, path), credentials);
            let answer = answer(request).await;
            asked += 1;
            if answer.status != expected || answer.text.contains("victim") {
                wrong.push(format!("{method} {path} by {name}: {expected} expected, {answer:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "of {asked} answers: {wrong:#?}");
    assert!(150 < asked, "{asked}");
    for ((method, path), row) in table.iter().rev() {
        for ((name, credentials), _) in
            callers.iter().zip(row.chars()).filter(|(_, may)| *may == '+')
        {
            let mut asked = vec![request(&world, &victim, (method, path), credentials)];
            if path.ends_with("/stream") || *path == WEBHOOK {
                asked.clear();
            }
            for request in asked {
                let answer = answer(request).await;
                let refused = matches!(answer.status, 401 | 403);
                assert!(!refused, "{method} {path} by {name}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_bad_credential_is_refused_everywhere_and_never_taken_for_none() {
    let world = World::start().await;
    let victim = victim(&world).await;
    let (id, secret) = world.operator.rsplit_once('_').expect("a key");
    let other_secret = world.acme.organizer.rsplit_once('_').expect("a key").1;
    let mut expired = world.issuer.claims("fan");
    expired["exp"] = json!(now_s() - 600);
    let header = world.issuer.header().to_string();
    let (head, _) = world
        .issuer
        .token("fan")
        .rsplit_once('.')
        .map(|(h, s)| (h.to_owned(), s.len()))
        .expect("a token");
    let bad = [
        format!("Bearer {id}_{other_secret}"),
        format!("Bearer onsale_aaaaaaaa_{secret}"),
        format!("Bearer {}", &world.operator[..world.operator.len() - 1]),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer a.b.c".to_owned(),
        "Basic b3BlcmF0b3I6b3BlcmF0b3I=".to_owned(),
        world.operator.clone(),
        format!("Bearer {head}."),
        format!("Bearer {}", world.issuer.signed(&header, &expired.to_string())),
    ];
    for (method, path, _) in EXPECTED {
        for authorization in &bad {
            let request = request(&world, &victim, (method, path), "");
            let response =
                request.header(AUTHORIZATION, authorization).send().await.expect("an answer");
            let (status, wanted) =
                (response.status(), response.headers().get(WWW_AUTHENTICATE).cloned());
            assert_eq!(status, 401, "{method} {path} with {authorization}");
            let wanted = wanted.expect("what is wanted");
            assert_eq!(wanted, "Bearer error=\"invalid_token\"", "{method} {path}");
        }
    }
    // Two of them are none.
    let request = request(&world, &victim, ("GET", "/v1/events"), &world.operator);
    assert_eq!(answer(request.header("X-API-Key", &world.operator)).await.status, 401);
    let missing =
        world.request(Method::GET, "/v1/events/own/log", "").send().await.expect("an answer");
    assert_eq!(
        (missing.status().as_u16(), &missing.headers()[WWW_AUTHENTICATE]),
        (401, &"Bearer".parse().expect("a value"))
    );
}

#[tokio::test]
async fn an_organizer_lists_its_own_events_and_a_stranger_the_catalogue() {
    let world = World::start().await;
    let ids = |answer: &Value| -> Vec<String> {
        let items = answer["items"].as_array().expect("items");
        items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(ids(&world.get("/v1/events", "").await.body), ["foreign", "line", "own"]);
    assert_eq!(
        ids(&world.get("/v1/events", &world.operator).await.body),
        ["foreign", "line", "own"]
    );
    assert_eq!(ids(&world.get("/v1/events", &world.acme.organizer).await.body), ["line", "own"]);
    assert_eq!(ids(&world.get("/v1/events?limit=1", &world.other.scanner).await.body), ["foreign"]);
    let own = world.request(Method::GET, "/v1/events", &world.acme.organizer).send().await;
    assert_eq!(own.expect("an answer").headers()["cache-control"], "no-store");
    // An operator may give an event to an organizer; an organizer only to itself.
    let mut given = event("given");
    given["organizer"] = json!("acme");
    let answer =
        world.ask(Method::POST, "/v1/events", &world.other.organizer, Some(given.clone())).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    let answer = world.ask(Method::POST, "/v1/events", &world.operator, Some(given)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(
        ids(&world.get("/v1/events", &world.acme.service).await.body),
        ["given", "line", "own"]
    );
}
