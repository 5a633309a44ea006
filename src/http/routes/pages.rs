//! Pages for people, and the answers where no route is.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use utoipa::openapi::OpenApi;

use crate::http::cache::{self, Life};
use crate::http::problem::{Code, Problem};
use crate::http::state::Front;

/// Explains a problem's `type`.
pub async fn problem(Path(code): Path<String>, headers: HeaderMap) -> Response {
    let Some(code) = Code::ALL.into_iter().find(|known| known.as_str() == code) else {
        return Problem::new(Code::NotFound, "no such problem").into_response();
    };
    let (title, word, advice) = (code.title(), code.as_str(), code.advice());
    let status = code.status().as_u16();
    let text = format!("{title}\n\n{word} (HTTP {status})\n\n{advice}\n");
    cache::public_as(&headers, &cache::digest(text.as_bytes()), Life::Minute, || {
        cache::typed("text/plain; charset=utf-8", text.into())
    })
}

pub async fn nothing_here() -> Problem {
    Problem::new(Code::NotFound, "no such path; /docs lists those there are")
}

pub async fn method_not_allowed() -> Problem {
    Problem::new(Code::MethodNotAllowed, "this path has other methods")
}

/// A document of the API, written once.
pub fn document(document: &OpenApi) -> MethodRouter<Arc<Front>> {
    // A document of ours has nothing that JSON cannot say.
    let bytes = Bytes::from(serde_json::to_vec(document).unwrap_or_default());
    let tag = cache::digest(&bytes);
    get(move |headers: HeaderMap| async move {
        cache::public_as(&headers, &tag, Life::Minute, || {
            cache::typed("application/json", bytes.into())
        })
    })
}
