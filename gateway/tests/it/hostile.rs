//! The gateway against strangers, broken terminals and a rude operating system: refused, bounded, never harmed.

mod framing;
pub(crate) mod limits;
mod order;
mod signals;
mod strangers;
mod vectors;
