//! Which types of entries somebody wants to hear of.

use crate::documents::entry::KINDS;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    wanted: Vec<&'static str>,
}

/// A pattern that no type fits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} fits no type; there are {}", KINDS.join(", "))]
pub struct TopicError {
    pattern: String,
}

impl Topics {
    /// From patterns with blanks between: a type, all types of one thing (`booking.*`), or `*`.
    ///
    /// # Errors
    /// One of them fits no type, so it is misspelt.
    pub fn parse(patterns: &str) -> Result<Self, TopicError> {
        let mut wanted = Vec::new();
        for pattern in patterns.split_whitespace() {
            let fits = |kind: &&str| match pattern.strip_suffix('*') {
                Some(start) => {
                    kind.starts_with(start) && (start.is_empty() || start.ends_with('.'))
                }
                None => *kind == pattern,
            };
            let before = wanted.len();
            wanted.extend(KINDS.into_iter().filter(fits));
            if wanted.len() == before {
                return Err(TopicError { pattern: pattern.to_owned() });
            }
        }
        Ok(Self { wanted })
    }

    #[must_use]
    pub fn want(&self, kind: &str) -> bool {
        self.wanted.contains(&kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_choose_types() {
        let of = |patterns| Topics::parse(patterns).expect(patterns);
        let some = of("reservation.* ticket.redeemed");
        assert!(some.want("reservation.held") && some.want("ticket.redeemed"));
        assert!(!some.want("booking.created") && !some.want("event.created"));
        assert!(KINDS.iter().all(|kind| of("*").want(kind)));
        assert!(!KINDS.iter().any(|kind| of("").want(kind)));
    }

    #[test]
    fn a_pattern_that_fits_nothing_is_refused_by_its_name() {
        for bad in
            ["bookings.*", "booking", "book*", "booking.*.x", "*.created", "reservation.Held"]
        {
            let error = Topics::parse(bad).expect_err(bad).to_string();
            assert!(
                error.starts_with(&format!("{bad:?} fits no type; there are event.")),
                "{error}"
            );
        }
    }
}
