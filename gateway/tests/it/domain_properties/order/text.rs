//! The order of checks, as PROTOCOL.md section 7 has it.

const PROTOCOL: &str = include_str!("../../../../../protocol/PROTOCOL.md");

/// A check as the text names it, and the codes that it gives, in the text's order.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) codes: Vec<u8>,
}

/// Reads `name (code, code), name (code)`.
fn checks(list: &str) -> Vec<Check> {
    let parts = list.split_terminator(')').map(|part| part.split_once(" (").expect("codes in brackets"));
    let check = |(name, codes): (&str, &str)| Check {
        name: name.trim_start_matches(", ").to_owned(),
        codes: codes.split(|c: char| !c.is_ascii_digit()).filter_map(|code| code.parse().ok()).collect(),
    };
    parts.map(check).collect()
}

/// What is looked at before the rules are asked, in the order of the text: of each of a check's clauses the code that it begins
/// or ends with.
pub(crate) fn before_the_rules() -> Vec<Check> {
    let list = paragraph();
    let list = list.split_once("The first that fails gives the code: ").expect("the first half").1;
    let list = list.split_once("; then, all final: ").expect("its end").0;
    let parts = list.split_terminator(')').map(|part| part.split_once(" (").expect("codes in brackets"));
    let code = |word: &str| (word.len() == 2).then(|| word.parse().ok()).flatten();
    let check = |(name, clauses): (&str, &str)| {
        let clauses = clauses.split([',', ';']).map(|clause| clause.split_whitespace());
        let codes =
            clauses.filter_map(|mut words| words.next().and_then(code).or(words.last().and_then(code)));
        Check { name: name.trim_start_matches(", ").to_owned(), codes: codes.collect() }
    };
    parts.map(check).collect()
}

/// The paragraph, in one line.
fn paragraph() -> String {
    let paragraph = PROTOCOL.split_once("**Order of checks.** ").expect("the paragraph").1;
    paragraph.split_once("\n\n").expect("its end").0.replace('\n', " ")
}

/// What the rules look at, in the order of the text: the card that is given to after the one that gives, and an original
/// behind the cards.
pub(super) fn order() -> Vec<Check> {
    let paragraph = paragraph();
    let split = |text: &'_ str, at: &str| -> (String, String) {
        let (before, after) = text.split_once(at).unwrap_or_else(|| panic!("{at:?} in {text:?}"));
        (before.to_owned(), after.to_owned())
    };
    let (_, rest) = split(&paragraph, "then, all final: ");
    let (list, rest) = split(&rest, ". A Transfer looks at ");
    let (receiver, rest) = split(&rest, " right after the one that gives. ");
    let (_, rest) = split(&rest, "it is looked at after the card: ");
    let (original, _) = split(&rest, ".");
    let mut all = checks(&list);
    let cards = all.iter().position(|check| check.name == "corporate account");
    let cards = cards.expect("the last check of a card") + 1;
    all.splice(cards..cards, checks(&receiver).into_iter().chain(checks(&original)));
    let named = PROTOCOL.split_once("; then at what it names: ").expect("what a member's message names").1;
    let named = named.split_once('.').expect("its end").0;
    let quote = all.iter().position(|check| check.name == "quote").expect("the last check before") + 1;
    all.splice(quote..quote, checks(&format!("what it names ({named})")));
    let last = "must not exceed its product's largest balance (61, looked at last), nor that of a card without a \
                registered holder (57, after that)";
    assert!(PROTOCOL.contains(last));
    all.push(Check { name: "balance of the card that it gives to".into(), codes: vec![61, 57] });
    all
}
