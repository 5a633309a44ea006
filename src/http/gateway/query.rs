//! Queries of routes that have no parameters: refused, since whoever sends one means something that will
//! not happen, and since each spelling of a query would be a copy of its own in a CDN.

use crate::http::problem::{FieldError, Problem};

/// Routes that read their query themselves, and the payment provider's, whose address is configured with
/// the provider.
const WITH_QUERY: [&str; 5] = [
    "/v1/events",
    "/v1/events/{event}/log",
    "/v1/dead-letters",
    "/v1/audit",
    "/v1/payments/webhook",
];

/// # Errors
/// 400 with the first parameter named.
pub(in crate::http) fn check(route: Option<&str>, query: Option<&str>) -> Result<(), Problem> {
    let (Some(route), Some(query)) = (route, query) else { return Ok(()) };
    if query.is_empty() || !route.starts_with("/v1/") || WITH_QUERY.contains(&route) {
        return Ok(());
    }
    let name = query.split(['=', '&']).next().unwrap_or_default();
    let field: String = name.chars().take(40).collect();
    let reason = "this path has no parameters".to_owned();
    Err(Problem::invalid(&[FieldError { field, reason }]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_routes_that_read_it_may_have_a_query() {
        let event = Some("/v1/events/{event}");
        assert!(check(event, None).is_ok() && check(event, Some("")).is_ok());
        assert!(check(event, Some("a=1")).is_err() && check(event, Some("&")).is_err());
        assert!(check(Some("/v1/events"), Some("limit=1")).is_ok());
        assert!(
            check(Some("/docs/{*rest}"), Some("a=1")).is_ok() && check(None, Some("a")).is_ok()
        );
    }
}
