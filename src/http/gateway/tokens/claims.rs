//! What a token says, with the types that it has to have. The crate's own checks take a list for an issuer
//! and a fraction for a time; these do not.

use jsonwebtoken::dangerous::insecure_decode_claims;
use serde::Deserialize;

use crate::http::gateway::Denied;

/// Claims that have to be there. Whatever else there is, is not looked at; a name that stands twice is
/// refused.
#[derive(Deserialize)]
pub(super) struct Claims {
    pub iss: String,
    pub sub: String,
    aud: Audience,
    /// Unit: seconds since 1970.
    pub exp: u64,
    pub nbf: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Claims {
    pub fn is_for(&self, audience: &str) -> bool {
        match &self.aud {
            Audience::One(one) => one == audience,
            Audience::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

#[derive(Deserialize)]
struct Issuer {
    iss: String,
}

/// Who the token says that it is from. Decides only by whose keys it is checked.
pub(super) fn issuer_of(token: &str) -> Result<String, Denied> {
    let claims = insecure_decode_claims::<Issuer>(token);
    claims.map(|claims| claims.iss).map_err(|error| super::issuer::denied(&error))
}
