//! What each route is to the limits and under overload. Every route stands here; a test compares.

use axum::http::Method;

use crate::domain::limits::Class;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Whether the server lives: never refused.
    Health,
    /// From the payment provider, signed: never limited, since it all comes from a few addresses and each is
    /// about money that has moved.
    Signed,
    Of(Class),
}

impl Kind {
    /// Of the route that matched, by method and template. What matched none is a look around.
    pub fn of(method: &Method, template: Option<&str>) -> Self {
        // A browser's question whether it may ask changes nothing, whatever the route does.
        let template = template.filter(|_| method != Method::OPTIONS);
        template.and_then(|template| listed(method, template)).unwrap_or(Self::Of(Class::Read))
    }

    pub fn class(self) -> Option<Class> {
        match self {
            Self::Health | Self::Signed => None,
            Self::Of(class) => Some(class),
        }
    }
}

fn listed(method: &Method, template: &str) -> Option<Kind> {
    match template {
        "/healthz" | "/readyz" | "/metrics" => return Some(Kind::Health),
        "/v1/payments/webhook" => return Some(Kind::Signed),
        "/openapi.json" | "/problems/{code}" => return Some(Kind::Of(Class::Read)),
        "/v1/dead-letters" | "/v1/dead-letters/{id}/send" | "/v1/limits" | "/v1/audit" => {
            return Some(Kind::Of(Class::Manage));
        }
        _ => {}
    }
    let below = match template.strip_prefix("/v1/events")? {
        "" => "",
        below => below.strip_prefix("/{event}").unwrap_or("?"),
    };
    let is = |wanted| *method == wanted;
    let reads = is(Method::GET) || is(Method::HEAD);
    let class = match below {
        "" => {
            if reads {
                Class::Read
            } else {
                Class::Manage
            }
        }
        "/availability"
        | "/log"
        | "/keys"
        | "/waiting-room/draw"
        | "/waiting-room/draw/entries" => Class::Read,
        "/waiting-room" if reads => Class::Read,
        "/waiting-room" | "/waiting-room/figures" | "/waiting-room/suspects" | "/checkins" => {
            Class::Manage
        }
        "/waiting-room/challenge" | "/waiting-room/places" => Class::Join,
        "/reservations" | "/reservations/bulk" => Class::Reserve,
        below if below.starts_with("/waiting-room/places/me") => Class::Poll,
        // Whoever comes here has reserved already.
        below if below.starts_with("/reservations/{id}") => Class::Book,
        below if below.starts_with("/bookings") || below.starts_with("/tickets") => Class::Book,
        _ => return None,
    };
    Some(Kind::Of(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_stands_in_the_table() {
        let missing: Vec<String> = crate::http::routes_of_all()
            .into_iter()
            .filter(|(method, template)| listed(method, template).is_none())
            .map(|(method, template)| format!("{method} {template}"))
            .collect();
        assert_eq!(missing, [""; 0]);
    }

    #[test]
    fn what_a_route_is_depends_on_what_it_does() {
        let of = |method, template| Kind::of(&method, Some(template));
        let room = "/v1/events/{event}/waiting-room";
        let event = "/v1/events/{event}";
        for (method, template, kind) in [
            (Method::GET, "/v1/events", Kind::Of(Class::Read)),
            (Method::POST, "/v1/events", Kind::Of(Class::Manage)),
            (Method::PATCH, event, Kind::Of(Class::Manage)),
            (Method::GET, room, Kind::Of(Class::Read)),
            (Method::PATCH, room, Kind::Of(Class::Manage)),
            (Method::POST, "/v1/events/{event}/reservations", Kind::Of(Class::Reserve)),
            (Method::DELETE, "/v1/events/{event}/reservations/{id}", Kind::Of(Class::Book)),
            (Method::POST, "/v1/payments/webhook", Kind::Signed),
            (Method::GET, "/readyz", Kind::Health),
            (Method::OPTIONS, "/v1/events", Kind::Of(Class::Read)),
        ] {
            assert_eq!(of(method, template), kind, "{template}");
        }
        assert_eq!(Kind::of(&Method::GET, None), Kind::Of(Class::Read));
    }
}
