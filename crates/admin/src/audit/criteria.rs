//! Which entries: the options of a search and of an export. Days are those of UTC, as the log's times are.

use chatehr_audit::Criteria;
use chatehr_contract::{PersonId, Timestamp};
use jiff::{ToSpan, civil::Date, tz::TimeZone};

use crate::cli::Filter;

/// An instant, or the beginning of a day.
pub(crate) fn begin(text: &str) -> Result<Timestamp, String> {
    instant(text, 0)
}

/// An instant, or the end of a day.
pub(crate) fn end(text: &str) -> Result<Timestamp, String> {
    instant(text, 1)
}

fn instant(text: &str, days_later: i64) -> Result<Timestamp, String> {
    let day = || -> Option<Timestamp> {
        let day: Date = text.parse().ok()?;
        let midnight = day.checked_add(days_later.days()).ok()?.at(0, 0, 0, 0);
        let midnight = TimeZone::UTC.to_timestamp(midnight).ok()?;
        Some(Timestamp::from_millis(midnight.as_millisecond()))
    };
    // A date is tried where no time is named: jiff would also take the day out of a time without a zone.
    let found = if text.len() <= "2026-11-25".len() { day() } else { text.parse().ok() };
    found.ok_or_else(|| {
        "neither a day such as 2026-11-25 nor an instant such as 2026-11-25T09:30:00Z".to_owned()
    })
}

impl Filter {
    /// As the log takes them; `patient` keeps the id that they name.
    pub(crate) fn criteria<'a>(&'a self, patient: Option<&'a PersonId>) -> Criteria<'a> {
        Criteria {
            actor: self.actor.as_deref(),
            patient,
            action: self.action.as_deref(),
            from: self.from,
            until: self.until,
        }
    }

    pub(crate) fn patient(&self) -> Option<PersonId> {
        self.patient.as_deref().map(PersonId::new)
    }
}

#[cfg(test)]
mod tests {
    use super::{begin, end};

    #[test]
    fn a_day_begins_and_ends_at_midnight_utc_and_an_instant_is_itself() {
        let shown = |found: Result<chatehr_contract::Timestamp, String>| found.unwrap().to_string();
        assert_eq!(shown(begin("2026-11-25")), "2026-11-25T00:00:00.000Z");
        assert_eq!(shown(end("2026-11-25")), "2026-11-26T00:00:00.000Z");
        assert_eq!(shown(end("2026-11-25T09:30:00+01:00")), "2026-11-25T08:30:00.000Z");
        for neither in ["", "yesterday", "2026-13-01", "2026-11-25T09:30:00", "25.11.2026"] {
            assert!(begin(neither).is_err(), "{neither}");
        }
    }
}
