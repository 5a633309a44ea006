//! Who may do what: roles, what each route does, and the one table of which role may do which. Whose event
//! it is, is asked where it is known; whose reservation, where it is read.

mod rules;

pub use rules::rule;

use super::ids::OrganizerId;

/// What an API key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Whoever puts events on the books: everything about their own.
    Organizer,
    /// An organizer's shop: acts for any customer of its events.
    Service,
    /// A device at an organizer's door.
    Scanner,
    /// Whoever runs the server: everything.
    Operator,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Organizer, Self::Service, Self::Scanner, Self::Operator];

    /// The word in files, commands and labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Organizer => "organizer",
            Self::Service => "service",
            Self::Scanner => "scanner",
            Self::Operator => "operator",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// Whether a key of this role belongs to an organizer; an operator's belongs to none.
    #[must_use]
    pub fn has_organizer(self) -> bool {
        self != Self::Operator
    }
}

/// What a route does, as far as it matters who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Looks at what everybody may see.
    Look,
    /// Stands in a line; the place's token is the right to it.
    Queue,
    /// Is believed for its signature.
    Signed,
    /// Puts an event on the books.
    Create,
    /// Changes an event or its waiting room.
    Manage,
    /// Looks at what only an event's organizer sees.
    Inspect,
    /// Reads everything that happened to an event.
    ReadLog,
    /// Reserves for one customer.
    Reserve,
    /// Reserves for many.
    ReserveMany,
    /// Reads, buys or gives back what one customer has.
    Own,
    /// Redeems tickets.
    CheckIn,
    /// Runs the server.
    Operate,
}

/// Who asks, as far as the table needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Stranger,
    Customer,
    Key(Role),
}

/// What the table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Yes,
    /// If the event is theirs, see [`owns`]; else there is no such event.
    Own,
    /// Not without saying who they are.
    Nameless,
    /// Not whoever they are.
    No,
}

/// The table. No `_` arms: a new action or role does not compile until someone has decided.
#[must_use]
pub fn may(who: Who, action: Action) -> Verdict {
    match who {
        Who::Stranger => match action {
            Action::Look | Action::Queue | Action::Signed => Verdict::Yes,
            Action::Create
            | Action::Manage
            | Action::Inspect
            | Action::ReadLog
            | Action::Reserve
            | Action::ReserveMany
            | Action::Own
            | Action::CheckIn
            | Action::Operate => Verdict::Nameless,
        },
        Who::Customer => match action {
            Action::Look | Action::Signed => Verdict::Yes,
            Action::Queue | Action::Reserve | Action::Own => Verdict::Own,
            Action::Create
            | Action::Manage
            | Action::Inspect
            | Action::ReadLog
            | Action::ReserveMany
            | Action::CheckIn
            | Action::Operate => Verdict::No,
        },
        Who::Key(role) => may_key(role, action),
    }
}

fn may_key(role: Role, action: Action) -> Verdict {
    match (role, action) {
        (Role::Operator, _) | (_, Action::Look | Action::Signed) => Verdict::Yes,
        (Role::Organizer, Action::Create) => Verdict::Yes,
        (
            Role::Organizer,
            Action::Queue
            | Action::Manage
            | Action::Inspect
            | Action::ReadLog
            | Action::Reserve
            | Action::ReserveMany
            | Action::Own
            | Action::CheckIn,
        ) => Verdict::Own,
        (
            Role::Service,
            Action::Queue | Action::ReadLog | Action::Reserve | Action::ReserveMany | Action::Own,
        ) => Verdict::Own,
        (Role::Scanner, Action::CheckIn) => Verdict::Own,
        (Role::Organizer, Action::Operate)
        | (
            Role::Service,
            Action::Create | Action::Manage | Action::Inspect | Action::CheckIn | Action::Operate,
        )
        | (
            Role::Scanner,
            Action::Queue
            | Action::Create
            | Action::Manage
            | Action::Inspect
            | Action::ReadLog
            | Action::Reserve
            | Action::ReserveMany
            | Action::Own
            | Action::Operate,
        ) => Verdict::No,
    }
}

/// Whether an event of `event`'s is within reach of whoever speaks for `caller`. A customer whose issuer
/// speaks for no organizer reaches every event; a key always belongs to one.
#[must_use]
pub fn owns(who: Who, caller: Option<&OrganizerId>, event: Option<&OrganizerId>) -> bool {
    match (who, caller) {
        (Who::Customer, None) | (Who::Key(Role::Operator), _) => true,
        (Who::Stranger, _) | (Who::Key(_), None) => false,
        (Who::Customer | Who::Key(_), Some(caller)) => event == Some(caller),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIONS: [Action; 12] = [
        Action::Look,
        Action::Queue,
        Action::Signed,
        Action::Create,
        Action::Manage,
        Action::Inspect,
        Action::ReadLog,
        Action::Reserve,
        Action::ReserveMany,
        Action::Own,
        Action::CheckIn,
        Action::Operate,
    ];

    /// One letter for each action, in the order above: Yes, Own, nameless, no.
    fn row(who: Who) -> String {
        let letter = |action: &Action| match may(who, *action) {
            Verdict::Yes => 'Y',
            Verdict::Own => 'O',
            Verdict::Nameless => '?',
            Verdict::No => '-',
        };
        ACTIONS.iter().map(letter).collect()
    }

    #[test]
    fn the_table_is_the_one_that_was_agreed() {
        assert_eq!(row(Who::Stranger), "YYY?????????");
        assert_eq!(row(Who::Customer), "YOY----O-O--");
        assert_eq!(row(Who::Key(Role::Organizer)), "YOYYOOOOOOO-");
        assert_eq!(row(Who::Key(Role::Service)), "YOY---OOOO--");
        assert_eq!(row(Who::Key(Role::Scanner)), "Y-Y-------O-");
        assert_eq!(row(Who::Key(Role::Operator)), "YYYYYYYYYYYY");
    }

    #[test]
    fn an_event_is_reached_by_its_organizer_alone() {
        let organizer = |id: &str| OrganizerId::parse(id).unwrap();
        let (acme, other) = (organizer("acme"), organizer("other"));
        for who in [Who::Customer, Who::Key(Role::Organizer), Who::Key(Role::Scanner)] {
            assert!(owns(who, Some(&acme), Some(&acme)));
            assert!(!owns(who, Some(&acme), Some(&other)));
            assert!(!owns(who, Some(&acme), None));
        }
        assert!(owns(Who::Customer, None, Some(&acme)) && owns(Who::Customer, None, None));
        assert!(!owns(Who::Key(Role::Service), None, None));
        assert!(owns(Who::Key(Role::Operator), None, Some(&acme)));
        assert!(!owns(Who::Stranger, None, None));
    }

    #[test]
    fn roles_are_read_as_they_are_written() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("Operator"), None);
    }
}
