//! What the desk says to the gateway, and what it makes of what it hears.

use super::*;

#[test]
fn errands_are_said_as_the_gateway_reads_them() {
    let said = |errand: Errand| errand.words().join(" ");
    assert_eq!(said(Errand::Replace { card: 14, by: 22 }), "card replace --card 14 --by 22 --reason lost");
    let limits = OwnLimits { day: Some(40_00), month: Some(1_05) };
    assert_eq!(
        said(Errand::Bind { card: 14, account: 22, limits }),
        "card bind --card 14 --account 22 --per-day 40.00 --per-month 1.05"
    );
    assert_eq!(said(Errand::Extend { card: 14, months: 2 }), "card extend --card 14 --months 2");
    assert_eq!(said(Errand::Unblock { card: 14 }), "card unblock --card 14");
    for (act, words) in [
        (ByTwo::Refund { amount: 12_50 }, "card refund --card 14 --amount 12.50"),
        (ByTwo::Adjust { points: -40 }, "card adjust --card 14 --points=-40"),
        (ByTwo::UnlockPin, "card pin --card 14"),
        (ByTwo::ResetPin, "card pin --card 14 --clear"),
    ] {
        let errand = Errand::ByTwo { card: 14, act, signed: Signed::Both };
        assert_eq!(said(errand), [words, "--reason asked at the desk"].join(" "));
    }
}

#[test]
fn a_time_is_read_at_the_ends_of_months_and_years() {
    for (text, second) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1999-12-31T23:59:59Z", 946_684_799),
        ("2000-02-29T00:00:00Z", 951_782_400),
        ("2000-03-01T00:00:00Z", 951_868_800),
        ("2026-12-22T20:00:00Z", 1_797_969_600),
        ("2100-02-28T12:00:01Z", 4_107_499_201),
    ] {
        assert_eq!(unix_second(text), Some(second), "{text}");
    }
    assert_eq!(["", "tomorrow", "2026-12-22"].map(unix_second), [None; 3]);
}

#[test]
fn a_desk_tells_a_refusal_from_a_gateway_that_is_away() {
    let desk = |script: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), script).unwrap();
        let desk = CommandDesk::new(&format!("sh {}", file.path().display())).unwrap();
        desk.run(&Errand::Block { card: 14 })
    };
    let done = desk("echo \"{\\\"index\\\": $#}\"").unwrap();
    assert_eq!(done, Outcome::Done { index: 7, expires: None, date: None });
    let refused = desk("echo '{\"error\": \"the card is blocked\"}'; exit 1").unwrap();
    assert_eq!(refused, Outcome::Refused { reason: "the card is blocked".into() });
    for away in ["echo no gateway serves data >&2; exit 1", "exit 3", "echo {}"] {
        assert!(desk(away).is_err(), "{away}");
    }
    assert!(CommandDesk::new("  ").is_err());
}

#[test]
fn what_needs_two_is_done_when_the_other_one_has_signed() {
    // Whoever is named last signs; a proposal has the number 7.
    let gateway = |confirms: &str| {
        format!(
            "case \"$*\" in *act*'--number 7'*) case \"$*\" in {confirms}) echo '{{\"index\": 9}}';; \
             *) echo '{{\"error\": \"another operator\"}}'; exit 1;; esac;; \
             *) echo '{{\"index\": 0, \"proposal\": 7}}';; esac"
        )
    };
    let run = |script: &str, signed: Signed| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), script).unwrap();
        let command = format!("sh {} --operator ann", file.path().display());
        let desk = CommandDesk::new(&command).unwrap();
        let errand = Errand::ByTwo { card: 14, act: ByTwo::UnlockPin, signed };
        assert!(!desk.has_two() && desk.run(&errand).is_err(), "there is nobody to confirm it");
        desk.with_second("bob").run(&errand).unwrap()
    };
    let (right, anybody, nobody) = (gateway("*bob*"), gateway("*"), gateway("none"));
    let done = Outcome::Done { index: 9, expires: None, date: None };
    assert_eq!([Signed::Both, Signed::FirstTwice].map(|signed| run(&right, signed)), [done.clone(), done]);
    assert_eq!(run(&right, Signed::FirstOnly), Outcome::Proposed);
    assert_eq!(run(&anybody, Signed::FirstTwice), Outcome::DoneByOne { index: 9 });
    assert_eq!(run("echo '{\"index\": 8}'", Signed::FirstOnly), Outcome::DoneByOne { index: 8 });
    let refused = Outcome::Refused { reason: "another operator".into() };
    assert_eq!(run(&nobody, Signed::Both), refused);
}

#[test]
fn of_what_gives_value_the_day_is_asked_for() {
    let script = "case \"$*\" in *'transaction explain 9'*) echo '[{\"business_date\": 20261121}]';; \
                  *confirm*) echo '{\"index\": 9}';; *) echo '{\"index\": 0, \"proposal\": 7}';; esac";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), script).unwrap();
    let desk = CommandDesk::new(&format!("sh {}", file.path().display())).unwrap().with_second("bob");
    for (act, date) in [
        (ByTwo::Refund { amount: 5 }, Some(2026_11_21)),
        (ByTwo::Adjust { points: 5 }, Some(2026_11_21)),
        (ByTwo::ResetPin, None),
    ] {
        let errand = Errand::ByTwo { card: 14, act, signed: Signed::Both };
        assert_eq!(desk.run(&errand).unwrap(), Outcome::Done { index: 9, expires: None, date });
    }
}
