//! Who asks.

use std::sync::Arc;

use crate::domain::access::{Role, Who};
use crate::domain::idempotency::KeyDigest;
use crate::domain::ids::{CustomerId, OrganizerId};
use crate::faults;
use crate::http::problem::{Code, FieldError, Problem};

/// Who asks. In the extensions of requests that went through the table of routes.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Mode `development`: may do everything.
    Anyone,
    /// Sent no credentials.
    Stranger,
    Key(Arc<KeyCaller>),
    Customer(Arc<CustomerCaller>),
}

/// The holder of an API key.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyCaller {
    /// 8 characters; not secret.
    pub id: String,
    pub role: Role,
    /// Absent only of operators.
    pub organizer: Option<OrganizerId>,
    /// For people.
    pub name: String,
}

/// Somebody for whom a trusted issuer vouches.
#[derive(Debug, PartialEq, Eq)]
pub struct CustomerCaller {
    pub customer: CustomerId,
    /// For whose events the issuer speaks; absent: for all.
    pub organizer: Option<OrganizerId>,
    pub issuer: Arc<str>,
}

impl Caller {
    /// For logs: who it was, never how they proved it.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Anyone => "development".to_owned(),
            Self::Stranger => "stranger".to_owned(),
            Self::Key(key) => format!("key:{}", key.id),
            Self::Customer(customer) => format!("customer:{}", customer.customer.as_str()),
        }
    }

    /// The customer, if it is one who asks for themselves.
    #[must_use]
    pub fn customer(&self) -> Option<&CustomerId> {
        match self {
            Self::Customer(customer) => Some(&customer.customer),
            Self::Anyone | Self::Stranger | Self::Key(_) => None,
        }
    }

    /// For whose events they speak; absent: for all, or for none.
    #[must_use]
    pub fn organizer(&self) -> Option<&OrganizerId> {
        match self {
            Self::Key(key) => key.organizer.as_ref(),
            Self::Customer(customer) => customer.organizer.as_ref(),
            Self::Anyone | Self::Stranger => None,
        }
    }

    /// The row of the table; `None`: mode `development`, which has none.
    pub(super) fn who(&self) -> Option<Who> {
        match self {
            Self::Anyone => None,
            Self::Stranger => Some(Who::Stranger),
            Self::Key(key) => Some(Who::Key(key.role)),
            Self::Customer(_) => Some(Who::Customer),
        }
    }

    /// Whether what belongs to `customer` may be shown to, and changed by, whoever asks. Of an event that is
    /// theirs, shops and organizers may do so with everything.
    #[must_use]
    pub fn owns(&self, customer: &CustomerId) -> bool {
        self.customer().is_none_or(|own| own == customer) || faults::planted("show_to_anybody")
    }

    /// For whom a request is: the customer that a body names, or the one who asks.
    ///
    /// # Errors
    /// 400 when nobody is named, 403 when another customer is.
    pub fn act_for<'a>(&'a self, named: Option<&'a str>) -> Result<&'a str, Problem> {
        match (self.customer(), named) {
            (None, Some(named)) => Ok(named),
            (None, None) => Err(Problem::invalid(&[FieldError {
                field: "customer".to_owned(),
                reason: "missing field `customer`".to_owned(),
            }])),
            (Some(own), None) => Ok(own.as_str()),
            (Some(own), Some(named)) if own.as_str() == named => Ok(named),
            (Some(_), Some(_)) => {
                let detail = "customer: must be absent, or the one of your token";
                Err(Problem::new(Code::Forbidden, detail))
            }
        }
    }

    /// The digest of an idempotency key of theirs. Two customers, or two organizers, who choose the same
    /// text never get each other's answer. Whoever may see everything has the keys that there were before
    /// there were callers.
    pub(in crate::http) fn key_digest(&self, key: &str) -> KeyDigest {
        if faults::planted("share_idempotency_keys") {
            return KeyDigest::of(key);
        }
        match (self.customer(), self.organizer()) {
            (Some(customer), _) => KeyDigest::within(["customer", customer.as_str()], key),
            (None, Some(organizer)) => KeyDigest::within(["organizer", organizer.as_str()], key),
            (None, None) => KeyDigest::of(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customer(name: &str) -> Caller {
        let customer = CustomerId::parse(name).unwrap();
        Caller::Customer(Arc::new(CustomerCaller { customer, organizer: None, issuer: "i".into() }))
    }

    fn shop(organizer: &str) -> Caller {
        let organizer = OrganizerId::parse(organizer).ok();
        let (id, name) = ("abcdefgh".into(), "shop".into());
        Caller::Key(Arc::new(KeyCaller { id, role: Role::Service, organizer, name }))
    }

    #[test]
    fn a_customer_acts_for_nobody_else_and_a_shop_for_whom_it_names() {
        let fan = customer("fan-1");
        assert_eq!(fan.act_for(None).unwrap(), "fan-1");
        assert_eq!(fan.act_for(Some("fan-1")).unwrap(), "fan-1");
        assert_eq!(fan.act_for(Some("fan-2")).unwrap_err().code(), Code::Forbidden);
        for caller in [shop("acme"), Caller::Anyone] {
            assert_eq!(caller.act_for(Some("fan-2")).unwrap(), "fan-2");
            assert_eq!(caller.act_for(None).unwrap_err().code(), Code::InvalidRequest);
        }
        let (own, other) =
            (CustomerId::parse("fan-1").unwrap(), CustomerId::parse("fan-2").unwrap());
        assert!(fan.owns(&own) && !fan.owns(&other) && shop("acme").owns(&other));
    }

    #[test]
    fn the_same_key_of_two_callers_is_two_keys() {
        let callers =
            [customer("fan-1"), customer("fan-2"), customer("acme"), shop("acme"), shop("other")];
        let mut digests: Vec<_> = callers.iter().map(|caller| caller.key_digest("k")).collect();
        digests.push(Caller::Anyone.key_digest("k"));
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), 6);
        assert_eq!(shop("acme").key_digest("k"), shop("acme").key_digest("k"));
        assert_eq!(Caller::Anyone.key_digest("k"), KeyDigest::of("k"));
    }

    #[test]
    fn a_label_says_who_and_nothing_secret() {
        assert_eq!(customer("fan-1").label(), "customer:fan-1");
        assert_eq!(shop("acme").label(), "key:abcdefgh");
    }
}
