//! Which rows of a long list are drawn. Ten thousand rows cost as much as twenty.

use std::ops::Range;

/// Rows drawn beyond the edges, so that a fast scroll meets rows and not blanks.
const BEYOND: usize = 6;

/// How many rows are asked for at a time.
pub const PAGE: usize = 100;

/// The rows to draw for a scroll position; sizes in pixels.
pub fn visible(scroll_top: f64, viewport: f64, row_height: f64, total: usize) -> Range<usize> {
    if row_height <= 0.0 || total == 0 {
        return 0..0;
    }
    let first = whole(scroll_top / row_height).saturating_sub(BEYOND);
    let last = whole((scroll_top + viewport) / row_height).saturating_add(1 + BEYOND).min(total);
    first.min(last)..last
}

/// The pages that hold `rows`.
pub const fn pages(rows: &Range<usize>) -> Range<usize> {
    if rows.start >= rows.end {
        return 0..1;
    }
    rows.start / PAGE..(rows.end - 1) / PAGE + 1
}

/// Where to scroll so that `row` can be seen; `None` when it can be already.
pub fn reveal(row: usize, scroll_top: f64, viewport: f64, row_height: f64) -> Option<f64> {
    let top = row as f64 * row_height;
    if top < scroll_top {
        Some(top)
    } else if top + row_height > scroll_top + viewport {
        Some((top + row_height - viewport).max(0.0))
    } else {
        None
    }
}

/// The row after a move, kept inside the list; the first move goes to the first row.
pub fn step(cursor: Option<usize>, by: i32, total: usize) -> Option<usize> {
    let last = total.checked_sub(1)?;
    let Some(cursor) = cursor else { return Some(0) };
    let moved = if by < 0 {
        cursor.saturating_sub(by.unsigned_abs() as usize)
    } else {
        cursor.saturating_add(by as usize)
    };
    Some(moved.min(last))
}

/// Where the keyboard was: the row it was on, and that row's place at the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor<Id> {
    /// None where the row had not been read yet.
    pub id: Option<Id>,
    /// From 0.
    pub index: usize,
}

/// The place after a move of a cursor whose row may have moved or gone since. `place_of` says where a row is now,
/// `holds_another` whether another row is known to stand at a place. From a row that is gone, the next one is the one that
/// took its place.
pub fn move_on<Id: PartialEq>(
    cursor: Option<&Cursor<Id>>,
    by: i32,
    total: usize,
    place_of: impl Fn(&Id) -> Option<usize>,
    holds_another: impl Fn(usize) -> bool,
) -> Option<usize> {
    let Some(cursor) = cursor else { return step(None, by, total) };
    let Some(id) = &cursor.id else { return step(Some(cursor.index), by, total) };
    match place_of(id) {
        Some(place) => step(Some(place), by, total),
        None if by > 0 && (cursor.index >= total || holds_another(cursor.index)) => {
            step(Some(cursor.index), by - 1, total)
        }
        None => step(Some(cursor.index), by, total),
    }
}

/// A cast from a float saturates, and a scroll above the top is the top.
fn whole(value: f64) -> usize {
    value.max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Cursor, PAGE, move_on, pages, reveal, step, visible};

    #[test]
    fn ten_thousand_rows_draw_a_screenful() {
        assert_eq!(visible(0.0, 800.0, 84.0, 10_000), 0..16);
        assert_eq!(visible(420_000.0, 800.0, 84.0, 10_000), 4_994..5_016);
        assert_eq!(visible(0.0, 800.0, 84.0, 3), 0..3);
        assert_eq!(visible(0.0, 800.0, 0.0, 3), 0..0);
    }

    #[test]
    fn rows_across_a_boundary_ask_for_both_pages() {
        assert_eq!(pages(&(0..PAGE)), 0..1);
        assert_eq!(pages(&(95..105)), 0..2);
        assert_eq!(pages(&(0..0)), 0..1);
    }

    #[test]
    fn moving_stays_inside_the_list() {
        assert_eq!(step(None, 1, 3), Some(0));
        assert_eq!(step(Some(0), -1, 3), Some(0));
        assert_eq!(step(Some(2), 1, 3), Some(2));
        assert_eq!(step(Some(1), 1, 0), None);
    }

    fn moved(from: (char, usize), by: i32, rows: &str) -> Option<char> {
        let cursor = Cursor { id: Some(from.0), index: from.1 };
        let to = move_on(
            Some(&cursor),
            by,
            rows.chars().count(),
            |id| rows.chars().position(|row| row == *id),
            |index| rows.chars().nth(index).is_some(),
        );
        to.and_then(|to| rows.chars().nth(to))
    }

    #[test]
    fn after_the_top_row_is_declined_the_next_move_goes_to_the_new_top_row() {
        assert_eq!(moved(('a', 0), 1, "bcd"), Some('b'));
        assert_eq!(moved(('b', 1), 1, "acd"), Some('c'));
        assert_eq!(moved(('b', 1), -1, "acd"), Some('a'));
    }

    #[test]
    fn a_row_that_a_new_request_pushed_down_is_still_where_the_keyboard_is() {
        assert_eq!(moved(('b', 1), 1, "nabc"), Some('c'));
        assert_eq!(moved(('b', 1), -1, "nabc"), Some('a'));
    }

    #[test]
    fn after_the_last_row_is_gone_the_keyboard_is_on_the_new_last_row() {
        assert_eq!(moved(('c', 2), 1, "ab"), Some('b'));
        assert_eq!(moved(('c', 2), -1, "ab"), Some('b'));
        assert_eq!(moved(('a', 0), 1, ""), None);
    }

    #[test]
    fn a_row_that_has_not_been_read_is_not_taken_for_gone() {
        let cursor = Cursor { id: Some('x'), index: 250 };
        assert_eq!(move_on(Some(&cursor), 1, 1_000, |_| None, |_| false), Some(251));
        let unread = Cursor::<char> { id: None, index: 250 };
        assert_eq!(move_on(Some(&unread), 1, 1_000, |_| None, |_| true), Some(251));
    }

    proptest! {
        #[test]
        fn a_revealed_row_is_among_those_drawn(row in 0usize..10_000, scroll in 0.0..800_000.0f64) {
            let top = reveal(row, scroll, 700.0, 84.0).unwrap_or(scroll);
            prop_assert!(visible(top, 700.0, 84.0, 10_000).contains(&row));
        }

        #[test]
        fn what_is_drawn_covers_the_screen_and_no_row_beyond_the_end(scroll in -50.0..900_000.0f64, total in 0usize..20_000) {
            let rows = visible(scroll, 700.0, 84.0, total);
            prop_assert!(rows.end <= total && rows.start <= rows.end && rows.len() <= 24);
        }
    }
}
