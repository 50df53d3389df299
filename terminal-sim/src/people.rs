//! People at the till: cashiers and supervisors (section 9.2).

use std::path::Path;

use protocol::field::{Code, Pin};
use serde::Deserialize;

use crate::error::Error;
use crate::store::read_json;

/// A cashier or supervisor.
#[derive(Clone, Debug)]
pub struct Person {
    /// What goes into keys 8 and 37.
    pub name: Code<16>,
    /// What proves who it is.
    pub pin: Pin,
    /// May allow what a cashier alone may not.
    pub supervisor: bool,
}

impl Person {
    /// `None` when that is no name or no PIN.
    #[must_use]
    pub fn new(name: &str, pin: &str, supervisor: bool) -> Option<Person> {
        Some(Person { name: name.parse().ok()?, pin: Pin::new(pin)?, supervisor })
    }
}

/// Reads `{"people":[{"cashier":"amy","pin":"1234","supervisor":false}]}`.
pub fn read_file(path: &Path) -> Result<Vec<Person>, Error> {
    #[derive(Deserialize)]
    struct File {
        people: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        cashier: String,
        pin: String,
        #[serde(default)]
        supervisor: bool,
    }
    let file: File = read_json(path)?;
    let people = file.people.iter().map(|entry| {
        Person::new(&entry.cashier, &entry.pin, entry.supervisor)
            .ok_or_else(|| Error::Usage(format!("{}: an entry is nobody", path.display())))
    });
    people.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_people_is_read_and_nobody_refused_without_the_pin() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("people.json");
        std::fs::write(
            &path,
            r#"{"people":[{"cashier":"amy","pin":"4711"},{"cashier":"lin","pin":"0815","supervisor":true}]}"#,
        )
        .unwrap();
        let people = read_file(&path).unwrap();
        assert_eq!(people.iter().map(|one| one.supervisor).collect::<Vec<_>>(), [false, true]);
        std::fs::write(&path, r#"{"people":[{"cashier":"a m y","pin":"4711"}]}"#).unwrap();
        let error = read_file(&path).unwrap_err().to_string();
        assert!(error.contains("nobody") && !error.contains("4711"), "{error}");
    }
}
