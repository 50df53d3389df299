//! What a till writes down for its oracle: each intent before it is sent, each outcome before it is forgotten. A run that
//! is killed continues from here.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::oracle::{Fact, Intent, TransactionKey};

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    /// The request is about to be sent, or given up after it had been approved.
    Begin(Box<Intent>),
    /// Its outcome is known.
    Settled {
        /// Which request.
        key: TransactionKey,
        /// Its final answer, its Reversal's, or both.
        facts: Vec<Fact>,
    },
}

/// The file: JSON lines, appended and synced.
#[derive(Debug)]
pub(crate) struct Diary {
    path: PathBuf,
    file: File,
}

impl Diary {
    /// Opens the file and reads what is in it. A last line that was cut off by a crash is cut away: what it would have
    /// said had not happened yet.
    pub(crate) fn open<T: DeserializeOwned>(path: &Path) -> Result<(Self, Vec<T>), Error> {
        let failed = |error| Error::file(path)(error);
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = options.map_err(failed)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        let whole = text.rfind('\n').and_then(|end| text.get(..=end)).unwrap_or_default();
        let entries = whole.lines().map(serde_json::from_str).collect::<Result<Vec<T>, _>>();
        let entries =
            entries.map_err(|error| Error::Usage(format!("{} is damaged: {error}", path.display())))?;
        file.set_len(whole.len() as u64).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok((Diary { path: path.to_owned(), file }, entries))
    }

    /// Appends a line; it is durable on return.
    pub(crate) fn append<T: Serialize>(&mut self, entry: &T) -> Result<(), Error> {
        let mut line = serde_json::to_vec(entry).map_err(|error| Error::Usage(error.to_string()))?;
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        written.map_err(Error::file(&self.path))
    }
}

/// Intents that have no outcome yet after these entries, in the order in which they began.
pub(crate) fn open_intents(entries: &[Entry]) -> Vec<Intent> {
    let mut open: Vec<Intent> = Vec::new();
    for entry in entries {
        let key = match entry {
            Entry::Begin(intent) => &intent.key,
            Entry::Settled { key, .. } => key,
        };
        open.retain(|intent| intent.key != *key);
        if let Entry::Begin(intent) = entry {
            open.push((**intent).clone());
        }
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::TerminalRules;

    fn begin(stan: u32, amount: i64) -> Entry {
        Entry::Begin(Box::new(Intent {
            key: TransactionKey { terminal: "T1".into(), generation: 1, stan },
            kind: 0x13,
            card: Some(9_000_000_000_000_000),
            amount: Some(amount),
            partial: false,
            genuine: true,
            original: None,
            more: false,
            request_id: None,
            shift: None,
            totals: Some([(0x12, (1, 100))].into()),
            rules: TerminalRules { sells: true, max_load: 1, max_purchase: 1, max_refund: 1 },
            extra: crate::oracle::Extra::default(),
        }))
    }

    fn settled(stan: u32) -> Entry {
        Entry::Settled {
            key: TransactionKey { terminal: "T1".into(), generation: 1, stan },
            facts: Vec::new(),
        }
    }

    #[test]
    fn a_line_cut_off_by_a_crash_is_left_out_and_the_next_one_follows_cleanly() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("diary.jsonl");
        let (mut diary, entries) = Diary::open::<Entry>(&path).unwrap();
        assert_eq!(entries, []);
        diary.append(&begin(1, 5)).unwrap();
        diary.append(&begin(2, 5)).unwrap();
        let text = std::fs::read(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 7]).unwrap();
        let (mut diary, entries) = Diary::open::<Entry>(&path).unwrap();
        assert_eq!(entries, [begin(1, 5)]);
        diary.append(&settled(1)).unwrap();
        assert_eq!(Diary::open::<Entry>(&path).unwrap().1, [begin(1, 5), settled(1)]);
    }

    #[test]
    fn what_began_again_after_its_outcome_is_open() {
        let intents = |entries: &[Entry]| {
            open_intents(entries).iter().map(|i| (i.key.stan, i.amount)).collect::<Vec<_>>()
        };
        assert_eq!(intents(&[begin(1, 5), begin(2, 6), settled(1)]), [(2, Some(6))]);
        assert_eq!(intents(&[begin(1, 5), settled(1), begin(1, 5)]), [(1, Some(5))]);
        assert_eq!(
            intents(&[begin(1, 5), begin(1, 7)]),
            [(1, Some(7))],
            "never sent, and its STAN used after all"
        );
    }
}
