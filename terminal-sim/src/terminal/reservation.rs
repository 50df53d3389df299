//! STANs set aside for traffic past the state machine, so that the terminal never uses them again.

use protocol::field::Stan;
use protocol::terminal::State;

use super::Terminal;
use super::setup::STATE_FILE;
use crate::address::Address;
use crate::client::Dialler;
use crate::error::Error;
use crate::session::{Identity, Session};
use crate::store::Store;

/// A closed terminal with STANs set aside. Its state file already says that all of them are used: a crash loses numbers,
/// never safety.
#[derive(Debug)]
pub struct Reservation {
    identity: Identity,
    dialler: Dialler,
    store: Store,
    state: State,
    first: Stan,
}

impl Terminal {
    /// Closes the terminal and sets aside the next `count` STANs.
    pub async fn reserve_stans(mut self, count: u32) -> Result<Reservation, Error> {
        self.sign_off().await?;
        self.dispatch().await?;
        let none = || Error::Usage("no STANs are left: enrol again".into());
        let identity = self.identity().ok_or_else(none)?;
        let state = self.state().clone();
        let first = state.last_stan.checked_add(1).and_then(Stan::new).ok_or_else(none)?;
        let mut reserved = state.clone();
        reserved.last_stan = state.last_stan.checked_add(count).ok_or_else(none)?;
        self.store.write(STATE_FILE, &reserved.encode())?;
        Ok(Reservation { identity, dialler: self.dialler, store: self.store, state, first })
    }
}

impl Reservation {
    /// The first STAN set aside.
    #[must_use]
    pub const fn first_stan(&self) -> Stan {
        self.first
    }

    /// Gives back what was not used: STANs after `last_used`. The terminal can be opened again then.
    pub fn release(mut self, last_used: u32) -> Result<(), Error> {
        self.state.last_stan = self.state.last_stan.max(last_used);
        self.store.write(STATE_FILE, &self.state.encode())
    }

    /// Signs on with what the terminal has used so far.
    pub async fn session(&self, address: &Address, patience: std::time::Duration) -> Result<Session, Error> {
        let connection = self.dialler.connect(&address.current()?).await?;
        let receipt = self.state.last_receipt.clone();
        Session::sign_on(connection, self.identity.clone(), self.state.last_stan, receipt, patience).await
    }
}
