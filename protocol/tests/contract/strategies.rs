//! Random values of every type on the wire, within their ranges. The largest are boxed: all at once, they are too much for the
//! stack of a test.

mod members;

use proptest::option;
use proptest::prelude::*;
use protocol::answer::{
    Answer, AnswerSidecar, CurrencyUnit, Explanation, Explanations, FoundCards, Hold, InFlight, Limits,
    NextStep, Quote, ShiftTransaction, ShiftTransactions,
};
use protocol::code::ResponseCode;
use protocol::field::{
    AmountMinor, BalanceKind, Blob, CardReference, CardSecret, Code, Currency, CustomerKind, Date,
    EnrolmentCode, EntryMode, Fingerprint, Flags, Generation, GrantId, GrossMinor, Hash, KeyId, Nonce, Notes,
    Original, Pin, ProgrammeDigest, ProtocolVersion, PurchaseLine, PurchaseLines, Question, QuestionAnswer,
    QuestionAnswers, QuoteId, Ranged, Reason, RequestId, Role, Shift, Stan, TenderKind, TenderLine,
    TenderLines, TerminalId, TerminalTime, Text, Total, TotalMinor, Totals, TransactionState,
};
use protocol::frame::MessageType;
use protocol::receipt::{Grant, GrantLimits, MAX_PATH, Receipt, SealHeader};
use protocol::request::{Body, Header, LastReceipt, PersonalFields, Request, RequestSidecar, Reserved};

fn ranged<const MIN: i64, const MAX: i64>() -> impl Strategy<Value = Ranged<MIN, MAX>> {
    // Small numbers and the ends are where encodings change.
    let near_ends = prop_oneof![Just(MIN), Just(MAX), MIN..=MAX.min(300)];
    prop_oneof![near_ends, MIN..=MAX].prop_map(|value| Ranged::new(value).unwrap())
}

fn code<const MAX: usize>() -> impl Strategy<Value = Code<MAX>> {
    proptest::string::string_regex(&format!("[A-Za-z0-9._:/-]{{1,{MAX}}}"))
        .unwrap()
        .prop_map(|text| text.parse().unwrap())
}

fn text<const MAX: usize>() -> impl Strategy<Value = Text<MAX>> {
    any::<String>().prop_filter_map("nothing left", |text| Text::fitted(&text))
}

fn positive<T: std::fmt::Debug>(new: fn(u32) -> Option<T>) -> impl Strategy<Value = T> {
    prop_oneof![1..=300_u32, 1..=u32::MAX].prop_map(move |number| new(number).unwrap())
}

fn card() -> impl Strategy<Value = CardReference> {
    (0..100_000_000_000_000_u64).prop_map(|middle| CardReference::from_parts(middle).unwrap())
}

fn terminal() -> impl Strategy<Value = TerminalId> {
    "[A-Z0-9]{1,16}".prop_map(|text| text.parse().unwrap())
}

fn time() -> impl Strategy<Value = TerminalTime> {
    (0..1_u64 << 40, -1440..=1440_i16)
        .prop_map(|(seconds, offset)| TerminalTime::new(seconds, offset).unwrap())
}

fn date() -> impl Strategy<Value = Date> {
    (1..=9999_u32, 1..=12_u32, 1..=31_u32).prop_map(|(y, m, d)| Date::new(y * 10_000 + m * 100 + d).unwrap())
}

fn blob<const MAX: usize>() -> impl Strategy<Value = Blob<MAX>> {
    prop::collection::vec(any::<u8>(), 0..=MAX).prop_map(|bytes| Blob::new(bytes).unwrap())
}

fn original() -> impl Strategy<Value = Original> {
    (terminal(), positive(Generation::new), positive(Stan::new), any::<[u8; 32]>()).prop_map(
        |(terminal, generation, stan, id)| Original { terminal, generation, stan, request_id: RequestId(id) },
    )
}

fn totals() -> impl Strategy<Value = Totals> {
    prop::collection::btree_map(any::<u8>(), (any::<u32>(), ranged()), 0..=16).prop_map(|totals| {
        let total = |(kind, (count, amount))| Total { kind: MessageType(kind), count, amount };
        Totals::new(totals.into_iter().map(total).collect()).unwrap()
    })
}

fn question() -> impl Strategy<Value = Question> {
    let answer =
        prop_oneof![any::<i64>().prop_map(QuestionAnswer::Number), text().prop_map(QuestionAnswer::Text)];
    (code(), answer).prop_map(|(question, answer)| Question { question, answer })
}

fn questions() -> impl Strategy<Value = QuestionAnswers> {
    prop::collection::vec(question(), 1..=6).prop_map(|items| QuestionAnswers::new(items).unwrap())
}

fn reserved() -> impl Strategy<Value = Option<Box<Reserved>>> {
    let codes = (option::of(code()), option::of(code()), option::of(code()));
    let others =
        (option::of(any::<u8>()), option::of(date()), option::of(questions()), option::of(questions()));
    let all = (codes, others, option::of(any::<[u8; 32]>())).prop_map(
        |((referral, channel, case_reference), (kind, receipt_date, survey, activity), commitment)| {
            Reserved {
                referral,
                channel,
                customer_kind: kind.map(CustomerKind),
                receipt_date,
                survey,
                activity,
                case_reference,
                personal_commitment: commitment.map(Hash),
            }
        },
    );
    // No key at all and no box are the same on the wire.
    option::weighted(0.3, all)
        .prop_map(|reserved| reserved.filter(|reserved| *reserved != Reserved::default()).map(Box::new))
}

/// Tender lines, and the amount that they add up to.
fn tenders() -> impl Strategy<Value = (AmountMinor, TenderLines)> {
    let line = (any::<u8>(), 1..=124_999_999_999_i64, option::of(text()));
    prop::collection::vec(line, 1..=8).prop_map(|lines| {
        let sum = lines.iter().map(|(_, minor, _)| minor).sum();
        let line = |(kind, minor, reference)| TenderLine {
            kind: TenderKind(kind),
            amount: AmountMinor::new(minor).unwrap(),
            reference,
        };
        (AmountMinor::new(sum).unwrap(), TenderLines::new(lines.into_iter().map(line).collect()).unwrap())
    })
}

/// Purchase lines, and the amount that they add up to.
fn lines() -> impl Strategy<Value = (AmountMinor, PurchaseLines)> {
    let line = (code(), code(), option::of(code()), ranged(), 0..=41_666_666_666_i64, any::<u32>());
    prop::collection::vec(line, 1..=24).prop_filter_map("nothing to pay", |lines| {
        let sum = lines.iter().map(|line| line.4).sum();
        let line = |(item, category, brand, quantity, gross, flags)| PurchaseLine {
            item,
            category,
            brand,
            quantity,
            gross: GrossMinor::new(gross).unwrap(),
            flags,
        };
        Some((AmountMinor::new(sum)?, PurchaseLines::new(lines.into_iter().map(line).collect())?))
    })
}

/// An amount, and lines that add up to it if there are any.
fn bill() -> impl Strategy<Value = (AmountMinor, Option<PurchaseLines>)> {
    prop_oneof![
        ranged().prop_map(|amount| (amount, None)),
        lines().prop_map(|(amount, lines)| (amount, Some(lines))),
    ]
}

fn reason() -> impl Strategy<Value = Option<Reason>> {
    option::of(any::<u8>().prop_map(Reason))
}

fn last_receipt() -> impl Strategy<Value = LastReceipt> {
    (any::<[u8; 32]>(), any::<[u8; 32]>(), any::<[u8; 32]>(), blob()).prop_map(
        |(request, answer, details, receipt)| LastReceipt {
            request_id: RequestId(request),
            answer_hash: Hash(answer),
            details_hash: Hash(details),
            receipt,
        },
    )
}

fn enrolment_code() -> impl Strategy<Value = EnrolmentCode> {
    "[0-9A-HJKMNP-TV-Z]{20}".prop_map(|text| text.parse().unwrap())
}

fn body() -> BoxedStrategy<Body> {
    let version = || ranged::<1, 15>();
    let enroll = (text(), enrolment_code(), blob(), any::<[u8; 32]>(), version());
    let sign_on = (text(), any::<u32>(), option::of(last_receipt()), version());
    let purchase = prop_oneof![
        (card(), ranged(), Just(None), Just(None)),
        (card(), tenders()).prop_map(|(card, (amount, tenders))| (card, amount, Some(tenders), None)),
        (card(), lines(), option::of(tenders())).prop_map(|(card, (amount, lines), tenders)| (
            card,
            amount,
            tenders.map(|two| two.1),
            Some(lines)
        )),
    ];
    prop_oneof![
        enroll.prop_map(|(software, code, public_key, gateway, protocol_version)| Body::Enroll {
            software,
            code,
            public_key,
            gateway: Fingerprint(gateway),
            protocol_version
        }),
        sign_on.prop_map(
            |(software, last_stan, last_receipt, protocol_version): (_, _, _, ProtocolVersion)| {
                Body::SignOn { software, last_stan, last_receipt, protocol_version }
            }
        ),
        Just(Body::SignOff),
        Just(Body::Echo),
        card().prop_map(|card| Body::Activate { card }),
        (card(), ranged()).prop_map(|(card, amount)| Body::LoadQuote { card, amount }),
        (card(), tenders()).prop_map(|(card, (amount, tenders))| Body::Load { card, amount, tenders }),
        (purchase, option::of(ranged())).prop_map(|((card, amount, tenders, lines), points)| {
            Body::Purchase { card, amount, tenders, lines, points }
        }),
        card().prop_map(|card| Body::BalanceInquiry { card }),
        (original(), any::<u8>())
            .prop_map(|(original, reason)| Body::Reversal { original, reason: Reason(reason) }),
        original().prop_map(|original| Body::TransactionStatus { original }),
        totals().prop_map(|totals| Body::Reconciliation { totals }),
        (bill(), original(), reason(), option::of(code())).prop_map(
            |((amount, lines), original, reason, supervisor)| Body::Refund {
                amount,
                lines,
                original,
                reason,
                supervisor
            }
        ),
        (original(), reason(), option::of(code())).prop_map(|(original, reason, supervisor)| Body::Void {
            original,
            reason,
            supervisor
        }),
        (card(), ranged(), option::of(original())).prop_map(|(card, amount, raises)| Body::Authorize {
            card,
            amount,
            raises
        }),
        (bill(), option::of(tenders()), original()).prop_map(|((amount, lines), tenders, original)| {
            Body::Capture { amount, tenders: tenders.map(|two| two.1), lines, original }
        }),
        (card(), bill(), option::of(ranged())).prop_map(|(card, (amount, lines), points)| {
            Body::PurchaseQuote { card, amount, lines, points }
        }),
        (card(), card(), ranged()).prop_map(|(card, to, amount)| Body::Transfer { card, to, amount }),
        any::<u32>().prop_map(|after| Body::ShiftReport { after }),
        (card(), ranged(), reason(), option::of(code()))
            .prop_map(|(card, amount, reason, supervisor)| Body::Unload { card, amount, reason, supervisor }),
        card().prop_map(|card| Body::ChangePin { card }),
        (option::of(card()), tenders(), option::of(original()), any::<u8>()).prop_map(
            |(card, (amount, tenders), original, reason)| Body::CashTaken {
                card,
                amount,
                tenders,
                original,
                reason: Reason(reason)
            }
        ),
        (card(), bill(), option::of(tenders()), blob()).prop_map(
            |(card, (amount, lines), tenders, grant)| {
                Body::Advice { card, amount, tenders: tenders.map(|two| two.1), lines, grant }
            }
        ),
        Just(Body::CashierSignOn),
        Just(Body::CardLookup),
        members::body(),
    ]
    .boxed()
}

/// A request that keeps section 5.1's table.
pub(crate) fn request() -> BoxedStrategy<Request> {
    let always = (terminal(), positive(Generation::new), any::<[u8; 4]>(), time());
    let identity = (positive(Stan::new), any::<[u8; 16]>());
    let people =
        (option::of(code()), option::of(positive(Shift::new)), option::of(text()), option::of(any::<u8>()));
    let more =
        (option::of(any::<u32>()), option::of(any::<[u8; 8]>()), option::of(any::<[u8; 8]>()), reserved());
    (always, identity, people, more, ranged::<1, 999>(), body())
        .prop_map(|((terminal, generation, key_id, time), (stan, nonce), people, more, currency, body)| {
            let (cashier, shift, order_reference, entry_mode) = people;
            let (flags, programme, quote, reserved) = more;
            let (kind, key_id, nonce) = (body.kind(), KeyId(key_id), Nonce(nonce));
            let entry_mode = entry_mode.map(EntryMode);
            let needs_shift = matches!(kind, MessageType::RECONCILIATION | MessageType::SHIFT_REPORT);
            let shift = if needs_shift { shift.or(Some(Shift::FIRST)) } else { shift };
            let mut header = if kind.is_value() {
                Header {
                    currency: Some(currency),
                    cashier,
                    shift,
                    order_reference,
                    entry_mode,
                    flags: flags.map(Flags),
                    programme_shown: programme.map(ProgrammeDigest),
                    quote: quote.map(QuoteId),
                    reserved,
                    ..Header::value(terminal, generation, stan, key_id, time)
                }
            } else {
                let generation = (kind != MessageType::ENROLL).then_some(generation);
                Header::session(terminal, generation, nonce, key_id, time)
            };
            match kind {
                MessageType::SHIFT_REPORT => header.shift = shift,
                MessageType::PURCHASE_QUOTE => header.flags = flags.map(Flags),
                MessageType::CATALOGUE => header.currency = Some(currency),
                _ => {}
            }
            if kind == MessageType::CASHIER_SIGN_ON {
                header.cashier = Some(cashier.unwrap_or("K07".parse().unwrap()));
            }
            if !kind.is_value() && body.card().is_some() {
                (header.currency, header.entry_mode) = (Some(currency), entry_mode);
            }
            Request { header, body }
        })
        .boxed()
}

fn pin() -> impl Strategy<Value = Option<Pin>> {
    option::of("[0-9]{4,12}".prop_map(|text| Pin::new(&text).unwrap()))
}

/// Personal fields, those that have a form of their own more often than others.
fn personal() -> impl Strategy<Value = PersonalFields> {
    let parsed = |text: String| text.parse().unwrap();
    let field = prop_oneof![
        (Just(0_u8), "[0-9a-f]{32}".prop_map(parsed)),
        (Just(1), "[0-9]{5,15}".prop_map(parsed)),
        (Just(3), date().prop_map(move |date| parsed(date.to_string()))),
        (any::<u8>().prop_filter("any other", |number| !matches!(number, 0 | 1 | 3)), text()),
    ];
    prop::collection::vec(field, 0..=8).prop_map(|fields| fields.into_iter().collect())
}

/// A sidecar with any of its keys.
pub(crate) fn request_sidecar() -> impl Strategy<Value = RequestSidecar> {
    let secret = "[ -~]{8,64}".prop_map(|text| CardSecret::new(&text).unwrap());
    (option::of(secret), pin(), option::of(blob()), pin(), pin(), pin(), personal()).prop_map(
        |(secret, pin, chip, new_pin, cashier_pin, supervisor_pin, personal)| RequestSidecar {
            secret,
            pin,
            chip,
            new_pin,
            cashier_pin,
            supervisor_pin,
            personal,
        },
    )
}

pub(crate) fn grant() -> impl Strategy<Value = Grant> {
    let who = (terminal(), positive(Generation::new), any::<[u8; 8]>());
    (who, ranged(), ranged(), ranged(), ranged(), any::<u32>(), ranged()).prop_map(
        |((terminal, generation, id), issued, expires, transaction, card, count, sum)| Grant {
            terminal,
            generation,
            id: GrantId(id),
            issued,
            expires,
            limits: GrantLimits { transaction, card, count, sum },
        },
    )
}

fn balances() -> impl Strategy<Value = Option<protocol::answer::Balances>> {
    option::of(prop::collection::btree_map(any::<u16>().prop_map(BalanceKind), any::<i64>(), 0..=16))
}

fn changes() -> impl Strategy<Value = Option<protocol::answer::Balances>> {
    let change = any::<i64>().prop_filter("no change is left out", |change| *change != 0);
    option::of(prop::collection::btree_map(any::<u16>().prop_map(BalanceKind), change, 0..=16))
}

fn explanations() -> impl Strategy<Value = Option<Explanations>> {
    let line = (text(), any::<u16>(), any::<i64>(), text(), any::<i64>(), any::<u8>()).prop_map(
        |(rule, kind, base, rate, result, notes)| Explanation {
            rule,
            kind: BalanceKind(kind),
            base,
            rate,
            result,
            notes: Notes(notes),
        },
    );
    option::of(prop::collection::vec(line, 0..=12).prop_map(|lines| Explanations::new(lines).unwrap()))
}

fn journal_index() -> impl Strategy<Value = u64> {
    ranged::<0, { i64::MAX }>().prop_map(|number| number.get().unsigned_abs())
}

fn journal_number() -> impl Strategy<Value = Option<u64>> {
    option::of(journal_index())
}

fn transactions() -> impl Strategy<Value = ShiftTransactions> {
    let what = (any::<u8>(), 0..=99_u8, option::of(ranged()), any::<u8>());
    prop::collection::btree_map(positive(Stan::new), what, 0..=48).prop_map(|transactions| {
        let transaction = |(stan, (kind, code, amount, state))| ShiftTransaction {
            stan,
            kind: MessageType(kind),
            code: ResponseCode(code),
            amount,
            state: TransactionState(state),
        };
        ShiftTransactions::new(transactions.into_iter().map(transaction).collect()).unwrap()
    })
}

/// An answer with any of its keys.
pub(crate) fn answer() -> BoxedStrategy<Answer> {
    let start = (any::<u8>(), 0..=99_u8, option::of(positive(Stan::new)), ranged(), option::of(date()));
    let result =
        (journal_number(), journal_number(), option::of(card()), option::of(text()), option::of(ranged()));
    let values =
        (balances(), changes(), explanations(), option::of((ranged(), ranged())), option::of(any::<u8>()));
    let hold = (journal_index(), ranged(), ranged()).prop_map(|(reference, held, expires)| Hold {
        reference,
        held,
        expires,
    });
    let quote = (any::<[u8; 8]>(), ranged()).prop_map(|(id, expires)| Quote { id: QuoteId(id), expires });
    let lists = (option::of(blob()), option::of(totals()), option::of(hold), option::of(quote));
    let session = (
        option::of(ranged::<1, 1024>()),
        option::of(any::<u32>()),
        option::of(any::<[u8; 8]>()),
        option::of(any::<u32>()),
        option::of(ranged()),
        option::of((ranged(), ranged(), ranged())),
    );
    let facts = (
        option::of(code()),
        option::of(code()),
        option::of(any::<u8>()),
        option::of((ranged(), any::<u8>())),
        option::of(positive(Generation::new)),
        option::of(terminal()),
    );
    let shift = (option::of(any::<bool>()), option::of(transactions()), option::of(any::<u32>()));
    let cards = prop::collection::vec(card(), 1..=8).prop_filter_map("one is there twice", FoundCards::new);
    let shift = (shift, option::of(blob()), option::of(ranged()), option::of(any::<u8>()), option::of(cards));
    let fields = (start, result, values, lists, session, facts, shift);
    (fields, members::said())
        .prop_map(
            |(
                (start, result, values, lists, session, facts, (shift, grant, shortfall, tries_left, cards)),
                member,
            )| {
                let in_flight: Option<InFlight> = session.0;
                let unit = |(number, exponent): (Currency, u8)| CurrencyUnit { number, exponent };
                Answer {
                    stan: start.2,
                    business_date: start.4,
                    reference: result.0,
                    programme_version: result.1,
                    card: result.2,
                    detail: result.3,
                    approved_amount: result.4,
                    balances: values.0,
                    changes: values.1,
                    explanation: values.2,
                    next_step: values
                        .3
                        .map(|(missing, bonus): (TotalMinor, TotalMinor)| NextStep { missing, bonus }),
                    state: values.4.map(TransactionState),
                    stored_answer: lists.0,
                    totals: lists.1,
                    hold: lists.2,
                    quote: lists.3,
                    in_flight,
                    heartbeat_seconds: session.1,
                    programme_digest: session.2.map(ProgrammeDigest),
                    host_last_stan: session.3,
                    backup_horizon: session.4,
                    limits: session.5.map(|(load, purchase, refund)| Limits { load, purchase, refund }),
                    merchant: facts.0,
                    store: facts.1,
                    role: facts.2.map(Role),
                    currency: facts.3.map(unit),
                    generation: facts.4,
                    terminal: facts.5,
                    shift_closed: shift.0,
                    transactions: shift.1,
                    listed_to: shift.2,
                    grant,
                    shortfall,
                    tries_left,
                    cards,
                    kind: MessageType(start.0),
                    code: ResponseCode(start.1),
                    time: start.3,
                    ..*member
                }
            },
        )
        .boxed()
}

pub(crate) fn answer_sidecar() -> impl Strategy<Value = AnswerSidecar> {
    (option::of(blob()), option::of(any::<[u8; 32]>()), option::of(blob())).prop_map(
        |(receipt, details, status)| AnswerSidecar { receipt, details_hash: details.map(Hash), status },
    )
}

pub(crate) fn receipt() -> impl Strategy<Value = Receipt> {
    let number = || ranged::<0, { i64::MAX }>().prop_map(|number| number.get().unsigned_abs());
    let seal = (number(), number(), number(), number(), number(), number());
    let path = prop::collection::vec(any::<[u8; 32]>().prop_map(Hash), 0..=MAX_PATH);
    (seal, number(), number(), path, any::<[u8; 32]>()).prop_map(
        |(seal, tree_size, leaf_index, path, half)| {
            let (chain, epoch, group, first_index, last_index, time_ms) = seal;
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&half);
            Receipt {
                seal: SealHeader { chain, epoch, group, first_index, last_index, time_ms },
                tree_size,
                leaf_index,
                path,
                signature,
            }
        },
    )
}
