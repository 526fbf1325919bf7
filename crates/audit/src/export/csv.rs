//! One entry a record, RFC 4180: CRLF, quotes where they are needed.
//!
//! Programs that open CSV run what looks like a formula. A field that begins like one gets an apostrophe first, which
//! they take for "this is text"; JSON lines have the field as it is.

use crate::entry::Entry;

const HEADER: [&str; 13] = [
    "seq",
    "at",
    "actor",
    "role",
    "session",
    "workstation",
    "action",
    "objects",
    "patient",
    "outcome",
    "reason",
    "previousHash",
    "hash",
];

pub(super) fn header(out: &mut Vec<u8>) {
    fields(out, HEADER);
}

/// Objects stand in one field with spaces between them.
pub(super) fn record(out: &mut Vec<u8>, entry: &Entry) {
    let said = &entry.said;
    fields(
        out,
        [
            &entry.seq.to_string(),
            &said.at.to_string(),
            said.actor.as_deref().unwrap_or_default(),
            said.role.as_str(),
            &said.session,
            &said.workstation,
            &said.action,
            &said.objects.join(" "),
            said.patient.as_ref().map(|id| id.as_str()).unwrap_or_default(),
            said.outcome.as_str(),
            said.reason.as_deref().unwrap_or_default(),
            &entry.previous_hash.to_string(),
            &entry.hash.to_string(),
        ],
    );
}

fn fields<const N: usize>(out: &mut Vec<u8>, fields: [&str; N]) {
    for (place, text) in fields.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        field(out, text);
    }
    out.extend_from_slice(b"\r\n");
}

fn field(out: &mut Vec<u8>, text: &str) {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let quoted = text.contains(['"', ',', '\r', '\n']);
    if quoted {
        out.push(b'"');
    }
    if formula {
        out.push(b'\'');
    }
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    if quoted {
        out.push(b'"');
    }
}
