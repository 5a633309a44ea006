//! Traces: taken from callers, told in the log and to webhooks, and sent to a collector, of which one
//! stands in here that decodes what it got as any collector does.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use reqwest::Method;

use crate::shop::{EVENT, buy, send, until_confirmed};
use crate::support::Server;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Headers and body of each call.
type Heard = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

async fn listen(status: StatusCode) -> (String, Heard) {
    async fn hear(
        State((heard, status)): State<(Heard, StatusCode)>,
        headers: HeaderMap,
        body: Bytes,
    ) -> StatusCode {
        heard.lock().expect("nobody panics").push((headers, body));
        status
    }
    let heard = Heard::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let routes = axum::Router::new().fallback(hear).with_state((Arc::clone(&heard), status));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (url, heard)
}

fn decoded(heard: &Heard) -> Vec<Span> {
    let mut spans = Vec::new();
    for (headers, body) in heard.lock().expect("nobody panics").iter() {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        let request = ExportTraceServiceRequest::decode(body.clone()).expect("OTLP");
        for of in request.resource_spans {
            let resource = of.resource.expect("a resource").attributes;
            let name = resource.iter().find(|attribute| attribute.key == "service.name");
            let name = format!("{:?}", name.expect("a name").value);
            assert!(name.contains("onsale"), "{name}");
            spans.extend(of.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    spans
}

fn attribute(span: &Span, key: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    format!("{:?}", found.and_then(|attribute| attribute.value.clone()))
}

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

fn start(dir: &Path, url: &str, extra: &[(&str, &str)]) -> Server {
    let mut settings = vec![
        ("ONSALE__TELEMETRY__OTLP_ENDPOINT", url),
        ("ONSALE__TELEMETRY__SAMPLE_PERMILLE", "1000"),
    ];
    settings.extend(extra);
    Server::start(dir, &settings)
}

fn end(mut server: Server) {
    server.terminate();
    assert_eq!(server.exit_code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_gets_a_span_of_each_sampled_request_before_the_server_ends() {
    let (url, heard) = listen(StatusCode::OK).await;
    let dir = tempfile::tempdir().expect("a directory");
    let server = start(dir.path(), &url, &[]);
    let event = format!("{}{EVENT}", server.url);
    let given = traceparent("01");
    let headers = [("traceparent", given.as_str()), ("X-Request-Id", "shop-1")];
    send(&server.client, Method::GET, &event, &headers, None).await;
    for bad in [&given.to_uppercase(), &format!("{given}-x"), "00-0-0-01"] {
        let headers = [("traceparent", bad), ("X-Request-Id", "bad")];
        send(&server.client, Method::GET, &event, &headers, None).await;
    }
    let held = server.reserve("concert-a", "fan", "k", 1).await.expect("an answer");
    assert_eq!(held.0, 201);
    send(&server.client, Method::GET, &format!("{}/nothing", server.url), &[], None).await;
    end(server);
    let spans = decoded(&heard);
    assert_eq!(spans.len(), 6, "{spans:?}");
    let [first, bad @ .., reserve, nothing] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!(first.name, "GET /v1/events/{event}");
    assert_eq!(hex::encode(&first.trace_id), TRACE);
    assert_eq!(hex::encode(&first.parent_span_id), CALLER);
    assert_eq!(first.kind, 2, "a server's");
    assert!(attribute(first, "onsale.request_id").contains("shop-1"));
    assert!(attribute(first, "http.response.status_code").contains("200"));
    assert!(attribute(first, "http.route").contains("/v1/events/{event}"));
    let took = Duration::from_nanos(first.end_time_unix_nano - first.start_time_unix_nano);
    assert!(Duration::ZERO < took && took < Duration::from_secs(5), "{took:?}");
    for span in bad {
        assert_ne!(hex::encode(&span.trace_id), TRACE, "no trace is taken from what is none");
        assert!(
            span.parent_span_id.is_empty() && attribute(span, "onsale.request_id").contains("bad")
        );
    }
    assert_eq!(reserve.name, "POST /v1/events/{event}/reservations");
    assert_eq!(nothing.name, "GET other");
    let ids: std::collections::BTreeSet<_> = spans.iter().map(|span| &span.span_id).collect();
    assert_eq!(ids.len(), spans.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_decide_only_when_they_are_followed() {
    let dir = tempfile::tempdir().expect("a directory");
    for (follow, permille, expected) in [
        ("true", "0", vec!["followed"]),
        ("false", "0", vec![]),
        ("true", "1000", vec!["followed", "own"]),
    ] {
        let (url, heard) = listen(StatusCode::OK).await;
        let extra = [
            ("ONSALE__TELEMETRY__FOLLOW_CALLERS", follow),
            ("ONSALE__TELEMETRY__SAMPLE_PERMILLE", permille),
        ];
        let server = start(dir.path(), &url, &extra);
        let event = format!("{}{EVENT}", server.url);
        for (name, flags) in [("followed", "01"), ("left", "00"), ("left", "02")] {
            let given = traceparent(flags);
            let headers = [("traceparent", given.as_str()), ("X-Request-Id", name)];
            send(&server.client, Method::GET, &event, &headers, None).await;
        }
        send(&server.client, Method::GET, &event, &[("X-Request-Id", "own")], None).await;
        end(server);
        let told: Vec<_> =
            decoded(&heard).iter().map(|s| attribute(s, "onsale.request_id")).collect();
        assert_eq!(told.len(), expected.len(), "{follow} {permille}: {told:?}");
        assert!(told.iter().zip(expected).all(|(told, name)| told.contains(name)), "{told:?}");
    }
}

/// One that is away, one that never answers, one that refuses: no request waits for it, and the end of the
/// server not for long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_waits_for_a_collector() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent = format!("http://{}", silent.local_addr().expect("bound"));
    let (refusing, heard) = listen(StatusCode::SERVICE_UNAVAILABLE).await;
    for url in ["http://127.0.0.1:9", &silent, &refusing] {
        let dir = tempfile::tempdir().expect("a directory");
        let server = start(dir.path(), url, &[]);
        let started = Instant::now();
        for n in 0..1_500 {
            let held = server.reserve("concert-a", "fan", &n.to_string(), 1).await;
            assert_eq!(held.expect("an answer").0, 201);
        }
        let took = started.elapsed();
        assert!(took < Duration::from_secs(30), "{url}: {took:?}");
        let started = Instant::now();
        end(server);
        assert!(started.elapsed() < Duration::from_secs(12), "{url}: {:?}", started.elapsed());
    }
    assert!(!heard.lock().expect("nobody panics").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_says_to_which_trace_its_purchase_belongs() {
    let (hook, hooks) = listen(StatusCode::NO_CONTENT).await;
    let (collector, spans) = listen(StatusCode::OK).await;
    for endpoint in ["", collector.as_str()] {
        hooks.lock().expect("nobody panics").clear();
        let dir = tempfile::tempdir().expect("a directory");
        let secret = "whsec_aHVzaGh1c2gzaHVzaGh1c2gzaHVzaGh1c2gz";
        let extra = [
            ("ONSALE__WEBHOOKS__URL", hook.as_str()),
            ("ONSALE__WEBHOOKS__SECRETS", secret),
            ("ONSALE__WEBHOOKS__ALLOW_PRIVATE", "true"),
            ("ONSALE__WEBHOOKS__TYPES", "booking.confirmed"),
            ("ONSALE__PAYMENT__SIMULATED_LATENCY_MS", "500"),
        ];
        let server = start(dir.path(), endpoint, &extra);
        let given = traceparent("01");
        let traced = buy(&server, "fan-1", &[("traceparent", given.as_str())]).await;
        let plain = buy(&server, "fan-2", &[]).await;
        for booking in [&traced, &plain] {
            until_confirmed(&server, booking).await;
        }
        let started = Instant::now();
        let about = |booking: &str| {
            let hooks = hooks.lock().expect("nobody panics");
            let found =
                hooks.iter().find(|(_, body)| String::from_utf8_lossy(body).contains(booking));
            let header = |headers: &HeaderMap| {
                headers.get("traceparent").map(|value| value.to_str().expect("ASCII").to_owned())
            };
            found.map(|(headers, _)| header(headers))
        };
        while about(&traced).is_none() || about(&plain).is_none() {
            assert!(started.elapsed() < Duration::from_secs(20), "no webhook");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (told, others) = (about(&traced).flatten(), about(&plain).flatten());
        end(server);
        let told = told.expect("a trace");
        if endpoint.is_empty() {
            assert_eq!((told.as_str(), others), (given.as_str(), None), "the caller's own");
            continue;
        }
        // Ours is between the caller and the webhook, and at the collector.
        let [_, trace, span, "01"] = told.split('-').collect::<Vec<_>>()[..] else {
            panic!("{told}")
        };
        assert_eq!(trace, TRACE);
        let spans = decoded(&spans);
        let ours = spans.iter().find(|of| hex::encode(&of.span_id) == span).expect("it was sent");
        assert_eq!(ours.name, "POST /v1/events/{event}/bookings");
        assert!(others.is_some_and(|others| !others.contains(TRACE)), "a trace that began here");
    }
}

#[tokio::test]
async fn the_log_names_the_trace() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = dir.path().join("log");
    let settings = [("ONSALE__LOG__ACCESS_SAMPLE_PERMILLE", "1000")];
    let server = Server::start_logged(dir.path(), &settings, &log);
    let url = format!("{}{EVENT}", server.url);
    let given = traceparent("00");
    send(&server.client, Method::GET, &url, &[("traceparent", &given)], None).await;
    end(server);
    let log = std::fs::read_to_string(log).expect("a log");
    let line = log.lines().find(|line| line.contains(" access: ")).expect("a line");
    assert!(line.contains(&format!("trace=\"{TRACE}\"")), "{line}");
}
