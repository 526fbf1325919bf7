//! The drawn set: 20 px grid, strokes of 1.6 with round ends, filled only where the shape itself is the sign
//! (triangle, diamond and disc of the three urgencies).

use chatehr_contract::Urgency;
use yew::prelude::*;

/// Which drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyph {
    /// A tray that receives.
    Queue,
    /// A clipboard with a person's list.
    Consultations,
    /// A leaf of a calendar.
    Calendar,
    /// Three sliders.
    Settings,
    /// Filled triangle.
    Emergency,
    /// Filled diamond.
    Urgent,
    /// Filled disc.
    Routine,
    /// A tick.
    Check,
    /// Two ticks' worth of "no".
    Close,
    /// Arrowhead to the left.
    Back,
    /// Arrowhead to the right.
    Forward,
    /// A clock.
    Clock,
    /// A bell.
    Bell,
    /// A speech bubble.
    Chat,
    /// A closed lock.
    Lock,
    /// A key.
    Key,
    /// A printer.
    Print,
    /// A warning: outlined triangle with its mark.
    Warning,
    /// A cloud struck through.
    Offline,
    /// An arrow that comes round.
    Again,
    /// A paper plane.
    Send,
    /// A sheet with lines: the details beside a conversation.
    Details,
    /// A door and an arrow out of it.
    Leave,
    /// An open eye.
    Eye,
    /// A person.
    Person,
    /// A telephone receiver.
    Phone,
    /// A globe.
    Globe,
    /// A small and a large A.
    TextSize,
}

impl Glyph {
    /// The sign that stands for an urgency beside its word.
    pub const fn of(urgency: &Urgency) -> Self {
        match urgency {
            Urgency::Emergency => Self::Emergency,
            Urgency::Urgent | Urgency::Other(_) => Self::Urgent,
            Urgency::Routine => Self::Routine,
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Queue => {
                "M3 11.5 5.2 4h9.6L17 11.5V15a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 3 15v-3.5Zm0 0h3.8a3.2 3.2 0 0 0 6.4 0H17"
            }
            Self::Consultations => {
                "M6.5 4H5a1.2 1.2 0 0 0-1.2 1.2v10.6A1.2 1.2 0 0 0 5 17h10a1.2 1.2 0 0 0 1.2-1.2V5.200A1.2 1.2 0 0 0 15 4h-1.5M7 2.800h6v2.700H7ZM7 9.500h6M7 13h4"
            }
            Self::Calendar => {
                "M3.500 5h13v11.500h-13ZM3.500 8.500h13M7 3v3.500M13 3v3.500M7 12h.01M10 12h.01M13 12h.01"
            }
            Self::Settings => {
                "M3 5.500h7.500M14.500 5.500H17M3 10h2.500M9.500 10H17M3 14.500h6M13 14.500h4M10.500 5.500a2 2 0 1 0 4 0 2 2 0 0 0-4 0ZM5.500 10a2 2 0 1 0 4 0 2 2 0 0 0-4 0ZM9 14.500a2 2 0 1 0 4 0 2 2 0 0 0-4 0Z"
            }
            Self::Emergency => "M10 3 18 17H2Z",
            Self::Urgent => "M10 2 18 10 10 18 2 10Z",
            Self::Routine => "M10 4a6 6 0 1 1 0 12 6 6 0 0 1 0-12Z",
            Self::Check => "m4 10.500 4 4 8-9",
            Self::Close => "m5 5 10 10M15 5 5 15",
            Self::Back => "M12.500 4.500 7 10l5.500 5.500",
            Self::Forward => "M7.500 4.500 13 10l-5.500 5.500",
            Self::Clock => "M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14ZM10 6v4.300l2.800 1.700",
            Self::Bell => {
                "M10 3a4.500 4.500 0 0 1 4.500 4.500c0 3.500 1 5 2 6h-13c1-1 2-2.500 2-6A4.500 4.500 0 0 1 10 3ZM8.300 16.200a1.900 1.900 0 0 0 3.400 0"
            }
            Self::Chat => {
                "M4.500 4h11A1.500 1.500 0 0 1 17 5.500v7a1.500 1.500 0 0 1-1.500 1.500H9.500L6 17v-3H4.500A1.500 1.500 0 0 1 3 12.500v-7A1.500 1.500 0 0 1 4.500 4Z"
            }
            Self::Lock => "M4.500 9h11v7.500h-11ZM6.800 9V6.500a3.200 3.200 0 0 1 6.400 0V9",
            Self::Key => {
                "M7 9.500a3.500 3.500 0 1 1 0 7 3.500 3.500 0 0 1 0-7ZM9.500 10.500 16.500 3.500M13.500 6.500l2.500 2.500M7 13h.01"
            }
            Self::Print => {
                "M6 7.500V3.500h8v4M6 14H4.500A1.500 1.500 0 0 1 3 12.500V9a1.500 1.500 0 0 1 1.500-1.500h11A1.500 1.500 0 0 1 17 9v3.500a1.500 1.500 0 0 1-1.500 1.500H14M6 11.500h8v5H6Z"
            }
            Self::Warning => "M10 3.200 17.500 16.500h-15ZM10 8v4M10 14.200v.01",
            Self::Offline => {
                "M6 8.200A3.400 3.400 0 0 0 6.200 15H13M8.200 5.300a4.300 4.300 0 0 1 6 3.500 3.100 3.100 0 0 1 2 5.200M3.500 3.500l13 13"
            }
            Self::Again => "M16 10a6 6 0 1 1-1.800-4.300M16.500 3v3.800h-3.800",
            Self::Send => "M3 4 17.500 10 3 16l2-6ZM5 10h6",
            Self::Details => "M4 3.500h12v13H4ZM7 7.500h6M7 10.500h6M7 13.500h3.500",
            Self::Leave => {
                "M11.500 3.500H5A1.500 1.500 0 0 0 3.500 5v10A1.500 1.500 0 0 0 5 16.500h6.500M8.500 10H17M14 7l3 3-3 3"
            }
            Self::Eye => {
                "M2.500 10C4.500 6.600 7 5 10 5s5.500 1.600 7.500 5c-2 3.400-4.500 5-7.500 5s-5.500-1.600-7.500-5ZM10 7.700a2.300 2.300 0 1 1 0 4.600 2.300 2.300 0 0 1 0-4.600Z"
            }
            Self::Person => {
                "M10 3.500a3.200 3.200 0 1 1 0 6.400 3.200 3.200 0 0 1 0-6.400ZM3.800 16.800c.6-3 3-4.600 6.200-4.600s5.600 1.600 6.200 4.600"
            }
            Self::Phone => {
                "M5 3.500h2.500L9 7.200 7.200 8.600a9 9 0 0 0 4.200 4.200l1.400-1.800 3.700 1.500V15a1.500 1.500 0 0 1-1.600 1.500C9.200 16 4 10.800 3.500 5.100A1.500 1.500 0 0 1 5 3.500Z"
            }
            Self::Globe => {
                "M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14ZM3 10h14M10 3c2 2 3 4.300 3 7s-1 5-3 7c-2-2-3-4.300-3-7s1-5 3-7Z"
            }
            Self::TextSize => "m2 15 3-7.500L8 15M3 12.700h4M9 15l4.300-11L17.600 15M10.500 11.500h5.700",
        }
    }

    const fn filled(self) -> bool {
        matches!(self, Self::Emergency | Self::Urgent | Self::Routine)
    }
}

/// What an icon is drawn from.
#[derive(PartialEq, Properties)]
pub struct IconProps {
    /// Which drawing.
    pub glyph: Glyph,
    /// What it says where no word stands beside it; without, it is silent to a screen reader.
    #[prop_or_default]
    pub label: Option<AttrValue>,
    /// Further classes; `.icon` sets 1.25 em unless they say otherwise.
    #[prop_or_default]
    pub class: Classes,
}

/// One drawing of the set.
#[component]
pub fn Icon(props: &IconProps) -> Html {
    let (fill, stroke) =
        if props.glyph.filled() { ("currentColor", "none") } else { ("none", "currentColor") };
    html! {
        <svg
            class={classes!("icon", props.class.clone())}
            viewBox="0 0 20 20"
            fill={fill}
            stroke={stroke}
            stroke-width="1.6"
            stroke-linecap="round"
            stroke-linejoin="round"
            role={props.label.is_some().then_some("img")}
            aria-label={props.label.clone()}
            aria-hidden={props.label.is_none().then_some("true")}
            focusable="false"
        >
            <path d={props.glyph.path()} />
        </svg>
    }
}
