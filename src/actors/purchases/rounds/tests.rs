//! Rounds over a fake shard: what is owed is tried, at its pace, until it is done.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const PAGE: usize = 64;

/// Shards that owe some entries each; a try takes a millisecond.
#[derive(Default)]
struct Fake {
    shards: Mutex<Vec<BTreeMap<Place, How>>>,
    under_way: AtomicUsize,
    most: AtomicUsize,
    pages: AtomicUsize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Ends,
    Rests,
    Panics,
}

impl Fake {
    fn owing(shards: &[&[(How, u64)]]) -> Arc<Self> {
        let mut number = 0;
        let mut entries = |(how, count): &(How, u64)| {
            let from = number;
            number += count;
            let how = *how;
            (from..number).map(move |n| ((EventNumber(1), n + 1), how)).collect::<Vec<_>>()
        };
        let shards =
            shards.iter().map(|shard| shard.iter().flat_map(&mut entries).collect()).collect();
        Arc::new(Self { shards: Mutex::new(shards), ..Self::default() })
    }

    fn left(&self, shard: usize) -> usize {
        self.shards.lock().unwrap()[shard].len()
    }
}

impl Work for Arc<Fake> {
    type Entry = (usize, Place, How);

    fn shards(&self) -> usize {
        self.shards.lock().unwrap().len()
    }

    async fn page(&self, shard: ShardId, after: Place) -> Result<Page<Self::Entry>, SubmitError> {
        self.pages.fetch_add(1, Ordering::Relaxed);
        let shards = self.shards.lock().unwrap();
        let (number, owed) = (usize::from(shard.0), &shards[usize::from(shard.0)]);
        let from = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
        let entries = owed.range(from).take(PAGE).map(|(place, how)| (number, *place, *how));
        let owed = Owed { waiting: owed.len(), dead: 0 };
        Ok(Page { entries: entries.collect(), owed })
    }

    fn place(entry: &Self::Entry) -> Place {
        entry.1
    }

    async fn attempt(&self, (shard, place, how): Self::Entry, _: u32) -> Ending {
        let now = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        match how {
            How::Ends => {
                let there = self.shards.lock().unwrap()[shard].remove(&place);
                assert!(there.is_some(), "tried again when it was done");
                Ending::Told
            }
            How::Rests => Ending::Again(Duration::from_secs(3_600)),
            How::Panics => panic!("as it was to"),
        }
    }

    fn looked(&self, _owed: Owed) {}
}

fn pace(concurrency: usize) -> Pace {
    Pace { look_every: Duration::from_millis(50), concurrency, per_second: None }
}

/// Virtual time until `done`. Unit: milliseconds.
async fn until(fake: &Arc<Fake>, pace: Pace, done: impl Fn(&Fake) -> bool) -> u128 {
    let started = tokio::time::Instant::now();
    let rounds = start(Arc::clone(fake), pace).await.unwrap();
    while !done(fake) {
        assert!(started.elapsed() < Duration::from_secs(3_600), "it does not end");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    rounds.stop(None);
    started.elapsed().as_millis()
}

/// It began what there was room for every 50 ms, so four a look whatever the channel could do.
#[tokio::test(start_paused = true)]
async fn a_backlog_goes_as_fast_as_the_other_side_allows_and_no_faster() {
    for concurrency in [1, 4, 100] {
        let fake = Fake::owing(&[&[(How::Ends, 5_000)], &[(How::Ends, 5_000)]]);
        let took = until(&fake, pace(concurrency), |fake| fake.left(0) + fake.left(1) == 0).await;
        let ideal = 10_000 / concurrency as u128;
        assert!(took <= ideal * 3 / 2 + 100, "{concurrency}: {took} ms for {ideal}");
        assert_eq!(fake.most.load(Ordering::Relaxed), concurrency);
    }
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_owes_much_does_not_hold_up_the_others() {
    let fake = Fake::owing(&[&[(How::Ends, 10_000)], &[(How::Ends, 10)]]);
    until(&fake, pace(2), |fake| fake.left(1) == 0).await;
    assert!(9_900 < fake.left(0), "{} left", fake.left(0));
}

#[tokio::test(start_paused = true)]
async fn what_rests_hides_nothing_behind_it_and_costs_few_questions() {
    let fake = Fake::owing(&[&[(How::Rests, 10_000), (How::Ends, 1)]]);
    until(&fake, pace(1_000), |fake| fake.left(0) == 10_000).await;
    // All rest now: a second has twenty looks.
    let rounds = start(Arc::clone(&fake), pace(1_000)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let before = fake.pages.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let asked = fake.pages.load(Ordering::Relaxed) - before;
    assert!((20..=21 * IDLE_PAGES_MAX).contains(&asked), "{asked} pages");
    rounds.stop(None);
}

#[tokio::test(start_paused = true)]
async fn a_try_that_panics_frees_its_place() {
    let fake = Fake::owing(&[&[(How::Panics, 2), (How::Ends, 10)]]);
    until(&fake, pace(1), |fake| fake.left(0) == 2).await;
}

#[test]
fn no_more_is_begun_than_the_rate_allows() {
    let (start, second) = (Instant::now(), Duration::from_secs(1));
    let mut allowance = Allowance::new(NonZeroU32::new(100), start);
    let mut taken = 0;
    for tenth in 0..=20 {
        allowance.refill(start + second * tenth / 10);
        while allowance.is_left() {
            allowance.take();
            taken += 1;
        }
    }
    assert!((190..=202).contains(&taken), "{taken} in two seconds");
    let mut any = Allowance::new(None, start);
    (0..1_000).for_each(|_| any.take());
    assert!(any.is_left());
}
