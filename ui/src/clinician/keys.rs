//! Which key does what. Each letter presses the control that shows it, so a key can never do what no button offers.

use super::shell::View;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortcut {
    /// To the next (1) or previous (-1) row.
    Move(i32),
    /// Press the control marked with this letter.
    Press(char),
    /// First half of a two-key shortcut.
    Prefix,
    /// Another view.
    Go(View),
    /// Show the keys.
    Help,
    /// Close what lies on top.
    Close,
}

/// Reads a key, given whether `g` came just before. Keys with Ctrl, Alt or Meta belong to others.
pub fn shortcut(key: &str, after_g: bool) -> Option<Shortcut> {
    Some(match (key, after_g) {
        ("q", true) => Shortcut::Go(View::Queue),
        ("c", true) => Shortcut::Go(View::Mine),
        ("p", true) => Shortcut::Go(View::Appointments),
        ("s", true) => Shortcut::Go(View::Settings),
        ("j", _) => Shortcut::Move(1),
        ("k", _) => Shortcut::Move(-1),
        ("g", false) => Shortcut::Prefix,
        ("a" | "w" | "d" | "h" | "s" | "c" | "r", false) => Shortcut::Press(key.chars().next()?),
        ("?", _) => Shortcut::Help,
        ("Escape", _) => Shortcut::Close,
        _ => return None,
    })
}

/// The list behind `?`: keys and what they do.
pub const LIST: &[(&[&str], &str)] = &[
    (&["j", "k"], "Next and previous in the list"),
    (&["Enter"], "Open it"),
    (&["a"], "Accept"),
    (&["w"], "Acknowledge: I have seen it"),
    (&["d"], "Decline"),
    (&["h"], "Hand off"),
    (&["s"], "Start"),
    (&["c"], "Complete"),
    (&["r"], "Reply"),
    (&["Ctrl", "Enter"], "Send"),
    (&["g", "q"], "Go to the queue"),
    (&["g", "c"], "Go to my consultations"),
    (&["g", "p"], "Go to appointments"),
    (&["g", "s"], "Go to settings"),
    (&["Ctrl", "L"], "Lock the screen"),
    (&["?"], "This list"),
    (&["Esc"], "Close"),
];

#[cfg(test)]
mod tests {
    use super::{LIST, Shortcut, shortcut};
    use crate::clinician::shell::View;

    #[test]
    fn c_completes_but_after_g_it_goes_to_my_consultations() {
        assert_eq!(shortcut("c", false), Some(Shortcut::Press('c')));
        assert_eq!(shortcut("c", true), Some(Shortcut::Go(View::Mine)));
    }

    #[test]
    fn g_and_then_an_accept_does_not_accept() {
        assert_eq!(shortcut("a", true), None);
    }

    #[test]
    fn every_single_key_of_the_list_does_something() {
        for (keys, what) in LIST {
            match keys {
                ["Enter"] | ["Ctrl", _] => {}
                ["Esc"] => assert_eq!(shortcut("Escape", false), Some(Shortcut::Close)),
                ["g", key] => assert!(matches!(shortcut(key, true), Some(Shortcut::Go(_))), "{what}"),
                keys => assert!(keys.iter().all(|key| shortcut(key, false).is_some()), "{what}"),
            }
        }
    }
}
