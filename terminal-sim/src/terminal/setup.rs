//! A terminal's directory: its key, its gateway, and the state machine's state.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use protocol::cose::Algorithm;
use protocol::field::{Blob, Fingerprint};
use protocol::terminal::{Details, EnrolmentTicket, Keys, Settings, State, Terminal as Machine};
use serde::{Deserialize, Serialize};

use super::{Inbox, PATIENCE, Proof, Terminal};
use crate::address::Address;
use crate::client::Dialler;
use crate::clock;
use crate::error::Error;
use crate::faults::FaultPlan;
use crate::hash::{hex, sha256, unhex};
use crate::keys::{GatewayKey, TerminalKey};
use crate::session::software;
use crate::store::{Lock, Store};

const KEY_FILE: &str = "key.p8";
const IDENTITY_FILE: &str = "terminal.json";
pub(super) const STATE_FILE: &str = "state.cbor";
/// How long a connection with its handshake and Hello may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait for an answer before the request is sent again.
pub(super) const ANSWER_TIMEOUT_MS: u64 = 5_000;
/// Correlation numbers from here on are for frames past the machine, which counts from 1.
pub(super) const FIRST_OWN_CORRELATION: u32 = 0x8000_0000;

/// What does not change after enrolment.
#[derive(Serialize, Deserialize)]
struct IdentityFile {
    terminal: String,
    algorithm: String,
    gateway: String,
    gateway_key: Option<String>,
}

impl Terminal {
    /// Enrols a terminal, whose files will be in `directory`, and signs it on.
    ///
    /// The key is on disk before it is used, so that calling this again after a lost answer, with the same directory,
    /// finishes the same enrolment; for a new generation it takes the same key.
    pub async fn enrol(
        directory: &Path,
        address: Address,
        ticket: &EnrolmentTicket,
        algorithm: Algorithm,
    ) -> Result<Terminal, Error> {
        Terminal::enrol_within(directory, address, ticket, algorithm, PATIENCE).await
    }

    /// [`Terminal::enrol`] with another [`Terminal::patience`].
    pub async fn enrol_within(
        directory: &Path,
        address: Address,
        ticket: &EnrolmentTicket,
        algorithm: Algorithm,
        patience: Duration,
    ) -> Result<Terminal, Error> {
        let store = Store::create(directory)?;
        let lock = store.lock()?;
        let key = match store.read(KEY_FILE)? {
            Some(pkcs8) => TerminalKey::from_pkcs8(algorithm, pkcs8)?,
            None => TerminalKey::generate(algorithm)?,
        };
        store.write(KEY_FILE, key.pkcs8())?;
        let mut identity = IdentityFile {
            terminal: ticket.terminal.as_str().to_owned(),
            algorithm: key.algorithm().to_string(),
            gateway: ticket.gateway.to_string(),
            gateway_key: None,
        };
        write_identity(&store, &identity)?;
        let state = read_state(&store)?.unwrap_or_else(|| State::new(ticket.terminal));
        let mut terminal = Terminal::assemble((store, lock), key, ticket.gateway, None, state, address)?;
        let public_key = Blob::new(terminal.key.spki().to_vec());
        let public_key = public_key.ok_or_else(|| Error::Usage("the public key is too long".into()))?;
        terminal.patience = patience;
        terminal.machine.enroll(*ticket, public_key);
        terminal.sign_on().await?;
        identity.gateway_key = terminal.gateway_key().map(|key| hex(key.spki()));
        write_identity(&terminal.store, &identity)?;
        Ok(terminal)
    }

    /// Opens a terminal that was enrolled before. It is not connected yet.
    pub fn open(directory: &Path, address: Address) -> Result<Terminal, Error> {
        let store = Store::existing(directory);
        let damaged = |what: &str| Error::Usage(format!("{}: {what}", directory.display()));
        let missing = || damaged("no enrolled terminal is here");
        let identity = store.read(IDENTITY_FILE)?.ok_or_else(missing)?;
        let lock = store.lock()?;
        let identity: IdentityFile =
            serde_json::from_slice(&identity).map_err(|error| damaged(&error.to_string()))?;
        let pkcs8 = store.read(KEY_FILE)?.ok_or_else(missing)?;
        let algorithm = parse_algorithm(&identity.algorithm)?;
        let key = TerminalKey::from_pkcs8(algorithm, pkcs8)?;
        let gateway = unhex(&identity.gateway).and_then(|bytes| bytes.try_into().ok());
        let gateway = Fingerprint(gateway.ok_or_else(|| damaged("the gateway's fingerprint is damaged"))?);
        let gateway_key = identity.gateway_key.as_deref().and_then(unhex).and_then(GatewayKey::from_spki);
        let state = read_state(&store)?.ok_or_else(missing)?;
        Terminal::assemble((store, lock), key, gateway, gateway_key, state, address)
    }

    /// Whether [`Terminal::open`] would find an enrolled terminal there.
    #[must_use]
    pub fn exists(directory: &Path) -> bool {
        let state = read_state(&Store::existing(directory));
        state.is_ok_and(|state| state.is_some_and(|state| state.generation.is_some()))
    }

    fn assemble(
        (store, lock): (Store, Lock),
        key: TerminalKey,
        gateway: Fingerprint,
        known_key: Option<GatewayKey>,
        state: State,
        address: Address,
    ) -> Result<Terminal, Error> {
        let key = Arc::new(key);
        let gateway_key = Arc::new(OnceLock::new());
        if let Some(known) = known_key.filter(|known| known.fingerprint() == gateway) {
            // The lock is new, so this sets it.
            let _ = gateway_key.set(known);
        }
        let (signer, verifier) = (key.clone(), gateway_key.clone());
        let keys = Keys {
            sha256,
            sign: Box::new(move |message| signer.sign(message).ok()),
            verify_gateway: Box::new(move |message, signature| {
                verifier.get().is_some_and(|key: &GatewayKey| key.verify(message, signature))
            }),
        };
        let mut settings = Settings::new(software()?, key.algorithm(), key.fingerprint());
        settings.answer_timeout_ms = ANSWER_TIMEOUT_MS;
        let mut terminal = Terminal {
            faults: FaultPlan::none(),
            patience: PATIENCE,
            details: Details::default(),
            cashier: None,
            proof: Proof::None,
            dialler: Dialler::new(&key, gateway, CONNECT_PATIENCE)?,
            store,
            _lock: lock,
            key,
            gateway,
            gateway_key,
            machine: Machine::new(settings, keys, state),
            address,
            connection: None,
            inbox: Inbox::default(),
            highest_decided: 0,
            next_own: FIRST_OWN_CORRELATION,
            started: clock::now(),
            skipped: Duration::ZERO,
            is_late: false,
            overtaken: None,
        };
        terminal.take_restored()?;
        Ok(terminal)
    }
}

/// `es256` or `ed25519`, in any case; `eddsa` too.
pub fn parse_algorithm(name: &str) -> Result<Algorithm, Error> {
    let names = BTreeMap::from([
        ("es256", Algorithm::Es256),
        ("ed25519", Algorithm::EdDsa),
        ("eddsa", Algorithm::EdDsa),
    ]);
    let found = names.get(name.to_ascii_lowercase().as_str()).copied();
    found.ok_or_else(|| Error::Usage(format!("unknown algorithm {name}: es256 or ed25519")))
}

fn write_identity(store: &Store, identity: &IdentityFile) -> Result<(), Error> {
    let bytes = serde_json::to_vec_pretty(identity).map_err(|error| Error::Usage(error.to_string()))?;
    store.write(IDENTITY_FILE, &bytes)
}

fn read_state(store: &Store) -> Result<Option<State>, Error> {
    let Some(bytes) = store.read(STATE_FILE)? else { return Ok(None) };
    let path = store.path(STATE_FILE);
    let state =
        State::decode(&bytes).map_err(|error| Error::Usage(format!("{}: {error}", path.display())))?;
    Ok(Some(state))
}
