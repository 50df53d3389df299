//! Which keys a request must and may have: the tables of sections 5 and 5.1, declared once.

use crate::error::{FormatError, Part, Problem};
use crate::frame::MessageType;

/// The name of a request key in section 5's table.
pub fn key_name(key: u64) -> Option<&'static str> {
    KEYS.iter().find(|(number, _)| u64::from(*number) == key).map(|(_, name)| *name)
}

/// Every key of section 5 and its name.
const KEYS: &[(u8, &str)] = &[
    (0, "schema version"),
    (1, "message kind"),
    (2, "terminal (TID)"),
    (3, "enrolment generation"),
    (4, "STAN"),
    (5, "key id"),
    (6, "currency"),
    (7, "terminal time"),
    (8, "cashier"),
    (9, "shift"),
    (10, "order reference"),
    (11, "entry mode"),
    (12, "card reference"),
    (13, "flags"),
    (14, "programme digest shown"),
    (15, "quote id"),
    (16, "session nonce"),
    (20, "amount"),
    (21, "tender lines"),
    (22, "purchase lines"),
    (23, "original"),
    (24, "totals"),
    (25, "reason"),
    (26, "software"),
    (27, "last STAN"),
    (28, "last receipt"),
    (29, "enrolment code"),
    (30, "public key"),
    (31, "gateway fingerprint"),
    (32, "protocol version"),
    (33, "to card"),
    (34, "after STAN"),
    (35, "points to use"),
    (36, "offline grant"),
    (37, "supervisor"),
    (40, "referral code"),
    (41, "channel code"),
    (42, "customer kind"),
    (43, "receipt date"),
    (44, "survey answers"),
    (45, "activity answers"),
    (46, "case reference"),
    (47, "personal data commitment"),
    (48, "activity"),
    (49, "quantity"),
    (50, "catalogue item"),
    (51, "entitlement"),
    (52, "after"),
];

/// A row of section 5.1's table, without the keys that all messages of its class have alike.
struct Row {
    kind: MessageType,
    required: &'static [u8],
    optional: &'static [u8],
    /// The keys that may be in the sidecar.
    sidecar: KeySet,
}

const ROWS: &[Row] = &[
    row(MessageType::ENROLL, &[26, 29, 30, 31, 32], &[], &[]),
    row(MessageType::SIGN_ON, &[26, 27, 32], &[28], &[]),
    row(MessageType::SIGN_OFF, &[], &[], &[]),
    row(MessageType::ECHO, &[], &[], &[]),
    row(MessageType::ACTIVATE, &[6, 12], &[8, 9, 11], &[SECRET]),
    row(MessageType::LOAD_QUOTE, &[6, 12, 20], &[11], &[SECRET]),
    row(MessageType::LOAD, &[6, 12, 20, 21], &[8, 9, 11], &[SECRET]),
    row(MessageType::PURCHASE, &[6, 12, 20], &[8, 9, 11, 21, 22, 35], &[SECRET, PIN]),
    row(MessageType::BALANCE_INQUIRY, &[6, 12], &[11], &[SECRET]),
    row(MessageType::REVERSAL, &[6, 23, 25], &[8, 9, 11], &[]),
    row(MessageType::TRANSACTION_STATUS, &[23], &[], &[]),
    row(MessageType::RECONCILIATION, &[6, 9, 24], &[8, 11], &[]),
    row(MessageType::REFUND, &[6, 20, 23], &[8, 9, 11, 22, 25, 37], &[SUPERVISOR]),
    row(MessageType::VOID, &[6, 23], &[8, 9, 11, 25, 37], &[SUPERVISOR]),
    row(MessageType::AUTHORIZE, &[6, 12, 20], &[8, 9, 11, 23], &[SECRET, PIN]),
    row(MessageType::CAPTURE, &[6, 20, 23], &[8, 9, 11, 21, 22], &[]),
    row(MessageType::PURCHASE_QUOTE, &[6, 12, 20], &[11, 13, 22, 35], &[SECRET]),
    row(MessageType::TRANSFER, &[6, 12, 20, 33], &[8, 9, 11], &[SECRET, PIN]),
    row(MessageType::SHIFT_REPORT, &[9, 34], &[], &[]),
    row(MessageType::UNLOAD, &[6, 12, 20], &[8, 9, 11, 25, 37], &[SECRET, PIN, SUPERVISOR]),
    row(MessageType::CHANGE_PIN, &[6, 12], &[8, 9, 11], &[SECRET, PIN, NEW_PIN]),
    row(MessageType::CASH_TAKEN, &[6, 20, 21, 25], &[8, 9, 11, 12, 23], &[]),
    row(MessageType::ADVICE, &[6, 12, 20, 36], &[8, 9, 11, 21, 22], &[]),
    row(MessageType::CASHIER_SIGN_ON, &[8], &[], &[CASHIER_PIN]),
    row(MessageType::CARD_LOOKUP, &[], &[], &[PERSONAL]),
    row(MessageType::JOIN, &[6, 12], &[8, 9, 11], &[SECRET]),
    row(MessageType::AWARD, &[6, 12, 48], &[8, 9, 11, 49], &[SECRET]),
    row(MessageType::REDEEM, &[6, 12, 50], &[8, 9, 11, 49], &[SECRET, PIN]),
    row(MessageType::USE_ENTITLEMENT, &[6, 12, 51], &[8, 9, 11, 49], &[SECRET]),
    row(MessageType::MEMBER_INQUIRY, &[6, 12], &[11, 52], &[SECRET]),
    row(MessageType::CATALOGUE, &[6], &[50], &[]),
];

const fn row(
    kind: MessageType,
    required: &'static [u8],
    optional: &'static [u8],
    sidecar: &[&'static [u8]],
) -> Row {
    Row { kind, required, optional, sidecar: KeySet::of_all(sidecar) }
}

/// What the words in the last column of section 5.1's table stand for (section 5.3).
const SECRET: &[u8] = &[1, 3, 10];
const PIN: &[u8] = &[2];
const NEW_PIN: &[u8] = &[4];
const CASHIER_PIN: &[u8] = &[5];
const PERSONAL: &[u8] = &[10];
const SUPERVISOR: &[u8] = &[6];

/// In every request.
const ALWAYS: KeySet = KeySet::of(&[0, 1, 2, 5, 7]);
const VALUE_REQUIRED: KeySet = KeySet::of(&[3, 4]);
const VALUE_OPTIONAL: KeySet = KeySet::of(&[10, 13, 14, 15, 40, 41, 42, 43, 44, 45, 46, 47]);
const SESSION_REQUIRED: KeySet = KeySet::of(&[3, 16]);
const ENROLL_REQUIRED: KeySet = KeySet::of(&[16]);

/// Checks that a request of this kind has all keys that it must have and no key that it may not have.
pub(super) fn check_keys(kind: MessageType, present: KeySet) -> Result<(), FormatError> {
    let (required, optional) = sets(kind).ok_or(FormatError::whole(Part::Request, Problem::NoRequest))?;
    let allowed = required.union(optional);
    if let Some(key) = present.first_outside(allowed) {
        return Err(FormatError::at(Part::Request, key, Problem::Forbidden));
    }
    if let Some(key) = required.first_outside(present) {
        return Err(FormatError::at(Part::Request, key, Problem::Missing));
    }
    Ok(())
}

/// Whether this message may or must have the key.
pub(crate) fn may_have_key(kind: MessageType, key: u64) -> bool {
    sets(kind).is_some_and(|(required, optional)| required.union(optional).contains(key))
}

/// The keys that the sidecar of this message may have; without any, there is no sidecar.
pub(super) fn sidecar_keys(kind: MessageType) -> KeySet {
    ROWS.iter().find(|row| row.kind == kind).map_or(KeySet::EMPTY, |row| row.sidecar)
}

/// The keys that a message must have, and those that it may have besides.
fn sets(kind: MessageType) -> Option<(KeySet, KeySet)> {
    let row = ROWS.iter().find(|row| row.kind == kind)?;
    let (required, optional) = match kind {
        MessageType::ENROLL => (ENROLL_REQUIRED, KeySet::EMPTY),
        _ if kind.is_value() => (VALUE_REQUIRED, VALUE_OPTIONAL),
        _ => (SESSION_REQUIRED, KeySet::EMPTY),
    };
    Some((ALWAYS.union(required).union(KeySet::of(row.required)), optional.union(KeySet::of(row.optional))))
}

/// A set of keys from 0 to 63.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct KeySet(u64);

impl KeySet {
    pub(super) const EMPTY: KeySet = KeySet(0);

    const fn of_all(parts: &[&[u8]]) -> Self {
        let mut set = KeySet::EMPTY;
        let mut rest = parts;
        while let [part, tail @ ..] = rest {
            set = set.union(KeySet::of(part));
            rest = tail;
        }
        set
    }

    const fn of(keys: &[u8]) -> Self {
        let mut set = 0;
        let mut rest = keys;
        while let [key, tail @ ..] = rest {
            set |= 1 << *key;
            rest = tail;
        }
        KeySet(set)
    }

    /// The set with one key more; keys above 63 are in no table and are left out.
    pub(super) fn with(self, key: u64) -> Self {
        let bit = u32::try_from(key).ok().and_then(|key| 1_u64.checked_shl(key)).unwrap_or(0);
        KeySet(self.0 | bit)
    }

    pub(super) fn contains(self, key: u64) -> bool {
        KeySet::EMPTY.with(key).first_outside(self).is_none()
    }

    const fn union(self, other: Self) -> Self {
        KeySet(self.0 | other.0)
    }

    /// The smallest key of this set that `other` lacks.
    fn first_outside(self, other: Self) -> Option<u64> {
        let rest = self.0 & !other.0;
        (rest != 0).then(|| u64::from(rest.trailing_zeros()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn section(from: &str, to: &str) -> &'static str {
        let text = include_str!("../../PROTOCOL.md");
        text.split(from).nth(1).unwrap().split(to).next().unwrap()
    }

    fn cells(line: &str) -> Vec<&str> {
        line.trim().trim_start_matches('|').trim_end_matches('|').split('|').map(str::trim).collect()
    }

    #[test]
    fn the_keys_are_those_of_section_5() {
        let rows: Vec<(u8, &str)> = section("\n## 5. Requests", "### 5.1")
            .lines()
            .filter_map(|line| line.strip_prefix("| ").map(cells))
            .filter_map(|cells| cells[0].parse().ok().map(|key| (key, cells[1])))
            .collect();
        assert_eq!(rows, KEYS);
    }

    /// The keys of a column's head: `11`, or `10, 13 to 15`.
    fn column(head: &str) -> Vec<u8> {
        let number = |text: &str| text.parse::<u8>().ok();
        head.split(", ")
            .filter_map(|part| match part.split_once(" to ") {
                Some((first, last)) => Some(number(first)?..=number(last)?),
                None => number(part).map(|key| key..=key),
            })
            .flatten()
            .collect()
    }

    fn sidecar_word(word: &str) -> &'static [u8] {
        match word {
            "secret" => SECRET,
            "PIN" => PIN,
            "new PIN" => NEW_PIN,
            "cashier PIN" => CASHIER_PIN,
            "personal" => PERSONAL,
            "supervisor" => SUPERVISOR,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn the_sidecar_s_words_are_those_of_section_5_3() {
        let text = section("### 5.3 ", "\n## 6. ");
        for words in [
            "\"secret\" in 5.1 stands for keys 1, 3 and 10, \"PIN\" for 2, \"new PIN\" for 4,",
            "\"cashier PIN\" for 5, \"personal\" for 10, \"supervisor\" for 6;",
        ] {
            assert!(text.contains(words), "{words}");
        }
    }

    #[test]
    fn the_keys_of_every_message_are_those_of_section_5_1() {
        let lines: Vec<Vec<&str>> = section("### 5.1 ", "### 5.2 ")
            .lines()
            .filter(|line| line.starts_with("| "))
            .map(cells)
            .collect();
        let columns: Vec<Vec<u8>> = lines[0].iter().map(|head| column(head)).collect();
        let mut all = columns.concat();
        all.sort_unstable();
        assert!(
            all.iter().eq(KEYS.iter().map(|(key, _)| key)),
            "a column for every key of section 5, none twice"
        );

        let mut seen = Vec::new();
        for line in &lines[1..] {
            assert_eq!(line.len(), columns.len());
            let with = |mark: &str| -> Vec<u8> {
                let mut keys = Vec::new();
                for (column, cell) in columns.iter().zip(line) {
                    assert!(column.is_empty() || matches!(*cell, "R" | "o" | ""), "{cell}");
                    keys.extend(column.iter().filter(|_| *cell == mark));
                }
                keys
            };
            for name in line[0].split(", ") {
                let kind = MessageType::requests().find(|kind| kind.name() == name).unwrap();
                let (required, optional) = sets(kind).unwrap();
                assert!(required == KeySet::of(&with("R")), "{name} required");
                assert!(optional == KeySet::of(&with("o")), "{name} optional");
                let words = line.last().unwrap().split(", ").filter(|word| !word.is_empty());
                let parts: Vec<&[u8]> = words.map(sidecar_word).collect();
                assert!(sidecar_keys(kind) == KeySet::of_all(&parts), "{name} sidecar");
                seen.push(kind);
            }
        }
        assert!(MessageType::requests().eq(seen), "a line for every request, in the order of section 2");
    }
}
