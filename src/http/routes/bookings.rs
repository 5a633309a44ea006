//! Buying a reservation, reading the purchase, giving it back.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::actors::{Answer, SubmitError};
use crate::domain::booking::{Book, Contact, PaymentTerms};
use crate::domain::idempotency::{Fingerprint, RememberedKey};
use crate::domain::ids::{ReservationId, is_printable_name};
use crate::domain::inventory::{BookingReceipt, Command, Refusal};
use crate::domain::time::UnixMillis;
use crate::faults;
use crate::http::gateway::{By, Caller, audited};
use crate::http::problem::{Code, FieldErrors, Problem};
use crate::http::state::Front;
use crate::http::{body, cache, refusal, views};
use crate::metrics;
use crate::providers::mail::check_address;
use crate::providers::sms::check_phone;

/// A purchase: which reservation, how it is paid, where the tickets go.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BookingDraft {
    /// Id of a HELD reservation; the booking gets the same id.
    reservation: String,
    payment: PaymentDraft,
    #[serde(default)]
    contact: ContactDraft,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PaymentDraft {
    /// A method of the payment provider, such as `card`.
    method: String,
    /// What the provider gave the shop in place of a card number: 1 to 255 printable characters.
    token: String,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ContactDraft {
    /// Where the tickets are sent.
    email: Option<String>,
    /// Where short messages go, with its country code: `+4930123456`. Kept as in E.164.
    phone: Option<String>,
    /// Name on the tickets: 1 to 200 characters.
    name: Option<String>,
}

/// Buys a reservation. Durable before the 202; the payment runs behind.
#[utoipa::path(
    post, path = "/v1/events/{event}/bookings", request_body = BookingDraft,
    params(
        ("event" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "repeat safely, 24 h"),
    ),
    responses(
        (status = 202, body = views::Booking), (status = 400), (status = 404), (status = 408),
        (status = 409), (status = 410), (status = 413), (status = 415), (status = 422),
        (status = 503),
    )
)]
pub async fn book(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (router, entry) = front.event(&event)?;
    let key = body::idempotency_key(&headers, &caller)?;
    let draft: BookingDraft = body::json(&front, &headers, body).await?;
    let mut ask = check(&draft, front.desk()?.payments.methods())?;
    if caller.customer().is_some() {
        super::reservations::find(router, &entry, &caller, ask.reservation).await?;
    }
    ask.key = key.map(|digest| RememberedKey { digest, fingerprint: meaning(&ask) });
    faults::crash_at("before_booked");
    let answer = router.submit(&entry, Command::Book(Box::new(ask))).await;
    faults::crash_at("after_booked");
    let (receipt, replayed) = told("book", answer, router.now())?;
    let mut response = answer_with(StatusCode::ACCEPTED, &receipt);
    let headers = response.headers_mut();
    let id = receipt.reservation.id;
    if let Ok(location) = HeaderValue::try_from(format!("/v1/events/{event}/bookings/{id}")) {
        headers.insert(LOCATION, location);
    }
    super::reservations::mark_replayed(headers, replayed);
    Ok(response)
}

/// Reads a booking.
#[utoipa::path(
    get, path = "/v1/events/{event}/bookings/{id}",
    params(("event" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = views::Booking), (status = 404), (status = 503))
)]
pub async fn read(
    State(front): State<Arc<Front>>,
    Path((event, id)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let receipt = find(&front, &caller, &event, &id).await?;
    Ok(answer_with(StatusCode::OK, &receipt))
}

/// Gives a booking back: the units return to stock at once, the money follows.
#[utoipa::path(
    post, path = "/v1/events/{event}/bookings/{id}/cancel",
    params(("event" = String, Path), ("id" = String, Path)),
    responses(
        (status = 202, body = views::Booking), (status = 404), (status = 409), (status = 503),
    )
)]
pub async fn cancel(
    State(front): State<Arc<Front>>,
    Path((event, id)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
    by: By,
) -> Result<Response, Problem> {
    let (router, entry) = front.event(&event)?;
    if caller.customer().is_some() {
        find(&front, &caller, &event, &id).await?;
    }
    let booking = booking_id(&id)?;
    let cancel = async {
        faults::crash_at("before_cancelled");
        let answer = router.submit(&entry, Command::Cancel { booking }).await;
        faults::crash_at("after_cancelled");
        told("cancel", answer, router.now())
    };
    // A buyer may give back what is theirs; whoever does it for others is on record.
    let (receipt, _) = if caller.customer().is_none() {
        let object = format!("events/{}/bookings/{booking}", entry.id);
        audited(&front, &by, "cancel_booking", object, cancel).await?
    } else {
        cancel.await?
    };
    Ok(answer_with(StatusCode::ACCEPTED, &receipt))
}

/// The booking, for routes that show something of it. Somebody else's and none are the same.
pub(super) async fn find(
    front: &Front,
    caller: &Caller,
    event: &str,
    id: &str,
) -> Result<BookingReceipt, Problem> {
    let (router, entry) = front.event(event)?;
    let answer = router.read_booking(&entry, booking_id(id)?).await;
    let answer = answer.and_then(|answer| match answer {
        Answer::Booking { receipt, .. } if !caller.owns(&receipt.reservation.customer) => {
            Err(SubmitError::Refused(Refusal::NoSuchBooking))
        }
        answer => Ok(answer),
    });
    Ok(told("read_booking", answer, router.now())?.0)
}

pub(super) fn told(
    command: &'static str,
    answer: Result<Answer, SubmitError>,
    now: UnixMillis,
) -> Result<(BookingReceipt, bool), Problem> {
    match answer {
        Ok(Answer::Booking { receipt, replayed }) => {
            metrics::count_command(command, if replayed { "replayed" } else { "done" });
            Ok((*receipt, replayed))
        }
        Ok(_) => Err(Problem::new(Code::Internal, "")),
        Err(error) => {
            let problem = refusal::problem(error, now);
            metrics::count_command(command, problem.code().as_str());
            Err(problem)
        }
    }
}

fn booking_id(text: &str) -> Result<ReservationId, Problem> {
    let none = || Problem::new(Code::NotFound, "no such booking");
    ReservationId::parse(text).ok_or_else(none)
}

fn answer_with(status: StatusCode, receipt: &BookingReceipt) -> Response {
    let mut response = cache::json(status, &views::Booking::of(receipt));
    response.headers_mut().insert(CACHE_CONTROL, cache::PRIVATE);
    response
}

/// A draft in the words of the domain, or everything that is wrong with it.
fn check(draft: &BookingDraft, methods: &[&str]) -> Result<Book, Problem> {
    let mut errors = FieldErrors::default();
    let PaymentDraft { method, token } = &draft.payment;
    if !methods.contains(&method.as_str()) {
        errors.add("payment.method", format!("must be one of: {}", methods.join(", ")));
    }
    if !is_printable_name(token) {
        errors.add("payment.token", "must have 1 to 255 printable characters");
    }
    let ContactDraft { email, phone, name } = &draft.contact;
    let address = email.as_deref().map(|email| check_address(email).map_err(|e| e.to_string()));
    let address = errors.check("contact.email", address.transpose()).flatten();
    let number = phone.as_deref().map(|phone| check_phone(phone).map_err(|e| named(phone, e)));
    let number = errors.check("contact.phone", number.transpose()).flatten();
    let name = errors.check("contact.name", name.as_deref().map(super::draft::name).transpose());
    errors.finish(Some(()))?;
    let none = || Problem::new(Code::NotFound, "no such reservation");
    let contact = Contact {
        email: address.map(|address| address.as_str().into()),
        phone: number.map(|number| number.as_str().into()),
        name: name.flatten(),
    };
    Ok(Book {
        reservation: ReservationId::parse(&draft.reservation).ok_or_else(none)?,
        payment: PaymentTerms { method: method.as_str().into(), token: token.as_str().into() },
        contact,
        key: None,
    })
}

/// A reason behind the value that it is about, which may be anything.
fn named(value: &str, reason: impl std::fmt::Display) -> String {
    let start: String = value.chars().take(40).collect();
    format!("{start:?} {reason}")
}

/// What the request means, for its idempotency key; never what a reservation means.
fn meaning(ask: &Book) -> Fingerprint {
    let Book { reservation, payment, contact, key: _ } = ask;
    let text = |text: &Option<Arc<str>>| text.clone().unwrap_or_default();
    let parts = [
        "booking".into(),
        Arc::from(reservation.to_string()),
        Arc::clone(&payment.method),
        Arc::clone(&payment.token),
        text(&contact.email),
        text(&contact.phone),
        text(&contact.name),
    ];
    Fingerprint::of(parts.iter().map(|part| part.as_bytes()))
}
