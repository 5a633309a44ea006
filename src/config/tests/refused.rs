//! The table of what is refused.

/// What is refused, and the one line that says so.
pub(super) const REFUSED: &[(&str, &str)] = &[
    ("[shards]\ncount = 5000", "config.toml: shards.count = 5000: must be 0 to 1024"),
    ("[shards]\ncount = -1", "config.toml: shards.count = -1: must be 0 to 1024"),
    ("[shards]\ncount = \"4\"", "config.toml: shards.count = \"4\": must be a whole number"),
    (
        "[shards]\ncuont = 4",
        "config.toml: shards.cuont = 4: unknown key; [shards] has batch_records_max, count, \
         deadline_ms, queue_depth_max",
    ),
    (
        "[shardz]",
        "config.toml: [shardz]: unknown section; there are admin, cors, demo, identity, limits, log, \
         mail, payment, sale, server, shards, sms, storage, telemetry, tickets, waiting_room, webhooks",
    ),
    ("count = 4", "config.toml: count = 4: is outside of any [section]"),
    ("[shards]\ncount == 4", "config.toml: line 2: extra `=`, expected nothing"),
    (
        "[shards]\nqueue_depth_max = 0",
        "config.toml: shards.queue_depth_max = 0: must be 1 to 1000000",
    ),
    (
        "[shards]\nbatch_records_max = 4097",
        "config.toml: shards.batch_records_max = 4097: must be 1 to 4096",
    ),
    (
        "[shards]\nqueue_depth_max = 8\nbatch_records_max = 9",
        "config.toml: shards.batch_records_max = 9: must be at most shards.queue_depth_max (8)",
    ),
    (
        "[shards]\nqueue_depth_max = 8",
        "config.toml: shards.queue_depth_max = 8: must be at least shards.batch_records_max (512)",
    ),
    (
        "[cors]\norigins = \"https://shop.example https://a.example/\"",
        "config.toml: cors.origins = \"https://shop.example https://a.example/\": must be origins as \
         browsers send them, as in https://shop.example, with blanks between; https://a.example/ is \
         not one",
    ),
    (
        "[telemetry]\notlp_endpoint = \"http://user:secret@collector\"",
        "config.toml: telemetry.otlp_endpoint = (hidden): must be the address of a collector without \
         user and query, as in http://127.0.0.1:4318",
    ),
    (
        "[log]\naccess_sample_permille = 1001",
        "config.toml: log.access_sample_permille = 1001: must be 0 to 1000",
    ),
    ("[shards]\ndeadline_ms = 9", "config.toml: shards.deadline_ms = 9: must be 10 to 60000"),
    (
        "[server]\nlisten = \"localhost:80\"",
        "config.toml: server.listen = \"localhost:80\": must be an IP address and a port, as in \
         127.0.0.1:8080 or [::1]:8080",
    ),
    (
        "[server]\nlisten = \"0.0.0.0:8080\"",
        "config.toml: server.listen = \"0.0.0.0:8080\": must be a loopback address while \
         identity.mode is \"development\", where everybody may do everything",
    ),
    (
        "[server]\nconnections_max = 0",
        "config.toml: server.connections_max = 0: must be 1 to 1000000",
    ),
    (
        "[server]\nbody_bytes_max = 1",
        "config.toml: server.body_bytes_max = 1: must be 4096 to 16777216",
    ),
    (
        "[server]\nheader_timeout_ms = 99",
        "config.toml: server.header_timeout_ms = 99: must be 100 to 600000",
    ),
    (
        "[server]\nidle_timeout_ms = 600001",
        "config.toml: server.idle_timeout_ms = 600001: must be 100 to 600000",
    ),
    ("[server]\ndrain_seconds = 601", "config.toml: server.drain_seconds = 601: must be 0 to 600"),
    (
        "[admin]\nlisten = \"127.0.0.1:8080\"",
        "config.toml: admin.listen = \"127.0.0.1:8080\": must not be the address of \
         server.listen",
    ),
    (
        "[server]\nlisten = \"127.0.0.1:9464\"",
        "config.toml: server.listen = \"127.0.0.1:9464\": must not be that of admin.listen",
    ),
    ("[storage]\ndata_dir = \"\"", "config.toml: storage.data_dir = \"\": must name a directory"),
    (
        "[storage]\nfree_bytes_min = 0",
        "config.toml: storage.free_bytes_min = 0: must be 1048576 to 1125899906842624",
    ),
    (
        "[storage]\nepoch_bytes_max = 65535",
        "config.toml: storage.epoch_bytes_max = 65535: must be 65536 to 1073741824",
    ),
    (
        "[storage]\nlog_bytes_max = -1",
        "config.toml: storage.log_bytes_max = -1: must be 0 to 1099511627776",
    ),
    (
        "[server]\nlog_streams_max = 0",
        "config.toml: server.log_streams_max = 0: must be 1 to 10000",
    ),
    (
        "[server]\nplace_streams_max = -1",
        "config.toml: server.place_streams_max = -1: must be 0 to 1000000",
    ),
    (
        "[server]\nbody_timeout_ms = 1",
        "config.toml: server.body_timeout_ms = 1: must be 100 to 600000",
    ),
    ("[server]\nin_flight_max = 9", "config.toml: server.in_flight_max = 9: must be 10 to 1000000"),
    (
        "[server]\nconnections_per_address_max = -1",
        "config.toml: server.connections_per_address_max = -1: must be 0 to 1000000",
    ),
    (
        "[server]\ntrusted_proxies = \"10.0.0.0/8 proxy\"",
        "config.toml: server.trusted_proxies = \"proxy\": must be networks with blanks between, \
         as in 10.0.0.0/8 or 2001:db8::/32",
    ),
    (
        "[server]\nforwarded_header = \"via\"",
        "config.toml: server.forwarded_header = \"via\": must be \"x-forwarded-for\" or \
         \"forwarded\"",
    ),
    (
        "[limits]\npolicies = \"read-address;q=0;w=1\"",
        "config.toml: limits.policies = \"read-address;q=0;w=1\": after the name must come \
         ;q=1 to ;q=200000",
    ),
    (
        "[limits]\nexempt = \"10.0.0.0/33\"",
        "config.toml: limits.exempt = \"10.0.0.0/33\": must be networks with blanks between, \
         as in 10.0.0.0/8 or 2001:db8::/32",
    ),
    ("[limits]\ncells_max = 1", "config.toml: limits.cells_max = 1: must be 1000 to 100000000"),
    (
        "[waiting_room]\njoins_per_source_max = -1",
        "config.toml: waiting_room.joins_per_source_max = -1: must be 0 to 1000000",
    ),
    (
        "[waiting_room]\nsources_max = 1",
        "config.toml: waiting_room.sources_max = 1: must be 1000 to 10000000",
    ),
    (
        "[waiting_room]\nchallenge_seconds = 29",
        "config.toml: waiting_room.challenge_seconds = 29: must be 30 to 3600",
    ),
    (
        "[waiting_room]\nchallenge_cost_min = 0",
        "config.toml: waiting_room.challenge_cost_min = 0: must be 1 to 10000",
    ),
    (
        "[waiting_room]\nchallenge_cost_max = 1",
        "config.toml: waiting_room.challenge_cost_max = 1: must be at least \
         waiting_room.challenge_cost_min (50)",
    ),
    (
        "[waiting_room]\nchallenge_cost_min = 1001",
        "config.toml: waiting_room.challenge_cost_min = 1001: must be at most \
         waiting_room.challenge_cost_max (1000)",
    ),
    (
        "[waiting_room]\nchallenge_joins_per_second = 0",
        "config.toml: waiting_room.challenge_joins_per_second = 0: must be 1 to 1000000",
    ),
    (
        "[waiting_room]\nchallenges_used_max = 1",
        "config.toml: waiting_room.challenges_used_max = 1: must be 1000 to 100000000",
    ),
    ("[sale]\nhold_seconds = 0", "config.toml: sale.hold_seconds = 0: must be 1 to 86400"),
    (
        "[identity]\nmode = \"none\"",
        "config.toml: identity.mode = \"none\": must be \"development\" or \"keys\"",
    ),
    (
        "[identity]\nleeway_seconds = 61",
        "config.toml: identity.leeway_seconds = 61: must be 0 to 60",
    ),
    (
        "[identity]\ntoken_seconds_max = 59",
        "config.toml: identity.token_seconds_max = 59: must be 60 to 604800",
    ),
    (
        "[identity]\njwks_refresh_seconds = 0",
        "config.toml: identity.jwks_refresh_seconds = 0: must be 1 to 86400",
    ),
    (
        "[identity]\ntokens_remembered_max = -1",
        "config.toml: identity.tokens_remembered_max = -1: must be 0 to 10000000",
    ),
    (
        "[admin]\nlisten = \"0.0.0.0:9464\"",
        "config.toml: admin.listen = \"0.0.0.0:9464\": must be a loopback address while \
         identity.mode is \"development\", where everybody may do everything",
    ),
    (
        "[payment]\nprovider = \"cash\"",
        "config.toml: payment.provider = \"cash\": must be \"simulated\" or \"stripe\"",
    ),
    (
        "[payment]\nprovider = \"stripe\"",
        "built-in settings: payment.secret_key = \"\": must be the provider's secret key; set \
         ONSALE__PAYMENT__SECRET_KEY",
    ),
    ("[payment]\nconcurrency = 0", "config.toml: payment.concurrency = 0: must be 1 to 1000"),
    (
        "[payment]\nsimulated_declines_permille = 1001",
        "config.toml: payment.simulated_declines_permille = 1001: must be 0 to 1000",
    ),
    (
        "[mail]\nmode = \"pigeon\"",
        "config.toml: mail.mode = \"pigeon\": must be \"file\" or \"smtp\"",
    ),
    ("[mail]\nmode = \"smtp\"", "built-in settings: mail.host = \"\": must name a mail server"),
    (
        "[mail]\nmode = \"smtp\"\nhost = \"a\"\nsecurity = \"some\"",
        "config.toml: mail.security = \"some\": must be \"starttls\", \"tls\" or \"none\"",
    ),
    (
        "[webhooks]\nurl = \"https://a.example/\"",
        "built-in settings: webhooks.secrets = \"\": must be one or two secrets that begin with \
         whsec_, with a blank between; set ONSALE__WEBHOOKS__SECRETS",
    ),
    (
        "[webhooks]\nurl = \"https://a.example/\"\nsecrets = \"whsec_a sekret\"",
        "config.toml: webhooks.secrets = (hidden): must be one or two secrets that begin with \
         whsec_, with a blank between; set ONSALE__WEBHOOKS__SECRETS",
    ),
    (
        "[webhooks]\nurl = \"https://a.example/\"\nsecrets = \"whsec_a\"\ntypes = \" \"",
        "config.toml: webhooks.types = \" \": must name what is sent, as in \"booking.* \
         ticket.redeemed\"",
    ),
    (
        "[webhooks]\ntimeout_ms = 60001",
        "config.toml: webhooks.timeout_ms = 60001: must be 100 to 60000",
    ),
    ("[webhooks]\nconcurrency = 101", "config.toml: webhooks.concurrency = 101: must be 1 to 100"),
    (
        "[sms]\nmode = \"carrier\"",
        "config.toml: sms.mode = \"carrier\": must be \"none\" or \"http\"",
    ),
    ("[sms]\nmode = \"http\"", "built-in settings: sms.url = \"\": must name the gateway"),
    (
        "[sms]\nmode = \"http\"\nurl = \"https://sms.example\"",
        "built-in settings: sms.token = \"\": must be the gateway's token; set ONSALE__SMS__TOKEN",
    ),
    (
        "[sms]\nmode = \"http\"\nurl = \"https://sms.example\"\ntoken = \"t\"\nfrom = \"\"",
        "config.toml: sms.from = \"\": must have 1 to 32 printable characters",
    ),
    ("[sms]\nsegments_max = 0", "config.toml: sms.segments_max = 0: must be 1 to 10"),
    ("[sms]\nconcurrency = 101", "config.toml: sms.concurrency = 101: must be 1 to 100"),
    ("[sms]\ntimeout_ms = 99", "config.toml: sms.timeout_ms = 99: must be 100 to 600000"),
    ("[demo]\nevent = 1", "config.toml: demo.event = 1: must be true or false"),
    (
        "[log]\nfilter = \"onsale=debug,inof\"",
        "config.toml: log.filter = \"onsale=debug,inof\": must be a level (error, warn, info, \
         debug, trace) or target=level directives",
    ),
    (
        "[log]\nfilter = \"\"",
        "config.toml: log.filter = \"\": must be a level (error, warn, info, debug, trace) or \
         target=level directives",
    ),
];
