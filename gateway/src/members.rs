//! Card holders' personal data: encrypted, apart from the journal, found by phone, erased on request (LOYALTY E1, E6;
//! PROTOCOL.md section 5.4).

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
        Ok(Self { file, keys })
    }

    /// Keeps what came with a registration.
    ///
    /// # Errors
    /// When it was not written.
    pub fn keep(
        &self,
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
        self.file.keep(&MemberRow { card: card.0, commitment, phone_tag, sealed, kept_at: now_ms })
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
        let Some(row) = row else { return Ok(None) };
        let Some((nonce, sealed)) = row.sealed.split_first_chunk::<NONCE>() else { return Ok(None) };
        let mut plain = Zeroizing::new(sealed.to_vec());
        let aad = Aad::from(about(card, &row.commitment));
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.keys.seal.open_in_place(nonce, aad, &mut plain);
        let Ok(length) = opened.map(|plain| plain.len()) else { return Ok(None) };
        plain.truncate(length);
        Ok(Some(plain))
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
    pub fn erase(&self, card: CardReference) -> Result<bool, StorageError> {
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
        let (members, card) = (open(), CardReference(9_000_000_000_000_006));
        members.keep(card, [1; 32], &personal("Wang Xiaoming, Suzhou", "8613800138000"), 5).expect("kept");
        members.keep(CardReference(9), [2; 32], &personal("another", "8613800138000"), 6).expect("kept");
        drop(members);
        let members = open();
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
        let members = Members::open(directory.path(), &directory.path().join("key")).expect("members");
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
