//! Programmes: checked with line numbers, put in force for what comes, never for what was.

use protocol::code::ResponseCode;
use protocol::field::BalanceKind;

use crate::counter::{Clerk, cards, holdings, last_index, load};
use crate::harness::Site;

const DEFAULT: &str = gateway::programme_file::DEFAULT;

fn file(site: &Site, name: &str, document: &str) -> String {
    let path = site.beside(name);
    std::fs::write(&path, document).expect("a programme file");
    path.to_str().expect("a path").to_owned()
}

#[tokio::test]
async fn a_programme_with_mistakes_is_refused_line_by_line_and_changes_nothing() {
    let site = Site::new();
    let gateway = site.start();
    let index = last_index(&gateway);
    let line_of = |text: &str| DEFAULT.lines().position(|line| line.contains(text)).expect("there") + 1;
    for (from, to, line) in [
        ("cutover = \"04:00\"", "cutover = \"4 o'clock\"", "cutover"),
        ("zone = \"Asia/Shanghai\"", "zone = \"Asia/Atlantis\"", "zone ="),
        ("from = \"300.00\"", "from = \"100.00\"", "from = \"300.00\""),
        ("bonus = \"50.00\"", "bonus = \"50.001\"", "bonus = \"50.00\""),
        ("gives = 1", "gives = 0", "gives = 1"),
        ("min_load", "mim_load", "min_load"),
    ] {
        assert!(DEFAULT.contains(from), "{from}");
        let path = file(&site, "broken.toml", &DEFAULT.replacen(from, to, 1));
        let checked = site.run(&["programme", "check", &path]);
        assert_eq!(checked.status.code(), Some(1), "{to}");
        let problems = checked.json["problems"].to_string();
        assert!(problems.contains(&format!("line {}:", line_of(line))), "{to}: {problems}");
        let activated = site.run(&["programme", "activate", &path]);
        assert_eq!(activated.status.code(), Some(1), "{to}");
        assert!(activated.stderr.contains(&format!("line {}:", line_of(line))), "{}", activated.stderr);
    }
    let dollars = file(&site, "dollars.toml", &DEFAULT.replace("\"CNY\"", "\"USD\""));
    assert_eq!(site.json(&["programme", "check", &dollars])["ok"], true);
    let done = site.run(&["programme", "activate", &dollars]);
    assert!(done.stderr.contains("cannot change the currency"), "{}", done.stderr);
    assert_eq!(last_index(&gateway), index, "nothing was written");
    assert_eq!(site.json(&["programme", "list"])["programmes"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_new_programme_prices_the_next_load_and_no_earlier_one() {
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut session = clerk.session(&gateway).await;
    clerk.fill(&mut session, &card, &[]).await;
    let early = clerk.sign(&session, load(&card, 100_00), &card);
    let first = clerk.send(&mut session, &early).await;
    assert_eq!((first.answer.programme_version, bonus(&first)), (Some(1), 5_00));
    let digest = session.sign_on.programme_digest;

    let generous = DEFAULT.replacen("bonus = \"5.00\"", "bonus = \"7.00\"", 1);
    let path = file(&site, "generous.toml", &generous);
    assert_eq!(site.json(&["programme", "check", &path])["ok"], true);
    site.json(&["programme", "activate", &path]);
    let answer = clerk.deal(&mut session, load(&card, 100_00), &card).await;
    assert_eq!((answer.answer.programme_version, bonus(&answer)), (Some(2), 7_00));
    let again = session.exchange(&early, true).await.expect("an answer");
    assert_eq!((&again.body, again.repeat), (&first.body, true), "what was priced keeps its price");
    assert_ne!(clerk.session(&gateway).await.sign_on.programme_digest, digest, "terminals are told");

    // A restart reads the versions from the journal, and prices the same.
    gateway.kill();
    let gateway = site.start();
    let mut session = clerk.session(&gateway).await;
    let answer = clerk.deal(&mut session, load(&card, 100_00), &card).await;
    assert_eq!((answer.answer.programme_version, bonus(&answer)), (Some(2), 7_00));
    let again = session.exchange(&early, true).await.expect("an answer");
    assert_eq!(again.body, first.body);
    assert_eq!(holdings(&site, &card).bonus, 19_00);

    // Without its product a card is worth nothing, and loses nothing.
    let other = generous.replace("[product.standard]", "[product.other]");
    site.json(&["programme", "activate", &file(&site, "other.toml", &other)]);
    let answer = clerk.deal(&mut session, load(&card, 100_00), &card).await;
    assert_eq!(answer.code(), ResponseCode::NOT_PERMITTED_CARD);
    let done = site.run(&["card", "issue", "--count", "1"]);
    assert!(done.stderr.contains("no product \"standard\""), "{}", done.stderr);
    site.json(&["programme", "activate", &path]);
    let answer = clerk.deal(&mut session, load(&card, 100_00), &card).await;
    assert_eq!((answer.answer.programme_version, bonus(&answer)), (Some(4), 7_00));
    site.verify();
}

fn bonus(answer: &terminal_sim::checked::Checked) -> i64 {
    let changes = answer.answer.changes.as_ref().expect("changes");
    changes.get(&BalanceKind::BONUS).copied().unwrap_or(0)
}
