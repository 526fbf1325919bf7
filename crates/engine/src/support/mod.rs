//! The support bundle: what who helps with a workstation is handed, as one text that can be read before it is saved.
//!
//! Promises: what is saved is what was shown, to the letter; secrets that are known, the person's home and whatever looks
//! like an id are struck out, also where they should not have been. Refuses records, words, names, tokens and keys: the
//! sections are made of figures, codes and settings.

mod log;
mod scrub;

use std::{fs, io, path::Path};

use chatehr_contract::{Figures, Timestamp, TrafficFigures};

pub use self::{log::RecentLog, scrub::Scrub};

/// A heading and what stands under it.
pub type Section = (&'static str, String);

/// The text of a bundle.
pub fn bundle(made_at: Timestamp, sections: &[Section], scrub: &Scrub) -> String {
    let mut text = format!(
        "ChatEHR Desktop support bundle, made {made_at}\nIt holds no patient’s data, no name, no message and no key.\n"
    );
    for (heading, body) in sections {
        text.push_str(&format!("\n== {heading} ==\n{}\n", scrub.strike_out(body.trim_end())));
    }
    text
}

/// The figures as lines.
pub fn figures_in_words(figures: &Figures) -> String {
    let when = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), |at| at.to_string());
    let traffic = |of: TrafficFigures| {
        format!("{} requests, {} bytes sent, {} bytes received", of.requests, of.sent, of.received)
    };
    let latency = figures.latency.map_or_else(
        || "not measured yet".to_owned(),
        |of| format!("median {} ms, worst {} ms of the last {}", of.median, of.worst, of.of),
    );
    let lines = [
        ("last in step", when(figures.synced_at)),
        ("waiting to be sent", format!("{}, {} stuck", figures.outbox_waiting, figures.outbox_stuck)),
        ("oldest of them", when(figures.waiting_since)),
        ("answers", latency),
        ("program started", when(figures.started_at)),
        ("since then", traffic(figures.since_start)),
        ("today from", when(figures.today_from)),
        ("since then", traffic(figures.today)),
        ("files", format!("{} bytes", figures.files)),
    ];
    in_columns(&lines)
}

/// Names and values below each other.
pub fn in_columns(lines: &[(&str, String)]) -> String {
    let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    lines.iter().map(|(name, value)| format!("{name:<width$}  {value}\n")).collect()
}

/// Writes it to a new file, for its owner's eyes alone.
///
/// # Errors
/// The operating system's; a file of that name is left as it is.
pub fn save(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = io::Write::write_all(&mut file, text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // It is ours, and half a bundle must not pass for one.
        drop(file);
        fs::remove_file(path)?;
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_its_sections_without_what_was_struck_out() {
        let scrub = Scrub::new(Some("/home/okafor"), ["sekrit-key-1"]);
        let sections = [
            ("Settings", "CHATEHR_DATA_DIR  /home/okafor/data\n".to_owned()),
            ("Log", "the key was sekrit-key-1\n".to_owned()),
        ];
        insta::assert_snapshot!(bundle(Timestamp::from_millis(1_795_426_920_000), &sections, &scrub));
    }

    #[test]
    fn the_figures_are_told_in_full() {
        let at = Some(Timestamp::from_millis(1_795_426_920_000));
        let traffic = TrafficFigures { requests: 3, sent: 1_200, received: 45_000 };
        let figures = Figures {
            synced_at: at,
            outbox_waiting: 2,
            outbox_stuck: 1,
            waiting_since: at,
            latency: Some(chatehr_contract::LatencyFigures { median: 12, worst: 340, of: 100 }),
            started_at: at,
            since_start: traffic,
            today_from: at,
            today: traffic,
            files: 4_096,
            ..Figures::default()
        };
        insta::assert_snapshot!(figures_in_words(&figures));
    }

    #[test]
    fn a_file_that_is_there_is_left_as_it_is_and_a_new_one_is_its_owners() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("bundle.txt");
        save(&file, "first").unwrap();
        assert_eq!(save(&file, "second").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&file).unwrap(), "first");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
