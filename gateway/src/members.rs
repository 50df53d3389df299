//! Card holders' personal data: encrypted, apart from the journal, found by phone, erased on request (LOYALTY E1, E6;
//! PROTOCOL.md section 5.4).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context as _;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::clock;
use crate::domain::Born;
use crate::domain::CardReference;
use crate::keys::secret_of_32;
use crate::storage::{MEMBERS, MemberFile, MemberRow, StorageError};

const NONCE: usize = 12;
/// Registrations that one look-up considers, the newest first; some may be over.
const MOST: u32 = 64;

/// Personal fields as they came: their exact bytes, which the commitment is over, and the phone among them.
#[derive(Clone)]
pub struct Personal {
    pub bytes: Zeroizing<Vec<u8>>,
    pub phone: Option<Zeroizing<String>>,
}

impl std::fmt::Debug for Personal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Personal")
    }
}

/// The keys of the personal data: one encrypts, one finds.
struct MemberKeys {
    seal: LessSafeKey,
    phone: ring::hmac::Key,
}

/// The personal data of this gateway's card holders.
pub struct Members {
    file: MemberFile,
    keys: MemberKeys,
    births: Births,
}

/// Cards by the birthday (month and day) in their rows. It is in memory alone, and read a few rows at a time when a programme first
/// asks: in the file, even hashed under a key, it would say who has a birthday in common, and how many have each of 366. It is
/// a hint: who asks looks at the row, so one that is out of date does no harm.
#[derive(Default)]
struct Births {
    on: BTreeMap<(u8, u8), BTreeSet<u64>>,
    /// The last card whose row was read for it.
    read: u64,
    whole: bool,
}

/// What is kept of a birthday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Birth {
    /// The card that was registered.
    pub card: CardReference,
    /// What it was registered by.
    pub commitment: [u8; 32],
    pub born: Born,
    /// Unix milliseconds.
    pub kept_at: i64,
}

impl std::fmt::Debug for Members {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Members")
    }
}

impl Members {
    /// Opens file and key, or makes both.
    ///
    /// # Errors
    /// When one of them cannot be opened, or there is data and no key to it: under a new one nothing of it could be read.
    pub fn open(directory: &Path, key: &Path) -> anyhow::Result<Self> {
        if key.exists() && !directory.join(MEMBERS).exists() {
            tracing::warn!(
                "{MEMBERS} is not there, though its key is: nobody is found by phone; put it back from a backup"
            );
        }
        let file = MemberFile::open(directory).with_context(|| format!("opening {MEMBERS}"))?;
        if !key.exists() && !file.is_empty().with_context(|| format!("reading {MEMBERS}"))? {
            let key = key.display();
            anyhow::bail!(
                "{MEMBERS} holds personal data, and its key {key} is gone; put the key back from its backup"
            );
        }
        let secret = secret_of_32(key)?;
        let derived = |label: &[u8]| {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_slice());
            Zeroizing::new(ring::hmac::sign(&key, label).as_ref().to_vec())
        };
        let seal =
            UnboundKey::new(&AES_256_GCM, &derived(b"seal")).map_err(|_| anyhow::anyhow!("no AES key"))?;
        let phone = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &derived(b"phone"));
        let keys = MemberKeys { seal: LessSafeKey::new(seal), phone };
        Ok(Self { file, keys, births: Births::default() })
    }

    /// Keeps what came with a registration.
    ///
    /// # Errors
    /// When it was not written.
    pub fn keep(
        &mut self,
        card: CardReference,
        commitment: [u8; 32],
        personal: &Personal,
        now_ms: i64,
    ) -> Result<(), StorageError> {
        let nonce: [u8; NONCE] = clock::random();
        let mut sealed = personal.bytes.to_vec();
        let aad = Aad::from(about(card, &commitment));
        let done =
            self.keys.seal.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed);
        done.map_err(|_| StorageError::Snapshot("personal data could not be encrypted".into()))?;
        sealed.splice(0..0, nonce);
        let phone_tag = personal.phone.as_ref().map(|phone| self.tag(phone));
        self.file.keep(&MemberRow { card: card.0, commitment, phone_tag, sealed, kept_at: now_ms })?;
        if let Some(born) = birthday_in(&personal.bytes) {
            self.births.on.entry(born.month_and_day()).or_default().insert(card.0);
        }
        Ok(())
    }

    /// Cards that were registered with a phone number, with the commitment that each was registered by, the newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn find(&self, phone: &str) -> Result<Vec<(CardReference, [u8; 32])>, StorageError> {
        let rows = self.file.of_phone(&self.tag(phone), MOST)?;
        Ok(rows.into_iter().map(|row| (CardReference(row.card), row.commitment)).collect())
    }

    /// Cards that were registered by a commitment.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn registered_by(&self, commitment: &[u8; 32]) -> Result<Vec<CardReference>, StorageError> {
        Ok(self.file.of_commitment(commitment)?.into_iter().map(CardReference).collect())
    }

    /// The fields of a card's registration by that commitment; `None` when there are none, or they cannot be decrypted.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn fields(
        &self,
        card: CardReference,
        commitment: &[u8; 32],
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StorageError> {
        let row = self.file.of_card(card.0)?.filter(|row| row.commitment == *commitment);
        Ok(row.and_then(|row| self.opened(&row)))
    }

    fn opened(&self, row: &MemberRow) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = row.sealed.split_first_chunk::<NONCE>()?;
        let mut plain = Zeroizing::new(sealed.to_vec());
        let aad = Aad::from(about(CardReference(row.card), &row.commitment));
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.keys.seal.open_in_place(nonce, aad, &mut plain).ok()?.len();
        plain.truncate(length);
        Some(plain)
    }

    fn birth(&self, row: &MemberRow) -> Option<Birth> {
        let born = birthday_in(&self.opened(row)?)?;
        let (card, commitment, kept_at) = (CardReference(row.card), row.commitment, row.kept_at);
        Some(Birth { card, commitment, born, kept_at })
    }

    /// The birthday in a card's row.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn birth_of(&self, card: CardReference) -> Result<Option<Birth>, StorageError> {
        Ok(self.file.of_card(card.0)?.and_then(|row| self.birth(&row)))
    }

    /// Birthdays in the next `most` rows after a card, and the last card whose row was read; `None` at the end.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn births_after(&self, card: u64, most: u32) -> Result<Option<(u64, Vec<Birth>)>, StorageError> {
        let rows = self.file.after(card, most)?;
        let births = rows.iter().filter_map(|row| self.birth(row)).collect();
        Ok(rows.last().map(|last| (last.card, births)))
    }

    /// Reads the next `most` rows for the birthdays in memory; true when all have been read.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn learn_births(&mut self, most: u32) -> Result<bool, StorageError> {
        if !self.births.whole {
            match self.births_after(self.births.read, most)? {
                Some((last, births)) => {
                    for birth in births {
                        self.births.on.entry(birth.born.month_and_day()).or_default().insert(birth.card.0);
                    }
                    self.births.read = last;
                }
                None => self.births.whole = true,
            }
        }
        Ok(self.births.whole)
    }

    /// Cards after this one that were registered with a birthday (month and day), by rising card.
    pub fn born_on(&self, born: (u8, u8), after: u64) -> impl Iterator<Item = CardReference> {
        let cards = self.births.on.get(&born).into_iter();
        cards.flat_map(move |cards| cards.range(after.saturating_add(1)..)).map(|card| CardReference(*card))
    }

    /// A birthday (LOYALTY B3, E7), when it is kept and was registered by that commitment.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn birthday(&self, card: CardReference, commitment: &[u8; 32]) -> Result<Option<Born>, StorageError> {
        let fields = self.fields(card, commitment)?;
        Ok(fields.and_then(|fields| birthday_in(&fields)))
    }

    /// Erases what is kept of a card's holder; false when there is nothing.
    ///
    /// # Errors
    /// When it was not erased.
    pub fn erase(&mut self, card: CardReference) -> Result<bool, StorageError> {
        for cards in self.births.on.values_mut() {
            cards.remove(&card.0);
        }
        self.file.erase(card.0)
    }

    fn tag(&self, phone: &str) -> [u8; 32] {
        let mut tag = [0; 32];
        tag.copy_from_slice(ring::hmac::sign(&self.keys.phone, phone.as_bytes()).as_ref());
        tag
    }
}

/// Of `YYYY-MM-DD` among personal fields.
fn birthday_in(fields: &[u8]) -> Option<Born> {
    let mut decoder = minicbor::Decoder::new(fields);
    for _ in 0..decoder.map().ok()?? {
        let (number, text) = (decoder.u8().ok()?, decoder.str().ok()?);
        if number == protocol::request::BIRTHDAY {
            let (year, month_day) = text.split_once('-')?;
            let (month, day) = month_day.split_once('-')?;
            let year = year.parse().unwrap_or(0);
            return Some(Born { year, month: month.parse().ok()?, day: day.parse().ok()? });
        }
    }
    None
}

/// What a row is bound to: it cannot be read as another card's or another registration's.
fn about(card: CardReference, commitment: &[u8; 32]) -> Vec<u8> {
    [card.0.to_be_bytes().as_slice(), commitment].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn personal(text: &str, phone: &str) -> Personal {
        Personal { bytes: Zeroizing::new(text.into()), phone: Some(Zeroizing::new(phone.into())) }
    }

    #[test]
    fn what_is_kept_is_found_read_and_erased() {
        let directory = tempfile::tempdir().expect("a directory");
        let open = || Members::open(directory.path(), &directory.path().join("key")).expect("members");
        let (mut members, card) = (open(), CardReference(9_000_000_000_000_006));
        members.keep(card, [1; 32], &personal("Wang Xiaoming, Suzhou", "8613800138000"), 5).expect("kept");
        members.keep(CardReference(9), [2; 32], &personal("another", "8613800138000"), 6).expect("kept");
        drop(members);
        let mut members = open();
        let found = members.find("8613800138000").expect("found");
        assert_eq!(found, [(CardReference(9), [2; 32]), (card, [1; 32])]);
        assert!(members.find("8613800138001").expect("a look-up").is_empty());
        assert_eq!(
            members.fields(card, &[1; 32]).expect("read").expect("kept").as_slice(),
            b"Wang Xiaoming, Suzhou"
        );
        assert_eq!(members.fields(card, &[2; 32]).expect("read"), None, "of another registration");
        assert!(members.erase(card).expect("erased") && !members.erase(card).expect("nothing there"));
        assert_eq!(members.fields(card, &[1; 32]).expect("read"), None);
    }

    #[test]
    fn cards_are_found_by_birthday_whether_kept_before_or_since_and_not_once_they_are_erased() {
        let directory = tempfile::tempdir().expect("a directory");
        let open = || Members::open(directory.path(), &directory.path().join("key")).expect("members");
        let born = |text: &str| {
            let mut writer = minicbor::Encoder::new(Vec::new());
            writer.map(1).and_then(|w| w.u8(3)?.str(text)).expect("fields");
            Personal { bytes: Zeroizing::new(writer.into_writer()), phone: None }
        };
        let mut members = open();
        for (card, day) in [(5, "1988-02-29"), (6, "1990-03-01"), (7, "1970-02-29")] {
            members.keep(CardReference(card), [1; 32], &born(day), 5).expect("kept");
        }
        members.keep(CardReference(8), [1; 32], &personal("no fields", "8613800138000"), 5).expect("kept");
        drop(members);
        let mut members = open();
        let on =
            |members: &Members, after| members.born_on((2, 29), after).map(|card| card.0).collect::<Vec<_>>();
        assert_eq!(on(&members, 0), [0; 0], "nobody has asked");
        members.keep(CardReference(3), [1; 32], &born("2001-02-29"), 5).expect("kept");
        let learnt = (0..4).map(|_| members.learn_births(2).expect("read")).collect::<Vec<_>>();
        assert_eq!(learnt, [false, false, false, true], "two rows at a time");
        assert_eq!((on(&members, 0), on(&members, 5)), (vec![3, 5, 7], vec![7]));
        assert!(members.erase(CardReference(5)).expect("erased"));
        assert_eq!(on(&members, 0), [3, 7]);
        assert_eq!(members.birth_of(CardReference(5)).expect("read"), None);
        assert_eq!(
            members.birth_of(CardReference(7)).expect("read").map(|birth| birth.born.month_and_day()),
            Some((2, 29))
        );
    }

    #[test]
    fn a_birthday_is_found_among_the_fields() {
        let fields = |number: u8, text: &str| {
            let mut writer = minicbor::Encoder::new(Vec::new());
            writer.map(2).and_then(|w| w.u8(1)?.str("8613800138000")?.u8(number)?.str(text)).expect("fields");
            writer.into_writer()
        };
        assert_eq!(birthday_in(&fields(3, "1988-02-29")), Some(Born { year: 1988, month: 2, day: 29 }));
        assert_eq!(birthday_in(&fields(2, "1988-02-29")), None, "a name");
        assert_eq!(birthday_in(b"no map"), None);
    }

    #[test]
    fn the_file_holds_no_plain_text_and_nothing_of_what_was_erased() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut members = Members::open(directory.path(), &directory.path().join("key")).expect("members");
        let card = CardReference(9_000_000_000_000_006);
        members.keep(card, [0xA7; 32], &personal("Wang Xiaoming", "8613800138000"), 5).expect("kept");
        let holds = |needle: &[u8]| {
            let files = std::fs::read_dir(directory.path()).expect("a directory").flatten();
            let mut all = files.filter_map(|file| std::fs::read(file.path()).ok());
            all.any(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
        };
        assert!(!holds(b"Xiaoming") && !holds(b"8613800138000") && holds(&[0xA7; 32]));
        members.erase(card).expect("erased");
        assert!(!holds(&[0xA7; 32]), "an erased row is overwritten");
    }
}
