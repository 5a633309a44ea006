//! The trace that a request belongs to, as W3C Trace Context hands it over in `traceparent`, and for how
//! long it is remembered for what comes later of the same purchase.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::domain::ids::ReservationId;

/// A place in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// Not all zero.
    pub trace: [u8; 16],
    /// The span that asks, not all zero.
    pub span: [u8; 8],
    /// Whether whoever asks records it.
    pub sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent`. What is not one, to the letter, is as if it had not come: by the standard the
    /// trace then begins anew.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (version, rest) = (byte(bytes.get(..2)?)?, bytes.get(2..)?);
        if rest.len() < 53 || rest[0] != b'-' || rest[33] != b'-' || rest[50] != b'-' {
            return None;
        }
        // Version 0 ends here; later ones may go on behind a dash; 255 is none.
        let ends = match version {
            0 => rest.len() == 53,
            255 => false,
            _ => rest.len() == 53 || rest[53] == b'-',
        };
        let mut context = Self { trace: [0; 16], span: [0; 8], sampled: false };
        fill(&mut context.trace, &rest[1..33])?;
        fill(&mut context.span, &rest[34..50])?;
        context.sampled = byte(&rest[51..53])? & 1 == 1;
        let is_valid = ends && context.trace != [0; 16] && context.span != [0; 8];
        is_valid.then_some(context)
    }

    /// The trace in hexadecimal digits, for logs.
    #[must_use]
    pub fn trace_id(&self) -> String {
        hex::encode(self.trace)
    }
}

/// As `traceparent` of version 0.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (hex::encode(self.trace), hex::encode(self.span));
        write!(f, "00-{trace}-{span}-{:02x}", u8::from(self.sampled))
    }
}

/// Two lower-case hexadecimal digits; the standard allows no others.
fn byte(digits: &[u8]) -> Option<u8> {
    let digit = |b: &u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let [high, low] = digits else { return None };
    Some(digit(high)? << 4 | digit(low)?)
}

fn fill(bytes: &mut [u8], digits: &[u8]) -> Option<()> {
    for (to, digits) in bytes.iter_mut().zip(digits.chunks(2)) {
        *to = byte(digits)?;
    }
    Some(())
}

/// The newest trace of each purchase, so that the webhook that tells of it can say to which trace it
/// belongs. In memory and bounded: after a restart, or thousands of purchases later, a webhook says nothing.
#[derive(Debug, Default)]
pub struct Traces {
    kept: Mutex<Kept>,
    /// Whether there ever was one: nobody who uses no traces takes the lock.
    any: AtomicBool,
}

#[derive(Debug, Default)]
struct Kept {
    by_id: HashMap<ReservationId, TraceContext>,
    /// Oldest first.
    order: VecDeque<ReservationId>,
}

impl Traces {
    /// Purchases that are remembered, some 100 bytes each.
    pub const MAX: usize = 4_096;

    pub fn remember(&self, purchase: ReservationId, context: TraceContext) {
        self.any.store(true, Ordering::Relaxed);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.by_id.insert(purchase, context).is_none() {
            kept.order.push_back(purchase);
        }
        if Self::MAX < kept.order.len()
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.by_id.remove(&oldest);
        }
    }

    #[must_use]
    pub fn of(&self, purchase: ReservationId) -> Option<TraceContext> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.by_id.get(&purchase).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_to_the_letter_and_written_the_same() {
        let context = TraceContext::parse(GOOD).expect("the example of the standard");
        assert_eq!((context.to_string().as_str(), context.sampled), (GOOD, true));
        assert_eq!(context.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        let unsampled = GOOD.replace("-01", "-00");
        assert!(!TraceContext::parse(&unsampled).expect("good").sampled);
        assert!(TraceContext::parse(&GOOD.replace("-01", "-ff")).expect("good").sampled);
        // A later version may say more.
        assert_eq!(TraceContext::parse(&format!("cc{}-what-ever", &GOOD[2..])), Some(context));
    }

    #[test]
    fn what_is_no_traceparent_is_none() {
        let zeros = |from: &str, n: usize| GOOD.replace(from, &"0".repeat(n));
        let bad = [
            String::new(),
            "00".into(),
            GOOD[1..].into(),
            GOOD[..54].into(),
            format!("{GOOD}-x"),
            format!("{GOOD} "),
            format!(" {GOOD}"),
            format!("ff{}", &GOOD[2..]),
            format!("cc{}x", &GOOD[2..]),
            GOOD.to_uppercase(),
            GOOD.replace("4bf9", "4bg9"),
            GOOD.replace('-', "_"),
            GOOD.replace("-01", "-0x"),
            zeros("4bf92f3577b34da6a3ce929d0e0e4736", 32),
            zeros("00f067aa0ba902b7", 16),
            "é".repeat(30),
            "00-é".into(),
        ];
        for text in bad {
            assert_eq!(TraceContext::parse(&text), None, "{text:?}");
        }
    }

    #[test]
    fn the_newest_purchases_are_remembered_and_no_more() {
        let traces = Traces::default();
        let id = |sequence| ReservationId { sequence, salt: 7 };
        let context = TraceContext::parse(GOOD).expect("good");
        assert_eq!(traces.of(id(1)), None);
        let max = Traces::MAX as u64;
        for sequence in 1..=max + 10 {
            traces.remember(id(sequence), context);
            traces.remember(id(sequence), context);
        }
        assert_eq!(traces.of(id(10)), None);
        assert_eq!(traces.of(id(11)), Some(context));
        let kept = traces.kept.lock().expect("nobody panics");
        assert_eq!((kept.by_id.len(), kept.order.len()), (Traces::MAX, Traces::MAX));
    }
}
