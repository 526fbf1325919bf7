//! What was walked: each step with its outcome, its time and a picture.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{Failure, Outcome};

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// Everything checked was so.
    Passed,
    /// Something was not, and what.
    Failed(String),
    /// An earlier step failed, so this one was never tried.
    NotReached,
}

/// One step of the journey.
#[derive(Clone, Debug)]
pub struct Step {
    /// What was to happen, in words.
    pub name: &'static str,
    /// How it ended.
    pub outcome: StepOutcome,
    /// How long it took.
    pub took: Duration,
}

/// Steps in order; after the first failure nothing more is tried.
#[derive(Debug)]
pub(crate) struct Record {
    directory: PathBuf,
    steps: Vec<Step>,
}

impl Record {
    /// Begins anew: what was in `directory` is removed.
    pub(crate) fn begin(directory: &Path) -> Outcome<Self> {
        fs::remove_dir_all(directory).ok();
        fs::create_dir_all(directory)
            .map_err(|error| Failure::new(format!("{} cannot be made: {error}", directory.display())))?;
        Ok(Self { directory: directory.to_owned(), steps: Vec::new() })
    }

    /// Takes a step, unless one before it failed, and hands it to `picture` with the file to write. A step of which there
    /// is no picture, or an empty one, has not passed.
    pub(crate) fn step<S>(
        &mut self,
        name: &'static str,
        scene: &mut S,
        action: impl FnOnce(&mut S) -> Outcome<()>,
        picture: impl FnOnce(&mut S, &Path) -> Outcome<()>,
    ) -> Step {
        let stopped = self.steps.iter().any(|step| step.outcome != StepOutcome::Passed);
        let began = Instant::now();
        let mut outcome = if stopped {
            StepOutcome::NotReached
        } else {
            action(scene)
                .map_or_else(|failure| StepOutcome::Failed(failure.to_string()), |()| StepOutcome::Passed)
        };
        let took = began.elapsed();
        if !stopped {
            let pictured = picture(scene, &self.directory.join(file_name(self.steps.len() + 1, name)));
            if let (StepOutcome::Passed, Err(failure)) = (&outcome, pictured) {
                outcome = StepOutcome::Failed(format!("there is no picture: {failure}"));
            }
        }
        let step = Step { name, outcome, took };
        self.steps.push(step.clone());
        step
    }

    /// Writes `<name of the directory>.json` and returns the steps.
    pub(crate) fn finish(self) -> Outcome<Vec<Step>> {
        let list: Vec<Value> = self.steps.iter().map(Step::to_json).collect();
        let name = self.directory.file_name().unwrap_or_else(|| OsStr::new("steps"));
        let file = self.directory.join(name).with_extension("json");
        fs::write(&file, format!("{:#}\n", Value::Array(list)))
            .map_err(|error| Failure::new(format!("{} cannot be written: {error}", file.display())))?;
        Ok(self.steps)
    }
}

impl Step {
    /// Whether it passed.
    pub fn passed(&self) -> bool {
        self.outcome == StepOutcome::Passed
    }

    /// One line of a table.
    pub fn line(&self) -> String {
        let (mark, why) = match &self.outcome {
            StepOutcome::Passed => ("✓", String::new()),
            StepOutcome::Failed(why) => ("✗", format!("\n      {why}")),
            StepOutcome::NotReached => ("·", " (not reached)".to_owned()),
        };
        format!("  {mark} {:<62}{:>6.1} s{why}", self.name, self.took.as_secs_f64())
    }

    fn to_json(&self) -> Value {
        let milliseconds = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX);
        match &self.outcome {
            StepOutcome::Passed => {
                json!({"step": self.name, "outcome": "passed", "milliseconds": milliseconds})
            }
            StepOutcome::Failed(why) => {
                json!({"step": self.name, "outcome": "failed", "milliseconds": milliseconds, "why": why})
            }
            StepOutcome::NotReached => {
                json!({"step": self.name, "outcome": "not reached", "milliseconds": 0})
            }
        }
    }
}

fn file_name(number: usize, name: &str) -> String {
    let words: Vec<&str> =
        name.split(|sign: char| !sign.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    format!("{number:02}-{}.png", words.join("-").to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::{Record, StepOutcome, file_name};
    use crate::Failure;

    #[test]
    fn nothing_is_tried_after_a_failure_and_all_is_written_down() {
        let directory = std::env::temp_dir().join(format!("chatehr-record-{}", std::process::id()));
        let mut record = Record::begin(&directory).unwrap();
        record.step("first", &mut (), |()| Ok(()), |(), _| Ok(()));
        record.step("second", &mut (), |()| Err(Failure::new("it rained")), |(), _| Ok(()));
        record.step(
            "third",
            &mut (),
            |()| panic!("must not be tried"),
            |(), _| panic!("must not be pictured"),
        );
        let steps = record.finish().unwrap();
        assert_eq!(steps[1].outcome, StepOutcome::Failed("it rained".to_owned()));
        assert_eq!(steps[2].outcome, StepOutcome::NotReached);
        let written: serde_json::Value = serde_json::from_str(
            &std::fs::read_to_string(directory.join(directory.file_name().unwrap()).with_extension("json"))
                .unwrap(),
        )
        .unwrap();
        assert_eq!(written[1]["why"], "it rained");
        assert_eq!(written[2]["outcome"], "not reached");
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_step_without_a_picture_has_not_passed() {
        let directory = std::env::temp_dir().join(format!("chatehr-unpictured-{}", std::process::id()));
        let mut record = Record::begin(&directory).unwrap();
        let step = record.step("dark", &mut (), |()| Ok(()), |(), _| Err(Failure::new("no light")));
        assert_eq!(step.outcome, StepOutcome::Failed("there is no picture: no light".to_owned()));
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_picture_is_named_after_its_step() {
        assert_eq!(file_name(3, "The kiosk: a request, sent"), "03-the-kiosk-a-request-sent.png");
    }
}
