//! E-tickets: as JSON, as a QR, on paper, and the keys by which anyone can verify them.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::bookings;
use crate::documents::{self, BookingDocument, DocumentError, TICKETS_MAX};
use crate::domain::booking::BookingStatus;
use crate::domain::ids::TicketId;
use crate::domain::inventory::BookingReceipt;
use crate::http::cache::Life;
use crate::http::gateway::Caller;
use crate::http::problem::{Code, Problem};
use crate::http::state::Front;
use crate::http::{cache, views};

/// The e-tickets of a booking, one per unit; none while it is not confirmed.
#[utoipa::path(
    get, path = "/v1/events/{event}/bookings/{id}/tickets",
    params(("event" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = views::Tickets), (status = 404), (status = 503))
)]
pub async fn list(
    State(front): State<Arc<Front>>,
    Path((event, id)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let receipt = bookings::find(&front, &caller, &event, &id).await?;
    let document = documents::document(&receipt, front.desk()?.keys.signing());
    let body = views::Tickets::of(&receipt, &document);
    let mut response = cache::json(StatusCode::OK, &body);
    response.headers_mut().insert(CACHE_CONTROL, cache::PRIVATE);
    Ok(response)
}

/// All tickets of a booking on paper, a page each.
#[utoipa::path(
    get, path = "/v1/events/{event}/bookings/{id}/tickets.pdf",
    params(("event" = String, Path), ("id" = String, Path)),
    responses(
        (status = 200, content_type = "application/pdf"), (status = 404), (status = 409),
        (status = 503),
    )
)]
pub async fn pdf(
    State(front): State<Arc<Front>>,
    Path((event, id)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let receipt = bookings::find(&front, &caller, &event, &id).await?;
    let document = confirmed(&front, &receipt)?;
    let name = format!("inline; filename=\"tickets-{}.pdf\"", receipt.reservation.id);
    draw(&front, document, &name).await
}

/// One ticket's QR, as a picture.
#[utoipa::path(
    get, path = "/v1/events/{event}/tickets/{ticket}/qr.svg",
    params(("event" = String, Path), ("ticket" = String, Path)),
    responses(
        (status = 200, content_type = "image/svg+xml"), (status = 404), (status = 409),
        (status = 503),
    )
)]
pub async fn svg(
    State(front): State<Arc<Front>>,
    Path((event, ticket)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let none = || Problem::new(Code::NotFound, "no such ticket");
    let ticket = TicketId::parse(&ticket).ok_or_else(none)?;
    let booking = ticket.reservation.to_string();
    let receipt = bookings::find(&front, &caller, &event, &booking)
        .await
        .map_err(|problem| if problem.code() == Code::NotFound { none() } else { problem })?;
    let document = confirmed(&front, &receipt)?;
    let face = document.tickets.iter().find(|face| face.id == ticket.to_string());
    let svg = documents::qr_svg(&face.ok_or_else(none)?.code);
    let svg = svg.map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    Ok(private("image/svg+xml", Body::from(svg)))
}

/// Public keys by which tickets are verified offline: a JWK set, newest first.
#[utoipa::path(
    get, path = "/v1/events/{event}/keys", params(("event" = String, Path)),
    responses(
        (status = 200, content_type = "application/jwk-set+json"), (status = 304), (status = 404),
        (status = 503),
    )
)]
pub async fn keys(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    front.event(&event)?;
    // Names are strings and values are ours: nothing here that JSON cannot say.
    let set = serde_json::to_vec(&front.desk()?.keys.public_set()).unwrap_or_default();
    // A scanner that starts offline has what it fetched last; a key is never taken back.
    Ok(cache::public_as(&headers, &cache::digest(&set), Life::Minute, || {
        cache::typed("application/jwk-set+json", Body::from(set))
    }))
}

fn confirmed(front: &Front, receipt: &BookingReceipt) -> Result<BookingDocument, Problem> {
    let status = receipt.booking.status;
    if status != BookingStatus::Confirmed {
        let detail = format!("the booking is {}", status.as_str());
        return Err(Problem::new(Code::InvalidState, detail).with("state", status.as_str()));
    }
    Ok(documents::document(receipt, front.desk()?.keys.signing()))
}

/// Drawing takes the processor, so it happens apart from the threads that answer.
async fn draw(front: &Front, document: BookingDocument, name: &str) -> Result<Response, Problem> {
    let fonts = Arc::clone(&front.desk()?.fonts);
    let drawn = tokio::task::spawn_blocking(move || documents::ticket_pdf(&document, &fonts)).await;
    let internal = |detail: String| Problem::new(Code::Internal, detail);
    let pdf = drawn.map_err(|error| internal(error.to_string()))?.map_err(|error| match error {
        DocumentError::TooManyTickets { .. } => {
            let detail = format!("a document has at most {TICKETS_MAX} tickets; take each QR");
            Problem::new(Code::InvalidState, detail).with("state", "too_many_tickets")
        }
        error => internal(error.to_string()),
    })?;
    let mut response = private("application/pdf", Body::from(pdf.bytes));
    if let Ok(name) = HeaderValue::try_from(name) {
        response.headers_mut().insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

fn private(media_type: &'static str, body: Body) -> Response {
    let mut response = (StatusCode::OK, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, cache::PRIVATE);
    response
}
