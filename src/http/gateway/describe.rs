//! What the OpenAPI documents say about identity, from the table of rules: so that it cannot differ from what
//! is checked, and a route without a rule is found before it is served.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Components, OpenApi, ResponseBuilder};

use crate::domain::access::{self, Action, Role, Verdict, Who};

const KEY: &str = "key";
const KEY_HEADER: &str = "key_header";
const CUSTOMER: &str = "customer";

/// Adds the schemes, and to each operation who may use it and how others are refused.
pub fn describe(document: &mut OpenApi) {
    let components = document.components.get_or_insert_with(Components::new);
    let bearer = |format, says| {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format(format);
        SecurityScheme::Http(scheme.description(Some(says)).build())
    };
    let says = "An API key of `onsale keys create`. In mode `development` nobody is asked.";
    components.add_security_scheme(KEY, bearer("onsale_id_secret", says));
    let says = "The same, for programs that cannot set `Authorization`.";
    let header = ApiKeyValue::with_description("X-API-Key", says);
    components.add_security_scheme(KEY_HEADER, SecurityScheme::ApiKey(ApiKey::Header(header)));
    let says = "A customer's token of an issuer that the operator trusts.";
    components.add_security_scheme(CUSTOMER, bearer("JWT", says));
    for (template, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            if let Some(action) = access::rule(method, template) {
                describe_one(operation, action);
            }
        }
    }
}

/// Documented routes of which no rule says who may use them; such a document must not be served.
#[must_use]
pub fn routes_without_a_rule(document: &mut OpenApi) -> Vec<String> {
    let paths = document.paths.paths.iter_mut();
    let routes = paths.flat_map(|(template, item)| {
        operations(item).into_iter().map(move |(method, _)| (method, template))
    });
    let ruleless = routes.filter(|(method, template)| access::rule(method, template).is_none());
    ruleless.map(|(method, template)| format!("{method} {template}")).collect()
}

fn operations(item: &mut PathItem) -> Vec<(&'static str, &mut Operation)> {
    let all = [
        ("GET", &mut item.get),
        ("PUT", &mut item.put),
        ("POST", &mut item.post),
        ("DELETE", &mut item.delete),
        ("OPTIONS", &mut item.options),
        ("HEAD", &mut item.head),
        ("PATCH", &mut item.patch),
        ("TRACE", &mut item.trace),
    ];
    all.into_iter().filter_map(|(method, slot)| Some((method, slot.as_mut()?))).collect()
}

fn describe_one(operation: &mut Operation, action: Action) {
    let scheme = |name: &str| SecurityRequirement::new(name, Vec::<String>::new());
    let may = |who| matches!(access::may(who, action), Verdict::Yes | Verdict::Own);
    let mut security = vec![scheme(KEY), scheme(KEY_HEADER)];
    if may(Who::Customer) {
        security.push(scheme(CUSTOMER));
    }
    if may(Who::Stranger) {
        // An empty requirement: it can be done without.
        security.push(SecurityRequirement::default());
    }
    operation.security = Some(security);
    let roles: Vec<&str> =
        Role::ALL.into_iter().filter(|role| may(Who::Key(*role))).map(Role::as_str).collect();
    let mut refuse = |status: &str, says: String| {
        let responses = &mut operation.responses.responses;
        if !responses.contains_key(status) {
            let response = ResponseBuilder::new().description(says).build();
            responses.insert(status.to_owned(), response.into());
        }
    };
    refuse("401", "the credentials are missing or not good".to_owned());
    if roles.len() < Role::ALL.len() || !may(Who::Customer) || action == Action::Reserve {
        refuse("403", format!("only for keys of the roles: {}", roles.join(", ")));
    }
    if action == Action::Queue {
        refuse("404", "no such event or waiting room".to_owned());
    }
}
