//! What is refused, with the words that the operator reads.

mod refused;

use self::refused::REFUSED;
use super::*;

fn from(file: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let environment = environment.iter().map(|(name, value)| (name.into(), value.into()));
    Config::from_parts(Some(("config.toml", file)), environment).map_err(|error| error.to_string())
}

#[test]
fn what_is_out_of_bounds_is_refused_in_one_line_that_names_it() {
    for (file, line) in REFUSED {
        assert_eq!(from(file, &[]).expect_err(file), *line);
    }
}

#[test]
fn the_environment_is_refused_by_the_name_of_its_variable() {
    let refused = [
        ("ONSALE__SHARDS__COUNT", "5000", "shards.count = 5000: must be 0 to 1024"),
        ("ONSALE__SHARDS__COUNT", "four", "shards.count = \"four\": must be a whole number"),
        ("ONSALE__DEMO__EVENT", "yes", "demo.event = \"yes\": must be true or false"),
        ("ONSALE__SALE__HOLD", "5", "sale.hold = \"5\": unknown key; [sale] has hold_seconds"),
        (
            "ONSALE__SAIL__HOLD",
            "5",
            "[sail]: unknown section; there are admin, cors, demo, identity, limits, log, \
         mail, payment, sale, server, shards, sms, storage, telemetry, tickets, waiting_room, webhooks",
        ),
        ("ONSALE__LISTEN", "5", "[listen]: is not of the form ONSALE__SECTION__KEY"),
    ];
    for (name, value, reason) in refused {
        let line = from("", &[(name, value)]).expect_err(name);
        assert_eq!(line, format!("{name}: {reason}"));
    }
}

#[test]
fn a_value_cannot_break_the_line() {
    let long = format!("[log]\nfilter = \"a\\nb{}\"", "x".repeat(500));
    let line = from(&long, &[]).expect_err("refused");
    assert!(!line.contains('\n') && line.len() < 250, "{line}");
}

#[test]
fn the_built_in_settings_are_within_their_own_bounds() {
    let config = Config::from_parts(None, []).expect("starts without a file");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.sale.hold.seconds(), 600);
    assert_eq!(config.shards.deadline, Duration::from_secs(2));
    assert!(config.demo.event && config.webhooks.is_none());
}

#[test]
fn a_receiver_of_webhooks_has_one_secret_or_two_while_they_change() {
    for (secrets, count) in [("whsec_a", 1), (" whsec_a  whsec_b ", 2)] {
        let environment = [
            ("ONSALE__WEBHOOKS__URL", "https://a.example/"),
            ("ONSALE__WEBHOOKS__SECRETS", secrets),
        ];
        let webhooks = from("", &environment).expect("fits").webhooks.expect("a receiver");
        assert_eq!((webhooks.secrets.len(), webhooks.concurrency), (count, 8));
        assert!(!format!("{webhooks:?}").contains("whsec_a"), "shown");
    }
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_what_is_built_in() {
    let file = "[shards]\nqueue_depth_max = 4000\nbatch_records_max = 40";
    let environment = [
        ("ONSALE__SHARDS__BATCH_RECORDS_MAX", "20"),
        ("ONSALE__SERVER__LISTEN", "[::1]:0"),
        ("ONSALE__DEMO__EVENT", "false"),
        ("ONSALE_FAULT", "is no setting"),
        ("PATH", "/bin"),
    ];
    let config = from(file, &environment).expect("fits");
    assert_eq!(config.shards.queue_depth_max.get(), 4_000);
    assert_eq!(config.shards.batch_records_max.get(), 20);
    assert_eq!(config.shards.deadline, Duration::from_secs(2));
    assert_eq!(config.server.listen.to_string(), "[::1]:0");
    assert!(!config.demo.event);
}

#[test]
fn both_listeners_may_ask_for_any_free_port() {
    let environment =
        [("ONSALE__SERVER__LISTEN", "127.0.0.1:0"), ("ONSALE__ADMIN__LISTEN", "127.0.0.1:0")];
    assert!(from("", &environment).is_ok());
}

#[test]
fn no_shard_count_means_one_per_core() {
    let count = from("", &[]).expect("fits").shards.count;
    let cores = thread::available_parallelism().expect("this machine knows its cores");
    assert_eq!(usize::from(count.get()), cores.get().min(1_024));
    assert_eq!(from("[shards]\ncount = 3", &[]).expect("fits").shards.count.get(), 3);
}

#[test]
fn a_file_asked_for_by_name_must_be_there() {
    let missing = Path::new("/nonexistent/onsale.toml");
    let line = Config::load(Some(missing)).expect_err("refused").to_string();
    assert!(line.starts_with("/nonexistent/onsale.toml: No such file"), "{line}");
}

#[test]
fn an_origin_is_what_a_browser_sends_to_the_letter() {
    let of = |origins: &str| from(&format!("[cors]\norigins = \"{origins}\""), &[]);
    for good in [
        "https://shop.example",
        "http://localhost:3000",
        "https://[::1]:8443",
        "https://[::1]",
        "http://127.0.0.1:8080 https://a.example",
    ] {
        let cors = of(good).expect(good).cors.expect("origins");
        assert_eq!(cors.origins.join(" "), good);
    }
    assert!(of("").expect("none").cors.is_none());
    for bad in [
        "*",
        "null",
        "shop.example",
        "https://",
        "https://shop.example/",
        "https://Shop.example",
        "https://shop.example:443",
        "http://shop.example:80",
        "https://shop.example:08443",
        "https://a:b@shop.example",
        "https://*.example",
        "ftp://shop.example",
    ] {
        assert!(of(bad).is_err(), "{bad}");
    }
}
