//! Where appointments stand on a day's grid: hours shown, and overlapping ones side by side.

use std::ops::Range;

/// Hours shown at least.
const HOURS: Range<u32> = 7..19;

/// A stretch of a day, in minutes from its midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// First minute.
    pub from: u32,
    /// First minute after it.
    pub to: u32,
}

impl Stretch {
    /// Shorter ones are drawn this long, so that their words can be read.
    pub const SHORTEST: u32 = 20;

    /// From a start and a duration; it ends with the day at the latest.
    pub fn new(from: u32, minutes: u32) -> Self {
        let from = from.min(1_439);
        Self { from, to: from.saturating_add(minutes.max(Self::SHORTEST)).min(1_440) }
    }
}

/// A place beside others: the lane from 0, and how many lanes the day has at that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// From 0.
    pub index: usize,
    /// At least 1.
    pub of: usize,
}

/// The hours to show: 7 to 19, wider where something lies outside.
pub fn hours(stretches: impl IntoIterator<Item = Stretch>) -> Range<u32> {
    stretches.into_iter().fold(HOURS, |hours, stretch| {
        hours.start.min(stretch.from / 60)..hours.end.max(stretch.to.div_ceil(60))
    })
}

/// A lane for each stretch; they must come in the order of their beginnings.
pub fn lanes(stretches: &[Stretch]) -> Vec<Lane> {
    let mut lanes: Vec<Lane> = Vec::with_capacity(stretches.len());
    let mut ends: Vec<u32> = Vec::new();
    let mut group = 0;
    for stretch in stretches {
        if ends.iter().all(|end| *end <= stretch.from) {
            close(&mut lanes, group, ends.len());
            group = lanes.len();
            ends.clear();
        }
        let free = ends.iter().position(|end| *end <= stretch.from).unwrap_or(ends.len());
        match ends.get_mut(free) {
            Some(end) => *end = stretch.to,
            None => ends.push(stretch.to),
        }
        lanes.push(Lane { index: free, of: 1 });
    }
    close(&mut lanes, group, ends.len());
    lanes
}

/// How far to scroll a fresh grid so that the present, `line` below its upper edge, is seen with half an hour after it.
/// By whole hours, at most `most`: the sticky names of the days then cut no hour in two. All in pixels.
pub fn opening_scroll(line: f64, viewport: f64, hour: f64, most: f64) -> f64 {
    let missing = line + hour / 2.0 - viewport;
    if missing <= 0.0 || hour <= 0.0 {
        return 0.0;
    }
    hour * (missing / hour).ceil().min((most / hour).floor()).max(0.0)
}

fn close(lanes: &mut [Lane], group: usize, of: usize) {
    lanes.iter_mut().skip(group).for_each(|lane| lane.of = of.max(1));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Lane, Stretch, hours, lanes, opening_scroll};

    #[test]
    fn alone_it_has_the_whole_width_and_two_at_once_share_it() {
        let day =
            [Stretch::new(540, 30), Stretch::new(600, 60), Stretch::new(630, 30), Stretch::new(720, 30)];
        assert_eq!(
            lanes(&day),
            [
                Lane { index: 0, of: 1 },
                Lane { index: 0, of: 2 },
                Lane { index: 1, of: 2 },
                Lane { index: 0, of: 1 }
            ]
        );
    }

    #[test]
    fn a_fresh_calendar_scrolls_by_whole_hours_and_only_where_the_present_is_out_of_sight() {
        assert_eq!(opening_scroll(300.0, 600.0, 50.0, 80.0).to_bits(), 0.0_f64.to_bits());
        assert_eq!(opening_scroll(590.0, 600.0, 50.0, 80.0).to_bits(), 50.0_f64.to_bits());
        assert_eq!(opening_scroll(900.0, 600.0, 50.0, 380.0).to_bits(), 350.0_f64.to_bits());
        assert_eq!(opening_scroll(590.0, 600.0, 0.0, 80.0).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn an_early_or_late_appointment_widens_the_day() {
        assert_eq!(hours([]), 7..19);
        assert_eq!(hours([Stretch::new(375, 30)]), 6..19);
        assert_eq!(hours([Stretch::new(1_430, 60)]), 7..24);
    }

    proptest! {
        #[test]
        fn no_two_that_overlap_share_a_lane(mut starts in prop::collection::vec((0u32..1_440, 1u32..240), 0..24)) {
            starts.sort_unstable();
            let day: Vec<_> = starts.into_iter().map(|(from, minutes)| Stretch::new(from, minutes)).collect();
            let lanes = lanes(&day);
            for (one, lane) in day.iter().zip(&lanes) {
                prop_assert!(lane.index < lane.of);
                for (other, beside) in day.iter().zip(&lanes) {
                    let overlap = one.from < other.to && other.from < one.to;
                    prop_assert!(std::ptr::eq(one, other) || !overlap || lane.index != beside.index);
                    prop_assert!(!overlap || lane.of == beside.of);
                }
            }
        }
    }
}
