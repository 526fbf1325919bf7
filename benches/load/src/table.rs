//! The pairs of each scenario as a table: medians of ratios with their least and most, beside the aims.

use std::time::Duration;

/// Aims of quality bar P9 for requests, and P10 for events: ours in parts of the peer's.
const RATE_AIM: f64 = 8.0;
const P99_AIM: f64 = 0.3;
const MEMORY_AIM: f64 = 0.15;
const LAST_AIM: f64 = 0.5;

/// One run of one side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    /// Requests per second; none where an event is told.
    pub(crate) rate: Option<f64>,
    /// Half of all answers or arrivals by then; and 99% of the answers, or the last arrival.
    pub(crate) times: (Duration, Duration),
    /// Bytes at the end of the run.
    pub(crate) memory: u64,
    pub(crate) body_bytes: u64,
    /// The part of the time for which the load generator was at work.
    pub(crate) generator: f64,
}

/// A run of each side, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) ours: Side,
    pub(crate) peer: Side,
}

/// A scenario.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) scenario: String,
    pub(crate) names: [&'static str; 2],
    pub(crate) pairs: Vec<Pair>,
    /// Whether it is held against the aims; the peer against itself is not.
    pub(crate) judged: bool,
}

/// Median, least and most.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let upper = *values.get(values.len() / 2)?;
        let lower = *values.get((values.len() - 1) / 2)?;
        Some(Self { median: f64::midpoint(lower, upper), least, most })
    }

    fn ratio(self) -> String {
        let digits = |value: f64| if value >= 10.0 { 1 } else { 2 };
        let shown = |value: f64| format!("{value:.*}", digits(value));
        format!("{} ({}..{})", shown(self.median), shown(self.least), shown(self.most))
    }
}

/// A figure against its aim.
struct Verdict {
    spread: Option<Spread>,
    aim: f64,
    /// Whether more is better.
    more: bool,
    judged: bool,
}

impl Verdict {
    fn cell(&self) -> String {
        let Some(spread) = self.spread else { return "–".to_owned() };
        if !self.judged {
            return spread.ratio();
        }
        let met = if self.more { spread.median >= self.aim } else { spread.median <= self.aim };
        format!("{} {}", spread.ratio(), if met { "✓" } else { "✗" })
    }
}

impl Row {
    fn spread(&self, of: impl Fn(&Pair) -> Option<f64>) -> Option<Spread> {
        Spread::of(self.pairs.iter().filter_map(of).collect())
    }

    fn rate(&self) -> Verdict {
        Verdict {
            spread: self.spread(|pair| Some(pair.ours.rate? / pair.peer.rate?)),
            aim: RATE_AIM,
            more: true,
            judged: self.judged,
        }
    }

    fn tail(&self) -> Verdict {
        let requests = self.pairs.iter().any(|pair| pair.ours.rate.is_some());
        Verdict {
            spread: self
                .spread(|pair| Some(pair.ours.times.1.as_secs_f64() / pair.peer.times.1.as_secs_f64())),
            aim: if requests { P99_AIM } else { LAST_AIM },
            more: false,
            judged: self.judged,
        }
    }

    fn memory(&self) -> Verdict {
        Verdict {
            spread: self.spread(|pair| Some(pair.ours.memory as f64 / pair.peer.memory as f64)),
            aim: MEMORY_AIM,
            more: false,
            judged: self.judged,
        }
    }

    /// For the terminal, while the rest runs.
    pub(crate) fn line(&self) -> String {
        format!(
            "{}: requests/s {}, p99 or last {}, memory {}",
            self.scenario,
            self.rate().cell(),
            self.tail().cell(),
            self.memory().cell()
        )
    }

    fn absolute(&self, side: impl Fn(&Pair) -> Side, name: &str) -> String {
        let median = |of: &dyn Fn(Side) -> Option<f64>| {
            self.spread(|pair| of(side(pair))).map_or_else(|| "–".to_owned(), |spread| figure(spread.median))
        };
        format!(
            "| {} | {name} | {} | {} | {} | {} | {} | {} |",
            self.scenario,
            median(&|side| side.rate),
            median(&|side| Some(side.times.0.as_secs_f64() * 1e3)),
            median(&|side| Some(side.times.1.as_secs_f64() * 1e3)),
            median(&|side| Some(side.memory as f64 / 1048576.0)),
            median(&|side| side.rate.map(|_| side.body_bytes as f64)),
            median(&|side| side.rate.map(|_| side.generator * 100.0)),
        )
    }
}

/// Three digits that count.
fn figure(value: f64) -> String {
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$}")
}

/// The whole of it, in Markdown.
pub(crate) fn write(rows: &[Row], notes: &[String]) -> String {
    let mut text = String::from("# The gateway against a peer in Node\n\n");
    let names = rows.first().map_or(["ours", "peer"], |row| row.names);
    let [ours, peer] = names;
    let pairs = rows.first().map_or(0, |row| row.pairs.len());
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    let judged = rows.iter().any(|row| row.judged);
    line(&format!("{ours} divided by {peer}: the median of {pairs} interleaved pairs (least..most)."));
    if judged {
        line("✓ where the median meets the aim.");
    }
    line(
        "The server that is measured runs on processor 0, the load generator on processor 1, in both cases.",
    );
    line("");
    line("| scenario | requests/s | p99 (events: last arrival) | memory |");
    line("| --- | --- | --- | --- |");
    if judged {
        line(&format!("| aim | ≥ {RATE_AIM} | ≤ {P99_AIM} (events: ≤ {LAST_AIM}) | ≤ {MEMORY_AIM} |"));
    }
    for row in rows {
        let (rate, tail, memory) = (row.rate().cell(), row.tail().cell(), row.memory().cell());
        line(&format!("| {} | {rate} | {tail} | {memory} |", row.scenario));
    }
    line("\n## Medians of each side\n");
    line(
        "| scenario | side | requests/s | p50 ms | p99 or last ms | memory MiB | bytes of an answer | generator at work % |",
    );
    line("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for row in rows {
        line(&row.absolute(|pair| pair.ours, ours));
        line(&row.absolute(|pair| pair.peer, peer));
    }
    line("\n## Said beside it\n");
    for note in notes {
        line(&format!("- {note}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Pair, Row, Side, Spread, write};

    fn side(rate: Option<f64>, millis: u64, memory: u64) -> Side {
        let time = Duration::from_millis(millis);
        Side { rate, times: (time, time), memory, body_bytes: 9, generator: 0.5 }
    }

    #[test]
    fn the_median_is_the_middle_or_between_the_two_in_the_middle() {
        let of = |values: &[f64]| Spread::of(values.to_vec());
        assert_eq!(of(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, least: 1.0, most: 3.0 }));
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]).map(|spread| spread.median), Some(2.5));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn an_aim_is_met_on_its_own_side_only() {
        let pair = Pair { ours: side(Some(900.0), 2, 20), peer: side(Some(100.0), 10, 100) };
        let row = Row { scenario: "lists".to_owned(), names: ["a", "b"], pairs: vec![pair], judged: true };
        let text = write(&[row], &[]);
        assert!(
            text.contains("| lists | 9.00 (9.00..9.00) ✓ | 0.20 (0.20..0.20) ✓ | 0.20 (0.20..0.20) ✗ |"),
            "{text}"
        );
        let pair = Pair { ours: side(None, 45, 10), peer: side(None, 100, 100) };
        let row = Row { scenario: "events".to_owned(), names: ["a", "b"], pairs: vec![pair], judged: true };
        let text = write(&[row], &[]);
        assert!(text.contains("| events | – | 0.45 (0.45..0.45) ✓ | 0.10 (0.10..0.10) ✓ |"), "{text}");
    }
}
