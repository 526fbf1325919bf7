//! Server-sent events from bytes (WHATWG HTML, section 9.2.6), as far as a server of ours writes them.
//!
//! However the bytes are cut, the same blocks come out. Lines and blocks are bounded: of one that is too long the id
//! remains, so that a stream is not asked for it for ever.

/// The longest line, in bytes.
const MAX_LINE: usize = 64 * 1024;
/// The longest data of one block, in bytes.
const MAX_DATA: usize = 256 * 1024;

/// What stands between two empty lines: an event, or with an id alone a place in the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) id: Option<String>,
    pub(super) data: Option<String>,
}

/// One connection's bytes.
#[derive(Default)]
pub(super) struct Blocks {
    line: Vec<u8>,
    line_too_long: bool,
    block: Block,
    block_too_long: bool,
}

impl Blocks {
    /// Takes the next bytes and returns what they complete.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Block> {
        let mut blocks = Vec::new();
        for &byte in bytes {
            match byte {
                b'\n' => blocks.extend(self.end_line()),
                _ if self.line.len() < MAX_LINE => self.line.push(byte),
                _ => self.line_too_long = true,
            }
        }
        blocks
    }

    fn end_line(&mut self) -> Option<Block> {
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.line_too_long) {
            self.block_too_long = true;
            return None;
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.strip_suffix('\r').unwrap_or(&line);
        if line.is_empty() {
            let mut block = std::mem::take(&mut self.block);
            if std::mem::take(&mut self.block_too_long) {
                block.data = None;
            }
            return Some(block).filter(|block| *block != Block::default());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.block.id = Some(value.to_owned()),
            "data" => match &mut self.block.data {
                Some(data) if data.len().saturating_add(value.len()) >= MAX_DATA => {
                    self.block_too_long = true;
                }
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                none => *none = Some(value.to_owned()),
            },
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(id: Option<&str>, data: Option<&str>) -> Block {
        Block { id: id.map(str::to_owned), data: data.map(str::to_owned) }
    }

    #[test]
    fn what_a_server_of_ours_writes_is_read() {
        let text =
            ": connected\nid: e-4\n\n: heartbeat\n\nid: e-5\nevent: x\ndata: {}\n\r\ndata: a\r\ndata: b\n\n";
        assert_eq!(
            Blocks::default().feed(text.as_bytes()),
            [block(Some("e-4"), None), block(Some("e-5"), Some("{}")), block(None, Some("a\nb"))]
        );
    }

    #[test]
    fn an_endless_line_and_an_endless_block_cost_themselves_and_no_memory() {
        let mut blocks = Blocks::default();
        blocks.feed(b"id: e-1\ndata: ");
        for _ in 0..1000 {
            assert_eq!(blocks.feed(&[b'a'; 4096]), []);
            assert!(blocks.line.capacity() <= 2 * MAX_LINE);
        }
        assert_eq!(blocks.feed(b"\n\ndata: b\n\n"), [block(Some("e-1"), None), block(None, Some("b"))]);
        let mut line = b"data: ".to_vec();
        line.resize(4096, b'a');
        line.push(b'\n');
        for _ in 0..1000 {
            assert_eq!(blocks.feed(&line), []);
            assert!(blocks.block.data.as_ref().is_none_or(|data| data.len() <= 2 * MAX_DATA));
        }
        assert_eq!(
            blocks.feed(b"id: e-2\n\ndata: b\n\n"),
            [block(Some("e-2"), None), block(None, Some("b"))]
        );
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_blocks(text in "[a-z:\\n \\r]{0,200}|(id: [0-9]\\n|data: [a-z]\\n|\\n){0,60}", cut in 0usize..200) {
            let whole = Blocks::default().feed(text.as_bytes());
            let (left, right) = text.as_bytes().split_at(cut.min(text.len()));
            let mut blocks = Blocks::default();
            let mut pieces = blocks.feed(left);
            pieces.extend(blocks.feed(right));
            prop_assert_eq!(pieces, whole);
        }
    }
}
