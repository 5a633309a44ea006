//! Plots of figures that grow along an axis.

use anyhow::anyhow;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

use super::spread::Spread;

const SIZE: (u32, u32) = (900, 380);
/// Least that a logarithmic axis shows.
const LEAST: f64 = 0.001;

/// A named line through points, each with its smallest and largest.
pub struct Curve {
    pub name: String,
    pub points: Vec<(f64, Spread)>,
}

pub struct Names<'a> {
    pub title: &'a str,
    pub x: &'a str,
}

/// Both axes logarithmic: what grows along with the axis is a straight line, what does not is flat.
/// There is no place for zero, so points that are zero are left out.
///
/// # Errors
/// The plot could not be drawn.
pub fn logarithmic(names: &Names<'_>, curves: &[Curve]) -> anyhow::Result<String> {
    let shown = curves.iter().map(|curve| {
        let points = curve.points.iter().filter(|(_, spread)| LEAST <= spread.median);
        Curve { name: curve.name.clone(), points: points.copied().collect() }
    });
    let curves: Vec<Curve> = shown.filter(|curve| !curve.points.is_empty()).collect();
    let ((left, right), (low, high)) = bounds(&curves);
    let (left, low) = (left.max(LEAST), (low / 1.5).max(LEAST));
    let right = right.max(left * 2.0);
    draw(names, &curves, (left..right).log_scale(), (low..(high * 1.5).max(low * 2.0)).log_scale())
}

/// Both axes linear, from zero.
///
/// # Errors
/// The plot could not be drawn.
pub fn linear(names: &Names<'_>, curves: &[Curve]) -> anyhow::Result<String> {
    let ((_, right), (_, high)) = bounds(curves);
    draw(names, curves, 0.0..right.max(LEAST), 0.0..(high * 1.1).max(LEAST))
}

fn bounds(curves: &[Curve]) -> ((f64, f64), (f64, f64)) {
    let mut x = (f64::INFINITY, 0.0_f64);
    let mut y = (f64::INFINITY, 0.0_f64);
    for (at, spread) in curves.iter().flat_map(|curve| &curve.points) {
        x = (x.0.min(*at), x.1.max(*at));
        y = (y.0.min(spread.min), y.1.max(spread.max));
    }
    if x.0.is_finite() { (x, y) } else { ((0.0, 1.0), (0.0, 1.0)) }
}

fn draw<X, Y>(names: &Names<'_>, curves: &[Curve], x: X, y: Y) -> anyhow::Result<String>
where
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .caption(names.title, ("sans-serif", 18))
            .margin(10)
            .x_label_area_size(36)
            .y_label_area_size(80)
            .build_cartesian_2d(x, y)
            .map_err(drawn)?;
        chart
            .configure_mesh()
            .x_desc(names.x)
            .x_label_formatter(&|value| number(*value))
            .y_label_formatter(&|value| number(*value))
            .draw()
            .map_err(drawn)?;
        for (at, curve) in curves.iter().enumerate() {
            let color = Palette99::pick(at).stroke_width(2);
            let points = curve.points.iter().map(|(at, spread)| (*at, spread.median.max(LEAST)));
            let series =
                chart.draw_series(LineSeries::new(points.clone(), color)).map_err(drawn)?;
            series
                .label(&curve.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color));
            let dots = points.map(|point| Circle::new(point, 3, color.filled()));
            chart.draw_series(dots).map_err(drawn)?;
            let spans = curve.points.iter().map(|(at, spread)| {
                PathElement::new([(*at, spread.min.max(LEAST)), (*at, spread.max)], color)
            });
            chart.draw_series(spans).map_err(drawn)?;
        }
        if 1 < curves.len() {
            let mut labels = chart.configure_series_labels();
            labels.background_style(WHITE.mix(0.8)).border_style(BLACK).draw().map_err(drawn)?;
        }
        root.present().map_err(drawn)?;
    }
    Ok(svg)
}

/// As short as it can be said.
pub fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        small if small < 0.1 => format!("{value:.4}"),
        small if small < 10.0 => format!("{value:.2}"),
        middle if middle < 1_000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

pub fn drawn<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> anyhow::Error {
    anyhow!("a plot could not be drawn: {error}")
}
