//! The signature scheme of Stripe's webhooks, `t=<seconds>,v1=<hex>`: HMAC-SHA256 over `t`, a dot and the
//! raw body. The time is signed too, so that what was overheard cannot be sent again next year.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::WebhookError;
use crate::domain::time::UnixMillis;

/// How far the time in a signature may be from ours, either way. Unit: seconds. Five minutes, as in the
/// provider's own libraries: clocks differ, and an event that is sent again is signed again.
pub const TOLERANCE_S: u64 = 300;

/// Most bytes of a header that is looked at. A second secret makes one of about 150.
const HEADER_BYTES_MAX: usize = 2_048;
/// Most signatures in a header; each costs a hash over the body for each secret.
const SIGNATURES_MAX: usize = 8;

/// The header for `body`, signed at `now`.
#[must_use]
pub fn sign(secret: &[u8], body: &[u8], now: UnixMillis) -> String {
    let seconds = (now.0 / 1_000).to_string();
    let tag = mac(secret, &seconds, body).finalize().into_bytes();
    format!("t={seconds},v1={}", hex::encode(tag))
}

/// Whether one of `secrets` signed `body`, at about `now`. Several secrets may be valid at once, while
/// one takes the place of another. Comparing takes the same time wherever the difference is.
///
/// # Errors
/// The signature is judged before the time: only who knows a secret learns that the time was wrong.
pub fn verify(
    secrets: &[impl AsRef<[u8]>],
    header: Option<&str>,
    body: &[u8],
    now: UnixMillis,
) -> Result<(), WebhookError> {
    let header = header.ok_or(WebhookError::MissingSignature)?;
    let signed = Signed::parse(header).ok_or(WebhookError::BadSignature)?;
    let fits = secrets.iter().map(AsRef::as_ref).any(|secret| {
        let mac = mac(secret, signed.seconds_text, body);
        // An empty secret is one that somebody forgot to set: everybody knows it.
        !secret.is_empty() && signed.tags.iter().any(|tag| mac.clone().verify_slice(tag).is_ok())
    });
    if !fits {
        return Err(WebhookError::BadSignature);
    }
    if (now.0 / 1_000).abs_diff(signed.seconds) <= TOLERANCE_S {
        Ok(())
    } else {
        Err(WebhookError::Stale)
    }
}

fn mac(secret: &[u8], seconds: &str, body: &[u8]) -> Hmac<Sha256> {
    let mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.chain_update(seconds).chain_update(b".").chain_update(body)
}

struct Signed<'a> {
    /// As it is written, since that is what is signed.
    seconds_text: &'a str,
    seconds: u64,
    tags: Vec<[u8; 32]>,
}

impl<'a> Signed<'a> {
    /// `None` unless there is one time and at least one signature of version 1. Other versions are
    /// passed over: they are for others, and never weaker than none.
    fn parse(header: &'a str) -> Option<Self> {
        if HEADER_BYTES_MAX < header.len() {
            return None;
        }
        let mut seconds_text = None;
        let mut tags = Vec::new();
        for (name, value) in header.split(',').filter_map(|part| part.trim().split_once('=')) {
            match name {
                "t" if seconds_text.is_some() => return None,
                "t" => seconds_text = Some(value),
                "v1" if tags.len() == SIGNATURES_MAX => return None,
                // One that is no signature fits nothing; another may.
                "v1" => {
                    let mut tag = [0; 32];
                    if hex::decode_to_slice(value, &mut tag).is_ok() {
                        tags.push(tag);
                    }
                }
                _ => {}
            }
        }
        let seconds_text = seconds_text?;
        if !seconds_text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let seconds = seconds_text.parse().ok()?;
        (!tags.is_empty()).then_some(Self { seconds_text, seconds, tags })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_one";
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;
    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    fn judge(header: &str) -> Result<(), WebhookError> {
        verify(&[SECRET], Some(header), BODY, NOW)
    }

    #[test]
    fn what_was_signed_is_believed_for_five_minutes_either_way() {
        let header = sign(SECRET.as_bytes(), BODY, NOW);
        for (offset_ms, outcome) in [
            (0, Ok(())),
            (300_999, Ok(())),
            (-300_000, Ok(())),
            (301_000, Err(WebhookError::Stale)),
            (-300_001, Err(WebhookError::Stale)),
        ] {
            let now = UnixMillis(NOW.0.saturating_add_signed(offset_ms));
            assert_eq!(verify(&[SECRET], Some(&header), BODY, now), outcome, "{offset_ms}");
        }
    }

    #[test]
    fn a_changed_body_time_secret_or_signature_is_refused() {
        let header = sign(SECRET.as_bytes(), BODY, NOW);
        assert_eq!(judge(&header), Ok(()));
        let bad = Err(WebhookError::BadSignature);
        assert_eq!(verify(&[SECRET], Some(&header), b"{}", NOW), bad);
        assert_eq!(verify(&["whsec_two"], Some(&header), BODY, NOW), bad);
        assert_eq!(verify(&[] as &[&str], Some(&header), BODY, NOW), bad);
        assert_eq!(judge(&header.replace("t=1800000000", "t=1800000001")), bad);
        for at in "t=1800000000,v1=".len()..header.len() {
            let mut changed = header.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(judge(std::str::from_utf8(&changed).expect("ASCII")), bad, "digit {at}");
        }
        let missing = Err(WebhookError::MissingSignature);
        assert_eq!(verify(&[SECRET], None, BODY, NOW), missing);
    }

    #[test]
    fn while_a_secret_is_replaced_either_one_and_either_signature_will_do() {
        let (one, two) = (sign(b"one", BODY, NOW), sign(b"two", BODY, NOW));
        assert_eq!(verify(&["two", "one"], Some(&one), BODY, NOW), Ok(()));
        let both = format!("{one},{}", two.split_once(',').expect("two parts").1);
        assert_eq!(verify(&["one"], Some(&both), BODY, NOW), Ok(()));
        assert_eq!(verify(&["two"], Some(&both), BODY, NOW), Ok(()));
        let noisy = format!("v0=00, {both},v1=nonsense,v2=ab,=,x");
        assert_eq!(verify(&["two"], Some(&noisy), BODY, NOW), Ok(()));
    }

    #[test]
    fn a_header_that_is_no_signature_is_refused_whatever_it_is() {
        let fine = sign(SECRET.as_bytes(), BODY, NOW);
        let tag = fine.split_once(',').expect("two parts").1;
        let many = format!("t=1800000000{}", format!(",{tag}").repeat(9));
        let long = format!("{fine},{}", "x".repeat(2_048));
        let bad = [
            "",
            "t=",
            "v1=",
            "t=1800000000",
            tag,
            &format!("t=,{tag}"),
            &format!("t=+1800000000,{tag}"),
            &format!("t=1800000000,t=1800000000,{tag}"),
            &format!("t=99999999999999999999,{tag}"),
            &format!("{}0", fine),
            &fine[..fine.len() - 1],
            &fine.replace("v1", "v0"),
            &many,
            &long,
        ];
        for header in bad {
            assert_eq!(judge(header), Err(WebhookError::BadSignature), "{header}");
        }
    }

    #[test]
    fn a_secret_that_was_not_set_signs_nothing() {
        let header = sign(b"", BODY, NOW);
        assert_eq!(verify(&[""], Some(&header), BODY, NOW), Err(WebhookError::BadSignature));
    }
}
