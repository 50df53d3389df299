//! People who may be registered as a card's holder (section 5.4): made up from a shop's own seed and their number, so that no
//! diary has a name or a phone in it, and no two shops of one gateway have a phone in common.

use protocol::field::{Hash, Text};
use protocol::request::{PHONE, PersonalFields, RequestSidecar, SALT};

use crate::card::Card;
use crate::hash::{hex, sha256};
use crate::oracle::phone_of;

/// The number of the name among the personal fields.
pub(crate) const NAME: u8 = 2;

/// The people of one shop.
#[derive(Clone, Debug, Default)]
pub struct Holders {
    seed: [u8; 32],
}

impl Holders {
    /// Those of a shop whose first card this is, whichever other ones it gets later.
    #[must_use]
    pub fn of(cards: &[Card]) -> Holders {
        let secret = cards.first().map_or("", |card| card.secret.expose());
        Holders { seed: sha256(&[b"holders", secret.as_bytes()]) }
    }

    /// A phone, which two of them have in common, as the field of a sidecar.
    #[must_use]
    pub fn phone(&self, phone: u32) -> PersonalFields {
        let drawn = self.drawn(b"phone", phone);
        let number =
            drawn.iter().take(8).fold(0_u64, |number, byte| number.wrapping_mul(251) ^ u64::from(*byte));
        let digits = format!("86{:011}", number.checked_rem(100_000_000_000).unwrap_or(0));
        digits.parse::<Text<64>>().ok().map(|digits| (PHONE, digits)).into_iter().collect()
    }

    /// All that a till asks somebody.
    #[must_use]
    pub fn fields(&self, person: u32) -> PersonalFields {
        let salt = self.drawn(b"salt", person).get(..16).map(hex).and_then(|salt| salt.parse().ok());
        let name = format!("Holder {person}").parse().ok();
        let mut fields = self.phone(phone_of(person));
        fields.extend(salt.map(|salt| (SALT, salt)));
        fields.extend(name.map(|name| (NAME, name)));
        fields
    }

    /// The commitment to what stands in a sidecar.
    #[must_use]
    pub fn commitment(sidecar: &RequestSidecar) -> Option<Hash> {
        sidecar.personal_commitment(sha256)
    }

    fn drawn(&self, what: &[u8], number: u32) -> [u8; 32] {
        sha256(&[&self.seed, what, &number.to_be_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_people_have_one_phone_and_each_a_commitment_of_their_own() {
        let card = Card::new("9766338083284777", "27175142096771094217").unwrap();
        let (here, there) = (Holders::of(&[card]), Holders::default());
        let commitment = |of: &Holders, person| {
            let sidecar = RequestSidecar { personal: of.fields(person), ..RequestSidecar::default() };
            RequestSidecar::decode(protocol::frame::MessageType::LOAD, &sidecar.encode()).unwrap();
            Holders::commitment(&sidecar).unwrap()
        };
        assert_eq!([0, 1].map(|one| here.fields(one)[&PHONE]), [0, 0].map(|one| here.phone(one)[&PHONE]));
        assert_ne!(here.phone(0), here.phone(1));
        assert_ne!(here.phone(0), there.phone(0));
        let all: Vec<_> = (0..9).map(|person| commitment(&here, person)).collect();
        assert!((1..9).all(|at| !all[..at].contains(&all[at])));
        assert_eq!(commitment(&here, 3), all[3]);
    }
}
