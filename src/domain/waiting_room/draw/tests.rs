//! Each order equally likely, each byte as documented, and a test that can tell a biased draw.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::merkle::{Growing, Tree, leads_to_root};
use super::*;

const DRAWS: u64 = 10_000;

/// The seed of the `n`-th draw of a test.
fn seed_of(n: u64) -> Hash {
    Sha256::digest(n.to_be_bytes()).into()
}

fn entry(number: u32) -> Entry {
    let fingerprint = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Entry { number, tier: u8::from(number.is_multiple_of(7)) + 1, fingerprint }
}

/// Value that chi-square with so many degrees of freedom exceeds once in a thousand times (Wilson and Hilferty).
fn critical(freedom: f64) -> f64 {
    let spread = 2.0 / (9.0 * freedom);
    freedom * (1.0 - spread + 3.0902 * spread.sqrt()).powi(3)
}

/// Chi-square of counts that should all be equal.
fn chi_square(counts: &[u64]) -> f64 {
    let expected = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
    counts.iter().map(|count| (*count as f64 - expected).powi(2) / expected).sum()
}

/// Which of the 120 orders of five people each draw gives, and how often: over the critical value or below.
fn orders_are_uniform(draw: impl Fn(&mut [u32], &mut Stream)) -> bool {
    let mut counts: BTreeMap<[u32; 5], u64> = BTreeMap::new();
    for n in 0..DRAWS {
        let mut order = [0, 1, 2, 3, 4];
        draw(&mut order, &mut Stream::new(&seed_of(n), 1));
        *counts.entry(order).or_default() += 1;
    }
    let mut counts: Vec<u64> = counts.into_values().collect();
    counts.resize(120, 0);
    chi_square(&counts) < critical(119.0)
}

#[test]
fn all_orders_are_equally_likely() {
    assert!(orders_are_uniform(shuffle));
}

/// The test of the test: shuffles that look right and are not.
#[test]
fn biased_shuffles_are_found() {
    // Off by one: nobody can stay where they are (Sattolo's algorithm).
    assert!(!orders_are_uniform(|order, stream| {
        for last in (1..order.len()).rev() {
            order.swap(last, usize::try_from(stream.below(last as u64)).unwrap());
        }
    }));
    // The last swap left out.
    assert!(!orders_are_uniform(|order, stream| {
        for last in (2..order.len()).rev() {
            order.swap(last, usize::try_from(stream.below(last as u64 + 1)).unwrap());
        }
    }));
    // Everybody changes with anybody: 3,125 ways into 120 orders.
    assert!(!orders_are_uniform(|order, stream| {
        for at in 0..order.len() {
            order.swap(at, usize::try_from(stream.below(5)).unwrap());
        }
    }));
    // The rest of three bits, without throwing any away.
    assert!(!orders_are_uniform(|order, stream| {
        for last in (1..order.len()).rev() {
            order.swap(last, usize::try_from(stream.next_word() % 8).unwrap() % (last + 1));
        }
    }));
}

/// Who came where, in a draw through the front door, over all three tiers at once.
#[test]
fn everybody_gets_each_place_of_their_tier_equally_often() {
    const SIZES: [usize; 3] = [20, 50, 10];
    let tier_of = |number: u32| [1, 0, 1, 2, 1, 0, 1, 1][number as usize % 8];
    let mut counts: [Vec<u64>; 3] = SIZES.map(|size| vec![0; size * size]);
    let entrants = (0..80).map(|number| (number, tier_of(number)));
    let rank: Vec<usize> = entrants
        .clone()
        .map(|(number, tier)| entrants.clone().filter(|(n, t)| *t == tier && *n < number).count())
        .collect();
    for n in 0..DRAWS {
        let order = places(Method::Draw, entrants.clone(), &seed_of(n));
        let mut start = 0;
        for (tier, size) in SIZES.into_iter().enumerate() {
            for (place, number) in order[start..start + size].iter().enumerate() {
                assert_eq!(usize::from(tier_of(*number)), tier, "draw {n}: {order:?}");
                counts[tier][rank[*number as usize] * size + place] += 1;
            }
            start += size;
        }
    }
    for (size, counts) in SIZES.into_iter().zip(counts) {
        let size = size as f64;
        // Each row and each column of the table is full whatever the draw does, which takes freedom away.
        let found = chi_square(&counts) * (size - 1.0) / size;
        let limit = critical((size - 1.0).powi(2));
        assert!(found < limit, "{size} people: {found} of {limit}");
    }
}

/// Three quarters of all words: rests of division fall into the first third twice as often as elsewhere.
#[test]
fn a_number_below_an_end_has_no_favourites_and_a_rest_of_division_has() {
    const END: u64 = 3 << 62;
    let thirds = |below: &dyn Fn(&mut Stream) -> u64| {
        let mut stream = Stream::new(&seed_of(0), 0);
        let mut counts = [0; 3];
        (0..DRAWS).for_each(|_| counts[usize::try_from(below(&mut stream) >> 62).unwrap()] += 1);
        chi_square(&counts)
    };
    assert!(thirds(&|stream| stream.below(END)) < critical(2.0));
    assert!(critical(2.0) < thirds(&|stream| stream.next_word() % END));
}

#[test]
fn the_ends_of_a_range_are_reached_and_not_passed() {
    let mut stream = Stream::new(&seed_of(0), 0);
    for end in [1, 2, 3, 7] {
        let met: BTreeSet<u64> = (0..200).map(|_| stream.below(end)).collect();
        assert_eq!(met, (0..end).collect());
    }
    // Half of the words are thrown away, and it still ends.
    (0..100).for_each(|_| assert!(stream.below((1 << 63) + 1) <= 1 << 63));
    (0..100).for_each(|_| assert!(stream.below(u64::MAX) < u64::MAX));
}

/// Computed by `docs/verify_draw.py`. Whoever changes one of these breaks draws that were published.
#[test]
fn the_bytes_are_those_of_the_document() {
    let secret = [7; 32];
    assert_eq!(
        hex::encode(commitment(&secret)),
        "4bb06f8e4e3a7715d201d573d0aa423762e55dabd61a2c02278fa56cc6d294e0"
    );
    let tree = Tree::of((0..5).map(entry));
    assert_eq!(
        hex::encode(entry(1).leaf()),
        "634c53fd0a74b57a645003a44afe8fad406bc14695c99e1d85410833a928ab5a"
    );
    assert_eq!(
        hex::encode(tree.root()),
        "38008aa3da18dc596f1af0b1d4811edbe37a325310d33be4eb98ddf13c9a9351"
    );
    let plain = seed(&secret, None, &tree.root(), 5);
    assert_eq!(
        hex::encode(plain),
        "f411eb3365a7aee23f8c67c29f0fe81564513983f4c24314ed9f0254f11724f9"
    );
    let seed = seed(&secret, Some("Grüße"), &tree.root(), 5);
    assert_eq!(
        hex::encode(seed),
        "9f7b752b23798d8677e14756b2622d51543b93aebc1abc9f030bc35384c75751"
    );
    let mut stream = Stream::new(&seed, 1);
    let words: Vec<u64> = (0..6).map(|_| stream.next_word()).collect();
    let expected = [
        1_127_141_326_513_725_534,
        10_473_775_620_196_186_531,
        16_975_916_539_414_801_667,
        2_138_764_143_579_409_714,
        5_808_954_232_200_019_064,
        13_732_221_607_620_653_442,
    ];
    assert_eq!(words, expected);
    let entrants = (0..20).map(|number| (number, entry(number).tier));
    let drawn = [18, 17, 11, 12, 9, 1, 15, 6, 2, 16, 19, 8, 10, 5, 3, 4, 13, 0, 14, 7];
    assert_eq!(places(Method::Draw, entrants.clone(), &seed), drawn);
    let joined = [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 0, 7, 14];
    assert_eq!(places(Method::Fifo, entrants, &seed), joined);
}

#[test]
fn the_words_of_a_stream_are_hashes_of_a_counter() {
    let seed = seed_of(3);
    let mut stream = Stream::new(&seed, 2);
    for counter in 0..300_u64 {
        let message = [&seed[..], &[2], &counter.to_be_bytes()].concat();
        let hash = Sha256::digest(message);
        for word in hash.as_chunks().0 {
            assert_eq!(stream.next_word(), u64::from_be_bytes(*word));
        }
    }
}

#[test]
fn a_seed_depends_on_all_it_is_made_of() {
    let (secret, root) = ([1; 32], seed_of(1));
    let seeds = [
        seed(&secret, None, &root, 5),
        seed(&[2; 32], None, &root, 5),
        seed(&secret, Some("a"), &root, 5),
        seed(&secret, Some("b"), &root, 5),
        seed(&secret, None, &seed_of(2), 5),
        seed(&secret, None, &root, 6),
    ];
    assert_eq!(BTreeSet::from(seeds).len(), seeds.len());
}

#[test]
fn an_empty_line_and_empty_tiers_can_be_drawn() {
    let draw = |tiers: &[u8]| places(Method::Draw, (0..).zip(tiers.iter().copied()), &seed_of(0));
    assert_eq!(draw(&[]), [0; 0]);
    assert_eq!(draw(&[2]), [0]);
    assert_eq!(draw(&[2, 0]), [1, 0]);
    assert_eq!(draw(&[1, 0, 2]), [1, 0, 2]);
}

/// RFC 6962, 2.1, word for word.
fn root_by_the_book(entries: &[Entry]) -> Hash {
    match entries {
        [] => Sha256::digest(b"").into(),
        [one] => {
            let message = [
                &b"\x00onsale-entry-v1"[..],
                &one.number.to_be_bytes(),
                &[one.tier],
                &one.fingerprint.to_be_bytes(),
            ];
            Sha256::digest(message.concat()).into()
        }
        _ => {
            let left = entries.len().next_power_of_two() / 2;
            let (left, right) = entries.split_at(left);
            let message = [&[1][..], &root_by_the_book(left), &root_by_the_book(right)];
            Sha256::digest(message.concat()).into()
        }
    }
}

/// Around each size at which the shape changes, and around the blocks that are kept.
fn sizes() -> impl Iterator<Item = u32> {
    (0..=70)
        .chain(120..=136)
        .chain(250..=260)
        .chain([383, 384, 385, 511, 512, 513, 1_000, 4_096, 4_097])
}

#[test]
fn the_root_is_that_of_rfc_6962() {
    for size in sizes() {
        let entries: Vec<Entry> = (0..size).map(entry).collect();
        let tree = Tree::of(entries.iter().copied());
        assert_eq!(tree.root(), root_by_the_book(&entries), "{size} entries");
        assert_eq!(tree.count(), u64::from(size));
    }
}

#[test]
fn a_growing_tree_can_be_closed_at_any_time() {
    let mut growing = Growing::default();
    for size in 0..600 {
        assert_eq!(growing.clone().close().root(), Tree::of((0..size).map(entry)).root());
        growing.push(&entry(size));
        assert_eq!(growing.count(), u64::from(size) + 1);
    }
}

#[test]
fn every_path_leads_to_the_root_and_from_nowhere_else() {
    let entry_at = |index: u64| entry(u32::try_from(index).unwrap());
    for size in sizes() {
        let tree = Tree::of((0..size).map(entry));
        let (root, count) = (tree.root(), u64::from(size));
        for index in (0..count).filter(|index| size < 300 || index % 17 == 0 || index + 3 > count) {
            let path = tree.path(index, entry_at).expect("there is such an entry");
            assert!(path.len() <= 13, "{size} entries: {}", path.len());
            let leads = |entry: &Entry, index, count, path: &[Hash], root: &Hash| {
                leads_to_root(entry, index, count, path, root)
            };
            let own = entry_at(index);
            assert!(leads(&own, index, count, &path, &root), "{index} of {size}");
            let other = Entry { tier: own.tier ^ 1, ..own };
            assert!(!leads(&other, index, count, &path, &root), "{index} of {size}");
            assert!(!leads(&own, index, count, &path, &seed_of(0)), "{index} of {size}");
            assert!(!leads(&own, count, count, &path, &root), "{index} of {size}");
            if let Some((_, shorter)) = path.split_last() {
                assert!(!leads(&own, index ^ 1, count, &path, &root), "{index} of {size}");
                assert!(!leads(&own, index, count, shorter, &root), "{index} of {size}");
            }
            let longer = [&path[..], &[root]].concat();
            assert!(!leads(&own, index, count, &longer, &root), "{index} of {size}");
        }
        assert_eq!(tree.path(count, entry_at), None);
    }
}
