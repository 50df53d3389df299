//! What a terminal may approve while the gateway is away: the grant in the answer to its sign-on (PROTOCOL.md section 9.1).

use protocol::field::{Blob, Generation, GrantId, TotalMinor, UnixSeconds};
use protocol::receipt::{Grant, GrantLimits, MAX_GRANT};

use super::writer::Writer;
use crate::domain::{Now, Role, Terminal};
use crate::journal::sha256;

impl Writer {
    /// The terminal's present grant; `None` when nothing is approved offline. Whoever signs on again gets the same one, also
    /// after a restart, until half of its time is over: signing on does not multiply what may be taken from cards without
    /// their secrets.
    pub(super) fn grant(&self, held: &Terminal, now: Now) -> Option<Blob<MAX_GRANT>> {
        let in_force = self.in_force(now);
        let limits = in_force.programme.offline.as_ref().filter(|_| held.role == Role::Register)?;
        let (issued, expires) = limits.window(now.s());
        let grant = Grant {
            terminal: held.terminal.parse().ok()?,
            generation: Generation::new(held.generation)?,
            id: GrantId([0; 8]),
            issued: UnixSeconds::new(issued)?,
            expires: UnixSeconds::new(expires)?,
            limits: GrantLimits {
                transaction: TotalMinor::new(limits.per_transaction)?,
                card: TotalMinor::new(limits.per_card)?,
                count: limits.count,
                sum: TotalMinor::new(limits.sum)?,
            },
        };
        let mut id = [0; 8];
        let whole = sha256(&[&self.sealer.installation.0, &grant.encode_payload()]);
        id.copy_from_slice(&whole[..8]);
        Blob::new(self.sealer.grant(&Grant { id: GrantId(id), ..grant }))
    }
}
