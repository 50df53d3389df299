//! Enrolment strings (section 10), one by one and in files.

use std::path::Path;

use protocol::terminal::EnrolmentTicket;
use serde::Deserialize;

use crate::error::Error;
use crate::store::read_json;

/// Parses `svgp1:TID:CODE:FINGERPRINT`. The error does not repeat the string: it holds a secret.
pub fn parse(text: &str) -> Result<EnrolmentTicket, Error> {
    text.parse().map_err(|problem| {
        Error::Usage(format!("not an enrolment string (svgp1:TID:CODE:FINGERPRINT): {problem}"))
    })
}

/// Reads `{"enrolments":["svgp1:...", ...]}`.
pub fn read_file(path: &Path) -> Result<Vec<EnrolmentTicket>, Error> {
    #[derive(Deserialize)]
    struct File {
        enrolments: Vec<String>,
    }
    let file: File = read_json(path)?;
    file.enrolments.iter().map(|text| parse(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_strings_is_read_and_a_bad_one_refused_without_its_secret() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("enrolments.json");
        let good = format!("svgp1:T0001:7K3QZ9XW2M4RT8VNB6HD:{}", "5f1c".repeat(16));
        std::fs::write(&path, format!(r#"{{"enrolments":["{good}"]}}"#)).unwrap();
        assert_eq!(read_file(&path).unwrap(), [parse(&good).unwrap()]);
        let error = parse(&good.replace("svgp1", "svgp2")).unwrap_err().to_string();
        assert!(error.contains("svgp1:TID") && !error.contains("7K3Q"), "{error}");
        std::fs::write(&path, "{}").unwrap();
        assert!(matches!(read_file(&path), Err(Error::Usage(_))));
    }
}
