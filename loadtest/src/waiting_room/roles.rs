//! What each fan does. The same fan does the same in every run.

/// A fan's manner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Comes when told, leaves when there is no chance, buys when let in.
    Plain,
    /// Stays whatever the chance is; so it can be seen whether it was true.
    Stubborn,
    /// Joins twice at the same instant.
    TwoTabs,
    /// Joins again some time later.
    Reloads,
    /// Asks sooner than told.
    Pushy,
    /// Goes away without a word.
    Abandons,
    /// Goes away for longer than allowed, and returns.
    ComesBack,
    /// Lets the first pass run out.
    Sleeps,
    /// Has a place token that somebody else knows too.
    Robbed,
    /// Uses the pass twice at the same instant.
    Twice,
    /// Gives the place up.
    Leaves,
    /// Asks with a token that is not quite theirs.
    Forges,
    /// Tries to buy without the pass, and with another one.
    Sneaks,
}

/// Of a thousand fans, so many; all others are plain.
const SHARES: [(Role, u64); 12] = [
    (Role::Stubborn, 60),
    (Role::TwoTabs, 20),
    (Role::Reloads, 20),
    (Role::Pushy, 10),
    (Role::Abandons, 100),
    (Role::ComesBack, 40),
    (Role::Sleeps, 40),
    (Role::Robbed, 40),
    (Role::Twice, 40),
    (Role::Leaves, 20),
    (Role::Forges, 5),
    (Role::Sneaks, 20),
];

/// What somebody does with units that are held for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Pays,
    GivesBack,
    /// Does nothing until the time is over.
    Forgets,
}

/// One use of a fan's luck; each has numbers of its own.
#[derive(Debug, Clone, Copy)]
pub enum Luck {
    Role = 1,
    Joins,
    Polls,
    Thinks,
    Units,
    Wish,
    Goodbye,
    Bit,
}

pub fn role(fan: u32) -> Role {
    let mut at = luck(fan, Luck::Role) % 1_000;
    for (role, share) in SHARES {
        if at < share {
            return role;
        }
        at -= share;
    }
    Role::Plain
}

pub fn wish(fan: u32) -> Wish {
    match luck(fan, Luck::Wish) % 100 {
        0..85 => Wish::Pays,
        85..95 => Wish::GivesBack,
        _ => Wish::Forgets,
    }
}

/// Units that a fan wants, 1 or 2.
pub fn units(fan: u32) -> u32 {
    if luck(fan, Luck::Units).is_multiple_of(2) { 1 } else { 2 }
}

/// Any number, always the same for one fan and one use.
pub fn luck(fan: u32, of: Luck) -> u64 {
    // SplitMix64: neighbours have nothing in common.
    let mut z = (u64::from(fan) << 8 | of as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_part_and_most_are_plain() {
        let of = |wanted| (0..100_000).filter(|fan| role(*fan) == wanted).count();
        for (role, share) in SHARES {
            let expected = usize::try_from(share * 100).expect("small");
            assert!(of(role).abs_diff(expected) <= expected / 5, "{role:?}: {}", of(role));
        }
        assert!(50_000 < of(Role::Plain));
    }
}
