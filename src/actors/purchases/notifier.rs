//! The notifiers, one for each channel: they send the messages that events owe to buyers, again after a
//! failure, until they are delivered or given up. At least once: a crash between sending and noting sends
//! the same id again. A channel that is down holds up its own messages only.

use std::sync::Arc;
use std::time::Duration;

use ractor::SpawnErr;

use super::errand::Ending;
use super::letter::{MailWay, Sent, SmsWay, Way};
use super::rounds::{self, Pace, Work};
use crate::actors::mailbox::SubmitError;
use crate::actors::router::Router;
use crate::actors::shard::{Owed, Page, Place, Unsent};
use crate::domain::booking::{Channel, Delivery};
use crate::domain::ids::{EventId, ShardId};
use crate::domain::inventory::Command;
use crate::domain::message::{next_try, not_before};
use crate::faults;
use crate::metrics::OutboxMetrics;
use crate::providers::send::SendError;

/// What the notifiers need.
pub struct NotifierOptions {
    pub mail: MailWay,
    /// Absent: there is no way for short messages, and those that are owed are closed unsent.
    pub sms: Option<SmsWay>,
}

/// From the end of one look at what is owed to the next.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Rest when a shard did not answer.
const SHARD_REST: Duration = Duration::from_secs(1);
/// Short messages that are closed at once when there is no way for them.
const CLOSED_AT_ONCE: usize = 32;

struct Notifier {
    router: Arc<Router>,
    channel: Channel,
    way: Way,
    metrics: OutboxMetrics,
}

/// Starts the notifiers; each ends when its actor is stopped.
///
/// # Errors
/// When an actor does not start.
pub async fn start(
    router: &Arc<Router>,
    options: NotifierOptions,
) -> Result<Vec<ractor::ActorCell>, SpawnErr> {
    let NotifierOptions { mail, sms } = options;
    let ways = [
        (Channel::Mail, mail.concurrency, Way::Mail(Box::new(mail))),
        (Channel::Sms, sms.as_ref().map_or(CLOSED_AT_ONCE, |sms| sms.concurrency), Way::Sms(sms)),
    ];
    let mut actors = Vec::new();
    for (channel, concurrency, way) in ways {
        let pace = Pace { look_every: LOOK_EVERY, concurrency, per_second: None };
        let metrics = OutboxMetrics::new(channel.as_str());
        let notifier = Notifier { router: Arc::clone(router), channel, way, metrics };
        actors.push(rounds::start(notifier, pace).await?);
    }
    Ok(actors)
}

impl Work for Notifier {
    type Entry = Unsent;

    fn shards(&self) -> usize {
        self.router.shards().len()
    }

    async fn page(&self, shard: ShardId, after: Place) -> Result<Page<Unsent>, SubmitError> {
        self.router.messages(shard, self.channel, after).await
    }

    fn place(unsent: &Unsent) -> Place {
        (unsent.event, unsent.number)
    }

    /// Tries count in the journal, over restarts.
    async fn attempt(&self, unsent: Unsent, _tries: u32) -> Ending {
        self.deliver(&unsent).await
    }

    fn looked(&self, owed: Owed) {
        self.metrics.waiting.set(owed.waiting as f64);
        self.metrics.dead.set(owed.dead as f64);
    }
}

impl Notifier {
    async fn deliver(&self, unsent: &Unsent) -> Ending {
        let (event, id) = (&unsent.receipt.reservation.terms.id, unsent.id());
        if faults::planted("note_before_send") {
            self.tell(event, unsent.number, Delivery::Sent, 0).await;
        }
        let [before, after] = match self.channel {
            Channel::Mail => ["before_mail", "after_mail"],
            Channel::Sms => ["before_sms", "after_sms"],
        };
        faults::crash_at(before);
        let outcome = self.way.send(unsent, self.router.now()).await;
        faults::crash_at(after);
        let (delivery, rest_ms) = match outcome {
            Ok(Sent::Sent) => (Delivery::Sent, 0),
            Ok(Sent::Skipped) => (Delivery::Skipped, 0),
            Err(error) => {
                let tries = unsent.message.tries + 1;
                tracing::warn!(%event, id, tries, %error, "a message was not sent");
                failed(error, tries)
            }
        };
        let label = match &delivery {
            Delivery::Sent => "sent",
            Delivery::Skipped => "skipped",
            Delivery::Failed | Delivery::GivenUp { .. } => "failed",
        };
        self.metrics.count(label);
        if let Delivery::GivenUp { reason } = &delivery {
            self.metrics.count("dead");
            tracing::error!(%event, id, %reason, "a message is given up");
        }
        self.tell(event, unsent.number, delivery, rest_ms).await
    }

    async fn tell(
        &self,
        event: &EventId,
        message: u64,
        delivery: Delivery,
        rest_ms: u64,
    ) -> Ending {
        let Some(entry) = self.router.find(event.as_str()) else {
            return Ending::Again(SHARD_REST);
        };
        let is_tried_again = delivery == Delivery::Failed;
        let told = self.router.submit(&entry, Command::Told { message, delivery }).await;
        faults::crash_at(match self.channel {
            Channel::Mail => "after_mail_noted",
            Channel::Sms => "after_sms_noted",
        });
        match told {
            // Not noted: sent again with the same id.
            Err(_) => Ending::Again(SHARD_REST),
            Ok(_) if is_tried_again => Ending::Again(Duration::from_millis(rest_ms)),
            Ok(_) => Ending::Told,
        }
    }
}

/// What follows from an error at this try, and after how many milliseconds.
fn failed(error: SendError, tries: u32) -> (Delivery, u64) {
    let ladder_ms = next_try(tries, rand::random());
    let (reason, asked) = match error {
        SendError::Never { reason } => return (Delivery::GivenUp { reason: reason.into() }, 0),
        SendError::Later { reason, retry_after } => (reason, retry_after),
        SendError::Unknown { reason } => (reason, None),
    };
    let Some(ladder_ms) = ladder_ms else {
        return (Delivery::GivenUp { reason: reason.into() }, 0);
    };
    let asked_ms = asked.map(|rest| u64::try_from(rest.as_millis()).unwrap_or(u64::MAX));
    (Delivery::Failed, not_before(ladder_ms, asked_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::TRIES_MAX;

    fn later(retry_after: Option<Duration>) -> SendError {
        SendError::Later { reason: "busy".to_owned(), retry_after }
    }

    #[test]
    fn what_may_work_later_is_tried_up_to_the_last_time_and_what_never_will_is_not() {
        let unknown = || SendError::Unknown { reason: "time-out".to_owned() };
        for error in [later(None), unknown()] {
            let (delivery, rest_ms) = failed(error, 1);
            assert_eq!(delivery, Delivery::Failed);
            assert!((4_500..=5_500).contains(&rest_ms), "{rest_ms}");
        }
        let given_up = |reason: &str| (Delivery::GivenUp { reason: reason.into() }, 0);
        assert_eq!(failed(later(None), TRIES_MAX), given_up("busy"));
        assert_eq!(failed(unknown(), TRIES_MAX), given_up("time-out"));
        let never = SendError::Never { reason: "no such number".to_owned() };
        assert_eq!(failed(never, 1), given_up("no such number"));
    }

    #[test]
    fn who_is_busy_may_ask_for_more_time_and_not_for_ever() {
        assert_eq!(failed(later(Some(Duration::from_secs(60))), 1).1, 60_000);
        assert_eq!(failed(later(Some(Duration::MAX)), 1).1, 24 * 60 * 60 * 1_000);
    }
}
