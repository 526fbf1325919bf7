//! The words that records are coded in. Each keeps a word it does not know as it came.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal $(| $alias:literal)*),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A word from a newer or stranger server, kept as it came.
            Other(String),
        }

        impl $name {
            /// Every word that we know.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(word) => word,
                }
            }

            /// Whether this program knows what the word means.
            pub const fn is_known(&self) -> bool {
                !matches!(self, Self::Other(_))
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($text $(| $alias)* => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                Self::from(word.as_str())
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> Self {
                word.as_str().to_owned()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::Type::String)
                    .enum_values(Some(Self::ALL.iter().map(|word| word.as_str().to_owned())))
                    .into()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(
    /// Where a consultation stands.
    ConsultationStatus {
        /// Asked for, nobody has taken it.
        Pending = "pending",
        /// A physician has taken it.
        Assigned = "assigned",
        /// Work has begun.
        InProgress = "in_progress",
        /// Done.
        Completed = "completed",
        /// Withdrawn.
        Cancelled = "cancelled",
    }
);

words!(
    /// How soon, in the patient's own judgement: it is not a triage result.
    Urgency {
        /// Now.
        Emergency = "emergency",
        /// Today.
        Urgent = "urgent",
        /// It can wait.
        Routine = "routine",
    }
);

words!(
    /// What a message carries.
    MessageKind {
        /// Words.
        Text = "text",
        /// A file.
        Attachment = "attachment",
        /// Written by the server, never by a person.
        System = "system",
    }
);

words!(
    /// Where an appointment stands (FHIR R4 appointmentstatus; the original's `scheduled` reads as booked).
    AppointmentStatus {
        /// Suggested, nobody has agreed.
        Proposed = "proposed",
        /// Waiting for somebody's answer.
        Pending = "pending",
        /// Agreed.
        Booked = "booked" | "scheduled",
        /// The patient is here.
        Arrived = "arrived",
        /// It took place.
        Fulfilled = "fulfilled",
        /// It will not take place.
        Cancelled = "cancelled",
        /// The patient did not come.
        NoShow = "noshow",
    }
);

words!(
    /// What a person may do.
    Role {
        /// Asks for consultations.
        Patient = "patient",
        /// Answers them. An identity provider may call it `provider`.
        Physician = "physician" | "provider",
        /// Acts for one physician: sees, triages, drafts.
        Nurse = "nurse",
        /// Looks after the records, without reading messages.
        Admin = "admin",
    }
);

words!(
    /// One of the twelve specialties.
    SpecialtyCode {
        /// Heart and circulation.
        Cardiology = "cardiology",
        /// Skin.
        Dermatology = "dermatology",
        /// Hormones and metabolism.
        Endocrinology = "endocrinology",
        /// Digestion.
        Gastroenterology = "gastroenterology",
        /// Nerves and brain.
        Neurology = "neurology",
        /// Cancer.
        Oncology = "oncology",
        /// Bones and joints.
        Orthopedics = "orthopedics",
        /// Children.
        Pediatrics = "pediatrics",
        /// Mind.
        Psychiatry = "psychiatry",
        /// Lungs.
        Pulmonology = "pulmonology",
        /// Imaging.
        Radiology = "radiology",
        /// First contact.
        PrimaryCare = "primary_care",
    }
);

impl ConsultationStatus {
    /// Whether the life cycle goes from here to `next` (wire contract, section 2). An unknown word goes nowhere.
    pub const fn may_become(&self, next: &Self) -> bool {
        use ConsultationStatus::{Assigned, Cancelled, Completed, InProgress, Pending};
        matches!(
            (self, next),
            (Pending, Assigned | Cancelled)
                | (Assigned, InProgress | Pending | Cancelled)
                | (InProgress, Completed | Cancelled)
        )
    }

    /// Whether somebody still has to do something.
    pub const fn is_open(&self) -> bool {
        !matches!(self, Self::Completed | Self::Cancelled)
    }
}

impl Urgency {
    /// Place in the queue, first things first. A word we do not know stands with urgent: seeing it early is the
    /// safe mistake.
    pub const fn triage_rank(&self) -> u8 {
        match self {
            Self::Emergency => 0,
            Self::Urgent | Self::Other(_) => 1,
            Self::Routine => 2,
        }
    }

    /// Whether a person must be told at once.
    pub const fn alerts(&self) -> bool {
        !matches!(self, Self::Routine)
    }

    /// Seconds within which somebody should have answered: emergency 2 minutes, urgent 10, routine none.
    pub const fn answer_within(&self) -> Option<i64> {
        match self {
            Self::Emergency => Some(120),
            Self::Urgent | Self::Other(_) => Some(600),
            Self::Routine => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{AppointmentStatus, ConsultationStatus, Role, Urgency};

    #[test]
    fn the_originals_words_are_understood() {
        assert_eq!(AppointmentStatus::from("scheduled"), AppointmentStatus::Booked);
        assert_eq!(Role::from("provider"), Role::Physician);
    }

    #[test]
    fn a_closed_consultation_never_opens_again() {
        for closed in [ConsultationStatus::Completed, ConsultationStatus::Cancelled] {
            for next in ConsultationStatus::ALL {
                assert!(!closed.may_become(next), "{closed} must not become {next}");
            }
        }
    }

    #[test]
    fn an_urgency_we_do_not_know_is_seen_early() {
        assert_eq!(Urgency::from("stat").triage_rank(), Urgency::Urgent.triage_rank());
        assert!(Urgency::from("stat").alerts());
    }

    proptest! {
        #[test]
        fn an_unknown_word_is_kept_as_it_came(word in "\\PC{0,40}") {
            let read: ConsultationStatus = serde_json::from_value(word.clone().into()).unwrap();
            prop_assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::Value::from(word));
        }
    }
}
