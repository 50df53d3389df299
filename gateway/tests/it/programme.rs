//! The loyalty programme over the wire: what members are given, what they pay with it, and that it comes back.

mod book;
mod catalogue;
mod entitlements;
mod load_bonus;
mod member_inquiry;
mod multipliers;
mod point_time;
mod prices;
mod redemption;
mod spend_points;
mod tier_review;
mod tiers;
mod wire;
