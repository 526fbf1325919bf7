//! What a new store holds at the beginning.

use std::str::FromStr;

use chatehr_contract::{Message, MessageKind, Timestamp};
use serde_json::Map;

use crate::{
    demo,
    sealing::Seals,
    serve::StartError,
    sources::Sources,
    store::{StoredAppointment, Tx},
};

/// Most consultations of a large seed: what one machine can be shown with.
const MOST: u32 = 5_000_000;

/// What a new store holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seed {
    /// A clinic of invented people, with accounts to sign in as.
    Demo,
    /// Nothing.
    Empty,
    /// So many consultations, with people, messages and appointments in proportion.
    Large(u32),
}

impl FromStr for Seed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "demo" => Ok(Self::Demo),
            "empty" => Ok(Self::Empty),
            _ => text
                .strip_prefix("large:")
                .and_then(|count| count.parse().ok())
                .filter(|count| (1..=MOST).contains(count))
                .map(Self::Large)
                .ok_or_else(|| format!("must be demo, empty or large:N with N from 1 to {MOST}")),
        }
    }
}

/// Fills a store that holds nothing of a seed yet.
pub(crate) fn plant(tx: &Tx<'_>, seed: &Seed, seals: &Seals, sources: &Sources) -> Result<(), StartError> {
    let name = match seed {
        Seed::Demo => "demo",
        Seed::Empty => "empty",
        Seed::Large(_) => "large",
    };
    let fresh = tx.is_empty()?;
    let held = tx.mark_once("seeded", if fresh { name } else { "used" })?;
    if held != name && *seed != Seed::Empty {
        // Invented people beside real ones, and codes that everybody knows: never.
        return Err(StartError::Configuration(vec![format!(
            "--seed {name}: the database was begun without it, and invented records are not put beside others"
        )]));
    }
    if !fresh {
        return Ok(());
    }
    let now = sources.now();
    match seed {
        Seed::Empty => Ok(()),
        Seed::Demo => clinic(tx, demo::clinic(now), seals, sources),
        Seed::Large(count) => large(tx, *count, seals, sources, now),
    }
}

fn clinic(tx: &Tx<'_>, clinic: demo::Clinic, seals: &Seals, sources: &Sources) -> Result<(), StartError> {
    tx.seed_people(&clinic.patients, &clinic.physicians, &clinic.accounts)?;
    for mut consultation in clinic.consultations {
        consultation.version = consultation.version.max(1);
        tx.seed_consultation(&consultation)?;
    }
    for record in clinic.appointments {
        tx.seed_appointment(&StoredAppointment { record, version: 1, response: None })?;
    }
    for message in clinic.messages {
        say(tx, message, seals, sources)?;
    }
    Ok(())
}

fn large(
    tx: &Tx<'_>,
    count: u32,
    seals: &Seals,
    sources: &Sources,
    now: Timestamp,
) -> Result<(), StartError> {
    tx.seed_people(&demo::large::patients(count), &demo::large::physicians(), &[])?;
    for n in 1..=count {
        let (consultation, messages, appointment) = demo::large::case(n, count, now);
        tx.seed_consultation(&consultation)?;
        for message in messages {
            say(tx, message, seals, sources)?;
        }
        if let Some(record) = appointment {
            tx.seed_appointment(&StoredAppointment { record, version: 1, response: None })?;
        }
    }
    Ok(())
}

fn say(tx: &Tx<'_>, message: demo::DemoMessage, seals: &Seals, sources: &Sources) -> Result<(), StartError> {
    let mut stored = Message {
        id: message.id,
        from_id: message.from_id,
        to_id: message.to_id,
        consultation_id: message.consultation_id,
        content: message.text,
        kind: MessageKind::Text,
        timestamp: message.at,
        metadata: Map::new(),
    };
    stored.metadata.insert("envelopeId".to_owned(), sources.id()?.into());
    seals.seal(&mut stored, sources.bytes()?)?;
    tx.seed_message(&stored)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Seed;

    #[test]
    fn a_seed_is_demo_empty_or_a_number() {
        assert_eq!("demo".parse(), Ok(Seed::Demo));
        assert_eq!("empty".parse(), Ok(Seed::Empty));
        assert_eq!("large:100000".parse(), Ok(Seed::Large(100_000)));
        for text in ["", "large", "large:", "large:0", "large:-1", "large:5000001", "Demo"] {
            assert!(text.parse::<Seed>().is_err(), "{text}");
        }
    }
}
