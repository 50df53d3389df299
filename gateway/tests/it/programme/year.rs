//! Each example programme trades a year: customers of different habits, drawn from a seed, with days on which the gateway was
//! away; and everything that comes of it is predicted from the shop's board, to the cent, the point and the day.
//!
//! `SEED=7 YEARS=20` draws twenty years of each example from seed 7 on.

mod board;
mod calendar;
mod card;
mod days;
mod ladder;
mod paper;
mod returns;
mod sales;
mod shop;

use board::Board;

fn years(board: &'static Board) {
    let first = crate::counter::seed(board.name);
    let years = std::env::var("YEARS").ok().and_then(|years| years.parse().ok()).unwrap_or(1);
    for seed in first..first + years {
        let shop = days::trade(board, seed);
        println!("{} {seed}: {:?}", board.name, shop.tally);
    }
}

#[test]
fn the_default_programme_trades_a_year() {
    years(&board::DEFAULT);
}

#[test]
fn the_tea_shop_trades_a_year() {
    years(&board::TEA_SHOP);
}

#[test]
fn the_mall_trades_a_year() {
    years(&board::MALL);
}

#[test]
fn the_travel_agency_trades_a_year() {
    years(&board::TRAVEL_AGENCY);
}

#[test]
fn fixed_points_trade_a_year() {
    years(&board::POINTS_FIXED);
}

#[test]
fn variable_points_trade_a_year() {
    years(&board::POINTS_VARIABLE);
}

#[test]
fn convertible_points_trade_a_year() {
    years(&board::POINTS_CONVERTIBLE);
}
