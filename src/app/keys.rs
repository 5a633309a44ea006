//! The commands about API keys. They work on the file, whether the server runs or not.

use std::io::Write;
use std::path::Path;

use anyhow::Context;

use super::identity::role_and_organizer;
use crate::clock::{Clock, SystemClock};
use crate::documents::rfc3339;
use crate::storage::access_keys::{AccessKeys, NewKey};

/// Makes a key and gives its text, which is shown once.
///
/// # Errors
/// A word that does not fit, or a file that cannot be used.
pub fn create_key(
    data_dir: &Path,
    role: &str,
    organizer: Option<&str>,
    name: &str,
) -> anyhow::Result<String> {
    let (role, organizer) = role_and_organizer(role, organizer)?;
    let new = NewKey { role, organizer, name: name.to_owned() };
    let random = (rand::random(), rand::random());
    let made = AccessKeys::of(data_dir).create(new, random, SystemClock::start().now())?;
    Ok(made.reveal())
}

/// Writes a table of all keys, without their secrets.
///
/// # Errors
/// A file that cannot be used.
pub fn list_keys(data_dir: &Path, out: &mut Vec<u8>) -> anyhow::Result<()> {
    let file = AccessKeys::of(data_dir);
    let (keys, used) = (file.read()?, file.last_used()?);
    let row = |out: &mut Vec<u8>, [id, role, organizer, made, used, state, name]: [&str; 7]| {
        writeln!(
            out,
            "{id:<8}  {role:<9}  {organizer:<16}  {made:<24}  {used:<20}  {state:<32}  {name}"
        )
    };
    row(out, ["id", "role", "organizer", "created", "last used", "state", "name"])
        .context("writing the table")?;
    for key in keys {
        let used = used.get(&key.id).map_or_else(|| "never".to_owned(), |at| rfc3339(*at));
        let state = key.revoked_at;
        let state =
            state.map_or_else(|| "good".to_owned(), |at| format!("revoked {}", rfc3339(at)));
        let organizer = key.organizer.as_ref().map_or("-", |organizer| organizer.as_str());
        let made = rfc3339(key.created_at);
        row(out, [&key.id, key.role.as_str(), organizer, &made, &used, &state, &key.name])
            .context("writing the table")?;
    }
    Ok(())
}

/// Revokes a key for good.
///
/// # Errors
/// No such key, or a file that cannot be used.
pub fn revoke_key(data_dir: &Path, id: &str) -> anyhow::Result<String> {
    let key = AccessKeys::of(data_dir).revoke(id, SystemClock::start().now())?;
    Ok(format!(
        "key {} ({}) is revoked; a running server refuses it within a second",
        key.id, key.name
    ))
}
