//! The shapes that Stripe sends, as far as they are read, and what its statuses and codes mean. Fields that
//! are not read may change without notice; those that are read and missing make an answer worthless.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::super::{ChargeReport, ChargeState, ProviderError, Reference, RefundState, check};

/// A PaymentIntent.
#[derive(Debug, Deserialize)]
pub(super) struct Intent {
    pub id: String,
    pub status: String,
    pub amount: u64,
    pub currency: String,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    pub last_payment_error: Option<ApiError>,
    pub cancellation_reason: Option<String>,
}

impl Intent {
    /// How it stands, or `None` for a status that cannot come from what we ask for.
    pub fn report(self) -> Option<ChargeReport> {
        let state = match self.status.as_str() {
            "succeeded" => ChargeState::Succeeded,
            "processing" => ChargeState::Processing,
            // Whoever should act (3-D Secure) is not there: we ask for an error instead, and never
            // hand out what would be needed to go on with it.
            "requires_payment_method" | "requires_action" | "requires_confirmation" => {
                self.declined(&self.status)
            }
            "canceled" => self.declined("canceled"),
            _ => return None,
        };
        Some(ChargeReport { provider_id: self.id, state })
    }

    /// `otherwise`: the reason if the intent tells none.
    pub fn declined(&self, otherwise: &str) -> ChargeState {
        let told = self.last_payment_error.as_ref().and_then(ApiError::reason);
        let reason = told.or(self.cancellation_reason.as_deref()).unwrap_or(otherwise);
        ChargeState::Declined { reason: reason.to_owned() }
    }

    pub fn reference(&self) -> Option<Reference> {
        reference(&self.metadata)
    }
}

/// A Refund.
#[derive(Debug, Deserialize)]
pub(super) struct RefundObject {
    /// `null` for some old ones.
    pub status: Option<String>,
    pub failure_reason: Option<String>,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

impl RefundObject {
    /// How it stands, or `None` for a status that we do not know.
    pub fn state(&self) -> Option<RefundState> {
        let failed = |otherwise: &str| {
            let reason = self.failure_reason.as_deref().unwrap_or(otherwise);
            RefundState::Failed { reason: reason.to_owned() }
        };
        match self.status.as_deref()? {
            "succeeded" => Some(RefundState::Succeeded),
            // The buyer has to say where the money shall go; cards never come here.
            "pending" | "requires_action" => Some(RefundState::Pending),
            "failed" => Some(failed("failed")),
            "canceled" => Some(failed("canceled")),
            _ => None,
        }
    }
}

/// A page of the refunds of one payment, the newest first.
#[derive(Debug, Deserialize)]
pub(super) struct FoundRefunds {
    data: Vec<FoundRefund>,
}

#[derive(Debug, Deserialize)]
struct FoundRefund {
    id: String,
    amount: u64,
    currency: String,
    #[serde(flatten)]
    object: RefundObject,
}

impl FoundRefunds {
    /// How `amount` stands that was to be given back. `None`: less is given back or on its way.
    ///
    /// # Errors
    /// Something in it makes no sense to us.
    pub fn state(&self, amount: u64, currency: &str) -> Result<Option<RefundState>, ProviderError> {
        let (mut given, mut pending, mut failed) = (0_u64, 0_u64, None);
        for FoundRefund { id, amount, currency: of, object } in &self.data {
            if !of.eq_ignore_ascii_case(currency) {
                return Err(ProviderError::unknown(format!("{id} is in {of:?}")));
            }
            match object.state() {
                Some(RefundState::Succeeded) => given = given.saturating_add(*amount),
                Some(RefundState::Pending) => pending = pending.saturating_add(*amount),
                Some(state @ RefundState::Failed { .. }) => failed = failed.or(Some(state)),
                None => {
                    let status = object.status.as_deref().unwrap_or("null");
                    return Err(ProviderError::unknown(format!("{id} has the status {status:?}")));
                }
            }
        }
        Ok(if amount <= given {
            Some(RefundState::Succeeded)
        } else if amount <= given.saturating_add(pending) {
            Some(RefundState::Pending)
        } else {
            failed
        })
    }
}

/// A page of a search.
#[derive(Debug, Deserialize)]
pub(super) struct Found {
    pub data: Vec<Intent>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ErrorBody {
    pub error: ApiError,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct ApiError {
    #[serde(rename = "type", default)]
    pub kind: String,
    pub code: Option<String>,
    pub decline_code: Option<String>,
    pub param: Option<String>,
    pub payment_intent: Option<IntentName>,
}

#[derive(Debug, Deserialize)]
pub(super) struct IntentName {
    pub id: String,
}

impl ApiError {
    /// The bank's word before Stripe's: it says more.
    pub fn reason(&self) -> Option<&str> {
        self.decline_code.as_deref().or(self.code.as_deref())
    }

    /// For logs: codes only, since messages can repeat what was sent.
    fn words(&self) -> String {
        let or_none = |word: &Option<String>| word.clone().unwrap_or_else(|| "none".to_owned());
        let (code, param) = (or_none(&self.code), or_none(&self.param));
        format!("{}, code {code}, param {param}", self.kind)
    }
}

/// What the metadata of an object says it is for; `None` if it is none of ours.
pub(super) fn reference(metadata: &BTreeMap<String, String>) -> Option<Reference> {
    let reference = Reference {
        event: metadata.get("event")?.clone(),
        booking: metadata.get("booking")?.clone(),
        attempt: metadata.get("attempt")?.parse().ok()?,
    };
    check("-", &reference).is_ok().then_some(reference)
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    /// From `Retry-After`.
    pub retry_after: Option<Duration>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn is_success(&self) -> bool {
        self.status == 200
    }

    /// The object of a success.
    ///
    /// # Errors
    /// Something else answered, or Stripe did in a way that we do not know: it may have happened.
    pub fn object<T: for<'a> Deserialize<'a>>(&self) -> Result<T, ProviderError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            ProviderError::unknown(format!("status {}, and the body is {error}", self.status))
        })
    }

    pub fn error(&self) -> Option<ApiError> {
        serde_json::from_slice(&self.body).ok().map(|ErrorBody { error }| error)
    }

    /// Whether Stripe says that there is no such object.
    pub fn is_missing(&self) -> bool {
        let code = self.error().and_then(|error| error.code);
        self.status == 404 && code.as_deref() == Some("resource_missing")
    }

    /// A refusal that may be lifted: ask again later.
    pub fn fault_not_done(&self) -> ProviderError {
        let words = self.error().unwrap_or_default().words();
        let reason = format!("status {}: {words}", self.status);
        ProviderError::NotDone { reason, retry_after: self.retry_after }
    }

    /// What a failure means that is not about this charge or refund itself.
    pub fn fault(&self) -> ProviderError {
        let error = self.error();
        let words = error.as_ref().map_or("no error of Stripe's".to_owned(), ApiError::words);
        let reason = format!("status {}: {words}", self.status);
        let is_key_reused = error.as_ref().is_some_and(|error| error.kind == "idempotency_error");
        match self.status {
            // Refused at the door, by whoever stands there. With an object locked (`lock_timeout`) too.
            429 => ProviderError::NotDone { reason, retry_after: self.retry_after },
            // The key was used before for something else, or is being used at this moment; and time-outs,
            // ours or of somebody behind. What it was used for may have happened.
            400 if is_key_reused => ProviderError::Unknown { reason },
            408 | 409 | 424 => ProviderError::Unknown { reason },
            // Refused before anything was done: credentials, versions, parameters.
            400..500 if error.is_some() => {
                ProviderError::NotDone { reason, retry_after: self.retry_after }
            }
            // 5xx, and whatever else; or something on the way that is not Stripe.
            _ => ProviderError::Unknown { reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(status: u16, body: &str) -> bool {
        let answer = Answer { status, retry_after: None, body: body.into() };
        matches!(answer.fault(), ProviderError::NotDone { .. })
    }

    #[test]
    fn only_a_refusal_of_stripes_own_says_that_nothing_happened() {
        let error = |kind: &str| format!(r#"{{"error":{{"type":"{kind}"}}}}"#);
        for status in [400, 401, 403, 404, 429] {
            assert!(fault(status, &error("invalid_request_error")), "{status}");
        }
        assert!(fault(429, "slow down"), "whoever says so");
        for status in [408, 409, 424, 500, 502, 503, 504, 301, 204] {
            assert!(!fault(status, &error("api_error")), "{status}");
        }
        assert!(!fault(400, &error("idempotency_error")), "the key was used");
        for (status, body) in [(400, ""), (404, "<html>"), (403, "{}"), (200, "x"), (400, "[]")] {
            assert!(!fault(status, body), "{status} {body}");
        }
    }

    #[test]
    fn every_status_of_an_intent_is_taken_or_declined_or_under_way_or_unknown() {
        let report = |status: &str, more: &str| {
            let json =
                format!(r#"{{"id":"pi_1","status":"{status}","amount":1,"currency":"eur"{more}}}"#);
            let intent: Intent = serde_json::from_str(&json).expect("an intent");
            intent.report().map(|report| report.state)
        };
        let declined = |reason: &str| Some(ChargeState::Declined { reason: reason.to_owned() });
        assert_eq!(report("succeeded", ""), Some(ChargeState::Succeeded));
        assert_eq!(report("processing", ""), Some(ChargeState::Processing));
        for status in
            ["requires_payment_method", "requires_action", "requires_confirmation", "canceled"]
        {
            assert_eq!(report(status, ""), declined(status));
        }
        let bank = r#","last_payment_error":{"code":"card_declined","decline_code":"stolen_card"}"#;
        assert_eq!(report("requires_payment_method", bank), declined("stolen_card"));
        let code = r#","last_payment_error":{"code":"expired_card"}"#;
        assert_eq!(report("requires_payment_method", code), declined("expired_card"));
        assert_eq!(
            report("canceled", r#","cancellation_reason":"fraudulent""#),
            declined("fraudulent")
        );
        assert_eq!(report("requires_capture", ""), None, "we never ask for it");
        assert_eq!(report("new_in_2030", ""), None);
    }

    #[test]
    fn every_status_of_a_refund_is_done_or_under_way_or_failed_or_unknown() {
        let state = |json: &str| serde_json::from_str::<RefundObject>(json).expect(json).state();
        let failed = |reason: &str| Some(RefundState::Failed { reason: reason.to_owned() });
        assert_eq!(state(r#"{"status":"succeeded"}"#), Some(RefundState::Succeeded));
        assert_eq!(state(r#"{"status":"pending"}"#), Some(RefundState::Pending));
        assert_eq!(state(r#"{"status":"requires_action"}"#), Some(RefundState::Pending));
        let lost = r#"{"status":"failed","failure_reason":"lost_or_stolen_card"}"#;
        assert_eq!(state(lost), failed("lost_or_stolen_card"));
        assert_eq!(state(r#"{"status":"canceled"}"#), failed("canceled"));
        assert_eq!(state(r#"{"status":"new_in_2030"}"#), None);
        assert_eq!(state(r#"{"status":null}"#), None);
    }

    #[test]
    fn refunds_of_one_payment_count_together_whoever_made_them() {
        let found = |refunds: &[(u64, &str)]| {
            let data: Vec<_> = refunds
                .iter()
                .map(|(amount, status)| {
                    serde_json::json!({"id": "re_1", "object": "refund", "amount": amount,
                        "currency": "eur", "status": status, "metadata": {}})
                })
                .collect();
            let json = serde_json::json!({"object": "list", "has_more": false, "data": data});
            serde_json::from_value::<FoundRefunds>(json).expect("a list").state(90, "EUR")
        };
        let failed = || Some(RefundState::Failed { reason: "failed".to_owned() });
        assert_eq!(found(&[]), Ok(None));
        assert_eq!(found(&[(90, "succeeded")]), Ok(Some(RefundState::Succeeded)));
        assert_eq!(found(&[(89, "succeeded")]), Ok(None));
        assert_eq!(
            found(&[(40, "succeeded"), (50, "succeeded")]),
            Ok(Some(RefundState::Succeeded))
        );
        assert_eq!(found(&[(50, "pending"), (40, "succeeded")]), Ok(Some(RefundState::Pending)));
        assert_eq!(found(&[(90, "failed")]), Ok(failed()));
        // Somebody gave it back by hand after it had failed.
        let by_hand = [(90, "succeeded"), (90, "failed")];
        assert_eq!(found(&by_hand), Ok(Some(RefundState::Succeeded)));
        assert_eq!(found(&[(90, "pending"), (90, "canceled")]), Ok(Some(RefundState::Pending)));
        assert!(found(&[(90, "new_in_2030")]).is_err());
    }
}
