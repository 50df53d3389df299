//! What finance gets of the journal: a chart of accounts, a period's files in the forms that accounting software reads, a
//! signed manifest, and the check that needs nothing but those files and the gateway's public key. FINANCE.md explains them.
//!
//! Invariant: nothing here changes anything, and the chart is pure. Amounts are integers up to the moment they are printed.

mod book;
mod calendar;
pub mod chart;
mod entry;
mod files;
pub mod homes;
pub mod interstore;
mod manifest;
mod names;
mod read;
pub mod reconcile;
pub mod reports;
mod take;
mod verify;

pub use book::{Balance, Book, Commodity, shown};
pub use calendar::{Calendar, sold_at};
pub use entry::{Leg, Reader, Told, Transaction, closing};
pub(crate) use entry::{message_of, money, points, request_of};
pub use files::Format;
pub use manifest::{End, FileLine, MANIFEST, MANIFEST_READABLE, Manifest, Signed};
pub use names::{ACCOUNTS_FILE, Names, tender};
pub use take::{Asked, Period, Taken, take};
pub use verify::{Checked, Report, Trusted, verify};
