//! What stands beside a signed request: PINs, which the writer asks for one by one, and personal fields.

use std::time::Duration;

use protocol::request::{PHONE, RequestSidecar, SALT};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::Shared;
use super::pins::Place;
use crate::domain::{Request, Tried};
use crate::executor::{Beside, Job, NotTaken, Reply};
use crate::journal::sha256;
use crate::members::Personal;

/// Pause before a request whose PIN was looked at asks for a place in the writer's queue again.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(5);

/// Personal fields that a commitment came with; they must be what it is over (PROTOCOL.md section 5.4).
pub(super) fn personal(sidecar: &RequestSidecar, commitment: Option<[u8; 32]>) -> Beside {
    let (Some(bytes), Some(commitment)) = (sidecar.personal_bytes(), commitment) else {
        return Beside::default();
    };
    if !sidecar.personal.contains_key(&SALT) || sha256(&[&bytes]) != commitment {
        return Beside { personal_differs: true, ..Beside::default() };
    }
    let personal = Personal { bytes: Zeroizing::new(bytes), phone: phone(sidecar) };
    Beside { personal: Some(personal), ..Beside::default() }
}

pub(super) fn phone(sidecar: &RequestSidecar) -> Option<Zeroizing<String>> {
    sidecar.personal.get(&PHONE).map(|phone| Zeroizing::new(phone.as_str().to_owned()))
}

/// A request whose PINs the writer asks for, one after the other.
pub(super) struct Proving {
    pub place: Place,
    pub request: Box<Request>,
    pub signed: Vec<u8>,
    pub sidecar: RequestSidecar,
    pub beside: Beside,
}

impl Proving {
    /// The answer, once every PIN that it rests on was looked at.
    pub(super) async fn finish(mut self, shared: &Shared, mut answer: Option<Reply>) -> Option<Reply> {
        // Each PIN is asked for once, so this ends.
        while let Some((tried, salt)) = answer.as_ref()?.untried {
            let (pin, pins) = match tried {
                Tried::Card => (self.sidecar.pin.as_ref()?, &mut self.request.pins.card),
                Tried::Supervisor => {
                    (self.sidecar.supervisor_pin.as_ref()?, &mut self.request.pins.supervisor)
                }
                Tried::New => {
                    let hash =
                        self.place.hash(self.sidecar.new_pin.as_ref()?, salt, &shared.card_key).await?;
                    self.request.pins.new = Some((salt, hash));
                    answer = self.submit(shared).await;
                    continue;
                }
            };
            *pins = Some(self.place.hash(pin, salt, &shared.card_key).await?);
            answer = self.submit(shared).await;
        }
        answer
    }

    async fn submit(&self, shared: &Shared) -> Option<Reply> {
        let (sender, answer) = oneshot::channel();
        let mut job = Job::Value {
            request: self.request.clone(),
            signed: self.signed.clone(),
            beside: Beside { proving: true, ..self.beside.clone() },
            reply: sender,
        };
        // Its try is counted: it is worth waiting for a place in the queue.
        while let Err((NotTaken::Full, back)) = shared.handle.submit_again(job) {
            job = back;
            tokio::time::sleep(QUEUE_FULL_PAUSE).await;
        }
        answer.await.ok()
    }
}
