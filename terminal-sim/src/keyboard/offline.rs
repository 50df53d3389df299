//! What goes on while the gateway cannot be reached: sales within the grant, and claims for money that was taken. Both
//! wait on the terminal's disk, and are the first that it sends when the gateway is back.

use std::path::Path;
use std::time::Duration;

use protocol::field::{AmountMinor, PurchaseLine, Reason, Role, TenderKind, UnixSeconds};
use protocol::frame::MessageType;
use protocol::request::{Body, RequestSidecar};
use protocol::terminal::OfflineSale;
use serde::{Deserialize, Serialize};

use super::Keyboard;
use super::command::Command;
use super::counter::{amount, no_answer, purchase_lines};
use super::money::Unit;
use super::said::{Claim, Said};
use super::slip::{Shop, Slip};
use crate::clock;
use crate::error::Error;
use crate::hash::hex;
use crate::store::Store;
use crate::terminal::{Terminal, tender};

/// What is said at a start without the gateway.
pub(super) const ALONE: &str =
    "The gateway cannot be reached. Until it is back this terminal does what it may do alone.";
/// How long to look for a gateway that was away the last time.
const GLANCE: Duration = Duration::from_secs(2);
/// The head of the receipts, as the last sign-on named it.
const SHOP_FILE: &str = "shop.json";

#[derive(Serialize, Deserialize)]
struct SavedShop {
    merchant: String,
    store: String,
    role: u8,
    exponent: u8,
}

/// Whether it may wait for the gateway while other things are done.
pub(super) fn waits(kind: MessageType) -> bool {
    kind.is_report()
}

/// Signs on, and takes the head of the receipts from the answer. Without the gateway, what the last sign-on named is
/// enough for a terminal that may do something alone; the second of the two says that it is.
pub(super) async fn shop(
    terminal: &mut Terminal,
    state: &Path,
    training: bool,
) -> Result<(Shop, bool), Error> {
    let store = Store::existing(state);
    let answer = match terminal.sign_on().await {
        Ok(answer) => answer,
        Err(error @ (Error::Lost(_) | Error::Timeout)) => {
            let saved = saved_shop(&store, terminal)?;
            let alone = saved.filter(|shop| shop.role == Role::KIOSK || terminal.allowance().is_some());
            return alone.filter(|_| !training).map(|shop| (shop, true)).ok_or(error);
        }
        Err(error) => return Err(error),
    };
    let unknown = || Error::Usage("the sign-on names no role or no currency".into());
    let shop = Shop {
        merchant: answer.merchant.map(|name| name.to_string()).unwrap_or_default(),
        store: answer.store.map(|name| name.to_string()).unwrap_or_default(),
        terminal: terminal.id().to_string(),
        role: answer.role.filter(|role| [Role::REGISTER, Role::KIOSK].contains(role)).ok_or_else(unknown)?,
        unit: Unit { exponent: answer.currency.ok_or_else(unknown)?.exponent },
    };
    let (merchant, branch) = (shop.merchant.clone(), shop.store.clone());
    let saved = SavedShop { merchant, store: branch, role: shop.role.0, exponent: shop.unit.exponent };
    let bytes = serde_json::to_vec(&saved).map_err(|error| Error::Usage(error.to_string()))?;
    store.write(SHOP_FILE, &bytes)?;
    Ok((shop, false))
}

fn saved_shop(store: &Store, terminal: &Terminal) -> Result<Option<Shop>, Error> {
    let saved = store.read(SHOP_FILE)?.and_then(|bytes| serde_json::from_slice::<SavedShop>(&bytes).ok());
    Ok(saved.map(|saved| Shop {
        merchant: saved.merchant,
        store: saved.store,
        terminal: terminal.id().to_string(),
        role: Role(saved.role),
        unit: Unit { exponent: saved.exponent },
    }))
}

impl Keyboard {
    /// What is said to a command while the gateway is away; `None` when it takes its ordinary way.
    pub(super) async fn alone(&mut self, command: &Command) -> Result<Option<Said>, Error> {
        if self.training || !self.is_away().await? {
            return Ok(None);
        }
        let open = self.terminal.unfinished();
        if open.iter().any(|open| !waits(open.kind) && !open.given_up) {
            return Ok(None);
        }
        match command {
            Command::Sale { amount, prices, points, lines, .. } if self.terminal.allowance().is_some() => {
                let said = match points {
                    None if *prices => {
                        Err(Error::Usage("prices need the gateway, which cannot be reached".into()))
                    }
                    None => self.sell_offline(*amount, lines.clone()).await,
                    Some(_) => Err(Error::Usage("points need the gateway, which cannot be reached".into())),
                };
                Ok(Some(match said {
                    Err(Error::Usage(why)) => Said::Refused(why),
                    said => said?,
                }))
            }
            _ if open.is_empty() => Ok(None),
            _ => {
                let why = "the gateway cannot be reached".into();
                Ok(Some(Said::Unanswered { stan: None, code: None, why }))
            }
        }
    }

    /// Looks for the gateway, where it matters whether it is there.
    async fn is_away(&mut self) -> Result<bool, Error> {
        if self.terminal.allowance().is_none() && self.terminal.unfinished().is_empty() && !self.away {
            return Ok(false);
        }
        let patience = self.terminal.patience;
        if self.away {
            self.terminal.patience = patience.min(GLANCE);
        }
        let reached = self.terminal.echo().await;
        self.terminal.patience = patience;
        self.away = match reached {
            Ok(_) => false,
            Err(error) => no_answer(error)?.0.is_none(),
        };
        Ok(self.away)
    }

    async fn sell_offline(&mut self, minor: i64, lines: Vec<PurchaseLine>) -> Result<Said, Error> {
        let (card, amount) = (self.reference()?, amount(minor)?);
        let details = self.details()?;
        let sale = OfflineSale { card, amount, tenders: None, lines: purchase_lines(lines)? };
        let id = self.terminal.approve_offline(sale, details.clone()).await?;
        self.details.order_reference = None;
        self.forget_pin();
        // What was approved before is not the newest any more, and this one stands.
        if let Some(before) = self.newest.take() {
            self.terminal.acknowledge(before);
        }
        Ok(Said::Slip(Box::new(Slip::offline(id.stan, (card, amount), &details, now()?))))
    }

    /// What is left of the grant, and what waits.
    pub(super) fn offline_standing(&self) -> Said {
        let show = |minor: i64| self.shop.unit.show(minor);
        let mut text = match self.terminal.allowance() {
            None => "No offline grant: without the gateway nothing can be sold.".to_owned(),
            Some(allowance) => {
                let (grant, limits) = (allowance.grant(), &allowance.grant().limits);
                let seconds = grant.expires.get().saturating_sub(now().map_or(0, UnixSeconds::get));
                format!(
                    "Offline grant: {} of {} sales made, {} of {}; up to {} each and {} a card; {}.",
                    allowance.count(),
                    limits.count,
                    show(allowance.sum()),
                    show(limits.sum.get()),
                    show(limits.transaction.get()),
                    show(limits.card.get()),
                    match seconds.checked_div(60).unwrap_or(0) {
                        ..=0 => "its time is over".to_owned(),
                        minutes => format!("{minutes} minutes left"),
                    }
                )
            }
        };
        let waiting: Vec<String> = self
            .terminal
            .unfinished()
            .iter()
            .filter(|open| waits(open.kind))
            .map(|open| open.id.stan.to_string())
            .collect();
        text.push_str(&match waiting.len() {
            0 => "\nNothing waits for the gateway.".to_owned(),
            count => format!("\n{count} wait for the gateway: STAN {}.", waiting.join(", ")),
        });
        Said::Note(text)
    }

    /// Writes the advices without an answer, each a line of hex as it was signed.
    pub(super) fn export_queue(&self, path: &Path) -> Result<Said, Error> {
        let advices: Vec<_> = self.terminal.state().advices().collect();
        let lines: String = advices.iter().map(|(_, bytes)| format!("{}\n", hex(bytes))).collect();
        if advices.is_empty() {
            return Ok(Said::Refused("no offline sale waits for the gateway".into()));
        }
        if let Err(error) = std::fs::write(path, lines) {
            return Ok(Said::Refused(format!("{}: {error}", path.display())));
        }
        Ok(Said::Note(format!("{} offline sales are in {}.", advices.len(), path.display())))
    }

    /// Money is in, and no load of it was answered: the claim is on disk before its slip is printed.
    pub(super) async fn cash_taken(&mut self, minor: i64) -> Result<Vec<Said>, Error> {
        let away = self.is_away().await?;
        let mut said = if away { self.ready()? } else { self.settle().await? };
        let is_load = |said: &Said| matches!(said, Said::Slip(slip) if slip.kind == MessageType::LOAD);
        if said.iter().any(is_load) {
            said.push(Said::Refused(
                "a load has been answered just now. Type cash-taken again if money is in all the same".into(),
            ));
            return Ok(said);
        }
        match self.claim(minor, away).await {
            Ok(claimed) => said.extend(claimed),
            Err(Error::Usage(why)) => said.push(Said::Refused(why)),
            Err(error) => return Err(error),
        }
        Ok(said)
    }

    async fn claim(&mut self, minor: i64, away: bool) -> Result<Vec<Said>, Error> {
        let (amount, details) = (amount(minor)?, self.details()?);
        let load = self.terminal.unfinished().into_iter().rfind(|open| open.kind == MessageType::LOAD);
        if let Some(load) = load.filter(|load| !load.given_up) {
            // Or the money would be credited and claimed.
            self.terminal.give_up(load.id, Reason::NO_ANSWER).await?;
        }
        let card = self.reference().ok();
        let body = Body::CashTaken {
            card,
            amount,
            tenders: tender(&[(TenderKind::CASH, amount)])?,
            original: load.and_then(|load| self.terminal.original(load.id)),
            reason: Reason::NO_ANSWER,
        };
        let id = self.terminal.submit_with(body, details, RequestSidecar::default()).await?;
        self.details.order_reference = None;
        let number = format!("{}-{}-{}", self.shop.terminal, id.generation, id.stan);
        let load = load.map(|load| load.id.stan.get());
        let mut said =
            vec![Said::Claim(Box::new(Claim { number, amount: AmountMinor::get(amount), card, load, away }))];
        if !away {
            said.push(self.finish(id, None).await?);
        }
        Ok(said)
    }
}

fn now() -> Result<UnixSeconds, Error> {
    let seconds = i64::try_from(clock::terminal_time()?.seconds()).ok().and_then(UnixSeconds::new);
    seconds.ok_or_else(|| Error::Usage("this machine's clock is out of range".into()))
}
