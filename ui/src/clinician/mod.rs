//! The clinician's window.
