//! Mails as files, for whoever tries the program out: open the directory and read them. Nothing is sent.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::compose::{Sender, compose};
use super::{Mail, MailChannel};
use crate::providers::send::{Later, OptionError, SendError};

/// Writes each mail to `<directory>/<id>.eml`. A repeat replaces the file by the same bytes.
#[derive(Debug)]
pub struct FileChannel {
    directory: PathBuf,
    sender: Sender,
}

impl FileChannel {
    /// Makes the directory if it is not there.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn new(directory: PathBuf, sender: Sender) -> Result<Self, OptionError> {
        std::fs::create_dir_all(&directory).map_err(|error| {
            OptionError::new("directory", directory.display().to_string(), error.to_string())
        })?;
        Ok(Self { directory, sender })
    }
}

impl MailChannel for FileChannel {
    /// # Errors
    /// - `Never`: the mail cannot be written as one.
    /// - `Later`: the disk does not take it.
    fn send<'a>(&'a self, mail: &'a Mail) -> Later<'a, Result<(), SendError>> {
        Box::pin(async move {
            let bytes = compose(mail, &self.sender)?;
            let (directory, id) = (self.directory.clone(), mail.id.clone());
            let written = tokio::task::spawn_blocking(move || write(&directory, &id, &bytes)).await;
            match written {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => {
                    let directory = self.directory.display();
                    Err(SendError::later(format!("mail not written to {directory}: {error}")))
                }
                Err(error) => Err(SendError::unknown(format!("writing was broken off: {error}"))),
            }
        })
    }
}

/// Readers see the whole mail or none, also after a crash. `id` is checked: it names no other directory.
fn write(directory: &Path, id: &str, bytes: &[u8]) -> std::io::Result<()> {
    let unfinished = directory.join(format!(".{id}.eml.part"));
    let mut file = std::fs::File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, directory.join(format!("{id}.eml")))?;
    std::fs::File::open(directory)?.sync_all()
}
