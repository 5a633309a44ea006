//! What the simulation is told: how slow, how unreliable, how surprising.

use std::time::Duration;

/// Rates are parts of a thousand, 0 to 1,000. With the defaults it is quick and does what it is asked.
#[derive(Clone)]
pub struct SimulatedOptions {
    /// With the key of a charge it decides everything, so that a restart changes nothing.
    pub seed: u64,
    /// An answer takes this long at least. Not more than `latency_max`.
    pub latency_min: Duration,
    pub latency_max: Duration,
    /// Charges that are declined.
    pub declines_permille: u16,
    /// Charges and refunds that time out when they are first asked for; half of them were made.
    pub timeouts_permille: u16,
    /// How long the caller waits for such an answer.
    pub timeout: Duration,
    /// Charges and refunds that are under way first, and done after `settles_after`.
    pub asyncs_permille: u16,
    pub settles_after: Duration,
    /// Webhooks that are sent twice.
    pub duplicates_permille: u16,
    /// Webhooks that are held back for `late_by`, so that later ones come first.
    pub late_permille: u16,
    /// Longer than `settles_after`, or "processing" still comes before how it ended.
    pub late_by: Duration,
    /// Signs the webhooks. Not empty; drawn anew by each process is best, since whoever knows it can
    /// tell that anything is paid.
    pub webhook_secret: Vec<u8>,
    /// Webhooks that wait to be taken; more are lost, as on a real network. At least 1.
    pub webhooks_max: usize,
    /// Charges that are remembered; the oldest are forgotten, and remembered wrongly only in
    /// [`super::Simulated::balance`], if somebody asks for them again. At least 1.
    pub charges_max: usize,
}

/// An option that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}: {reason}")]
pub struct OptionError {
    pub field: &'static str,
    pub value: String,
    pub reason: &'static str,
}

impl SimulatedOptions {
    /// Quick and reliable: nothing is declined or lost unless a token says so.
    #[must_use]
    pub fn reliable(seed: u64, webhook_secret: impl Into<Vec<u8>>) -> Self {
        Self {
            seed,
            latency_min: Duration::from_millis(20),
            latency_max: Duration::from_millis(200),
            declines_permille: 0,
            timeouts_permille: 0,
            timeout: Duration::from_secs(5),
            asyncs_permille: 0,
            settles_after: Duration::from_secs(2),
            duplicates_permille: 0,
            late_permille: 0,
            late_by: Duration::from_secs(3),
            webhook_secret: webhook_secret.into(),
            webhooks_max: 4_096,
            charges_max: 100_000,
        }
    }

    pub(super) fn check(&self) -> Result<(), OptionError> {
        let rates = [
            ("declines_permille", self.declines_permille),
            ("timeouts_permille", self.timeouts_permille),
            ("asyncs_permille", self.asyncs_permille),
            ("duplicates_permille", self.duplicates_permille),
            ("late_permille", self.late_permille),
        ];
        let refused = |field, value: String, reason| Err(OptionError { field, value, reason });
        if let Some((field, value)) = rates.into_iter().find(|(_, rate)| 1_000 < *rate) {
            return refused(field, value.to_string(), "must be 0 to 1,000");
        }
        if self.latency_max < self.latency_min {
            let value = format!("{:?}", self.latency_min);
            return refused("latency_min", value, "must not be more than latency_max");
        }
        if self.webhook_secret.is_empty() {
            return refused("webhook_secret", "empty".to_owned(), "anybody could sign with it");
        }
        let sizes = [("webhooks_max", self.webhooks_max), ("charges_max", self.charges_max)];
        match sizes.into_iter().find(|(_, size)| *size == 0) {
            Some((field, _)) => refused(field, "0".to_owned(), "must be at least 1"),
            None => Ok(()),
        }
    }
}
