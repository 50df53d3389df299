//! Why points and bonus go and come back: the lines of what is refunded, voided, reversed and unloaded, over the wire. That they come to
//! what changed is held for every entry (`Site::verify`, `bench::entry`).

use gateway::domain::Kind;
use gateway::domain::decision::{Notes, Reason};
use gateway::translate;
use protocol::field::BalanceKind;
use terminal_sim::checked::Checked;

use super::join;
use crate::counter::{balance, load, number, purchase, reversal};
use crate::harness::Site;
use crate::payments::points::by_points;
use crate::till::{APPROVED, Till, approved, put_in_force, refund, unload, void};

const BACK: u8 = 16;
const ROUNDED: u8 = 1;
const OWED: u8 = 32;
const WITHHELD: u8 = 64;
const TIER: u8 = 128;

type Line = (String, u16, i64, String, i64, u8);

fn lines(answer: &Checked) -> Vec<Line> {
    assert_eq!(answer.code(), APPROVED);
    let all = answer.answer.explanation.as_ref().expect("lines").iter();
    all.map(|line| {
        let (rule, rate) = (line.rule.as_str().to_owned(), line.rate.as_str().to_owned());
        (rule, line.kind.0, line.base, rate, line.result, line.notes.0)
    })
    .collect()
}

fn line(rule: &str, kind: u16, base: i64, rate: &str, result: i64, notes: u8) -> Line {
    (rule.into(), kind, base, rate.into(), result, notes)
}

fn programme(rules: &str) -> String {
    let document = super::wire::programme(rules);
    format!("{document}\n[stacking]\npurchase_points = \"sum\"\nload_bonus = \"sum\"\n")
}

const SPEND: &str = "[[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1\n";

#[tokio::test]
async fn a_refund_in_parts_a_whole_one_its_void_and_a_reversal_name_the_rules_that_gave() {
    let site = Site::new();
    let gateway = site.start();
    put_in_force(
        &site,
        &programme(&format!("{SPEND}[[purchase_points]]\nrule = \"extra\"\nper = \"10\"\ngives = 3\n")),
    );
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[100_00]).await.remove(0);
    let (sale, _) = till.deal(purchase(&card, 10_00), &card).await;
    let mut parts = Vec::new();
    for minor in [3_33, 3_33, 3_34] {
        parts.extend(lines(&till.deal(refund(&sale, minor), &card).await.1));
    }
    // 13 points: 4.33 are 5, 8.66 are 9.
    let notes = BACK | ROUNDED;
    assert_eq!(
        parts,
        [
            line("spend + extra", 16, 13, "333/1000", -5, notes),
            line("spend + extra", 16, 13, "333/1000", -4, notes),
            line("spend + extra", 16, 13, "334/1000", -4, notes),
        ]
    );
    let (sale, _) = till.deal(purchase(&card, 10_00), &card).await;
    let (whole, answer) = till.deal(refund(&sale, 10_00), &card).await;
    let each = |rate: &str, sign: i64| {
        [line("spend", 16, 10, rate, sign * 10, BACK), line("extra", 16, 3, rate, sign * 3, BACK)]
    };
    assert_eq!(lines(&answer), each("1000/1000", -1));
    assert_eq!(lines(&till.deal(void(&whole), &card).await.1), each("1/1", 1));
    let (undoing, answer) = till.deal(reversal(&sale), &card).await;
    assert_eq!(lines(&answer), each("1/1", -1));
    let again = till.send(&undoing).await;
    assert_eq!(lines(&again), each("1/1", -1), "the stored answer");
    let (_, nothing) = till.deal(reversal(&sale), &card).await;
    assert_eq!((nothing.code(), &nothing.answer.explanation), (APPROVED, &None), "nothing more is undone");
    let (_, declined) = till.deal(refund(&sale, 1), &card).await;
    assert_eq!(declined.answer.explanation, None);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn what_a_load_gave_is_taken_back_by_its_refund_and_by_an_unload_and_what_is_spent_is_withheld() {
    let site = Site::new();
    let gateway = site.start();
    let rules = "[points.courtesy]\nkind = 17\nname = \"Courtesy\"\n\
         [[load_bonus]]\nrule = \"share\"\nsteps = [{ from = \"100\", bonus = \"10%\" }]\n\
         [[load_bonus]]\nrule = \"thanks\"\nof = \"courtesy\"\nsteps = [{ from = \"100\", bonus = 9 }]\n";
    put_in_force(&site, &programme(rules).replace("spend = \"principal-first\"", "spend = \"bonus-first\""));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[]).await.remove(0);
    let (first, _) = till.deal(load(&card, 100_00), &card).await;
    let (_, half) = till.deal(refund(&first, 50_00), &card).await;
    assert_eq!(
        lines(&half),
        [
            line("share", 2, 10_00, "5000/10000", -5_00, BACK),
            line("thanks", 17, 9, "5000/10000", -5, BACK | ROUNDED),
        ]
    );
    let (sold, answer) = till.deal(purchase(&card, 4_00), &card).await;
    assert_eq!((balance(&answer, BalanceKind::BONUS), lines(&answer)), (1_00, Vec::new()));
    // What paid comes back as it went: the changes say it.
    assert_eq!(lines(&till.deal(refund(&sold, 1_00), &card).await.1), []);
    let (out, answer) = till.deal(unload(&card, 50_00), &card).await;
    assert_eq!(approved(&answer), Some(47_00));
    let gone = [
        line("share", 2, 10_00, "5000/10000", -5_00, BACK),
        line("withheld", 2, 3_00, "1/1", 3_00, WITHHELD),
        line("thanks", 17, 9, "5000/10000", -4, BACK | ROUNDED),
    ];
    assert_eq!(lines(&answer), gone);
    let back = [
        line("share", 2, 5_00, "1/1", 5_00, BACK),
        line("withheld", 2, 3_00, "1/1", -3_00, BACK | WITHHELD),
        line("thanks", 17, 4, "1/1", 4, BACK),
    ];
    assert_eq!(lines(&till.deal(void(&out), &card).await.1), back);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn points_that_paid_come_back_and_what_is_spent_is_withheld_or_owed() {
    let site = Site::new();
    let gateway = site.start();
    let pay = "[points_payment]\nrule = \"pay\"\npoints = 1\npays = \"0.01\"\n";
    put_in_force(&site, &programme(&format!("{SPEND}{pay}")));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[400_00]).await.remove(0);
    let (large, _) = till.deal(purchase(&card, 300_00), &card).await;
    let (small, answer) = till.deal(by_points(&card, 6_00, 300), &card).await;
    assert_eq!(answer.code(), APPROVED);
    let (_, answer) = till.deal(refund(&large, 300_00), &card).await;
    assert_eq!(approved(&answer), Some(297_03));
    assert_eq!(
        lines(&answer),
        [line("spend", 16, 300, "30000/30000", -300, BACK), line("pay", 16, 2_97, "1/0.01", 297, WITHHELD),]
    );
    let (_, answer) = till.deal(refund(&small, 4_00), &card).await;
    // The balances had paid 3.00; of the 3.00 that points paid, one comes back.
    assert_eq!(
        lines(&answer),
        [line("pay", 16, 300, "100/300", 100, BACK), line("spend", 16, 3, "300/300", -3, BACK)]
    );
    let (lost, _) = till.deal(purchase(&card, 20_00), &card).await;
    assert_eq!(till.code(by_points(&card, 4_00, 110), &card).await, APPROVED);
    let (_, undone) = till.deal(reversal(&lost), &card).await;
    // 100 - 3 + 20 - 110 + 2 were there.
    assert_eq!(
        lines(&undone),
        [line("spend", 16, 20, "1/1", -20, BACK), line("owed", 16, 11, "11/11", 11, OWED)]
    );
    let (_, answer) = till.deal(purchase(&card, 5_00), &card).await;
    let paid = [line("spend", 16, 5_00, "1/1.00", 5, 0), line("owed", 16, 11, "5/11", -5, OWED)];
    assert_eq!((lines(&answer), balance(&answer, BalanceKind::POINTS)), (paid.to_vec(), 0));
    drop(gateway);
    site.verify();
}

/// All of a load's bonus is spent: what is withheld for it is said, and said again when that is undone.
#[tokio::test]
async fn a_refund_that_withheld_the_whole_bonus_keeps_its_lines_when_it_is_undone() {
    let site = Site::new();
    let gateway = site.start();
    let rules = "[[load_bonus]]\nrule = \"share\"\nsteps = [{ from = \"100\", bonus = \"10%\" }]\n";
    put_in_force(&site, &programme(rules).replace("spend = \"principal-first\"", "spend = \"bonus-first\""));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[]).await.remove(0);
    let (loaded, _) = till.deal(load(&card, 100_00), &card).await;
    till.deal(purchase(&card, 10_00), &card).await;
    let (back, answer) = till.deal(refund(&loaded, 100_00), &card).await;
    assert_eq!(approved(&answer), Some(90_00));
    assert_eq!(
        lines(&answer),
        [
            line("share", 2, 10_00, "10000/10000", -10_00, BACK),
            line("withheld", 2, 10_00, "1/1", 10_00, WITHHELD),
        ]
    );
    assert_eq!(
        lines(&till.deal(void(&back), &card).await.1),
        [
            line("share", 2, 10_00, "1/1", 10_00, BACK),
            line("withheld", 2, 10_00, "1/1", -10_00, BACK | WITHHELD),
        ]
    );
    drop(gateway);
    site.verify();
}

/// Whoever brought a member is one with them now: what was given for joining is not taken for what the sale itself gave.
#[tokio::test]
async fn where_referrer_and_member_are_one_card_no_line_names_the_other_rule() {
    let site = Site::new();
    let gateway = site.start();
    let rules = "[membership]\njoining = \"first-purchase\"\ngift = { rule = \"welcome\", points = 10 }\n\
         [[referral]]\nrule = \"brought\"\non = \"joining\"\npoints = 10\nmost = { times_day = 5 }\n";
    let extra = "[[purchase_points]]\nrule = \"extra\"\nper = \"10\"\ngives = 10\n";
    put_in_force(&site, &programme(&format!("{SPEND}{extra}{rules}")));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let all = till.sell(&site, 2, &[50_00]).await;
    let (by, new) = (&all[0], &all[1]);
    join(&mut till, by, super::Said::default()).await;
    let (own, _) = till.deal(purchase(by, 1_00), by).await;
    super::join_by(&mut till, new, by).await;
    let (sale, answer) = till.deal(purchase(new, 10_00), new).await;
    assert_eq!(super::why(&answer).len(), 3, "spend, extra, welcome");
    site.json(&["card", "merge", "--card", &number(new), "--into", &number(by), "--reason", "one person"]);
    let (_, answer) = till.deal(refund(&sale, 10_00), by).await;
    assert_eq!(
        lines(&answer),
        [line("spend", 16, 10, "1000/1000", -10, BACK), line("extra", 16, 10, "1000/1000", -10, BACK)]
    );
    // With the other one's purchase both have joined for nothing: two gifts, and the reward for having brought oneself.
    let (_, answer) = till.deal(refund(&own, 1_00), by).await;
    let joined = line("rules", 16, 30, "1/1", -30, BACK);
    assert_eq!(lines(&answer), [line("spend", 16, 1, "100/100", -1, BACK), joined]);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_tier_that_falls_and_a_joining_that_is_undone_have_their_lines() {
    let site = Site::new();
    let gateway = site.start();
    let rules = "[membership]\njoining = \"spend\"\nspend = \"20.00\"\ngift = { rule = \"welcome\", points = 7 }\n\
         [[tier]]\nkey = \"gold\"\nname = \"Gold\"\ngift = { points = 50 }\nany = [{ spent = \"50.00\" }]\n\
         [tiers]\nlasts_months = 12\n";
    put_in_force(&site, &programme(&format!("{SPEND}{rules}")));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[100_00]).await.remove(0);
    let (_, joined) = join(&mut till, &card, super::Said::default()).await;
    assert_eq!(lines(&joined), []);
    let (sale, answer) = till.deal(purchase(&card, 50_00), &card).await;
    assert_eq!(lines(&answer)[2..], [line("gold", 0, 50_00, "spent 50.00", 0, TIER)], "spend, welcome, gold");
    let (_, answer) = till.deal(refund(&sale, 1_00), &card).await;
    assert_eq!(
        lines(&answer),
        [
            line("spend", 16, 50, "100/5000", -1, BACK),
            line("gold", 16, 50, "1/1", -50, BACK),
            line("gold", 0, 49_00, "spent 50.00", 0, TIER | BACK),
        ]
    );
    let (rest, answer) = till.deal(refund(&sale, 49_00), &card).await;
    assert_eq!(
        lines(&answer),
        [line("spend", 16, 50, "4900/5000", -49, BACK), line("welcome", 16, 7, "1/1", -7, BACK)]
    );
    let (_, answer) = till.deal(void(&rest), &card).await;
    assert_eq!(
        lines(&answer),
        [line("spend", 16, 49, "1/1", 49, BACK), line("welcome", 16, 7, "1/1", 7, BACK)]
    );
    drop(gateway);
    site.verify();
}

#[test]
fn too_many_lines_are_added_up_by_balance_and_by_what_they_say() {
    let reason = |at: usize, kind: u8, result: i64, notes: Notes| Reason {
        rule: format!("rule-{at}"),
        kind: Kind(kind),
        base: 10,
        rate: "1/1".into(),
        result,
        notes,
        other: None,
    };
    let mut reasons: Vec<Reason> = (0..12).map(|at| reason(at, 16, -1, Notes::TAKEN_BACK)).collect();
    let short = |reasons: &[Reason]| {
        let all = translate::explanation(reasons).expect("lines");
        all.iter()
            .map(|line| {
                let (rule, rate) = (line.rule.as_str().to_owned(), line.rate.as_str().to_owned());
                (rule, line.kind.0, line.base, rate, line.result, line.notes.0)
            })
            .collect::<Vec<Line>>()
    };
    assert_eq!(short(&reasons).len(), 12);
    reasons.push(reason(12, 16, -1, Notes::TAKEN_BACK.and(Notes::ROUNDED)));
    reasons.push(reason(13, 16, 3, Notes::WITHHELD));
    reasons.push(reason(14, 2, -2, Notes::TAKEN_BACK));
    assert_eq!(
        short(&reasons),
        [
            line("13 rules", 16, 130, "sum", -13, BACK | ROUNDED),
            line("rule-13", 16, 10, "1/1", 3, WITHHELD),
            line("rule-14", 2, 10, "1/1", -2, BACK),
        ]
    );
}
