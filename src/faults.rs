//! Planted bugs, so that the tests can show that they would notice. A recovery test that also passes
//! while the server skips its disk sync proves nothing; so the same test runs once more against a
//! build with the cargo feature `faults` and the bug switched on by `ONSALE_FAULT=word,word`.
//!
//! Without the feature, as in every release build, [`planted`] is the constant `false` and the
//! branches behind it are compiled away. The same holds for [`crash_at`], the places at which a process may
//! be told to die.
//!
//! | word | what goes wrong |
//! |---|---|
//! | `reply_before_commit` | answers leave before their facts are on disk (INV-5) |
//! | `skip_fdatasync` | sled is flushed, its file is not synced: lost in a power cut |
//! | `skip_flush` | records stay in sled's buffer: lost in a `kill -9` |
//! | `forget_last_record` | recovery leaves out the newest record (INV-6) |
//! | `ignore_watermark` | a journal that ends before what was acknowledged is accepted (P7) |
//! | `ignore_full_disk` | selling goes on while the disk is short of space |
//! | `ignore_append_error` | answers leave although the journal refused their facts (P5) |
//! | `panic_on_customer` | a shard panics when the customer named `panic` reserves |
//! | `panic_on_fingerprint` | a host panics when the fan joins whose fingerprint is all ones |
//! | `pass_for_anybody` | a pass is taken from whoever shows it |
//! | `open_gate` | a reservation is asked for no pass |
//! | `challenge_again` | a solved challenge may be used again |
//! | `ignore_shoppers` | fans are let in as if nobody who was let in before still shopped (INV-11) |
//! | `charge_anew` | each try to charge a card has a key of its own |
//! | `unknown_is_declined` | a charge that was not answered counts as declined |
//! | `refund_by_key_only` | a refund that is under way is only asked for again, never looked up |
//! | `skip_look_up` | a charge that was not answered is only tried again, never looked up |
//! | `note_before_send` | a message is noted as sent, then sent |
//! | `note_before_announce` | a webhook is noted as taken, then sent |
//! | `log_skips_frame` | one fact in a hundred is left out when an epoch's log is kept |
//! | `any_organizer` | whose event it is does not matter |
//! | `any_role` | what a caller's role is does not matter |
//! | `show_to_anybody` | whose reservation, booking or place it is does not matter |
//! | `share_idempotency_keys` | an idempotency key is the same whoever sends it |
//! | `ignore_signature` | a customer's token is taken for what it says |
//! | `ignore_exp` | a customer's token is good for ever |
//! | `ignore_limits` | no limit refuses anybody |
//! | `trust_anybody` | a header that says who the client is is believed whoever sends it |
//! | `shed_nothing` | however much is under way, nothing is refused for it |
//! | `forget_debts` | a restart forgets who has used up their limits |
//! | `audit_late` | a privileged change is answered before its entry in the audit log is on the disk |
//! | `tell_undurable` | an event's log tells what is not on the disk yet (P8) |

/// Every word that [`planted`] may be asked for.
pub const WORDS: &[&str] = &[
    "reply_before_commit",
    "skip_fdatasync",
    "skip_flush",
    "forget_last_record",
    "ignore_watermark",
    "ignore_full_disk",
    "ignore_append_error",
    "panic_on_customer",
    "panic_on_fingerprint",
    "pass_for_anybody",
    "open_gate",
    "challenge_again",
    "ignore_shoppers",
    "charge_anew",
    "unknown_is_declined",
    "refund_by_key_only",
    "skip_look_up",
    "note_before_send",
    "note_before_announce",
    "log_skips_frame",
    "any_organizer",
    "any_role",
    "show_to_anybody",
    "share_idempotency_keys",
    "ignore_signature",
    "ignore_exp",
    "tell_undurable",
    "ignore_limits",
    "trust_anybody",
    "shed_nothing",
    "forget_debts",
    "audit_late",
];

/// Every place that [`crash_at`] may be told: just before and just after each step of a purchase.
pub const POINTS: &[&str] = &[
    "before_booked",
    "after_booked",
    "before_cancelled",
    "after_cancelled",
    "before_charge",
    "after_charge",
    "after_look_up",
    "before_refund",
    "after_refund",
    "before_told",
    "after_told",
    "before_webhook_noted",
    "after_webhook_noted",
    "before_mail",
    "after_mail",
    "after_mail_noted",
    "before_announced",
    "after_announced",
    "after_announced_noted",
    "before_sms",
    "after_sms",
    "after_sms_noted",
    "before_append",
    "after_append",
    "before_audit_ended",
];

/// Whether the bug called `word` is switched on. The environment is read once, at the first call.
///
/// # Panics
/// If `ONSALE_FAULT` or `word` is not one of [`WORDS`]: a misspelt fault would let a test pass that
/// was to fail.
#[cfg(feature = "faults")]
#[must_use]
pub fn planted(word: &str) -> bool {
    use std::sync::OnceLock;
    static CHOSEN: OnceLock<Vec<String>> = OnceLock::new();
    let known = |word: &str| assert!(WORDS.contains(&word), "no fault is called {word:?}");
    known(word);
    let chosen = CHOSEN.get_or_init(|| {
        let chosen = parse(&std::env::var("ONSALE_FAULT").unwrap_or_default());
        chosen.iter().for_each(|word| known(word));
        chosen
    });
    chosen.iter().any(|fault| fault == word)
}

/// Never: this build has no planted bugs.
#[cfg(not(feature = "faults"))]
#[must_use]
#[inline(always)]
pub const fn planted(_word: &str) -> bool {
    false
}

/// Ends the process as `kill -9` would if `ONSALE_CRASH` says `point`, or `point:n` and this is the `n`-th
/// time that it is passed, from 1.
///
/// # Panics
/// If `ONSALE_CRASH` is no such text, or `point` is not one of [`POINTS`].
#[cfg(feature = "faults")]
pub fn crash_at(point: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    static CHOSEN: OnceLock<Option<(String, u32)>> = OnceLock::new();
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let known = |point: &str| assert!(POINTS.contains(&point), "no place is called {point:?}");
    known(point);
    let chosen = CHOSEN.get_or_init(|| {
        let text = std::env::var("ONSALE_CRASH").ok().filter(|text| !text.is_empty())?;
        let (point, pass) = text.split_once(':').unwrap_or((&text, "1"));
        known(point);
        Some((point.to_owned(), pass.parse().expect("ONSALE_CRASH is point:n")))
    });
    if let Some((wanted, pass)) = chosen
        && wanted == point
        && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *pass
    {
        std::process::abort();
    }
}

/// Goes on: this build dies nowhere on purpose.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub const fn crash_at(_point: &str) {}

#[cfg(feature = "faults")]
fn parse(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_planted_unless_asked_for() {
        assert!(WORDS.iter().all(|word| !planted(word)));
    }

    #[cfg(feature = "faults")]
    #[test]
    fn a_list_is_split_at_commas_and_blanks_do_not_count() {
        assert_eq!(parse(" skip_flush,,skip_fdatasync "), ["skip_flush", "skip_fdatasync"]);
        assert_eq!(parse(""), [""; 0]);
    }

    #[test]
    fn nothing_dies_unless_asked_for() {
        POINTS.iter().for_each(|point| crash_at(point));
    }

    #[cfg(feature = "faults")]
    #[test]
    #[should_panic(expected = "no fault is called")]
    fn a_misspelt_fault_is_noticed() {
        let _ = planted("skip_fsync");
    }
}
