//! What a request says about who asks: one key or one token, or nothing.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use super::Denied;
use crate::storage::access_keys::KEY_PREFIX;

/// Where programs that cannot set `Authorization` put their key.
const API_KEY: &str = "x-api-key";

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credentials<'a> {
    None,
    Key(&'a str),
    Token(&'a str),
}

/// # Errors
/// [`Denied::Malformed`]: more than one, or something else than `Bearer`. Never taken for nothing, or a shop
/// with a mistake in its headers would be a stranger.
pub(super) fn read(headers: &HeaderMap) -> Result<Credentials<'_>, Denied> {
    let mut bearers = headers.get_all(AUTHORIZATION).iter();
    let mut keys = headers.get_all(API_KEY).iter();
    let given = match (bearers.next(), bearers.next(), keys.next(), keys.next()) {
        (None, None, None, None) => return Ok(Credentials::None),
        (Some(bearer), None, None, None) => {
            let bearer = bearer.to_str().map_err(|_| Denied::Malformed)?;
            let (scheme, given) = bearer.split_once(' ').ok_or(Denied::Malformed)?;
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(Denied::Malformed);
            }
            given.trim_matches(' ')
        }
        (None, None, Some(key), None) => {
            let key = key.to_str().map_err(|_| Denied::Malformed)?;
            if !key.starts_with(KEY_PREFIX) {
                return Err(Denied::Malformed);
            }
            key
        }
        _ => return Err(Denied::Malformed),
    };
    if given.starts_with(KEY_PREFIX) {
        Ok(Credentials::Key(given))
    } else {
        Ok(Credentials::Token(given))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn headers(of: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in of {
            let value = value.parse().expect("a header's value");
            headers.append(HeaderName::from_static(name), value);
        }
        headers
    }

    #[test]
    fn one_key_or_one_token_is_read() {
        for (given, expected) in [
            (&[][..], Credentials::None),
            (&[("authorization", "Bearer a.b.c")], Credentials::Token("a.b.c")),
            (&[("authorization", "bearer  a.b.c ")], Credentials::Token("a.b.c")),
            (&[("authorization", "Bearer onsale_x")], Credentials::Key("onsale_x")),
            (&[("x-api-key", "onsale_x")], Credentials::Key("onsale_x")),
        ] {
            assert_eq!(read(&headers(given)), Ok(expected));
        }
    }

    #[test]
    fn two_or_something_else_is_refused_and_not_taken_for_nothing() {
        for given in [
            &[("authorization", "Bearer a"), ("authorization", "Bearer a")][..],
            &[("authorization", "Bearer a"), ("x-api-key", "onsale_x")],
            &[("x-api-key", "onsale_x"), ("x-api-key", "onsale_x")],
            &[("authorization", "Basic dXNlcjpwYXNz")],
            &[("authorization", "onsale_x")],
            &[("authorization", "")],
            &[("x-api-key", "a.b.c")],
            &[("x-api-key", "")],
        ] {
            assert_eq!(read(&headers(given)), Err(Denied::Malformed), "{given:?}");
        }
    }
}
