//! Stripe's webhooks: signed, then understood. Only events of objects that carry a reference of ours mean
//! something; an account may serve other programs too.

use http::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::{
    ChargeReport, ChargeState, RefundState, WebhookError, WebhookEvent, WebhookMeaning, signature,
};
use super::wire::{Intent, RefundObject, reference};
use crate::domain::time::UnixMillis;

pub const SIGNATURE: &str = "stripe-signature";

#[derive(Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    object: Option<Value>,
}

/// A Charge, as far as its refunds are told by it.
#[derive(Deserialize)]
struct ChargeObject {
    /// Whether all of it was given back.
    #[serde(default)]
    refunded: bool,
    /// Stripe copies it from the intent.
    #[serde(default)]
    metadata: std::collections::BTreeMap<String, String>,
}

pub(super) fn read(
    secrets: &[String],
    headers: &HeaderMap,
    body: &[u8],
    now: UnixMillis,
) -> Result<WebhookEvent, WebhookError> {
    let header = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    signature::verify(secrets, header, body, now)?;
    let event: Event = serde_json::from_slice(body).map_err(malformed)?;
    let object = event.data.and_then(|data| data.object);
    let meaning = match event.kind.as_str() {
        "payment_intent.succeeded" => charge(object, |_| ChargeState::Succeeded)?,
        "payment_intent.processing" => charge(object, |_| ChargeState::Processing)?,
        "payment_intent.payment_failed" => {
            charge(object, |intent| intent.declined("payment_failed"))?
        }
        "payment_intent.canceled" => charge(object, |intent| intent.declined("canceled"))?,
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            let refund: RefundObject = parse(object)?;
            match (reference(&refund.metadata), refund.state()) {
                (Some(reference), Some(state)) => WebhookMeaning::Refund { reference, state },
                _ => WebhookMeaning::Other,
            }
        }
        "charge.refunded" => {
            let charge: ChargeObject = parse(object)?;
            match reference(&charge.metadata) {
                // Of a part only, it is not the refund we ask for.
                Some(reference) if charge.refunded => {
                    WebhookMeaning::Refund { reference, state: RefundState::Succeeded }
                }
                _ => WebhookMeaning::Other,
            }
        }
        _ => WebhookMeaning::Other,
    };
    Ok(WebhookEvent { id: event.id, meaning })
}

/// The state comes from the event's type: the object shows the moment at which the event was made, and
/// for some events that is a later one.
fn charge(
    object: Option<Value>,
    state: impl FnOnce(&Intent) -> ChargeState,
) -> Result<WebhookMeaning, WebhookError> {
    let intent: Intent = parse(object)?;
    Ok(match intent.reference() {
        Some(reference) => {
            let state = state(&intent);
            WebhookMeaning::Charge {
                reference,
                report: ChargeReport { provider_id: intent.id, state },
            }
        }
        None => WebhookMeaning::Other,
    })
}

fn parse<T: DeserializeOwned>(object: Option<Value>) -> Result<T, WebhookError> {
    let object = object.ok_or(WebhookError::Malformed { reason: "no data.object".to_owned() })?;
    serde_json::from_value(object).map_err(malformed)
}

fn malformed(error: impl std::fmt::Display) -> WebhookError {
    WebhookError::Malformed { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::payment::Reference;
    use http::HeaderValue;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    fn hear(kind: &str, object: &str) -> Result<WebhookMeaning, WebhookError> {
        let body = format!(r#"{{"id":"evt_1","type":"{kind}","data":{{"object":{object}}}}}"#);
        hear_body(body.as_bytes())
    }

    fn hear_body(body: &[u8]) -> Result<WebhookMeaning, WebhookError> {
        let mut headers = HeaderMap::new();
        let signature = signature::sign(b"whsec_1", body, NOW);
        headers.insert(SIGNATURE, HeaderValue::try_from(signature).expect("ASCII"));
        read(&["whsec_1".to_owned()], &headers, body, NOW).map(|event| event.meaning)
    }

    fn reference() -> Reference {
        Reference { event: "concert-a".into(), booking: "b1".into(), attempt: 2 }
    }

    const OURS: &str = r#""metadata":{"event":"concert-a","booking":"b1","attempt":"2"}"#;

    #[test]
    fn each_event_of_a_payment_intent_means_one_state() {
        let intent = format!(
            r#"{{"id":"pi_1","status":"requires_payment_method","amount":4500,"currency":"eur",{OURS},
                "last_payment_error":{{"code":"card_declined","decline_code":"lost_card"}}}}"#
        );
        let declined = ChargeState::Declined { reason: "lost_card".to_owned() };
        for (kind, state) in [
            ("payment_intent.succeeded", ChargeState::Succeeded),
            ("payment_intent.processing", ChargeState::Processing),
            ("payment_intent.payment_failed", declined.clone()),
            ("payment_intent.canceled", declined),
        ] {
            let report = ChargeReport { provider_id: "pi_1".to_owned(), state };
            let meaning = WebhookMeaning::Charge { reference: reference(), report };
            assert_eq!(hear(kind, &intent), Ok(meaning), "{kind}");
        }
        assert_eq!(hear("payment_intent.created", &intent), Ok(WebhookMeaning::Other));
        assert_eq!(hear("customer.created", "{}"), Ok(WebhookMeaning::Other));
    }

    #[test]
    fn refunds_are_heard_of_from_both_kinds_of_objects() {
        let refund = |state| Ok(WebhookMeaning::Refund { reference: reference(), state });
        let object = |status: &str| format!(r#"{{"id":"re_1","status":"{status}",{OURS}}}"#);
        for kind in ["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"] {
            assert_eq!(hear(kind, &object("succeeded")), refund(RefundState::Succeeded), "{kind}");
        }
        let failed = RefundState::Failed { reason: "failed".to_owned() };
        assert_eq!(hear("refund.failed", &object("failed")), refund(failed));
        assert_eq!(hear("refund.updated", &object("new_in_2030")), Ok(WebhookMeaning::Other));
        let charge = |refunded| format!(r#"{{"id":"ch_1","refunded":{refunded},{OURS}}}"#);
        assert_eq!(hear("charge.refunded", &charge(true)), refund(RefundState::Succeeded));
        assert_eq!(hear("charge.refunded", &charge(false)), Ok(WebhookMeaning::Other), "a part");
    }

    #[test]
    fn objects_of_others_on_the_same_account_mean_nothing() {
        let metadata = [
            "{}",
            r#"{"event":"signup"}"#,
            r#"{"event":"e","booking":"b","attempt":"many"}"#,
            r#"{"event":"e","booking":"b'--","attempt":"1"}"#,
        ];
        for metadata in metadata {
            let object = format!(
                r#"{{"id":"pi_1","status":"succeeded","amount":1,"currency":"eur","metadata":{metadata}}}"#
            );
            let kind = "payment_intent.succeeded";
            assert_eq!(hear(kind, &object), Ok(WebhookMeaning::Other), "{metadata}");
        }
    }

    #[test]
    fn a_signed_body_that_is_no_event_is_malformed_and_no_panic() {
        let bodies: [&[u8]; 8] = [
            b"",
            b"\xff",
            b"[]",
            b"{}",
            br#"{"id":1,"type":"x"}"#,
            br#"{"id":"e","type":"payment_intent.succeeded"}"#,
            br#"{"id":"e","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1"}}}"#,
            br#"{"id":"e","type":"refund.updated","data":{"object":7}}"#,
        ];
        for body in bodies {
            let heard = hear_body(body);
            assert!(matches!(heard, Err(WebhookError::Malformed { .. })), "{body:?}: {heard:?}");
        }
    }
}
