//! What effects and snapshot rows have in common, as bytes (PROTOCOL.md section 12). Each function writes the elements of
//! an array whose length its caller writes.

use minicbor::encode::Write;
use minicbor::{Decoder, Encoder};

use super::effects::{
    DecodeResult, EncodeResult, bearer, exception_kind, fixed, optional, optionally, transaction_state,
};
use crate::domain::card::{CardReference, Hold, OwnLimits};
use crate::domain::cashier::Cashier;
use crate::domain::effect::{Fate, Line};
use crate::domain::exception::Exception;
use crate::domain::member::{Counters, Standing, TierHeld};
use crate::domain::pin::Pin;
use crate::domain::tally::Tally;

/// State, done, last refund, `[[item, quantity, amount], …]`.
pub(crate) fn encode_fate<W: Write>(e: &mut Encoder<W>, fate: &Fate) -> EncodeResult<W> {
    e.u8(fate.state as u8)?.i64(fate.done)?.u64(fate.last_refund)?.array(fate.lines.len() as u64)?;
    let line = |line: &Line| e.array(3)?.str(&line.item)?.i64(line.quantity)?.i64(line.amount)?.ok();
    fate.lines.iter().try_for_each(line)
}

/// Counterpart of [`encode_fate`].
pub(crate) fn decode_fate(d: &mut Decoder<'_>) -> DecodeResult<Fate> {
    let (state, done, last_refund) = (transaction_state(d.u8()?)?, d.i64()?, d.u64()?);
    let line = |d: &mut Decoder<'_>| -> DecodeResult<Line> {
        d.array()?;
        Ok(Line { item: d.str()?.into(), quantity: d.i64()?, amount: d.i64()? })
    };
    let count = d.array()?.unwrap_or(0);
    let lines = (0..count).map(|_| line(d)).collect::<Result<_, _>>()?;
    Ok(Fate { state, done, last_refund, lines })
}

/// Date, loads, load sum, purchases, purchase sum, refunds, refund sum.
pub(crate) fn encode_tally<W: Write>(e: &mut Encoder<W>, tally: &Tally) -> EncodeResult<W> {
    e.u32(tally.date)?.u32(tally.loads)?.i64(tally.load_sum)?.u32(tally.purchases)?;
    e.i64(tally.purchase_sum)?.u32(tally.refunds)?.i64(tally.refund_sum)?.ok()
}

/// Counterpart of [`encode_tally`].
pub(crate) fn decode_tally(d: &mut Decoder<'_>) -> DecodeResult<Tally> {
    Ok(Tally {
        date: d.u32()?,
        loads: d.u32()?,
        load_sum: d.i64()?,
        purchases: d.u32()?,
        purchase_sum: d.i64()?,
        refunds: d.u32()?,
        refund_sum: d.i64()?,
    })
}

/// `[day, month]`, null for no limit.
pub(super) fn encode_own_limits<W: Write>(e: &mut Encoder<W>, limits: &OwnLimits) -> EncodeResult<W> {
    e.array(2)?;
    optional(e, limits.day.as_ref(), |e, most| e.i64(*most).map(drop))?;
    optional(e, limits.month.as_ref(), |e, most| e.i64(*most).map(drop))
}

/// Counterpart of [`encode_own_limits`].
pub(super) fn decode_own_limits(d: &mut Decoder<'_>) -> DecodeResult<OwnLimits> {
    d.array()?;
    Ok(OwnLimits { day: optionally(d, Decoder::i64)?, month: optionally(d, Decoder::i64)? })
}

/// Salt, hash, tries.
pub(super) fn encode_pin<W: Write>(e: &mut Encoder<W>, pin: &Pin) -> EncodeResult<W> {
    optional(e, pin.secret.as_ref(), |e, (salt, _)| e.bytes(salt).map(drop))?;
    optional(e, pin.secret.as_ref(), |e, (_, hash)| e.bytes(hash).map(drop))?;
    e.u8(pin.tries)?.ok()
}

/// Counterpart of [`encode_pin`].
pub(super) fn decode_pin(d: &mut Decoder<'_>) -> DecodeResult<Pin> {
    let (salt, hash) = (optionally(d, fixed)?, optionally(d, fixed)?);
    Ok(Pin { secret: salt.zip(hash), tries: d.u8()? })
}

/// Status, merchant, store, supervisor, salt, hash, tries.
pub(crate) fn encode_cashier<W: Write>(e: &mut Encoder<W>, cashier: &Cashier) -> EncodeResult<W> {
    e.u8(if cashier.active { 1 } else { 2 })?.str(&cashier.merchant)?;
    optional(e, cashier.store.as_deref(), |e, store| e.str(store).map(drop))?;
    e.bool(cashier.supervisor)?;
    encode_pin(e, &cashier.pin)
}

/// Counterpart of [`encode_cashier`].
pub(crate) fn decode_cashier(d: &mut Decoder<'_>) -> DecodeResult<Cashier> {
    let (active, merchant) = (d.u8()? == 1, d.str()?.into());
    let store = optionally(d, |d| d.str().map(Into::into))?;
    Ok(Cashier { active, merchant, store, supervisor: d.bool()?, pin: decode_pin(d)? })
}

/// Kind, status, amount, bearer.
pub(crate) fn encode_exception<W: Write>(e: &mut Encoder<W>, exception: &Exception) -> EncodeResult<W> {
    e.u8(exception.kind as u8)?.u8(if exception.open { 1 } else { 2 })?.i64(exception.amount)?;
    e.u8(exception.bearer as u8)?.ok()
}

/// Counterpart of [`encode_exception`].
pub(crate) fn decode_exception(d: &mut Decoder<'_>) -> DecodeResult<Exception> {
    let (kind, open) = (exception_kind(d.u8()?)?, d.u8()? == 1);
    Ok(Exception { kind, open, amount: d.i64()?, bearer: bearer(d.u8()?)? })
}

/// Joined, channel, referrer, customer kind, tier, since, until.
pub(crate) fn encode_standing<W: Write>(e: &mut Encoder<W>, standing: &Standing) -> EncodeResult<W> {
    optional(e, standing.joined.as_ref(), |e, date| e.u32(*date).map(drop))?;
    optional(e, standing.channel.as_deref(), |e, channel| e.str(channel).map(drop))?;
    optional(e, standing.referrer.as_ref(), |e, card| e.u64(card.0).map(drop))?;
    e.u8(standing.customer)?;
    let tier = standing.tier.as_ref();
    optional(e, tier.map(|held| held.tier.as_str()), |e, tier| e.str(tier).map(drop))?;
    e.u32(tier.map_or(0, |held| held.since))?;
    optional(e, tier.and_then(|held| held.until.as_ref()), |e, at| e.i64(*at).map(drop))
}

/// Counterpart of [`encode_standing`].
pub(crate) fn decode_standing(d: &mut Decoder<'_>) -> DecodeResult<Standing> {
    let (joined, channel) = (optionally(d, Decoder::u32)?, optionally(d, |d| d.str().map(Into::into))?);
    let (referrer, customer) = (optionally(d, |d| d.u64().map(CardReference))?, d.u8()?);
    let tier = optionally(d, |d| d.str().map(str::to_owned))?;
    let (since, until) = (d.u32()?, optionally(d, Decoder::i64)?);
    let tier = tier.map(|tier| TierHeld { tier, since, until });
    Ok(Standing { joined, channel, referrer, customer, tier })
}

/// `[[counter, period, value], …]`.
pub(crate) fn encode_counters<W: Write>(e: &mut Encoder<W>, counters: &Counters) -> EncodeResult<W> {
    e.array(counters.len() as u64)?;
    let mut each = counters.iter();
    each.try_for_each(|((counter, period), value)| e.array(3)?.str(counter)?.u32(*period)?.i64(*value)?.ok())
}

/// Counterpart of [`encode_counters`].
pub(crate) fn decode_counters(d: &mut Decoder<'_>) -> DecodeResult<Counters> {
    let count = d.array()?.unwrap_or(0);
    let counter = |d: &mut Decoder<'_>| -> DecodeResult<_> {
        d.array()?;
        Ok(((d.str()?.into(), d.u32()?), d.i64()?))
    };
    (0..count).map(|_| counter(d)).collect()
}

/// Hold, expires, captured, `[[lot, amount], …]`.
pub(super) fn encode_hold<W: Write>(e: &mut Encoder<W>, hold: &Hold) -> EncodeResult<W> {
    e.u64(hold.id)?.i64(hold.expires)?.i64(hold.captured)?.array(hold.parts.len() as u64)?;
    hold.parts.iter().try_for_each(|(lot, amount)| e.array(2)?.u32(*lot)?.i64(*amount)?.ok())
}

/// Counterpart of [`encode_hold`].
pub(super) fn decode_hold(d: &mut Decoder<'_>) -> DecodeResult<Hold> {
    let (id, expires, captured) = (d.u64()?, d.i64()?, d.i64()?);
    let count = d.array()?.unwrap_or(0);
    let part = |d: &mut Decoder<'_>| -> DecodeResult<(u32, i64)> {
        d.array()?;
        Ok((d.u32()?, d.i64()?))
    };
    Ok(Hold { id, expires, captured, parts: (0..count).map(|_| part(d)).collect::<Result<_, _>>()? })
}
