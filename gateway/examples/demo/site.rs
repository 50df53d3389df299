//! The demo's gateway: a real process, started, killed and asked over its own command line.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use terminal_sim::Address;

use super::AS_GATEWAY;

/// A directory with the gateway's data, terminals' state and exports.
pub(crate) struct Site {
    pub root: PathBuf,
    child: Option<Child>,
    listen: String,
}

impl Site {
    /// Makes the directory anew and starts the gateway.
    pub(crate) fn open() -> Result<Self> {
        let executable = std::env::current_exe()?;
        let target = executable.ancestors().nth(3).context("no target directory")?;
        let root = target.join("demo");
        if root.exists() {
            std::fs::remove_dir_all(&root).with_context(|| format!("clearing {}", root.display()))?;
        }
        std::fs::create_dir_all(&root)?;
        let mut site = Self { root, child: None, listen: String::new() };
        site.start()?;
        Ok(site)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("gateway.log")
    }

    fn gateway(&self) -> Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(AS_GATEWAY).arg("--json").arg("--data").arg(self.data());
        Ok(command)
    }

    /// Starts the gateway; terminals find its new port in `gateway.json`.
    pub(crate) fn start(&mut self) -> Result<()> {
        let log = std::fs::File::options().create(true).append(true).open(self.log())?;
        let mut child = self
            .gateway()?
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("starting the gateway")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let said: Value = serde_json::from_str(&line)
            .with_context(|| format!("the gateway did not start; see {}", self.log().display()))?;
        self.listen = said["listen"].as_str().context("no address")?.to_owned();
        // Renamed into place: a terminal that looks never sees half a file.
        let (new, file) = (self.root.join("gateway.json.new"), self.root.join("gateway.json"));
        std::fs::write(&new, &line)?;
        std::fs::rename(&new, &file)?;
        self.child = Some(child);
        Ok(())
    }

    pub(crate) fn listen(&self) -> &str {
        &self.listen
    }

    pub(crate) fn address(&self) -> Address {
        Address::File(self.root.join("gateway.json"))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// SIGKILL: no goodbye, no flush. Returns the process that was.
    pub(crate) fn kill(&mut self) -> Result<u32> {
        let mut child = self.child.take().context("the gateway does not run")?;
        child.kill()?;
        child.wait()?;
        Ok(child.id())
    }

    /// SIGTERM: drained, flushed, closed.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the gateway does not run")?;
        let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status()?;
        ensure!(sent.success(), "SIGTERM could not be sent");
        let ended = child.wait()?;
        ensure!(ended.success(), "the gateway ended with {ended}");
        Ok(())
    }

    /// Runs a command of the gateway's command line, which must succeed.
    pub(crate) fn command(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.gateway()?.args(arguments).stdin(Stdio::null()).output()?;
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        if !output.status.success() {
            bail!("`gateway {}`: {answer} {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(answer)
    }

    /// The business date as `export` wants it.
    pub(crate) fn business_day(&self) -> Result<String> {
        let status = self.command(&["status"])?;
        Ok(status["business_date"].as_str().context("no business date")?.to_owned())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
