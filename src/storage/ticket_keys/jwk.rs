//! Public keys as the rest of the world reads them: a JWK set (RFC 7517, RFC 8037), so that any door
//! can verify tickets without a network.

use data_encoding::BASE64URL_NOPAD;

use crate::domain::ticket::PublicKey;
use crate::domain::time::UnixMillis;

/// Every key whose tickets are good, newest first.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct JwkSet {
    pub keys: Vec<Jwk>,
}

/// One Ed25519 key.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Jwk {
    pub kty: &'static str,
    pub crv: &'static str,
    pub alg: &'static str,
    #[serde(rename = "use")]
    pub usage: &'static str,
    /// As in the first four bytes of a code, in hexadecimal.
    pub kid: String,
    /// The key's 32 bytes, base64url.
    pub x: String,
    /// Signed nothing before. Unit: Unix seconds.
    pub nbf: u64,
}

impl Jwk {
    pub(super) fn new(key: &PublicKey, created: UnixMillis) -> Self {
        Self {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            usage: "sig",
            kid: key.id().to_string(),
            x: BASE64URL_NOPAD.encode(key.as_bytes()),
            nbf: created.0 / 1_000,
        }
    }
}
