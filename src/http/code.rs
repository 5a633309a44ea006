//! The table of codes: every error this server gives, and what to do about it.

use axum::http::StatusCode;

/// What went wrong, for programs. Renaming one is a breaking change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    InvalidRequest,
    Unauthorized,
    Forbidden,
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
    AlreadyBooked,
    AlreadyRedeemed,
    TicketRevoked,
    NotAdmitted,
    PassUsed,
    PlaceExpired,
    ChallengeFailed,
    RateLimited,
    BadTicket,
    BadSignature,
    LogGone,
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
    pub const ALL: [Self; 34] = [
        Self::InvalidRequest,
        Self::Unauthorized,
        Self::Forbidden,
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
        Self::AlreadyBooked,
        Self::AlreadyRedeemed,
        Self::TicketRevoked,
        Self::NotAdmitted,
        Self::PassUsed,
        Self::PlaceExpired,
        Self::ChallengeFailed,
        Self::RateLimited,
        Self::BadTicket,
        Self::BadSignature,
        Self::LogGone,
        Self::VersionMismatch,
        Self::IdempotencyKeyReused,
        Self::Busy,
        Self::ShardDown,
        Self::OutcomeUnknown,
        Self::StorageFull,
        Self::Internal,
    ];

    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::AlreadyExists => StatusCode::CONFLICT,
            Self::InvalidState => StatusCode::CONFLICT,
            Self::NotOnSale => StatusCode::CONFLICT,
            Self::SaleClosed => StatusCode::CONFLICT,
            Self::SoldOut => StatusCode::CONFLICT,
            Self::AllHeld => StatusCode::CONFLICT,
            Self::OverCustomerLimit => StatusCode::CONFLICT,
            Self::ReservationExpired => StatusCode::GONE,
            Self::AlreadyBooked => StatusCode::CONFLICT,
            Self::AlreadyRedeemed => StatusCode::CONFLICT,
            Self::TicketRevoked => StatusCode::CONFLICT,
            Self::NotAdmitted => StatusCode::FORBIDDEN,
            Self::PassUsed => StatusCode::CONFLICT,
            Self::PlaceExpired => StatusCode::GONE,
            Self::ChallengeFailed => StatusCode::FORBIDDEN,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::BadTicket => StatusCode::BAD_REQUEST,
            Self::BadSignature => StatusCode::UNAUTHORIZED,
            Self::LogGone => StatusCode::GONE,
            Self::VersionMismatch => StatusCode::PRECONDITION_FAILED,
            Self::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::ShardDown => StatusCode::SERVICE_UNAVAILABLE,
            Self::OutcomeUnknown => StatusCode::SERVICE_UNAVAILABLE,
            Self::StorageFull => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The word in bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::BodyTooLarge => "body_too_large",
            Self::RequestTimeout => "request_timeout",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::AlreadyExists => "already_exists",
            Self::InvalidState => "invalid_state",
            Self::NotOnSale => "not_on_sale",
            Self::SaleClosed => "sale_closed",
            Self::SoldOut => "sold_out",
            Self::AllHeld => "all_held",
            Self::OverCustomerLimit => "over_customer_limit",
            Self::ReservationExpired => "reservation_expired",
            Self::AlreadyBooked => "already_booked",
            Self::AlreadyRedeemed => "already_redeemed",
            Self::TicketRevoked => "ticket_revoked",
            Self::NotAdmitted => "not_admitted",
            Self::PassUsed => "pass_used",
            Self::PlaceExpired => "place_expired",
            Self::ChallengeFailed => "challenge_failed",
            Self::RateLimited => "rate_limited",
            Self::BadTicket => "bad_ticket",
            Self::BadSignature => "bad_signature",
            Self::LogGone => "log_gone",
            Self::VersionMismatch => "version_mismatch",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::Busy => "busy",
            Self::ShardDown => "shard_down",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::StorageFull => "storage_full",
            Self::Internal => "internal",
        }
    }

    /// The problem's title, the same for every occurrence.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is not valid",
            Self::Unauthorized => "Who asks is not known",
            Self::Forbidden => "Who asks may not do this",
            Self::NotFound => "There is no such thing",
            Self::MethodNotAllowed => "The method is not allowed here",
            Self::BodyTooLarge => "The body is too large",
            Self::RequestTimeout => "The body did not arrive in time",
            Self::UnsupportedMediaType => "The body is not JSON",
            Self::AlreadyExists => "This id is taken",
            Self::InvalidState => "Its state does not allow this",
            Self::NotOnSale => "The sale is not open yet",
            Self::SaleClosed => "The sale is closed or paused",
            Self::SoldOut => "Sold out",
            Self::AllHeld => "All that is left is held by others",
            Self::OverCustomerLimit => "More than one customer may have",
            Self::ReservationExpired => "The reservation has lapsed",
            Self::AlreadyBooked => "The reservation is booked already",
            Self::AlreadyRedeemed => "The ticket was used before",
            Self::TicketRevoked => "The ticket was revoked",
            Self::NotAdmitted => "It is not your turn",
            Self::PassUsed => "The pass was used before",
            Self::PlaceExpired => "The place has expired",
            Self::ChallengeFailed => "The challenge is not solved",
            Self::RateLimited => "You ask too often",
            Self::BadTicket => "This is no ticket of the event",
            Self::BadSignature => "The signature does not fit",
            Self::LogGone => "The log does not go back so far",
            Self::VersionMismatch => "It has changed since you read it",
            Self::IdempotencyKeyReused => "The key was used with another request",
            Self::Busy => "Too much at once",
            Self::ShardDown => "Recovering",
            Self::OutcomeUnknown => "The outcome is not known",
            Self::StorageFull => "The server's disk is short of space",
            Self::Internal => "Our mistake",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::InvalidRequest => {
                "Each entry of `errors` names a field and what is wrong with it. Nothing happened."
            }
            Self::Unauthorized => {
                "Send `Authorization: Bearer` with an API key or a customer's token; if you did, get a new one."
            }
            Self::Forbidden => "Another role may; `onsale keys create` makes keys.",
            Self::NotFound => "The event, pool or reservation does not exist, or is not yours.",
            Self::MethodNotAllowed => "The `Allow` header lists those that are.",
            Self::BodyTooLarge => "Send less. Nothing happened.",
            Self::RequestTimeout => "Send the request again, faster. Nothing happened.",
            Self::UnsupportedMediaType => "Send `Content-Type: application/json`.",
            Self::AlreadyExists => "Choose another id, or change the event with PATCH.",
            Self::InvalidState => "`state` says what it is. Nothing happened.",
            Self::NotOnSale => "Come back at `opens_at`.",
            Self::SaleClosed => "Only the organizer can open it again.",
            Self::SoldOut => {
                "`available` says how many are left in `pool`; ask for no more than that."
            }
            Self::AllHeld => "Some may come back; the next hold ends at `next_release_at`.",
            Self::OverCustomerLimit => {
                "`owned` units count against `limit`, over all reservations of the event."
            }
            Self::ReservationExpired => "Reserve again.",
            Self::AlreadyBooked => "Read the booking; it has the reservation's id.",
            Self::AlreadyRedeemed => "`redeemed_at` says when. Nobody goes in twice on one ticket.",
            Self::TicketRevoked => "Its booking was cancelled.",
            Self::NotAdmitted => {
                "`reason` says why. Take a place in the waiting room, at `waiting_room`."
            }
            Self::PassUsed => "One pass is good for one reservation. Take a new place.",
            Self::PlaceExpired => "Take a new place, at the end of the line.",
            Self::ChallengeFailed => {
                "`reason` says why. Ask for a new challenge at `challenge`, solve it, and join with it."
            }
            Self::RateLimited => "Ask again after `Retry-After`; you lose nothing by it.",
            Self::BadTicket => "`reason` says why: scan again, or check the event.",
            Self::BadSignature => "Sign the body as it is sent, with the present secret and time.",
            Self::LogGone => {
                "Read anew what you keep of the event, then go on after the entry before `oldest`."
            }
            Self::VersionMismatch => "Read it again, and send its new `ETag` as `If-Match`.",
            Self::IdempotencyKeyReused => {
                "Use a new `Idempotency-Key` for a new request. Nothing happened."
            }
            Self::Busy => "Nothing happened. Try again after `Retry-After`.",
            Self::ShardDown => "Nothing happened. Try again after `Retry-After`.",
            Self::OutcomeUnknown => {
                "It may have happened. Ask again with the same `Idempotency-Key`."
            }
            Self::StorageFull => "Nothing happened. Try again after `Retry-After`.",
            Self::Internal => "Tell the operator the request id in `instance`.",
        }
    }

    /// When trying again makes sense. Unit: seconds.
    pub(super) fn retry_after(self) -> Option<u64> {
        match self {
            Self::Busy | Self::ShardDown | Self::OutcomeUnknown => Some(1),
            Self::StorageFull => Some(5),
            _ => None,
        }
    }
}
