//! Lists in pages: `?limit=&cursor=`, and a `next_cursor` in the answer while there is more.

use super::problem::{FieldErrors, Problem};

/// What was asked for; `C` is what a cursor of this list names.
#[derive(Debug)]
pub(super) struct Page<C> {
    /// Bounds: 1 to [`LIMIT_MAX`].
    pub limit: usize,
    pub cursor: Option<C>,
}

const LIMIT_MAX: usize = 1_000;
const LIMIT: usize = 100;

impl<C> Page<C> {
    /// `read` takes the cursors that this list gives.
    ///
    /// # Errors
    /// 400 with each bad parameter named.
    pub fn parse(query: &str, read: impl Fn(&str) -> Option<C>) -> Result<Self, Problem> {
        let mut errors = FieldErrors::default();
        let mut page = Self { limit: LIMIT, cursor: None };
        let mut seen = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if seen.contains(&name) {
                errors.add(name, "must be sent once");
                continue;
            }
            // No more than there are.
            if matches!(name, "limit" | "cursor") {
                seen.push(name);
            }
            match name {
                "limit" => match value.parse() {
                    Ok(limit) if (1..=LIMIT_MAX).contains(&limit) => page.limit = limit,
                    Ok(_) | Err(_) => errors.add("limit", format!("must be 1 to {LIMIT_MAX}")),
                },
                "cursor" => {
                    let cursor = read(value).ok_or_else(|| "is not one that was given".to_owned());
                    page.cursor = errors.check("cursor", cursor);
                }
                name => errors.add(name, "is not a parameter of this list"),
            }
        }
        errors.finish(Some(page))
    }
}
