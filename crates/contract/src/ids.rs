//! Identifiers, one type for each kind, so that a patient's id cannot stand where a consultation's belongs.
//!
//! They are opaque: seeded ones look like `patient-123`, generated ones are UUIDs, and nothing here looks inside.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"))]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// The text, as the server knows it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A consultation.
    ConsultationId
);
id!(
    /// An appointment.
    AppointmentId
);
id!(
    /// A message, as the server names it.
    MessageId
);
id!(
    /// A message, as its sender names it before any server has seen it: `metadata.envelopeId` (wire contract,
    /// section 4). It doubles as the idempotency key, so a repeat is recognised.
    EnvelopeId
);
id!(
    /// A patient, physician or administrator.
    PersonId
);
