//! The command line's end of the admin socket.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;

use anyhow::{Context as _, Result, anyhow, bail};
use protocol::field::Installation;
use serde_json::Value;

use super::act::SignedAct;
use super::socket::Ask;
use crate::clock::Clock;
use crate::domain::act::Act;
use crate::keys::{DataDir, SigningKey, from_hex, hex};

/// A connection to a serving gateway.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects to the gateway that serves this data directory.
    ///
    /// # Errors
    /// When none does.
    pub fn connect(data: &DataDir) -> Result<Self> {
        let path = data.socket();
        let stream = UnixStream::connect(&path).with_context(|| {
            format!(
                "no gateway serves {} (no answer at {}); start it with `gateway serve --data {}`",
                data.0.display(),
                path.display(),
                data.0.display()
            )
        })?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Asks one question.
    ///
    /// # Errors
    /// When the gateway refuses, with its reason.
    pub fn ask(&mut self, ask: &Ask) -> Result<Value> {
        let mut line = serde_json::to_vec(ask)?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line).context("the gateway closed the connection")?;
        let mut answer = String::new();
        self.stream.read_line(&mut answer)?;
        let answer: Value = serde_json::from_str(&answer).context("the gateway gave no answer")?;
        match answer.get("error").and_then(Value::as_str) {
            Some(reason) => bail!("{reason}"),
            None => Ok(answer),
        }
    }

    /// Signs an act as `operator` and has it recorded.
    ///
    /// # Errors
    /// When there is no such key, or the gateway refuses the act; nothing was recorded then.
    pub fn act(data: &DataDir, operator: &str, act: Act) -> Result<Value> {
        Self::sign(data, operator, act, (None, None))
    }

    /// The same of an act that names a file, which goes with it.
    ///
    /// # Errors
    /// As [`Client::act`].
    pub fn act_with_file(data: &DataDir, operator: &str, act: Act, file: &[u8]) -> Result<Value> {
        Self::sign(data, operator, act, (None, Some(hex(file))))
    }

    /// Signs the act that waits under `number`, as its second person, and has it recorded.
    ///
    /// # Errors
    /// When there is no such act or key, or the gateway refuses; nothing was recorded then.
    pub fn confirm(data: &DataDir, operator: &str, number: u32, act: Act) -> Result<Value> {
        Self::sign(data, operator, act, (Some(number), None))
    }

    fn sign(
        data: &DataDir,
        operator: &str,
        act: Act,
        (confirms, file): (Option<u32>, Option<String>),
    ) -> Result<Value> {
        let key = SigningKey::load(&data.operator_key(operator))
            .with_context(|| format!("operator {operator} has no key here"))?;
        let mut client = Self::connect(data)?;
        let challenge = client.ask(&Ask::Challenge)?;
        let field = |name: &str| {
            let bytes = challenge[name].as_str().and_then(from_hex);
            bytes
                .and_then(|bytes| <[u8; 16]>::try_from(bytes).ok())
                .ok_or_else(|| anyhow!("no {name} in the challenge"))
        };
        let act = SignedAct {
            operator: operator.into(),
            time_s: Clock::system().now_ms().div_euclid(1000),
            nonce: field("nonce")?,
            act,
        };
        let signed = act.sign(&key, &Installation(field("installation")?));
        let answer = client.ask(&Ask::Act { signed: hex(&signed), confirms, file })?;
        Ok(answer["done"].clone())
    }
}
