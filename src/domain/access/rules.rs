//! What each route does. A route that is not here cannot be served: the server compares this with what it
//! routes when it starts, and a test does so before.

use super::Action;

/// What the route of this method and template does; `None`: there is no rule for it.
#[must_use]
pub fn rule(method: &str, template: &str) -> Option<Action> {
    // Whoever may read may ask for the head of it.
    let method = if method == "HEAD" { "GET" } else { method };
    if let Some(below) = template.strip_prefix("/v1/events/{event}/waiting-room") {
        return waiting_room(method, below);
    }
    if let Some(below) = template.strip_prefix("/v1/events/{event}") {
        return event(method, below);
    }
    match (method, template) {
        ("GET", "/v1/events") => Some(Action::Look),
        ("POST", "/v1/events") => Some(Action::Create),
        ("POST", "/v1/payments/webhook") => Some(Action::Signed),
        ("GET", "/v1/dead-letters" | "/v1/audit" | "/v1/limits") => Some(Action::Operate),
        ("POST", "/v1/dead-letters/{id}/send") => Some(Action::Operate),
        ("PUT" | "DELETE", "/v1/limits") => Some(Action::Operate),
        ("GET", "/healthz" | "/readyz" | "/metrics" | "/openapi.json" | "/problems/{code}") => {
            Some(Action::Look)
        }
        _ => None,
    }
}

fn event(method: &str, below: &str) -> Option<Action> {
    match (method, below) {
        ("POST", "/reservations") => Some(Action::Reserve),
        ("GET", "" | "/availability" | "/keys") => Some(Action::Look),
        ("PATCH", "") => Some(Action::Manage),
        ("GET", "/log") => Some(Action::ReadLog),
        ("POST", "/reservations/bulk") => Some(Action::ReserveMany),
        ("GET" | "DELETE", "/reservations/{id}") => Some(Action::Own),
        ("POST", "/bookings" | "/bookings/{id}/cancel") => Some(Action::Own),
        (
            "GET",
            "/bookings/{id}"
            | "/bookings/{id}/stream"
            | "/bookings/{id}/tickets"
            | "/bookings/{id}/tickets.pdf"
            | "/tickets/{ticket}/qr.svg",
        ) => Some(Action::Own),
        ("POST", "/checkins") => Some(Action::CheckIn),
        _ => None,
    }
}

fn waiting_room(method: &str, below: &str) -> Option<Action> {
    match (method, below) {
        ("GET", "/places/me") | ("POST", "/places") => Some(Action::Queue),
        ("DELETE", "/places/me") => Some(Action::Queue),
        ("GET", "/places/me/stream" | "/places/me/pass" | "/places/me/proof") => {
            Some(Action::Queue)
        }
        ("GET" | "POST", "/challenge") => Some(Action::Look),
        ("GET", "" | "/draw" | "/draw/entries") => Some(Action::Look),
        ("PATCH", "") => Some(Action::Manage),
        ("GET", "/figures" | "/suspects") => Some(Action::Inspect),
        _ => None,
    }
}
