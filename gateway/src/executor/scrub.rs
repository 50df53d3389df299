//! The scrub: reads everything that lies on the disk once a day, so that damage to a row that nobody asks for is found
//! while a backup still helps.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tracing::{error, info};

use super::{Handle, Job};
use crate::archive::check_named;
use crate::domain::State;
use crate::domain::effect::Effect;
use crate::journal::seal::{Head, seal_verifies, sealing_key};
use crate::journal::walk::{WalkError, lost, next_group};
use crate::storage::{Storage, StorageError};

/// From the end of one pass to the beginning of the next.
const PAUSE: Duration = Duration::from_secs(12 * 3600);
/// A pass spreads its reading over this time, so that terminals do not notice it.
const PASS: Duration = Duration::from_secs(10 * 3600);
/// No group is waited for longer than this.
const LONGEST_WAIT: Duration = Duration::from_millis(200);
/// The first pass begins so long after the start.
const FIRST: Duration = Duration::from_secs(60);

/// Scrubs until `stop` is closed. Damage is told to the writer, which takes no more money.
pub fn scrub(directory: &Path, handle: &Handle, stop: &Receiver<()>) {
    let mut wait = FIRST;
    while stop.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        match pass(directory, handle, |wait| stop.recv_timeout(wait) == Err(RecvTimeoutError::Timeout)) {
            Ok(groups) => info!(groups, "scrub: everything read back as it was written"),
            Err(damage) => {
                error!(%damage, "scrub: damage on the disk");
                // A full queue only delays the news until the next pass.
                let _ = handle.submit(Job::Stop { reason: format!("the scrub found damage: {damage}") });
            }
        }
        wait = PAUSE;
    }
}

/// One pass over journal and snapshot as they are now; returns the number of groups. `go_on` waits, and says whether to.
fn pass(directory: &Path, handle: &Handle, go_on: impl Fn(Duration) -> bool) -> Result<u64, WalkError> {
    let storage = Storage::open_read_only(directory)?;
    // Rows up to here never change again, so reading them bit by bit is sound while the writer goes on.
    let last = storage.last_seal()?.map_or(0, |seal| seal.group);
    let wait = PASS.checked_div(u32::try_from(last.max(1)).unwrap_or(u32::MAX)).unwrap_or_default();
    let mut head = Head::GENESIS;
    let mut keys = State::default();
    while head.group < last {
        let Some(group) = next_group(&storage, &handle.installation, &head)? else { break };
        let before = keys.gateway_key.clone();
        for effect in group.entries.iter().flat_map(|entry| &entry.record.details.effects) {
            if let Effect::GatewayKey { public_key } = effect {
                keys.gateway_key.clone_from(public_key);
            }
        }
        let signed = sealing_key(&before, &keys)
            .is_some_and(|key| seal_verifies(&group.seal, &handle.installation, &key));
        if !signed {
            return Err(
                StorageError::Snapshot(format!("group {} is not signed by the gateway", head.group)).into()
            );
        }
        if let Some(damage) = lost(&storage, &group)? {
            return Err(WalkError::Damage(damage));
        }
        head = group.sealed.head;
        if !go_on(wait.min(LONGEST_WAIT)) {
            return Ok(head.group);
        }
    }
    // The files were read above; this is whether they are those that the journal named.
    check_named(&storage, directory, (&handle.installation, &keys.gateway_key), None)?;
    for kind in 1..=9 {
        storage.each_snapshot(kind, |_, _, _| Ok(()))?;
    }
    Ok(head.group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::executor::{Options, SpaceLimits, open};
    use crate::keys::DataDir;
    use crate::storage::{DATABASE, Synchronous};

    #[test]
    fn a_flipped_byte_in_an_entry_or_a_snapshot_row_is_found() {
        let directory = tempfile::tempdir().expect("directory");
        let data = DataDir(directory.path().into());
        data.create().expect("data");
        let options = Options {
            anchors: data.anchors(),
            data: data.clone(),
            synchronous: Synchronous::Full,
            space: SpaceLimits::default(),
            in_flight: 1,
            heartbeat_s: 30,
            merchant: "M".into(),
            store: "S".into(),
        };
        let (writer, handle, jobs) = open(options, Clock::system(), std::sync::Arc::default()).expect("open");
        let scrubbed = || pass(&data.0, &handle, |_| true);
        assert_eq!(scrubbed().expect("sound"), 1);
        let connection = rusqlite::Connection::open(data.0.join(DATABASE)).expect("database");
        let record: Vec<u8> =
            connection.query_row("SELECT record FROM journal", [], |row| row.get(0)).expect("entry 1");
        let write = |record: &[u8]| {
            connection.execute("UPDATE journal SET record = ?", [record]).expect("update");
        };
        for at in (0..record.len()).step_by(97) {
            let mut flipped = record.clone();
            flipped[at] ^= 1;
            write(&flipped);
            assert!(scrubbed().is_err(), "byte {at}");
        }
        write(&record);
        assert!(scrubbed().is_ok());
        let row = "INSERT INTO snapshot VALUES (x'0961', x'00', NULL, zeroblob(16))";
        connection.execute(row, []).expect("a row whose hash is wrong");
        assert!(scrubbed().is_err());
        drop((writer, jobs));
    }
}
