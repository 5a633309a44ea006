//! The official Python package and we, judging each other. Run by `tests/stripe.sh`, which installs it;
//! ignored without it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use http::{HeaderMap, HeaderValue};
use onsale::domain::time::UnixMillis;
use onsale::providers::payment::signature::sign;
use onsale::providers::payment::stripe::{Stripe, StripeOptions};
use onsale::providers::payment::{PaymentProvider, WebhookError};
use serde_json::{Value, json};

use crate::stripe_stand_in::{Fault, StripeStandIn};

fn file(name: &str) -> PathBuf {
    let path = std::env::var_os(name).unwrap_or_else(|| panic!("{name} names no file"));
    path.into()
}

/// `ONSALE_STRIPE_VECTORS`: what the package signed, and what it was asked to change, each with the
/// verdict that the package itself gave.
#[test]
#[ignore = "tests/stripe.sh runs it"]
fn we_judge_signatures_as_the_official_package_does() {
    let text = std::fs::read_to_string(file("ONSALE_STRIPE_VECTORS")).expect("readable");
    let vectors: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let mut verdicts = [0, 0];
    for vector in &vectors {
        let word = |name: &str| vector[name].as_str().expect(name);
        let secrets: Vec<String> =
            serde_json::from_value(vector["secrets"].clone()).expect("secrets");
        let options = StripeOptions::new("sk_test", secrets);
        let stripe = Stripe::new(StripeOptions { base_url: "http://127.0.0.1".into(), ..options });
        let mut headers = HeaderMap::new();
        headers.insert("Stripe-Signature", HeaderValue::try_from(word("header")).expect("ASCII"));
        let now = UnixMillis(vector["now_s"].as_u64().expect("seconds") * 1_000);
        let stripe = stripe.expect("good options");
        let heard = stripe.webhook(&headers, word("body").as_bytes(), now);
        let is_believed = match &heard {
            Ok(_) => true,
            Err(WebhookError::BadSignature | WebhookError::Stale) => false,
            Err(error) => panic!("{}: {error}", word("name")),
        };
        assert_eq!(vector["believed"], is_believed, "{}: {heard:?}", word("name"));
        verdicts[usize::from(is_believed)] += 1;
    }
    assert!(5 <= verdicts[0] && 3 <= verdicts[1], "{verdicts:?}");
}

/// `ONSALE_STRIPE_OURS`: where our signatures are written, for the package to judge.
#[test]
#[ignore = "tests/stripe.sh runs it"]
fn we_sign_for_the_official_package_to_judge() {
    // The package reads the machine's clock, so this one does as well.
    let now_s = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs();
    let body = r#"{"id":"evt_1","object":"event","type":"payment_intent.succeeded","data":{"object":{"object":"payment_intent","id":"pi_ü"}}}"#;
    let vector = |name: &str, signed: &str, at_s: u64, believed: bool| {
        let header = sign(b"whsec_ours", signed.as_bytes(), UnixMillis(at_s * 1_000));
        json!({"name": name, "secret": "whsec_ours", "header": header, "body": body,
            "believed": believed})
    };
    let vectors = [
        vector("fresh", body, now_s, true),
        vector("some minutes old", body, now_s - 200, true),
        vector("stale", body, now_s - 400, false),
        vector("of another body", &body.replace("pi_", "pj_"), now_s, false),
    ];
    let text = serde_json::to_string_pretty(&vectors).expect("JSON");
    std::fs::write(file("ONSALE_STRIPE_OURS"), text).expect("written");
}

/// `ONSALE_STRIPE_PYTHON`: a Python that has the package. It makes the calls that we make, and meets
/// the errors that it knows: the stand-in speaks Stripe's language, and not only ours.
#[tokio::test]
#[ignore = "tests/stripe.sh runs it"]
async fn the_official_package_understands_the_stand_in() {
    let stand_in = StripeStandIn::start().await;
    stand_in.script([Fault::Status(429), Fault::Status(500)]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/payment/official.py");
    let mut python = Command::new(file("ONSALE_STRIPE_PYTHON"));
    python.args([script, "client", &stand_in.url]).stdin(Stdio::null());
    let status = tokio::task::spawn_blocking(move || python.status()).await.expect("no panic");
    let status = status.expect("python starts");
    assert!(status.success());
    assert_eq!(stand_in.complaints(), [""; 0]);
    assert_eq!(stand_in.times_charged("pm_card_visa"), 1);
    assert_eq!(stand_in.kept("pm_card_visa"), 0);
}
