//! Personal fields, and the commitment to them (section 5.4).

use protocol::request::{PersonalFields, RequestSidecar};

use crate::files::PersonalVector;
use crate::hex;
use crate::keys::SHA256;
use crate::samples;

pub(crate) fn all() -> Vec<PersonalVector> {
    let person = samples::typical_person();
    let with = |number, text: &str| {
        let mut fields = person.clone();
        fields.insert(number, text.parse().unwrap());
        fields
    };
    let only = |numbers: &[u8]| {
        person
            .iter()
            .filter(|(number, _)| numbers.contains(number))
            .map(|(number, text)| (*number, *text))
            .collect()
    };
    let mut eight = person.clone();
    eight
        .extend([(23, "23"), (24, "24"), (255, "255")].map(|(number, text)| (number, text.parse().unwrap())));
    let wide = [0, 248, 249, 250, 251, 252, 253, 254].map(|number| match number {
        0 => (0, person[&0]),
        number => (number, "W".repeat(64).parse().unwrap()),
    });
    vec![
        vector("typical", "salt, phone, name, birthday and number in the merchant's books", &person),
        vector(
            "another salt",
            "the same person with another salt",
            &with(0, "00000000000000000000000000000000"),
        ),
        vector("another name", "the same salt with another name", &with(2, "王小红")),
        vector("phone alone", "salt and phone", &only(&[0, 1])),
        vector("salt alone", "nothing is said", &only(&[0])),
        vector(
            "without salt",
            "as section 5.4 refuses it with a commitment; its hash all the same",
            &only(&[1]),
        ),
        vector("eight fields", "the keys 23, 24 and 255 have encodings of one and two bytes", &eight),
        vector("largest", "eight fields, seven of 64 bytes", &wide.into()),
    ]
}

fn vector(name: &str, note: &str, fields: &PersonalFields) -> PersonalVector {
    let sidecar = RequestSidecar { personal: fields.clone(), ..Default::default() };
    PersonalVector {
        name: name.into(),
        note: note.into(),
        fields: fields.iter().map(|(number, text)| (*number, text.to_string())).collect(),
        encoded: hex(&sidecar.personal_bytes().unwrap()),
        sidecar: hex(&sidecar.encode()),
        commitment: sidecar.personal_commitment(SHA256).unwrap().to_string(),
    }
}
