//! `gateway.toml` in the data directory: everything has a default, unknown keys are refused.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

/// The configuration file, whole.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where terminals connect.
    pub listen: SocketAddr,
    /// `/metrics` and `/healthz`; a loopback address.
    pub metrics: SocketAddr,
    /// Default merchant of new terminals and of operators' acts; 1 to 16 letters, digits or `-_.:/`.
    pub merchant: String,
    /// Default store.
    pub store: String,
    /// Where head anchors go; best on another medium. Default: `anchors.log` in the data directory.
    pub anchors: Option<PathBuf>,
    /// Connections at once.
    pub max_connections: usize,
    /// Unanswered requests that a session may have, 1 to 1024.
    pub in_flight: u16,
    /// Terminals send a heartbeat after so many seconds of silence.
    pub heartbeat_seconds: u32,
    /// Below so much free space loads are refused.
    pub stop_loads_below_mib: u64,
    /// Below so much free space sales are refused too.
    pub stop_sales_below_mib: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7400)),
            metrics: SocketAddr::from(([127, 0, 0, 1], 0)),
            merchant: "M001".into(),
            store: "S001".into(),
            anchors: None,
            max_connections: 4096,
            in_flight: 16,
            heartbeat_seconds: 30,
            stop_loads_below_mib: 256,
            stop_sales_below_mib: 64,
        }
    }
}

impl Config {
    /// Reads a file; a missing one at the default place means the defaults.
    ///
    /// # Errors
    /// When a named file is missing, or a file is not valid.
    pub fn load(named: Option<&Path>, default: &Path) -> Result<Self> {
        let path = match named {
            Some(named) => named,
            None if default.exists() => default,
            None => return Ok(Self::default()),
        };
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let config: Self = toml::from_str(text)?;
        ensure!(config.metrics.ip().is_loopback(), "metrics: {} is not a loopback address", config.metrics);
        ensure!((1..=1024).contains(&config.in_flight), "in_flight must be 1 to 1024");
        ensure!((5..=3600).contains(&config.heartbeat_seconds), "heartbeat_seconds must be 5 to 3600");
        ensure!(config.max_connections > 0, "max_connections must be above 0");
        ensure!(
            config.stop_sales_below_mib <= config.stop_loads_below_mib,
            "stop_sales_below_mib must not be above stop_loads_below_mib: loads stop first"
        );
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(Config::parse("").expect("empty"), Config::default());
    }

    #[test]
    fn misspelt_keys_and_foreign_metrics_addresses_are_refused() {
        assert!(Config::parse("listn = \"127.0.0.1:1\"").is_err());
        assert!(Config::parse("metrics = \"0.0.0.0:9000\"").is_err());
        assert!(Config::parse("in_flight = 0").is_err());
    }
}
