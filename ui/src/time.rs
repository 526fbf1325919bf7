//! Instants in a person's words and a person's time zone.
//!
//! The browser's clock and zone enter in [`now`], [`server_now`] and [`local`] alone; everything else is plain functions of what
//! they are given, so it can be tested without either.

use std::cell::Cell;

use chatehr_contract::Timestamp;
use js_sys::Date;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// An instant on the wall clock and calendar of this workstation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Local {
    /// Year of the common era.
    pub year: u32,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    /// 0 is Sunday.
    pub weekday: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 59.
    pub second: u32,
}

/// The present, by the workstation's clock.
pub fn now() -> Timestamp {
    Timestamp::from_millis(Date::now() as i64)
}

thread_local! {
    static SERVER_AHEAD: Cell<i64> = const { Cell::new(0) };
}

/// So many milliseconds the server's clock is ahead of this workstation's.
pub fn set_server_ahead(millis: i64) {
    SERVER_AHEAD.set(millis);
}

/// The present, by the server's clock: for comparing with times that the server has set.
pub fn server_now() -> Timestamp {
    Timestamp::from_millis(now().millis() + SERVER_AHEAD.get())
}

/// An instant as this workstation's clocks and calendars show it.
pub fn local(at: Timestamp) -> Local {
    let date = js_date(at);
    Local {
        year: date.get_full_year(),
        month: date.get_month() + 1,
        day: date.get_date(),
        weekday: date.get_day(),
        hour: date.get_hours(),
        minute: date.get_minutes(),
        second: date.get_seconds(),
    }
}

/// The midnight that begins the day `days` after the one `at` lies in. Right across changes of the clocks.
pub fn midnight(at: Timestamp, days: i32) -> Timestamp {
    let date = js_date(at);
    let day = date.get_date() as i32 + days;
    let start = Date::new_with_year_month_day(date.get_full_year(), date.get_month() as i32, day);
    Timestamp::from_millis(start.get_time() as i64)
}

fn js_date(at: Timestamp) -> Date {
    Date::new(&(at.millis() as f64).into())
}

impl Local {
    /// Whether both lie on one calendar day.
    pub const fn same_day(self, other: Self) -> bool {
        self.year == other.year && self.month == other.month && self.day == other.day
    }

    /// "10:41".
    pub fn clock(self) -> String {
        format!("{:02}:{:02}", self.hour, self.minute)
    }

    /// "10:42:07".
    pub fn clock_seconds(self) -> String {
        format!("{:02}:{:02}:{:02}", self.hour, self.minute, self.second)
    }

    /// "24 Nov", with the year where it is not `today`'s.
    pub fn date(self, today: Self) -> String {
        let month = month_name(self.month);
        if self.year == today.year {
            format!("{} {month}", self.day)
        } else {
            format!("{} {month} {}", self.day, self.year)
        }
    }

    /// "Tue 24 Nov", with the year where it is not `today`'s.
    pub fn weekday_date(self, today: Self) -> String {
        format!("{} {}", self.weekday_name(), self.date(today))
    }

    /// "Today", or as [`Self::weekday_date`].
    pub fn day_words(self, today: Self) -> String {
        if self.same_day(today) { "Today".to_owned() } else { self.weekday_date(today) }
    }

    /// "10:41" today, else "Tue 24 Nov 09:20".
    pub fn when(self, today: Self) -> String {
        if self.same_day(today) {
            self.clock()
        } else {
            format!("{} {}", self.weekday_date(today), self.clock())
        }
    }

    /// "Tue".
    pub fn weekday_name(self) -> &'static str {
        DAYS.get(self.weekday as usize).copied().unwrap_or("")
    }
}

/// "Nov" for 11.
pub fn month_name(month: u32) -> &'static str {
    let index = month.checked_sub(1).map_or(usize::MAX, |index| index as usize);
    MONTHS.get(index).copied().unwrap_or("")
}

/// How long somebody has waited: "now", "3 min", "2 h", "4 d".
pub fn wait_words(seconds: i64) -> String {
    match seconds {
        ..60 => "now".to_owned(),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Time left as a clock runs down: "0:54", "9:12", "1:02:00" ("0:00" once it is over).
pub fn countdown(seconds: i64) -> String {
    let left = seconds.max(0);
    let (hours, minutes, seconds) = (left / 3_600, left / 60 % 60, left % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A span in words: "8 s", "3 min", "2 h", "4 d". For "overdue 3 min" and "trying again in 8 s".
pub fn span_words(seconds: i64) -> String {
    match seconds.max(0) {
        small @ ..60 => format!("{small} s"),
        larger => wait_words(larger),
    }
}

/// A calendar date `YYYY-MM-DD` in parts.
pub fn parse_date(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.splitn(3, '-').map(str::parse::<u32>);
    let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day))) = (parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    ((1..=12).contains(&month) && (1..=31).contains(&day)).then_some((year, month, day))
}

/// Years since birth, for the day `today`.
pub fn age(birth_date: &str, today: Local) -> Option<u32> {
    let (year, month, day) = parse_date(birth_date)?;
    let before_birthday = (today.month, today.day) < (month, day);
    today.year.checked_sub(year)?.checked_sub(u32::from(before_birthday))
}

/// "14 Mar 1959"; what cannot be read stays as it came.
pub fn birth_words(birth_date: &str) -> String {
    parse_date(birth_date).map_or_else(
        || birth_date.to_owned(),
        |(year, month, day)| format!("{day} {} {year}", month_name(month)),
    )
}

#[cfg(test)]
mod tests {
    use super::{Local, age, birth_words, countdown, span_words, wait_words};

    const NOW: Local = Local { year: 2026, month: 11, day: 23, weekday: 1, hour: 10, minute: 42, second: 7 };

    #[test]
    fn today_needs_only_the_clock_and_another_day_says_which() {
        assert_eq!(NOW.when(NOW), "10:42");
        let tomorrow = Local { day: 24, weekday: 2, hour: 9, minute: 20, ..NOW };
        assert_eq!(tomorrow.when(NOW), "Tue 24 Nov 09:20");
        let last_year = Local { year: 2025, month: 2, day: 3, ..NOW };
        assert_eq!(last_year.date(NOW), "3 Feb 2025");
        assert_eq!(NOW.clock_seconds(), "10:42:07");
    }

    #[test]
    fn a_wait_is_told_in_its_largest_unit() {
        let words: Vec<_> = [-5, 59, 60, 200, 3_599, 7_300, 90_000, 259_200].map(wait_words).into();
        assert_eq!(words, ["now", "now", "1 min", "3 min", "59 min", "2 h", "25 h", "3 d"]);
        assert_eq!(span_words(8), "8 s");
        assert_eq!(span_words(-3), "0 s");
    }

    #[test]
    fn a_countdown_stops_at_nothing_left() {
        assert_eq!(countdown(54), "0:54");
        assert_eq!(countdown(451), "7:31");
        assert_eq!(countdown(3_720), "1:02:00");
        assert_eq!(countdown(-30), "0:00");
    }

    #[test]
    fn a_person_ages_on_their_birthday_and_not_before() {
        assert_eq!(age("1959-03-14", NOW), Some(67));
        assert_eq!(age("1959-11-23", NOW), Some(67));
        assert_eq!(age("1959-11-24", NOW), Some(66));
        assert_eq!(age("2027-01-01", NOW), None);
        assert_eq!(age("unknown", NOW), None);
        assert_eq!(birth_words("1959-03-14"), "14 Mar 1959");
        assert_eq!(birth_words("about 1960"), "about 1960");
    }
}
