//! Version 1 of bookings and messages as checkpoints hold them, frozen like the rest.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::purchase::{ContactV1, fail_reason};
use super::{RecordError, kind, v1};
use crate::domain::booking::{
    Booking, BookingStatus, Channel, Message, MessageKind, PaymentStatus, PaymentTerms, Redeemed,
};
use crate::domain::inventory::PurchaseSnapshot;
use crate::domain::time::UnixMillis;

/// Kinds of messages that a channel has room for, in the number that stands for both.
const PER_CHANNEL: u8 = 16;

/// A booking or a message as checkpoints hold them. Append only.
#[derive(Serialize, Deserialize)]
pub(super) enum Piece {
    Booking {
        sequence: u64,
        status: u8,
        fail_reason: Option<u8>,
        payment: u8,
        method: String,
        token: String,
        contact: ContactV1,
        provider_id: Option<String>,
        created_at: u64,
        pay_until: u64,
        decided_at: Option<u64>,
        key: Option<v1::Key>,
        redeemed: Vec<(u32, u64, String)>,
    },
    Message {
        number: u64,
        sequence: u64,
        /// And [`PER_CHANNEL`] times the channel.
        kind: u8,
        tries: u32,
        is_dead: bool,
    },
    /// One that was given up, with the reason.
    DeadMessage { number: u64, sequence: u64, kind: u8, tries: u32, reason: String },
}

impl Piece {
    pub(super) fn from_domain(snapshot: &PurchaseSnapshot) -> Self {
        match snapshot {
            PurchaseSnapshot::Message(number, message) => {
                let (number, sequence, tries) = (*number, message.sequence, message.tries);
                let kind = told_by(message);
                match &message.reason {
                    Some(reason) if message.is_dead => {
                        let reason = reason.to_string();
                        Self::DeadMessage { number, sequence, kind, tries, reason }
                    }
                    _ => Self::Message { number, sequence, kind, tries, is_dead: message.is_dead },
                }
            }
            PurchaseSnapshot::Booking(sequence, booking) => Self::Booking {
                sequence: *sequence,
                status: booking.status as u8,
                fail_reason: booking.fail_reason.map(|reason| reason as u8),
                payment: booking.payment as u8,
                method: booking.terms.method.to_string(),
                token: booking.terms.token.to_string(),
                contact: ContactV1::from_domain(&booking.contact),
                provider_id: booking.provider_id.as_deref().map(str::to_owned),
                created_at: booking.created_at.0,
                pay_until: booking.pay_until.0,
                decided_at: booking.decided_at.map(|at| at.0),
                key: booking.key.map(v1::Key::from_domain),
                redeemed: booking
                    .redeemed
                    .iter()
                    .map(|r| (r.ticket, r.occurred_at.0, r.nonce.to_string()))
                    .collect(),
            },
        }
    }

    pub(super) fn into_domain(self) -> Result<PurchaseSnapshot, RecordError> {
        let kind = kind::CHECKPOINT_PURCHASE;
        match self {
            Self::Message { number, sequence, kind, tries, is_dead } => {
                let message = Message { tries, is_dead, ..message_of(sequence, kind)? };
                Ok(PurchaseSnapshot::Message(number, message))
            }
            Self::DeadMessage { number, sequence, kind, tries, reason } => {
                let (is_dead, reason) = (true, Some(reason.into()));
                let message = Message { tries, is_dead, reason, ..message_of(sequence, kind)? };
                Ok(PurchaseSnapshot::Message(number, message))
            }
            Self::Booking {
                sequence,
                status,
                fail_reason: reason,
                payment,
                method,
                token,
                contact,
                provider_id,
                created_at,
                pay_until,
                decided_at,
                key,
                redeemed,
            } => {
                let redeemed = redeemed.into_iter().map(|(ticket, at, nonce)| Redeemed {
                    ticket,
                    occurred_at: UnixMillis(at),
                    nonce: nonce.into(),
                });
                let booking = Booking {
                    status: booking_status(status)?,
                    fail_reason: reason.map(|reason| fail_reason(kind, reason)).transpose()?,
                    payment: payment_status(payment)?,
                    terms: PaymentTerms { method: method.into(), token: token.into() },
                    contact: contact.into_domain(),
                    provider_id: provider_id.map(Arc::from),
                    created_at: UnixMillis(created_at),
                    pay_until: UnixMillis(pay_until),
                    decided_at: decided_at.map(UnixMillis),
                    key: key.map(v1::Key::into_domain),
                    redeemed: redeemed.collect(),
                };
                Ok(PurchaseSnapshot::Booking(sequence, booking))
            }
        }
    }
}

fn booking_status(number: u8) -> Result<BookingStatus, RecordError> {
    match number {
        0 => Ok(BookingStatus::PendingPayment),
        1 => Ok(BookingStatus::Confirmed),
        2 => Ok(BookingStatus::Failed),
        3 => Ok(BookingStatus::Cancelled),
        _ => Err(impossible("booking status")),
    }
}

fn payment_status(number: u8) -> Result<PaymentStatus, RecordError> {
    match number {
        0 => Ok(PaymentStatus::Created),
        1 => Ok(PaymentStatus::Processing),
        2 => Ok(PaymentStatus::Succeeded),
        3 => Ok(PaymentStatus::Failed),
        4 => Ok(PaymentStatus::RefundPending),
        5 => Ok(PaymentStatus::Refunded),
        _ => Err(impossible("payment status")),
    }
}

/// What a message tells and by which way, as one number.
fn told_by(message: &Message) -> u8 {
    message.kind as u8 + message.channel as u8 * PER_CHANNEL
}

fn message_of(sequence: u64, number: u8) -> Result<Message, RecordError> {
    let channel = match number / PER_CHANNEL {
        0 => Channel::Mail,
        1 => Channel::Sms,
        _ => return Err(impossible("channel of a message")),
    };
    let kind = match number % PER_CHANNEL {
        0 => MessageKind::Confirmed,
        1 => MessageKind::Failed,
        2 => MessageKind::Cancelled,
        _ => return Err(impossible("message kind")),
    };
    Ok(Message::new(sequence, kind, channel))
}

fn impossible(field: &'static str) -> RecordError {
    RecordError::Impossible { kind: kind::CHECKPOINT_PURCHASE, field }
}
