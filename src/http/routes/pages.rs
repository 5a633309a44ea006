//! Pages for people, and the answers where no route is.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};

use crate::http::problem::{Code, Problem};

/// Explains a problem's `type`.
pub async fn problem(Path(code): Path<String>) -> Response {
    let Some(code) = Code::ALL.into_iter().find(|known| known.as_str() == code) else {
        return Problem::new(Code::NotFound, "no such problem").into_response();
    };
    let (title, word, advice) = (code.title(), code.as_str(), code.advice());
    let status = code.status().as_u16();
    format!("{title}\n\n{word} (HTTP {status})\n\n{advice}\n").into_response()
}

pub async fn nothing_here() -> Problem {
    Problem::new(Code::NotFound, "no such path; /docs lists those there are")
}

pub async fn method_not_allowed() -> Problem {
    Problem::new(Code::MethodNotAllowed, "this path has other methods")
}
