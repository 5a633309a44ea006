//! The cryptography that jsonwebtoken asks for, by ring: three algorithms, and checking only. With its own
//! feature it would be the `rsa` crate, which has RUSTSEC-2023-0071, or a C library.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind, Result};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: no_signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Once for the process; again changes nothing.
pub(super) fn install() {
    PROVIDER.install_default().ok();
}

fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(Error::from(ErrorKind::UnsupportedAlgorithm))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let verifier = match (algorithm, key.kind()) {
        (Algorithm::EdDSA | Algorithm::ES256, DecodingKeyKind::SecretOrDer(key)) => {
            Verifier { algorithm: *algorithm, key: key.clone(), exponent: Vec::new() }
        }
        (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            Verifier { algorithm: *algorithm, key: n.clone(), exponent: e.clone() }
        }
        _ => return Err(Error::from(ErrorKind::UnsupportedAlgorithm)),
    };
    Ok(Box::new(verifier))
}

struct Verifier {
    algorithm: Algorithm,
    key: Vec<u8>,
    exponent: Vec<u8>,
}

impl JwtVerifier for Verifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl signature::Verifier<Vec<u8>> for Verifier {
    fn verify(
        &self,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> std::result::Result<(), signature::Error> {
        let verified =
            match self.algorithm {
                Algorithm::EdDSA => {
                    UnparsedPublicKey::new(&ED25519, &self.key).verify(message, signature)
                }
                Algorithm::ES256 => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.key)
                    .verify(message, signature),
                Algorithm::RS256 => RsaPublicKeyComponents { n: &self.key, e: &self.exponent }
                    .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
                _ => return Err(signature::Error::new()),
            };
        verified.map_err(|_| signature::Error::new())
    }
}
