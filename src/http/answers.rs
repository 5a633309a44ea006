//! What the OpenAPI documents say beyond the routes: every error is a problem (RFC 9457), so that routes only list their
//! statuses.

use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::AnyOf;
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response, Schema};

/// An error. Members that belong to its `code` come beside these.
#[derive(ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "only described; what is written is `problem::Rendered`")]
pub(super) struct ProblemDocument {
    /// A page of this server that says what to do.
    #[schema(rename = "type")]
    type_: String,
    title: String,
    status: u16,
    /// For programs.
    code: String,
    /// For people.
    detail: String,
    /// The request's id, also in `X-Request-Id`.
    instance: String,
    /// Of `invalid_request`: every field that is wrong.
    errors: Option<Vec<FieldErrorDocument>>,
}

#[derive(ToSchema)]
#[schema(as = FieldError)]
#[expect(dead_code, reason = "only described; what is written is `problem::FieldError`")]
pub(super) struct FieldErrorDocument {
    /// Its path in the body, such as `lines[0].quantity`, or the name of a header.
    field: String,
    reason: String,
}

/// Said once a document has all its routes.
pub(super) fn complete(document: &mut OpenApi) {
    document.paths.paths.iter_mut().for_each(|(path, item)| describe_gateway(path, item));
    describe_problems(document);
    let schemas = document.components.iter_mut().flat_map(|parts| parts.schemas.iter_mut());
    for (name, schema) in schemas {
        // What fits `{id}` fits what has more, too, so that "one of" would be wrong of nearly every entry.
        if name == "LogData"
            && let RefOr::T(Schema::OneOf(one)) = schema
        {
            let any = AnyOf { items: std::mem::take(&mut one.items), ..AnyOf::default() };
            *schema = RefOr::T(Schema::AnyOf(AnyOf { description: one.description.take(), ..any }));
        }
    }
}

/// Adds what every route may answer, whatever its handler does: the gateway refuses what means nothing, what comes
/// too often, and what comes while too much is under way.
fn describe_gateway(path: &str, item: &mut PathItem) {
    for operation in operations(item).filter(|_| path.starts_with("/v1/")) {
        let answers = &mut operation.responses.responses;
        for (status, code) in [("400", "invalid_request"), ("429", "rate_limited"), ("503", "busy")]
        {
            let refused = || Response::new(format!("see `/problems/{code}`")).into();
            answers.entry(status.to_owned()).or_insert_with(refused);
        }
    }
}

/// Gives each error of each route its form.
fn describe_problems(document: &mut OpenApi) {
    let routes = document.paths.paths.values_mut().flat_map(operations);
    for response in routes.flat_map(|route| route.responses.responses.iter_mut()) {
        let (status, RefOr::T(response)) = response else { continue };
        if status.starts_with(['4', '5']) && response.content.is_empty() {
            let problem = Content::new(Some(Ref::from_schema_name("Problem")));
            response.content.insert("application/problem+json".to_owned(), RefOr::T(problem));
        }
    }
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = path;
    [get, put, post, delete, patch].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use axum::response::IntoResponse;
    use http_body_util::BodyExt;
    use utoipa::OpenApi;

    use super::*;
    use crate::http::problem::{FieldError, Problem};

    #[derive(OpenApi)]
    #[openapi(components(schemas(ProblemDocument)))]
    struct Document;

    #[tokio::test]
    async fn a_problem_is_described_as_it_is_written() {
        let wrong = FieldError { field: "lines".to_owned(), reason: "must be there".to_owned() };
        let status = StatusCode::BAD_REQUEST.into_response();
        let written = Problem::invalid(&[wrong]).render("id", status).into_body();
        let written = written.collect().await.expect("a body").to_bytes();
        let written: serde_json::Value = serde_json::from_slice(&written).expect("JSON");
        let described = serde_json::to_value(Document::openapi()).expect("JSON");
        let described = &described["components"]["schemas"]["Problem"]["properties"];
        let names = |value: &serde_json::Value| -> Vec<String> {
            let mut names: Vec<String> =
                value.as_object().expect("an object").keys().cloned().collect();
            names.sort();
            names
        };
        assert_eq!(names(&written), names(described));
    }
}
