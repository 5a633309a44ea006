//! The limits as requests meet them, in virtual time.

use std::path::Path;

use super::*;
use crate::clock::ManualClock;
use crate::domain::time::UnixMillis;

const START: UnixMillis = UnixMillis(1_800_000_000_000);

struct World {
    clock: ManualClock,
    limits: Limits,
}

fn world(policies: &str) -> World {
    started(policies, 1_000_000, None, &ManualClock::at(START))
}

fn started(policies: &str, cells_max: usize, dir: Option<&Path>, clock: &ManualClock) -> World {
    let limits = Limits::new(LimitOptions {
        policies: Policies::parse(policies).expect("policies"),
        exempt: vec!["127.0.0.0/8".parse().expect("a network")],
        cells_max,
        directory: dir.map(Path::to_path_buf),
        clock: Arc::new(clock.clone()),
    });
    World { clock: clock.clone(), limits }
}

#[derive(Clone, Copy, Default)]
struct Who<'a> {
    customer: Option<&'a str>,
    organizer: Option<&'a str>,
    has_pass: bool,
}

impl World {
    fn check(&self, class: Class, from: &str, who: Who<'_>) -> (Result<(), Problem>, Option<Told>) {
        let subject = Subject {
            address: from.parse().expect("an address"),
            customer: who.customer,
            organizer: who.organizer,
            is_exempt: false,
            has_pass: &|| who.has_pass,
        };
        self.limits.check(class, &subject)
    }

    fn passes(&self, class: Class, from: &str, who: Who<'_>) -> bool {
        self.check(class, from, who).0.is_ok()
    }

    fn stranger(&self, from: &str) -> bool {
        self.passes(Class::Join, from, Who::default())
    }

    /// How many of those pass who come evenly, each a millisecond apart, for so long.
    fn pass_in(&self, from: &str, milliseconds: u64) -> u64 {
        let came = (0..milliseconds).filter(|_| {
            self.clock.advance(1);
            self.stranger(from)
        });
        came.count() as u64
    }
}

fn told(told: Option<Told>) -> (String, String) {
    let told = told.expect("fields");
    let text = |value: HeaderValue| value.to_str().expect("ASCII").to_owned();
    (text(told.policy), text(told.left))
}

#[test]
fn the_fields_tell_the_policies_of_the_class_and_what_is_left_of_those_that_count() {
    let world = world("join-customer;q=5;w=60 join-address;q=100;w=60 read-address;q=9;w=1");
    let fan = Who { customer: Some("fan"), ..Who::default() };
    let (passed, fields) = world.check(Class::Join, "192.0.2.1", fan);
    assert!(passed.is_ok());
    let (policy, left) = told(fields);
    assert_eq!(policy, "\"join-customer\";q=5;w=60, \"join-address\";q=100;w=60");
    assert_eq!(left, "\"join-customer\";r=4;t=12, \"join-address\";r=99;t=1");
    for _ in 0..4 {
        assert!(world.passes(Class::Join, "192.0.2.1", fan));
    }
    let (refused, fields) = world.check(Class::Join, "192.0.2.1", fan);
    let problem = refused.expect_err("a sixth one");
    assert_eq!(problem.code(), Code::RateLimited);
    assert_eq!(told(fields).1, "\"join-customer\";r=0;t=59");
    let shown = format!("{problem:?}");
    assert!(shown.contains("violated-policies") && shown.contains("join-customer"), "{shown}");
    assert!(shown.contains("retry_after: Some(59)"), "not before t: {shown}");
    let (passed, fields) = world.check(Class::Poll, "192.0.2.1", fan);
    assert!(passed.is_ok() && fields.is_none(), "a class without policies has no limit");
}

#[test]
fn a_request_that_one_policy_refuses_costs_nothing_under_the_others() {
    let world = world("join-customer;q=100;w=60 join-address;q=2;w=60");
    let fan = Who { customer: Some("fan"), ..Who::default() };
    let passed = (0..50).filter(|_| world.passes(Class::Join, "192.0.2.1", fan)).count();
    assert_eq!(passed, 2);
    let (_, fields) = world.check(Class::Join, "192.0.2.2", fan);
    assert!(told(fields).1.starts_with("\"join-customer\";r=97;"));
}

#[test]
fn customers_organizers_addresses_and_networks_each_have_their_own_budget() {
    let world = world(
        "join-customer;q=1;w=60 join-organizer;q=3;w=60 join-address;q=2;w=60 \
                       join-net64;q=3;w=60 join-net48;q=5;w=60",
    );
    let count = |from: &dyn Fn(u32) -> String, who: &dyn Fn(u32) -> Option<String>| {
        (0..20)
            .filter(|n| {
                let name = who(*n);
                let who = Who { customer: name.as_deref(), ..Who::default() };
                world.passes(Class::Join, &from(*n), who)
            })
            .count()
    };
    let nobody = |_| None;
    assert_eq!(count(&|_| "192.0.2.1".into(), &nobody), 2, "one address");
    assert_eq!(count(&|n| format!("198.51.100.{n}"), &nobody), 20, "many addresses");
    assert_eq!(count(&|n| format!("2001:db8:1:1::{n:x}"), &nobody), 3, "one household");
    assert_eq!(count(&|n| format!("2001:db8:2:{n:x}::1"), &nobody), 5, "one company");
    assert_eq!(count(&|n| format!("2001:db8:{n:x}00::1"), &nobody), 20, "the internet");
    let fan = |_| Some("fan".to_owned());
    assert_eq!(count(&|n| format!("203.0.113.{n}"), &fan), 1, "one fan");
    let shop = Who { organizer: Some("acme"), ..Who::default() };
    let asked = (0..20).filter(|_| world.passes(Class::Join, "192.0.2.1", shop)).count();
    assert_eq!(asked, 3, "a shop's server counts as the organizer, wherever it is");
    let other = Who { organizer: Some("other"), customer: Some("fan"), ..Who::default() };
    assert!(world.passes(Class::Join, "192.0.2.9", other), "another organizer's fan of that name");
}

#[test]
fn without_a_policy_for_households_the_one_for_addresses_counts_them() {
    let world = world("join-address;q=2;w=60");
    let passed = (0..9).filter(|n| world.stranger(&format!("2001:db8::{n}"))).count();
    assert_eq!(passed, 2);
}

#[test]
fn ten_times_the_allowed_rate_gets_what_is_allowed_across_a_restart_and_a_kill() {
    for (whole, slack) in [(true, 0), (false, 2)] {
        let dir = tempfile::tempdir().expect("a directory");
        let clock = ManualClock::at(START);
        let policy = "join-address;q=100;w=1";
        let mut passed = 0;
        // Ten windows; the server is started anew in the middle of each, and is away for a moment.
        for _ in 0..10 {
            let before = started(policy, 1_000, Some(dir.path()), &clock);
            passed += before.pass_in("192.0.2.1", 499);
            before.limits.keep(whole);
            clock.advance(1);
            let after = started(policy, 1_000, Some(dir.path()), &clock);
            passed += after.pass_in("192.0.2.1", 500);
            after.limits.keep(whole);
        }
        // A kill loses the last second, here all of it: one more passes at each start, then the rate.
        let allowed = 1_000 + slack * 20;
        assert!((950..=allowed.max(1_050)).contains(&passed), "whole {whole}: {passed}");
    }
}

#[test]
fn after_a_kill_whoever_is_not_known_has_the_rate_but_not_the_whole_quota() {
    let dir = tempfile::tempdir().expect("a directory");
    let clock = ManualClock::at(START);
    let policy = "join-address;q=100;w=10";
    let before = started(policy, 1_000, Some(dir.path()), &clock);
    assert!(before.stranger("192.0.2.1"));
    before.limits.keep(false);
    clock.advance(100);
    let after = started(policy, 1_000, Some(dir.path()), &clock);
    assert!(after.stranger("192.0.2.2"), "one at once");
    let passed = after.pass_in("192.0.2.2", 2_000);
    assert!((19..=22).contains(&passed), "{passed} in two seconds of ten a second");
    clock.advance(20_000);
    let passed = after.pass_in("192.0.2.3", 1_000);
    assert_eq!(passed, 100, "all windows of before have passed");
}

#[test]
#[ignore = "part of the gate: some seconds"]
fn a_million_addresses_cannot_grow_the_table_nor_keep_out_who_has_a_pass() {
    let cells_max = 1 << 17;
    let world = started(
        "join-address;q=10;w=60 book-address;q=10;w=60 join-customer;q=9;w=60",
        cells_max,
        None,
        &ManualClock::at(START),
    );
    assert!(world.stranger("192.0.2.1"));
    let before = resident_bytes();
    let address = |n: u32| std::net::Ipv4Addr::from(0x0a00_0000 + n).to_string();
    let passed = (0..1_000_000).filter(|n| world.stranger(&address(*n))).count();
    let grown = resident_bytes().saturating_sub(before);
    println!("1,000,000 addresses: {passed} counted, {} KiB more resident", grown >> 10);
    assert!((cells_max..=cells_max * 4 / 3 + 8).contains(&passed), "{passed}");
    // Other tests run beside this one; a map of a million addresses alone would be more.
    assert!(grown < 48 << 20, "{grown} bytes for {cells_max} cells of 16");
    let full = (1_000_000..1_100_000).map(address).find(|address| !world.stranger(address));
    let from = full.expect("the table is full for somebody");
    let (refused, _) = world.check(Class::Join, &from, Who::default());
    let problem = refused.expect_err("a stranger");
    assert_eq!(problem.code(), Code::Busy);
    let passes = |class, who| world.passes(class, &from, who);
    assert!(passes(Class::Join, Who { has_pass: true, ..Who::default() }), "with a pass");
    assert!(passes(Class::Join, Who { customer: Some("fan"), ..Who::default() }), "with a name");
    assert!(passes(Class::Join, Who { organizer: Some("acme"), ..Who::default() }), "a shop");
    assert!(passes(Class::Book, Who::default()), "whoever has reserved");
    assert!(world.stranger("192.0.2.1"), "whoever is counted already goes on");
    world.clock.advance(61_000);
    assert!(world.stranger(&from), "a window later there is room again");
}

#[test]
fn a_change_holds_at_once_and_after_a_restart_until_it_is_taken_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let clock = ManualClock::at(START);
    let first = started("join-address;q=1;w=60", 1_000, Some(dir.path()), &clock);
    assert!(first.stranger("192.0.2.1") && !first.stranger("192.0.2.1"));
    let change = Change {
        policies: Policies::parse("join-address;q=5;w=60").expect("policies"),
        exempt: vec!["198.51.100.0/24".parse().expect("a network")],
    };
    first.limits.set(Some(change.clone())).expect("kept");
    let passed = (0..9).filter(|_| first.stranger("192.0.2.2")).count();
    assert_eq!(passed, 5);
    assert!(first.limits.exempts("198.51.100.7".parse().expect("an address")));
    let second = started("join-address;q=1;w=60", 1_000, Some(dir.path()), &clock);
    assert_eq!(second.limits.current(), (change, true));
    second.limits.set(None).expect("taken back");
    assert_eq!(second.limits.current().0.policies.to_string(), "join-address;q=1;w=60");
    let third = started("join-address;q=2;w=60", 1_000, Some(dir.path()), &clock);
    assert_eq!(third.limits.current().0.policies.to_string(), "join-address;q=2;w=60");
}

/// Of this process. Unit: bytes.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = status.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("a number of pages") * 4_096
}
