//! Names of the accounts: those of the chart, unless a file of finance's own says otherwise.
//!
//! That file is given to the export and not a part of the programme: what finance calls an account is no rule about
//! anybody's money, changes with the accounting year, and must not need a new programme version. The export has a copy of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use super::chart::{PURPOSES, Place, Row};
use crate::domain::ledger::Kind;

/// The copy in every export.
pub const ACCOUNTS_FILE: &str = "accounts.toml";
/// Longest account name.
const MAX_NAME: usize = 160;
/// Largest file.
const MAX_BYTES: usize = 64 * 1024;
/// Tender kinds (PROTOCOL.md section 5).
const TENDERS: [(u8, &str); 7] = [
    (1, "Cash"),
    (2, "BankCard"),
    (3, "Wallet"),
    (4, "BankTransfer"),
    (5, "Voucher"),
    (6, "StoredValue"),
    (7, "Other"),
];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    accounts: BTreeMap<String, String>,
    stores: BTreeMap<String, String>,
    tenders: BTreeMap<String, String>,
    points: BTreeMap<String, String>,
}

/// What accounts, stores, tenders and points are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Beside [`PURPOSES`].
    templates: Vec<String>,
    stores: BTreeMap<String, String>,
    tenders: BTreeMap<u8, String>,
    points: BTreeMap<u8, String>,
}

/// What a tender is called; `None` for one that the protocol does not name.
#[must_use]
pub fn tender(kind: u8) -> Option<&'static str> {
    TENDERS.iter().find(|(known, _)| *known == kind).map(|(_, name)| *name)
}

impl Default for Names {
    fn default() -> Self {
        Self {
            templates: PURPOSES.iter().map(|row| row.name.to_owned()).collect(),
            stores: BTreeMap::new(),
            tenders: TENDERS.iter().map(|(kind, name)| (*kind, (*name).to_owned())).collect(),
            points: BTreeMap::from([(Kind::POINTS.0, "Ordinary".to_owned())]),
        }
    }
}

impl Names {
    /// Reads a file: `[accounts]`, `[stores]`, `[tenders]` and `[points]`, each with what is to be called otherwise.
    ///
    /// # Errors
    /// Says which key or name cannot be, and what can.
    pub fn parse(document: &str) -> Result<Self> {
        ensure!(document.len() <= MAX_BYTES, "the accounts file has over {MAX_BYTES} bytes");
        let file: File = toml::from_str(document).context("the accounts file cannot be read")?;
        let mut names = Self::default();
        for (key, name) in file.accounts {
            let Some(at) = PURPOSES.iter().position(|row| row.key == key) else {
                let known: Vec<_> = PURPOSES.iter().map(|row| row.key).collect();
                bail!("[accounts] has no {key:?}; write one of {}", known.join(", "))
            };
            check_template(&PURPOSES[at], &name)?;
            names.templates[at] = name;
        }
        for (store, name) in file.stores {
            names.stores.insert(store, part("stores", name)?);
        }
        for (kind, name) in file.tenders {
            let kind = kind
                .parse()
                .with_context(|| format!("[tenders] {kind:?} is no tender kind; write 1 to 255"))?;
            names.tenders.insert(kind, part("tenders", name)?);
        }
        for (kind, name) in file.points {
            let number = kind.parse().ok().filter(|kind| (16..48).contains(kind));
            let number =
                number.with_context(|| format!("[points] {kind:?} is no kind of points; write 16 to 47"))?;
            names.points.insert(number, part("points", name)?);
        }
        Ok(names)
    }

    /// The account that a leg belongs to.
    #[must_use]
    pub fn account(&self, place: &Place<'_>) -> String {
        let at = PURPOSES.iter().position(|row| row.purpose == place.purpose).unwrap_or(0);
        let (mut name, mut rest) = (String::with_capacity(48), self.templates[at].as_str());
        while let Some(at) = rest.find('{') {
            let (before, from) = rest.split_at(at);
            let (placeholder, behind) =
                from.split_at(from.find('}').map_or(from.len(), |at| at.saturating_add(1)));
            name.push_str(before);
            name.push_str(&self.part(placeholder, place));
            rest = behind;
        }
        name.push_str(rest);
        name
    }

    /// What stands where a template has this placeholder.
    fn part<'a>(&'a self, placeholder: &'a str, place: &Place<'a>) -> Cow<'a, str> {
        match (placeholder, place) {
            ("{store}", Place { store: Some(store), .. }) | ("{other}", Place { other: Some(store), .. }) => {
                match self.stores.get(*store) {
                    Some(name) => name.as_str().into(),
                    None => component(store),
                }
            }
            ("{tender}", Place { tender: Some(tender), .. }) => match self.tenders.get(tender) {
                Some(name) => name.as_str().into(),
                None => format!("Tender{tender}").into(),
            },
            ("{points}", Place { points: Some(points), .. }) => match self.points.get(&points.0) {
                Some(name) => name.as_str().into(),
                None => format!("Kind{}", points.0).into(),
            },
            _ => placeholder.into(),
        }
    }

    /// As a file that [`Names::parse`] reads to the same names.
    #[must_use]
    pub fn document(&self) -> String {
        let mut text = String::from(
            "# Names of the accounts in this export. FINANCE.md says what each is for.\n\n[accounts]\n",
        );
        let line = |key: &str, name: &str| format!("{} = {}\n", toml_text(key), toml_text(name));
        for (row, template) in PURPOSES.iter().zip(&self.templates) {
            text.push_str(&format!("# {}\n{} = {}\n", row.what, row.key, toml_text(template)));
        }
        text.push_str("\n[stores]\n");
        text.extend(self.stores.iter().map(|(store, name)| line(store, name)));
        text.push_str("\n[tenders]\n");
        text.extend(self.tenders.iter().map(|(kind, name)| line(&kind.to_string(), name)));
        text.push_str("\n[points]\n");
        text.extend(self.points.iter().map(|(kind, name)| line(&kind.to_string(), name)));
        text
    }
}

/// Names are plain (see [`is_plain`]), and store codes have neither quotes nor backslashes.
fn toml_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn check_template(row: &Row, name: &str) -> Result<()> {
    let mut rest = name.to_owned();
    for placeholder in ["{store}", "{other}", "{tender}", "{points}"] {
        if row.name.contains(placeholder) {
            rest = rest.replace(placeholder, "X");
        }
    }
    ensure!(
        is_plain(&rest),
        "[accounts] {} = {name:?}: a name begins with a letter or digit, has letters, digits, single spaces and - _ . : / & only, \
         at most {MAX_NAME} bytes, and of placeholders only those of {:?}",
        row.key,
        row.name
    );
    Ok(())
}

fn part(table: &str, name: String) -> Result<String> {
    ensure!(
        is_plain(&name),
        "[{table}] {name:?}: a name begins with a letter or digit and has letters, digits, single spaces and - _ . : / & only"
    );
    Ok(name)
}

/// A name that no reader of a journal file takes for anything else.
fn is_plain(name: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || " -_.:/&".contains(c);
    name.len() <= MAX_NAME
        && name.starts_with(char::is_alphanumeric)
        && name.ends_with(char::is_alphanumeric)
        && name.chars().all(allowed)
        && !["  ", "::", ": ", " :"].iter().any(|odd| name.contains(odd))
}

/// A store's code as a part of an account's name that every accounting program takes; no two codes become the same. Upper-case
/// letters and digits, and after the first of them lower-case ones too, stand for themselves, and so does a `-` between two
/// of them; everything else is `--` and its hexadecimal code, after `X-` where it would come first.
fn component(store: &str) -> Cow<'_, str> {
    let bytes = store.as_bytes();
    if bytes.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
        return store.into();
    }
    let plain = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    let mut name = String::new();
    for (at, byte) in bytes.iter().enumerate() {
        let leads = at == 0;
        let itself = match byte {
            b'-' => plain(at.checked_sub(1)) && plain(at.checked_add(1)),
            byte => byte.is_ascii_alphanumeric() && !(leads && byte.is_ascii_lowercase()),
        };
        if itself {
            name.push(char::from(*byte));
        } else {
            name.push_str(&format!("{}--{byte:02X}", if leads { "X-" } else { "" }));
        }
    }
    name.into()
}

/// Whether beancount takes a name for an account: one of its five roots, then parts that begin with an upper-case letter or digit.
#[must_use]
pub(super) fn is_beancount(name: &str) -> bool {
    let mut parts = name.split(':');
    let root = parts
        .next()
        .is_some_and(|root| ["Assets", "Liabilities", "Equity", "Income", "Expenses"].contains(&root));
    let mut parts = parts.peekable();
    let begins = |c: char| c.is_uppercase() || c.is_ascii_digit();
    let goes_on = |c: char| c.is_alphabetic() || c.is_ascii_digit() || c == '-';
    root && parts.peek().is_some() && parts.all(|part| part.starts_with(begins) && part.chars().all(goes_on))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::finance::chart::Purpose;

    fn place(purpose: Purpose) -> Place<'static> {
        Place {
            purpose,
            store: Some("S001"),
            other: Some("S002"),
            tender: Some(1),
            points: Some(Kind::POINTS),
        }
    }

    #[test]
    fn the_names_of_the_chart_are_accounts_everywhere() {
        let names = Names::default();
        let all: BTreeSet<_> = PURPOSES.iter().map(|row| names.account(&place(row.purpose))).collect();
        assert_eq!(all.len(), PURPOSES.len());
        assert!(all.iter().all(|name| is_plain(name) && is_beancount(name)), "{all:?}");
        assert!(all.contains("Assets:Clearing:S001:Cash"));
    }

    #[test]
    fn a_file_renames_what_it_names_and_its_copy_says_the_same() {
        let document = "[accounts]\nprincipal = \"2203.01 预收账款\"\nclearing = \"1001:{store}:{tender}\"\n\
            [stores]\nS001 = \"Nanjing Road\"\n[tenders]\n9 = \"Coupon book\"\n[points]\n17 = \"Courtesy\"\n";
        let names = Names::parse(document).expect("names");
        assert_eq!(names.account(&place(Purpose::Principal)), "2203.01 预收账款");
        assert_eq!(names.account(&place(Purpose::Clearing)), "1001:Nanjing Road:Cash");
        let coupon = Place { tender: Some(9), ..place(Purpose::Clearing) };
        assert_eq!(names.account(&coupon), "1001:Nanjing Road:Coupon book");
        assert_eq!(
            names.account(&place(Purpose::Bonus)),
            "Liabilities:Cards:Bonus:Nanjing Road",
            "what it does not name stays"
        );
        assert_eq!(Names::parse(&names.document()).expect("the copy"), names);
        assert_eq!(Names::parse("").expect("nothing"), Names::default());
    }

    #[test]
    fn what_cannot_be_a_name_is_refused_with_what_can() {
        for (document, why) in [
            ("[accounts]\ncash = \"X\"\n", "write one of clearing, principal"),
            ("[accounts]\nbonus = \"(virtual)\"\n", "begins with a letter"),
            ("[accounts]\nbonus = \"a  b\"\n", "single spaces"),
            ("[accounts]\nbonus = \"a ; b\"\n", "letters, digits"),
            ("[accounts]\nbonus = \"Bonus:{tender}\"\n", "placeholders"),
            ("[accounts]\nbonus = \"\"\n", "begins with a letter"),
            ("[tenders]\ncash = \"X\"\n", "no tender kind"),
            ("[points]\n48 = \"X\"\n", "16 to 47"),
            ("[account]\nbonus = \"X\"\n", "cannot be read"),
        ] {
            let error = format!("{:#}", Names::parse(document).expect_err(document));
            assert!(error.contains(why), "{document}: {error}");
        }
    }

    #[test]
    fn a_part_of_an_account_begins_as_beancount_wants_it() {
        for (name, is) in [
            ("Liabilities:2203预收账款", true),
            ("Liabilities:Cards:预收账款", false),
            ("Liabilities:预收账款", false),
            ("Assets:École", true),
            ("Assets:école", false),
            ("Assets:A（1）", false),
            ("Assets", false),
            ("Cash:A", false),
        ] {
            assert_eq!(is_beancount(name), is, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_two_stores_become_one_account(one in "[A-Ca-c0-2_.:/-]{1,6}", other in "[A-Ca-c0-2_.:/X-]{1,6}") {
            let (a, b) = (component(&one), component(&other));
            prop_assert_eq!(a == b, one == other, "{} {}", a, b);
            let account = format!("Assets:{a}");
            prop_assert!(is_beancount(&account) && is_plain(&account), "{}", account);
        }
    }
}
