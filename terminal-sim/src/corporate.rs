//! Corporate accounts and the cards that are bound to them (section 11, Corporate cards).

use std::path::Path;

use protocol::field::CardReference;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::error::Error;
use crate::oracle::OwnLimits;

/// A card that is an account, or bound to one, or of another product than the standard one. It is in use; nothing was loaded
/// or bought with it yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corporate {
    /// The card.
    pub card: CardReference,
    /// Its product's name.
    pub product: String,
    /// The account that it is bound to, and what it may spend of it.
    pub account: Option<(CardReference, OwnLimits)>,
}

/// What the gateway shows of a card, as far as it matters here.
#[derive(Deserialize)]
struct Shown {
    reference: String,
    status: String,
    product: String,
    account: Option<String>,
    day_limit_minor: Option<i64>,
    month_limit_minor: Option<i64>,
    pin: String,
    points_debt: i64,
    lots: Vec<IgnoredAny>,
    holds: Vec<IgnoredAny>,
}

impl Shown {
    fn corporate(self) -> Result<Corporate, String> {
        let reference = |text: &str| text.parse().map_err(|_| format!("{text} is no card's number"));
        let is_empty = self.lots.is_empty() && self.holds.is_empty() && self.points_debt == 0;
        if self.status != "active" || self.pin != "none" || !is_empty {
            return Err(format!("card {} is not in use, or was used already", self.reference));
        }
        let limits = OwnLimits { day: self.day_limit_minor, month: self.month_limit_minor };
        let account =
            self.account.map(|account| Ok::<_, String>((reference(&account)?, limits))).transpose()?;
        Ok(Corporate { card: reference(&self.reference)?, product: self.product, account })
    }
}

/// Reads what `gateway card show --json` printed, once for each card.
pub fn read(text: &str) -> Result<Vec<Corporate>, String> {
    let shown = serde_json::Deserializer::from_str(text).into_iter::<Shown>();
    shown.map(|shown| shown.map_err(|error| error.to_string())?.corporate()).collect()
}

/// [`read`] of a file.
pub fn read_file(path: &Path) -> Result<Vec<Corporate>, Error> {
    let text = std::fs::read_to_string(path).map_err(Error::file(path))?;
    read(&text).map_err(|why| Error::Usage(format!("{}: {why}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(number: u64, account: Option<u64>, more: &str) -> String {
        let digits = |number| CardReference::from_parts(number).unwrap().digits().to_string();
        let account = account.map_or("null".to_owned(), |number| format!("{:?}", digits(number)));
        format!(
            r#"{{"reference":"{}","product":"standard","account":{account},"day_limit_minor":2000,
                 "month_limit_minor":null,"points_debt":0,"holds":[],{more}}}"#,
            digits(number)
        )
    }

    #[test]
    fn cards_are_read_as_the_gateway_shows_them_and_refused_when_they_were_used() {
        let new = r#""status":"active","pin":"none","lots":[]"#;
        let card = |number| CardReference::from_parts(number).unwrap();
        let limits = OwnLimits { day: Some(20_00), month: None };
        let entry = |number, account| Corporate { card: card(number), product: "standard".into(), account };
        let text = [shown(1, None, new), shown(2, Some(1), new)].join("\n");
        assert_eq!(read(&text), Ok(vec![entry(1, None), entry(2, Some((card(1), limits)))]));
        for used in [
            r#""status":"issued","pin":"none","lots":[]"#,
            r#""status":"active","pin":"set","lots":[]"#,
            r#""status":"active","pin":"none","lots":[{"lot":1}]"#,
        ] {
            let why = read(&shown(1, None, used)).unwrap_err();
            assert!(why.contains("used already"), "{why}");
        }
        assert!(read("{}").is_err());
    }
}
