//! What the programme gives: the rows of LOYALTY as tables, against the rules themselves and over the wire.

mod prices;
mod tiers;
