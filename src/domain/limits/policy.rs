//! Policies as they are written: `join-address;q=100;w=60`.

use std::fmt;

use super::pace::Pace;

/// What is asked for; each has budgets of its own, so that reading never uses up what buying needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Taking a place in a waiting room, and the challenge before it.
    Join,
    /// Asking for one's place, giving it back.
    Poll,
    Reserve,
    /// Buying what is reserved, giving it back, cancelling.
    Book,
    Read,
    /// What organizers and scanners do.
    Manage,
}

/// By what is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A customer who said who they are.
    Customer,
    /// An organizer: whatever is asked with its keys, and by its customers.
    Organizer,
    /// An IPv4 address; an IPv6 network of 64 bits, when the class has no policy for those.
    Address,
    /// An IPv6 network of 64 bits, which one household has.
    Net64,
    /// An IPv6 network of 48 bits, which a company has, or whoever rents servers.
    Net48,
}

/// A quota for a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Policy {
    pub class: Class,
    pub key: Key,
    /// Requests for each window, 1 to [`Policy::QUOTA_MAX`].
    pub quota: u32,
    /// Unit: seconds, 1 to [`Policy::SECONDS_MAX`].
    pub window_seconds: u32,
}

/// Policies in the order of their names, no name twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policies(Vec<Policy>);

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{policy:?}: {reason}")]
pub struct PolicyError {
    /// The part that is wrong, cut to a bearable length.
    pub policy: String,
    pub reason: &'static str,
}

impl Class {
    pub const ALL: [Self; 6] =
        [Self::Join, Self::Poll, Self::Reserve, Self::Book, Self::Read, Self::Manage];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Poll => "poll",
            Self::Reserve => "reserve",
            Self::Book => "book",
            Self::Read => "read",
            Self::Manage => "manage",
        }
    }
}

impl Key {
    pub const ALL: [Self; 5] =
        [Self::Customer, Self::Organizer, Self::Address, Self::Net64, Self::Net48];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Organizer => "organizer",
            Self::Address => "address",
            Self::Net64 => "net64",
            Self::Net48 => "net48",
        }
    }
}

/// By class, then by key.
const NAMES: [[&str; 5]; 6] = [
    ["join-customer", "join-organizer", "join-address", "join-net64", "join-net48"],
    ["poll-customer", "poll-organizer", "poll-address", "poll-net64", "poll-net48"],
    ["reserve-customer", "reserve-organizer", "reserve-address", "reserve-net64", "reserve-net48"],
    ["book-customer", "book-organizer", "book-address", "book-net64", "book-net48"],
    ["read-customer", "read-organizer", "read-address", "read-net64", "read-net48"],
    ["manage-customer", "manage-organizer", "manage-address", "manage-net64", "manage-net48"],
];

impl Policy {
    /// Names that there are.
    pub const COUNT: usize = 30;
    pub const QUOTA_MAX: u32 = 200_000;
    /// A day.
    pub const SECONDS_MAX: u32 = 86_400;

    /// Class and key, as in settings, fields and metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        NAMES[self.class as usize][self.key as usize]
    }

    /// Different for each name, less than 30.
    #[must_use]
    pub fn number(&self) -> u8 {
        self.class as u8 * 5 + self.key as u8
    }

    #[must_use]
    pub fn pace(&self) -> Pace {
        Pace::new(self.quota, self.window_seconds)
    }

    /// # Errors
    /// The reason names what would be right.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let error = |reason| {
            let policy = text.chars().take(60).collect();
            PolicyError { policy, reason }
        };
        let mut parts = text.split(';');
        let name = parts.next().unwrap_or_default();
        let (class, key) = Self::by_name(name).ok_or_else(|| {
            error(
                "no such name; one is join, poll, reserve, book, read or manage, then -customer, \
                   -organizer, -address, -net64 or -net48",
            )
        })?;
        let mut number = |name: &str, max| {
            let digits = parts.next()?.strip_prefix(name)?.strip_prefix('=')?;
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            let number: u32 = digits.parse().ok().filter(|_| plain)?;
            (1..=max).contains(&number).then_some(number)
        };
        let quota = number("q", Self::QUOTA_MAX);
        let quota = quota.ok_or_else(|| error("after the name must come ;q=1 to ;q=200000"))?;
        let window_seconds = number("w", Self::SECONDS_MAX);
        let window_seconds =
            window_seconds.ok_or_else(|| error("after the quota must come ;w=1 to ;w=86400"))?;
        if parts.next().is_some() {
            return Err(error("nothing may come after ;w="));
        }
        Ok(Self { class, key, quota, window_seconds })
    }

    /// The class and the key of a name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<(Class, Key)> {
        let pairs = Class::ALL.into_iter().flat_map(|class| Key::ALL.map(|key| (class, key)));
        pairs.into_iter().find(|(class, key)| NAMES[*class as usize][*key as usize] == name)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};q={};w={}", self.name(), self.quota, self.window_seconds)
    }
}

impl Policies {
    /// Policies with blanks between; none is no limit.
    ///
    /// # Errors
    /// The first one that is wrong.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let policies: Result<Vec<Policy>, PolicyError> =
            text.split_whitespace().map(Policy::parse).collect();
        Self::new(policies?)
    }

    /// # Errors
    /// The first one whose name stands twice.
    pub fn new(mut policies: Vec<Policy>) -> Result<Self, PolicyError> {
        policies.sort_unstable_by_key(Policy::number);
        let twice = policies.windows(2).find(|pair| pair[0].number() == pair[1].number());
        match twice {
            Some(pair) => {
                Err(PolicyError { policy: pair[0].name().to_owned(), reason: "stands twice" })
            }
            None => Ok(Self(policies)),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Policy> {
        self.0.iter()
    }

    #[must_use]
    pub fn of(&self, class: Class, key: Key) -> Option<&Policy> {
        self.0.iter().find(|policy| policy.class == class && policy.key == key)
    }
}

impl fmt::Display for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, policy) in self.0.iter().enumerate() {
            let blank = if at == 0 { "" } else { " " };
            write!(f, "{blank}{policy}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_as_it_is_written() {
        let mut numbers = Vec::new();
        for class in Class::ALL {
            for key in Key::ALL {
                let policy = Policy { class, key, quota: 5, window_seconds: 60 };
                let name = format!("{}-{}", class.as_str(), key.as_str());
                assert_eq!(policy.name(), name);
                assert_eq!(policy.to_string(), format!("{name};q=5;w=60"));
                assert_eq!(Policy::parse(&policy.to_string()), Ok(policy));
                numbers.push(policy.number());
            }
        }
        assert_eq!(numbers, (0..30).collect::<Vec<u8>>());
    }

    #[test]
    fn what_is_no_policy_is_named_with_its_reason() {
        for (text, reason) in [
            ("", "no such name"),
            ("join", "no such name"),
            ("joinaddress;q=1;w=1", "no such name"),
            ("Join-address;q=1;w=1", "no such name"),
            ("join-address", "must come ;q="),
            ("join-address;q=0;w=1", "must come ;q="),
            ("join-address;q=+5;w=1", "must come ;q="),
            ("join-address;q=200001;w=1", "must come ;q="),
            ("join-address;q=-1;w=1", "must come ;q="),
            ("join-address;w=1;q=1", "must come ;q="),
            ("join-address;q=1", "must come ;w="),
            ("join-address;q=1;w=0", "must come ;w="),
            ("join-address;q=1;w=86401", "must come ;w="),
            ("join-address;q=1;w=1;w=1", "nothing may come"),
        ] {
            let error = Policy::parse(text).expect_err(text);
            assert!(error.reason.contains(reason), "{text}: {error}");
        }
        let error = Policies::parse("read-address;q=1;w=1 read-address;q=2;w=1").unwrap_err();
        assert_eq!(error.to_string(), "\"read-address\": stands twice");
    }

    #[test]
    fn policies_stand_in_one_order_and_none_is_no_limit() {
        let text = "read-address;q=1;w=1  join-net48;q=2;w=3\njoin-customer;q=4;w=5";
        let policies = Policies::parse(text).unwrap();
        let order = "join-customer;q=4;w=5 join-net48;q=2;w=3 read-address;q=1;w=1";
        assert_eq!(policies.to_string(), order);
        assert_eq!(Policies::parse(order).unwrap(), policies);
        assert_eq!(Policies::parse(" ").unwrap().to_string(), "");
    }
}
