//! Killed at a random moment, again and again.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use chatehr_vault::Vault;

use crate::{chance::Chance, child::Loading, promises::Promises, records::key, report::Report};

/// A person's files live through so many deaths before there are new ones.
const DEATHS: u64 = 50;
/// Nearly every death comes within this time after the start.
const MOMENTS: u64 = 250;
/// One in five within this, while the files are being opened.
const EARLY: u64 = 25;
/// Above 1 s at the 99th percentile, opening takes too long.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) fn kill(place: &Path, seed: u64, times: u64, report: &mut Report) {
    let mut chance = Chance::new(seed);
    let (mut opening, mut broken) = (Vec::new(), Vec::new());
    let (mut acknowledged, mut arrived, mut early) = (0, 0, 0);
    let began = Instant::now();
    let mut done = 0;
    while done < times {
        let home = tempfile::tempdir_in(place).unwrap();
        let dir = home.path().join("person");
        let mut promises = Promises::new();
        for life in 0..DEATHS.min(times - done) {
            done += 1;
            let moment = if chance.below(5) == 0 { chance.below(EARLY) } else { chance.below(MOMENTS) };
            let (own, name) = (chance.next().to_string(), life.to_string());
            let loading = Loading::start(&[], &dir, &[&own, &name, "1000000"]);
            let ended = loading.until_killed(&mut promises, Duration::from_millis(moment));
            early += u64::from(!ended.opened);
            let started = Instant::now();
            let vault = Vault::open(&dir, &key());
            opening.push(started.elapsed());
            let kept = match &vault {
                Ok(vault) => promises.are_kept(vault),
                Err(error) => Err(format!("not opened: {error:?}")),
            };
            let unwanted = (!ended.sound || !ended.refusals.is_empty()).then(|| ended.refusals.join("; "));
            if let Some(why) = kept.err().or(unwanted) {
                broken.push(format!("seed {seed}, kill {done} after {moment} ms: {why}"));
                break;
            }
        }
        if let Ok(vault) = Vault::open(&dir, &key())
            && let Err(why) = promises.all_arrive(&vault)
        {
            broken.push(format!("seed {seed}, after kill {done}: {why}"));
        }
        acknowledged += promises.acknowledged;
        arrived += promises.arrived();
    }
    opening.sort();
    let at = |share: usize| opening[(opening.len() * share / 100).min(opening.len() - 1)];
    let (median, late, last) = (at(50), at(99), at(100));
    report.line(
        "R1 killed at a random moment",
        done,
        broken,
        format!(
            "{early} before the files were open; {acknowledged} actions acknowledged, {arrived} messages at the server, \
             each once and in order; opened again in {} ms (median), {} ms (99 of 100), {} ms (longest); {:.0} s",
            median.as_millis(),
            late.as_millis(),
            last.as_millis(),
            began.elapsed().as_secs_f64()
        ),
    );
    let slow = if late > PATIENCE { vec![format!("{} ms", late.as_millis())] } else { Vec::new() };
    report.line("R1 open again within a second", 1, slow, "99 of 100".to_owned());
}
