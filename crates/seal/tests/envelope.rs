//! An envelope opens in its own place, unaltered, under its own key; and nowhere else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use chatehr_contract::{ConsultationId, EnvelopeId, PersonId};
use chatehr_seal::{Binding, Content, MessageKey, OpenError, RootSecret, classify, open, seal};
use proptest::prelude::*;

/// A place that owns its ids.
#[derive(Clone, Debug, PartialEq)]
struct Place {
    consultation: ConsultationId,
    envelope: EnvelopeId,
    from: PersonId,
    to: PersonId,
}

impl Place {
    fn new([consultation, envelope, from, to]: [&str; 4]) -> Self {
        Self {
            consultation: ConsultationId::new(consultation),
            envelope: EnvelopeId::new(envelope),
            from: PersonId::new(from),
            to: PersonId::new(to),
        }
    }

    fn binding(&self) -> Binding<'_> {
        Binding { consultation: &self.consultation, envelope: &self.envelope, from: &self.from, to: &self.to }
    }
}

fn root() -> RootSecret {
    RootSecret::from_bytes(&[0x42; 32]).unwrap()
}

fn key_of(place: &Place) -> MessageKey {
    MessageKey::derive(&root(), "k1", &place.consultation).unwrap()
}

/// Ids from a small alphabet, so that parts that only differ in where one ends and the next begins do occur.
fn place() -> impl Strategy<Value = Place> {
    prop::array::uniform4("[ab]{0,3}").prop_map(|parts| Place::new(parts.each_ref().map(String::as_str)))
}

#[test]
fn the_format_never_changes_unnoticed() {
    let place = Place::new(["consultation-1", "envelope-1", "physician-1", "patient-1"]);
    let key = key_of(&place);
    let nonce = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
    let content = seal(&key, &place.binding(), "Take two, call me at 18:00. Zażółć 💊", nonce).unwrap();
    insta::assert_snapshot!("envelope_version_3", content);
    assert_eq!(classify(&content), Content::Envelope { kid: "k1" });
}

#[test]
fn an_envelope_under_another_kid_names_it() {
    let place = Place::new(["c", "e", "f", "t"]);
    let content = seal(&key_of(&place), &place.binding(), "text", [0; 12]).unwrap();
    let later = MessageKey::derive(&root(), "k2", &place.consultation).unwrap();
    assert_eq!(open(&later, &place.binding(), &content), Err(OpenError::OtherKey { kid: "k1".to_owned() }));
    // Relabelled, the body is the same and so is the key; the name is bound all the same.
    let relabelled = content.replace(".k1.", ".k2.");
    assert_eq!(open(&later, &place.binding(), &relabelled), Err(OpenError::Refused));
}

#[test]
fn what_is_cut_short_is_refused_at_every_length() {
    let place = Place::new(["c", "e", "f", "t"]);
    let key = key_of(&place);
    let content = seal(&key, &place.binding(), "text", [0; 12]).unwrap();
    for end in 0..content.len() {
        let cut: String = content.chars().take(end).collect();
        assert!(open(&key, &place.binding(), &cut).is_err(), "{end}");
    }
}

#[test]
fn plain_text_is_not_mistaken_for_a_failed_seal() {
    let place = Place::new(["c", "e", "f", "t"]);
    assert_eq!(open(&key_of(&place), &place.binding(), "BP 120:80"), Err(OpenError::NotAnEnvelope));
}

#[test]
fn errors_and_keys_show_no_text() {
    let place = Place::new(["c", "e", "f", "t"]);
    let content = seal(&key_of(&place), &place.binding(), "secret words", [0; 12]).unwrap();
    assert!(!content.contains("secret"));
    let error =
        open(&key_of(&place), &place.binding(), &content.replace("chatehr.3.", "chatehr.3.x")).unwrap_err();
    assert_eq!(format!("{error:?}"), "sealed under the key xk1");
}

proptest! {
    #[test]
    fn what_is_sealed_opens_again(place in place(), text in any::<String>(), nonce in any::<[u8; 12]>()) {
        let key = key_of(&place);
        let content = seal(&key, &place.binding(), &text, nonce).unwrap();
        prop_assert_eq!(open(&key, &place.binding(), &content).unwrap(), text);
    }

    #[test]
    fn a_single_flipped_bit_anywhere_is_refused(
        place in place(), text in ".{0,40}", nonce in any::<[u8; 12]>(), at in any::<prop::sample::Index>(), bit in 0u8..8,
    ) {
        let key = key_of(&place);
        let content = seal(&key, &place.binding(), &text, nonce).unwrap();
        let mut bytes = content.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        // A bit that breaks the UTF-8 never reaches the format: no text could carry it.
        if let Ok(altered) = String::from_utf8(bytes) {
            prop_assert!(open(&key, &place.binding(), &altered).is_err());
        }
    }

    #[test]
    fn it_opens_in_no_other_place(sealed_in in place(), opened_in in place(), nonce in any::<[u8; 12]>()) {
        prop_assume!(sealed_in != opened_in);
        // The same key on purpose: the place alone must be enough.
        let key = key_of(&sealed_in);
        let content = seal(&key, &sealed_in.binding(), "text", nonce).unwrap();
        prop_assert_eq!(open(&key, &opened_in.binding(), &content), Err(OpenError::Refused));
    }

    #[test]
    fn each_part_of_the_place_is_bound(place in place(), other in "[ab]{0,3}", part in 0usize..4) {
        let key = key_of(&place);
        let mut moved = place.clone();
        match part {
            0 => moved.consultation = ConsultationId::new(other),
            1 => moved.envelope = EnvelopeId::new(other),
            2 => moved.from = PersonId::new(other),
            _ => moved.to = PersonId::new(other),
        }
        prop_assume!(moved != place);
        let content = seal(&key, &place.binding(), "text", [9; 12]).unwrap();
        prop_assert_eq!(open(&key, &moved.binding(), &content), Err(OpenError::Refused));
    }

    #[test]
    fn hostile_content_never_opens_and_never_panics(content in "(chatehr\\.3\\.)?.{0,80}") {
        let place = Place::new(["c", "e", "f", "t"]);
        prop_assert!(open(&key_of(&place), &place.binding(), &content).is_err());
        classify(&content);
    }
}
