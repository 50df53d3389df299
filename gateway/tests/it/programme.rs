//! What the programme gives: the rows of LOYALTY as tables, against the rules themselves and over the wire.

mod book;
mod load_bonus;
mod multipliers;
mod point_time;
mod prices;
mod spend_points;
mod tier_review;
mod tiers;
mod wire;
