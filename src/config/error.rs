//! Why settings are refused: always one line that names where the value came from, the key, the value
//! and what would be right, because whoever reads it is looking at a server that did not start.

use std::fmt;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The `config.toml` compiled into the program.
    BuiltIn,
    /// A file, by the path it was asked for.
    File(String),
    /// An environment variable, by its name.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in settings"),
            Self::File(name) | Self::Variable(name) => f.write_str(name),
        }
    }
}

/// The server must not start with these settings. Displays as one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read: see to its path and its permissions.
    #[error("{file}: {reason}")]
    Unreadable { file: String, reason: String },
    /// The file is not TOML: mend the line.
    #[error("{origin}: line {line}: {reason}")]
    NotToml { origin: Origin, line: usize, reason: String },
    /// No such section.
    #[error("{origin}: [{section}]: {reason}")]
    Section { origin: Origin, section: String, reason: String },
    /// No such key, or a value out of its bounds.
    #[error("{origin}: {key} = {value}: {reason}")]
    Setting { origin: Origin, key: String, value: String, reason: String },
}

/// A value that breaks a bound, before it is known where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// `section.key`.
    pub(super) key: &'static str,
    pub(super) value: String,
    pub(super) reason: String,
    /// The other side of a bound between two keys, to be named if only that one was set by hand.
    pub(super) other_side: Option<Box<Unfit>>,
}

impl Unfit {
    pub(super) fn new(
        key: &'static str,
        value: impl fmt::Display,
        reason: impl Into<String>,
    ) -> Self {
        Self { key, value: value.to_string(), reason: reason.into(), other_side: None }
    }

    pub(super) fn or(self, other_side: Self) -> Self {
        Self { other_side: Some(Box::new(other_side)), ..self }
    }

    /// Names the origin, which `origin_of` knows by key.
    pub(super) fn locate(self, origin_of: impl Fn(&str) -> Origin) -> ConfigError {
        let origin = origin_of(self.key);
        if let (Origin::BuiltIn, Some(other)) = (&origin, self.other_side) {
            return other.locate(origin_of);
        }
        let Self { key, value, reason, .. } = self;
        ConfigError::Setting { origin, key: key.to_owned(), value, reason }
    }
}

/// A value as a person would write it, on one line and of bounded length.
pub(super) fn shown(value: &toml::Value) -> String {
    let full = match value {
        toml::Value::String(text) => format!("{text:?}"),
        toml::Value::Array(_) => "[...]".to_owned(),
        toml::Value::Table(_) => "{...}".to_owned(),
        toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => value.to_string(),
    };
    if full.chars().count() <= SHOWN_CHARS_MAX {
        full
    } else {
        full.chars().take(SHOWN_CHARS_MAX).chain("...".chars()).collect()
    }
}

/// Characters of a value that an error repeats; more would not be one line any longer.
const SHOWN_CHARS_MAX: usize = 80;
