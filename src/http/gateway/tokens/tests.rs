//! What the tests in `tests/identity` cannot see from outside: what is remembered, and for how long.

use ring::signature::{Ed25519KeyPair, KeyPair};

use super::*;

const NOW: u64 = 1_900_000_000;

fn tokens(remembered_max: usize) -> Tokens {
    let issuer = IssuerOptions {
        issuer: "https://id.test".into(),
        audience: "onsale".into(),
        algorithm: Algorithm::EdDsa,
        organizer: None,
        customer_prefix: "id:".into(),
    };
    let options =
        TokensOptions { issuers: vec![issuer], leeway_s: 10, life_s_max: 3_600, remembered_max };
    Tokens::new(options, [7; 32])
}

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn set(seed: u8, kid: &str) -> Vec<u8> {
    let x = data_encoding::BASE64URL_NOPAD.encode(pair(seed).public_key().as_ref());
    format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{x}"}}]}}"#).into()
}

fn token(seed: u8, kid: &str, exp: u64) -> String {
    let encode = |text: &str| data_encoding::BASE64URL_NOPAD.encode(text.as_bytes());
    let head = encode(&format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#));
    let body = encode(&format!(
        r#"{{"iss":"https://id.test","aud":["x","onsale"],"sub":"7","exp":{exp},"nbf":{NOW}}}"#
    ));
    let signed = format!("{head}.{body}");
    let signature = pair(seed).sign(signed.as_bytes());
    format!("{signed}.{}", data_encoding::BASE64URL_NOPAD.encode(signature.as_ref()))
}

fn at(s: u64) -> UnixMillis {
    UnixMillis(s * 1_000)
}

#[test]
fn what_is_remembered_ends_with_its_token_and_with_its_key() {
    let tokens = tokens(64);
    let good = token(1, "a", NOW + 60);
    assert_eq!(tokens.check(&good, at(NOW)), Err(Denied::SigningKey));
    assert_eq!(tokens.learn(0, &set(1, "a")), Ok(Some(1)));
    assert_eq!(tokens.learn(0, &set(1, "a")), Ok(None));
    let first = tokens.check(&good, at(NOW)).unwrap();
    assert_eq!(first.customer.as_str(), "id:7");
    // The very same, not another one that is equal: it was remembered.
    assert!(Arc::ptr_eq(&first, &tokens.check(&good, at(NOW + 69)).unwrap()));
    assert_eq!(tokens.check(&good, at(NOW + 70)), Err(Denied::Expired));
    assert_eq!(tokens.learn(0, &set(2, "a")), Ok(Some(1)));
    assert_eq!(tokens.check(&good, at(NOW)), Err(Denied::Signature));
    assert!(tokens.check(&token(2, "a", NOW + 60), at(NOW)).is_ok());
}

#[test]
fn without_memory_every_token_is_checked() {
    let tokens = tokens(0);
    tokens.learn(0, &set(1, "a")).unwrap();
    let good = token(1, "a", NOW + 60);
    let (one, two) = (tokens.check(&good, at(NOW)).unwrap(), tokens.check(&good, at(NOW)).unwrap());
    assert!(one == two && !Arc::ptr_eq(&one, &two));
}

#[test]
fn a_token_is_good_for_its_time_only() {
    let tokens = tokens(0);
    tokens.learn(0, &set(1, "a")).unwrap();
    let check = |exp, now| tokens.check(&token(1, "a", exp), at(now)).map(drop);
    assert_eq!(check(NOW + 3_610, NOW), Ok(()));
    assert_eq!(check(NOW + 3_611, NOW), Err(Denied::Expired));
    assert_eq!(check(u64::MAX, NOW), Err(Denied::Expired));
    assert_eq!(check(NOW + 60, NOW - 10), Ok(()));
    assert_eq!(check(NOW + 60, NOW - 11), Err(Denied::Early));
}

#[test]
fn a_set_that_is_not_one_changes_nothing() {
    let tokens = tokens(0);
    tokens.learn(0, &set(1, "a")).unwrap();
    let twice = String::from_utf8(set(1, "a")).unwrap();
    let key = twice.trim_start_matches("{\"keys\":[").trim_end_matches("]}");
    for bad in [
        String::new(),
        "{}".into(),
        "{\"keys\":[]}".into(),
        format!("{{\"keys\":[{key},{key}]}}"),
        twice.replace("Ed25519", "Ed448"),
        twice.replace("OKP", "oct"),
        twice.replace("\"kid\"", "\"kit\""),
        twice.replace("\"kty\"", "\"use\":\"enc\",\"kty\""),
        twice.replace("\"kty\"", "\"alg\":\"ES256\",\"kty\""),
    ] {
        assert!(tokens.learn(0, bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(tokens.check(&token(1, "a", NOW + 60), at(NOW)).is_ok());
}
