//! The edge: HTTP in, commands to the router, answers out. Decides nothing about inventory.
//!
//! | method and path | handler |
//! |---|---|
//! | `POST /v1/events` | `routes::events::create` |
//! | `GET /v1/events`, `GET /v1/events/{event}` | `routes::events::list`, `read` |
//! | `PATCH /v1/events/{event}` | `routes::amend::amend` |
//! | `GET /v1/events/{event}/availability` | `routes::events::availability` |
//! | `GET /v1/events/{event}/log` | `routes::log::read` |
//! | `POST /v1/events/{event}/reservations` | `routes::reservations::reserve` |
//! | `POST /v1/events/{event}/reservations/bulk` | `routes::bulk::reserve_many` |
//! | `GET`, `DELETE /v1/events/{event}/reservations/{id}` | `routes::reservations::read`, `release` |
//! | `POST /v1/events/{event}/bookings` and below | `routes::bookings`, `routes::tickets` |
//! | `/v1/events/{event}/waiting-room` and below | `routes::waiting_room` |
//! | `POST /v1/events/{event}/checkins` | `routes::checkins::redeem` |
//! | `POST /v1/payments/webhook` | `routes::payments::webhook` |
//! | `GET /v1/dead-letters` and below, for operators | `routes::operator::dead_letters` |
//! | `GET`, `PUT`, `DELETE /v1/limits`, for operators | `routes::operator::limits` |
//! | `GET /v1/dead-letters` and below, `GET /v1/audit`, for operators | `routes::operator` |
//! | `GET /healthz`, `/readyz`, `/metrics` | `routes::health` |
//! | `GET /openapi.json`, `/docs`, `/problems/{code}` | `routes::pages` |

mod answers;
mod body;
mod cache;
mod code;
mod crowd;
mod desk;
mod door;
mod gateway;
mod held;
mod layers;
mod page;
mod problem;
mod refusal;
mod routes;
mod server;
mod state;
mod views;
mod waiting_room;

use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi};

pub use desk::Desk;
pub use door::Door;
pub use gateway::{
    Algorithm, BoundOptions, Caller, CustomerCaller, Denied, Identity, IssuerOptions, KeyCaller,
    KeyRing, LimitOptions, Proxies, Tokens, TokensOptions,
};
pub use gateway::{CorsOptions, EdgeOptions};
pub use server::{Limits, listen, serve};
pub use state::{Front, FrontOptions, Phase};
pub use waiting_room::WaitingOptions;

const DOCUMENT: &str = "/openapi.json";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "onsale",
        description = "Reservations for the moment tickets go on sale. A 2xx is on stable storage.",
        license(name = "MIT OR Apache-2.0")
    ),
    components(schemas(answers::ProblemDocument))
)]
struct ApiDoc;

fn described() -> OpenApiRouter<Arc<Front>> {
    OpenApiRouter::with_openapi(ApiDoc::openapi())
        .routes(routes!(routes::events::list, routes::events::create))
        .routes(routes!(routes::events::read, routes::amend::amend))
        .routes(routes!(routes::events::availability))
        .routes(routes!(routes::log::read))
        .routes(routes!(routes::reservations::reserve))
        .routes(routes!(routes::bulk::reserve_many))
        .routes(routes!(routes::reservations::read, routes::reservations::release))
        .routes(routes!(routes::bookings::book))
        .routes(routes!(routes::bookings::read))
        .routes(routes!(routes::bookings::cancel))
        .routes(routes!(routes::stream::booking))
        .routes(routes!(routes::tickets::list))
        .routes(routes!(routes::tickets::pdf))
        .routes(routes!(routes::tickets::svg))
        .routes(routes!(routes::tickets::keys))
        .routes(routes!(routes::checkins::redeem))
        .routes(routes!(routes::waiting_room::room::read, routes::waiting_room::terms::arrange))
        .routes(routes!(
            routes::waiting_room::challenge::make,
            routes::waiting_room::challenge::get
        ))
        .routes(routes!(routes::waiting_room::places::join))
        .routes(routes!(routes::waiting_room::poll::me, routes::waiting_room::places::leave))
        .routes(routes!(routes::waiting_room::stream::me))
        .routes(routes!(routes::waiting_room::places::pass))
        .routes(routes!(routes::waiting_room::draw::proof))
        .routes(routes!(routes::waiting_room::draw::read))
        .routes(routes!(routes::waiting_room::draw::entries))
        .routes(routes!(routes::payments::webhook))
        .routes(routes!(routes::health::live))
        .routes(routes!(routes::health::ready))
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "onsale, for operators",
        description = "What only the admin listener serves. In mode `keys` it asks for an operator's key.",
        license(name = "MIT OR Apache-2.0")
    ),
    components(schemas(answers::ProblemDocument))
)]
struct OperatorDoc;

fn described_for_operators() -> OpenApiRouter<Arc<Front>> {
    OpenApiRouter::with_openapi(OperatorDoc::openapi())
        .routes(routes!(routes::operator::dead_letters::list))
        .routes(routes!(routes::operator::dead_letters::send_again))
        .routes(routes!(
            routes::operator::limits::read,
            routes::operator::limits::change,
            routes::operator::limits::reset
        ))
        .routes(routes!(routes::operator::audit::list))
        .routes(routes!(routes::waiting_room::room::figures))
        .routes(routes!(routes::waiting_room::room::suspects))
        .routes(routes!(routes::health::live))
        .routes(routes!(routes::health::ready))
}

/// Takes the webhooks of a payment provider that lives in this process, by the door that all others use.
///
/// # Errors
/// What the route would have answered, as text.
pub async fn take_webhook(
    front: &Front,
    headers: &axum::http::HeaderMap,
    body: &[u8],
) -> Result<(), String> {
    let taken = routes::payments::take(front, headers, body).await;
    taken.map(|_| ()).map_err(|problem| problem.code().as_str().to_owned())
}

/// Every template that can match, for the metrics.
#[must_use]
pub fn route_templates() -> Vec<String> {
    let documents = [described(), described_for_operators()].map(OpenApiRouter::into_openapi);
    let paths = documents.into_iter().flat_map(|document| document.paths.paths);
    let mut templates: Vec<String> = paths.map(|(path, _)| path).collect();
    let others = ["/problems/{code}", DOCUMENT, "/metrics"];
    templates.extend(others.map(str::to_owned));
    templates
}

/// Says who may use what.
///
/// # Panics
/// When of a route no rule says so: it must not be served.
fn complete(document: &mut utoipa::openapi::OpenApi) {
    let ruleless = gateway::routes_without_a_rule(document);
    assert!(ruleless.is_empty(), "routes without a rule in domain/access: {ruleless:?}");
    gateway::describe(document);
    answers::complete(document);
}

/// Every route of both documents.
#[cfg(test)]
fn routes_of_all() -> Vec<(axum::http::Method, String)> {
    use axum::http::Method;
    let documents = [described(), described_for_operators()].map(OpenApiRouter::into_openapi);
    let paths = documents.into_iter().flat_map(|document| document.paths.paths);
    let routes = paths.flat_map(|(path, item)| {
        let methods = [
            (Method::GET, item.get.is_some()),
            (Method::PUT, item.put.is_some()),
            (Method::POST, item.post.is_some()),
            (Method::DELETE, item.delete.is_some()),
            (Method::PATCH, item.patch.is_some()),
        ];
        let there = methods.into_iter().filter(|(_, is_there)| *is_there);
        there.map(move |(method, _)| (method, path.clone())).collect::<Vec<_>>()
    });
    routes.collect()
}

/// What buyers, shops and organizers reach.
pub fn public(front: Arc<Front>) -> Door {
    let (router, mut document) = described().split_for_parts();
    complete(&mut document);
    let routes = router
        .route("/problems/{code}", get(routes::pages::problem))
        .route(DOCUMENT, routes::pages::document(&document))
        .merge(SwaggerUi::new("/docs").config(Config::from(DOCUMENT)))
        .fallback(routes::pages::nothing_here)
        .method_not_allowed_fallback(routes::pages::method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(&front), layers::around))
        .with_state(Arc::clone(&front));
    Door::new(routes, Some(front))
}

/// What operators reach.
pub fn admin(front: Arc<Front>) -> Door {
    let (router, mut document) = described_for_operators().split_for_parts();
    complete(&mut document);
    let routes = router
        .route("/metrics", get(routes::health::metrics))
        .route(DOCUMENT, routes::pages::document(&document))
        .route("/problems/{code}", get(routes::pages::problem))
        .fallback(routes::pages::nothing_here)
        .method_not_allowed_fallback(routes::pages::method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(&front), layers::around_operators))
        .with_state(front);
    Door::new(routes, None)
}
