//! One issuer: what it may sign with, and the keys that it has now.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;
use tokio::sync::Notify;

use super::claims::Claims;
use crate::domain::ids::OrganizerId;
use crate::faults;
use crate::http::gateway::Denied;

/// What an issuer signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    EdDsa,
    Es256,
    Rs256,
}

impl Algorithm {
    pub const ALL: [Self; 3] = [Self::EdDsa, Self::Es256, Self::Rs256];

    /// The word in tokens, key sets and settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == word)
    }

    fn of_crate(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
        }
    }
}

/// What is said of an issuer in the settings.
#[derive(Debug, Clone)]
pub struct IssuerOptions {
    /// As in `iss`.
    pub issuer: Arc<str>,
    /// Has to be in `aud`.
    pub audience: String,
    pub algorithm: Algorithm,
    /// For whose events it speaks; absent: for all.
    pub organizer: Option<OrganizerId>,
    /// Stands before `sub` in the customer's name, so that two issuers' customers are not the same people.
    pub customer_prefix: String,
}

pub(super) struct Issuer {
    pub options: IssuerOptions,
    /// Somebody showed a token with a key that is not known.
    pub wanted: Arc<Notify>,
    validation: Validation,
    keys: ArcSwap<Keys>,
    /// One more with each change of the keys.
    era: AtomicU64,
}

#[derive(Default)]
struct Keys {
    by_kid: BTreeMap<String, DecodingKey>,
    /// Of the set that they came with; absent: there was none yet.
    digest: Option<blake3::Hash>,
}

impl Issuer {
    pub fn new(options: IssuerOptions) -> Self {
        let mut validation = Validation::new(options.algorithm.of_crate());
        validation.set_audience(&[&options.audience]);
        validation.set_issuer(&[&*options.issuer]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // Times are judged by the server's own clock, like all else here; that they are there is asked above.
        validation.validate_exp = false;
        Self {
            options,
            wanted: Arc::new(Notify::new()),
            validation,
            keys: ArcSwap::default(),
            era: AtomicU64::new(0),
        }
    }

    pub fn era(&self) -> u64 {
        self.era.load(Ordering::Acquire)
    }

    /// The claims of a token whose signature is the issuer's.
    pub fn open(&self, token: &str) -> Result<Claims, Denied> {
        let header = decode_header(token).map_err(|error| denied(&error))?;
        check_header(&header)?;
        if header.alg != self.options.algorithm.of_crate() {
            return Err(Denied::Algorithm);
        }
        if faults::planted("ignore_signature") {
            let claims = jsonwebtoken::dangerous::insecure_decode_claims(token);
            return claims.map_err(|error| denied(&error));
        }
        let keys = self.keys.load();
        let kid = header.kid.as_deref().unwrap_or_default();
        let Some(key) = keys.by_kid.get(kid) else {
            if (1..=KID_BYTES_MAX).contains(&kid.len()) {
                self.wanted.notify_one();
            }
            return Err(Denied::SigningKey);
        };
        let claims: Claims =
            decode(token, key, &self.validation).map_err(|error| denied(&error))?.claims;
        // The crate looks for the issuer within a list, too.
        if claims.iss != *self.options.issuer {
            return Err(Denied::Issuer);
        }
        if claims.is_for(&self.options.audience) { Ok(claims) } else { Err(Denied::Audience) }
    }

    pub fn learn(&self, set: &[u8]) -> Result<Option<usize>, String> {
        let digest = Some(blake3::hash(set));
        if self.keys.load().digest == digest {
            return Ok(None);
        }
        let set: KeySet = serde_json::from_slice(set).map_err(|error| error.to_string())?;
        let mut keys = BTreeMap::new();
        for key in set.keys {
            let Some((kid, key)) = key.fit(self.options.algorithm) else { continue };
            if keys.insert(kid.clone(), key).is_some() {
                return Err(format!("two keys are called {kid:?}"));
            }
        }
        if keys.is_empty() || KEYS_MAX < keys.len() {
            let (found, word) = (keys.len(), self.options.algorithm.as_str());
            return Err(format!(
                "must have 1 to {KEYS_MAX} keys for {word} with a kid, has {found}"
            ));
        }
        let count = keys.len();
        self.keys.store(Arc::new(Keys { by_kid: keys, digest }));
        // After the keys: whoever saw the era before may remember nothing that the new keys do not say.
        self.era.fetch_add(1, Ordering::AcqRel);
        Ok(Some(count))
    }
}

/// Keys of a set that are kept.
const KEYS_MAX: usize = 100;
const KID_BYTES_MAX: usize = 255;

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Jwk>,
}

/// A public key (RFC 7517). Members that are not here do not matter.
#[derive(Deserialize)]
struct Jwk {
    kid: Option<String>,
    kty: Option<String>,
    crv: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Jwk {
    /// The key, if it is one by which signatures of this algorithm are checked.
    fn fit(self, algorithm: Algorithm) -> Option<(String, DecodingKey)> {
        let is_meant = self.alg.as_deref().is_none_or(|alg| alg == algorithm.as_str())
            && self.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
        let bytes =
            |text: &Option<String>| BASE64URL_NOPAD.decode(text.as_deref()?.as_bytes()).ok();
        let (kty, crv) = (self.kty.as_deref()?, self.crv.as_deref());
        let key = match (algorithm, kty, crv) {
            (Algorithm::EdDsa, "OKP", Some("Ed25519")) => {
                let x = bytes(&self.x).filter(|x| x.len() == 32)?;
                DecodingKey::from_ed_der(&x)
            }
            (Algorithm::Es256, "EC", Some("P-256")) => {
                let x = bytes(&self.x).filter(|x| x.len() == 32)?;
                let y = bytes(&self.y).filter(|y| y.len() == 32)?;
                // A point as SEC 1 writes it, uncompressed.
                DecodingKey::from_ec_der(&[&[4][..], &x, &y].concat())
            }
            (Algorithm::Rs256, "RSA", _) => {
                let n = bytes(&self.n).filter(|n| 256 <= n.len() && n.len() <= 1_024)?;
                DecodingKey::from_rsa_raw_components(&n, &bytes(&self.e)?)
            }
            _ => return None,
        };
        let kid = self.kid.filter(|kid| (1..=KID_BYTES_MAX).contains(&kid.len()))?;
        is_meant.then_some((kid, key))
    }
}

/// A token may name its key, and nothing more: neither bring one, nor say where one is, nor ask for what
/// this server does not know.
fn check_header(header: &Header) -> Result<(), Denied> {
    let brings = header.jwk.is_some() || header.x5c.is_some();
    let points = header.jku.is_some() || header.x5u.is_some();
    let asks = header.crit.is_some() || header.enc.is_some() || header.zip.is_some();
    let odd = header.extras.inner().contains_key("b64");
    let typ = header.typ.as_deref().unwrap_or("JWT");
    let is_token =
        ["JWT", "at+jwt", "application/at+jwt"].iter().any(|t| typ.eq_ignore_ascii_case(t));
    if brings || points || asks || odd || !is_token {
        return Err(Denied::Algorithm);
    }
    Ok(())
}

pub(super) fn denied(error: &Error) -> Denied {
    match error.kind() {
        ErrorKind::InvalidSignature => Denied::Signature,
        ErrorKind::InvalidAlgorithm
        | ErrorKind::UnsupportedAlgorithm
        | ErrorKind::MissingAlgorithm
        | ErrorKind::InvalidAlgorithmName => Denied::Algorithm,
        ErrorKind::ExpiredSignature => Denied::Expired,
        ErrorKind::ImmatureSignature => Denied::Early,
        ErrorKind::InvalidAudience => Denied::Audience,
        ErrorKind::InvalidIssuer => Denied::Issuer,
        ErrorKind::MissingRequiredClaim(_)
        | ErrorKind::InvalidClaimFormat(_)
        | ErrorKind::InvalidSubject
        | ErrorKind::Json(_) => Denied::Claims,
        _ => Denied::Malformed,
    }
}
