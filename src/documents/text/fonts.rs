//! All fonts there are: the embedded ones first, then those found in directories. Embedded are Latin,
//! Greek, Cyrillic, Arabic, Hebrew, Thai and Devanagari; fonts of the other scripts, above all Chinese,
//! Japanese and Korean, are too large to carry and come from the system.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use skrifa::raw::FileRef;

use super::Weight;
use super::face::{Face, LoadedFace, Place};

/// Noto 2020, SIL Open Font License 1.1; see `assets/fonts/README.md`.
const EMBEDDED: [&[u8]; 10] = [
    include_bytes!("../../../assets/fonts/NotoSans-Regular.ttf"),
    include_bytes!("../../../assets/fonts/NotoSans-Bold.ttf"),
    include_bytes!("../../../assets/fonts/NotoSansArabic-Regular.ttf"),
    include_bytes!("../../../assets/fonts/NotoSansArabic-Bold.ttf"),
    include_bytes!("../../../assets/fonts/NotoSansHebrew-Regular.ttf"),
    include_bytes!("../../../assets/fonts/NotoSansHebrew-Bold.ttf"),
    include_bytes!("../../../assets/fonts/NotoSansThai-Regular.ttf"),
    include_bytes!("../../../assets/fonts/NotoSansThai-Bold.ttf"),
    include_bytes!("../../../assets/fonts/NotoSansDevanagari-Regular.ttf"),
    include_bytes!("../../../assets/fonts/NotoSansDevanagari-Bold.ttf"),
];

/// Files looked at in all directories together: all of Noto is 3,000.
const FILES_MAX: usize = 20_000;
/// Largest font file that is read. Unit: bytes. The largest of Noto has 30 MB.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// How deep directories are followed; a link in a circle ends here.
const DEPTH_MAX: usize = 8;
/// Fonts kept in memory at a time; a CJK font has 20 MB.
const LOADED_MAX: usize = 24;

/// A directory of fonts that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FontsError {
    #[error("font directory {} cannot be read", dir.display())]
    Dir {
        dir: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the font directories hold more than {FILES_MAX} fonts, at {}", dir.display())]
    TooMany { dir: PathBuf },
}

/// A file in a font directory that looked like a font and cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedFont {
    pub path: PathBuf,
    pub reason: String,
}

/// The fonts, looked through once and shared by all documents.
pub struct Fonts {
    /// Embedded first, then by path, so that equal directories give equal documents.
    faces: Vec<Face>,
    skipped: Vec<SkippedFont>,
    /// The last used, with their number in `faces`, newest last.
    loaded: Mutex<Vec<(usize, Arc<LoadedFace>)>>,
}

impl Fonts {
    /// Only what is in the program.
    #[must_use]
    pub fn embedded() -> Self {
        let mut fonts = Self { faces: Vec::new(), skipped: Vec::new(), loaded: Mutex::default() };
        for bytes in EMBEDDED {
            let added = fonts.add(&Place::Embedded(bytes), bytes);
            added.expect("the embedded fonts are fonts");
        }
        fonts
    }

    /// The embedded fonts, and those in `dirs` for what they lack. Reads each file once: a second or
    /// so for all of Noto. Call it at the start, not for each document.
    ///
    /// # Errors
    /// A directory cannot be read, or holds far too much: tell the operator which. A bad file in it
    /// is no error, see [`Fonts::skipped`].
    pub fn with_dirs(dirs: &[PathBuf]) -> Result<Self, FontsError> {
        let mut files = Vec::new();
        for dir in dirs {
            collect(dir, 0, &mut files)?;
        }
        files.sort();
        files.dedup();
        let mut fonts = Self::embedded();
        for path in files {
            let read = fs::metadata(&path)
                .and_then(|found| match found.len() <= FILE_BYTES_MAX {
                    true => fs::read(&path),
                    false => Err(io::Error::other("larger than 64 MiB")),
                })
                .map_err(|error| error.to_string())
                .and_then(|bytes| fonts.add(&Place::File(path.clone()), &bytes));
            if let Err(reason) = read {
                fonts.skipped.push(SkippedFont { path, reason });
            }
        }
        Ok(fonts)
    }

    /// Files that were passed over, for a log at the start.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedFont] {
        &self.skipped
    }

    fn add(&mut self, place: &Place, bytes: &[u8]) -> Result<(), String> {
        let file = FileRef::new(bytes).map_err(|error| error.to_string())?;
        let before = self.faces.len();
        for (index, font) in file.fonts().enumerate() {
            let font = font.map_err(|error| error.to_string())?;
            self.faces.extend(Face::of(&font, place, index as u32));
        }
        if self.faces.len() == before {
            Err("no outlines for any character".into())
        } else {
            Ok(())
        }
    }

    /// The best face that has all of `cluster`, if any has. An embedded one wins over others, a plain
    /// one over an odd one, and then the nearest weight.
    pub(super) fn find(&self, cluster: &str, weight: Weight) -> Option<usize> {
        let distance = |at: &usize| {
            let face = &self.faces[*at];
            let off = (face.weight - weight.class()).abs() as u32;
            (EMBEDDED.len() <= *at, face.oddity, off, *at)
        };
        let covering = (0..self.faces.len()).filter(|at| self.covers(*at, cluster));
        covering.min_by_key(distance)
    }

    pub(super) fn covers(&self, face: usize, cluster: &str) -> bool {
        self.faces[face].coverage.covers(cluster)
    }

    /// `None` when its file has gone since the start.
    pub(super) fn load(&self, face: usize) -> Option<Arc<LoadedFace>> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = loaded.iter().position(|(known, _)| *known == face) {
            let found = loaded.remove(at);
            loaded.push(found);
        } else {
            let fresh = Arc::new(self.faces[face].load().ok()?);
            if loaded.len() == LOADED_MAX {
                loaded.remove(0);
            }
            loaded.push((face, fresh));
        }
        loaded.last().map(|(_, font)| Arc::clone(font))
    }
}

fn collect(dir: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), FontsError> {
    let failed = |source| FontsError::Dir { dir: dir.to_owned(), source };
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if path.is_dir() {
            if depth < DEPTH_MAX {
                collect(&path, depth + 1, files)?;
            }
        } else if ["ttf", "otf", "ttc", "otc"].contains(&ending.to_ascii_lowercase().as_str()) {
            if files.len() == FILES_MAX {
                return Err(FontsError::TooMany { dir: dir.to_owned() });
            }
            files.push(path);
        }
    }
    Ok(())
}
