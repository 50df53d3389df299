//! Refunds by line, as days in the shop.

use super::paper::{Deal, Goods};
use super::shop::Shop;
use super::world::Said;

/// Two pieces of item 1 at 3.00, half a kilogram of item 2 for 4.00.
const BASKET: [Goods; 3] = [(1, 1_000, 3_00), (2, 500, 4_00), (1, 1_000, 3_00)];

fn sold() -> (Shop, usize) {
    let mut shop = Shop::new();
    let sale = shop.done(Deal::Buy { card: 0, amount: 10_00, points: None, goods: BASKET.to_vec() });
    (shop, sale)
}

fn back(shop: &mut Shop, of: usize, goods: &[Goods]) -> Said {
    let amount = goods.iter().map(|line| line.2).sum();
    shop.ask(0, &Deal::Return { of, amount, goods: goods.to_vec() })
}

#[test]
fn no_more_of_an_item_comes_back_than_was_sold() {
    let (mut shop, sale) = sold();
    assert_eq!(back(&mut shop, sale, &[(3, 1_000, 1)]), Said { code: 12, amount: None, state: Some(1) });
    assert_eq!(back(&mut shop, sale, &[(1, 2_001, 6_00)]).code, 61, "quantity");
    assert_eq!(back(&mut shop, sale, &[(1, 2_000, 6_01)]).code, 61, "price");
    assert_eq!(back(&mut shop, sale, &[(1, 1_000, 3_00), (1, 1_001, 1)]).code, 61, "together");
    assert_eq!(back(&mut shop, sale, &[(1, 1_500, 4_00)]).code, 0);
    assert_eq!(back(&mut shop, sale, &[(1, 501, 1_00)]).code, 61, "what came back before counts");
    assert_eq!(back(&mut shop, sale, &[(2, 500, 4_00), (1, 500, 2_00)]).code, 0);
    assert_eq!((shop.present(sale), shop.has().0), (4, 100_00));
}

#[test]
fn an_undone_refund_puts_its_goods_back_and_no_others() {
    let (mut shop, sale) = sold();
    assert_eq!(back(&mut shop, sale, &[(2, 500, 4_00)]).code, 0);
    assert_eq!(back(&mut shop, sale, &[(1, 2_000, 6_00)]).code, 0);
    let last = shop.last();
    shop.void(last);
    assert_eq!(back(&mut shop, sale, &[(2, 1, 1)]).code, 61);
    assert_eq!(back(&mut shop, sale, &[(1, 2_000, 6_00)]).code, 0);
}

#[test]
fn without_lines_the_amount_alone_bounds_a_refund() {
    let (mut shop, sale) = sold();
    shop.refund(sale, 5_00);
    assert_eq!(back(&mut shop, sale, &[(1, 2_000, 5_01)]).code, 61);
    assert_eq!(back(&mut shop, sale, &[(1, 2_000, 5_00)]).code, 0);
    let plain = shop.pay(10_00);
    assert_eq!(back(&mut shop, plain, &[(9, 1_000, 10_00)]).code, 0, "the sale had no lines");
    let load = shop.load(10_00);
    assert_eq!(back(&mut shop, load, &[(9, 1_000, 10_00)]).code, 0, "nor has a load");
}
