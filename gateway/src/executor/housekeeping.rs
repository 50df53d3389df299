//! What the writer does between groups: writes dirty state to the snapshot, forgets what has not been used for long, writes
//! anchors, watches the disk's free space.

use std::collections::BTreeMap;

use tracing::{error, info, warn};

use super::writer::{Step, Writer, in_doubt};
use crate::domain::state::Touched;
use crate::journal::anchor::Anchor;
use crate::storage::{DuePlace, SnapshotRow, due as due_second, encode_cell, key_of};

/// Cards kept in memory. A card takes about half a kilobyte; a mall's daily customers fit.
const CARDS_KEPT: usize = 200_000;

/// What the free space on the data directory's medium still allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Space {
    Enough,
    /// Loads stop: the shop can still take what it owes.
    NoLoads,
    /// Sales stop too; reversals go on to the end.
    NoSales,
}

/// Free bytes below which loads, then sales stop.
#[derive(Debug, Clone, Copy)]
pub struct SpaceLimits {
    pub loads_bytes: u64,
    pub sales_bytes: u64,
}

impl Default for SpaceLimits {
    fn default() -> Self {
        Self { loads_bytes: 256 << 20, sales_bytes: 64 << 20 }
    }
}

impl Writer {
    /// Writes dirty state to the snapshot and drops what has not been used for long.
    pub(super) fn flush(&mut self) -> Step {
        if !self.dirty.is_empty() {
            let sorted: BTreeMap<Vec<u8>, &Touched> = self.dirty.iter().map(|t| (key_of(t), t)).collect();
            let rows: Vec<SnapshotRow> = sorted
                .into_iter()
                .filter_map(|(key, touched)| {
                    let cell = self.state.cell(touched)?;
                    Some(SnapshotRow { key, state: encode_cell(touched, &cell), due: due_second(&cell) })
                })
                .collect();
            self.storage.flush_snapshot(&rows, self.head.index).map_err(in_doubt("writing the snapshot"))?;
            self.watermark = self.head.index;
            self.dirty.clear();
        }
        self.swept = DuePlace::default();
        self.evict();
        Ok(())
    }

    /// Everything is clean here, so anything may go; the half of the cards that was used longest ago does.
    fn evict(&mut self) {
        self.state.shifts.clear();
        self.state.transactions.clear();
        self.state.tombstones.clear();
        self.state.tallies.clear();
        if self.state.cards.len() > CARDS_KEPT {
            let mut used: Vec<u64> = self.last_used.values().copied().collect();
            used.sort_unstable();
            let cut = used.get(used.len() / 2).copied().unwrap_or(0);
            self.last_used.retain(|_, group| *group > cut);
            let kept = &self.last_used;
            self.state.cards.retain(|card, _| kept.contains_key(card));
            self.state.members.retain(|card, _| kept.contains_key(card));
        }
        self.metrics.cards_in_memory(self.state.cards.len());
    }

    pub(super) fn anchor(&mut self) {
        let head = self.head;
        let anchor =
            Anchor { epoch: head.epoch, group: head.group, index: head.index, seal_hash: head.seal_hash };
        if let Err(reason) = self.anchors.append(anchor) {
            self.metrics.anchor_failed();
            error!(
                reason = format!("{reason:#}"),
                "no anchor could be written; the head is covered by receipts alone"
            );
        }
    }

    pub(super) fn look_at_space(&mut self) {
        let free = match rustix::fs::statvfs(&self.directory) {
            Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize),
            Err(reason) => {
                warn!(%reason, "free space cannot be read");
                return;
            }
        };
        self.metrics.free_bytes(free);
        let space = match free {
            free if free < self.limits.sales_bytes => Space::NoSales,
            free if free < self.limits.loads_bytes => Space::NoLoads,
            _ => Space::Enough,
        };
        if space != self.space {
            self.space = space;
            match space {
                Space::Enough => info!(free, "there is space again; trading goes on"),
                Space::NoLoads => {
                    error!(free, "the disk is filling up: loads are refused (91); free some space")
                }
                Space::NoSales => {
                    error!(free, "the disk is almost full: loads and sales are refused (91); free some space")
                }
            }
        }
    }
}
