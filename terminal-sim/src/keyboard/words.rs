//! The words that can be typed: one table for the parser's messages and for `help`.

use protocol::field::Role;

/// One command.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) name: &'static str,
    /// What may follow it.
    pub(super) form: &'static str,
    example: &'static str,
    what: &'static str,
    /// A kiosk may not send it (section 7).
    register_only: bool,
}

const fn word(
    name: &'static str,
    form: &'static str,
    example: &'static str,
    what: &'static str,
    register_only: bool,
) -> Word {
    Word { name, form, example, what, register_only }
}

pub(super) const WORDS: &[Word] = &[
    word(
        "card",
        "REFERENCE SECRET, or NUMBER",
        "card 1",
        "take a card in, typed or from the cards file",
        false,
    ),
    word("activate", "", "activate", "put the card into use", false),
    word("quote", "AMOUNT", "quote 100.00", "what a load would give", false),
    word(
        "load",
        "AMOUNT [TENDER [AMOUNT] [ref TEXT]]...",
        "load 100.00 qr ref 42",
        "cash, card, qr, bank, voucher, stored, other; several with their amounts",
        false,
    ),
    word("balance", "", "balance", "what the card holds", false),
    word(
        "price",
        "AMOUNT [prices] [points N] [LINE]...",
        "price 12.50 prices",
        "what a sale would take and give",
        true,
    ),
    word(
        "sale",
        "AMOUNT [part] [prices] [points N] [LINE]...",
        "sale 12.50 part",
        "part: or what the card has; prices: the programme's; points: so many pay first",
        true,
    ),
    word(
        "join",
        "[by CARD] [via CHANNEL] [company]",
        "join by 2 via leaflet",
        "make the card a member's",
        false,
    ),
    word(
        "holder",
        "PHONE [born YYYY-MM-DD] [NAME]",
        "holder 8613800000000 Li Na",
        "whose card the next activate, load or join makes it",
        false,
    ),
    word(
        "look-up",
        "PHONE",
        "look-up 8613800000000",
        "the cards that a phone number is registered with",
        false,
    ),
    word("award", "ACTIVITY [N]", "award bottle-return 12", "what the programme gives for it", false),
    word("redeem", "ITEM [N]", "redeem mug", "take points for it", false),
    word("use", "ENTITLEMENT [N]", "use lounge", "use what the member's tier entitles to", true),
    word("member", "[AFTER]", "member", "tier, progress, entitlements, and what comes", false),
    word("catalogue", "[AFTER]", "catalogue", "what points can be redeemed for", false),
    word("authorize", "AMOUNT", "authorize 50.00", "hold an amount", true),
    word("raise", "AMOUNT [STAN]", "raise 10.00", "hold more in a hold", true),
    word(
        "capture",
        "AMOUNT [more] [STAN]",
        "capture 42.00",
        "take from a hold; more: keep the rest held",
        true,
    ),
    word("void", "[STAN]", "void 7", "cancel a transaction of this shift", true),
    word("refund", "AMOUNT [STAN] [LINE]...", "refund 5.00", "give back, of the last sale or of STAN", true),
    word("unload", "AMOUNT", "unload 50.00", "pay out what was loaded", true),
    word("transfer", "AMOUNT TO", "transfer 20.00 2", "from this card to another", true),
    word(
        "cash-taken",
        "AMOUNT",
        "cash-taken 50.00",
        "money is in, no load was answered: a claim slip",
        false,
    ),
    word("pin", "PIN", "pin 123456", "the card's PIN, for the next message", false),
    word("change-pin", "[OLD] NEW", "change-pin 123456", "set the card's PIN", false),
    word("supervisor", "NAME PIN", "supervisor BORIS 4711", "who allows the next message", true),
    word("reverse", "", "reverse", "give up what has no answer, or undo the last", false),
    word("status", "STAN", "status 7", "ask where a transaction stands", false),
    word("receipt", "[STAN]", "receipt 7", "print a receipt again", false),
    word("report", "", "report", "X report: how the shift stands", false),
    word("close", "", "close", "Z report: close the shift, begin the next", false),
    word("sign-on", "CASHIER PIN", "sign-on ANNA 1234", "prove a cashier, until the session ends", true),
    word("offline", "", "offline", "what is left of the grant; what waits", true),
    word("export-queue", "FILE", "export-queue q.hex", "what waits, for gateway advice import", true),
    word("cashier", "NAME", "cashier ANNA", "who is here, on what follows", false),
    word("order", "TEXT", "order table 4", "what the next transaction is for", false),
    word("last", "", "last", "show the last answer again", false),
    word("expect", "CODE, or refused", "expect 00", "in a script: what the last answer must be", false),
    word("help", "", "help", "this list", false),
    word("quit", "", "quit", "end", false),
];

const LINE: &str = "LINE is: line ITEM QTY AMOUNT [of CATEGORY [BRAND]]";

impl Word {
    pub(super) fn is_of(&self, role: Role) -> bool {
        role == Role::REGISTER || !self.register_only
    }

    /// `sale AMOUNT [part], such as: sale 12.50 part`.
    pub(super) fn usage(&self) -> String {
        let of_line = if self.form.contains(" [LINE]") { format!("; {LINE}") } else { String::new() };
        format!("it reads: {}, such as: {}{of_line}", self.line(), self.example)
    }

    fn line(&self) -> String {
        format!("{} {}", self.name, self.form).trim_end().to_owned()
    }
}

/// What `help` says at a terminal of this role.
pub(super) fn help(role: Role) -> String {
    let own = WORDS.iter().filter(|word| word.is_of(role));
    let lines = own.map(|word| format!("{:<65} {:<22} {}\n", word.line(), word.example, word.what));
    lines.chain([format!("{LINE}\n")].into_iter().filter(|_| role == Role::REGISTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kiosk_is_not_shown_what_it_may_not_send() {
        let (register, kiosk) = (help(Role::REGISTER), help(Role::KIOSK));
        assert_eq!(register.lines().count(), WORDS.len() + 1);
        for word in [
            "sale",
            "price",
            "refund",
            "void",
            "authorize",
            "raise",
            "capture",
            "transfer",
            "unload",
            "offline",
            "use",
        ] {
            assert!(register.contains(&format!("\n{word} ")), "{word}");
            assert!(!kiosk.contains(&format!("\n{word} ")), "{word}");
        }
        assert!(kiosk.contains("\nload AMOUNT [TENDER [AMOUNT]") && kiosk.contains("\nreverse "));
    }
}
