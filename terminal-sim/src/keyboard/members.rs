//! Members: joining, awards, redemption, entitlements, and what a member has and can get.

use protocol::field::{CardReference, Code, CustomerKind, Flags, UnixSeconds};
use protocol::request::{Body, PersonalFields, RequestSidecar, Reserved, SALT};
use ring::rand::SecureRandom as _;

use super::Keyboard;
use super::command::{CardName, Command};
use super::said::Said;
use crate::clock;
use crate::error::Error;
use crate::hash::hex;

/// How somebody became a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joining {
    /// The card of the member who brought this one.
    pub by: Option<CardName>,
    /// Where the member was won.
    pub channel: Option<Code<32>>,
    /// A company, not a person.
    pub company: bool,
}

/// What somebody says of themselves. It is in memory until the message that takes it along, and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Person(pub(super) PersonalFields);

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Person(..)")
    }
}

impl Keyboard {
    /// Takes somebody's data in, with a salt that is drawn for them.
    pub(super) fn take_holder(&mut self, person: Person) -> Result<Said, Error> {
        let mut salt = [0; 16];
        let drawn = clock::secure_random().fill(&mut salt);
        drawn.map_err(|_| Error::Usage("this machine has no random numbers".into()))?;
        let Person(mut fields) = person;
        fields.extend(hex(&salt).parse().ok().map(|salt| (SALT, salt)));
        self.proof.holder = Some(fields);
        Ok(Said::Note("The next activate, load or join registers the card's holder.".into()))
    }

    /// The cards of whoever has this phone.
    pub(super) async fn look_up(&mut self, personal: PersonalFields) -> Result<Said, Error> {
        let sidecar = RequestSidecar { personal, ..RequestSidecar::default() };
        let asked = self.ask(Body::CardLookup, sidecar).await?;
        Ok(asked.map_or_else(|said| said, |answer| Said::Asked(Box::new(answer))))
    }

    /// The commands about members that change something.
    pub(super) async fn member_command(&mut self, command: Command) -> Result<Said, Error> {
        match command {
            Command::Join(joining) => self.join(joining).await,
            Command::Award(activity, quantity) => {
                self.with_member(|card| Body::Award { card, activity, quantity }).await
            }
            Command::Redeem(item, quantity) => {
                self.with_member(|card| Body::Redeem { card, item, quantity }).await
            }
            Command::Use(entitlement, quantity) => {
                self.with_member(|card| Body::UseEntitlement { card, entitlement, quantity }).await
            }
            command => self.later(command).await,
        }
    }

    async fn with_member(&mut self, body: impl FnOnce(CardReference) -> Body) -> Result<Said, Error> {
        let body = body(self.reference()?);
        self.with_card(body, None).await
    }

    async fn join(&mut self, joining: Joining) -> Result<Said, Error> {
        let card = self.reference()?;
        let by = joining.by.map(|name| self.named(name)).transpose()?;
        let kind = if joining.company { CustomerKind::COMPANY } else { CustomerKind::PERSON };
        let before = self.details.reserved.replace(Box::new(Reserved {
            referral: by.and_then(|card| card.digits().to_string().parse().ok()),
            channel: joining.channel,
            customer_kind: Some(kind),
            ..Reserved::default()
        }));
        let said = self.with_card(Body::Join { card }, None).await;
        self.details.reserved = before;
        said
    }

    /// What the member has, and what comes after a time.
    pub(super) async fn member(&mut self, after: Option<UnixSeconds>) -> Result<Said, Error> {
        let (body, sidecar) =
            (Body::MemberInquiry { card: self.reference()?, after }, self.card()?.sidecar());
        Ok(self.ask(body, sidecar).await?.map_or_else(|said| said, |answer| Said::Asked(Box::new(answer))))
    }

    /// What points can be redeemed for, after an item.
    pub(super) async fn catalogue(&mut self, after: Option<Code<24>>) -> Result<Said, Error> {
        let asked = self.ask(Body::Catalogue { after }, RequestSidecar::default()).await?;
        Ok(asked.map_or_else(|said| said, |answer| Said::Asked(Box::new(answer))))
    }
}

/// Flag bit 4.
pub(super) fn price_flags(prices: bool) -> Option<Flags> {
    prices.then_some(Flags::PROGRAMME_PRICES)
}
