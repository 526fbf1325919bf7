//! The one way in which an entry is written as bytes, version 1.
//!
//! ```text
//! version   1 byte    "1"
//! seq      16 digits  its place in the log
//! at       15 digits  milliseconds since 1970
//! actor    text or nothing
//! action   text
//! patient  text or nothing
//! role, session, workstation  text
//! outcome   1 byte    "S" success, "R" refused, "F" failed
//! reason   text or nothing
//! objects   4 digits  how many, then each a text
//! ```
//!
//! A text is its length in bytes as 4 digits, then its UTF-8; nothing is `----`. Every length comes before what it
//! measures and every number has all its digits, so no two entries read the same. Digits rather than binary numbers,
//! because SQLite's own functions read them: the columns that are searched are computed from these very bytes
//! (schema.sql), and a person with nothing but a SQLite shell can read the log.

use chatehr_contract::{PersonId, Role, Timestamp};

use crate::entry::{NewEntry, Outcome};

const VERSION: u8 = b'1';
const SEQ_DIGITS: usize = 16;
const AT_DIGITS: usize = 15;
const LENGTH_DIGITS: usize = 4;
const NOTHING: &str = "----";
/// 9999-12-31T23:59:59.999Z, the last instant that FHIR and ISO 8601 can write with four digits.
const LAST_INSTANT: u64 = 253_402_300_799_999;

/// Why an entry cannot be written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Before 1970 or after 9999.
    #[error("the time of an entry is between 1970 and 9999")]
    Time,
    /// Not a word.
    #[error("an action is a word of lower-case letters, digits, '.', '_' and '-'")]
    Action,
    /// More than 9,999 bytes, or objects: that is content, not a name.
    #[error("{field} is too long for an entry")]
    TooLong {
        /// Which field.
        field: &'static str,
    },
}

/// Writes an entry behind what `out` holds. After an error `out` holds a part of it.
pub(crate) fn encode(out: &mut Vec<u8>, seq: u64, entry: &NewEntry) -> Result<(), Unfit> {
    if entry.action.is_empty()
        || !entry.action.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
    {
        return Err(Unfit::Action);
    }
    let at = u64::try_from(entry.at.millis()).ok().filter(|at| *at <= LAST_INSTANT).ok_or(Unfit::Time)?;
    out.push(VERSION);
    number::<SEQ_DIGITS>(out, seq).ok_or(Unfit::TooLong { field: "the log" })?;
    number::<AT_DIGITS>(out, at).ok_or(Unfit::Time)?;
    maybe(out, "actor", entry.actor.as_deref())?;
    text(out, "action", &entry.action)?;
    maybe(out, "patient", entry.patient.as_ref().map(PersonId::as_str))?;
    text(out, "role", entry.role.as_str())?;
    text(out, "session", &entry.session)?;
    text(out, "workstation", &entry.workstation)?;
    out.push(match entry.outcome {
        Outcome::Success => b'S',
        Outcome::Refused => b'R',
        Outcome::Failed => b'F',
    });
    maybe(out, "reason", entry.reason.as_deref())?;
    length(out, "objects", entry.objects.len())?;
    entry.objects.iter().try_for_each(|object| text(out, "objects", object))
}

fn number<const DIGITS: usize>(out: &mut Vec<u8>, mut value: u64) -> Option<()> {
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(value % 10).ok()?;
        value /= 10;
    }
    out.extend_from_slice(&digits);
    (value == 0).then_some(())
}

fn length(out: &mut Vec<u8>, field: &'static str, length: usize) -> Result<(), Unfit> {
    let number = u64::try_from(length).ok().and_then(|length| number::<LENGTH_DIGITS>(out, length));
    number.ok_or(Unfit::TooLong { field })
}

fn text(out: &mut Vec<u8>, field: &'static str, text: &str) -> Result<(), Unfit> {
    length(out, field, text.len())?;
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

fn maybe(out: &mut Vec<u8>, field: &'static str, value: Option<&str>) -> Result<(), Unfit> {
    match value {
        Some(value) => text(out, field, value),
        None => {
            out.extend_from_slice(NOTHING.as_bytes());
            Ok(())
        }
    }
}

/// An entry where its bytes lie.
pub(crate) struct Encoded<'a> {
    pub(crate) seq: u64,
    at: u64,
    actor: Option<&'a str>,
    action: &'a str,
    patient: Option<&'a str>,
    role: &'a str,
    session: &'a str,
    workstation: &'a str,
    outcome: Outcome,
    reason: Option<&'a str>,
    objects: Rest<'a>,
}

impl<'a> Encoded<'a> {
    /// Reads what [`encode`] writes, and nothing else.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = Rest(std::str::from_utf8(bytes).ok()?);
        if rest.take(1)?.as_bytes() != [VERSION] {
            return None;
        }
        let mut encoded = Self {
            seq: rest.number(SEQ_DIGITS)?,
            at: rest.number(AT_DIGITS).filter(|at| *at <= LAST_INSTANT)?,
            actor: rest.maybe()?,
            action: rest.text()?,
            patient: rest.maybe()?,
            role: rest.text()?,
            session: rest.text()?,
            workstation: rest.text()?,
            outcome: match rest.take(1)? {
                "S" => Outcome::Success,
                "R" => Outcome::Refused,
                "F" => Outcome::Failed,
                _ => return None,
            },
            reason: rest.maybe()?,
            objects: rest,
        };
        let count = rest.number(LENGTH_DIGITS)?;
        encoded.objects = rest;
        for _ in 0..count {
            rest.text()?;
        }
        rest.0.is_empty().then_some(encoded)
    }

    pub(crate) fn to_entry(&self) -> Option<NewEntry> {
        let mut objects = Vec::new();
        let mut rest = self.objects;
        while !rest.0.is_empty() {
            objects.push(rest.text()?.to_owned());
        }
        Some(NewEntry {
            at: Timestamp::from_millis(i64::try_from(self.at).ok()?),
            actor: self.actor.map(str::to_owned),
            role: Role::from(self.role),
            session: self.session.to_owned(),
            workstation: self.workstation.to_owned(),
            action: self.action.to_owned(),
            objects,
            patient: self.patient.map(PersonId::new),
            outcome: self.outcome,
            reason: self.reason.map(str::to_owned),
        })
    }
}

/// What is still to be read.
#[derive(Clone, Copy)]
struct Rest<'a>(&'a str);

/// Inlined, since verifying does this for every field of every entry and little else besides hashing.
impl<'a> Rest<'a> {
    #[inline]
    fn take(&mut self, bytes: usize) -> Option<&'a str> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    #[inline]
    fn number(&mut self, digits: usize) -> Option<u64> {
        self.take(digits)?
            .bytes()
            .try_fold(0_u64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u64::from(byte - b'0')))
    }

    #[inline]
    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number(LENGTH_DIGITS)?).ok()?;
        self.take(length)
    }

    #[inline]
    fn maybe(&mut self) -> Option<Option<&'a str>> {
        match self.0.strip_prefix(NOTHING) {
            Some(rest) => {
                self.0 = rest;
                Some(None)
            }
            None => self.text().map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{PersonId, Role, Timestamp};
    use proptest::{collection::vec, option, prelude::*};

    use super::{Encoded, LAST_INSTANT, Unfit, encode};
    use crate::entry::{NewEntry, Outcome};

    fn plain() -> NewEntry {
        NewEntry {
            at: Timestamp::from_millis(1_764_086_400_250),
            actor: Some("physician-1".to_owned()),
            role: Role::Physician,
            session: "s-7".to_owned(),
            workstation: "desk-2".to_owned(),
            action: "consultation.read".to_owned(),
            objects: vec!["c-1".to_owned(), "c-2".to_owned()],
            patient: Some(PersonId::new("patient-123")),
            outcome: Outcome::Success,
            reason: None,
        }
    }

    fn encoded(seq: u64, entry: &NewEntry) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out, seq, entry).unwrap();
        out
    }

    fn read(bytes: &[u8]) -> Option<(u64, NewEntry)> {
        let encoded = Encoded::read(bytes)?;
        Some((encoded.seq, encoded.to_entry()?))
    }

    /// From small alphabets, so that entries that only differ in where a part ends do occur.
    fn entry() -> impl Strategy<Value = NewEntry> {
        let text = || "[0-]{0,5}|\\PC{0,12}";
        let who = (option::of(text()), text(), text(), text(), option::of(text()));
        let what = ("[a-z._-]{1,12}", vec(text(), 0..4), option::of(text()), 0..=LAST_INSTANT, 0..3);
        (who, what).prop_map(
            |((actor, role, session, workstation, patient), (action, objects, reason, at, o))| NewEntry {
                at: Timestamp::from_millis(i64::try_from(at).unwrap()),
                actor,
                role: Role::from(role),
                session,
                workstation,
                action,
                objects,
                patient: patient.map(PersonId::new),
                outcome: [Outcome::Success, Outcome::Refused, Outcome::Failed][usize::try_from(o).unwrap()],
                reason,
            },
        )
    }

    #[test]
    fn the_encoding_never_changes_unnoticed() {
        let known = String::from_utf8(encoded(42, &plain())).unwrap();
        let nobody = NewEntry {
            actor: None,
            patient: None,
            objects: Vec::new(),
            outcome: Outcome::Refused,
            reason: Some("Zażółć 💊".to_owned()),
            ..plain()
        };
        let nobody = String::from_utf8(encoded(9_999_999_999_999_999, &nobody)).unwrap();
        insta::assert_snapshot!("encoding_version_1", format!("{known}\n{nobody}"));
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        let refusal = |change: fn(&mut NewEntry)| {
            let mut entry = plain();
            change(&mut entry);
            encode(&mut Vec::new(), 1, &entry).err()
        };
        assert_eq!(refusal(|e| e.at = Timestamp::from_millis(-1)), Some(Unfit::Time));
        assert_eq!(refusal(|e| e.at = Timestamp::from_millis(253_402_300_800_000)), Some(Unfit::Time));
        assert_eq!(refusal(|e| e.at = Timestamp::from_millis(253_402_300_799_999)), None);
        for action in ["", "Read", "read it", "=cmd", "é"] {
            let entry = NewEntry { action: action.to_owned(), ..plain() };
            assert_eq!(encode(&mut Vec::new(), 1, &entry), Err(Unfit::Action), "{action}");
        }
        assert_eq!(refusal(|e| e.reason = Some("r".repeat(9_999))), None);
        assert_eq!(
            refusal(|e| e.reason = Some("r".repeat(10_000))),
            Some(Unfit::TooLong { field: "reason" })
        );
        assert_eq!(
            refusal(|e| e.objects = vec![String::new(); 10_000]),
            Some(Unfit::TooLong { field: "objects" })
        );
        assert!(encode(&mut Vec::new(), 10_000_000_000_000_000, &plain()).is_err());
    }

    #[test]
    fn what_no_entry_can_say_is_not_read() {
        let text = String::from_utf8(encoded(42, &plain())).unwrap();
        assert!(read(text.as_bytes()).is_some());
        for (said, other) in [
            ("001764086400250", "253402300800000"),
            ("001764086400250", "00176408640025 "),
            ("desk-2S", "desk-2s"),
            ("00020003c-1", "00010003c-1"),
            ("00020003c-1", "00030003c-1"),
        ] {
            assert_ne!(text.replace(said, other).as_bytes(), text.as_bytes(), "{said}");
            assert!(Encoded::read(text.replace(said, other).as_bytes()).is_none(), "{other}");
        }
        assert!(Encoded::read(text.replacen('1', "2", 1).as_bytes()).is_none());
    }

    proptest! {
        #[test]
        fn no_two_entries_read_the_same(a in entry(), b in entry(), i in 0..3_u64, j in 0..3_u64) {
            prop_assert_eq!(encoded(i, &a) == encoded(j, &b), (i, &a) == (j, &b));
        }

        #[test]
        fn what_is_written_reads_back(entry in entry(), seq in 0..10_000_000_000_000_000_u64) {
            prop_assert_eq!(read(&encoded(seq, &entry)), Some((seq, entry)));
        }

        #[test]
        fn only_what_is_written_is_read(entry in entry(), at in any::<prop::sample::Index>(), byte: u8) {
            let mut bytes = encoded(1, &entry);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Some((seq, entry)) = read(&bytes) {
                // A word with two spellings is read as the one it means.
                if !matches!(entry.role, Role::Physician) && encode(&mut Vec::new(), seq, &entry).is_ok() {
                    prop_assert_eq!(encoded(seq, &entry), bytes);
                }
            }
        }

        #[test]
        fn a_part_of_an_entry_is_no_entry(entry in entry(), end in any::<prop::sample::Index>()) {
            let bytes = encoded(1, &entry);
            prop_assert!(Encoded::read(&bytes[..end.index(bytes.len())]).is_none());
            prop_assert!(Encoded::read(&[bytes, b"0".to_vec()].concat()).is_none());
        }
    }
}
