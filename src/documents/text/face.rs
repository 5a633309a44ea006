//! One font: what it is good for, where its bytes are, and, once loaded, how it is drawn.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use harfrust::ShaperData;
use krilla::text::Font;
use skrifa::attribute::Style;
use skrifa::string::StringId;
use skrifa::{FontRef, MetadataProvider};

use super::coverage::Coverage;

/// Where a font's bytes are.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Embedded(&'static [u8]),
    File(PathBuf),
}

impl Place {
    fn bytes(&self) -> io::Result<Arc<dyn AsRef<[u8]> + Send + Sync>> {
        match self {
            Self::Embedded(bytes) => Ok(Arc::new(*bytes)),
            Self::File(path) => Ok(Arc::new(fs::read(path)?)),
        }
    }
}

/// What is known of a font without its bytes.
#[derive(Debug)]
pub(super) struct Face {
    place: Place,
    /// Its number in a collection.
    index: u32,
    pub coverage: Coverage,
    /// 1 to 1,000; 400 is regular, 700 is bold.
    pub weight: f32,
    /// How far it is from a plain upright sans serif; 0 is best.
    pub oddity: u8,
}

impl Face {
    /// `None` when nothing can be set in it: no characters, or no outlines, only pictures.
    pub fn of(font: &FontRef<'_>, place: &Place, index: u32) -> Option<Self> {
        let coverage = Coverage::of(font);
        if coverage.is_empty() || font.outline_glyphs().format().is_none() {
            return None;
        }
        let attributes = font.attributes();
        let family = font.localized_strings(StringId::FAMILY_NAME).english_or_first();
        let family = family.map(|name| name.to_string()).unwrap_or_default();
        let says = |word: &str| family.contains(word);
        let mut oddity = 0;
        oddity += u8::from(attributes.style != Style::Normal) * 8;
        oddity += u8::from(says("Mono") || says("Display") || says("UI")) * 4;
        oddity += u8::from(!says("Sans")) * 2;
        oddity += u8::from(attributes.stretch.ratio() != 1.0);
        let (place, weight) = (place.clone(), attributes.weight.value());
        Some(Self { place, index, coverage, weight, oddity })
    }

    /// # Errors
    /// When the file is gone or no longer the font it was.
    pub fn load(&self) -> io::Result<LoadedFace> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "no longer a font");
        let bytes = self.place.bytes()?;
        let font = FontRef::from_index((*bytes).as_ref(), self.index).map_err(|_| damaged())?;
        let shaping = ShaperData::new(&font);
        let drawing = Font::new(bytes.clone().into(), self.index).ok_or_else(damaged)?;
        Ok(LoadedFace { bytes, index: self.index, shaping, drawing })
    }
}

/// A font in memory.
pub(in crate::documents) struct LoadedFace {
    bytes: Arc<dyn AsRef<[u8]> + Send + Sync>,
    index: u32,
    shaping: ShaperData,
    pub drawing: Font,
}

impl LoadedFace {
    /// Glyphs of one run, in units of the font's em square.
    pub fn shape(&self, buffer: harfrust::UnicodeBuffer) -> harfrust::GlyphBuffer {
        let font = FontRef::from_index((*self.bytes).as_ref(), self.index);
        let font = font.expect("it was read from these bytes before");
        let shaper = self.shaping.shaper(&font).build();
        shaper.shape(buffer, harfrust::ShapeOptions::new())
    }
}
