//! PINs of cards and cashiers: kept as a salted, memory-hard and keyed hash, tried one by one.

/// A PIN and its tries. Without a secret there is none.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Pin {
    /// Salt and keyed hash.
    pub secret: Option<([u8; 16], [u8; 32])>,
    /// Wrong tries so far. One that is being looked at counts as wrong until it is right.
    pub tries: u8,
}

impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pin({}, {} tries)", if self.secret.is_some() { "set" } else { "none" }, self.tries)
    }
}
