//! What is counted of who asks. No key, customer or issuer is a label.

use super::CounterTable;

pub const IDENTITY_REFUSALS_TOTAL: &str = "onsale_identity_refusals_total";
pub const IDENTITY_TOKENS_TOTAL: &str = "onsale_identity_tokens_total";
pub const IDENTITY_KEY_SETS_TOTAL: &str = "onsale_identity_key_sets_total";

/// Counts credentials that were refused.
pub fn count_identity_refusal(reason: &'static str) {
    static COUNTERS: CounterTable = CounterTable::new(IDENTITY_REFUSALS_TOTAL, &["reason"]);
    COUNTERS.count([reason, ""], 1);
}

/// Counts a customer's token: `checked` by its signature, or `remembered`.
pub fn count_token(outcome: &'static str) {
    static COUNTERS: CounterTable = CounterTable::new(IDENTITY_TOKENS_TOTAL, &["outcome"]);
    COUNTERS.count([outcome, ""], 1);
}

/// Counts a look at an issuer's key set: `taken`, `unchanged` or `failed`.
pub fn count_key_set(outcome: &'static str) {
    static COUNTERS: CounterTable = CounterTable::new(IDENTITY_KEY_SETS_TOTAL, &["outcome"]);
    COUNTERS.count([outcome, ""], 1);
}
