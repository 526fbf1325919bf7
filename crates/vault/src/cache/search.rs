//! Full-text search over what people wrote and patients' names.
//!
//! The latest entry comes first: sorting by relevance would read every hit of a common word. Whatever is typed is
//! taken as words; the index's query language is out of reach.

use chatehr_contract::{ConsultationId, MessageId, PersonId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    error::{Fault, VaultError},
    vault::Vault,
};

/// Words of a query that count; more only narrow what ten words have found.
const WORDS: usize = 10;
/// Characters of a word that count.
const WORD_CHARS: usize = 64;

pub(super) const SEARCH: &str = "SELECT entry.kind, entry.id, entry.consultation_id
     FROM search_index CROSS JOIN search_entry AS entry ON entry.entry = search_index.rowid
     WHERE search_index MATCH ?1 ORDER BY search_index.rowid DESC LIMIT ?2";

/// One place where all the words occur.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchHit {
    /// In the patient's request.
    Consultation(ConsultationId),
    /// In a message.
    Message {
        /// Whose.
        consultation: ConsultationId,
        /// Which.
        message: MessageId,
    },
    /// In a patient's name.
    Patient(PersonId),
}

/// What an entry of the index stands for.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    Consultation(&'a ConsultationId),
    Message { consultation: &'a ConsultationId, message: &'a MessageId },
    Patient(&'a PersonId),
}

impl<'a> Subject<'a> {
    const fn kind(self) -> &'static str {
        match self {
            Self::Consultation(_) => "consultation",
            Self::Message { .. } => "message",
            Self::Patient(_) => "patient",
        }
    }

    fn id(self) -> &'a str {
        match self {
            Self::Consultation(id) => id.as_str(),
            Self::Message { message, .. } => message.as_str(),
            Self::Patient(id) => id.as_str(),
        }
    }

    fn consultation(self) -> Option<&'a str> {
        match self {
            Self::Consultation(id) | Self::Message { consultation: id, .. } => Some(id.as_str()),
            Self::Patient(_) => None,
        }
    }
}

impl Vault {
    /// Where all the words of `text` occur, each as the beginning of a word, without regard to case and accents;
    /// the latest entry first, at most `limit`. Text without a letter or digit finds nothing.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn search(&self, text: &str, limit: u32) -> Result<Vec<SearchHit>, VaultError> {
        let query = as_words(text);
        if query.is_empty() {
            return Ok(Vec::new());
        }
        self.cache().read(|cache| {
            let mut statement = cache.prepare_cached(SEARCH)?;
            let hits = statement.query_map(params![query, limit], |row| {
                let (kind, id): (String, String) = (row.get(0)?, row.get(1)?);
                Ok(match kind.as_str() {
                    "patient" => SearchHit::Patient(PersonId::new(id)),
                    "message" => SearchHit::Message {
                        consultation: ConsultationId::new(row.get::<_, String>(2)?),
                        message: MessageId::new(id),
                    },
                    _ => SearchHit::Consultation(ConsultationId::new(id)),
                })
            })?;
            Ok(hits.collect::<Result<_, _>>()?)
        })
    }
}

/// Every word in quotes, where nothing but a quote means anything; and a quote is doubled.
fn as_words(text: &str) -> String {
    let words = text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).take(WORDS);
    let quoted: Vec<String> = words
        .map(|word| {
            let word: String = word.chars().filter(|character| *character != '\0').take(WORD_CHARS).collect();
            format!("\"{}\"*", word.replace('"', "\"\""))
        })
        .collect();
    quoted.join(" ")
}

/// Puts words into the index, in the place of what it held of the subject.
pub(super) fn index(cache: &Connection, subject: Subject<'_>, text: &str) -> Result<(), Fault> {
    let held: Option<i64> = cache
        .prepare_cached("SELECT entry FROM search_entry WHERE kind = ?1 AND id = ?2")?
        .query_row([subject.kind(), subject.id()], |row| row.get(0))
        .optional()?;
    let entry = match held {
        Some(entry) => {
            cache.prepare_cached("DELETE FROM search_index WHERE rowid = ?1")?.execute([entry])?;
            entry
        }
        None if text.is_empty() => return Ok(()),
        None => {
            cache
                .prepare_cached("INSERT INTO search_entry (kind, id, consultation_id) VALUES (?1, ?2, ?3)")?
                .execute(params![subject.kind(), subject.id(), subject.consultation()])?;
            cache.last_insert_rowid()
        }
    };
    cache
        .prepare_cached("INSERT INTO search_index (rowid, text) VALUES (?1, ?2)")?
        .execute(params![entry, text])?;
    Ok(())
}

/// Takes a consultation and its messages out of the index.
pub(super) fn forget_consultation(cache: &Connection, id: &ConsultationId) -> Result<(), Fault> {
    for statement in [
        "DELETE FROM search_index WHERE rowid IN (SELECT entry FROM search_entry WHERE consultation_id = ?1)",
        "DELETE FROM search_entry WHERE consultation_id = ?1",
    ] {
        cache.prepare_cached(statement)?.execute([id.as_str()])?;
    }
    Ok(())
}

/// Takes a patient out of the index.
pub(super) fn forget_patient(cache: &Connection, id: &PersonId) -> Result<(), Fault> {
    for statement in [
        "DELETE FROM search_index
         WHERE rowid IN (SELECT entry FROM search_entry WHERE kind = 'patient' AND id = ?1)",
        "DELETE FROM search_entry WHERE kind = 'patient' AND id = ?1",
    ] {
        cache.prepare_cached(statement)?.execute([id.as_str()])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::as_words;

    #[test]
    fn whatever_is_typed_is_taken_as_words() {
        assert_eq!(as_words("chest pain"), r#""chest"* "pain"*"#);
        assert_eq!(as_words(r#"a" OR text:b* NOT -c ()"#), r#""a"""* "OR"* "text:b*"* "NOT"* "-c"*"#);
        assert_eq!(as_words(" \" * ^ \u{0} "), "");
    }
}
