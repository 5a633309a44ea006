//! What a fan costs, and what a clock that was set back may do.

use super::*;

/// Bytes for each of a million who wait: in a line of order, with everything that finds them again.
#[test]
fn a_million_who_wait_take_at_most_36_bytes_each_and_none_is_copied_to_grow() {
    let mut line = Line::default();
    let fans = 1_000_000_u32;
    let (mut last, mut largest) = (0, 0);
    for who in 0..fans {
        let spread = u64::from(who).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        line.join(spread ^ spread >> 29, Tier::General, None);
        // Often enough to see each growth by itself, or nearly.
        if who % 512 == 0 {
            let bytes = line.memory_bytes();
            largest = largest.max(bytes - last);
            last = bytes;
        }
    }
    line.seal(0..fans);
    let each = line.memory_bytes() as f64 / f64::from(fans);
    println!("{each:.1} bytes per waiting fan; {largest} bytes grown at once, at most");
    assert!(each <= 36.0, "{each}");
    assert!(largest < 2 << 20, "{largest} bytes at once");
}

#[test]
fn a_clock_that_is_set_back_does_not_turn_history_round() {
    let mut hall = Hall::open(Method::Fifo);
    hall.join_all(0..2);
    hall.now -= 50_000;
    let fact = hall.must(&join(2));
    assert_eq!(fact.at(), UnixMillis(100_000));
    let (in_, _) = hall.admitted();
    assert_eq!(in_, [0, 1, 2]);
    // By the hall's clock these passes have 70 s, by the shard's too.
    hall.wait(PASS_MS);
    assert_eq!(hall.tick(), []);
    hall.wait(50_000);
    hall.tick();
    assert_eq!(hall.state(0), State::Skipped);
}

#[test]
fn the_line_says_when_it_is_full() {
    let mut hall = Hall::open(Method::Fifo);
    hall.room.line = Line::starting_at(NUMBERS_MAX - 1);
    hall.room.line.seal([]);
    hall.join(1);
    assert_eq!(hall.ask(&join(2)), Err(RoomRefusal::LineFull));
    assert_eq!(hall.ask(&join(1)), Ok(RoomDecision::Repeats { number: NUMBERS_MAX - 1 }));
}
