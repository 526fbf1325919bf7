//! The pairs of each figure as a table: medians of ratios with their least and most, beside the aims.

use std::fmt::Write;

/// What a figure should be.
#[derive(Clone, Copy)]
pub(crate) enum Aim {
    AtMost(f64),
    AtLeast(f64),
    /// Only told.
    None,
}

/// One figure of both sides, a value for each pair.
pub(crate) struct Row {
    pub(crate) bar: &'static str,
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) ours: Vec<f64>,
    /// Empty where the aim is an absolute one.
    pub(crate) peer: Vec<f64>,
    pub(crate) aim: Aim,
}

/// Median, least and most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let upper = *values.get(values.len() / 2)?;
        let lower = *values.get((values.len() - 1) / 2)?;
        Some(Self { median: f64::midpoint(lower, upper), least: *values.first()?, most: *values.last()? })
    }
}

impl Row {
    fn judged(&self) -> Option<Spread> {
        if self.peer.is_empty() {
            return Spread::of(self.ours.clone());
        }
        Spread::of(self.ours.iter().zip(&self.peer).map(|(ours, peer)| ours / peer).collect())
    }

    fn verdict(&self) -> String {
        let Some(spread) = self.judged() else { return "–".to_owned() };
        let Spread { median, least, most } = spread;
        let told = format!("{} ({}..{})", figure(median), figure(least), figure(most));
        match self.aim {
            Aim::AtMost(aim) => format!("{told} | ≤ {} {}", figure(aim), mark(median <= aim)),
            Aim::AtLeast(aim) => format!("{told} | ≥ {} {}", figure(aim), mark(median >= aim)),
            Aim::None => format!("{told} | –"),
        }
    }

    /// For the terminal, while the rest runs.
    pub(crate) fn line(&self) -> String {
        let side = |values: &Vec<f64>| {
            Spread::of(values.clone()).map_or_else(|| "–".to_owned(), |spread| figure(spread.median))
        };
        format!(
            "| {} | {} | {} {unit} | {} | {} |",
            self.bar,
            self.what,
            side(&self.ours),
            side(&self.peer),
            self.verdict(),
            unit = self.unit,
        )
    }
}

const fn mark(met: bool) -> &'static str {
    if met { "✓" } else { "✗" }
}

/// Three digits that count.
fn figure(value: f64) -> String {
    let digits = match value {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

/// The whole of it, in Markdown.
pub(crate) fn write(rows: &[Row], pairs: usize, loads: &[String]) -> String {
    let mut text = format!(
        "# The encrypted files against plain SQLite\n\nOurs divided by the peer's: the median of {pairs} interleaved \
         pairs (least..most); where there is no peer, ours. ✓ where the median meets the aim.\nLoad of the machine \
         before each part and at the end: {}.\n\n| bar | what | ours | peer | ratio | aim |\n\
         | --- | --- | --- | --- | --- | --- |\n",
        loads.join(", ")
    );
    for row in rows {
        let _written = writeln!(text, "{}", row.line());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Aim, Row, Spread};

    #[test]
    fn the_median_is_the_middle_or_between_the_two_in_the_middle() {
        let of = |values: &[f64]| Spread::of(values.to_vec());
        assert_eq!(of(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, least: 1.0, most: 3.0 }));
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]).map(|spread| spread.median), Some(2.5));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn an_aim_is_met_on_its_own_side_only() {
        let row = |ours: f64, peer: &[f64], aim| Row {
            bar: "P0",
            what: "it".to_owned(),
            unit: "ms",
            ours: vec![ours],
            peer: peer.to_vec(),
            aim,
        };
        assert!(row(11.0, &[10.0], Aim::AtMost(1.1)).line().ends_with("| 1.10 (1.10..1.10) | ≤ 1.10 ✓ |"));
        assert!(row(12.0, &[10.0], Aim::AtMost(1.1)).line().ends_with("✗ |"));
        assert!(row(8.0, &[10.0], Aim::AtLeast(0.9)).line().ends_with("✗ |"));
        assert!(row(8.0, &[], Aim::AtMost(10.0)).line().ends_with("| 8.00 (8.00..8.00) | ≤ 10.0 ✓ |"));
    }
}
