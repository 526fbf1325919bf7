//! Full-text search over what people wrote and patients' names.
//!
//! The latest entry comes first: sorting by relevance would read every hit of a common word. Whatever is typed is
//! taken as words; the index's query language is out of reach.
//!
//! For the beginning of a word the index would merge every place of every word that begins so, before it names the
//! first: a second for a common word among a million messages. Asked for the words themselves, which the index lists,
//! it goes backwards from the latest place and stops at the limit. So a beginning is replaced by the words that it
//! begins, where these are few.

use chatehr_contract::{ConsultationId, MessageId, PersonId};
use rusqlite::{Connection, OptionalExtension, params};
use unicode_normalization::UnicodeNormalization;

use crate::{
    error::{Fault, VaultError},
    vault::Vault,
};

/// Words of a query that count; more only narrow what ten words have found.
const WORDS: usize = 10;
/// Characters of a word that count.
const WORD_CHARS: usize = 64;
/// Words of the index that a query may be made of. Each costs a tenth of a millisecond; a beginning that would need
/// more is left as it is.
const INDEX_WORDS: usize = 48;

/// The words of the index, for a connection that reads; a table of the connection's own, nothing is stored.
pub(crate) const INDEX_WORD: &str =
    "CREATE VIRTUAL TABLE temp.search_word USING fts5vocab('main', 'search_index', 'instance')";
/// The first word that is not before another. Asking for the next one so passes over all places of one.
const NEXT_WORD: &str = "SELECT term FROM temp.search_word WHERE term >= ?1 LIMIT 1";

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
        let words = words(text);
        if words.is_empty() {
            return Ok(Vec::new());
        }
        self.cache()?.read(|cache| {
            let query = query(cache, &words)?;
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

fn words(text: &str) -> Vec<String> {
    let words = text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).take(WORDS);
    words.map(|word| word.chars().filter(|character| *character != '\0').take(WORD_CHARS).collect()).collect()
}

/// What the index is asked: for each word any of those that it begins.
fn query(cache: &Connection, words: &[String]) -> Result<String, Fault> {
    let mut left = INDEX_WORDS;
    let mut terms = Vec::new();
    for word in words {
        let begun = match folded(word) {
            Some(beginning) => begun_by(cache, &beginning, left)?,
            None => None,
        };
        terms.push(match begun {
            Some(begun) => {
                left -= begun.len();
                let any: Vec<String> = begun.iter().map(|word| quoted(word)).collect();
                format!("({})", any.join(" OR "))
            }
            None => format!("{}*", quoted(word)),
        });
    }
    Ok(terms.join(" AND "))
}

/// In quotes, where nothing but a quote means anything; and a quote is doubled.
fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('"', "\"\""))
}

/// The words of the index that begin so; none where there is no such word, or more than `most`.
fn begun_by(cache: &Connection, beginning: &str, most: usize) -> Result<Option<Vec<String>>, Fault> {
    let mut next_word = cache.prepare_cached(NEXT_WORD)?;
    let mut begun: Vec<String> = Vec::new();
    let mut from = beginning.to_owned();
    loop {
        let next: Option<String> = next_word.query_row([&from], |row| row.get(0)).optional()?;
        let Some(word) = next.filter(|word| word.starts_with(beginning)) else { break };
        if begun.len() == most {
            return Ok(None);
        }
        // The smallest text that is greater.
        from = format!("{word}\0");
        begun.push(word);
    }
    Ok((!begun.is_empty()).then_some(begun))
}

/// The word as the index has it: in lower case, without accents. None for what the index might take apart, and for
/// letters other than Latin ones.
fn folded(word: &str) -> Option<String> {
    if !word.chars().all(|letter| letter <= '\u{17F}') {
        return None;
    }
    let letters = word.nfd().filter(|letter| !('\u{300}'..='\u{36F}').contains(letter));
    letters.map(|letter| letter.is_ascii_alphanumeric().then(|| letter.to_ascii_lowercase())).collect()
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
    use rusqlite::Connection;
    use rusqlite_migration::Migrations;

    use super::{INDEX_WORD, INDEX_WORDS, begun_by, folded, query, words};
    use crate::schema::Kind;

    fn index(texts: &[String]) -> Connection {
        let mut file = Connection::open_in_memory().unwrap();
        Migrations::from_slice(&Kind::Cache.steps()).to_latest(&mut file).unwrap();
        file.execute_batch(INDEX_WORD).unwrap();
        for text in texts {
            file.execute("INSERT INTO search_index (text) VALUES (?1)", [text]).unwrap();
        }
        file
    }

    fn asked(file: &Connection, text: &str) -> String {
        query(file, &words(text)).unwrap()
    }

    #[test]
    fn whatever_is_typed_is_taken_as_words() {
        let file = index(&[]);
        assert_eq!(asked(&file, "chest pain"), r#""chest"* AND "pain"*"#);
        assert_eq!(
            asked(&file, r#"a" OR text:b* NOT -c ()"#),
            r#""a"""* AND "OR"* AND "text:b*"* AND "NOT"* AND "-c"*"#
        );
        assert_eq!(asked(&file, " \" * ^ \u{0} "), "");
        let file = index(&["or not near".to_owned()]);
        assert_eq!(asked(&file, "OR n"), r#"("or") AND ("near" OR "not")"#);
    }

    #[test]
    fn a_beginning_with_too_many_words_is_left_as_it_is() {
        let many: Vec<String> = (0..=INDEX_WORDS).map(|n| format!("pain{n:03}")).collect();
        let file = index(&many);
        assert_eq!(asked(&file, "pain"), r#""pain"*"#);
        assert_eq!(asked(&file, "pain00").matches("OR").count(), 9);
        assert_eq!(asked(&file, "pain00 pain01 pain02 pain03 pain03").matches('*').count(), 1);
        assert_eq!(begun_by(&file, "pain", INDEX_WORDS + 1).unwrap(), Some(many));
    }

    #[test]
    fn a_word_is_folded_as_the_index_folds_it() {
        let letters = ('0'..='\u{17F}').filter(|letter| letter.is_alphanumeric());
        let folded: Vec<(char, String)> =
            letters.filter_map(|letter| Some((letter, folded(&letter.to_string())?))).collect();
        assert!(folded.contains(&('Ü', "u".to_owned())) && folded.len() > 200);
        for (letter, folded) in folded {
            let file = index(&[letter.to_string()]);
            let begun = begun_by(&file, &folded, 1).unwrap();
            assert_eq!(begun, Some(vec![folded]), "{letter}");
        }
        assert_eq!(super::folded("x-ray"), None);
        assert_eq!(super::folded("боль"), None);
    }
}
