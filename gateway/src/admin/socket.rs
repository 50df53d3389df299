//! The admin socket: one JSON object a line, from whoever may open a file that only the owner may open.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;

use crate::clock;
use crate::domain::card::CardReference;
use crate::domain::schedule::Start;
use crate::executor::{Handle, Job, NotTaken, Query, Which};
use crate::keys::{from_hex, hex};

/// Longest line: a file of offline sales in hex, and some.
const MAX_LINE: u64 = 3 << 20;

/// What a client may send.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "ask")]
pub enum Ask {
    /// Installation and a nonce to sign.
    Challenge,
    /// A COSE_Sign1 over an act, in hex, with this connection's nonce.
    Act {
        signed: String,
        /// The waiting act that this is the second signature of.
        #[serde(default)]
        confirms: Option<u32>,
        /// The file that the act names, in hex.
        #[serde(default)]
        file: Option<String>,
    },
    Exceptions {
        all: bool,
    },
    Proposals,
    Proposal {
        number: u32,
    },
    Terminals,
    Terminal {
        terminal: String,
    },
    Card {
        card: u64,
    },
    Operators,
    Member {
        card: u64,
    },
    /// What a card's member is worth.
    MemberValue {
        card: u64,
    },
    /// What can be said of a card's member to a partner.
    MemberStatement {
        card: u64,
    },
    Cashiers,
    Programmes,
    /// One version: by number, at a Unix second, or the one in force.
    Programme {
        #[serde(default)]
        version: Option<u32>,
        #[serde(default)]
        at: Option<i64>,
    },
    /// What a document would change when it comes into force; nothing is recorded.
    ProgrammeTrial {
        document: String,
        #[serde(default)]
        from: Option<i64>,
        #[serde(default)]
        instead: bool,
    },
    Catalogue,
    Status,
}

/// Makes the socket, for the owner alone.
///
/// # Errors
/// When it cannot be made.
pub fn listen(path: &Path) -> Result<UnixListener> {
    let context = || format!("admin socket {}", path.display());
    // The data directory's lock is held, so a socket that is left here is nobody's.
    if path.exists() {
        std::fs::remove_file(path).with_context(context)?;
    }
    let listener = UnixListener::bind(path).with_context(context)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).with_context(context)?;
    Ok(listener)
}

/// Serves until the task is dropped.
pub async fn serve(listener: UnixListener, handle: Handle) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let handle = handle.clone();
                tokio::spawn(async move { drop(connection(stream, handle).await) });
            }
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
}

async fn connection(stream: UnixStream, handle: Handle) -> Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let nonce: [u8; 16] = clock::random();
    let mut used = false;
    loop {
        let mut line = Vec::new();
        (&mut read).take(MAX_LINE).read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Ok(());
        }
        let answer = match serde_json::from_slice(&line) {
            Ok(ask) => answer(ask, &handle, nonce, &mut used).await,
            Err(error) => json!({ "error": format!("not a request: {error}") }),
        };
        let mut bytes = answer.to_string().into_bytes();
        bytes.push(b'\n');
        write.write_all(&bytes).await?;
    }
}

async fn answer(ask: Ask, handle: &Handle, nonce: [u8; 16], used: &mut bool) -> Value {
    let query = match ask {
        Ask::Challenge => {
            return json!({ "installation": hex(&handle.installation.0), "nonce": hex(&nonce) });
        }
        Ask::Act { .. } if *used => return json!({ "error": "one act a connection" }),
        Ask::Act { signed, confirms, file } => {
            *used = true;
            return act(&signed, confirms, file.as_deref(), handle, nonce).await;
        }
        Ask::Terminals => Query::Terminals,
        Ask::Terminal { terminal } => Query::Terminal(terminal),
        Ask::Card { card } => Query::Card(CardReference(card)),
        Ask::Operators => Query::Operators,
        Ask::Member { card } => Query::Member(CardReference(card)),
        Ask::MemberValue { card } => Query::MemberValue(CardReference(card)),
        Ask::MemberStatement { card } => Query::MemberStatement(CardReference(card)),
        Ask::Cashiers => Query::Cashiers,
        Ask::Programmes => Query::Programmes,
        Ask::Programme { version: Some(version), .. } => Query::Programme(Which::Version(version)),
        Ask::Programme { at: Some(at), .. } => Query::Programme(Which::At(at)),
        Ask::Programme { .. } => Query::Programme(Which::InForce),
        Ask::ProgrammeTrial { document, from, instead } => {
            Query::ProgrammeTrial { document, start: Start { from, instead } }
        }
        Ask::Catalogue => Query::Catalogue,
        Ask::Status => Query::Status,
        Ask::Exceptions { all } => Query::Exceptions { all },
        Ask::Proposals => Query::Proposals,
        Ask::Proposal { number } => Query::Proposal(number),
    };
    let (reply, answer) = oneshot::channel();
    match handle.submit(Job::Query { query, reply }) {
        Ok(()) => answer.await.unwrap_or_else(|_| json!({ "error": "the gateway is stopping" })),
        Err(reason) => not_taken(reason),
    }
}

async fn act(
    signed: &str,
    confirms: Option<u32>,
    file: Option<&str>,
    handle: &Handle,
    nonce: [u8; 16],
) -> Value {
    let both = from_hex(signed).zip(from_hex(file.unwrap_or_default()));
    let Some((signed, file)) = both else { return json!({ "error": "not hex" }) };
    let (reply, answer) = oneshot::channel();
    if let Err(reason) = handle.submit(Job::Act { signed, nonce, confirms, file, reply }) {
        return not_taken(reason);
    }
    match answer.await {
        Ok(Ok(done)) => json!({ "done": done }),
        Ok(Err(reason)) => json!({ "error": reason }),
        Err(_) => {
            json!({ "error": "the gateway stopped before the act was recorded; look before you repeat it" })
        }
    }
}

fn not_taken(reason: NotTaken) -> Value {
    match reason {
        NotTaken::Full => json!({ "error": "the gateway is busy; nothing was recorded; try again" }),
        NotTaken::Ended => json!({ "error": "the gateway is stopping; nothing was recorded" }),
    }
}
