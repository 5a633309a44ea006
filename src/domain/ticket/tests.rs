//! What a code promises: it reads back, nothing else does, and it admits only here and now.

use data_encoding::BASE32_NOPAD;
use proptest::prelude::*;

use super::code::{PREFIX, signed_message};
use super::*;
use crate::domain::ids::{EventId, ReservationId, TicketId};
use crate::domain::time::UnixMillis;

/// Of the code below. Printed codes live for years: if this test fails, the format has changed, and
/// needs a new version beside the old.
const GOLDEN: &str = "ONSALE1.BBY7HKQJMNXW4Y3FOJ2C2YKN32W353YCBBJG65ZAGMQDCMVA7D556BWA2EBDPXJCZEG7J4Z7\
    26JOMUIBMZZWTY53HSNBDETUBN476EORPY4ARKP7GAWZS32TKDCO3GANQJX6DYCYVAW6TOAER27YZFQ4AP3YTYEEAM";

const FROM: UnixMillis = UnixMillis(1_811_872_800_000);
const UNTIL: UnixMillis = UnixMillis(1_811_916_000_000);

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

fn event() -> EventId {
    EventId::parse("concert-a").unwrap()
}

fn code() -> TicketCode {
    let reservation = ReservationId { sequence: 77, salt: 0xdead_beef };
    TicketCode {
        event: event(),
        ticket: TicketId { reservation, number: 2 },
        unit: UnitLabel::parse("Row 3 12").unwrap(),
        validity: Validity::between(FROM, UNTIL).unwrap(),
    }
}

fn ring(keys: &[&SigningKey]) -> KeyRing {
    let mut ring = KeyRing::default();
    for key in keys {
        assert!(ring.add(key.public()));
    }
    ring
}

fn verify(text: &str, now: UnixMillis) -> Result<TicketCode, CodeError> {
    Unverified::read(text)?.verify(&ring(&[&key()]), &event(), now)
}

#[test]
fn a_code_reads_what_it_writes_while_it_is_valid() {
    let text = code().sign(&key());
    let read = Unverified::read(&text).unwrap();
    assert_eq!((read.key(), read.event()), (key().id(), &event()));
    for now in [FROM, UnixMillis(UNTIL.0 - 1)] {
        assert_eq!(verify(&text, now), Ok(code()));
    }
}

#[test]
fn a_printed_code_stays_good_for_ever() {
    assert_eq!(code().sign(&key()), GOLDEN);
    assert_eq!(verify(GOLDEN, FROM), Ok(code()));
}

#[test]
fn a_code_admits_only_to_its_event_and_only_in_its_time() {
    let text = code().sign(&key());
    let (before, after) = (UnixMillis(FROM.0 - 1), UNTIL);
    assert_eq!(verify(&text, before), Err(CodeError::NotYetValid { from: FROM }));
    assert_eq!(verify(&text, after), Err(CodeError::Expired { until: UNTIL }));
    let other = EventId::parse("concert-b").unwrap();
    let answer = Unverified::read(&text).unwrap().verify(&ring(&[&key()]), &other, after);
    assert_eq!(answer, Err(CodeError::OtherEvent { event: event() }));
}

#[test]
fn only_a_key_of_the_ring_convinces() {
    let stranger = SigningKey::from_seed(&[8; 32]);
    let text = code().sign(&stranger);
    assert_eq!(verify(&text, FROM), Err(CodeError::UnknownKey { key: stranger.id() }));
    let both = ring(&[&key(), &stranger]);
    for good in [&text, &code().sign(&key())] {
        let answer = Unverified::read(good).unwrap().verify(&both, &event(), FROM);
        assert_eq!(answer, Ok(code()));
    }
    // The stranger says to be us.
    let mut forged = code().payload(key().id());
    let signature = stranger.sign(&signed_message(&forged));
    forged.extend_from_slice(&signature);
    assert_eq!(verify(&written(&forged), FROM), Err(CodeError::BadSignature));
}

#[test]
fn a_signature_over_the_payload_alone_is_no_ticket() {
    let mut bytes = code().payload(key().id());
    let signature = key().sign(&bytes);
    bytes.extend_from_slice(&signature);
    assert_eq!(verify(&written(&bytes), FROM), Err(CodeError::BadSignature));
}

#[test]
fn one_changed_bit_anywhere_is_refused() {
    let text = code().sign(&key());
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1 << bit;
            let changed = String::from_utf8_lossy(&changed);
            assert!(verify(&changed, FROM).is_err(), "byte {at} bit {bit}: {changed}");
        }
    }
    let bytes = BASE32_NOPAD.decode(&text.as_bytes()[PREFIX.len()..]).unwrap();
    for at in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[at / 8] ^= 1 << (at % 8);
        assert!(verify(&written(&changed), FROM).is_err(), "bit {at}");
    }
}

#[test]
fn no_second_spelling_of_a_code_is_read() {
    let text = code().sign(&key());
    let body = &text[PREFIX.len()..];
    let spellings = [
        text.to_lowercase(),
        format!("{text}="),
        format!("{text}======"),
        format!("{text}A"),
        format!("{text}\n"),
        format!(" {text}"),
        body.to_owned(),
        format!("ONSALE2.{body}"),
        format!("{}\u{ff21}", &text[..text.len() - 1]),
    ];
    for other in spellings {
        assert_eq!(Unverified::read(&other), Err(CodeError::Malformed), "{other:?}");
    }
    for cut in 0..text.len() {
        assert!(verify(&text[..cut], FROM).is_err(), "cut at {cut}");
    }
}

/// Made with the real key, so that only the form is at fault.
#[test]
fn a_payload_in_another_form_is_refused_though_it_is_signed() {
    let signed = |payload: &[u8]| {
        let signature = key().sign(&signed_message(payload));
        written(&[payload, &signature].concat())
    };
    let good = code().payload(key().id());
    assert!(verify(&signed(&good), FROM).is_ok());
    let sequence_at = 4 + 1 + "concert-a".len();
    // 77 as two bytes instead of one.
    let long_number = [&good[..sequence_at], &[0xcd, 0x00], &good[sequence_at + 1..]].concat();
    let endless_number = [&good[..sequence_at], &[0xff; 11], &good[sequence_at + 1..]].concat();
    let one_byte_more = [&good[..], &[0]].concat();
    let mut capital = good.clone();
    capital[5] = b'C';
    let mut not_utf8 = good.clone();
    let unit_at = good.len() - (5 + 3) - "Row 3 12".len();
    assert_eq!(&good[unit_at..][..3], b"Row");
    not_utf8[unit_at] = 0xff;
    for bad in [long_number, endless_number, one_byte_more, capital, not_utf8, Vec::new()] {
        assert_eq!(Unverified::read(&signed(&bad)), Err(CodeError::Malformed), "{bad:?}");
    }
}

#[test]
fn the_longest_code_fits_its_bound_and_is_read() {
    let longest = TicketCode {
        event: EventId::parse(&"e".repeat(64)).unwrap(),
        ticket: TicketId {
            reservation: ReservationId { sequence: u64::MAX, salt: u32::MAX },
            number: u32::MAX,
        },
        unit: UnitLabel::parse(&"u".repeat(64)).unwrap(),
        validity: Validity::between(UnixMillis(0), UnixMillis::MAX).unwrap(),
    };
    let text = longest.sign(&key());
    assert!(text.len() <= TicketCode::CHARS_MAX, "{}", text.len());
    let read = Unverified::read(&text).unwrap();
    assert_eq!(read.verify(&ring(&[&key()]), &longest.event, FROM), Ok(longest));
}

#[test]
fn a_validity_holds_whole_seconds_and_is_never_empty() {
    let span = Validity::between(UnixMillis(1_999), UnixMillis(2_001)).unwrap();
    assert_eq!((span.from(), span.until()), (UnixMillis(1_000), UnixMillis(3_000)));
    assert_eq!(Validity::between(UnixMillis(2_000), UnixMillis(2_000)), None);
    assert_eq!(Validity::between(UnixMillis(3_000), UnixMillis(2_000)), None);
}

#[test]
fn a_label_is_short_and_printable() {
    assert!(UnitLabel::parse("Περιοχή 7").is_some());
    for bad in ["", "a\nb", "a\u{202e}b", &"x".repeat(65)] {
        assert_eq!(UnitLabel::parse(bad), None, "{bad:?}");
    }
}

#[test]
fn a_signing_key_prints_only_its_id() {
    assert_eq!(format!("{:?}", key()), format!("SigningKey({})", key().id()));
}

fn written(bytes: &[u8]) -> String {
    format!("{PREFIX}{}", BASE32_NOPAD.encode(bytes))
}

proptest! {
    #[test]
    fn every_ticket_reads_back(
        event in "[a-z0-9][a-z0-9-]{0,63}", sequence: u64, salt: u32, number: u32,
        unit in "[\\p{L}0-9 ]{1,16}", from in 0..UnixMillis::MAX.0, length in 1..1_000_000_000_u64,
    ) {
        prop_assume!(unit.len() <= UnitLabel::BYTES_MAX);
        let from = UnixMillis(from);
        let code = TicketCode {
            event: EventId::parse(&event).unwrap(),
            ticket: TicketId { reservation: ReservationId { sequence, salt }, number },
            unit: UnitLabel::parse(&unit).unwrap(),
            validity: Validity::between(from, from.plus_millis(length)).unwrap(),
        };
        let read = Unverified::read(&code.sign(&key())).unwrap();
        prop_assert_eq!(read.verify(&ring(&[&key()]), &code.event, from), Ok(code));
    }

    #[test]
    fn no_text_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text: String) {
        prop_assert!(Unverified::read(&text).is_err());
        prop_assert!(verify(&written(&bytes), FROM).is_err());
    }
}
