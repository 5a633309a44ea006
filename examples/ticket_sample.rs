//! Writes a sample of what a buyer gets, in every script, and the number of its pages if asked: for
//! looking at, and for `tests/documents.sh`, which reads it with programs that are not ours.
//!
//! `cargo run --example ticket_sample -- OUT_DIR [--fonts DIR]... [--tickets COUNT]`

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use onsale::documents::{BookingDocument, TicketFace, mail, qr_svg, text::Fonts, ticket_pdf};
use onsale::domain::ids::{EventId, ReservationId, TicketId};
use onsale::domain::money::{Currency, Money};
use onsale::domain::ticket::{SigningKey, TicketCode, UnitLabel, Validity};
use onsale::domain::time::UnixMillis;
use onsale::storage::ticket_keys::TicketKeys;

const NAMES: [&str; 10] = [
    "Zoë Ångström",
    "Αλέξανδρος",
    "Дмитрий",
    "محمد علي",
    "שלום כהן",
    "山田太郎",
    "김민수",
    "สมชาย",
    "अमित कुमार",
    "Nguyễn Thị Phương",
];
const STARTS_AT: UnixMillis = UnixMillis(1_811_869_200_000);

fn main() -> anyhow::Result<()> {
    let (mut out, mut fonts, mut tickets) = (None, Vec::new(), None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--fonts" => fonts.push(PathBuf::from(value()?)),
            "--tickets" => tickets = Some(value()?.parse()?),
            _ => out = Some(PathBuf::from(argument)),
        }
    }
    let Some(out) = out else { bail!("where to? OUT_DIR is missing") };
    fs::create_dir_all(&out)?;
    let started = Instant::now();
    let fonts = Fonts::with_dirs(&fonts)?;
    println!("fonts ready after {:?}, skipped {:?}", started.elapsed(), fonts.skipped());
    let keys = TicketKeys::open(&out, [7; 32], STARTS_AT)?;
    fs::write(out.join("keys.json"), serde_json::to_string_pretty(&keys.public_set())?)?;
    match tickets {
        Some(count) => many(&out, &fonts, keys.signing(), count),
        None => samples(&out, &fonts, keys.signing()),
    }
}

/// One PDF for each name, the codes of all, and the mails of the first.
fn samples(out: &Path, fonts: &Fonts, key: &SigningKey) -> anyhow::Result<()> {
    for (at, name) in NAMES.iter().enumerate() {
        let booking = booking(name, key, at as u64 + 1, 3);
        write_pdf(&out.join(format!("ticket-{at}.pdf")), &booking, fonts)?;
        fs::write(out.join(format!("ticket-{at}.name")), name)?;
        let codes: Vec<&str> = booking.tickets.iter().map(|face| face.code.as_str()).collect();
        fs::write(out.join(format!("ticket-{at}.codes")), codes.join("\n") + "\n")?;
        if at == 0 {
            fs::write(out.join("ticket-0.svg"), qr_svg(codes[0])?)?;
            let link = Some("https://tickets.example.org/b/1?a=1&b=2");
            fs::write(out.join("mail.txt"), mail::confirmation_text(&booking, link))?;
            fs::write(out.join("mail.html"), mail::confirmation_html(&booking, link))?;
        }
    }
    let long = BookingDocument {
        event_name:
            "An Evening of Baroque and Romantic Chamber Music — 室内楽の夕べ, with works by \
                     Dvořák, Händel, Чайковский and Θεοδωράκης"
                .into(),
        venue: Some(
            "Großer Saal der Elbphilharmonie, Platz der Deutschen Einheit 1, 20457 Hamburg".into(),
        ),
        ..booking("María de los Ángeles Alejandra Fernández-Villaverde y López", key, 99, 1)
    };
    write_pdf(&out.join("ticket-long.pdf"), &long, fonts)
}

fn many(out: &Path, fonts: &Fonts, key: &SigningKey, count: u32) -> anyhow::Result<()> {
    let booking = booking(NAMES[0], key, 1, count);
    let started = Instant::now();
    write_pdf(&out.join("many.pdf"), &booking, fonts)?;
    println!("{count} tickets in {:?}", started.elapsed());
    Ok(())
}

fn write_pdf(path: &Path, booking: &BookingDocument, fonts: &Fonts) -> anyhow::Result<()> {
    let pdf = ticket_pdf(booking, fonts)?;
    fs::write(path, &pdf.bytes)?;
    println!("{}: {} bytes, uncovered {:?}", path.display(), pdf.bytes.len(), pdf.uncovered);
    Ok(())
}

fn booking(name: &str, key: &SigningKey, sequence: u64, tickets: u32) -> BookingDocument {
    let reservation = ReservationId { sequence, salt: 0xdead_beef };
    let price = Money { amount: 4_550, currency: Currency::parse("EUR").expect("a currency") };
    let face = |number| {
        let unit = format!("Row {} Seat {}", number / 20 + 1, number % 20 + 1);
        let code = TicketCode {
            event: EventId::parse("summer-night").expect("a slug"),
            ticket: TicketId { reservation, number },
            unit: UnitLabel::parse(&format!("Stalls {unit}")).expect("short"),
            validity: Validity::between(
                UnixMillis(STARTS_AT.0 - 7_200_000),
                UnixMillis(STARTS_AT.0 + 21_600_000),
            )
            .expect("some hours"),
        };
        TicketFace {
            id: code.ticket.to_string(),
            pool_name: "Stalls".into(),
            unit: Some(unit),
            price: Some(price),
            code: code.sign(key),
        }
    };
    BookingDocument {
        event_name: "Summer Night at the Lake".into(),
        venue: Some("Open-air stage, Seestraße 12, Konstanz".into()),
        starts_at: Some(STARTS_AT),
        time_zone: Some("Europe/Berlin".into()),
        booking: reservation.to_string(),
        holder_name: Some(name.into()),
        holder_email: None,
        tickets: (1..=tickets).map(face).collect(),
        total: Some(price.times(tickets)),
    }
}
