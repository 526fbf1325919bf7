//! Lists that are fetched again only when they have changed (RFC 9110, section 13.1.2).
//!
//! The tag is the server's and opaque. A server that gives none is simply asked for the list each time.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use chatehr_contract::{Appointment, Consultation, ConsultationId, Message, Timestamp};
use reqwest::{
    Method,
    header::{ETAG, HeaderValue, IF_NONE_MATCH},
};
use serde::de::DeserializeOwned;

use crate::{
    error::ClientError,
    exchange::{Asking, Unanswered},
    page::{self, ConsultationQuery, Page},
    signed_in::{SignedIn, appointment_pairs, message_pairs},
};

/// The server's name for a list as it was: good for the very same question alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListTag(HeaderValue);

/// A list, unless it is as it was.
#[derive(Clone, Debug, PartialEq)]
pub enum Fetched<T> {
    /// As it was when the tag was given.
    NotModified,
    /// As it is now.
    Fresh {
        /// The rows.
        page: Page<T>,
        /// To ask with the next time; none from a server that gives none.
        tag: Option<ListTag>,
    },
}

impl SignedIn {
    /// [`SignedIn::all_consultations_telling`], and the tag of each page of a hundred, none from a server that gives none.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn all_consultations_tagged(
        &self,
        tell: impl Fn(usize, Option<u64>),
    ) -> Result<(Page<Consultation>, Vec<Option<ListTag>>), ClientError> {
        let (tell, tags) = (&tell, Mutex::new(BTreeMap::new()));
        let kept = || tags.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &kept;
        let whole = page::read_all(
            |row: &Consultation| row.id.to_string(),
            |offset| async move {
                let query = ConsultationQuery { offset, ..ConsultationQuery::default() };
                match self.consultations_since(&query, None).await? {
                    Fetched::Fresh { page, tag } => {
                        kept().insert(offset, tag);
                        tell((offset as usize).saturating_add(page.rows.len()), page.total);
                        Ok(page)
                    }
                    // Not without a tag.
                    Fetched::NotModified => Ok(Page::default()),
                }
            },
        )
        .await?;
        let tags = std::mem::take(&mut *kept()).into_values().collect();
        Ok((whole, tags))
    }

    /// [`SignedIn::consultations`], unless they are as they were.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn consultations_since(
        &self,
        query: &ConsultationQuery,
        known: Option<&ListTag>,
    ) -> Result<Fetched<Consultation>, ClientError> {
        self.list_since(&["consultations"], &query.pairs(), known).await
    }

    /// [`SignedIn::messages`], unless they are as they were. They count as delivered either way.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn messages_since(
        &self,
        consultation: &ConsultationId,
        limit: u32,
        offset: u32,
        known: Option<&ListTag>,
    ) -> Result<Fetched<Message>, ClientError> {
        self.list_since(&["messages"], &message_pairs(consultation, limit, offset), known).await
    }

    /// [`SignedIn::appointments`], unless they are as they were.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn appointments_since(
        &self,
        from: Timestamp,
        to: Timestamp,
        known: Option<&ListTag>,
    ) -> Result<Fetched<Appointment>, ClientError> {
        self.list_since(&["appointments"], &appointment_pairs(from, to), known).await
    }

    async fn list_since<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        pairs: &[(&'static str, String)],
        known: Option<&ListTag>,
    ) -> Result<Fetched<T>, ClientError> {
        let mut request = self.request(Method::GET, segments)?.query(pairs);
        if let Some(ListTag(tag)) = known {
            request = request.header(IF_NONE_MATCH, tag);
        }
        match self.ask_closely(request).await {
            Ok(answer) => Ok(Fetched::Fresh {
                page: page::read(&answer)?,
                tag: answer.headers.get(ETAG).cloned().map(ListTag),
            }),
            // A 304 that nobody asked for is no answer of ChatEHR's.
            Err(Unanswered::Refused(refusal)) if refusal.status == 304 && known.is_some() => {
                Ok(Fetched::NotModified)
            }
            Err(told) => Err(told.read(Asking::Session)),
        }
    }
}
