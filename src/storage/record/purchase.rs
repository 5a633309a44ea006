//! Version 1 of the records about bookings, frozen like the rest. One shape serves both ways: bookings
//! are rare beside reservations, so a copy costs nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Record, RecordError, kind, v1};
use crate::domain::booking::{Contact, FailReason, PaymentTerms};
use crate::domain::ids::EventNumber;
use crate::domain::inventory::{Booked, Fact};
use crate::domain::time::UnixMillis;

/// Everything that happens to a booking after it was made. Append only.
#[derive(Serialize, Deserialize)]
pub(super) enum Step {
    Booked {
        sequence: u64,
        method: String,
        token: String,
        contact: ContactV1,
        key: Option<v1::Key>,
        at: u64,
        pay_until: u64,
    },
    Processing {
        sequence: u64,
        provider_id: Option<String>,
        at: u64,
    },
    Confirmed {
        sequence: u64,
        provider_id: Option<String>,
        at: u64,
    },
    Failed {
        sequence: u64,
        reason: u8,
        at: u64,
    },
    PaymentFailed {
        sequence: u64,
        at: u64,
    },
    RefundOwed {
        sequence: u64,
        provider_id: Option<String>,
        at: u64,
    },
    Cancelled {
        sequence: u64,
        at: u64,
    },
    Refunded {
        sequence: u64,
        at: u64,
    },
    Redeemed {
        sequence: u64,
        ticket: u32,
        nonce: String,
        occurred_at: u64,
        at: u64,
    },
    MessageSent {
        message: u64,
        at: u64,
    },
    MessageFailed {
        message: u64,
        dead: bool,
        at: u64,
    },
    MessageSkipped {
        message: u64,
        at: u64,
    },
    MessageGivenUp {
        message: u64,
        reason: String,
        at: u64,
    },
    MessageRevived {
        message: u64,
        at: u64,
    },
}

#[derive(Serialize, Deserialize)]
pub(super) struct ContactV1 {
    email: Option<String>,
    phone: Option<String>,
    name: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Purchase {
    event: u64,
    step: Step,
}

impl Purchase {
    /// `None`: the fact is not about a purchase.
    pub(super) fn from_domain(event: EventNumber, fact: &Fact) -> Option<Self> {
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        let step = match fact {
            Fact::Amended(_) | Fact::Reserved(_) | Fact::Released { .. } | Fact::Expired { .. } => {
                return None;
            }
            Fact::Booked(booked) => Step::Booked {
                sequence: booked.sequence,
                method: booked.payment.method.to_string(),
                token: booked.payment.token.to_string(),
                contact: ContactV1::from_domain(&booked.contact),
                key: booked.key.map(v1::Key::from_domain),
                at: booked.at.0,
                pay_until: booked.pay_until.0,
            },
            Fact::PaymentProcessing { sequence, provider_id, at } => {
                Step::Processing { sequence: *sequence, provider_id: text(provider_id), at: at.0 }
            }
            Fact::Confirmed { sequence, provider_id, at } => {
                Step::Confirmed { sequence: *sequence, provider_id: text(provider_id), at: at.0 }
            }
            Fact::BookingFailed { sequence, reason, at } => {
                Step::Failed { sequence: *sequence, reason: *reason as u8, at: at.0 }
            }
            Fact::PaymentFailed { sequence, at } => {
                Step::PaymentFailed { sequence: *sequence, at: at.0 }
            }
            Fact::RefundOwed { sequence, provider_id, at } => {
                Step::RefundOwed { sequence: *sequence, provider_id: text(provider_id), at: at.0 }
            }
            Fact::Cancelled { sequence, at } => Step::Cancelled { sequence: *sequence, at: at.0 },
            Fact::Refunded { sequence, at } => Step::Refunded { sequence: *sequence, at: at.0 },
            Fact::Redeemed { sequence, ticket, nonce, occurred_at, at } => Step::Redeemed {
                sequence: *sequence,
                ticket: *ticket,
                nonce: nonce.to_string(),
                occurred_at: occurred_at.0,
                at: at.0,
            },
            Fact::MessageSent { message, at } => Step::MessageSent { message: *message, at: at.0 },
            Fact::MessageSkipped { message, at } => {
                Step::MessageSkipped { message: *message, at: at.0 }
            }
            Fact::MessageFailed { message, dead, at } => {
                Step::MessageFailed { message: *message, dead: *dead, at: at.0 }
            }
            Fact::MessageGivenUp { message, reason, at } => {
                Step::MessageGivenUp { message: *message, reason: reason.to_string(), at: at.0 }
            }
            Fact::MessageRevived { message, at } => {
                Step::MessageRevived { message: *message, at: at.0 }
            }
        };
        Some(Self { event: event.0, step })
    }

    pub(super) fn into_domain(self) -> Result<Record, RecordError> {
        let fact = self.step.into_fact()?;
        Ok(Record::Happened { event: EventNumber(self.event), fact })
    }
}

impl Step {
    fn into_fact(self) -> Result<Fact, RecordError> {
        let text = |text: Option<String>| text.map(Arc::from);
        Ok(match self {
            Self::Booked { sequence, method, token, contact, key, at, pay_until } => {
                Fact::Booked(Booked {
                    sequence,
                    payment: PaymentTerms { method: method.into(), token: token.into() },
                    contact: contact.into_domain(),
                    key: key.map(v1::Key::into_domain),
                    at: UnixMillis(at),
                    pay_until: UnixMillis(pay_until),
                })
            }
            Self::Processing { sequence, provider_id, at } => Fact::PaymentProcessing {
                sequence,
                provider_id: text(provider_id),
                at: UnixMillis(at),
            },
            Self::Confirmed { sequence, provider_id, at } => {
                Fact::Confirmed { sequence, provider_id: text(provider_id), at: UnixMillis(at) }
            }
            Self::Failed { sequence, reason, at } => {
                let reason = fail_reason(kind::PURCHASE, reason)?;
                Fact::BookingFailed { sequence, reason, at: UnixMillis(at) }
            }
            Self::PaymentFailed { sequence, at } => {
                Fact::PaymentFailed { sequence, at: UnixMillis(at) }
            }
            Self::RefundOwed { sequence, provider_id, at } => {
                Fact::RefundOwed { sequence, provider_id: text(provider_id), at: UnixMillis(at) }
            }
            Self::Cancelled { sequence, at } => Fact::Cancelled { sequence, at: UnixMillis(at) },
            Self::Refunded { sequence, at } => Fact::Refunded { sequence, at: UnixMillis(at) },
            Self::Redeemed { sequence, ticket, nonce, occurred_at, at } => Fact::Redeemed {
                sequence,
                ticket,
                nonce: nonce.into(),
                occurred_at: UnixMillis(occurred_at),
                at: UnixMillis(at),
            },
            Self::MessageSent { message, at } => Fact::MessageSent { message, at: UnixMillis(at) },
            Self::MessageSkipped { message, at } => {
                Fact::MessageSkipped { message, at: UnixMillis(at) }
            }
            Self::MessageFailed { message, dead, at } => {
                Fact::MessageFailed { message, dead, at: UnixMillis(at) }
            }
            Self::MessageGivenUp { message, reason, at } => {
                Fact::MessageGivenUp { message, reason: reason.into(), at: UnixMillis(at) }
            }
            Self::MessageRevived { message, at } => {
                Fact::MessageRevived { message, at: UnixMillis(at) }
            }
        })
    }
}

impl ContactV1 {
    pub(super) fn from_domain(contact: &Contact) -> Self {
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        let Contact { email, phone, name } = contact;
        Self { email: text(email), phone: text(phone), name: text(name) }
    }

    pub(super) fn into_domain(self) -> Contact {
        let text = |text: Option<String>| text.map(Arc::from);
        Contact { email: text(self.email), phone: text(self.phone), name: text(self.name) }
    }
}

/// `kind` is of the record that has the number.
pub(super) fn fail_reason(kind: u8, number: u8) -> Result<FailReason, RecordError> {
    match number {
        0 => Ok(FailReason::Declined),
        1 => Ok(FailReason::Expired),
        2 => Ok(FailReason::Cancelled),
        _ => Err(RecordError::Impossible { kind, field: "fail reason" }),
    }
}
