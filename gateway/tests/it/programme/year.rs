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
mod season;
mod shop;

use board::{BOARDS, Board};
use paper::Wish;
use shop::{Deal, Shop};

fn years(board: &'static Board) {
    let first = crate::counter::seed(board.name);
    let years = std::env::var("YEARS").ok().and_then(|years| years.parse().ok()).unwrap_or(1);
    for seed in first..first + years {
        let shop = days::trade(board, seed);
        println!("{}, seed {seed}: {} requests", board.name, shop.script.len());
        assert_enough(&shop);
    }
}

/// A year in which nobody was refused, or got anything back, shows little.
fn assert_enough(shop: &Shop) {
    type Fits = fn(&Wish) -> bool;
    let kinds: [(&str, Fits); 6] = [
        ("load", |wish| matches!(wish, Wish::Load { .. })),
        ("buy", |wish| matches!(wish, Wish::Buy { .. })),
        ("capture", |wish| matches!(wish, Wish::Capture { .. })),
        ("refund", |wish| matches!(wish, Wish::Refund { .. })),
        ("undo", |wish| matches!(wish, Wish::Void { .. } | Wish::Reverse { .. })),
        ("hold", |wish| matches!(wish, Wish::Hold { .. })),
    ];
    for (kind, fits) in kinds {
        let deals = shop.script.iter().filter(|deal| fits(&deal.wish));
        let (done, refused): (Vec<&Deal>, Vec<&Deal>) = deals.partition(|deal| deal.answer.amount > 0);
        assert!(done.len() > 9 && !refused.is_empty(), "{kind}: {} and {}", done.len(), refused.len());
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

/// `SEASON_DAYS=440` trades all of it over the wire.
#[tokio::test]
async fn the_first_weeks_of_each_are_the_same_over_the_wire_through_a_kill() {
    let days = std::env::var("SEASON_DAYS").ok().and_then(|days| days.parse().ok()).unwrap_or(14);
    for board in BOARDS {
        season::trade_again(board, crate::counter::seed(board.name), days).await;
    }
}
