//! An issuer of customers' tokens, with its keys.

use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64URL_NOPAD;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair as RsaKeyPair;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
};
use serde_json::{Value, json};

pub enum Signer {
    EdDsa(Ed25519KeyPair),
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

pub struct Issuer {
    pub name: String,
    pub kid: String,
    pub signer: Signer,
}

/// Unit: seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "tokens are good at the server's own time")]
pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64URL_NOPAD.encode(bytes.as_ref())
}

impl Signer {
    pub fn eddsa(seed: u8) -> Self {
        Self::EdDsa(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("32 bytes"))
    }

    pub fn es256() -> Self {
        let (kind, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let key = EcdsaKeyPair::generate_pkcs8(kind, &random).expect("a key");
        Self::Es256(EcdsaKeyPair::from_pkcs8(kind, key.as_ref(), &random).expect("the same"))
    }

    pub fn rs256() -> Self {
        let key = include_bytes!("rsa_for_tests.pk8");
        Self::Rs256(RsaKeyPair::from_pkcs8(key).expect("an RSA key of 2,048 bits"))
    }

    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::EdDsa(_) => "EdDSA",
            Self::Es256(_) => "ES256",
            Self::Rs256(_) => "RS256",
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::EdDsa(key) => key.sign(message).as_ref().to_vec(),
            Self::Es256(key) => key.sign(&random, message).expect("signed").as_ref().to_vec(),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("signed");
                signature
            }
        }
    }

    /// What anybody may know of the key, in its own form.
    pub fn public(&self) -> Vec<u8> {
        match self {
            Self::EdDsa(key) => key.public_key().as_ref().to_vec(),
            Self::Es256(key) => key.public_key().as_ref().to_vec(),
            Self::Rs256(key) => key.public().as_ref().to_vec(),
        }
    }
}

impl Issuer {
    pub fn new(name: &str, kid: &str, signer: Signer) -> Self {
        Self { name: name.into(), kid: kid.into(), signer }
    }

    /// The key of the set.
    pub fn jwk(&self) -> Value {
        let (kid, alg) = (&self.kid, self.signer.algorithm());
        match &self.signer {
            Signer::EdDsa(key) => {
                let x = base64(key.public_key());
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "alg": alg, "use": "sig", "x": x})
            }
            Signer::Es256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                let (x, y) = (base64(x), base64(y));
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "alg": alg, "x": x, "y": y})
            }
            Signer::Rs256(key) => {
                let parts = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(key.public());
                let (n, e) = (base64(parts.n), base64(parts.e));
                json!({"kty": "RSA", "kid": kid, "alg": alg, "use": "sig", "n": n, "e": e})
            }
        }
    }

    pub fn jwks(&self) -> String {
        json!({"keys": [self.jwk()]}).to_string()
    }

    pub fn header(&self) -> Value {
        json!({"alg": self.signer.algorithm(), "kid": self.kid, "typ": "JWT"})
    }

    /// Claims of a token that is good for ten minutes.
    pub fn claims(&self, customer: &str) -> Value {
        let now = now_s();
        json!({"iss": self.name, "aud": "onsale", "sub": customer, "exp": now + 600, "nbf": now - 5})
    }

    /// Signed, whatever it says.
    pub fn signed(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", base64(header), base64(claims));
        format!("{message}.{}", base64(self.signer.sign(message.as_bytes())))
    }

    pub fn token(&self, customer: &str) -> String {
        self.signed(&self.header().to_string(), &self.claims(customer).to_string())
    }
}
