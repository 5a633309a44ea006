//! What a waiting room hears of its event: who used a pass, how many shop, what is left.

use super::batch::Batch;
use super::message::Answer;
use super::stock::Stock;
use crate::actors::mailbox::SubmitError;
use crate::domain::ids::EventNumber;
use crate::domain::time::UnixMillis;
use crate::domain::waiting_room::Heard;

impl Stock {
    /// One consistent answer. `as_of` is by the event's own time: no pass that ended before can be used
    /// after it.
    pub(super) fn passes(
        &mut self,
        event: EventNumber,
        after: u64,
        now: UnixMillis,
        batch: &mut Batch,
    ) -> Result<Answer, SubmitError> {
        // Who lapsed just now shops no more.
        self.expire(event, now, batch);
        let inventory = &self.live(event)?.inventory;
        let passes = inventory.passes();
        Ok(Answer::Passes(Heard {
            uses: passes.used_after(after).to_vec(),
            heard: passes.used_len(),
            shopping: passes.shopping(),
            available_units: inventory.pools().iter().map(|pool| u64::from(pool.available)).sum(),
            as_of: inventory.not_before_latest(now),
        }))
    }
}
