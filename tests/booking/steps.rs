//! What may happen in a random history, and how often.

use proptest::prelude::*;

pub const HOLD_MS: u64 = 60_000;
pub const PAY_MS: u64 = 100_000;
pub const DAY_MS: u64 = 86_400_000;

/// `nth` counts from the newest reservation, `key` names one of a few.
#[derive(Debug, Clone)]
pub enum Step {
    Reserve {
        customer: u8,
        units: [u32; 2],
        key: Option<u8>,
    },
    Release {
        nth: usize,
    },
    Book {
        nth: usize,
        token: u8,
        key: Option<u8>,
        ways: Ways,
    },
    Hear {
        nth: usize,
        outcome: Heard,
        named: bool,
    },
    Cancel {
        nth: usize,
    },
    Refunded {
        nth: usize,
    },
    Redeem {
        nth: usize,
        ticket: u32,
        nonce: u8,
    },
    Told {
        nth: usize,
        how: Told,
    },
    Revive {
        nth: usize,
    },
    /// Time passes; perhaps nobody notices what is due.
    Wait {
        ms: u64,
        noticed: bool,
    },
    ClockBack {
        ms: u64,
    },
    Resize {
        pool: u16,
        capacity: u32,
    },
    Terms {
        limit: u32,
        retake: bool,
        pay_ms: u64,
    },
    CrashAndReplay,
    CheckpointAndRestore,
}

/// Which ways to them a buyer leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ways {
    pub email: bool,
    pub phone: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    Sent,
    Skipped,
    Failed,
    GivenUp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    Processing,
    Succeeded,
    Declined,
    Nothing,
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop_oneof![
        2 => Just(Heard::Processing),
        5 => Just(Heard::Succeeded),
        2 => Just(Heard::Declined),
        1 => Just(Heard::Nothing),
    ];
    let how =
        prop_oneof![Just(Told::Sent), Just(Told::Skipped), Just(Told::Failed), Just(Told::GivenUp)];
    let ways = (any::<bool>(), any::<bool>()).prop_map(|(email, phone)| Ways { email, phone });
    let key = || proptest::option::of(0..6_u8);
    // Mostly of the newest, so that something comes of it.
    let nth = || prop_oneof![3 => 0..3_usize, 1 => 0..20_usize];
    let ms = prop_oneof![0..PAY_MS, Just(HOLD_MS), Just(PAY_MS), Just(DAY_MS)];
    let step = prop_oneof![
        6 => (0..4_u8, [0..4_u32, 0..3_u32], key())
            .prop_map(|(customer, units, key)| Step::Reserve { customer, units, key }),
        1 => nth().prop_map(|nth| Step::Release { nth }),
        6 => (nth(), 0..2_u8, key(), ways)
            .prop_map(|(nth, token, key, ways)| Step::Book { nth, token, key, ways }),
        8 => (nth(), outcome, any::<bool>())
            .prop_map(|(nth, outcome, named)| Step::Hear { nth, outcome, named }),
        2 => nth().prop_map(|nth| Step::Cancel { nth }),
        1 => nth().prop_map(|nth| Step::Refunded { nth }),
        2 => (nth(), 0..4_u32, 0..2_u8)
            .prop_map(|(nth, ticket, nonce)| Step::Redeem { nth, ticket, nonce }),
        3 => (nth(), how).prop_map(|(nth, how)| Step::Told { nth, how }),
        1 => nth().prop_map(|nth| Step::Revive { nth }),
        4 => (ms, prop::bool::weighted(0.7)).prop_map(|(ms, noticed)| Step::Wait { ms, noticed }),
        1 => (0..PAY_MS).prop_map(|ms| Step::ClockBack { ms }),
        1 => (0..2_u16, 0..12_u32).prop_map(|(pool, capacity)| Step::Resize { pool, capacity }),
        1 => (1..9_u32, prop::bool::weighted(0.8), prop_oneof![Just(1_000), Just(PAY_MS)])
            .prop_map(|(limit, retake, pay_ms)| Step::Terms { limit, retake, pay_ms }),
        1 => Just(Step::CrashAndReplay),
        1 => Just(Step::CheckpointAndRestore),
    ];
    proptest::collection::vec(step, 1..200)
}
