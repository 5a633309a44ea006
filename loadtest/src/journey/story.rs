//! What a ledger says of one buyer: the reservation, then each step that was asked or heard, in order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ledger::Entry;

/// A line of a journey's ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    Reserved(Entry),
    Step {
        booking: String,
        #[serde(flatten)]
        step: Step,
    },
    /// The key of who gave up and may own a reservation that they were not told of.
    Unknown {
        unknown: String,
    },
}

/// What is asked is written before it is sent; what is heard, before it is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    BookAsked {
        token: String,
    },
    /// A 202.
    Accepted,
    /// The buyer was told how it ended.
    Told {
        status: String,
        reason: Option<String>,
    },
    Tickets {
        ids: Vec<String>,
    },
    CancelAsked,
}

/// One buyer's part of the ledger.
#[derive(Debug, Clone)]
pub struct Story {
    pub entry: Entry,
    pub steps: Vec<Step>,
}

impl Story {
    /// The token they paid with, if they asked to book.
    pub fn token(&self) -> Option<&str> {
        self.steps.iter().find_map(|step| match step {
            Step::BookAsked { token } => Some(token.as_str()),
            _ => None,
        })
    }

    pub fn has(&self, step: &Step) -> bool {
        self.steps.contains(step)
    }
}

/// A whole ledger.
#[derive(Debug, Default)]
pub struct Stories {
    /// In the order of their reservations.
    pub stories: Vec<Story>,
    pub unknown: u64,
    /// Steps of bookings whose reservation no line tells of.
    pub strays: Vec<String>,
}

impl Stories {
    pub fn of(lines: Vec<Line>) -> Self {
        let mut found = Self::default();
        let mut places = BTreeMap::new();
        for line in lines {
            match line {
                Line::Reserved(entry) => {
                    places.insert(entry.id.clone(), found.stories.len());
                    found.stories.push(Story { entry, steps: Vec::new() });
                }
                Line::Step { booking, step } => match places.get(&booking) {
                    Some(place) => found.stories[*place].steps.push(step),
                    None => found.strays.push(booking),
                },
                Line::Unknown { .. } => found.unknown += 1,
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_reads_back_as_it_was_written() {
        let entry =
            Entry { key: "k".into(), id: "i".into(), quantity: 1, expires_at: Some("t".into()) };
        let step = |step| Line::Step { booking: "i".into(), step };
        let lines = vec![
            Line::Reserved(entry),
            step(Step::BookAsked { token: "tok_load".into() }),
            step(Step::Accepted),
            step(Step::Told { status: "CONFIRMED".into(), reason: None }),
            step(Step::Tickets { ids: vec!["i-1".into()] }),
            step(Step::CancelAsked),
            Line::Unknown { unknown: "k2".into() },
            Line::Step { booking: "j".into(), step: Step::Accepted },
        ];
        let text: Vec<String> =
            lines.iter().map(|line| serde_json::to_string(line).expect("written")).collect();
        assert_eq!(text[1], r#"{"booking":"i","step":"book_asked","token":"tok_load"}"#);
        let read: Vec<Line> =
            text.iter().map(|line| serde_json::from_str(line).expect("read")).collect();
        assert_eq!(read, lines);
        let Stories { stories, unknown, strays } = Stories::of(read);
        assert_eq!((stories.len(), stories[0].steps.len(), unknown), (1, 5, 1));
        assert_eq!(stories[0].token(), Some("tok_load"));
        assert_eq!(strays, ["j"]);
    }
}
