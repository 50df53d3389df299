//! The travel agency's programme: the merchants' own numbers, over the wire.

use protocol::code::ResponseCode;
use protocol::field::BalanceKind;
use terminal_sim::Card;

use super::{Said, join, join_by, points};
use crate::counter::{activate, balance, holdings, load, number, purchase};
use crate::harness::Site;
use crate::payments::points::by_points;
use crate::till::{APPROVED, Till, put_in_force, refund};

const PROGRAMME: &str = include_str!("../../../programmes/travel-agency.toml");

pub(super) fn issue(site: &Site, product: &str, count: u32) -> Vec<Card> {
    let issued = site.json(&["card", "issue", "--product", product, "--count", &count.to_string()]);
    let text = |card: &serde_json::Value, field: &str| card[field].as_str().expect("a text").to_owned();
    let card = |card| Card::new(&text(card, "reference"), &text(card, "secret")).expect("a card");
    issued["cards"].as_array().expect("cards").iter().map(card).collect()
}

#[tokio::test]
async fn companies_load_and_buyers_collect() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::elsewhere(&site, &gateway, "T0001", ["--max-load", "5000000"]).await;
    put_in_force(&site, PROGRAMME);
    let (companies, buyers) = (issue(&site, "company", 6), issue(&site, "buyer", 3));
    for card in companies.iter().chain(&buyers) {
        assert_eq!(till.code(activate(card), card).await, APPROVED);
    }
    for (company, (loads, bonus)) in companies.iter().zip([
        (vec![99_999_99], 0),
        (vec![499_999_99], 5_000_00),
        (vec![999_999_99], 50_000_00),
        (vec![1_000_000_00], 120_000_00),
        (vec![500_000_00, 500_000_00], 100_000_00),
        (vec![100_000_00], 5_000_00),
    ]) {
        for minor in loads {
            assert_eq!(till.code(load(company, minor), company).await, APPROVED, "{minor}");
        }
        assert_eq!(holdings(&site, company).bonus, bonus);
    }

    let (company, buyer) = (&companies[5], &buyers[0]);
    assert_eq!(join(&mut till, company, Said::default()).await.1.code(), ResponseCode::NOT_PERMITTED_CARD);
    assert_eq!(join(&mut till, buyer, Said::default()).await.1.code(), APPROVED);
    assert_eq!(join_by(&mut till, &buyers[1], company).await.1.code(), ResponseCode::INVALID_TRANSACTION);
    assert_eq!(join_by(&mut till, &buyers[1], buyer).await.1.code(), APPROVED);
    assert_eq!(points(&mut till, buyer, [16]).await, [10]);
    till.deal(purchase(&buyers[1], 1), &buyers[1]).await;
    assert_eq!(points(&mut till, buyer, [16]).await, [10], "once");

    site.json(&["card", "bind", "--card", &number(buyer), "--account", &number(company)]);
    for (minor, held) in [(99_99, 10), (100_00, 11), (250_00, 13), (150_00, 14), (50_00, 14)] {
        assert_eq!(till.code(purchase(buyer, minor), buyer).await, APPROVED);
        assert_eq!(
            points(&mut till, buyer, [16]).await,
            [held],
            "{minor}: what does not come to 100.00 is dropped"
        );
    }
    assert_eq!(holdings(&site, company).points, 0, "never the company's");
    let (sale, answer) = till.deal(by_points(buyer, 10_00, 4), buyer).await;
    assert_eq!((answer.code(), balance(&answer, BalanceKind::POINTS)), (APPROVED, 10), "4 points pay 4.00");
    assert_eq!(holdings(&site, company).principal, 99_344_01);
    till.deal(refund(&sale, 10_00), buyer).await;
    assert_eq!(points(&mut till, buyer, [16]).await, [14]);
    drop(gateway);
    site.verify();
}
