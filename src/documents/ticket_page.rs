//! How one ticket looks: an A5 page with a card, that fills a phone and prints on any paper. Event and
//! place above the perforation, the QR below it; little ink, and the colour is the event's own.

use std::collections::HashMap;

use krilla::color::rgb;
use krilla::geom::{Path, PathBuilder, Point, Rect, Transform};
use krilla::paint::{Fill, LineCap, Stroke, StrokeDash};
use krilla::surface::Surface;

use super::booking::{BookingDocument, TicketFace};
use super::qr::Qr;
use super::text::{Block, Frame, Typesetter, Weight};
use super::wording::{moment, money};

/// A5 portrait. Unit of all lengths here: points.
pub(super) const WIDTH: f32 = 419.53;
pub(super) const HEIGHT: f32 = 595.28;

/// The card on the page.
const LEFT: f32 = 26.0;
const RIGHT: f32 = WIDTH - 26.0;
const TOP: f32 = 26.0;
const BOTTOM: f32 = HEIGHT - 26.0;
const CORNER: f32 = 14.0;
/// From the card's edge to its texts.
const INSET: f32 = 22.0;
const HEADER_BOTTOM: f32 = 152.0;
const PERFORATION: f32 = 360.0;
const NOTCH: f32 = 8.0;

/// The QR's side, quiet zone not counted: 1.2 mm a module for a code of usual length.
const QR_SIDE: f32 = 154.0;
const QR_TOP: f32 = PERFORATION + 30.0;
const QR_LEFT: f32 = LEFT + 30.0;

/// Texts kept made to fit: what repeats from page to page. Seats do not repeat, hence a bound.
const BLOCKS_MAX: usize = 512;

const INK: Colour = Colour(0x14, 0x18, 0x1f);
const GREY: Colour = Colour(0x5b, 0x64, 0x70);
const LINE: Colour = Colour(0xc4, 0xca, 0xd3);
const WHITE: Colour = Colour(0xff, 0xff, 0xff);
const PALE: Colour = Colour(0xdf, 0xe4, 0xec);

/// Dark enough for white letters (contrast above 7), and apart from each other.
const ACCENTS: [Colour; 6] = [
    Colour(0x35, 0x2f, 0x7d),
    Colour(0x0b, 0x55, 0x63),
    Colour(0x8c, 0x1d, 0x40),
    Colour(0x1f, 0x5b, 0x3a),
    Colour(0x1b, 0x3a, 0x6b),
    Colour(0x5c, 0x2a, 0x6b),
];

#[derive(Clone, Copy)]
struct Colour(u8, u8, u8);

impl Colour {
    fn fill(self) -> Fill {
        Fill { paint: rgb::Color::new(self.0, self.1, self.2).into(), ..Fill::default() }
    }

    fn stroke(self, width: f32) -> Stroke {
        let paint = rgb::Color::new(self.0, self.1, self.2).into();
        Stroke { paint, width, ..Stroke::default() }
    }
}

/// How a text is set; texts that are set alike share their blocks.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Style {
    EventName,
    Label,
    Count,
    Value,
    HalfValue,
    Holder,
    Note,
    Small,
}

impl Style {
    fn weight(self) -> Weight {
        match self {
            Self::EventName | Self::Label | Self::Count | Self::Holder => Weight::Bold,
            Self::Value | Self::HalfValue | Self::Note | Self::Small => Weight::Regular,
        }
    }

    fn frame(self) -> Frame {
        let whole = RIGHT - LEFT - 2.0 * INSET;
        let (width, size_max, size_min, lines_max) = match self {
            Self::EventName => (whole, 27.0, 15.0, 3),
            Self::Label => (whole, 7.0, 7.0, 1),
            Self::Count => (whole, 8.0, 8.0, 1),
            Self::Value => (whole, 12.0, 9.0, 2),
            Self::HalfValue => (whole / 2.0 - 10.0, 12.0, 8.0, 2),
            Self::Holder => (whole, 17.0, 10.0, 2),
            Self::Note => (RIGHT - INSET - NOTES_LEFT, 8.5, 8.5, 6),
            Self::Small => (RIGHT - INSET - NOTES_LEFT, 8.0, 5.0, 2),
        };
        Frame { width, size_max, size_min, lines_max }
    }
}

const NOTES_LEFT: f32 = QR_LEFT + QR_SIDE + 30.0;

/// The pages of one booking: what they share is made once.
pub(super) struct TicketPage<'a> {
    booking: &'a BookingDocument,
    accent: Colour,
    starts: Option<String>,
    blocks: HashMap<(String, Style), Block>,
    shapes: Shapes,
}

struct Shapes {
    card: Path,
    header: Path,
    perforation: Path,
}

impl<'a> TicketPage<'a> {
    pub fn new(booking: &'a BookingDocument) -> Self {
        let digest = blake3::hash(booking.event_name.as_bytes());
        let accent = ACCENTS[usize::from(digest.as_bytes()[0]) % ACCENTS.len()];
        let zone = booking.time_zone.as_deref();
        let starts = booking.starts_at.map(|at| moment(at, zone));
        let shapes = Shapes { card: card(), header: header(), perforation: perforation() };
        Self { booking, accent, starts, blocks: HashMap::new(), shapes }
    }

    /// Draws ticket `number` of the booking, counted from 1.
    pub fn draw(
        &mut self,
        surface: &mut Surface<'_>,
        setter: &mut Typesetter<'_>,
        ticket: &TicketFace,
        number: usize,
        qr: &Qr,
    ) {
        self.draw_shapes(surface);
        let mut pen = Pen { surface, setter, blocks: &mut self.blocks };
        let booking = self.booking;
        let x = LEFT + INSET;

        let count = format!("TICKET {number} OF {}", booking.tickets.len());
        pen.text(&count, Style::Count, PALE, x, TOP + 18.0);
        pen.text(&booking.event_name, Style::EventName, WHITE, x, TOP + 34.0);

        let mut y = HEADER_BOTTOM + 14.0;
        if let Some(starts) = &self.starts {
            y = pen.field("DATE", starts, Style::Value, x, y);
        }
        if let Some(venue) = &booking.venue {
            y = pen.field("VENUE", venue, Style::Value, x, y);
        }
        if let Some(holder) = booking.holder() {
            y = pen.field("NAME", holder, Style::Holder, x, y);
        }
        let middle = (LEFT + RIGHT) / 2.0;
        let place = ticket.unit.as_deref();
        pen.field("AREA", &ticket.pool_name, Style::HalfValue, x, y);
        if let Some(place) = place {
            pen.field("PLACE", place, Style::HalfValue, middle, y);
        }
        draw_qr(pen.surface, qr);
        draw_notes(&mut pen, booking, ticket);
    }

    fn draw_shapes(&self, surface: &mut Surface<'_>) {
        surface.set_stroke(None);
        surface.set_fill(Some(self.accent.fill()));
        surface.draw_path(&self.shapes.header);
        surface.set_fill(None);
        surface.set_stroke(Some(LINE.stroke(0.8)));
        surface.draw_path(&self.shapes.card);
        let dash = StrokeDash { array: vec![0.1, 5.0], offset: 0.0 };
        let dots = Stroke { dash: Some(dash), line_cap: LineCap::Round, ..LINE.stroke(1.6) };
        surface.set_stroke(Some(dots));
        surface.draw_path(&self.shapes.perforation);
        surface.set_stroke(None);
    }
}

fn draw_notes(pen: &mut Pen<'_, '_, '_>, booking: &BookingDocument, ticket: &TicketFace) {
    let x = NOTES_LEFT;
    let mut y = QR_TOP - 2.0;
    if let Some(price) = ticket.price {
        y = pen.field("PRICE", &money(price), Style::Small, x, y) - 3.0;
    }
    y = pen.field("TICKET", &ticket.id, Style::Small, x, y) - 3.0;
    y = pen.field("BOOKING", &booking.booking, Style::Small, x, y);
    pen.text(NOTE, Style::Note, GREY, x, y);
}

const NOTE: &str = "Show this code at the door, on paper or on a screen. It admits one person, once: \
                    whoever shows it first goes in.";

/// Draws texts, and keeps those that come again.
struct Pen<'p, 's, 'f> {
    surface: &'p mut Surface<'s>,
    setter: &'p mut Typesetter<'f>,
    blocks: &'p mut HashMap<(String, Style), Block>,
}

impl Pen<'_, '_, '_> {
    /// Draws below and right of the corner; gives where it ends below.
    fn text(&mut self, text: &str, style: Style, colour: Colour, x: f32, y: f32) -> f32 {
        if self.blocks.len() == BLOCKS_MAX {
            self.blocks.clear();
        }
        let key = (text.to_owned(), style);
        let block = self
            .blocks
            .entry(key)
            .or_insert_with(|| Block::fit(self.setter, text, style.weight(), style.frame()));
        self.surface.set_fill(Some(colour.fill()));
        block.draw(self.surface, Point::from_xy(x, y));
        y + block.height()
    }

    /// A small label with its value below; gives where the next field may begin.
    fn field(&mut self, label: &str, value: &str, style: Style, x: f32, y: f32) -> f32 {
        let below = self.text(label, Style::Label, GREY, x, y);
        self.text(value, style, INK, x, below + 1.0) + 9.0
    }
}

fn draw_qr(surface: &mut Surface<'_>, qr: &Qr) {
    let mut path = PathBuilder::new();
    for run in &qr.runs {
        path.push_rect(rect(run.column as f32, run.row as f32, run.length as f32, 1.0));
    }
    // In whole modules: the page compresses to a quarter less than in fractions of points.
    let module = QR_SIDE / qr.size as f32;
    surface.push_transform(&Transform::from_row(module, 0.0, 0.0, module, QR_LEFT, QR_TOP));
    surface.set_fill(Some(Colour(0, 0, 0).fill()));
    if let Some(path) = path.finish() {
        surface.draw_path(&path);
    }
    surface.pop();
}

fn rect(x: f32, y: f32, width: f32, height: f32) -> Rect {
    Rect::from_xywh(x, y, width, height).expect("shapes on the page have a size")
}

/// Handles of a quarter circle drawn as a cubic curve. Unit: the radius.
const ARC: f32 = 0.552_284_8;

/// The card's outline, notched where it is torn off.
fn card() -> Path {
    let mut path = PathBuilder::new();
    path.move_to(LEFT + CORNER, TOP);
    path.line_to(RIGHT - CORNER, TOP);
    quarter(&mut path, (RIGHT - CORNER, TOP), (RIGHT, TOP), (RIGHT, TOP + CORNER));
    path.line_to(RIGHT, PERFORATION - NOTCH);
    let inner = RIGHT - NOTCH;
    quarter(
        &mut path,
        (RIGHT, PERFORATION - NOTCH),
        (inner, PERFORATION - NOTCH),
        (inner, PERFORATION),
    );
    quarter(
        &mut path,
        (inner, PERFORATION),
        (inner, PERFORATION + NOTCH),
        (RIGHT, PERFORATION + NOTCH),
    );
    path.line_to(RIGHT, BOTTOM - CORNER);
    quarter(&mut path, (RIGHT, BOTTOM - CORNER), (RIGHT, BOTTOM), (RIGHT - CORNER, BOTTOM));
    path.line_to(LEFT + CORNER, BOTTOM);
    quarter(&mut path, (LEFT + CORNER, BOTTOM), (LEFT, BOTTOM), (LEFT, BOTTOM - CORNER));
    path.line_to(LEFT, PERFORATION + NOTCH);
    let inner = LEFT + NOTCH;
    quarter(
        &mut path,
        (LEFT, PERFORATION + NOTCH),
        (inner, PERFORATION + NOTCH),
        (inner, PERFORATION),
    );
    quarter(
        &mut path,
        (inner, PERFORATION),
        (inner, PERFORATION - NOTCH),
        (LEFT, PERFORATION - NOTCH),
    );
    path.line_to(LEFT, TOP + CORNER);
    quarter(&mut path, (LEFT, TOP + CORNER), (LEFT, TOP), (LEFT + CORNER, TOP));
    path.close();
    path.finish().expect("the card has a shape")
}

fn header() -> Path {
    let mut path = PathBuilder::new();
    path.move_to(LEFT, HEADER_BOTTOM);
    path.line_to(LEFT, TOP + CORNER);
    quarter(&mut path, (LEFT, TOP + CORNER), (LEFT, TOP), (LEFT + CORNER, TOP));
    path.line_to(RIGHT - CORNER, TOP);
    quarter(&mut path, (RIGHT - CORNER, TOP), (RIGHT, TOP), (RIGHT, TOP + CORNER));
    path.line_to(RIGHT, HEADER_BOTTOM);
    path.close();
    path.finish().expect("the header has a shape")
}

fn perforation() -> Path {
    let mut path = PathBuilder::new();
    path.move_to(LEFT + NOTCH + 6.0, PERFORATION);
    path.line_to(RIGHT - NOTCH - 6.0, PERFORATION);
    path.finish().expect("the perforation has a length")
}

/// A quarter of an ellipse around the corner `over`, from where the path is.
fn quarter(path: &mut PathBuilder, from: (f32, f32), over: (f32, f32), to: (f32, f32)) {
    let toward = |start: (f32, f32)| {
        (start.0 + (over.0 - start.0) * ARC, start.1 + (over.1 - start.1) * ARC)
    };
    let (first, second) = (toward(from), toward(to));
    path.cubic_to(first.0, first.1, second.0, second.1, to.0, to.1);
}
