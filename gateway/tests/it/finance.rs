//! What finance takes out: it adds up, follows on what was taken before, and cannot be changed unseen.

mod changed;
mod chart;
mod drawn;
pub(crate) mod journal;
mod reconcile;
mod reports;
mod settled;
mod trading;
