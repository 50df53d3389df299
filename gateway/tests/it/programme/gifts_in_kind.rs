//! Gifts that are things (礼品): a token that buys one, given wherever points are; a benefit that reaching a tier gives once.

use gateway::domain::Command;

use super::book::{Book, claim, reference};

#[test]
fn whoever_brings_a_member_gets_a_token_for_a_gift_once_and_loses_it_with_the_member() {
    let mut book = Book::new(
        "[points.mug-token]\nkind = 18\nname = \"Mug token\"\n\
         [membership]\njoining = \"free\"\n\
         [[referral]]\nrule = \"bring-a-friend\"\non = \"joining\"\nof = \"mug-token\"\npoints = 1\nmost = { times_month = 5 }\n\
         [[catalogue]]\nitem = \"mug\"\nname = \"Mug\"\npoints = 1\nof = \"mug-token\"\ngives = \"gift\"\npieces = 9\n",
    );
    let join = |card, referral: Option<u64>| {
        let referral = referral.map(|card| reference(card).0.to_string());
        Command::Join { claim: claim(card), referral, customer: 0 }
    };
    let mug = || Command::Redeem { claim: claim(0), item: "mug".into(), quantity: 1 };
    assert!(book.ask(join(0, None), Vec::new()).is_approved());
    assert!(!book.ask(mug(), Vec::new()).is_approved(), "no token yet");
    assert!(book.ask(join(1, Some(0)), Vec::new()).is_approved());
    let friend = book.entries() - 1;
    assert_eq!(book.has(0, 18), 1);
    assert!(book.ask(mug(), Vec::new()).is_approved());
    assert!(!book.ask(mug(), Vec::new()).is_approved(), "one token, one mug");
    book.reverse(friend);
    assert_eq!((book.has(0, 18), book.owes(0, 18)), (0, 1), "the mug is gone, so the token is owed");
}

#[test]
fn reaching_a_tier_gives_a_gift_box_once() {
    let mut book = Book::new(
        "[[tier]]\nkey = \"silver\"\nname = \"Silver\"\nany = [{ spent = \"40.00\", months = 12 }]\n\
         [[entitlement]]\nentitlement = \"gift-box\"\nname = \"Gift box\"\nuses = [{ tiers = [\"silver\"], ever = 1 }]\n",
    );
    let fetch = || Command::UseEntitlement { claim: claim(0), entitlement: "gift-box".into(), quantity: 1 };
    book.load(0, 50_00);
    let (first, _) = book.sale(0, 39_99);
    book.follow(reference(0));
    assert!(!book.ask(fetch(), Vec::new()).is_approved(), "39.99");
    book.sale(0, 1);
    book.follow(reference(0));
    assert_eq!(book.tier(0), Some("silver"));
    assert!(book.ask(fetch(), Vec::new()).is_approved(), "40.00");
    assert!(!book.ask(fetch(), Vec::new()).is_approved(), "it is for once");
    book.refund(first, 39_99);
    book.follow(reference(0));
    assert_eq!(book.tier(0), None);
    book.sale(0, 40_00);
    book.follow(reference(0));
    assert!(!book.ask(fetch(), Vec::new()).is_approved(), "it was fetched");
}
