//! A pass of the waiting room as a JSON Web Token (RFC 7519, Ed25519 as in RFC 8037), which a CDN or a shop
//! verifies offline with the keys of `GET /v1/events/{event}/keys`, with any library.
//!
//! What a signature is over begins with `eyJ` here and with `ONSALE1.` for a ticket, so neither passes for
//! the other; `typ` tells it apart from whatever else may be a JWT one day (RFC 8725). One text, one pass:
//! only what [`PassToken::sign`] writes is accepted.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use super::key::{KeyId, KeyRing, SIGNATURE_BYTES, SigningKey};
use crate::domain::ids::{EventId, EventNumber};

/// The right to one reservation, as its token tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassToken {
    pub event: EventId,
    /// The event's number in these books.
    pub event_number: EventNumber,
    /// The fan's number in the line.
    pub number: u32,
    /// Of whom it was given to, keyed by the room.
    pub fingerprint: u64,
    /// From then on it is good for nothing. Unit: Unix seconds.
    pub until_s: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    alg: &'a str,
    kid: &'a str,
    typ: &'a str,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims<'a> {
    iss: &'a str,
    /// The event's id: whoever verifies must compare it.
    aud: &'a str,
    /// The fingerprint, 16 hexadecimal digits.
    sub: &'a str,
    exp: u64,
    /// Numbers of event and fan.
    jti: &'a str,
}

const ALG: &str = "EdDSA";
const TYP: &str = "onsale-pass+jwt";
const ISSUER: &str = "onsale";

impl PassToken {
    /// Bound of a token's length, in characters; what is longer was not written here.
    pub const CHARS_MAX: usize = 512;

    /// Whether a text is meant to be such a token: every JWT begins so, and no other token of ours.
    #[must_use]
    pub fn is_meant_by(text: &str) -> bool {
        text.starts_with("eyJ")
    }

    /// Equal arguments give an equal text.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        let mut text = self.signed_text(key.id());
        let signature = key.sign(text.as_bytes());
        text.push('.');
        BASE64URL_NOPAD.encode_append(&signature, &mut text);
        text
    }

    /// The pass, if one of `keys` signed it. Whether it has ended, was used, or is the customer's stands in
    /// the books; the event is for the caller to compare.
    #[must_use]
    pub fn verify(text: &str, keys: &KeyRing) -> Option<Self> {
        if Self::CHARS_MAX < text.len() {
            return None;
        }
        let (message, signature) = text.rsplit_once('.')?;
        let (head, claims) = message.split_once('.')?;
        let head = BASE64URL_NOPAD.decode(head.as_bytes()).ok()?;
        let kid = serde_json::from_slice::<Header<'_>>(&head).ok()?.kid;
        let mut id = [0; 4];
        hex::decode_to_slice(kid, &mut id).ok()?;
        let key = keys.get(KeyId(id))?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        let signature: [u8; SIGNATURE_BYTES] = signature.try_into().ok()?;
        if !key.accepts(message.as_bytes(), &signature) {
            return None;
        }
        let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?;
        let token = Self::read(&serde_json::from_slice(&claims).ok()?)?;
        (token.signed_text(key.id()) == message).then_some(token)
    }

    /// What a text says that may be such a token. Nobody has looked at its signature.
    #[must_use]
    pub fn claimed(text: &str) -> Option<Self> {
        let mut parts = text.split('.').filter(|_| text.len() <= Self::CHARS_MAX);
        let claims = BASE64URL_NOPAD.decode(parts.nth(1)?.as_bytes()).ok()?;
        Self::read(&serde_json::from_slice(&claims).ok()?)
    }

    fn read(claims: &Claims<'_>) -> Option<Self> {
        let (event_number, number) = claims.jti.split_once('-')?;
        Some(Self {
            event: EventId::parse(claims.aud).ok()?,
            event_number: EventNumber(event_number.parse().ok()?),
            number: number.parse().ok()?,
            fingerprint: u64::from_str_radix(claims.sub, 16).ok()?,
            until_s: claims.exp,
        })
    }

    fn signed_text(&self, key: KeyId) -> String {
        let kid = key.to_string();
        let head = Header { alg: ALG, kid: &kid, typ: TYP };
        let sub = format!("{:016x}", self.fingerprint);
        let jti = format!("{}-{}", self.event_number.0, self.number);
        let aud = self.event.as_str();
        let claims = Claims { iss: ISSUER, aud, sub: &sub, exp: self.until_s, jti: &jti };
        format!("{}.{}", encoded(&head), encoded(&claims))
    }
}

fn encoded(part: &impl Serialize) -> String {
    let json = serde_json::to_vec(part).expect("texts and numbers are always JSON");
    BASE64URL_NOPAD.encode(&json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{ReservationId, TicketId};
    use crate::domain::ticket::{TicketCode, UnitLabel, Unverified, Validity};
    use crate::domain::time::UnixMillis;

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_seed(&[byte; 32])
    }

    fn ring(keys: &[u8]) -> KeyRing {
        let mut ring = KeyRing::default();
        keys.iter().for_each(|byte| assert!(ring.add(key(*byte).public())));
        ring
    }

    fn token() -> PassToken {
        PassToken {
            event: EventId::parse("concert-a").unwrap(),
            event_number: EventNumber(7),
            number: 123_456,
            fingerprint: 0x0123_4567_89ab_cdef,
            until_s: 1_800_000_000,
        }
    }

    #[test]
    fn a_pass_reads_back_and_is_a_jwt_to_everybody_else() {
        let text = token().sign(&key(1));
        assert_eq!(PassToken::verify(&text, &ring(&[2, 1])), Some(token()));
        assert_eq!(PassToken::verify(&text, &ring(&[2])), None, "another key");
        let parts: Vec<&str> = text.split('.').collect();
        let json = |part: &str| -> serde_json::Value {
            serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
        };
        let kid = key(1).id().to_string();
        let head = serde_json::json!({"alg": "EdDSA", "kid": kid, "typ": "onsale-pass+jwt"});
        assert_eq!(json(parts[0]), head);
        let claims = serde_json::json!({"iss": "onsale", "aud": "concert-a",
            "sub": "0123456789abcdef", "exp": 1_800_000_000, "jti": "7-123456"});
        assert_eq!(json(parts[1]), claims);
        let longest = PassToken {
            event: EventId::parse(&"e".repeat(64)).unwrap(),
            event_number: EventNumber(u64::MAX),
            number: u32::MAX,
            fingerprint: u64::MAX,
            until_s: u64::MAX,
        };
        assert!(longest.sign(&key(1)).len() <= PassToken::CHARS_MAX);
    }

    #[test]
    fn every_changed_character_cut_or_addition_is_refused() {
        let (text, ring) = (token().sign(&key(1)), ring(&[1]));
        for at in 0..text.len() {
            for other in ["A", "B", "_", ".", "=", "e"] {
                let bad = format!("{}{other}{}", &text[..at], &text[at + 1..]);
                assert_eq!(PassToken::verify(&bad, &ring).is_some(), bad == text, "{at} {other}");
            }
            assert_eq!(PassToken::verify(&text[..at], &ring), None);
        }
        assert_eq!(PassToken::verify(&format!("{text}A"), &ring), None);
        assert_eq!(PassToken::verify(&"eyJ".repeat(1_000), &ring), None);
    }

    /// What our own key signed in another spelling, or for another purpose, is no pass.
    #[test]
    fn what_is_signed_but_not_as_we_write_it_is_refused() {
        let (key, ring) = (key(1), ring(&[1]));
        let signed = |head: &str, claims: &str| {
            let encode = |json: &str| BASE64URL_NOPAD.encode(json.as_bytes());
            let message = format!("{}.{}", encode(head), encode(claims));
            let signature = BASE64URL_NOPAD.encode(&key.sign(message.as_bytes()));
            format!("{message}.{signature}")
        };
        let head = format!(r#"{{"alg":"EdDSA","kid":"{}","typ":"onsale-pass+jwt"}}"#, key.id());
        let claims = r#"{"iss":"onsale","aud":"a","sub":"0000000000000001","exp":1,"jti":"7-1"}"#;
        assert!(PassToken::verify(&signed(&head, claims), &ring).is_some());
        for (head, claims) in [
            (head.replace("onsale-pass+jwt", "JWT"), claims.to_owned()),
            (head.replace("EdDSA", "none"), claims.to_owned()),
            (head.clone(), claims.replace("7-1", "7-01")),
            (head.clone(), claims.replace("\"exp\":1", "\"exp\": 1")),
            (head.clone(), claims.replace("0000000000000001", "1")),
            (head.clone(), claims.replace("onsale", "else")),
            (head, claims.replace("\"exp\":1", "\"exp\":1,\"nbf\":1")),
        ] {
            assert_eq!(PassToken::verify(&signed(&head, &claims), &ring), None, "{head} {claims}");
        }
    }

    #[test]
    fn a_ticket_is_no_pass_and_a_pass_no_ticket() {
        let (pass, ring) = (token().sign(&key(1)), ring(&[1]));
        assert!(Unverified::read(&pass).is_err());
        let ticket = TicketCode {
            event: EventId::parse("concert-a").unwrap(),
            ticket: TicketId { reservation: ReservationId { sequence: 1, salt: 2 }, number: 0 },
            unit: UnitLabel::parse("Standing").unwrap(),
            validity: Validity::between(UnixMillis(0), UnixMillis(1_000)).unwrap(),
        };
        assert_eq!(PassToken::verify(&ticket.sign(&key(1)), &ring), None);
    }
}
