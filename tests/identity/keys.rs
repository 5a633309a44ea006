//! API keys that somebody changed, and what it costs to check a key or a token.

use std::sync::Arc;

use onsale::domain::access::Role;
use onsale::domain::time::UnixMillis;
use onsale::http::KeyRing;
use onsale::storage::access_keys::{KeyText, StoredKey, secret_digest};

use crate::mutants::{Dice, Target, flipped};

fn no_changed_key_is_taken(count: u64) {
    let (ring, mut dice) = (KeyRing::default(), Dice(7));
    let random: Vec<([u8; 5], [u8; 32])> = (0..50)
        .map(|_| {
            let mut bytes = [0; 37];
            bytes.iter_mut().for_each(|byte| *byte = dice.next() as u8);
            let (id, secret) = bytes.split_at(5);
            (id.try_into().expect("5"), secret.try_into().expect("32"))
        })
        .collect();
    let texts: Vec<String> =
        random.iter().map(|(id, secret)| KeyText::new(id, *secret).reveal()).collect();
    ring.replace(
        random
            .iter()
            .map(|(id, secret)| StoredKey {
                id: KeyText::new(id, *secret).id().to_owned(),
                role: Role::Operator,
                organizer: None,
                name: "x".into(),
                created_at: UnixMillis(1),
                revoked_at: None,
                digest: secret_digest(secret),
            })
            .collect(),
    );
    let now = UnixMillis(60_000);
    assert!(texts.iter().all(|text| ring.check(text, now).is_ok()));
    for _ in 0..count {
        let (text, other) = (dice.one_of(&texts).clone(), dice.one_of(&texts).clone());
        let cut = dice.below(text.len());
        let changed = match dice.below(6) {
            0 | 1 => flipped(&mut dice, &text).1,
            2 => format!("{}{}", &text[..16], &other[16..]),
            3 => text[..cut].to_owned(),
            4 => format!("{text}{}", dice.one_of(&["A", "=", " ", "_"])),
            _ => format!(
                "{}{}{}",
                &text[..cut],
                (b'a' + (dice.next() % 26) as u8) as char,
                &text[cut + 1..]
            ),
        };
        if !texts.contains(&changed) {
            assert!(ring.check(&changed, now).is_err(), "{changed}");
        }
    }
}

#[test]
fn no_changed_key_opens_anything() {
    no_changed_key_is_taken(20_000);
}

#[test]
#[ignore = "some seconds with --release"]
fn none_of_a_million_changed_keys_opens_anything() {
    no_changed_key_is_taken(1_000_000);
}

/// What a check costs; printed, not judged: `cargo test --release ... -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn what_a_check_costs() {
    let remembering = Target::new(1_024);
    let forgetting = Target::new(0);
    for issuer in &remembering.issuers {
        let token = issuer.token("fan");
        for (name, target) in [("remembered", &remembering), ("checked", &forgetting)] {
            let rounds = if name == "checked" { 2_000 } else { 200_000 };
            target.tokens.learn(0, remembering.issuers[0].jwks().as_bytes()).ok();
            let own = forgetting.issuers.iter().zip(&remembering.issuers);
            let at = own.enumerate().find(|(_, (_, one))| one.name == issuer.name).expect("it").0;
            target.tokens.learn(at, issuer.jwks().as_bytes()).ok();
            let started = std::time::Instant::now();
            (0..rounds).for_each(|_| assert!(target.takes(&token)));
            let each = started.elapsed() / rounds;
            println!("{} {name}: {each:?}", issuer.signer.algorithm());
        }
    }
    let (ring, text) = (Arc::new(KeyRing::default()), KeyText::new(&[1; 5], [2; 32]));
    let digest = secret_digest(&[2; 32]);
    let (id, name, created_at) = (text.id().to_owned(), "x".into(), UnixMillis(1));
    let (role, organizer, revoked_at) = (Role::Operator, None, None);
    ring.replace(vec![StoredKey { id, role, organizer, name, created_at, revoked_at, digest }]);
    let sent = text.reveal();
    let started = std::time::Instant::now();
    (0..200_000).for_each(|_| assert!(ring.check(&sent, UnixMillis(60_000)).is_ok()));
    println!("key: {:?}", started.elapsed() / 200_000);
}
