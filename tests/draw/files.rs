//! Files of draws: good ones, ones that somebody changed, and ones that are none.

use onsale::domain::ids::EventId;
use onsale::domain::waiting_room::draw::merkle::Tree;
use onsale::domain::waiting_room::draw::proof::{Head, Placed};
use onsale::domain::waiting_room::draw::{Entry, Method, TIERS, commitment, places, seed};
use serde_json::{Value, json};

/// A draw as text, whose parts can be changed.
#[derive(Clone)]
pub struct Draw {
    pub head: Value,
    pub lines: Vec<String>,
}

impl Draw {
    pub fn text(&self) -> String {
        let lines = std::iter::once(self.head.to_string()).chain(self.lines.iter().cloned());
        lines.map(|line| line + "\n").collect()
    }

    /// Word `word` of line `line` of the entries.
    pub fn word(&self, line: usize, word: usize) -> &str {
        self.lines[line].split(' ').nth(word).expect("four words")
    }

    pub fn set_word(&mut self, line: usize, word: usize, text: &str) {
        let mut words: Vec<&str> = self.lines[line].split(' ').collect();
        words[word] = text;
        self.lines[line] = words.join(" ");
    }

    /// Gives line `to` the word of line `from`.
    fn copy_word(&mut self, word: usize, from: usize, to: usize) {
        let text = self.word(from, word).to_owned();
        self.set_word(to, word, &text);
    }

    /// Turns a digit of a hash into another one.
    fn spoil(&mut self, member: &str) {
        let text = self.head[member].as_str().expect("a hash");
        let first = if text.starts_with('a') { "b" } else { "a" };
        self.head[member] = json!(format!("{first}{}", &text[1..]));
    }
}

/// The one who drew, honest.
pub fn drawn(entries: &[Entry], method: Method, beacon: Option<&str>) -> Draw {
    let secret = [42; 32];
    let root = Tree::of(entries.iter().copied()).root();
    let count = entries.len() as u64;
    let seed = seed(&secret, beacon, &root, count);
    let order = places(method, entries.iter().map(|entry| (entry.number, entry.tier)), &seed);
    let mut tiers = [0; TIERS];
    entries.iter().for_each(|entry| tiers[usize::from(entry.tier)] += 1);
    let head = Head {
        event: EventId::parse("concert-a").expect("a slug"),
        method,
        commitment: commitment(&secret),
        beacon_announced: beacon.map(|_| "drand round 4711, \"evmnet\"".to_owned()),
        beacon: beacon.map(str::to_owned),
        count,
        tiers,
        root,
        secret,
        seed,
    };
    let mut placed: Vec<(u32, u32)> = order.into_iter().zip(0..).collect();
    placed.sort_unstable();
    let line =
        |(entry, (_, place)): (&Entry, (u32, u32))| Placed { entry: *entry, place }.to_string();
    let lines = entries.iter().zip(placed).map(line).collect();
    Draw { head: serde_json::from_str(&head.to_json()).expect("JSON"), lines }
}

/// People of all tiers; some who joined have left before the doors, so numbers are missing.
pub fn people(count: u32) -> Vec<Entry> {
    let numbers = (0..).filter(|number| number % 11 != 5).take(count as usize);
    let tier_of = |number: u32| [1, 1, 0, 1, 2, 1, 1][number as usize % 7];
    let fingerprint = |number: u32| (u64::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let entry = |number| Entry { number, tier: tier_of(number), fingerprint: fingerprint(number) };
    numbers.map(entry).collect()
}

/// Draws that hold, by what is special about them.
pub fn good() -> Vec<(&'static str, Draw)> {
    let everybody = people(200);
    let mut twice_ended = drawn(&everybody, Method::Draw, None);
    twice_ended.lines.insert(0, String::new());
    let mut with_more = drawn(&everybody, Method::Draw, None);
    with_more.head["sealed_at"] = json!("2026-12-01T10:00:00Z");
    vec![
        ("with a beacon", drawn(&everybody, Method::Draw, Some("cafe…ü"))),
        ("without a beacon", drawn(&everybody, Method::Draw, None)),
        ("by arrival", drawn(&everybody, Method::Fifo, None)),
        ("nobody came", drawn(&[], Method::Draw, None)),
        ("one came", drawn(&people(1), Method::Draw, None)),
        ("an empty line in between", twice_ended),
        ("a member that is not known", with_more),
    ]
}

type Change = fn(&mut Draw);

/// What somebody may change in a good draw, and what is then broken.
pub const TAMPERED: &[(&str, Change, &str)] = &[
    ("the secret", |draw| draw.spoil("secret"), "commitment, seed"),
    ("the commitment", |draw| draw.spoil("commitment"), "commitment"),
    (
        "the secret and its commitment",
        |draw| {
            draw.head["secret"] = json!("07".repeat(32));
            draw.head["commitment"] = json!(hex::encode(commitment(&[7; 32])));
        },
        "seed",
    ),
    ("the beacon", |draw| draw.head["beacon"] = json!("beef"), "seed"),
    ("the beacon left out", |draw| draw.head["beacon"] = Value::Null, "seed"),
    ("the root", |draw| draw.spoil("root"), "root, seed"),
    ("the seed", |draw| draw.spoil("seed"), "seed, places"),
    ("the count", |draw| draw.head["count"] = json!(201), "count, seed"),
    ("the count by tier", |draw| draw.head["tiers"] = json!([30, 141, 29]), "count"),
    ("the method", |draw| draw.head["method"] = json!("fifo"), "places"),
    (
        "a tier",
        |draw| {
            assert_eq!(draw.word(3, 1), "1");
            draw.set_word(3, 1, "0");
        },
        "count, root, places",
    ),
    ("a fingerprint", |draw| draw.set_word(7, 2, "0123456789abcdef"), "root"),
    ("a number", |draw| draw.set_word(199, 0, "1000"), "root"),
    (
        "two places swapped",
        |draw| {
            let (one, other) = (draw.word(20, 3).to_owned(), draw.word(90, 3).to_owned());
            draw.set_word(20, 3, &other);
            draw.set_word(90, 3, &one);
        },
        "places",
    ),
    ("a place twice", |draw| draw.copy_word(3, 90, 20), "places"),
    ("an entry dropped", |draw| drop(draw.lines.remove(50)), "count, root, places"),
    ("the last entry dropped", |draw| drop(draw.lines.pop()), "count, root, places"),
    (
        "an entry added",
        |draw| draw.lines.push("900 1 0123456789abcdef 200".to_owned()),
        "count, root, places",
    ),
    ("a fingerprint twice", |draw| draw.copy_word(2, 8, 7), "fingerprints, root"),
    (
        "an entry for a second time, and all the rest made to fit",
        |draw| {
            let mut entries = people(200);
            entries.push(Entry { number: 900, ..entries[7] });
            *draw = drawn(&entries, Method::Draw, Some("cafe"));
        },
        "fingerprints",
    ),
    (
        "an entry left out, and the counts made to fit",
        |draw| {
            drop(draw.lines.remove(0));
            draw.head["count"] = json!(199);
            draw.head["tiers"][1] = json!(draw.head["tiers"][1].as_u64().expect("a count") - 1);
        },
        "root, seed, places",
    ),
    (
        "the line of other people under the same head",
        |draw| draw.lines = drawn(&people(150), Method::Draw, Some("cafe")).lines,
        "count, root, places",
    ),
];

/// A text that is no draw, and what is said about it.
type Malformed = (Vec<u8>, String);

/// Texts that are no draws.
pub fn malformed() -> Vec<Malformed> {
    let good = drawn(&people(5), Method::Draw, None);
    let parts = [no_heads(&good), bad_members(&good), bad_lines(&good), bad_orders(&good)];
    parts.into_iter().flatten().collect()
}

fn no_heads(good: &Draw) -> Vec<Malformed> {
    let with_head = |head: &str| [head, "\n", &good.lines.join("\n")].concat().into_bytes();
    let mut all = Vec::new();
    for head in ["", "{", "[]", "draw", "{\"a\":NaN}", "{\"a\":\"\\ud800\"}", "{} {}", "\u{feff}{}"]
    {
        all.push((with_head(head), "the first line is not a JSON object".to_owned()));
    }
    all.push((b"\xff\xfe\n".to_vec(), "the first line is not a JSON object".to_owned()));
    all.push((b"{".repeat(100_000), "the first line is not a JSON object".to_owned()));
    all.push((b"[".repeat(60_000), "the first line is not a JSON object".to_owned()));
    all.push((Vec::new(), "the first line is not a JSON object".to_owned()));
    all
}

fn bad_members(good: &Draw) -> Vec<Malformed> {
    let mut all = Vec::new();
    let hash_rule = "must be 64 digits of 0-9a-f";
    let beacon_rule = "must be null or 1 to 200 characters, none of them a control character";
    let number_rule = "must be a whole number from 0 to 2^32";
    let tiers_rule = "must be three whole numbers from 0 to 2^32";
    let members: [(&str, &[Value], &str); 11] = [
        ("format", &[json!("onsale-draw-2")], "must be \"onsale-draw-1\""),
        (
            "event",
            &[json!(7), json!(""), json!("A"), json!("-a"), json!("a\n")],
            "must be the slug of an event",
        ),
        ("method", &[json!("random"), json!(["draw"])], "must be \"draw\" or \"fifo\""),
        ("commitment", &[json!("AB".repeat(32)), json!("ab"), json!("é".repeat(32))], hash_rule),
        ("root", &[json!(" ".repeat(64)), json!("a".repeat(66))], hash_rule),
        ("secret", &[json!("a".repeat(63)), json!(5)], hash_rule),
        ("seed", &[Value::Null], hash_rule),
        ("beacon_announced", &[json!("a".repeat(201)), json!("\u{85}")], beacon_rule),
        ("beacon", &[json!(""), json!("\u{1b}[2J"), json!(1)], beacon_rule),
        ("count", &[json!(-1), json!(1.0), json!(true), json!((1_u64 << 32) + 1)], number_rule),
        ("tiers", &[json!([1, 2]), json!([1, 2, "3"]), json!({}), json!([0, 0, -1])], tiers_rule),
    ];
    for (member, bad, rule) in members {
        for value in bad.iter().cloned().map(Some).chain([None]) {
            let mut draw = good.clone();
            match value {
                Some(value) => draw.head[member] = value,
                None => drop(draw.head.as_object_mut().expect("an object").remove(member)),
            }
            all.push((draw.text().into_bytes(), format!("`{member}` of the first line {rule}")));
        }
    }
    let mut closed = good.clone();
    closed.head["secret"] = Value::Null;
    let not_yet =
        "`secret` of the first line is null: the doors have not opened yet, there is no draw";
    all.push((closed.text().into_bytes(), not_yet.to_owned()));
    all
}

fn bad_lines(good: &Draw) -> Vec<Malformed> {
    let mut all = Vec::new();
    let lines: &[&[u8]] = &[
        b"1 3 0123456789abcdef 3",
        b"1 1 0123456789ABCDEF 3",
        b"1 1 0123456789abcde 3",
        b"+1 1 0123456789abcdef 3",
        b"01 1 0123456789abcdef 3",
        b"1 1 0123456789abcdef 00",
        b"1 01 0123456789abcdef 0",
        b"1  1 0123456789abcdef 3",
        b" 1 1 0123456789abcdef 3",
        b"1 1 0123456789abcdef 3 ",
        b"1 1 0123456789abcdef 3\r",
        b"1 1 0123456789abcdef",
        b"4294967296 1 0123456789abcdef 3",
        b"1 1 0123456789abcdef 4294967296",
        b"99999999999999999999 1 0123456789abcdef 3",
        b"\xd9\xa1 1 0123456789abcdef 3",
        b"\xff",
        b"\0",
        &[b'1'; 1_000],
    ];
    for line in lines {
        let text = [good.head.to_string().as_bytes(), b"\n", line, b"\n"].concat();
        all.push((text, "line 2 must be `NUMBER TIER FINGERPRINT PLACE`: decimal".to_owned()));
    }
    all
}

fn bad_orders(good: &Draw) -> Vec<Malformed> {
    let mut all = Vec::new();
    let mut cut = good.text().into_bytes();
    cut.truncate(cut.len() - 4);
    all.push((cut, "line 6 must be".to_owned()));
    let mut turned = good.clone();
    turned.lines.swap(1, 2);
    all.push((
        turned.text().into_bytes(),
        "line 4 has number 1 after 2: numbers must rise".to_owned(),
    ));
    let mut twice = good.clone();
    twice.lines.insert(1, twice.lines[0].clone());
    all.push((
        twice.text().into_bytes(),
        "line 3 has number 0 after 0: numbers must rise".to_owned(),
    ));
    all
}
