//! Files that commands write: there whole or not at all, and never in the place of something else unless that is meant.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

/// Whether files can be made in a directory, found out by making one. One that is not there yet is tried in the nearest above it that
/// is, and not made.
pub(super) fn try_directory(directory: &Path) -> Result<()> {
    let context = || format!("nothing can be written to {}", directory.display());
    let there = directory.ancestors().map(here).find(|above| above.symlink_metadata().is_ok());
    let there = there.with_context(context)?;
    ensure!(there.is_dir(), "{} is no directory", there.display());
    let trial = there.join(format!(".gateway-trial-{}", std::process::id()));
    let tried = File::create(&trial).and_then(|mut file| file.write_all(b"whether it can be written"));
    drop(fs::remove_file(&trial));
    tried.with_context(context)
}

/// What becomes of a file that says something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum There {
    /// It stays, and this is what can be done about it.
    Stays(&'static str),
    GivesWay,
}

/// Writes a file; whether one that says the same was there already.
pub(super) fn put(file: &Path, bytes: &[u8], there: There) -> Result<bool> {
    let context = || format!("writing {}", file.display());
    let name = file.file_name().with_context(|| format!("{} names no file", file.display()))?;
    match fs::read(file) {
        Ok(held) if held == bytes => return Ok(true),
        Ok(_) => match there {
            There::Stays(hint) => bail!("{} says something else than the journal; {hint}", file.display()),
            There::GivesWay => {}
        },
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(context),
    }
    let directory = here(file.parent().unwrap_or(Path::new("")));
    let unfinished = directory.join(format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id()));
    let written = written(&unfinished, file, bytes).and_then(|()| File::open(directory)?.sync_all());
    written.inspect_err(|_| drop(fs::remove_file(&unfinished))).with_context(context)?;
    Ok(false)
}

fn written(unfinished: &Path, file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut open = File::create(unfinished)?;
    open.write_all(bytes)?;
    open.sync_all()?;
    fs::rename(unfinished, file)
}

/// The directory of a bare name is the present one.
fn here(directory: &Path) -> &Path {
    if directory.as_os_str().is_empty() { Path::new(".") } else { directory }
}

/// Names, for people.
pub(super) fn listed(files: &[PathBuf]) -> Vec<String> {
    files.iter().map(|file| file.display().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_and_gives_way_only_where_that_is_meant() {
        let place = tempfile::tempdir().expect("a directory");
        let file = place.path().join("report.html");
        assert!(!put(&file, b"one", There::Stays("look")).expect("written"));
        assert!(put(&file, b"one", There::Stays("look")).expect("the same"));
        let refused = put(&file, b"two", There::Stays("look")).expect_err("another").to_string();
        assert!(refused.contains("something else"), "{refused}");
        assert_eq!(fs::read(&file).expect("there"), b"one");
        assert!(!put(&file, b"two", There::GivesWay).expect("meant"));
        assert_eq!(fs::read(&file).expect("there"), b"two");
        assert!(put(place.path(), b"two", There::GivesWay).is_err(), "a directory never gives way");
        assert!(put(&place.path().join("none/report.html"), b"one", There::Stays("look")).is_err());
        assert_eq!(fs::read_dir(place.path()).expect("there").count(), 1, "nothing else is left");
    }

    #[test]
    fn a_directory_is_tried_where_it_would_be_and_nothing_is_left_of_it() {
        let place = tempfile::tempdir().expect("a directory");
        let file = place.path().join("file");
        fs::write(&file, "").expect("written");
        assert!(try_directory(place.path()).is_ok());
        assert!(try_directory(&place.path().join("new/er")).is_ok());
        for wrong in [file.clone(), file.join("below")] {
            let said = try_directory(&wrong).expect_err("no directory").to_string();
            assert!(said.contains("is no directory"), "{said}");
        }
        assert_eq!(fs::read_dir(place.path()).expect("there").count(), 1);
    }
}
