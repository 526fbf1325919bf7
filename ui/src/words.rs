//! English for the words that records are coded in. A word we do not know is shown as it came.

use chatehr_contract::{
    AppointmentStatus, ConsultationStatus, PersonLabel, SPECIALTIES, Sex, SpecialtyCode, Urgency,
};

/// "Cardiology".
pub fn specialty(code: &SpecialtyCode) -> String {
    SPECIALTIES
        .iter()
        .find(|(known, ..)| known == code)
        .map_or_else(|| as_came(code.as_str()), |(_, name, _)| (*name).to_owned())
}

/// "Emergency".
pub fn urgency(urgency: &Urgency) -> String {
    match urgency {
        Urgency::Emergency => "Emergency".to_owned(),
        Urgency::Urgent => "Urgent".to_owned(),
        Urgency::Routine => "Routine".to_owned(),
        Urgency::Other(word) => as_came(word),
    }
}

/// "In progress".
pub fn consultation_status(status: &ConsultationStatus) -> String {
    match status {
        ConsultationStatus::Pending => "Pending".to_owned(),
        ConsultationStatus::Assigned => "Accepted".to_owned(),
        ConsultationStatus::InProgress => "In progress".to_owned(),
        ConsultationStatus::Completed => "Completed".to_owned(),
        ConsultationStatus::Cancelled => "Cancelled".to_owned(),
        ConsultationStatus::Other(word) => as_came(word),
    }
}

/// "Booked".
pub fn appointment_status(status: &AppointmentStatus) -> String {
    match status {
        AppointmentStatus::Proposed => "Proposed".to_owned(),
        AppointmentStatus::Pending => "Awaiting answer".to_owned(),
        AppointmentStatus::Booked => "Booked".to_owned(),
        AppointmentStatus::Arrived => "Arrived".to_owned(),
        AppointmentStatus::Fulfilled => "Took place".to_owned(),
        AppointmentStatus::Cancelled => "Cancelled".to_owned(),
        AppointmentStatus::NoShow => "Did not come".to_owned(),
        AppointmentStatus::Other(word) => as_came(word),
    }
}

/// "Female".
pub const fn sex(sex: Sex) -> &'static str {
    match sex {
        Sex::Female => "Female",
        Sex::Male => "Male",
        Sex::Other => "Other",
        Sex::Unknown => "Not recorded",
    }
}

/// "Amara Okafor", or the id where the server has no names: never an invented one.
pub fn person(label: &PersonLabel) -> String {
    label
        .name
        .as_ref()
        .map(chatehr_contract::PersonName::spoken)
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| label.id.to_string())
}

/// Somebody's words in the middle of ours, isolated (Unicode UAX 9): a name written from right to left does not carry
/// the time beside it along.
pub fn apart(words: &str) -> String {
    format!("\u{2068}{words}\u{2069}")
}

/// `follow_up` as "Follow up": a code made readable without pretending to know it.
pub fn as_came(word: &str) -> String {
    let spaced = word.replace('_', " ");
    let mut letters = spaced.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// 10000 as "10,000".
pub fn figure(number: u32) -> String {
    match (number / 1_000, number % 1_000) {
        (0, small) => small.to_string(),
        (thousands, rest) => format!("{},{rest:03}", figure(thousands)),
    }
}

/// 1320570 as "1.3 MB".
pub fn bytes(count: u64) -> String {
    match count {
        ..1_000 => format!("{count} bytes"),
        1_000..1_000_000 => format!("{} kB", count / 1_000),
        1_000_000..1_000_000_000 => format!("{}.{} MB", count / 1_000_000, count / 100_000 % 10),
        _ => format!("{}.{} GB", count / 1_000_000_000, count / 100_000_000 % 10),
    }
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{PersonId, PersonLabel, SpecialtyCode, Urgency};

    #[test]
    fn an_unknown_word_is_shown_as_it_came() {
        assert_eq!(super::specialty(&SpecialtyCode::from("space_medicine")), "Space medicine");
        assert_eq!(super::urgency(&Urgency::from("stat")), "Stat");
        assert_eq!(super::specialty(&SpecialtyCode::PrimaryCare), "Primary care");
    }

    #[test]
    fn large_figures_are_grouped() {
        let words = [7, 999, 1_000, 10_042, 1_234_567].map(super::figure);
        assert_eq!(words, ["7", "999", "1,000", "10,042", "1,234,567"]);
    }

    #[test]
    fn sizes_are_told_in_their_largest_unit() {
        let words = [7, 18_799, 1_320_570, 2_000_000_000].map(super::bytes);
        assert_eq!(words, ["7 bytes", "18 kB", "1.3 MB", "2.0 GB"]);
    }

    #[test]
    fn without_a_directory_the_id_stands_and_no_name_is_invented() {
        let label = PersonLabel { id: PersonId::new("patient-2041"), name: None };
        assert_eq!(super::person(&label), "patient-2041");
    }
}
