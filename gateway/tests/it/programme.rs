//! The loyalty programme over the wire: what members are given, what they pay with it, and that it comes back.

mod catalogue;
mod entitlements;
mod member_inquiry;
mod prices;
mod redemption;
mod tiers;
