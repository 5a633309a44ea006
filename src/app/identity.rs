//! Joins who callers are: the file of API keys, the issuers of customers' tokens, and the tasks that notice
//! when either changes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Deserialize;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::clock::Clock;
use crate::config::{Config, IdentityConfig, IdentityMode};
use crate::domain::access::Role;
use crate::domain::ids::OrganizerId;
use crate::http::{Algorithm, Identity, IssuerOptions, KeyRing, Tokens, TokensOptions};
use crate::metrics;
use crate::providers::jwks::JwksSource;
use crate::storage::access_keys::AccessKeys;

/// How soon a key that was made or revoked counts.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often it is written when keys were last used.
const NOTE_EVERY: Duration = Duration::from_secs(20);
/// How long the start waits for an issuer; until it answers, its customers' tokens are refused.
const FIRST_LOOK_MAX: Duration = Duration::from_secs(3);
/// Strangers' tokens must not make us ask an issuer for its keys more often.
const WANTED_EVERY: Duration = Duration::from_secs(60);

/// Keep in step what the door asks; they end when this is dropped.
#[derive(Default)]
pub(super) struct Tasks(Vec<JoinHandle<()>>);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// # Errors
/// A file of keys or issuers that cannot be used, or an issuer's file of keys that cannot be read; an issuer
/// that does not answer is only warned of.
pub(super) async fn join(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<(Identity, Tasks)> {
    if config.identity.mode == IdentityMode::Development {
        tracing::warn!(
            "IDENTITY IS OFF: identity.mode is \"development\", whoever reaches this server may do \
             everything; only loopback is served. Before others may reach it, set it to \"keys\""
        );
        return Ok((Identity::development(), Tasks::default()));
    }
    let (options, sources): (Vec<_>, Vec<_>) = issuers(&config.identity)?.into_iter().unzip();
    let tokens = Arc::new(Tokens::new(
        TokensOptions {
            issuers: options,
            leeway_s: config.identity.leeway_s,
            life_s_max: config.identity.token_s_max,
            remembered_max: config.identity.tokens_remembered_max,
        },
        rand::random(),
    ));
    let mut tasks = Tasks::default();
    for (at, source) in sources.into_iter().enumerate() {
        let keys = IssuerKeys { at, source, tokens: Arc::clone(&tokens) };
        let looked = timeout(FIRST_LOOK_MAX, keys.look()).await;
        let looked = looked.unwrap_or_else(|_| Err(anyhow::Error::msg("no answer so far")));
        let trouble = match looked.with_context(|| format!("issuer {}", at + 1)) {
            Err(error) if keys.source.is_file() => return Err(error.context("[identity] issuers")),
            looked => looked.err().map(|error| format!("{error:#}")),
        };
        keys.tell(&None, &trouble);
        tasks.0.push(tokio::spawn(keys.keep(config.identity.jwks_refresh, trouble)));
    }
    let file = AccessKeys::of(&config.storage.data_dir);
    let (ring, stamp) = (Arc::new(KeyRing::default()), file.stamp()?);
    ring.replace(file.read()?);
    if ring.is_empty() {
        tracing::warn!("there are no keys yet; make one with `onsale keys create`");
    }
    tasks.0.push(tokio::spawn(keep_keys(file, Arc::clone(&ring), stamp)));
    Ok((Identity::new(ring, tokens, Arc::clone(clock)), tasks))
}

/// Whether the settings of identity can be used, as far as that can be told without asking anybody.
///
/// # Errors
/// What is wrong with the file of issuers.
pub fn check(config: &Config) -> anyhow::Result<()> {
    issuers(&config.identity).map(drop)
}

/// Reads the file anew whenever it changed, and notes now and then when keys were used.
async fn keep_keys(
    file: AccessKeys,
    ring: Arc<KeyRing>,
    mut seen: Option<crate::storage::access_keys::Stamp>,
) {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut noted_at, mut noted) = (Instant::now(), file.last_used().unwrap_or_default());
    loop {
        looks.tick().await;
        // Looking at a file of some kilobytes takes microseconds. One that cannot be looked at is as if there
        // were none, but for the keys, which stay.
        let (stamp, read) = match file.stamp() {
            Ok(stamp) if stamp == seen => (stamp, None),
            Ok(stamp) => (stamp, Some(file.read())),
            Err(_) if seen.is_none() => (None, None),
            Err(error) => (None, Some(Err(error))),
        };
        // Also after an error, which is then told once and not twice a second.
        seen = stamp;
        match read {
            None => {}
            Some(Ok(keys)) => {
                ring.replace(keys);
                tracing::info!(keys = ring.len(), "the keys have changed");
            }
            Some(Err(error)) => tracing::error!(%error, "the keys stay as they were"),
        }
        if NOTE_EVERY <= noted_at.elapsed() {
            noted_at = Instant::now();
            let mut used = noted.clone();
            used.extend(ring.last_used());
            if used != noted {
                match file.write_last_used(&used) {
                    Ok(()) => noted = used,
                    Err(error) => tracing::warn!(%error, "when keys were used is not noted"),
                }
            }
        }
    }
}

/// The keys of one issuer.
struct IssuerKeys {
    at: usize,
    source: JwksSource,
    tokens: Arc<Tokens>,
}

impl IssuerKeys {
    /// Looks at the set once. Whatever fails, the keys that are known stay.
    async fn look(&self) -> anyhow::Result<()> {
        let set = self.source.fetch().await.map_err(anyhow::Error::new);
        let learned =
            set.and_then(|set| self.tokens.learn(self.at, &set).map_err(anyhow::Error::msg));
        match learned {
            Ok(None) => {
                metrics::count_key_set("unchanged");
                Ok(())
            }
            Ok(Some(keys)) => {
                metrics::count_key_set("taken");
                tracing::info!(issuer = self.at + 1, keys, "took an issuer's keys");
                Ok(())
            }
            Err(error) => {
                metrics::count_key_set("failed");
                Err(error)
            }
        }
    }

    /// Each trouble once, however often it is met.
    fn tell(&self, before: &Option<String>, now: &Option<String>) {
        if let Some(error) = now.as_ref().filter(|_| before != now) {
            tracing::warn!(issuer = self.at + 1, error, "an issuer's keys stay as they were");
        }
    }

    /// `trouble`: what came of the first look, if it was trouble.
    async fn keep(self, refresh: Duration, mut trouble: Option<String>) {
        let every = if self.source.is_file() { Duration::from_secs(1) } else { refresh };
        let wanted = self.tokens.wanted(self.at);
        let mut looked_at = Instant::now();
        loop {
            // After a failure soon again, so that a server that started before its issuer need not wait.
            let rest = if trouble.is_none() { every } else { every.min(WANTED_EVERY) };
            // Early when somebody shows a key that is not known, though not at once again.
            if timeout(rest, wanted.notified()).await.is_ok() {
                let least = WANTED_EVERY.min(every);
                tokio::time::sleep(least.saturating_sub(looked_at.elapsed())).await;
            }
            looked_at = Instant::now();
            let now = self.look().await.err().map(|error| format!("{error:#}"));
            self.tell(&trouble, &now);
            trouble = now;
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuersFile {
    #[serde(default)]
    issuer: Vec<IssuerSaid>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuerSaid {
    issuer: String,
    audience: String,
    algorithm: String,
    jwks: String,
    organizer: Option<String>,
    #[serde(default)]
    customer_prefix: String,
}

/// Issuers at the most: each is a task and a set of keys.
const ISSUERS_MAX: usize = 100;

fn issuers(config: &IdentityConfig) -> anyhow::Result<Vec<(IssuerOptions, JwksSource)>> {
    let Some(path) = &config.issuers else { return Ok(Vec::new()) };
    let file = || format!("[identity] issuers: {}", path.display());
    let text = std::fs::read_to_string(path).with_context(file)?;
    parse_issuers(&text, path.parent().unwrap_or(Path::new(""))).with_context(file)
}

/// `base`: what paths of key sets are relative to.
fn parse_issuers(text: &str, base: &Path) -> anyhow::Result<Vec<(IssuerOptions, JwksSource)>> {
    let IssuersFile { issuer: said } = toml::from_str(text)?;
    ensure!(said.len() <= ISSUERS_MAX, "more than {ISSUERS_MAX} issuers");
    let mut issuers: Vec<(IssuerOptions, JwksSource)> = Vec::with_capacity(said.len());
    for (at, said) in said.into_iter().enumerate() {
        let (options, source) =
            said.check(base).with_context(|| format!("issuer {} of the file", at + 1))?;
        for (other, _) in &issuers {
            ensure!(other.issuer != options.issuer, "{:?} stands twice", &*options.issuer);
            let meet = match (&other.organizer, &options.organizer) {
                (Some(one), Some(other)) => one == other,
                _ => true,
            };
            let (one, two) = (&other.customer_prefix, &options.customer_prefix);
            // Else one issuer's customer 7 could be made the other's.
            ensure!(
                !meet || !(one.starts_with(two.as_str()) || two.starts_with(one.as_str())),
                "{:?} and {:?} vouch for customers of the same events; give each a customer_prefix of \
                 its own, of which none begins with the other",
                &*other.issuer,
                &*options.issuer,
            );
        }
        issuers.push((options, source));
    }
    Ok(issuers)
}

impl IssuerSaid {
    fn check(self, base: &Path) -> anyhow::Result<(IssuerOptions, JwksSource)> {
        ensure!(!self.issuer.is_empty(), "issuer: must not be empty");
        ensure!(!self.audience.is_empty(), "audience: must not be empty");
        let algorithm = Algorithm::parse(&self.algorithm);
        let algorithm =
            algorithm.context("algorithm: must be \"EdDSA\", \"ES256\" or \"RS256\"")?;
        let organizer = self.organizer.as_deref().map(OrganizerId::parse).transpose();
        let organizer = organizer.context("organizer")?;
        ensure!(self.customer_prefix.len() <= 100, "customer_prefix: must have at most 100 bytes");
        ensure!(!self.jwks.is_empty(), "jwks: must be a file or a URL");
        let is_url = self.jwks.contains("://");
        let at =
            if is_url { self.jwks.clone() } else { base.join(&self.jwks).display().to_string() };
        let source = JwksSource::parse(&at).context("jwks")?;
        let options = IssuerOptions {
            issuer: self.issuer.into(),
            audience: self.audience,
            algorithm,
            organizer,
            customer_prefix: self.customer_prefix,
        };
        Ok((options, source))
    }
}

/// The role and organizer of a key to be made, from the words of the command line.
///
/// # Errors
/// Names what is wrong with which word.
pub(super) fn role_and_organizer(
    role: &str,
    organizer: Option<&str>,
) -> anyhow::Result<(Role, Option<OrganizerId>)> {
    let roles = Role::ALL.map(Role::as_str).join(", ");
    let role =
        Role::parse(role).with_context(|| format!("--role {role}: must be one of {roles}"))?;
    let organizer = organizer.map(|organizer| {
        OrganizerId::parse(organizer).with_context(|| format!("--organizer {organizer}"))
    });
    Ok((role, organizer.transpose()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(issuer: &str, more: &str) -> String {
        format!(
            "[[issuer]]\nissuer = \"{issuer}\"\naudience = \"onsale\"\nalgorithm = \"EdDSA\"\n\
             jwks = \"{issuer}.json\"\n{more}\n"
        )
    }

    #[test]
    fn issuers_are_read_and_their_files_stand_beside() {
        let text = said("a", "organizer = \"acme\"") + &said("b", "organizer = \"other\"");
        let read = parse_issuers(&text, Path::new("/etc/onsale")).unwrap();
        let organizers: Vec<_> = read.iter().map(|(o, _)| o.organizer.clone().unwrap()).collect();
        assert_eq!(
            organizers.iter().map(OrganizerId::as_str).collect::<Vec<_>>(),
            ["acme", "other"]
        );
        let JwksSource::File(path) = &read[0].1 else { panic!("a file") };
        assert_eq!(path, Path::new("/etc/onsale/a.json"));
    }

    #[test]
    fn what_could_mix_up_people_is_refused() {
        let refused = |text: String| {
            format!("{:#}", parse_issuers(&text, Path::new("")).err().expect("refused"))
        };
        assert!(refused(said("a", "") + &said("a", "")).contains("twice"));
        for (one, two) in [
            ("", ""),
            ("organizer = \"acme\"", ""),
            ("organizer = \"acme\"", "organizer = \"acme\""),
            ("customer_prefix = \"a\"", "customer_prefix = \"ab\""),
            ("customer_prefix = \"a\"", ""),
        ] {
            let text = said("a", one) + &said("b", two);
            assert!(refused(text).contains("customer_prefix"), "{one} {two}");
        }
        let apart = said("a", "customer_prefix = \"a:\"") + &said("b", "customer_prefix = \"b:\"");
        assert_eq!(parse_issuers(&apart, Path::new("")).unwrap().len(), 2);
    }

    #[test]
    fn a_mistake_in_the_file_is_named() {
        for (from, to, word) in [
            ("EdDSA", "HS256", "algorithm"),
            ("EdDSA", "none", "algorithm"),
            ("a.json", "http://example.org/jwks", "jwks"),
            ("\"onsale\"", "\"\"", "audience"),
            ("audience", "audiense", "audiense"),
        ] {
            let text = said("a", "").replace(from, to);
            let error = parse_issuers(&text, Path::new("")).err().expect("refused");
            assert!(format!("{error:#}").contains(word), "{error:#}");
        }
    }
}
