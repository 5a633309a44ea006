//! Errors as `application/problem+json` (RFC 9457). One table of codes; no answer outside it.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// What went wrong, for programs. Renaming one is a breaking change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    InvalidRequest,
    NotFound,
    MethodNotAllowed,
    BodyTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
    AlreadyExists,
    InvalidState,
    NotOnSale,
    SaleClosed,
    SoldOut,
    AllHeld,
    OverCustomerLimit,
    ReservationExpired,
    VersionMismatch,
    IdempotencyKeyReused,
    Busy,
    ShardDown,
    OutcomeUnknown,
    StorageFull,
    Internal,
}

impl Code {
    /// Every code, for the pages that explain them.
    pub const ALL: [Self; 21] = [
        Self::InvalidRequest,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::BodyTooLarge,
        Self::RequestTimeout,
        Self::UnsupportedMediaType,
        Self::AlreadyExists,
        Self::InvalidState,
        Self::NotOnSale,
        Self::SaleClosed,
        Self::SoldOut,
        Self::AllHeld,
        Self::OverCustomerLimit,
        Self::ReservationExpired,
        Self::VersionMismatch,
        Self::IdempotencyKeyReused,
        Self::Busy,
        Self::ShardDown,
        Self::OutcomeUnknown,
        Self::StorageFull,
        Self::Internal,
    ];

    /// Status, word, title, and what to do about it.
    #[must_use]
    pub fn describe(self) -> (StatusCode, &'static str, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::InvalidRequest => (
                S::BAD_REQUEST,
                "invalid_request",
                "The request is not valid",
                "Each entry of `errors` names a field and what is wrong with it. Nothing happened.",
            ),
            Self::NotFound => (
                S::NOT_FOUND,
                "not_found",
                "There is no such thing",
                "The event, pool or reservation does not exist, or is not yours.",
            ),
            Self::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "The method is not allowed here",
                "The `Allow` header lists those that are.",
            ),
            Self::BodyTooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "body_too_large",
                "The body is too large",
                "Send less. Nothing happened.",
            ),
            Self::RequestTimeout => (
                S::REQUEST_TIMEOUT,
                "request_timeout",
                "The body did not arrive in time",
                "Send the request again, faster. Nothing happened.",
            ),
            Self::UnsupportedMediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body is not JSON",
                "Send `Content-Type: application/json`.",
            ),
            Self::AlreadyExists => (
                S::CONFLICT,
                "already_exists",
                "This id is taken",
                "Choose another id, or change the event with PATCH.",
            ),
            Self::InvalidState => (
                S::CONFLICT,
                "invalid_state",
                "Its state does not allow this",
                "`state` says what it is. Nothing happened.",
            ),
            Self::NotOnSale => {
                (S::CONFLICT, "not_on_sale", "The sale is not open yet", "Come back at `opens_at`.")
            }
            Self::SaleClosed => (
                S::CONFLICT,
                "sale_closed",
                "The sale is closed or paused",
                "Only the organizer can open it again.",
            ),
            Self::SoldOut => (
                S::CONFLICT,
                "sold_out",
                "Sold out",
                "`available` says how many are left in `pool`; ask for no more than that.",
            ),
            Self::AllHeld => (
                S::CONFLICT,
                "all_held",
                "All that is left is held by others",
                "Some may come back; the next hold ends at `next_release_at`.",
            ),
            Self::OverCustomerLimit => (
                S::CONFLICT,
                "over_customer_limit",
                "More than one customer may have",
                "`owned` units count against `limit`, over all reservations of the event.",
            ),
            Self::ReservationExpired => {
                (S::GONE, "reservation_expired", "The reservation has lapsed", "Reserve again.")
            }
            Self::VersionMismatch => (
                S::PRECONDITION_FAILED,
                "version_mismatch",
                "It has changed since you read it",
                "Read it again, and send its new `ETag` as `If-Match`.",
            ),
            Self::IdempotencyKeyReused => (
                S::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "The key was used with another request",
                "Use a new `Idempotency-Key` for a new request. Nothing happened.",
            ),
            Self::Busy => (
                S::SERVICE_UNAVAILABLE,
                "busy",
                "Too much at once",
                "Nothing happened. Try again after `Retry-After`.",
            ),
            Self::ShardDown => (
                S::SERVICE_UNAVAILABLE,
                "shard_down",
                "Recovering",
                "Nothing happened. Try again after `Retry-After`.",
            ),
            Self::OutcomeUnknown => (
                S::SERVICE_UNAVAILABLE,
                "outcome_unknown",
                "The outcome is not known",
                "It may have happened. Ask again with the same `Idempotency-Key`.",
            ),
            Self::StorageFull => (
                S::SERVICE_UNAVAILABLE,
                "storage_full",
                "The server's disk is short of space",
                "Nothing happened. Try again after `Retry-After`.",
            ),
            Self::Internal => (
                S::INTERNAL_SERVER_ERROR,
                "internal",
                "Our mistake",
                "Tell the operator the request id in `instance`.",
            ),
        }
    }

    #[must_use]
    pub fn status(self) -> StatusCode {
        self.describe().0
    }

    /// The word in bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.describe().1
    }

    /// When trying again makes sense. Unit: seconds.
    fn retry_after(self) -> Option<u64> {
        match self {
            Self::Busy | Self::ShardDown | Self::OutcomeUnknown => Some(1),
            Self::StorageFull => Some(5),
            _ => None,
        }
    }
}

/// An error on its way out; the request id is added at the door.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    detail: String,
    extra: Map<String, Value>,
    retry_after: Option<u64>,
}

impl Problem {
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), extra: Map::new(), retry_after: code.retry_after() }
    }

    /// A body whose fields are wrong.
    #[must_use]
    pub fn invalid(errors: &[FieldError]) -> Self {
        let detail: Vec<String> =
            errors.iter().map(|error| format!("{}: {}", error.field, error.reason)).collect();
        let errors = errors.iter().map(|e| json!({"field": e.field, "reason": e.reason}));
        Self::new(Code::InvalidRequest, detail.join("; "))
            .with("errors", Value::Array(errors.collect()))
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    /// Unit: seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The answer, with the request's id; `headers` of `response` are kept.
    #[must_use]
    pub(super) fn render(self, request_id: &str, mut response: Response) -> Response {
        let (status, code, title, _) = self.code.describe();
        let mut body = json!({
            "type": format!("/problems/{code}"),
            "title": title,
            "status": status.as_u16(),
            "detail": self.detail,
            "instance": request_id,
            "code": code,
        });
        if let Some(fields) = body.as_object_mut() {
            fields.extend(self.extra);
        }
        *response.body_mut() = Body::from(body.to_string());
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, json);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Its path in the body, such as `lines[0].quantity`, or the name of a header.
    pub field: String,
    pub reason: String,
}

/// Gathers what is wrong, so that one answer names it all.
#[derive(Debug, Default)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// Most errors that one answer lists.
    const MAX: usize = 20;

    pub fn add(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        if self.0.len() < Self::MAX {
            self.0.push(FieldError { field: field.into(), reason: reason.into() });
        }
    }

    /// Keeps the value, or notes why there is none.
    pub fn check<T>(&mut self, field: impl Into<String>, value: Result<T, String>) -> Option<T> {
        value.map_err(|reason| self.add(field, reason)).ok()
    }

    /// `Ok` when nothing was wrong; `parsed` is then complete.
    pub fn finish<T>(self, parsed: Option<T>) -> Result<T, Problem> {
        match parsed {
            Some(parsed) if self.0.is_empty() => Ok(parsed),
            Some(_) | None => Err(Problem::invalid(&self.0)),
        }
    }
}
