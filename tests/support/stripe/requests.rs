//! What the stand-in wants of a request: exactly what is written, with nothing more and nothing less.

use axum::http::HeaderMap;
use axum::response::Response;

use super::doors::error;
use super::{API_VERSION, Form, SECRET_KEY, Shared};

/// The card's token, if the form is exactly what it has to be.
pub(super) fn check_intent(form: &Form) -> Result<String, String> {
    let mut rest = form.clone();
    let mut take = |name: &str| rest.remove(name).ok_or_else(|| format!("{name} is missing"));
    let fixed = [
        ("confirm", "true"),
        ("error_on_requires_action", "true"),
        ("payment_method_types[0]", "card"),
    ];
    for (name, value) in fixed {
        let given = take(name)?;
        if given != value {
            return Err(format!("{name} is {given}"));
        }
    }
    let amount: u64 = take("amount")?.parse().map_err(|_| "amount is no number".to_owned())?;
    let currency = take("currency")?;
    if amount == 0 || currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_lowercase()) {
        return Err(format!("amount {amount}, currency {currency}"));
    }
    for name in ["event", "booking", "attempt"] {
        take(&format!("metadata[{name}]"))?;
    }
    let token = match take("payment_method") {
        Ok(token) if token.starts_with("tok_") => return Err("a tok_ as payment_method".to_owned()),
        Ok(token) => token,
        Err(_) => {
            let kind = take("payment_method_data[type]")?;
            let token = take("payment_method_data[card][token]")?;
            if kind != "card" || !token.starts_with("tok_") {
                return Err(format!("payment_method_data is {kind}, {token}"));
            }
            token
        }
    };
    if rest.is_empty() { Ok(token) } else { Err(format!("unknown parameters {rest:?}")) }
}

/// `metadata['a']:'b' AND metadata['c']:'d'`.
pub(super) fn parse_query(query: &str) -> Option<Vec<(String, String)>> {
    let clause = |clause: &str| {
        let (name, value) = clause.strip_prefix("metadata['")?.split_once("']:'")?;
        Some((name.to_owned(), value.strip_suffix('\'')?.to_owned()))
    };
    query.split(" AND ").map(clause).collect()
}

/// The refusal, if the headers are not what they have to be.
pub(super) fn check_headers(
    shared: &Shared,
    headers: &HeaderMap,
    is_post: bool,
) -> Option<Response> {
    let mut books = shared.books();
    books.calls += 1;
    let mut expected = vec![
        ("authorization", format!("Bearer {SECRET_KEY}")),
        ("stripe-version", API_VERSION.to_owned()),
    ];
    if is_post {
        expected.push(("content-type", "application/x-www-form-urlencoded".to_owned()));
    }
    for (name, value) in expected {
        if text(headers, name) != value {
            books.complaints.push(format!("{name} is {:?}", text(headers, name)));
            return Some(error(401, "invalid_request_error", "api_key_expired"));
        }
    }
    let key = text(headers, "idempotency-key");
    if is_post != (1..=255).contains(&key.len()) {
        books.complaints.push(format!("idempotency-key is {key:?}"));
        return Some(error(400, "invalid_request_error", "idempotency_key"));
    }
    None
}

pub(super) fn text(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

pub(super) fn parse_form(body: &[u8]) -> Form {
    let url = format!("http://x/?{}", String::from_utf8_lossy(body));
    let url = reqwest::Url::parse(&url).expect("a query is always one");
    url.query_pairs().into_owned().collect()
}
