//! Files that survive a power cut: written beside, synced, renamed over.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::error::Error;

const LOCK_FILE: &str = "lock";
/// Whoever had the directory may be just ending: a process that it began holds its files for a moment, until it runs a program.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(25);

/// As long as it lives, nobody else has the directory. A killed process leaves none behind.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// One terminal's directory.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    directory: PathBuf,
}

impl Store {
    /// Makes the directory if it is not there.
    pub(crate) fn create(directory: &Path) -> Result<Self, Error> {
        fs::create_dir_all(directory).map_err(Error::file(directory))?;
        Ok(Store { directory: directory.to_owned() })
    }

    /// Takes the directory for this terminal alone: two that use the same STANs would be taken for a clone and its victim.
    pub(crate) fn lock(&self) -> Result<Lock, Error> {
        let path = self.path(LOCK_FILE);
        let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = opened.map_err(Error::file(&path))?;
        let mut tries = LOCK_TRIES;
        let locked = loop {
            match file.try_lock() {
                Err(TryLockError::WouldBlock) if tries > 0 => {
                    tries = tries.saturating_sub(1);
                    std::thread::sleep(LOCK_PAUSE);
                }
                locked => break locked,
            }
        };
        match locked {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => {
                let directory = self.directory.display();
                let why = "is in use: another terminal-sim works with this terminal, and two would use the same STANs";
                Err(Error::Usage(format!("{directory} {why}")))
            }
            Err(TryLockError::Error(error)) => Err(Error::file(&path)(error)),
        }
    }

    /// The directory as it is, there or not.
    pub(crate) fn existing(directory: &Path) -> Self {
        Store { directory: directory.to_owned() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The file's bytes; `None` when it does not exist.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file(&path)(error)),
        }
    }

    /// Puts `bytes` in place of the file: after a power cut there is the old file or the new one, whole. It blocks, also
    /// inside a future: so that no write is still under way, on another thread, when the future has been dropped and the
    /// terminal opened anew.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.path(name);
        let beside = self.path(&format!("{name}.new"));
        let put = || {
            // Keys, and the card secrets of unfinished requests: for this user alone.
            let options =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside);
            let mut file = options?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            File::open(&self.directory)?.sync_all()
        };
        put().map_err(Error::file(&path))
    }
}

/// Reads a JSON file that somebody else wrote.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let bytes = fs::read(path).map_err(Error::file(path))?;
    serde_json::from_slice(&bytes).map_err(|error| Error::Usage(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_write_replaces_the_whole_file_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::create(&directory.path().join("T0001")).unwrap();
        assert_eq!(store.read("state").unwrap(), None);
        store.write("state", b"a longer first version").unwrap();
        store.write("state", b"second").unwrap();
        assert_eq!(store.read("state").unwrap().as_deref(), Some(&b"second"[..]));
        assert_eq!(fs::read_dir(directory.path().join("T0001")).unwrap().count(), 1);
        let mode = fs::metadata(store.path("state")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "it holds secrets");
    }
}
