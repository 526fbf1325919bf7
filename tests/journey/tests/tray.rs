//! The icon in the tray, by a tray that this test is.

#![allow(clippy::expect_used, clippy::print_stdout, clippy::unwrap_used, missing_docs)]
#![cfg(target_os = "linux")]

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use chatehr_journey::{Failure, Outcome, Places, Shelf, Step, tray};
use zbus::{
    blocking::{Connection, connection::Builder},
    message::Header,
    zvariant::{OwnedValue, Value},
};

/// Where an icon is: its program on the bus, and its path there.
type Item = Arc<Mutex<Option<(String, String)>>>;

/// `org.kde.StatusNotifierWatcher` with a host that shows icons.
struct Watcher(Item);

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, service: &str, #[zbus(header)] header: Header<'_>) {
        let sender = header.sender().map(ToString::to_string).unwrap_or_default();
        let path = if service.starts_with('/') { service } else { "/StatusNotifierItem" };
        *self.0.lock().unwrap() = Some((sender, path.to_owned()));
    }

    fn register_status_notifier_host(&self, _service: &str) {}

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(sender, path)| format!("{sender}{path}")).collect()
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }
}

#[derive(Default)]
struct Tray {
    item: Item,
    bus: Option<Connection>,
}

type Layout = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(error.to_string())
}

impl Tray {
    fn bus(&self) -> Outcome<&Connection> {
        self.bus.as_ref().ok_or_else(|| Failure::new("no bus"))
    }

    fn place(&self) -> Outcome<(String, String)> {
        self.item.lock().unwrap().clone().ok_or_else(|| Failure::new("no icon has registered"))
    }

    fn property(&self, name: &str) -> Outcome<OwnedValue> {
        let (service, path) = self.place()?;
        let call = self.bus()?.call_method(
            Some(service),
            path,
            Some("org.freedesktop.DBus.Properties"),
            "Get",
            &("org.kde.StatusNotifierItem", name),
        );
        call.and_then(|answer| answer.body().deserialize::<OwnedValue>()).map_err(failed)
    }

    /// The menu: number, line, whether it can be pressed.
    fn menu(&self) -> Outcome<Vec<(i32, String, bool)>> {
        let (service, _) = self.place()?;
        let path = zbus::zvariant::OwnedObjectPath::try_from(self.property("Menu")?).map_err(failed)?;
        let call = self.bus()?.call_method(
            Some(service),
            path,
            Some("com.canonical.dbusmenu"),
            "GetLayout",
            &(0i32, -1i32, Vec::<String>::new()),
        );
        let (_, root): (u32, Layout) = call.and_then(|answer| answer.body().deserialize()).map_err(failed)?;
        let mut lines = Vec::new();
        for child in root.2 {
            let (id, properties, _) = Layout::try_from(child).map_err(failed)?;
            let label = properties.get("label").and_then(|value| <&str>::try_from(value).ok());
            let enabled = properties.get("enabled").and_then(|value| bool::try_from(value).ok());
            if let Some(label) = label {
                // Underscores mark a letter; two are one.
                lines.push((
                    id,
                    label.replace("__", "\0").replace('_', "").replace('\0', "_"),
                    enabled.unwrap_or(true),
                ));
            }
        }
        Ok(lines)
    }
}

impl Shelf for Tray {
    fn begin(&mut self, bus: &str) -> Outcome<()> {
        let bus = Builder::address(bus)
            .and_then(|builder| builder.serve_at("/StatusNotifierWatcher", Watcher(self.item.clone())))
            .and_then(|builder| builder.name("org.kde.StatusNotifierWatcher"))
            .and_then(Builder::build)
            .map_err(failed)?;
        self.bus = Some(bus);
        Ok(())
    }

    fn lines(&self) -> Outcome<BTreeMap<String, bool>> {
        Ok(self.menu()?.into_iter().map(|(_, line, enabled)| (line, enabled)).collect())
    }

    fn press(&self, line: &str) -> Outcome<()> {
        let (id, ..) = self
            .menu()?
            .into_iter()
            .find(|(_, label, enabled)| label == line && *enabled)
            .ok_or_else(|| Failure::new(format!("{line} is not there to press")))?;
        let (service, _) = self.place()?;
        let path = zbus::zvariant::OwnedObjectPath::try_from(self.property("Menu")?).map_err(failed)?;
        let event = (id, "clicked", Value::from(0i32), 0u32);
        self.bus()?
            .call_method(Some(service), path, Some("com.canonical.dbusmenu"), "Event", &event)
            .map(drop)
            .map_err(failed)
    }

    fn label(&self) -> Outcome<String> {
        String::try_from(self.property("XAyatanaLabel")?).map_err(failed)
    }

    fn all_words(&self) -> Outcome<String> {
        let told = ["Title", "XAyatanaLabel", "Id"]
            .map(|name| self.property(name).map(|value| format!("{value:?}")));
        let told: Vec<String> = told.into_iter().filter_map(Result::ok).collect();
        let lines: Vec<String> = self.menu()?.into_iter().map(|(_, line, _)| line).collect();
        Ok(format!("{told:?} {lines:?}"))
    }
}

#[test]
#[ignore = "needs the built windows: `cargo xtask test` builds them and runs this"]
fn the_icon_says_who_is_signed_in_and_closing_the_window_does_what_it_says() {
    // This test is target/<profile>/deps/tray-…
    let program = std::env::current_exe().expect("this test is a file");
    let built = program.ancestors().nth(2).expect("it lies in a profile's directory");
    let profile = built.file_name().expect("the profile has a name").to_string_lossy();
    let target = built.parent().expect("the profile lies in the target directory");
    let places = Places { pictures: target.join("tray"), ..Places::below(target, &profile) };
    println!();
    let steps = tray(&places, &mut Tray::default(), &mut |step: &Step| println!("{}", step.line()))
        .expect("a private desktop session");
    let failed: Vec<&str> = steps.iter().filter(|step| !step.passed()).map(|step| step.name).collect();
    assert!(failed.is_empty(), "not passed: {failed:?}; pictures are in {}", places.pictures.display());
}
