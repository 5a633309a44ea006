//! Settings from the environment: `ONSALE__SECTION__KEY=value` wins over the file. Two underscores,
//! since keys have single ones. What begins so and is no setting is refused like a misspelt key.

use std::ffi::{OsStr, OsString};

use toml::Value;

use super::error::{ConfigError, Origin};
use super::raw::{Layers, type_in_words};

/// Begins the name of every variable that is a setting.
pub const PREFIX: &str = "ONSALE__";

/// Lays the variables that begin with [`PREFIX`] over `layers`, in the order of their names so that
/// the first of two mistakes is always the same one.
///
/// # Errors
/// An unknown section or key, or a text that is not of the key's type.
pub(super) fn lay(
    layers: &mut Layers,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(), ConfigError> {
    let mut ours: Vec<(String, OsString)> =
        variables.into_iter().filter_map(|(name, value)| Some((ours(&name)?, value))).collect();
    ours.sort();
    ours.into_iter().try_for_each(|(name, value)| lay_one(layers, &name, &value))
}

fn ours(name: &OsStr) -> Option<String> {
    let name = name.to_string_lossy();
    name.starts_with(PREFIX).then(|| name.into_owned())
}

fn lay_one(layers: &mut Layers, name: &str, text: &OsStr) -> Result<(), ConfigError> {
    let origin = Origin::Variable(name.to_owned());
    let path = name.strip_prefix(PREFIX).unwrap_or(name).to_ascii_lowercase();
    let Some((section, key)) = path.split_once("__") else {
        let reason = "is not of the form ONSALE__SECTION__KEY".to_owned();
        return Err(ConfigError::Section { origin, section: path, reason });
    };
    let Some(text) = text.to_str() else {
        let (key, value) = (path.replacen("__", ".", 1), "(not UTF-8)".to_owned());
        return Err(ConfigError::Setting { origin, key, value, reason: "must be UTF-8".into() });
    };
    let value = match layers.current(section, key) {
        Some(known) => read_as(known, text).map_err(|reason| ConfigError::Setting {
            origin: origin.clone(),
            key: format!("{section}.{key}"),
            value: super::error::shown(&Value::String(text.to_owned())),
            reason,
        })?,
        // Unknown: `lay` says so, naming what there is.
        None => Value::String(text.to_owned()),
    };
    layers.lay(section, key, value, origin)
}

/// `text` as a value of the type of `known`, or why not.
fn read_as(known: &Value, text: &str) -> Result<Value, String> {
    let read = match known {
        Value::Integer(_) => text.parse().ok().map(Value::Integer),
        Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
        Value::String(_) => Some(Value::String(text.to_owned())),
        Value::Float(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    };
    read.ok_or_else(|| format!("must be {}", type_in_words(known)))
}
