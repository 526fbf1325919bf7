//! A day or a week of appointments on a grid of hours, and how old this knowledge is.

use std::{ops::Range, rc::Rc};

use chatehr_contract::{
    AppointmentRange, AppointmentRow, AppointmentStatus, Timestamp, command::clinician as command,
};
use yew::prelude::*;

use super::{
    ask::{Read, use_reading},
    grid::{Lane, Stretch, hours, lanes, opening_scroll},
    notice::ErrorNotice,
    shell::{Dispatch, Step},
};
use crate::{
    dom::{self, use_clock, use_server_clock},
    icon::{Glyph, Icon},
    time, words,
};

/// What the view is made of.
#[derive(PartialEq, Properties)]
pub struct AppointmentsProps {
    /// Goes up when they are to be read again.
    pub revision: u32,
    /// Whether the connection is lost.
    pub offline: bool,
    /// Where a press goes.
    pub dispatch: Dispatch,
}

/// Older than this many seconds, the time of the last reading is shown.
const STALE: i64 = 15 * 60;

/// See the module.
#[component]
pub fn Appointments(props: &AppointmentsProps) -> Html {
    let week = use_state(|| false);
    let moved = use_state(|| 0_i32);
    let again = use_state(|| 0_u32);
    let today_begins = use_server_clock((), |now, ()| time::midnight(now, 0));
    let (first, days) = if *week {
        let monday = (i32::try_from(time::local(today_begins).weekday).unwrap_or(0) + 6) % 7;
        (*moved * 7 - monday, 7)
    } else {
        (*moved, 1)
    };
    let from = time::midnight(today_begins, first);
    let range = AppointmentRange { from, to: time::midnight(today_begins, first + days) };
    let read = use_reading::<command::Appointments>(range, props.revision.wrapping_add(*again));
    let today = time::local(today_begins);
    let title = if *week {
        let (start, end) = (time::local(from), time::local(time::midnight(from, 6)));
        format!("{} – {}", start.date(today), end.date(today))
    } else {
        let day = time::local(from);
        if day.same_day(today) {
            format!("Today, {}", day.weekday_date(today))
        } else {
            day.weekday_date(today)
        }
    };
    let known = match &read {
        Read::Here(page) => page.synced_at,
        _ => None,
    };
    let stale = use_clock(known, |now, known| known.is_none_or(|at| now.seconds_since(at) > STALE));
    let go = |to: i32| {
        let moved = moved.setter();
        Callback::from(move |_: MouseEvent| moved.set(to))
    };
    let choose = |weekly: bool, label: &'static str, test: &'static str| {
        let (week, moved) = (week.clone(), moved.setter());
        html! {
            <button type="button" class="chip" aria-pressed={(weekly == *week).to_string()} data-test={test}
                onclick={move |_| { week.set(weekly); moved.set(0); }}>{ label }</button>
        }
    };
    let (before, after) = if *week { ("Week before", "Week after") } else { ("Day before", "Day after") };
    let as_of =
        known.map(time::local).map(|at| format!("Appointments as of {}.", at.when(time::local(time::now()))));
    html! {
        <main class="page appointments" aria-labelledby="appointments-title">
            <header class="page-head">
                <h1 id="appointments-title">{ "Appointments" }</h1>
                <span class="page-range" aria-live="polite">{ title }</span>
                <div class="page-moves">
                    <button type="button" class="button small icon-only" aria-label={before} title={before} onclick={go(*moved - 1)}>
                        <Icon glyph={Glyph::Back} />
                    </button>
                    <button type="button" class="button small" disabled={*moved == 0} onclick={go(0)}>{ "Today" }</button>
                    <button type="button" class="button small icon-only" aria-label={after} title={after} onclick={go(*moved + 1)}>
                        <Icon glyph={Glyph::Forward} />
                    </button>
                </div>
                <div class="chips" role="group" aria-label="How much">
                    { choose(false, "Day", "appointments-day") }
                    { choose(true, "Week", "appointments-week") }
                </div>
            </header>
            if let Some(as_of) = as_of.filter(|_| props.offline || stale) {
                <p class="notice caution" role="status" data-test="appointments-as-of">
                    <Icon glyph={Glyph::Clock} />
                    <span class="words">
                        { as_of }
                        if props.offline { { " Changes made since then are not shown." } }
                    </span>
                </p>
            }
            { match read {
                Read::Failed(error) => {
                    let again = again.clone();
                    html! { <ErrorNotice {error} on_again={Callback::from(move |()| again.set(again.wrapping_add(1)))} /> }
                }
                Read::Waiting => html! { <div class="grid" aria-busy="true" /> },
                Read::Here(page) => html! {
                    <Grid rows={Rc::new(page.rows.clone())} {from} {days} dispatch={props.dispatch.clone()} />
                },
            } }
        </main>
    }
}

#[derive(PartialEq, Properties)]
struct GridProps {
    rows: Rc<Vec<AppointmentRow>>,
    from: Timestamp,
    days: i32,
    dispatch: Dispatch,
}

/// A day's appointments with their places, in the order of their beginnings.
fn placed(rows: &[AppointmentRow], day: time::Local) -> Vec<(AppointmentRow, Stretch, Lane)> {
    let mut here: Vec<(Stretch, AppointmentRow)> = rows
        .iter()
        .filter_map(|row| {
            let at = time::local(row.date_time);
            at.same_day(day).then(|| (Stretch::new(at.hour * 60 + at.minute, row.duration), row.clone()))
        })
        .collect();
    here.sort_by_key(|(stretch, _)| stretch.from);
    let stretches: Vec<_> = here.iter().map(|(stretch, _)| *stretch).collect();
    here.into_iter().zip(lanes(&stretches)).map(|((stretch, row), lane)| (row, stretch, lane)).collect()
}

#[component]
fn Grid(props: &GridProps) -> Html {
    let today = time::local(time::now());
    let days: Vec<_> = (0..props.days)
        .map(|day| {
            let day = time::local(time::midnight(props.from, day));
            (day, placed(&props.rows, day))
        })
        .collect();
    let hours = hours(days.iter().flat_map(|(_, placed)| placed.iter().map(|(_, stretch, _)| *stretch)));
    let frame = use_node_ref();
    let shows_today = days.iter().any(|(day, _)| day.same_day(today));
    let deps = (hours.clone(), props.days, props.from, shows_today, frame.clone());
    use_effect_with(deps, |(hours, days, _, shows_today, frame)| {
        dom::place(frame, "--hours", &(hours.end - hours.start).to_string());
        dom::place(frame, "--days", &days.to_string());
        reveal(frame, hours, *shows_today);
    });
    let empty = props.rows.is_empty();
    let one = props.days == 1;
    html! {
        <div class="grid" tabindex="0" role="region" aria-label="Calendar">
            <div class={classes!("grid-frame", one.then_some("one-day"))} ref={frame}>
                if !one {
                    <div class="grid-corner" />
                    { for days.iter().map(|(day, _)| html! {
                        <div class={classes!("grid-day-name", day.same_day(today).then_some("today"))}>
                            { day.weekday_name() }{ " " }<strong>{ day.day }</strong>
                        </div>
                    }) }
                }
                <div class="grid-hours" aria-hidden="true">
                    { for hours.clone().map(|hour| html! { <span>{ format!("{hour:02}:00") }</span> }) }
                </div>
                { for days.iter().map(|(day, placed)| html! {
                    <ol class="grid-day" aria-label={day.weekday_date(today)}>
                        { for placed.iter().map(|(row, stretch, lane)| html! {
                            <Block key={row.id.to_string()} row={row.clone()} stretch={*stretch} lane={*lane}
                                first_hour={hours.start} {one} dispatch={props.dispatch.clone()} />
                        }) }
                        if day.same_day(today) { <Present first={hours.start} last={hours.end} /> }
                    </ol>
                }) }
            </div>
            if empty {
                <p class="grid-empty" data-test="appointments-empty">
                    { if one { "No appointments on this day." } else { "No appointments in this week." } }
                </p>
            }
        </div>
    }
}

#[derive(PartialEq, Properties)]
struct BlockProps {
    row: AppointmentRow,
    stretch: Stretch,
    lane: Lane,
    first_hour: u32,
    one: bool,
    dispatch: Dispatch,
}

#[component]
fn Block(props: &BlockProps) -> Html {
    let BlockProps { row, stretch, lane, first_hour, one, .. } = props;
    let node = use_node_ref();
    use_effect_with((node.clone(), *stretch, *lane, *first_hour), |(node, stretch, lane, first_hour)| {
        let start = f64::from(stretch.from) / 60.0 - f64::from(*first_hour);
        dom::place(node, "--from", &format!("{start:.4}"));
        dom::place(node, "--long", &format!("{:.4}", f64::from(stretch.to - stretch.from) / 60.0));
        dom::place(node, "--lane", &lane.index.to_string());
        dom::place(node, "--lanes", &lane.of.to_string());
    });
    let begins = time::local(row.date_time);
    let ends = time::local(row.date_time.plus_seconds(i64::from(row.duration) * 60));
    let who =
        row.patient.as_ref().map_or_else(|| row.patient_id.to_string(), |patient| patient.name.spoken());
    let status = words::appointment_status(&row.status);
    let (kind, hours) = (words::as_came(&row.kind), format!("{}–{}", begins.clock(), ends.clock()));
    let class = match row.status {
        AppointmentStatus::Cancelled | AppointmentStatus::NoShow => "off",
        AppointmentStatus::Fulfilled => "past",
        AppointmentStatus::Arrived => "here",
        AppointmentStatus::Proposed | AppointmentStatus::Pending => "open",
        AppointmentStatus::Booked | AppointmentStatus::Other(_) => "",
    };
    // A day has room for everything; in a week the start comes first, which the name would push out.
    let text = if *one {
        html! {
            <>
                <span class="block-line"><strong>{ who }</strong></span>
                <span class="block-line"><span>{ hours }</span>{ " · " }<span class="block-status">{ status }</span></span>
                <span class="block-line">{ kind }</span>
                // Not as a tooltip: one may outlive what it belongs to, and stand over another patient's record.
                if !row.notes.is_empty() { <span class="block-line">{ row.notes.clone() }</span> }
            </>
        }
    } else {
        html! { <>
        <span class="block-line block-start">{ begins.clock() }</span>
        <span class="block-line"><strong>{ who }</strong></span>
        <span class="block-line block-status">{ status }</span></> }
    };
    let long = stretch.to - stretch.from;
    let room = match long {
        ..=40 => Some("short"),
        41..60 => Some("middle"),
        _ => None,
    };
    html! {
        <li ref={node} class={classes!("block", class, room)}
            data-test="appointment-row" data-id={row.id.to_string()} data-status={row.status.to_string()}>
            if let Some(id) = row.consultation_id.clone() {
                <button type="button" onclick={let dispatch = props.dispatch.clone(); move |_| dispatch.dispatch(Step::Open(id.clone()))}>
                    { text }<span class="visually-hidden">{ ", open the consultation" }</span>
                </button>
            } else {
                <div>{ text }</div>
            }
        </li>
    }
}

#[derive(PartialEq, Properties)]
struct PresentProps {
    first: u32,
    last: u32,
}

/// Brings the present into view where `frame` shows it, else the first hour. Done when another stretch is opened; after
/// that the person scrolls, not the clock.
fn reveal(frame: &NodeRef, shown: &Range<u32>, shows_today: bool) {
    let Some(frame) = frame.cast::<web_sys::Element>() else { return };
    let Some(grid) = frame.parent_element() else { return };
    let height = |of: &str| {
        let element = frame.query_selector(of).ok().flatten();
        element.map_or(0.0, |element| element.get_bounding_client_rect().height())
    };
    let now = time::local(time::now());
    let (hour, hours) = (height(".grid-hours span"), f64::from(now.hour) + f64::from(now.minute) / 60.0);
    let line = height(".grid-day-name") + (hours - f64::from(shown.start)) * hour;
    let viewport = f64::from(grid.client_height());
    let most = f64::from(grid.scroll_height()) - viewport;
    let top = if shows_today && shown.contains(&now.hour) {
        opening_scroll(line, viewport, hour, most)
    } else {
        0.0
    };
    grid.set_scroll_top(top.round() as i32);
}

/// The line of the present minute.
#[component]
fn Present(props: &PresentProps) -> Html {
    let node = use_node_ref();
    let minute = use_server_clock((), |now, ()| {
        let at = time::local(now);
        at.hour * 60 + at.minute
    });
    let first = props.first;
    use_effect_with((minute, first, node.clone()), |(minute, first, node)| {
        dom::place(node, "--from", &format!("{:.4}", f64::from(*minute) / 60.0 - f64::from(*first)));
    });
    if !(props.first * 60..props.last * 60).contains(&minute) {
        return Html::default();
    }
    html! { <li ref={node} class="present" role="presentation"><span class="visually-hidden">{ "Now" }</span></li> }
}
