//! Keys that were made are read back, one after the other and at the same time.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

fn shop(name: &str) -> NewKey {
    let organizer = Some(OrganizerId::parse("acme").unwrap());
    NewKey { role: Role::Service, organizer, name: name.into() }
}

#[test]
fn a_key_reads_as_it_was_made_and_its_secret_is_not_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let keys = AccessKeys::of(dir.path());
    assert_eq!((keys.stamp().unwrap(), keys.read().unwrap()), (None, vec![]));
    let text = keys.create(shop("Läden"), ([1; 5], [2; 32]), UnixMillis(1_000)).unwrap();
    let (id, secret) = KeyText::split(&text.reveal()).map(|(id, s)| (id.to_owned(), s)).unwrap();
    assert_eq!((id.as_str(), secret), (text.id(), [2; 32]));
    let read = keys.read().unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!((&read[0].id, read[0].digest), (&id, secret_digest(&secret)));
    let file = fs::read_to_string(dir.path().join("access/keys.json")).unwrap();
    let written = text.reveal();
    assert!(!file.contains(written.rsplit_once('_').unwrap().1), "{file}");
    assert!(!format!("{text:?}").contains(written.rsplit_once('_').unwrap().1));
    let mode = fs::metadata(dir.path().join("access/keys.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let revoked = keys.revoke(&id, UnixMillis(2_000)).unwrap();
    assert_eq!(keys.revoke(&id, UnixMillis(3_000)).unwrap(), revoked);
    assert_eq!(keys.read().unwrap()[0].revoked_at, Some(UnixMillis(2_000)));
}

#[test]
fn commands_at_the_same_time_lose_no_key() {
    let dir = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for n in 0..8_u8 {
            let keys = AccessKeys::of(dir.path());
            scope.spawn(move || {
                for m in 0..5_u8 {
                    let random = ([n, m, 0, 0, 0], [n; 32]);
                    keys.create(shop("x"), random, UnixMillis(1)).unwrap();
                }
            });
        }
    });
    assert_eq!(AccessKeys::of(dir.path()).read().unwrap().len(), 40);
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let keys = AccessKeys::of(dir.path());
    let make = |new| keys.create(new, ([1; 5], [2; 32]), UnixMillis(1));
    let lonely = NewKey { organizer: None, ..shop("x") };
    assert!(matches!(make(lonely), Err(AccessKeysError::Organizer { role: Role::Service })));
    let owned = NewKey { role: Role::Operator, ..shop("x") };
    assert!(matches!(make(owned), Err(AccessKeysError::Organizer { role: Role::Operator })));
    for name in ["", " ", "a\nb", &"x".repeat(101)] {
        assert!(matches!(make(shop(name)), Err(AccessKeysError::Name)), "{name:?}");
    }
    assert!(matches!(
        keys.revoke("aaaaaaaa", UnixMillis(1)),
        Err(AccessKeysError::NoSuchKey { .. })
    ));
    make(shop("x")).unwrap();
    assert!(matches!(make(shop("x")), Err(AccessKeysError::IdTaken)));
    assert_eq!(keys.read().unwrap().len(), 1);
}

#[test]
fn a_file_that_others_may_open_or_that_is_damaged_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let keys = AccessKeys::of(dir.path());
    keys.create(shop("x"), ([1; 5], [2; 32]), UnixMillis(1)).unwrap();
    let path = dir.path().join("access/keys.json");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(keys.read(), Err(AccessKeysError::OpenToOthers { mode: 0o640, .. })));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let whole = fs::read_to_string(&path).unwrap();
    for bad in [
        whole[..whole.len() / 2].to_owned(),
        whole.replace("service", "emperor"),
        whole.replace("\"acme\"", "null"),
        whole.replace("\"version\": 1", "\"version\": 2"),
        whole.replace("created_at", "made_at"),
    ] {
        fs::write(&path, bad).unwrap();
        assert!(matches!(keys.read(), Err(AccessKeysError::Damaged { .. })));
    }
}

#[test]
fn only_one_spelling_is_a_key() {
    let good = KeyText::new(&[1; 5], [2; 32]).reveal();
    assert!(KeyText::split(&good).is_some());
    let last = |c: char| format!("{}{c}", &good[..good.len() - 1]);
    let bad = [
        good.to_uppercase(),
        good.replacen("onsale_", "onsale-", 1),
        good[..good.len() - 1].to_owned(),
        format!("{good}A"),
        format!("{good}="),
        format!(" {good}"),
        // The last character holds four bits of the secret; the rest of it must be zero.
        last('J'),
        last('+'),
        "onsale_".into(),
        "onsale_ääää".into(),
        String::new(),
    ];
    bad.iter().for_each(|text| assert_eq!(KeyText::split(text), None, "{text}"));
}

#[test]
fn when_a_key_was_used_is_kept_apart() {
    let dir = tempfile::tempdir().unwrap();
    let keys = AccessKeys::of(dir.path());
    keys.create(shop("x"), ([1; 5], [2; 32]), UnixMillis(1)).unwrap();
    assert!(keys.last_used().unwrap().is_empty());
    let used = BTreeMap::from([("aeaqcaib".to_owned(), UnixMillis(60_000))]);
    keys.write_last_used(&used).unwrap();
    assert_eq!(keys.last_used().unwrap(), used);
}
