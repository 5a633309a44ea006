//! Errors as `application/problem+json` (RFC 9457). The codes stand in `code`.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};

pub use super::code::Code;

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

    /// Status and members for a line of a larger answer.
    #[must_use]
    pub(super) fn members(self) -> (u16, Map<String, Value>) {
        let mut members = self.extra;
        members.insert("code".to_owned(), self.code.as_str().into());
        members.insert("detail".to_owned(), self.detail.into());
        (self.code.status().as_u16(), members)
    }

    /// The answer, with the request's id; `headers` of `response` are kept.
    #[must_use]
    pub(super) fn render(self, request_id: &str, mut response: Response) -> Response {
        let rendered = Rendered {
            type_: format!("/problems/{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: &self.detail,
            instance: request_id,
            code: self.code.as_str(),
            extra: &self.extra,
        };
        // Names are strings and values are ours: nothing here that JSON cannot say.
        let body = serde_json::to_vec(&rendered).unwrap_or_default();
        *response.body_mut() = Body::from(body);
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, json);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.code == Code::Unauthorized {
            // RFC 6750: whoever sent nothing is told no error.
            let sent = self.extra.contains_key("reason");
            let wanted = if sent { "Bearer error=\"invalid_token\"" } else { "Bearer" };
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(wanted));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// RFC 9457, in the order in which people read it.
#[derive(Serialize)]
struct Rendered<'a> {
    #[serde(rename = "type")]
    type_: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    instance: &'a str,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
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
