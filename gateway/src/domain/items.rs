//! What a sale had by item, and how much of it has come back (PROTOCOL.md section 11, "Refund by line"). Quantities are
//! thousandths, amounts minor units; lines of one item are one.

use std::collections::BTreeMap;

use super::Fault;
use super::decision::Decline;
use super::effect::Line;

type Totals<'a> = BTreeMap<&'a str, (i64, i64)>;

/// What has come back by item after `more` comes back too, rising by item; nothing changes when the refund has no lines, or
/// the sale had none.
pub(super) fn returned(
    sold: &[Line],
    before: &[Line],
    more: &[Line],
) -> Result<Result<Vec<Line>, Decline>, Fault> {
    if sold.is_empty() || more.is_empty() {
        return Ok(Ok(before.to_vec()));
    }
    let sold = totals(sold.iter())?;
    if more.iter().any(|line| !sold.contains_key(line.item.as_str())) {
        return Ok(Err(Decline::ItemNotSold));
    }
    let after = totals(before.iter().chain(more))?;
    let fits = |(item, back): (&&str, &(i64, i64))| {
        sold.get(item).is_some_and(|sold| back.0 <= sold.0 && back.1 <= sold.1)
    };
    Ok(if after.iter().all(fits) { Ok(lines(after)) } else { Err(Decline::AboveItemSold) })
}

/// The same without the lines of a refund that is undone. Of a sale without lines nothing was counted.
pub(super) fn without(after: &[Line], undone: &[Line]) -> Result<Vec<Line>, Fault> {
    if after.is_empty() {
        return Ok(Vec::new());
    }
    let mut left = totals(after.iter())?;
    for (item, (quantity, amount)) in totals(undone.iter())? {
        // A line of nothing was not kept.
        let (of, minor) = left.entry(item).or_default();
        *of = of.checked_sub(quantity).ok_or(Fault::Overflow)?;
        *minor = minor.checked_sub(amount).ok_or(Fault::Overflow)?;
        if *of < 0 || *minor < 0 {
            return Err(Fault::Misfit("more of an item is put back than came back"));
        }
    }
    Ok(lines(left))
}

fn totals<'a>(lines: impl Iterator<Item = &'a Line>) -> Result<Totals<'a>, Fault> {
    let mut totals = Totals::new();
    for line in lines {
        let (quantity, amount) = totals.entry(line.item.as_str()).or_default();
        *quantity = quantity.checked_add(line.quantity).ok_or(Fault::Overflow)?;
        *amount = amount.checked_add(line.amount).ok_or(Fault::Overflow)?;
    }
    Ok(totals)
}

fn lines(totals: Totals<'_>) -> Vec<Line> {
    let some = totals.into_iter().filter(|(_, total)| *total != (0, 0));
    some.map(|(item, (quantity, amount))| Line { item: item.into(), quantity, amount }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(item: &str, quantity: i64, amount: i64) -> Line {
        Line { item: item.into(), quantity, amount }
    }

    #[test]
    fn lines_of_one_item_are_one_and_come_back_up_to_what_was_sold() {
        let sold = [line("B", 1_000, 2_00), line("A", 1_500, 3_00), line("A", 500, 1_00)];
        let after = returned(&sold, &[], &[line("A", 2_000, 4_00)]).expect("sums");
        assert_eq!(after, Ok(vec![line("A", 2_000, 4_00)]));
        for more in [line("A", 2_001, 1), line("A", 1, 4_01), line("B", 1_001, 0)] {
            assert_eq!(returned(&sold, &[], &[more]).expect("sums"), Err(Decline::AboveItemSold));
        }
        let before = [line("A", 1_999, 3_99)];
        let both = [line("A", 1, 1), line("A", 0, 1)];
        assert_eq!(returned(&sold, &before, &both).expect("sums"), Err(Decline::AboveItemSold));
        let other = [line("B", 1, 1), line("C", 0, 0)];
        assert_eq!(returned(&sold, &before, &other).expect("sums"), Err(Decline::ItemNotSold));
    }

    #[test]
    fn what_an_undone_refund_brought_back_is_sold_again_and_nothing_else() {
        let sold = [line("A", 2_000, 4_00), line("B", 1_000, 2_00)];
        let before = vec![line("A", 500, 1_00)];
        let more = [line("B", 300, 60), line("A", 500, 1_00), line("B", 0, 0), line("B", 700, 0)];
        let after = returned(&sold, &before, &more).expect("sums").expect("they were sold");
        assert_eq!(after, vec![line("A", 1_000, 2_00), line("B", 1_000, 60)]);
        assert_eq!(without(&after, &more), Ok(before));
        assert!(without(&[line("A", 1, 1)], &[line("B", 1, 0)]).is_err());
    }

    #[test]
    fn without_lines_on_either_side_nothing_is_counted_by_item() {
        let before = vec![line("A", 500, 1_00)];
        assert_eq!(returned(&[line("A", 1_000, 2_00)], &before, &[]), Ok(Ok(before.clone())));
        assert_eq!(returned(&[], &[], &[line("X", 1, 1)]), Ok(Ok(Vec::new())));
        assert_eq!(without(&[], &[line("X", 1, 1)]), Ok(Vec::new()));
    }
}
