//! What the directory promises: keys come back, rotation forgets none, anything odd is refused by name.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

const NOW: UnixMillis = UnixMillis(1_811_872_800_123);

fn open(data_dir: &Path) -> Result<TicketKeys, TicketKeysError> {
    TicketKeys::open(data_dir, [1; 32], NOW)
}

/// A data directory with one key, and the path of its file.
fn one_key() -> (tempfile::TempDir, PathBuf) {
    let data_dir = tempfile::tempdir().unwrap();
    let id = open(data_dir.path()).unwrap().signing().id();
    let path = data_dir.path().join(NAME).join(format!("{id}.key"));
    (data_dir, path)
}

fn files(data_dir: &Path) -> usize {
    fs::read_dir(data_dir.join(NAME)).unwrap().count()
}

#[test]
fn the_first_opening_makes_a_key_and_the_next_finds_it() {
    let data_dir = tempfile::tempdir().unwrap();
    let first = open(data_dir.path()).unwrap();
    let again = TicketKeys::open(data_dir.path(), [2; 32], NOW).unwrap();
    assert!(first.is_new() && !again.is_new());
    assert_eq!(first.signing().id(), SigningKey::from_seed(&[1; 32]).id());
    assert_eq!(first.signing().id(), again.signing().id());
    assert_eq!(files(data_dir.path()), 1);
}

#[test]
fn only_the_owner_may_look() {
    let (data_dir, path) = one_key();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(&path), mode(&data_dir.path().join(NAME))), (0o600, 0o700));
}

#[test]
fn the_newest_key_signs_and_all_verify_also_after_the_clock_was_set_back() {
    let data_dir = tempfile::tempdir().unwrap();
    let mut keys = open(data_dir.path()).unwrap();
    let first = keys.signing().id();
    let second = keys.rotate([2; 32], UnixMillis(5)).unwrap();
    for keys in [keys, open(data_dir.path()).unwrap()] {
        assert_eq!(keys.signing().id(), second);
        assert!([first, second].iter().all(|id| keys.ring().get(*id).is_some()));
        let set = keys.public_set();
        let ids: Vec<&str> = set.keys.iter().map(|key| key.kid.as_str()).collect();
        assert_eq!(ids, [second.to_string(), first.to_string()]);
    }
}

#[test]
fn a_key_is_not_added_twice_and_not_without_end() {
    let data_dir = tempfile::tempdir().unwrap();
    let mut keys = open(data_dir.path()).unwrap();
    assert!(matches!(keys.rotate([1; 32], NOW), Err(TicketKeysError::IdTaken { .. })));
    for seed in 2..=64 {
        keys.rotate([seed; 32], NOW).unwrap();
    }
    assert!(matches!(keys.rotate([65; 32], NOW), Err(TicketKeysError::TooMany { .. })));
    assert_eq!(open(data_dir.path()).unwrap().public_set().keys.len(), 64);
    let id = SigningKey::from_seed(&[65; 32]).id();
    fs::write(data_dir.path().join(NAME).join(format!("{id}.key")), "").unwrap();
    assert!(matches!(open(data_dir.path()), Err(TicketKeysError::TooMany { .. })));
}

#[test]
fn each_flipped_bit_of_a_file_is_refused_by_name() {
    let (data_dir, path) = one_key();
    let good = fs::read(&path).unwrap();
    for at in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[at / 8] ^= 1 << (at % 8);
        fs::write(&path, &bad).unwrap();
        let error = open(data_dir.path()).expect_err("damage is taken");
        assert!(error.to_string().contains(path.to_str().unwrap()), "bit {at}: {error}");
    }
    for cut in 0..good.len() {
        fs::write(&path, &good[..cut]).unwrap();
        let error = open(data_dir.path()).expect_err("a cut file is taken");
        assert!(matches!(error, TicketKeysError::Damaged { .. }), "cut at {cut}: {error}");
    }
    fs::write(&path, [&good[..], b"\n"].concat()).unwrap();
    assert!(matches!(open(data_dir.path()), Err(TicketKeysError::Damaged { .. })));
}

#[test]
fn what_others_may_open_is_refused_by_name() {
    let (data_dir, path) = one_key();
    let dir = data_dir.path().join(NAME);
    for (path, mode, good) in [(&path, 0o640, 0o600), (&path, 0o602, 0o600), (&dir, 0o770, 0o700)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        let error = open(data_dir.path()).expect_err("an open file is taken").to_string();
        let names = error.contains(path.to_str().unwrap());
        assert!(names && error.contains(&format!("{mode:o}")), "{error}");
        fs::set_permissions(path, Permissions::from_mode(good)).unwrap();
        assert!(open(data_dir.path()).is_ok());
    }
}

#[test]
fn foreign_files_are_refused_by_name() {
    let (data_dir, path) = one_key();
    let dir = data_dir.path().join(NAME);
    for name in ["README", "backup.key", "1a2b3c4d.key.bak", "1A2B3C4D.key", ".key"] {
        let stranger = dir.join(name);
        fs::write(&stranger, fs::read(&path).unwrap()).unwrap();
        let error = open(data_dir.path()).expect_err("a foreign file is taken");
        assert!(
            matches!(&error, TicketKeysError::Foreign { path } if *path == stranger),
            "{error}"
        );
        fs::remove_file(stranger).unwrap();
    }
    let other = dir.join("1a2b3c4d.key");
    symlink(&path, &other).unwrap();
    assert!(
        matches!(open(data_dir.path()), Err(TicketKeysError::Foreign { path }) if path == other)
    );
    fs::remove_file(&other).unwrap();
    fs::create_dir(&other).unwrap();
    assert!(
        matches!(open(data_dir.path()), Err(TicketKeysError::Foreign { path }) if path == other)
    );
    fs::remove_dir(&other).unwrap();
    fs::copy(&path, &other).unwrap();
    assert!(
        matches!(open(data_dir.path()), Err(TicketKeysError::Damaged { path, .. }) if path == other)
    );
}

#[test]
fn what_a_crash_left_unfinished_is_cleared_away() {
    let (data_dir, path) = one_key();
    let left = data_dir.path().join(NAME).join("1a2b3c4d.key-unfinished");
    let whole = fs::read(&path).unwrap();
    fs::write(&left, &whole[..20]).unwrap();
    assert_eq!(open(data_dir.path()).unwrap().public_set().keys.len(), 1);
    assert!(!left.exists());
}

#[test]
fn the_public_set_is_a_jwk_set_without_secrets() {
    let data_dir = tempfile::tempdir().unwrap();
    let keys = TicketKeys::open(data_dir.path(), [7; 32], NOW).unwrap();
    let json = serde_json::to_value(keys.public_set()).unwrap();
    let expected = serde_json::json!({"keys": [{
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "nbf": 1_811_872_800,
        "kid": keys.signing().id().to_string(),
        "x": "6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw",
    }]});
    assert_eq!(json, expected);
    assert!(!format!("{keys:?}").contains("0707"));
}
