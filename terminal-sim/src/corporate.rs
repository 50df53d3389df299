//! Corporate accounts and the cards that are bound to them (section 11, Corporate cards).

use std::path::Path;

use protocol::field::CardReference;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::desk::unix_second;
use crate::error::Error;
use crate::oracle::OwnLimits;

/// A card that is an account, or bound to one, or of another product than the standard one. Nothing was loaded or bought with
/// it yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corporate {
    /// The card.
    pub card: CardReference,
    /// Its product's name.
    pub product: String,
    /// The account that it is bound to, and what it may spend of it.
    pub account: Option<(CardReference, OwnLimits)>,
    /// It is in use, or waits to take the place of another one.
    pub active: bool,
    /// The Unix second from which it is not accepted.
    pub expires: Option<i64>,
}

/// What the gateway shows of a card, as far as it matters here.
#[derive(Deserialize)]
struct Shown {
    reference: String,
    status: String,
    product: String,
    account: Option<String>,
    expires: Option<String>,
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
        let active = self.status == "active";
        if !active && self.status != "issued" || self.pin != "none" || !is_empty {
            return Err(format!("card {} is stopped, or was used already", self.reference));
        }
        let limits = OwnLimits { day: self.day_limit_minor, month: self.month_limit_minor };
        let account =
            self.account.map(|account| Ok::<_, String>((reference(&account)?, limits))).transpose()?;
        let end = |text: &String| unix_second(text).ok_or_else(|| format!("{text} is no time"));
        let expires = self.expires.as_ref().map(end).transpose()?;
        Ok(Corporate { card: reference(&self.reference)?, product: self.product, account, active, expires })
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
            r#"{{"reference":"{}","product":"standard","account":{account},"expires":null,"day_limit_minor":2000,
                 "month_limit_minor":null,"points_debt":0,"holds":[],{more}}}"#,
            digits(number)
        )
    }

    #[test]
    fn cards_are_read_as_the_gateway_shows_them_and_refused_when_they_were_used() {
        let new = r#""status":"active","pin":"none","lots":[]"#;
        let card = |number| CardReference::from_parts(number).unwrap();
        let limits = OwnLimits { day: Some(20_00), month: None };
        let entry = |number, account| {
            let (card, product) = (card(number), "standard".into());
            Corporate { card, product, account, active: true, expires: None }
        };
        let text = [shown(1, None, new), shown(2, Some(1), new)].join("\n");
        assert_eq!(read(&text), Ok(vec![entry(1, None), entry(2, Some((card(1), limits)))]));
        for used in [
            r#""status":"blocked","pin":"none","lots":[]"#,
            r#""status":"active","pin":"set","lots":[]"#,
            r#""status":"active","pin":"none","lots":[{"lot":1}]"#,
        ] {
            let why = read(&shown(1, None, used)).unwrap_err();
            assert!(why.contains("used already"), "{why}");
        }
        let until = shown(1, None, new).replace("\"expires\":null", "\"expires\":\"2026-12-22T20:00:00Z\"");
        let until = until.replace("active", "issued");
        let spare = Corporate { active: false, expires: Some(1_797_969_600), ..entry(1, None) };
        assert_eq!(read(&until), Ok(vec![spare]));
        assert!(read("{}").is_err());
    }
}
