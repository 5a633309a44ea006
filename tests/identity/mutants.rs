//! Tokens and keys that somebody changed: none is taken. In process, since a million requests would only show
//! the same more slowly.

use onsale::domain::time::UnixMillis;
use onsale::http::{Algorithm, IssuerOptions, Tokens, TokensOptions};
use serde_json::{Value, json};

use crate::issuer::{Issuer, Signer, base64, now_s};

/// SplitMix64: the same mutants from the same seed, on every machine.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

pub struct Target {
    pub tokens: Tokens,
    /// Whose tokens are taken, one of each algorithm; and somebody whose are not.
    pub issuers: Vec<Issuer>,
    attackers: Vec<Issuer>,
}

impl Target {
    pub fn new(remembered_max: usize) -> Self {
        let issuers = vec![
            Issuer::new("https://ed.test", "ed-1", Signer::eddsa(1)),
            Issuer::new("https://es.test", "es-1", Signer::es256()),
            Issuer::new("https://rs.test", "rs-1", Signer::rs256()),
        ];
        // They know everything but the secret keys, and so take the names of those that are trusted.
        let attackers = issuers.iter().map(|issuer| {
            let signer = match &issuer.signer {
                Signer::EdDsa(_) | Signer::Rs256(_) => Signer::eddsa(66),
                Signer::Es256(_) => Signer::es256(),
            };
            Issuer::new(&issuer.name, &issuer.kid, signer)
        });
        let attackers = attackers.collect();
        let options = issuers.iter().enumerate().map(|(at, issuer)| IssuerOptions {
            issuer: issuer.name.as_str().into(),
            audience: "onsale".into(),
            algorithm: Algorithm::parse(issuer.signer.algorithm()).expect("one of three"),
            organizer: None,
            customer_prefix: format!("{at}:"),
        });
        let options = TokensOptions {
            issuers: options.collect(),
            leeway_s: 30,
            life_s_max: 86_400,
            remembered_max,
        };
        let tokens = Tokens::new(options, [7; 32]);
        for (at, issuer) in issuers.iter().enumerate() {
            assert_eq!(tokens.learn(at, issuer.jwks().as_bytes()), Ok(Some(1)));
        }
        Self { tokens, issuers, attackers }
    }

    pub fn takes(&self, token: &str) -> bool {
        // Tokens are made all along, so that the time has to go on too.
        self.tokens.check(token, UnixMillis(now_s() * 1_000)).is_ok()
    }
}

/// Where a mutant comes from, for the message when it is taken.
pub type Mutant = (&'static str, String);

pub fn flipped(dice: &mut Dice, token: &str) -> Mutant {
    let mut bytes = token.as_bytes().to_vec();
    let at = dice.below(bytes.len());
    bytes[at] ^= 1 << dice.below(7);
    ("a bit flipped", String::from_utf8(bytes).expect("still ASCII"))
}

fn parts(token: &str) -> [&str; 3] {
    let mut parts = token.split('.');
    std::array::from_fn(|_| parts.next().expect("three parts"))
}

/// The header says another algorithm.
fn other_algorithm(dice: &mut Dice, issuer: &Issuer, attacker: &Issuer, token: &str) -> Mutant {
    const NAMES: &[&str] = &[
        "none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "RS256", "RS512", "PS256",
        "ES256", "ES384", "EdDSA", "Ed25519", "RS1",
    ];
    let own = issuer.signer.algorithm();
    let name = loop {
        let name = *dice.one_of(NAMES);
        if name != own {
            break name;
        }
    };
    let [_, claims, signature] = parts(token);
    let head = base64(json!({"alg": name, "kid": issuer.kid, "typ": "JWT"}).to_string());
    let message = format!("{head}.{claims}");
    let public = issuer.signer.public();
    let jwk = issuer.jwk().to_string();
    let signature = match dice.below(5) {
        0 => String::new(),
        1 => signature.to_owned(),
        // The public key taken for the secret of an HMAC.
        2 => base64(hmac(&public, &message)),
        3 => base64(hmac(jwk.as_bytes(), &message)),
        _ => {
            let claims = issuer.claims("fan").to_string();
            return (
                "another algorithm, signed anew",
                attacker.signed(&json!({"alg": name, "kid": issuer.kid}).to_string(), &claims),
            );
        }
    };
    ("another algorithm", format!("{message}.{signature}"))
}

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
    ring::hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
}

/// The header names another key, or brings one; signed by the attacker or by the issuer itself.
fn other_key(dice: &mut Dice, target: &Target, at: usize) -> Mutant {
    let (issuer, attacker) = (&target.issuers[at], &target.attackers[at]);
    let mut head = issuer.header();
    let kids = [
        json!("../../../dev/null"),
        json!("/dev/null"),
        json!("' OR '1'='1"),
        json!("key-1"),
        json!(target.issuers[(at + 1) % 3].kid),
        json!(""),
        json!("x".repeat(4_000)),
        json!(1),
        json!(null),
        json!(["ed-1"]),
        json!({"kid": issuer.kid}),
        json!("ed-1\u{0}"),
        json!("ED-1"),
    ];
    let jwk = attacker.jwk();
    let (signer, what): (&Issuer, &'static str) = match dice.below(4) {
        0 => {
            head["kid"] = dice.one_of(&kids).clone();
            (issuer, "another kid, well signed")
        }
        1 => {
            head["kid"] = dice.one_of(&kids).clone();
            (attacker, "another kid")
        }
        2 => (attacker, "the right kid, by an attacker"),
        _ => {
            let (name, value): (&str, Value) = dice
                .one_of(&[
                    ("jwk", jwk.clone()),
                    ("jku", json!("https://evil.test/jwks.json")),
                    ("x5u", json!("https://evil.test/x5u.pem")),
                    ("x5c", json!(["MIIB"])),
                    ("crit", json!(["exp"])),
                    ("crit", json!([])),
                    ("b64", json!(false)),
                    ("zip", json!("DEF")),
                    ("enc", json!("A128GCM")),
                    ("typ", json!("dpop+jwt")),
                    ("typ", json!("logout+jwt")),
                ])
                .clone();
            head[name] = value;
            let signer = *dice.one_of(&[issuer, attacker]);
            (signer, "a header that is not for tokens")
        }
    };
    (what, signer.signed(&head.to_string(), &issuer.claims("fan").to_string()))
}

/// Well signed by the issuer, and still saying what may not be said.
fn other_claims(dice: &mut Dice, target: &Target, at: usize) -> Mutant {
    let issuer = &target.issuers[at];
    let now = now_s();
    let (head, mut claims) = (issuer.header().to_string(), issuer.claims("fan"));
    let times = [
        json!((now + 600).to_string()),
        json!(null),
        json!(""),
        json!("tomorrow"),
        json!(-1),
        json!(now as f64 + 600.5),
        json!([now + 600]),
        json!({"at": now + 600}),
        json!(true),
        json!(1e300),
    ];
    let texts =
        [json!(null), json!(7), json!([]), json!({}), json!(""), json!(true), json!("\u{202e}x")];
    match dice.below(8) {
        0 => claims["exp"] = dice.one_of(&times).clone(),
        1 => claims["nbf"] = dice.one_of(&times).clone(),
        2 => {
            let name = *dice.one_of(&["exp", "nbf", "iss", "aud", "sub"]);
            claims.as_object_mut().expect("an object").remove(name);
        }
        3 => claims["exp"] = json!(now - 31 - dice.next() % 1_000_000_000),
        4 => claims["exp"] = json!(now + 86_500 + dice.next() % u64::from(u32::MAX)),
        5 => claims["nbf"] = json!(now + 60 + dice.next() % u64::from(u32::MAX)),
        6 => {
            let wrong = [
                json!("https://evil.test"),
                json!([issuer.name]),
                json!(target.issuers[(at + 1) % 3].name),
            ];
            claims["iss"] = dice.one_of(&wrong).clone();
            if dice.below(3) == 0 {
                claims["iss"] = dice.one_of(&texts).clone();
            }
        }
        _ => {
            let name = *dice.one_of(&["aud", "sub"]);
            claims[name] = dice.one_of(&texts).clone();
            if name == "aud" && dice.below(2) == 0 {
                claims[name] =
                    dice.one_of(&[json!("onsale2"), json!(["a", "b"]), json!("ONSALE")]).clone();
            }
        }
    }
    if dice.below(20) == 0 {
        // A name that stands twice: which one counts must not depend on who reads.
        let twice = issuer.claims("fan").to_string().replacen('{', "{\"exp\":1,", 1);
        return ("a claim that stands twice", issuer.signed(&head, &twice));
    }
    ("claims that may not be", issuer.signed(&head, &claims.to_string()))
}

/// Cut, lengthened, or put together from two.
fn other_shape(dice: &mut Dice, target: &Target, at: usize, token: &str) -> Mutant {
    let other = &target.issuers[(at + 1) % 3].token("fan");
    let [head, claims, signature] = parts(token);
    let [head2, claims2, signature2] = parts(other);
    let cut = dice.below(token.len());
    let mutants = [
        token[..cut].to_owned(),
        format!("{token}{}", dice.one_of(&["A", "=", "==", ".", " ", "\n", "\u{0}"])),
        format!("{head2}.{claims}.{signature}"),
        format!("{head}.{claims2}.{signature}"),
        format!("{head}.{claims}.{signature2}"),
        format!("{head}.{claims}"),
        format!("{head}.{claims}."),
        format!("{head}..{signature}"),
        format!(".{claims}.{signature}"),
        format!("{claims}.{head}.{signature}"),
        format!("{token}.{signature}"),
        format!("{head}=.{claims}.{signature}"),
        format!("{head}.{claims}.{}", "A".repeat(signature.len())),
        format!("{head}.{claims}.{}", base64(vec![0; dice.below(600)])),
        format!(" {token}"),
        token.repeat(2),
        "A".repeat(dice.below(20_000)),
    ];
    ("another shape", dice.one_of(&mutants).clone())
}

fn mutant(dice: &mut Dice, target: &Target) -> Mutant {
    let at = dice.below(3);
    let (issuer, attacker) = (&target.issuers[at], &target.attackers[at]);
    let mut claims = issuer.claims("fan");
    claims["jti"] = json!(dice.next());
    let token = issuer.signed(&issuer.header().to_string(), &claims.to_string());
    // Remembered: what was changed about it must not be found by it.
    assert!(dice.below(4) != 0 || target.takes(&token), "the true one is taken: {token}");
    match dice.below(6) {
        0 | 1 => flipped(dice, &token),
        2 => other_algorithm(dice, issuer, attacker, &token),
        3 => other_key(dice, target, at),
        4 => other_claims(dice, target, at),
        _ => other_shape(dice, target, at, &token),
    }
}

fn no_mutant_is_taken(count: u64) {
    let seed = std::env::var("ONSALE_MUTANTS_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or(20_261_125);
    let target = Target::new(1_024);
    let mut dice = Dice(seed);
    let mut taken: Vec<Mutant> = Vec::new();
    for _ in 0..count {
        let (what, token) = mutant(&mut dice, &target);
        if target.takes(&token) {
            taken.push((what, token));
        }
    }
    assert_eq!(taken, [], "of {count}; repeat with ONSALE_MUTANTS_SEED={seed}");
    for issuer in &target.issuers {
        assert!(target.takes(&issuer.token("fan")), "the true ones are taken");
    }
}

#[test]
fn no_changed_token_is_taken() {
    no_mutant_is_taken(6_000);
}

#[test]
#[ignore = "some minutes; run it with --release"]
fn none_of_a_million_changed_tokens_is_taken() {
    no_mutant_is_taken(1_000_000);
}

#[test]
fn every_flipped_bit_of_a_token_is_noticed() {
    let target = Target::new(64);
    for issuer in &target.issuers {
        let token = issuer.token("fan");
        assert!(target.takes(&token));
        for at in 0..token.len() {
            for bit in 0..7 {
                let mut bytes = token.as_bytes().to_vec();
                bytes[at] ^= 1 << bit;
                let changed = String::from_utf8(bytes).expect("still ASCII");
                assert!(!target.takes(&changed), "bit {bit} of {at}: {changed}");
            }
        }
    }
}
