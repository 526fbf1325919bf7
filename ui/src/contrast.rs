//! Reads `tokens.css` and holds every pair of colours in use to WCAG 2.2 AA, in both themes.

use std::collections::BTreeMap;

const BASE: &str = include_str!("../styles/base.css");
const TOKENS: &str = include_str!("../styles/tokens.css");

/// Text on what it stands on: at least 4.5 to 1.
const TEXT: &[(&str, &str)] = &[
    ("ink", "bg"),
    ("ink", "surface"),
    ("ink", "surface-raised"),
    ("ink", "hover"),
    ("ink", "accent-weak"),
    ("ink", "emergency-weak"),
    ("ink", "urgent-weak"),
    ("ink", "routine-weak"),
    ("ink-2", "bg"),
    ("ink-2", "surface"),
    ("ink-2", "surface-raised"),
    ("ink-2", "hover"),
    ("ink-2", "accent-weak"),
    ("ink-2", "routine-weak"),
    ("accent", "surface"),
    ("accent", "surface-raised"),
    ("accent", "bg"),
    ("accent", "hover"),
    ("accent", "accent-weak"),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("emergency", "surface"),
    ("emergency", "bg"),
    ("emergency", "hover"),
    ("emergency", "accent-weak"),
    ("emergency", "emergency-weak"),
    ("urgent", "surface"),
    ("urgent", "bg"),
    ("urgent", "hover"),
    ("urgent", "accent-weak"),
    ("urgent", "urgent-weak"),
    ("routine", "surface"),
    ("routine", "routine-weak"),
    ("good", "surface"),
    ("rail-ink", "rail"),
    ("rail-ink", "rail-active"),
    ("rail-ink-2", "rail"),
    ("on-badge", "badge"),
    ("on-rail-accent", "rail-accent"),
];

/// Edges and signs that a control is known by: at least 3 to 1.
const CONTROLS: &[(&str, &str)] = &[
    ("line-control", "surface"),
    ("line-control", "surface-raised"),
    ("line-control", "bg"),
    ("line-control", "emergency-weak"),
    ("accent", "bg"),
    ("focus", "bg"),
    ("focus", "surface"),
    ("focus", "accent-weak"),
    ("rail-good", "rail"),
    ("rail-accent", "rail"),
    ("rail-accent", "rail-active"),
    ("rail-warn", "rail"),
    ("emergency", "emergency-weak"),
    ("urgent", "urgent-weak"),
];

type Rgb = [f64; 3];

fn colours() -> BTreeMap<String, (Rgb, Rgb)> {
    let mut found = BTreeMap::new();
    for line in TOKENS.lines() {
        let Some((name, rest)) =
            line.trim().strip_prefix("--").and_then(|line| line.split_once(": light-dark("))
        else {
            continue;
        };
        let (light, dark) = rest.trim_end_matches(");").split_once(", ").unwrap();
        if light.len() == 7 {
            found.insert(name.to_owned(), (rgb(light), rgb(dark)));
        }
    }
    found
}

fn rgb(hex: &str) -> Rgb {
    [1, 3, 5].map(|at| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0)
}

fn luminance(colour: Rgb) -> f64 {
    let [r, g, b] = colour.map(|c| if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

fn contrast(one: Rgb, two: Rgb) -> f64 {
    let (a, b) = (luminance(one), luminance(two));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn too_weak(pairs: &[(&str, &str)], least: f64) -> Vec<String> {
    let colours = colours();
    let mut weak = Vec::new();
    for (front, back) in pairs {
        let (front_light, front_dark) = colours[*front];
        let (back_light, back_dark) = colours[*back];
        for (theme, ratio) in
            [("light", contrast(front_light, back_light)), ("dark", contrast(front_dark, back_dark))]
        {
            if ratio < least {
                weak.push(format!("{front} on {back}, {theme}: {ratio:.2}"));
            }
        }
    }
    weak
}

#[test]
fn text_is_readable_on_everything_it_stands_on() {
    assert_eq!(too_weak(TEXT, 4.5), Vec::<String>::new());
}

#[test]
fn the_edges_of_controls_can_be_seen() {
    assert_eq!(too_weak(CONTROLS, 3.0), Vec::<String>::new());
}

#[test]
fn the_pointer_changes_no_button_that_is_disabled() {
    let hovers: Vec<_> =
        BASE.lines().filter(|line| line.contains(".button") && line.contains(":hover")).collect();
    assert!(hovers.len() >= 2);
    for rule in hovers {
        assert!(rule.contains(":not(:disabled"), "{rule}");
    }
}

#[test]
fn black_on_white_is_twenty_one_to_one() {
    assert!((contrast([0.0; 3], [1.0; 3]) - 21.0).abs() < 1e-9);
}
