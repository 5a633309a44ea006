//! A server with two organizers, a key of each role, and customers of both.

use onsale::domain::access::Role;
use onsale::domain::ids::OrganizerId;
use onsale::domain::time::UnixMillis;
use onsale::storage::access_keys::{AccessKeys, NewKey};
use reqwest::Method;
use serde_json::{Value, json};

use crate::issuer::{Issuer, Signer, now_s};
use crate::support::Server;

pub struct World {
    pub dir: tempfile::TempDir,
    pub server: Server,
    /// Of customers of acme's events.
    pub issuer: Issuer,
    /// Of customers of other's events.
    pub other_issuer: Issuer,
    pub operator: String,
    pub acme: Keys,
    pub other: Keys,
}

/// Keys of one organizer.
pub struct Keys {
    pub organizer: String,
    pub service: String,
    pub scanner: String,
}

/// An answer without what differs between two requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub text: String,
}

pub fn make_key(keys: &AccessKeys, role: Role, organizer: Option<&str>) -> String {
    let organizer = organizer.map(|id| OrganizerId::parse(id).expect("an id"));
    let name = format!("{role:?} of {organizer:?}");
    let new = NewKey { role, organizer, name };
    let random = (rand::random(), rand::random());
    keys.create(new, random, UnixMillis(now_s() * 1_000)).expect("made").reveal()
}

fn keys_of(keys: &AccessKeys, organizer: &str) -> Keys {
    let make = |role| make_key(keys, role, Some(organizer));
    Keys {
        organizer: make(Role::Organizer),
        service: make(Role::Service),
        scanner: make(Role::Scanner),
    }
}

pub fn issuer_said(issuer: &Issuer, jwks: &str, more: &str) -> String {
    format!(
        "[[issuer]]\nissuer = \"{}\"\naudience = \"onsale\"\nalgorithm = \"{}\"\njwks = \"{jwks}\"\n{more}\n",
        issuer.name,
        issuer.signer.algorithm(),
    )
}

impl World {
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let keys = AccessKeys::of(&dir.path().join("data"));
        let issuer = Issuer::new("https://id.test", "key-1", Signer::eddsa(1));
        let other_issuer = Issuer::new("https://other.test", "key-1", Signer::es256());
        let write = |name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text).expect("written");
        };
        write("acme.json", &issuer.jwks());
        write("other.json", &other_issuer.jwks());
        let said = issuer_said(&issuer, "acme.json", "organizer = \"acme\"")
            + &issuer_said(&other_issuer, "other.json", "organizer = \"other\"");
        write("issuers.toml", &said);
        let (operator, acme, other) = (
            make_key(&keys, Role::Operator, None),
            keys_of(&keys, "acme"),
            keys_of(&keys, "other"),
        );
        let server = Server::start(dir.path(), SETTINGS);
        let world = Self { dir, server, issuer, other_issuer, operator, acme, other };
        world.create_event("own", &world.acme.organizer).await;
        world.create_event("foreign", &world.other.organizer).await;
        world.create_event("line", &world.acme.organizer).await;
        let room = Some(json!({"mode": "on", "method": "fifo"}));
        let path = "/v1/events/line/waiting-room";
        let made = world.ask(Method::PATCH, path, &world.acme.organizer, room).await;
        assert_eq!(made.status, 201, "{made:?}");
        world
    }

    async fn create_event(&self, id: &str, key: &str) {
        let answer = self.ask(Method::POST, "/v1/events", key, Some(event(id))).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }

    pub fn url(&self, path: &str) -> String {
        let operators = ["/v1/dead-letters", "/v1/audit", "/v1/limits"];
        let is_admin = operators.iter().any(|route| path.starts_with(route))
            || path.ends_with("/figures")
            || path.ends_with("/suspects")
            || path == "/metrics";
        format!("{}{path}", if is_admin { &self.server.admin } else { &self.server.url })
    }

    pub fn request(
        &self,
        method: Method,
        path: &str,
        credentials: &str,
    ) -> reqwest::RequestBuilder {
        let request = self.server.client.request(method, self.url(path));
        if credentials.is_empty() { request } else { request.bearer_auth(credentials) }
    }

    pub async fn ask(&self, method: Method, path: &str, who: &str, body: Option<Value>) -> Answer {
        let mut request = self.request(method, path, who);
        if let Some(body) = body {
            request = request.json(&body);
        }
        answer(request).await
    }

    pub async fn get(&self, path: &str, who: &str) -> Answer {
        self.ask(Method::GET, path, who, None).await
    }

    pub async fn reserve(&self, who: &str, body: Value) -> Answer {
        self.ask(Method::POST, "/v1/events/own/reservations", who, Some(body)).await
    }

    /// Takes a place in front of the event `line`; its token.
    pub async fn place_of(&self, token: &str) -> String {
        let places = "/v1/events/line/waiting-room/places";
        let joined = self.ask(Method::POST, places, token, Some(json!({}))).await;
        assert_eq!(joined.status, 201, "{joined:?}");
        joined.body["token"].as_str().expect("a token").to_owned()
    }

    /// A reservation of one unit of the event `own`; its id.
    pub async fn reservation_of(&self, token: &str) -> String {
        let answer = self.reserve(token, one_unit()).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["id"].as_str().expect("an id").to_owned()
    }

    /// A booking of one unit, confirmed; its id.
    pub async fn booking_of(&self, token: &str) -> String {
        let id = self.reservation_of(token).await;
        let body = booking(&id);
        let answer = self.ask(Method::POST, "/v1/events/own/bookings", token, Some(body)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let path = format!("/v1/events/own/bookings/{id}");
        // The stream ends when the payment is decided.
        let stream = self.get(&format!("{path}/stream"), token).await;
        assert_eq!(stream.status, 200);
        let answer = self.get(&path, token).await;
        assert_eq!(answer.body["status"], "CONFIRMED", "{answer:?}");
        id
    }
}

pub const SETTINGS: &[(&str, &str)] = &[
    ("ONSALE__IDENTITY__MODE", "keys"),
    ("ONSALE__IDENTITY__ISSUERS", "issuers.toml"),
    ("ONSALE__DEMO__EVENT", "false"),
    ("ONSALE__PAYMENT__SIMULATED_LATENCY_MS", "1"),
];

pub fn event(id: &str) -> Value {
    let price = json!({"amount": 4500, "currency": "EUR"});
    let pools = json!([{"id": "standing", "kind": "general", "capacity": 100_000, "price": price}]);
    json!({"id": id, "name": id, "pools": pools})
}

pub fn one_unit() -> Value {
    json!({"lines": [{"pool": "standing", "quantity": 1}]})
}

pub fn booking(reservation: &str) -> Value {
    json!({"reservation": reservation, "payment": {"method": "card", "token": "tok_ok"}})
}

pub async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let text = response.text().await.unwrap_or_default();
    let mut body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    let mut text = text;
    if let Some(body) = body.as_object_mut()
        && let Some(Value::String(instance)) = body.remove("instance")
    {
        text = text.replace(&instance, "");
    }
    Answer { status, body, text }
}
