//! Server-sent events from bytes, after the WHATWG HTML standard, section 9.2.6.
//!
//! However the bytes are cut into chunks, the same events come out. Lines and events are bounded: one that is too
//! long is reported as unreadable and passed over, and the stream goes on. Two strictnesses of ours: an id with any
//! control character is ignored (the standard says so of NUL alone; the others could not be sent back), and the
//! last id outlives a connection.

use std::time::Duration;

/// The longest line.
const MAX_LINE: usize = 64 * 1024;
/// The longest data of one event.
const MAX_DATA: usize = 256 * 1024;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// What the bytes say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A whole event. `id` is the last one seen, as the standard has it.
    Event { id: Option<String>, name: String, data: String },
    /// An event longer than any may be.
    TooLong,
    /// How long to wait before a reconnection.
    Retry(Duration),
}

/// One connection's parser.
#[derive(Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    line_too_long: bool,
    after_cr: bool,
    begun: bool,
    data: String,
    name: String,
    event_too_long: bool,
    id: String,
    last_id: String,
}

impl Parser {
    /// Goes on from an id of an earlier connection.
    pub(crate) fn after(last_id: &str) -> Self {
        Self { id: last_id.to_owned(), last_id: last_id.to_owned(), ..Self::default() }
    }

    /// The id of the last whole event; empty where there is none. That of an event cut short does not count.
    pub(crate) fn last_id(&self) -> &str {
        &self.last_id
    }

    /// Takes the next bytes and returns what they complete.
    pub(crate) fn feed(&mut self, chunk: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        for &byte in chunk {
            let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => frames.extend(self.end_line()),
                _ if self.line.len() < MAX_LINE => self.line.push(byte),
                _ => self.line_too_long = true,
            }
        }
        frames
    }

    fn end_line(&mut self) -> Option<Frame> {
        let bytes = std::mem::take(&mut self.line);
        let too_long = std::mem::take(&mut self.line_too_long);
        let first = !std::mem::replace(&mut self.begun, true);
        let bytes = bytes.strip_prefix(BOM).filter(|_| first).unwrap_or(&bytes);
        if bytes.is_empty() {
            return self.end_event();
        }
        if bytes.first() == Some(&b':') {
            return None;
        }
        if too_long {
            self.event_too_long = true;
            return None;
        }
        let line = String::from_utf8_lossy(bytes);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        self.field(field, value.strip_prefix(' ').unwrap_or(value))
    }

    fn field(&mut self, field: &str, value: &str) -> Option<Frame> {
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" if self.data.len().saturating_add(value.len()) < MAX_DATA => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "data" => {
                self.event_too_long = true;
                self.data.clear();
            }
            "id" if !value.contains(|letter: char| letter.is_ascii_control()) => {
                value.clone_into(&mut self.id);
            }
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Some(Frame::Retry(Duration::from_millis(value.parse().unwrap_or(u64::MAX))));
            }
            _ => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<Frame> {
        self.id.clone_into(&mut self.last_id);
        let name = std::mem::take(&mut self.name);
        let mut data = std::mem::take(&mut self.data);
        if std::mem::take(&mut self.event_too_long) {
            return Some(Frame::TooLong);
        }
        // Ends with a line feed unless there was no data at all.
        data.pop()?;
        Some(Frame::Event { id: Some(self.last_id.clone()).filter(|id| !id.is_empty()), name, data })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(bytes: &[u8]) -> Vec<Frame> {
        Parser::default().feed(bytes)
    }

    fn event(id: Option<&str>, name: &str, data: &str) -> Frame {
        Frame::Event { id: id.map(str::to_owned), name: name.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn an_event_has_an_id_a_name_and_data() {
        assert_eq!(parse(b"id: 7\nevent: x\ndata: {}\n\n"), [event(Some("7"), "x", "{}")]);
    }

    #[test]
    fn lines_end_with_cr_lf_or_both() {
        for end in ["\n", "\r", "\r\n"] {
            let text = ["data: a", "data: b", "", "data: c", "", ""].join(end);
            assert_eq!(parse(text.as_bytes()), [event(None, "", "a\nb"), event(None, "", "c")], "{end:?}");
        }
    }

    #[test]
    fn a_heartbeat_and_an_unknown_field_are_no_event() {
        assert_eq!(parse(b": hello\n\n:\n\ncolour: red\n\nretry: soon\nretry:\nid: 1\n\n"), []);
    }

    #[test]
    fn one_space_after_the_colon_is_not_part_of_the_value() {
        assert_eq!(
            parse(b"data:  a\n\ndata:b\n\ndata\n\n"),
            [event(None, "", " a"), event(None, "", "b"), event(None, "", "")]
        );
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_at_the_start_alone() {
        assert_eq!(parse(b"\xEF\xBB\xBFdata: a\n\n\xEF\xBB\xBFdata: b\n\n"), [event(None, "", "a")]);
    }

    #[test]
    fn an_id_stays_until_another_comes_and_one_with_nul_is_ignored() {
        assert_eq!(
            parse(b"id: 1\ndata: a\n\ndata: b\n\nid: 2\0\ndata: c\n\nid\ndata: d\n\n"),
            [
                event(Some("1"), "", "a"),
                event(Some("1"), "", "b"),
                event(Some("1"), "", "c"),
                event(None, "", "d")
            ]
        );
    }

    #[test]
    fn the_id_of_an_event_cut_short_does_not_count() {
        let mut parser = Parser::after("4");
        assert_eq!(parser.feed(b"id: 5\ndata: a\n\nid: 6\ndata: b\n"), [event(Some("5"), "", "a")]);
        assert_eq!(parser.last_id(), "5");
    }

    #[test]
    fn the_id_outlives_a_connection() {
        assert_eq!(Parser::after("4").feed(b"data: a\n\n"), [event(Some("4"), "", "a")]);
    }

    #[test]
    fn retry_is_a_number_of_milliseconds() {
        assert_eq!(parse(b"retry: 1500\n"), [Frame::Retry(Duration::from_millis(1500))]);
        assert_eq!(parse(b"retry: 99999999999999999999\n"), [Frame::Retry(Duration::from_millis(u64::MAX))]);
        assert_eq!(parse(b"retry: +5\nretry: 5s\n"), []);
    }

    #[test]
    fn an_endless_line_costs_its_event_and_no_memory() {
        let mut parser = Parser::default();
        parser.feed(b"id: 1\ndata: ");
        for _ in 0..1000 {
            assert_eq!(parser.feed(&[b'a'; 4096]), []);
            assert!(parser.line.capacity() <= 2 * MAX_LINE);
        }
        assert_eq!(parser.feed(b"\n\ndata: b\n\n"), [Frame::TooLong, event(Some("1"), "", "b")]);
        assert_eq!(parser.last_id(), "1");
    }

    #[test]
    fn an_endless_event_costs_itself_and_no_memory() {
        let mut parser = Parser::default();
        for _ in 0..1000 {
            let mut line = b"data: ".to_vec();
            line.resize(4096, b'a');
            line.push(b'\n');
            assert_eq!(parser.feed(&line), []);
            assert!(parser.data.capacity() <= 2 * MAX_DATA);
        }
        assert_eq!(parser.feed(b"\ndata: b\n\n"), [Frame::TooLong, event(None, "", "b")]);
    }

    /// Bytes rich in what the parser looks at.
    fn soup() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"\n".to_vec()),
            Just(b"\r".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"\n\n".to_vec()),
            Just(b"data: ".to_vec()),
            Just(b"id: 9".to_vec()),
            Just(b"event: x".to_vec()),
            Just(b"retry: 10".to_vec()),
            Just(b":".to_vec()),
            Just(BOM.to_vec()),
            Just("ż€🫀".as_bytes().to_vec()),
            prop::collection::vec(any::<u8>(), 0..6),
        ];
        prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_cut_into_chunks_gives_the_same_events(
            bytes in soup(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
        ) {
            let whole = parse(&bytes);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut parser = Parser::default();
            let pieces: Vec<_> = cuts.windows(2).flat_map(|cut| parser.feed(&bytes[cut[0]..cut[1]])).collect();
            prop_assert_eq!(pieces, whole);
        }

        #[test]
        fn what_a_server_writes_is_what_is_read(
            events in prop::collection::vec(("[a-z0-9-]{1,9}", "[a-z.]{0,9}", "[^\r\n\0]{0,40}(\n[^\r\n\0]{0,40}){0,3}"), 0..8),
            end in prop_oneof![Just("\n"), Just("\r"), Just("\r\n")],
        ) {
            let mut text = String::new();
            for (id, name, data) in &events {
                text += &format!("id: {id}{end}event: {name}{end}");
                for line in data.split('\n') {
                    text += &format!("data: {line}{end}");
                }
                text += &format!(": heartbeat{end}{end}");
            }
            let expected: Vec<_> = events.iter().map(|(id, name, data)| event(Some(id), name, data)).collect();
            prop_assert_eq!(parse(text.as_bytes()), expected);
        }
    }
}
