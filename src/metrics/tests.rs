//! What a scrape shows.

use std::collections::BTreeSet;
use std::time::Duration;

use super::counters::CELLS;
use super::http::{METHODS, REFUSALS_MAX, STATUSES};
use super::*;

fn scrape(work: impl FnOnce()) -> String {
    let recorder = builder().expect("buckets").build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        describe();
        work();
    });
    handle.run_upkeep();
    handle.render()
}

#[test]
fn names_are_in_base_units_and_counters_end_in_total() {
    let mut names = BTreeSet::new();
    for (name, kind, labels, help) in TABLE {
        assert!(names.insert(name), "{name} twice");
        assert!(name.starts_with("onsale_"), "{name}");
        assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
        assert!(!name.contains("_ms") && !name.contains("_millis"), "{name}");
        assert!(help.ends_with('.'), "{name}");
        assert!(!labels.contains(' '), "{name}");
    }
}

#[test]
fn every_metric_is_scraped_with_its_help_and_kind() {
    let text = scrape(|| {
        let shard = ShardMetrics::new(3);
        shard.queue_depth.set(7.0);
        shard.queue_wait_seconds.record(0.004);
        let journal = JournalMetrics::new();
        journal.commit_duration_seconds.record(0.004);
        journal.batch_records.record(300.0);
        journal.bytes.set(1.0);
        journal.log_bytes.set(1.0);
        journal.checkpoint_age_seconds.set(1.0);
        journal.recovery_duration_seconds.set(1.0);
        UnitMetrics::new().held.set(2.0);
        let http = HttpMetrics::new(["/v1/events"]);
        http.connections.set(1.0);
        http.in_flight.set(1.0);
        http.record("GET", Some("/v1/events"), 200, Duration::from_millis(3));
        let table = |name, labels| CounterTable::new(name, labels);
        table(COMMANDS_TOTAL, &["command", "outcome"]).count(["reserve", "done"], 1);
        table(REFUSALS_TOTAL, &["code"]).count(["sold_out", ""], 1);
        table(IDENTITY_REFUSALS_TOTAL, &["reason"]).count(["expired", ""], 1);
        table(IDENTITY_TOKENS_TOTAL, &["outcome"]).count(["checked", ""], 1);
        table(IDENTITY_KEY_SETS_TOTAL, &["outcome"]).count(["taken", ""], 1);
        let purchases = PurchaseMetrics::new();
        purchases.queue_depth.set(1.0);
        let outbox = OutboxMetrics::new("mail");
        outbox.waiting.set(1.0);
        outbox.dead.set(1.0);
        table(PAYMENTS_TOTAL, &["outcome"]).count(["succeeded", ""], 1);
        table(NOTIFICATIONS_TOTAL, &["channel", "outcome"]).count(["mail", "sent"], 1);
        table(SIMULATED_MONEY_TOTAL, &["state"]).count(["captured", ""], 1);
        let host = HostMetrics::new();
        host.joins_new.increment(1);
        host.passes_issued.increment(1);
        host.order_inversions.increment(1);
        host.wait_seconds.record(100.0);
        host.eta_error_seconds.record(100.0);
        host.seal_seconds.record(0.1);
        let rooms = RoomMetrics::new(&["waiting"]);
        rooms.set_places(&[7]);
        rooms.no_show_ratio.set(0.1);
        rooms.early_polls.absolute(1);
        rooms.snapshot_age_seconds.set(0.1);
        LimitMetrics::new().strangers_used.set(0.5);
        table(LIMITED_TOTAL, &["policy"]).count(["join-address", ""], 1);
        table(SHED_TOTAL, &["class"]).count(["read", ""], 1);
        table(HTTP_CONNECTIONS_REFUSED_TOTAL, &[]).count(["", ""], 1);
        table(BROKEN_LAWS_TOTAL, &["law"]).count(["INV-1", ""], 1);
    });
    if let Ok(path) = std::env::var("ONSALE_SCRAPE_TO") {
        std::fs::write(path, &text).expect("scrape written for promtool");
    }
    for (name, kind, labels, help) in TABLE {
        assert!(text.contains(&format!("# HELP {name} {help}\n")), "{name} help\n{text}");
        assert!(text.contains(&format!("# TYPE {name} {}\n", kind.as_str())), "{name} type");
        let sample = text.lines().find(|line| line.starts_with(name)).expect(name);
        let labelled = labels.split(',').filter(|label| !label.is_empty());
        for label in labelled {
            assert!(sample.contains(&format!("{label}=\"")), "{sample}");
        }
    }
    assert!(text.contains("onsale_waiting_room_wait_seconds_bucket{le=\"120\"} 1"), "{text}");
    assert!(text.contains("onsale_journal_batch_records_bucket{le=\"512\"} 1"), "{text}");
    assert!(text.contains("onsale_commands_total{command=\"reserve\",outcome=\"done\"} 1"));
}

#[test]
fn what_is_outside_of_the_closed_sets_counts_as_other() {
    let text = scrape(|| {
        let http = HttpMetrics::new(["/v1/events"]);
        http.record("BREW", Some("/etc/passwd"), 418, Duration::ZERO);
        http.record("GET", None, 404, Duration::ZERO);
    });
    let labels = "method=\"other\",route=\"other\",status=\"other\"";
    assert!(text.contains(&format!("_count{{{labels}}} 1")), "{text}");
    assert!(text.contains("_count{method=\"GET\",route=\"other\",status=\"404\"} 1"), "{text}");
    assert!(!text.contains("passwd"));
}

#[test]
fn what_succeeds_has_its_own_histogram_and_refusals_have_so_many() {
    let routes = ["/a", "/b", "/c", "/d", "/e"];
    let text = scrape(|| {
        let http = HttpMetrics::new(routes);
        for method in METHODS {
            for route in routes {
                for (status, _) in STATUSES {
                    http.record(method, Some(route), *status, Duration::ZERO);
                    http.record(method, Some(route), *status, Duration::ZERO);
                }
            }
        }
        http.record("HEAD", Some("/a"), 200, Duration::ZERO);
    });
    let counts: Vec<&str> = text.lines().filter(|line| line.contains("seconds_count{")).collect();
    let done = STATUSES.iter().filter(|(status, _)| (200..400).contains(status)).count();
    let twos = counts.iter().filter(|line| line.ends_with(" 2")).count();
    let all_done = METHODS.len() * routes.len() * done;
    assert_eq!(twos, all_done - 1 + REFUSALS_MAX as usize);
    assert_eq!(counts.iter().filter(|line| line.ends_with(" 3")).count(), 1, "HEAD is GET");
    let other = counts.iter().filter(|line| line.contains("method=\"other\",route=\"other\""));
    assert!(other.clone().count() <= STATUSES.len());
    let sum: usize =
        counts.iter().filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum();
    assert_eq!(sum, METHODS.len() * routes.len() * STATUSES.len() * 2 + 1, "none is lost");
}

#[test]
fn threads_that_race_for_a_cell_count_every_event_once() {
    let recorder = builder().expect("buckets").build_recorder();
    let handle = recorder.handle();
    let table = CounterTable::new(REFUSALS_TOTAL, &["code"]);
    // More values than cells, so that the table also overflows.
    let values: Vec<&'static str> = (0..CELLS + 20).map(|n| &*format!("code_{n}").leak()).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                metrics::with_local_recorder(&recorder, || {
                    values.iter().for_each(|value| table.count([value, ""], 1));
                });
            });
        }
    });
    let text = handle.render();
    for value in values {
        assert!(text.contains(&format!("{{code=\"{value}\"}} 4\n")), "{value}");
    }
}
