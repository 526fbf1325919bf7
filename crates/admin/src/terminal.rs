//! Where a command is read and answered.
//!
//! Promises: what is said to a person has no control characters but line ends in it, so an id that was made to move
//! the cursor, or to turn the reading direction, shows as what it is. A secret is typed unseen.

use std::io::{self, BufRead, IsTerminal, Write};

use zeroize::Zeroizing;

/// Who asked.
pub trait Terminal {
    /// Whether the answers are read by a person rather than by another program.
    fn is_read_by_a_person(&self) -> bool;

    /// Standard output, for what another program reads.
    fn out(&mut self) -> &mut dyn Write;

    /// Standard error.
    fn err(&mut self) -> &mut dyn Write;

    /// Asks for a secret: unseen at a terminal, otherwise the first line of standard input.
    ///
    /// # Errors
    /// When nothing can be read.
    fn secret(&mut self, prompt: &str) -> io::Result<Zeroizing<String>>;

    /// Answers in words.
    ///
    /// # Errors
    /// When they cannot be written.
    fn say(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out(), "{}", shown(text))
    }

    /// Says what is wrong.
    ///
    /// # Errors
    /// When it cannot be written.
    fn complain(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.err(), "{}", shown(text))
    }
}

/// The text with everything escaped that a terminal would obey rather than show.
pub(crate) fn shown(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '\n' && is_obeyed(character) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// The same for a text within JSON, whose own escape says the same thing.
pub(crate) fn shown_in_json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_obeyed(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Controls (C0, DEL, C1), line and paragraph separators, and what turns the reading direction or is not seen.
fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The terminal that started this program.
#[derive(Debug)]
pub struct SystemTerminal {
    out: io::Stdout,
    err: io::Stderr,
}

impl SystemTerminal {
    /// Takes standard input, output and error as they are.
    pub fn new() -> Self {
        Self { out: io::stdout(), err: io::stderr() }
    }
}

impl Default for SystemTerminal {
    fn default() -> Self {
        Self::new()
    }
}

impl Terminal for SystemTerminal {
    fn is_read_by_a_person(&self) -> bool {
        self.out.is_terminal()
    }

    fn out(&mut self) -> &mut dyn Write {
        &mut self.out
    }

    fn err(&mut self) -> &mut dyn Write {
        &mut self.err
    }

    fn secret(&mut self, prompt: &str) -> io::Result<Zeroizing<String>> {
        if io::stdin().is_terminal() {
            return rpassword::prompt_password(prompt).map(Zeroizing::new);
        }
        let mut line = Zeroizing::new(String::new());
        if io::stdin().lock().read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let typed = line.trim_end_matches(['\r', '\n']).len();
        line.truncate(typed);
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::{shown, shown_in_json};

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        let hostile = "a\u{1b}[2Jb\rc\u{9b}d\u{202e}e\u{7f}ł";
        assert_eq!(shown(hostile), "a\\u{1b}[2Jb\\u{d}c\\u{9b}d\\u{202e}e\\u{7f}ł");
        let json = serde_json::to_string(hostile).unwrap();
        let safe = shown_in_json(&json);
        assert!(!safe.chars().any(super::is_obeyed), "{safe}");
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), hostile);
    }
}
