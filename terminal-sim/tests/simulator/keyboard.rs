//! A register and a kiosk, played by scripts.

use std::time::Duration;

use protocol::code::ResponseCode;
use protocol::cose::Algorithm;
use protocol::field::{Hex, Role};
use protocol::frame::MessageType;
use serde_json::Value;
use terminal_sim::Card;
use terminal_sim::faults::Fault;
use terminal_sim::keyboard::{Keyboard, Mark, Options, Played, Said, Style, play};

use crate::command::{Stage, run};
use crate::gateway::{CODE, Gateway};
use crate::ledger::{Lie, PIN, SECRET};

struct Counter {
    gateway: Gateway,
    directory: tempfile::TempDir,
    cards: Vec<Card>,
}

impl Counter {
    async fn open(lie: Lie) -> Counter {
        let gateway = Gateway::start(lie).await;
        let cards = (70..73).map(|number| gateway.card(number)).collect();
        Counter { gateway, directory: tempfile::tempdir().unwrap(), cards }
    }

    fn options(&self, name: &str) -> Options {
        Options {
            address: self.gateway.address.clone(),
            state: self.directory.path().join(name),
            enrolment: Some(self.gateway.ticket(name)),
            algorithm: Algorithm::Es256,
            role: if name.starts_with('K') { Role::KIOSK } else { Role::REGISTER },
            cards: self.cards.clone(),
            training: false,
            patience: Duration::from_secs(10),
        }
    }

    /// Plays a script and returns how it ended, and what it printed.
    async fn play(&self, options: Options, script: &str) -> (Played, Vec<Value>) {
        let mut out = Vec::new();
        let style = Style { json: true, script: true, prompt: false };
        let lines = script.lines().map(|line| Ok(line.to_owned()));
        let played = play(options, style, lines, &mut out).await.unwrap();
        let text = String::from_utf8(out).unwrap();
        (played, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    fn sent(&self) -> Vec<MessageType> {
        self.gateway.ledger.lock().unwrap().value_messages.clone()
    }
}

/// The last thing that was said to a command.
fn last<'a>(said: &'a [Value], word: &str) -> &'a Value {
    said.iter().rfind(|one| one["command"] == word).unwrap_or_else(|| panic!("{word}: {said:?}"))
}

const REGISTER_DAY: &str = "
    # the first hour
    cashier ANNA
    card 1
    sale 5
    expect 78
    activate
    expect 00
    quote 300.00
    load 300.00 qr
    expect 00
    order table 4
    price 12.50
    sale 12.50
    expect 00
    sale 900
    expect 51
    sale 900 part
    expect 10
    reverse
    expect 00
    void
    expect 00
    receipt 4
    sale 30
    refund 10.01
    expect 00
    # a deposit
    authorize 50
    raise 10
    capture 25.50 more
    capture 34.51
    expect 61
    capture 30
    expect 00
    void 999
    expect refused
    card 2
    activate
    card 1
    transfer 20 2
    expect 00
    status 4
    balance
    report
    close
    expect 00
    close
    expect 00
    report
    quit
    sale 1
";

#[tokio::test]
async fn a_register_plays_a_whole_day_and_its_totals_are_the_gateways() {
    let counter = Counter::open(Lie::None).await;
    let (played, said) = counter.play(counter.options("T0001"), REGISTER_DAY).await;
    assert_eq!(played, Played::Right, "{said:#?}");
    assert_eq!(said.last().unwrap()["said"], "end", "what follows quit is not played");
    let duplicate = last(&said, "receipt");
    assert_eq!((&duplicate["mark"], &duplicate["stan"]), (&"duplicate".into(), &4.into()));
    assert_eq!((&duplicate["cashier"], &duplicate["order"]), (&"ANNA".into(), &"table 4".into()));
    assert_eq!(duplicate["undone_by"], 8, "the void of what was not reversed");
    assert_eq!(last(&said, "status")["state"], "voided");
    assert_eq!(last(&said, "transfer")["to"], counter.cards[1].reference.digits().to_string());
    // 300.00 and 20.00 bonus, less 30.00 and 55.50 and 20.00 out, and 10.01 back.
    let balance = &last(&said, "balance")["balances"];
    assert_eq!(balance["principal"].as_i64().unwrap() + balance["bonus"].as_i64().unwrap(), 224_51);
    let reports: Vec<&Value> = said.iter().filter(|one| one["command"] == "report").collect();
    let listed: Vec<u64> = reports[0]["transactions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["stan"].as_u64().unwrap())
        .collect();
    // Reversals name no shift.
    assert_eq!(listed, (1..=17).filter(|stan| *stan != 7).collect::<Vec<_>>(), "all pages, none twice");
    assert_eq!(reports[0]["totals"], reports[0]["own_totals"]);
    assert_eq!(reports[1]["transactions"], Value::Array(Vec::new()));
    let closings: Vec<_> =
        said.iter().filter(|one| one["command"] == "close").map(|one| &one["shift"]).collect();
    assert_eq!(closings, [1, 2], "the next shift follows by itself");
    assert_eq!(last(&said, "close")["totals"], Value::Array(Vec::new()));
    let cited = counter.gateway.ledger.lock().unwrap().citing.clone();
    assert_eq!(cited, [MessageType::LOAD, MessageType::PURCHASE], "what was quoted just before, once");
    // The next start knows its receipts and its shift.
    let (played, said) = counter.play(counter.options("T0001"), "receipt 2\nexpect 00").await;
    assert_eq!(played, Played::NotAsExpected, "a reprint is no answer: {said:?}");
    assert_eq!(said[0]["stan"], 2);
    let (played, said) = counter.play(counter.options("T0001"), "card 1\nsale 1\nexpect 00\nclose").await;
    assert_eq!((played, &last(&said, "close")["shift"]), (Played::Right, &3.into()));
}

#[tokio::test]
async fn totals_that_differ_are_seen_because_the_terminal_counts_by_itself() {
    let counter = Counter::open(Lie::Totals).await;
    let (played, said) = counter.play(counter.options("T0001"), "card 1\nactivate\nclose\nexpect 95").await;
    assert_eq!(played, Played::Right, "{said:#?}");
    let [closing, found] = &said[said.len() - 3..said.len() - 1] else { panic!("{said:#?}") };
    assert_ne!(closing["totals"], closing["own_totals"]);
    // The sums were made unlike, of the same transactions.
    assert_eq!(
        (&found["said"], &found["pages"][0]["differences"]),
        (&"differences".into(), &Value::Array(vec![]))
    );
}

/// STANs 3, 4, 9 and 10 on three pages of four; what the roll has lost is only there.
#[tokio::test]
async fn a_closing_that_differs_lists_the_differing_stans_page_by_page() {
    for name in ["T0001", "K0001"] {
        let counter = Counter::open(Lie::Shift).await;
        let loads = "load 10\n".repeat(9);
        counter.play(counter.options(name), &format!("card 1\nactivate\n{loads}")).await;
        let receipt = counter.directory.path().join(name).join("receipts/1-0000000008.receipt");
        std::fs::remove_file(receipt).unwrap();
        let (played, said) = counter.play(counter.options(name), "close\nexpect 95").await;
        assert_eq!(played, Played::Right, "{said:#?}");
        let found = said.iter().find(|one| one["said"] == "differences").expect("a list");
        assert_eq!((&found["shift"], &found["command"]), (&1.into(), &"close".into()));
        let pages: Vec<Vec<(u64, &str)>> = found["pages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|page| {
                let all = page["differences"].as_array().unwrap().iter();
                all.map(|one| (one["stan"].as_u64().unwrap(), one["differs"].as_str().unwrap())).collect()
            })
            .collect();
        let expected = [
            vec![(3, "amount"), (4, "only here")],
            vec![(8, "only there"), (9, "only here"), (10, "state")],
            vec![],
        ];
        assert_eq!(pages, expected, "{found:#}");
        let amount = &found["pages"][0]["differences"][0];
        assert_eq!(
            (&amount["here"]["approved_amount"], &amount["there"]["approved_amount"]),
            (&10_00.into(), &10_01.into())
        );
        // The next shift is another matter, and nothing is listed where totals agree.
        let (_, said) = counter.play(counter.options(name), "close\nexpect 00").await;
        assert!(said.iter().all(|one| one["said"] != "differences"), "{said:#?}");
    }
}

#[tokio::test]
async fn a_kiosk_plays_a_day_without_what_it_may_not_send() {
    let counter = Counter::open(Lie::None).await;
    let day = "card 3\nactivate\nexpect 00\nload 0.50\nexpect 13\nload 100.00 voucher\nexpect 00\nload 50\nreverse\n\
               expect 00\nbalance\nreport\nclose\nexpect 00";
    let (played, said) = counter.play(counter.options("K0001"), day).await;
    assert_eq!(played, Played::Right, "{said:#?}");
    assert_eq!(last(&said, "balance")["balances"]["principal"], 100_00);
    let sent = counter.sent();
    for line in
        ["sale 1", "price 1", "refund 1", "void", "authorize 1", "raise 1", "capture 1", "transfer 1 2"]
    {
        let (played, _) = counter.play(counter.options("K0001"), &format!("card 3\n{line}")).await;
        assert_eq!(played, Played::NotUnderstood, "{line}");
    }
    assert_eq!(counter.sent(), sent);
    let register = Options { role: Role::REGISTER, ..counter.options("K0001") };
    let error = Keyboard::open(register).await.unwrap_err().to_string();
    assert_eq!(error, "K0001 is a kiosk: play it with terminal-sim kiosk");
}

/// The answer to a sale is lost, and nobody waits for the next one.
async fn lose(counter: &Counter, fault: Fault) {
    let (mut keyboard, said) = Keyboard::open(counter.options("T0001")).await.unwrap();
    assert_eq!(said, []);
    for line in ["card 1", "activate", "load 100"] {
        keyboard.obey(line).await.unwrap();
    }
    keyboard.terminal.faults.force(fault);
    keyboard.terminal.patience = Duration::ZERO;
    let said = keyboard.obey("sale 12.50").await.unwrap();
    assert!(matches!(&said[..], [Said::Unanswered { stan: Some(3), .. }]), "{said:?}");
    let text = keyboard.show(&said[0], None, false);
    assert!(text.contains("STAN 3 is open") && text.contains("Hand out nothing yet."), "{text}");
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_before_anything_else() {
    for (fault, arrivals) in [(Fault::LoseAnswer, 2), (Fault::LoseRequest, 1)] {
        let counter = Counter::open(Lie::None).await;
        lose(&counter, fault).await;
        let (mut keyboard, said) = Keyboard::open(counter.options("T0001")).await.unwrap();
        let [Said::Slip(slip)] = &said[..] else { panic!("{said:?}") };
        assert_eq!((slip.mark, slip.answer.code), (Some(Mark::Late), ResponseCode::APPROVED));
        assert!(keyboard.show(&said[0], None, false).contains("The answer had been lost"));
        let sales = counter.sent().iter().filter(|kind| **kind == MessageType::PURCHASE).count();
        assert_eq!(sales, arrivals, "{fault:?}");
        for (line, code) in [("card 1", None), ("balance", Some(0)), ("close", Some(0))] {
            let said = keyboard.obey(line).await.unwrap();
            assert_eq!(said[0].code().map(|code| code.0), code, "{line}: {said:?}");
            if let Said::Asked(answer) = &said[0] {
                let balances: Vec<i64> = answer.balances.as_ref().unwrap().values().copied().collect();
                assert_eq!(balances[0], 87_50, "taken once");
            }
        }
    }
}

#[tokio::test]
async fn what_has_no_answer_can_be_given_up_and_is_undone() {
    let counter = Counter::open(Lie::None).await;
    let (mut keyboard, _) = Keyboard::open(counter.options("T0001")).await.unwrap();
    for line in ["card 1", "activate", "load 100", "sale 5"] {
        keyboard.obey(line).await.unwrap();
    }
    keyboard.terminal.faults.force(Fault::LoseAnswer);
    keyboard.terminal.patience = Duration::ZERO;
    keyboard.obey("sale 12.50").await.unwrap();
    // Still nothing: the next command does not begin before the open one has ended.
    let said = keyboard.obey("sale 1").await.unwrap();
    assert!(matches!(&said[..], [Said::Unanswered { stan: Some(4), .. }]), "{said:?}");
    keyboard.terminal.patience = Duration::from_secs(10);
    let said = keyboard.obey("reverse").await.unwrap();
    let [Said::Slip(slip)] = &said[..] else { panic!("{said:?}") };
    assert_eq!((slip.kind, slip.original), (MessageType::REVERSAL, Some(4)));
    assert!(keyboard.show(&said[0], None, false).contains("REVERSED"), "{said:?}");
    let said = keyboard.obey("balance").await.unwrap();
    let Said::Asked(answer) = &said[0] else { panic!("{said:?}") };
    assert_eq!(answer.balances.as_ref().unwrap().values().next(), Some(&95_00), "the sale before stands");
    let said = keyboard.obey("close").await.unwrap();
    assert_eq!(said[0].code(), Some(ResponseCode::APPROVED), "{said:?}");
}

#[tokio::test]
async fn what_is_reversed_is_the_newest_approval_and_nothing_before_it() {
    let counter = Counter::open(Lie::None).await;
    let day = "card 1\nactivate\nload 100\nsale 5\nsale 6\nsale 900\nexpect 51\n";
    let (played, said) = counter.play(counter.options("T0001"), &format!("{day}reverse\nexpect 00")).await;
    assert_eq!((played, &last(&said, "reverse")["original"]), (Played::Right, &4.into()), "{said:#?}");
    for line in ["", "sale 7\nvoid\n", "sale 7\nclose\n"] {
        let script = format!("card 1\n{line}reverse\nexpect refused");
        let (played, said) = counter.play(counter.options("T0001"), &script).await;
        assert_eq!(played, Played::Right, "{line}: {said:#?}");
    }
    // It can be reversed after a restart too.
    counter.play(counter.options("T0001"), "card 1\nsale 8").await;
    let (played, said) = counter.play(counter.options("T0001"), "reverse\nexpect 00").await;
    assert_eq!(played, Played::Right, "{said:#?}");
}

#[tokio::test]
async fn training_sends_no_value_message_and_prints_receipts() {
    let counter = Counter::open(Lie::None).await;
    counter.play(counter.options("T0001"), "card 1\nactivate\nload 100").await;
    let before = (counter.sent(), counter.gateway.ledger.lock().unwrap().journal.clone());
    let training = Options { training: true, ..counter.options("T0001") };
    let script = "card 1\nsale 12.50\nexpect 00\nsale 900\nexpect 51\nsale 900 part\nexpect 10\nload 50\nexpect 00\n\
                  balance\nprice 5\nquote 5\nreport\nstatus 2\nreceipt 2\n";
    let (played, said) = counter.play(training.clone(), script).await;
    assert_eq!(played, Played::Right, "{said:#?}");
    let sale = said.iter().find(|one| one["command"] == "sale").unwrap();
    assert_eq!((&sale["mark"], &sale["kind"]), (&"training".into(), &"Purchase".into()));
    assert_eq!((sale.get("stan"), sale.get("receipt")), (None, None), "nothing was booked");
    assert_eq!(sale["balances"]["principal"], 87_50);
    assert_eq!(last(&said, "balance")["balances"]["principal"], 100_00);
    let (mut keyboard, _) = Keyboard::open(training.clone()).await.unwrap();
    keyboard.obey("card 1").await.unwrap();
    let slip = keyboard.obey("load 50").await.unwrap();
    let text = keyboard.show(&slip[0], None, false);
    assert_eq!(text.matches("*** TRAINING *** TRAINING *** TRAINING ***").count(), 2, "{text}");
    for line in [
        "activate",
        "authorize 5",
        "raise 5",
        "capture 5",
        "void",
        "refund 5",
        "transfer 5 2",
        "reverse",
        "close",
    ] {
        let said = keyboard.obey(line).await.unwrap();
        assert!(
            matches!(&said[..], [Said::Refused(why)] if why.starts_with("this is training")),
            "{line}: {said:?}"
        );
    }
    assert_eq!((counter.sent(), counter.gateway.ledger.lock().unwrap().journal.clone()), before);
    let new = Options { state: counter.directory.path().join("T0002"), ..training };
    assert!(Keyboard::open(new).await.unwrap_err().to_string().contains("enrol first"));
}

#[tokio::test]
async fn training_does_not_begin_while_a_transaction_is_open() {
    let counter = Counter::open(Lie::None).await;
    lose(&counter, Fault::LoseAnswer).await;
    let before = counter.sent();
    let training = Options { training: true, ..counter.options("T0001") };
    let error = Keyboard::open(training).await.unwrap_err().to_string();
    assert_eq!(error, "STAN 3 has no answer yet: start without --training first");
    assert_eq!(counter.sent(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_says_by_its_exit_code_what_went_wrong() {
    let stage = Stage::open(Lie::None).await;
    let directory = stage.directory.path();
    let fingerprint = stage.gateway.ledger.lock().unwrap().key.fingerprint();
    let enrolment = format!("svgp1:T0001:{CODE}:{}", Hex(&fingerprint.0));
    let files = ["--gateway-file", "gateway.json", "--cards", "cards.json", "--enrolment", &enrolment];
    let arguments =
        [&["register", "--terminal", "T1", "--script", "script", "--patience", "2"][..], &files].concat();
    let typed = format!("card {} {SECRET}\n", stage.gateway.card(50).reference.digits());
    for (script, code, word) in [
        (&*[&typed, "activate\nsale 5\nexpect 51"].concat(), 0, "51 not sufficient funds"),
        ("card 1\nload 50\nexpect 51\nload 60", 4, "NOT AS EXPECTED: 51 not sufficient funds was expected"),
        ("card 1\n\nlaod 50\nload 60", 2, "The script ends at line 3."),
    ] {
        std::fs::write(directory.join("script"), script).unwrap();
        let output = run(directory, &arguments).await;
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{script}: {text}");
        assert!(text.contains(word) && !text.contains("60.00"), "{script}: {text}");
        assert!(text.lines().all(|line| !line.contains(SECRET)));
    }
    drop(stage.gateway);
    std::fs::remove_file(directory.join("gateway.json")).unwrap();
    let output = run(directory, &[&arguments[..], &["--json"]].concat()).await;
    assert_eq!(output.status.code(), Some(3));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["said"], "no answer");
}

impl Counter {
    fn away(&self, away: bool) {
        self.gateway.ledger.lock().unwrap().away = away;
    }

    async fn keyboard(&self, name: &str) -> (Keyboard, Vec<Said>) {
        let options = Options { patience: Duration::from_secs(1), ..self.options(name) };
        Keyboard::open(options).await.unwrap()
    }
}

/// Types lines and returns what was said to the last one.
async fn typed(keyboard: &mut Keyboard, lines: &[&str]) -> Vec<Said> {
    let mut said = Vec::new();
    for line in lines {
        said = keyboard.obey(line).await.unwrap();
    }
    said
}

#[tokio::test]
async fn without_the_gateway_a_register_sells_within_its_grant_and_forwards_it_later() {
    let counter = Counter::open(Lie::None).await;
    counter.gateway.ledger.lock().unwrap().offline = true;
    let (mut keyboard, _) = counter.keyboard("T0001").await;
    typed(&mut keyboard, &["card 1", "activate", "load 30"]).await;
    counter.away(true);
    let said = typed(&mut keyboard, &["order table 4", "sale 20"]).await;
    let [Said::Slip(slip)] = &said[..] else { panic!("{said:?}") };
    assert_eq!((slip.mark, slip.is_approved()), (Some(Mark::Offline), true));
    let text = keyboard.show(&said[0], None, false);
    assert_eq!(text.matches("*** OFFLINE ***").count(), 2, "{text}");
    assert!(text.contains("APPROVED OFFLINE") && text.contains("table 4"), "{text}");
    for (line, word) in
        [("sale 50.01", "in one transaction"), ("sale 12 points 5", "points need the gateway")]
    {
        let said = typed(&mut keyboard, &[line]).await;
        assert!(matches!(&said[..], [Said::Refused(why)] if why.contains(word)), "{line}: {said:?}");
    }
    // The load before is not what is taken back now, and what was sold stands.
    let said = typed(&mut keyboard, &["reverse"]).await;
    assert!(matches!(&said[..], [Said::Refused(_)]), "{said:?}");
    let said = typed(&mut keyboard, &["balance"]).await;
    assert!(matches!(&said[..], [Said::Unanswered { stan: None, .. }]), "{said:?}");
    typed(&mut keyboard, &["sale 15"]).await;
    drop(keyboard);
    // It was switched off and on meanwhile.
    let (mut keyboard, said) = counter.keyboard("T0001").await;
    assert!(matches!(&said[..], [Said::Note(note)] if note.contains("cannot be reached")), "{said:?}");
    let said = typed(&mut keyboard, &["card 1", "offline"]).await;
    let text = keyboard.show(&said[0], None, false);
    assert!(text.contains("2 of 3 sales made, 35.00 of 120.00"), "{text}");
    assert!(text.contains("2 wait for the gateway: STAN 3, 4."), "{text}");
    let file = counter.directory.path().join("queue.hex");
    typed(&mut keyboard, &[&format!("export-queue {}", file.display())]).await;
    let queue = std::fs::read_to_string(&file).unwrap();
    assert_eq!(queue.lines().filter(|line| line.len() > 200).count(), 2);
    assert!(queue.chars().all(|letter| letter.is_ascii_hexdigit() || letter == '\n'));
    counter.away(false);
    let said = typed(&mut keyboard, &["balance"]).await;
    let [Said::Slip(first), Said::Slip(second), Said::Asked(balance)] = &said[..] else { panic!("{said:?}") };
    assert!([first, second].iter().all(|slip| slip.mark == Some(Mark::Forwarded) && slip.is_approved()));
    assert_eq!(second.answer.shortfall.map(protocol::field::TotalMinor::get), Some(5_00));
    let text = keyboard.show(&said[1], None, false);
    assert!(text.contains("has been forwarded") && text.contains("Not paid by the card"), "{text}");
    assert_eq!(balance.balances.as_ref().unwrap().values().next(), Some(&0));
    assert_eq!(counter.gateway.ledger.lock().unwrap().advices.len(), 2, "each once");
    let said = typed(&mut keyboard, &["close"]).await;
    assert_eq!(said[0].code(), Some(ResponseCode::APPROVED), "{said:?}");
}

#[tokio::test]
async fn without_a_grant_nothing_is_sold_while_the_gateway_is_away() {
    let counter = Counter::open(Lie::None).await;
    let (mut keyboard, _) = counter.keyboard("T0001").await;
    typed(&mut keyboard, &["card 1", "activate", "load 30"]).await;
    keyboard.terminal.cut();
    counter.away(true);
    let said = typed(&mut keyboard, &["sale 5"]).await;
    assert!(matches!(&said[..], [Said::Unanswered { stan: None, .. }]), "{said:?}");
}

#[tokio::test]
async fn a_kiosk_that_took_money_prints_a_claim_while_the_gateway_is_away() {
    let counter = Counter::open(Lie::None).await;
    let (mut keyboard, _) = counter.keyboard("K0001").await;
    typed(&mut keyboard, &["card 1", "activate"]).await;
    counter.away(true);
    let said = typed(&mut keyboard, &["load 50"]).await;
    assert!(matches!(&said[..], [Said::Unanswered { stan: Some(2), .. }]), "{said:?}");
    let said = typed(&mut keyboard, &["cash-taken 50"]).await;
    let [Said::Claim(claim)] = &said[..] else { panic!("{said:?}") };
    // The load is given up by STAN 3.
    assert_eq!((&*claim.number, claim.amount, claim.load), ("K0001-1-4", 50_00, Some(2)));
    let text = keyboard.show(&said[0], None, false);
    assert!(text.contains("K0001-1-4") && text.contains("cannot be reached"), "{text}");
    counter.away(false);
    let said = typed(&mut keyboard, &["balance"]).await;
    let kinds: Vec<_> = said
        .iter()
        .filter_map(|said| if let Said::Slip(slip) = said { Some(slip.kind) } else { None })
        .collect();
    assert_eq!(kinds, [MessageType::REVERSAL, MessageType::CASH_TAKEN], "{said:?}");
    let Some(Said::Asked(balance)) = said.last() else { panic!("{said:?}") };
    assert_eq!(balance.balances.as_ref().unwrap().values().next(), Some(&0), "nobody was credited");
    let said = typed(&mut keyboard, &["cash-taken 7"]).await;
    assert!(matches!(&said[..], [Said::Claim(_), Said::Slip(_)]), "{said:?}");
}

#[tokio::test]
async fn a_load_is_paid_by_several_means_and_a_quote_is_for_the_very_goods() {
    let counter = Counter::open(Lie::None).await;
    let day = "card 1\nactivate\nload 100 cash 59.99 qr 40.01 ref 4200/1\nexpect 00\n\
               price 6 line A 1 6 of tea ACME\nsale 6 line A 1 6 of tea ACME\nexpect 00\n\
               price 6 line A 1 6 of tea\nsale 6 line A 1 6 of cake\nexpect 00";
    let (played, said) = counter.play(counter.options("T0001"), day).await;
    assert_eq!(played, Played::Right, "{said:#?}");
    let tenders = serde_json::json!([
        { "kind": "cash", "amount": 5_999, "reference": null },
        { "kind": "QR wallet", "amount": 4_001, "reference": "4200/1" },
    ]);
    assert_eq!(last(&said, "load")["tenders"], tenders);
    let citing = counter.gateway.ledger.lock().unwrap().citing.clone();
    assert_eq!(citing, [MessageType::PURCHASE], "other goods are not what was quoted");
}

#[tokio::test]
async fn pins_go_to_the_gateway_and_nowhere_else() {
    let counter = Counter::open(Lie::None).await;
    let day = format!(
        "sign-on ANNA 99999\nexpect 55\nsign-on ANNA {PIN}\nexpect 00\ncard 1\nactivate\nload 100\n\
         change-pin {PIN}\nexpect 00\nchange-pin {PIN} 424299\nexpect 00\npin 99999\nsale 5\nexpect 55\n\
         pin {PIN}\nsale 5\nexpect 00\nsale 6 line A-1 2 4.00 line B 0.5 2.00\nexpect 00\nunload 10\nexpect 00\n\
         supervisor BORIS 99999\nrefund 1 line B 0.25 1.00\nexpect 55\nsupervisor BORIS {PIN}\n\
         refund 1 line B 0.25 1.00\nexpect 00\nclose\nexpect 00"
    );
    let (played, said) = counter.play(counter.options("T0001"), &day).await;
    assert_eq!(played, Played::Right, "{said:#?}");
    assert_eq!(last(&said, "sale")["cashier"], "ANNA");
    let wrong = said.iter().find(|one| one["command"] == "sale").unwrap();
    assert_eq!((&wrong["code"], &wrong["tries_left"]), (&"55".into(), &2.into()));
    let mut written = format!("{said:?}");
    let mut directories = vec![counter.directory.path().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                written.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
            }
        }
    }
    for pin in [PIN, "99999", "424299"] {
        assert!(!written.contains(pin), "{pin}");
    }
}

#[tokio::test]
async fn two_processes_do_not_share_a_terminal() {
    let counter = Counter::open(Lie::None).await;
    let (keyboard, _) = counter.keyboard("T0001").await;
    let error = Keyboard::open(counter.options("T0001")).await.unwrap_err().to_string();
    assert!(error.contains("is in use: another terminal-sim works with this terminal"), "{error}");
    drop(keyboard);
    counter.keyboard("T0001").await;
}

#[tokio::test]
async fn a_holder_is_registered_and_found_by_phone() {
    for name in ["T0001", "K0001"] {
        let counter = Counter::open(Lie::None).await;
        let day = "card 1\nholder 8613800000000 born 1990-02-28 Li Na\nactivate\nexpect 00\n\
                   card 2\nactivate\nholder 8613800000000\nload 50\nexpect 00\n\
                   holder 8613911111111 Wu\ncard 3\nactivate\nexpect 00\n\
                   look-up 8613800000000\nexpect 00\nlook-up 8613911111111\nexpect 14";
        let (played, said) = counter.play(counter.options(name), day).await;
        assert_eq!(played, Played::Right, "{said:#?}");
        let found = said.iter().find(|one| one["command"] == "look-up").unwrap();
        let digits = |at: usize| counter.cards[at].reference.digits().to_string();
        assert_eq!(found["cards"], serde_json::json!([digits(1), digits(0)]), "the newest first");
        // Another card was taken in: the person in front of the terminal has gone.
        let holders = counter.gateway.ledger.lock().unwrap().holders.clone();
        assert_eq!(holders.len(), 2);
        assert_ne!(holders[0].1, holders[1].1, "salts");
        let written = format!("{said:?}");
        for personal in ["8613800000000", "1990", "Li Na"] {
            assert!(!written.contains(personal), "{personal} was said again");
        }
        for (line, why) in [
            ("look-up 12", "5 to 15 digits"),
            ("look-up 86138 1", "one word too many"),
            ("holder +86138001", "5 to 15 digits"),
            ("holder 86138001 born yesterday", "YYYY-MM-DD"),
            ("look-up", "a phone number is missing"),
        ] {
            let (played, said) = counter.play(counter.options(name), line).await;
            let text = said[0]["text"].as_str().unwrap();
            assert_eq!(played, Played::NotUnderstood, "{line}: {said:?}");
            assert!(text.contains(why) && !text.contains("86138001"), "{line}: {text}");
        }
        let (mut keyboard, _) = counter.keyboard(name).await;
        let said = typed(&mut keyboard, &["look-up 8613800000000"]).await;
        let text = keyboard.show(&said[0], None, false);
        assert!(text.contains("LOOK-UP") && text.contains(&digits(0)[..4]), "{text}");
        let said = typed(&mut keyboard, &["help"]).await;
        assert!(keyboard.show(&said[0], None, false).contains("look-up PHONE"));
    }
}
