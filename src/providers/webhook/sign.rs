//! Signatures by Standard Webhooks 1.0: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`. Over
//! `hmac` and `sha2`, which payments use as well; the `standardwebhooks` crate (one release, 2024) would
//! bring a second SHA-256, base64 and clock for these lines. Its Python sibling checks them in the tests.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A secret shared with a receiver: `whsec_` and base64 of 24 to 64 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be whsec_ and base64 of 24 to 64 random bytes")]
pub struct SigningSecretError;

impl SigningSecret {
    const PREFIX: &str = "whsec_";

    /// # Errors
    /// Not of that form. The error does not repeat the text: it may be a secret with a typing error.
    pub fn parse(text: &str) -> Result<Self, SigningSecretError> {
        let encoded = text.strip_prefix(Self::PREFIX).ok_or(SigningSecretError)?;
        Self::from_bytes(BASE64_STANDARD.decode(encoded).map_err(|_| SigningSecretError)?)
    }

    /// From 24 to 64 random bytes.
    ///
    /// # Errors
    /// Fewer or more.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, SigningSecretError> {
        if (24..=64).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(SigningSecretError) }
    }

    /// The text that is shown to the receiver, once, and stored.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{}{}", Self::PREFIX, BASE64_STANDARD.encode(&self.0))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// The value of `webhook-signature`: one signature for each secret, blanks between.
///
/// `seconds` is the value of `webhook-timestamp`, since 1970.
#[must_use]
pub fn signature(secrets: &[SigningSecret], id: &str, seconds: u64, body: &[u8]) -> String {
    let sign = |SigningSecret(key): &SigningSecret| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    };
    secrets.iter().map(sign).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification and of its libraries' tests.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_example_of_the_specification_is_signed_as_it_says() {
        let secret = SigningSecret::parse(SECRET).unwrap();
        let signed = signature(
            &[secret],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_secret_gives_a_signature_while_they_change() {
        let [a, b] = [1, 2].map(|byte| SigningSecret::from_bytes(vec![byte; 32]).unwrap());
        let alone = |secret: &SigningSecret| signature(std::slice::from_ref(secret), "id", 7, b"x");
        let both = signature(&[a.clone(), b.clone()], "id", 7, b"x");
        assert_eq!(both, format!("{} {}", alone(&a), alone(&b)));
        assert_ne!(alone(&a), alone(&b));
    }

    #[test]
    fn secrets_are_read_written_and_not_printed() {
        let secret = SigningSecret::parse(SECRET).unwrap();
        assert_eq!(secret.reveal(), SECRET);
        assert_eq!(format!("{secret:?}"), "(hidden)");
        for text in ["", "whsec_", "whsec_AAAA", "whsec_*", SECRET.trim_start_matches("whsec_")] {
            assert_eq!(SigningSecret::parse(text), Err(SigningSecretError), "{text}");
        }
        assert_eq!(SigningSecret::from_bytes(vec![0; 65]), Err(SigningSecretError));
    }
}
