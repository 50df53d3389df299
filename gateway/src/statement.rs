//! What programmes say of members to each other (PROTOCOL.md section 12.1): a partner's is verified, ours is signed.

use protocol::cose::Algorithm;
use protocol::field::{Hash, UnixSeconds};
use protocol::statement::Statement;

use crate::domain::act::Act;
use crate::domain::partner_match::Claim;
use crate::domain::programme::Programme;
use crate::journal::sha256;
use crate::keys::{PublicKey, SigningKey};

/// What a statement says, when its signature is that key's; else why it is not believed.
///
/// # Errors
/// In words.
pub fn verified(bytes: &[u8], key: &PublicKey) -> Result<(Statement, [u8; 32]), String> {
    let opened = Statement::open(bytes).map_err(|error| format!("not a statement: {error}"))?;
    let fits = key.algorithm() == opened.algorithm.number();
    if !fits || !key.verify(&opened.to_be_signed, opened.signature) {
        return Err("the statement's signature is not by that key".into());
    }
    Ok((opened.statement, sha256(&[&opened.to_be_signed])))
}

/// What an act's statement claims, when the programme's partner has signed it; `None` of an act without one.
///
/// # Errors
/// In words, when it is no statement of that partner.
pub fn claimed(programme: &Programme, act: &Act) -> Result<Option<Claim>, String> {
    let Act::MemberMatch { partner, statement, .. } = act else { return Ok(None) };
    // Whether there is such a partner is decided with the rest.
    let Some(known) = programme.partners.iter().find(|known| known.name == *partner) else { return Ok(None) };
    let key = PublicKey::from_spki(&known.key).ok_or("the partner's key cannot be read")?;
    let (said, hash) = verified(statement, &key)?;
    if said.issuer.as_str() != partner {
        return Err(format!("the statement is by {:?}, not by {partner:?}", said.issuer.as_str()));
    }
    Ok(Some(Claim {
        issuer: partner.clone(),
        hash,
        tier: said.tier.as_str().to_owned(),
        issued: said.issued.get(),
        until: said.until.get(),
    }))
}

/// Our own statement of a member; `None` for names that do not fit.
#[must_use]
pub fn issued(
    key: &SigningKey,
    (issuer, member): (&str, [u8; 32]),
    tier: &str,
    (issued, until): (i64, i64),
) -> Option<Vec<u8>> {
    let statement = Statement {
        issuer: issuer.parse().ok()?,
        member: Hash(member),
        tier: tier.parse().ok()?,
        issued: UnixSeconds::new(issued)?,
        until: UnixSeconds::new(until)?,
    };
    Some(statement.sign(Algorithm::Es256, |message| key.sign(message)))
}
