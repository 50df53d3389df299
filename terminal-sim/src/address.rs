//! Where the gateway listens: fixed, or in a file that whoever starts the gateway rewrites.

use std::path::PathBuf;

use serde::Deserialize;

use crate::error::Error;
use crate::store::read_json;

/// Asked before each connection.
#[derive(Clone, Debug)]
pub enum Address {
    /// `host:port`.
    Fixed(String),
    /// A JSON file with a `listen` key: the first line that `gateway serve --json` prints.
    File(PathBuf),
}

impl Address {
    /// `host:port` now. A file that is missing or half written counts as a gateway that is not there yet.
    pub fn current(&self) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct File {
            listen: String,
        }
        match self {
            Address::Fixed(address) => Ok(address.clone()),
            Address::File(path) => match read_json::<File>(path) {
                Ok(file) => Ok(file.listen),
                Err(error) => Err(Error::Lost(std::io::Error::other(error))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_file_is_read_anew_each_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.json");
        let address = Address::File(path.clone());
        assert!(matches!(address.current(), Err(Error::Lost(_))));
        for port in ["1", "2"] {
            std::fs::write(&path, format!(r#"{{"listen":"127.0.0.1:{port}","fingerprint":"00"}}"#)).unwrap();
            assert_eq!(address.current().unwrap(), format!("127.0.0.1:{port}"));
        }
    }
}
