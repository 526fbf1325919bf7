//! The breaker against a model that is simpler than it, and its promises one by one.

use proptest::prelude::*;

use super::*;

const BUDGET: Duration = Duration::from_secs(45);
const LONGEST_WINDOW: Duration = Duration::from_secs(30);
const LONGEST_ASKED: Duration = Duration::from_secs(900);

fn breaker() -> Breaker {
    Breaker::new(BUDGET, 1)
}

fn failed(seconds: u64) -> Ending {
    Ending::Failed { took: Duration::from_secs(seconds), asked: None }
}

/// Lets one through and settles it at once.
fn run(breaker: &mut Breaker, now: Instant, ending: Ending) -> bool {
    match breaker.admit(now, Errand::Ordinary) {
        Ok(pass) => {
            breaker.settle(now, &pass, ending);
            true
        }
        Err(_) => false,
    }
}

/// Fails until it is open.
fn opened(now: Instant) -> Breaker {
    let mut breaker = breaker();
    for _ in 0..FAILURES {
        assert!(run(&mut breaker, now, failed(0)));
    }
    breaker
}

#[tokio::test(start_paused = true)]
async fn five_failures_in_a_row_open_it_and_an_answer_in_between_does_not_count_as_one() {
    let now = Instant::now();
    let mut breaker = breaker();
    for _ in 0..50 {
        for _ in 0..FAILURES - 1 {
            assert!(run(&mut breaker, now, failed(0)));
        }
        assert!(run(&mut breaker, now, Ending::Answered));
    }
    for _ in 0..FAILURES {
        assert!(run(&mut breaker, now, failed(0)));
    }
    assert_eq!(breaker.state, opened(now).state);
    assert!(matches!(breaker.state, State::Open { .. }));
}

#[tokio::test(start_paused = true)]
async fn two_long_waits_use_up_what_a_person_can_lose() {
    let now = Instant::now();
    let mut breaker = breaker();
    run(&mut breaker, now, failed(46));
    assert_eq!(breaker.state, State::Closed, "one is no row");
    run(&mut breaker, now, failed(30));
    assert!(matches!(breaker.state, State::Open { .. }));
}

#[tokio::test(start_paused = true)]
async fn one_goes_first_and_the_others_wait_for_what_becomes_of_it() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let later = now + LONGEST_WINDOW;
    let first = breaker.admit(later, Errand::Ordinary).unwrap();
    assert_eq!(breaker.admit(later, Errand::Ordinary).unwrap_err(), Duration::ZERO);
    breaker.settle(later, &first, Ending::Answered);
    assert_eq!(breaker.state, State::Closed);
    assert!(breaker.admit(later, Errand::Ordinary).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_nobody_waited_for_lets_the_next_one_try() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let later = now + LONGEST_WINDOW;
    let first = breaker.admit(later, Errand::Ordinary).unwrap();
    breaker.settle(later, &first, Ending::Abandoned);
    assert!(breaker.admit(later, Errand::Ordinary).is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_went_out_before_it_opened_says_nothing_of_after() {
    let now = Instant::now();
    let mut breaker = breaker();
    let slow = breaker.admit(now, Errand::Ordinary).unwrap();
    for _ in 0..FAILURES {
        run(&mut breaker, now, failed(0));
    }
    let open = breaker.state;
    breaker.settle(now, &slow, Ending::Answered);
    assert_eq!(breaker.state, open);
}

#[tokio::test(start_paused = true)]
async fn a_person_and_a_probe_need_not_wait_and_what_they_find_counts() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let (hanging, open) = (breaker.admit(now, Errand::Probe).unwrap(), breaker.state);
    breaker.settle(now, &hanging, failed(30));
    assert_eq!(breaker.state, open, "a probe that fails makes no wait longer");
    let probe = breaker.admit(now, Errand::Probe).unwrap();
    breaker.settle(now, &probe, Ending::Answered);
    assert_eq!(breaker.state, State::Closed);

    let mut breaker = opened(now);
    assert!(breaker.admit(now, Errand::Ordinary).is_err());
    breaker.retry_now(now);
    assert!(breaker.admit(now, Errand::Ordinary).is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_the_server_asks_for_is_waited_out() {
    let now = Instant::now();
    let asked = Duration::from_secs(120);
    let mut breaker = breaker();
    for _ in 0..FAILURES {
        run(&mut breaker, now, Ending::Failed { took: Duration::ZERO, asked: Some(asked) });
    }
    assert_eq!(breaker.admit(now, Errand::Ordinary).unwrap_err(), asked);
    assert!(breaker.admit(now + asked, Errand::Ordinary).is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_wait_grows_with_each_failed_trial_and_an_answer_makes_it_short_again() {
    let mut longest = [Duration::ZERO; 12];
    for seed in 0..200 {
        let mut now = Instant::now();
        let mut breaker = Breaker::new(BUDGET, seed);
        for _ in 0..FAILURES {
            run(&mut breaker, now, failed(0));
        }
        for longest in &mut longest {
            let State::Open { until } = breaker.state else { panic!("{:?}", breaker.state) };
            *longest = (*longest).max(until - now);
            now = until;
            assert!(run(&mut breaker, now, failed(0)));
        }
        breaker.retry_now(now);
        run(&mut breaker, now, Ending::Answered);
        for _ in 0..FAILURES {
            run(&mut breaker, now, failed(0));
        }
        assert!(run(&mut breaker, now + Duration::from_millis(500), Ending::Answered));
    }
    assert!(longest[0] <= Duration::from_millis(500) && longest[11] <= LONGEST_WINDOW);
    assert!(longest.windows(2).take(6).all(|pair| pair[0] < pair[1]), "{longest:?}");
}

/// What happens to it.
#[derive(Clone, Debug)]
enum Event {
    Pass(u64),
    Ask(Errand),
    /// The one that has been under way for so many others.
    Settle(prop::sample::Index, Ending),
    Retry,
}

fn event() -> impl Strategy<Value = Event> {
    let ending = prop_oneof![
        2 => Just(Ending::Answered),
        6 => (0u64..40, prop::option::of(0u64..400)).prop_map(|(took, asked)| Ending::Failed {
            took: Duration::from_secs(took),
            asked: asked.map(Duration::from_secs),
        }),
        1 => Just(Ending::Abandoned),
    ];
    prop_oneof![
        2 => (0u64..40_000).prop_map(Event::Pass),
        5 => Just(Event::Ask(Errand::Ordinary)),
        1 => Just(Event::Ask(Errand::Probe)),
        6 => (any::<prop::sample::Index>(), ending).prop_map(|(which, ending)| Event::Settle(which, ending)),
        1 => Just(Event::Retry),
    ]
}

/// The promises, without waits of its own: it takes those that are told, and holds them against their bounds.
#[derive(Default)]
struct Model {
    /// Failures in a row, each with what it took.
    row: Vec<Duration>,
    /// Since when it is open, and what was asked for then.
    open: Option<(Instant, Duration)>,
    /// Which trial decides.
    trial: Option<u64>,
    /// Those that went out while it was closed, since it last was open.
    counted: Vec<u64>,
    /// Probes that went out since anything last changed.
    probes: Vec<u64>,
    asked_by_person: bool,
}

impl Model {
    fn trips(&self) -> bool {
        let lost: Duration = self.row.iter().sum();
        self.row.len() >= FAILURES as usize || (self.row.len() > 1 && lost > BUDGET)
    }

    fn open(&mut self, now: Instant, asked: Option<Duration>) {
        *self = Self { open: Some((now, asked.unwrap_or_default().min(LONGEST_ASKED))), ..Self::default() };
    }

    fn ask(&mut self, id: u64, now: Instant, errand: Errand, answer: &Result<Pass, Duration>) {
        let closed = self.open.is_none() && self.trial.is_none();
        match answer {
            Ok(_) if closed => self.counted.push(id),
            Ok(_) if errand == Errand::Probe => self.probes.push(id),
            Ok(_) => {
                let (since, asked) = self.open.expect("two at once while it is tried");
                assert!(now.duration_since(since) >= asked || self.asked_by_person, "too early");
                *self = Self { trial: Some(id), ..Self::default() };
            }
            Err(wait) => {
                assert!(!closed && errand == Errand::Ordinary && !self.asked_by_person);
                let Some((since, asked)) = self.open else {
                    assert!(wait.is_zero(), "nobody knows how long the trial takes");
                    return;
                };
                let whole = now.duration_since(since) + *wait;
                assert!(whole <= asked.max(LONGEST_WINDOW), "too long: {whole:?}");
                assert!(whole >= asked, "less than asked for: {whole:?}");
            }
        }
    }

    fn settle(&mut self, id: u64, now: Instant, ending: Ending) {
        if self.trial == Some(id) {
            match ending {
                Ending::Answered => *self = Self::default(),
                Ending::Failed { asked, .. } => self.open(now, asked),
                Ending::Abandoned => {
                    self.open(now, None);
                    // As if: the next one need not wait.
                    self.asked_by_person = true;
                }
            }
        } else if self.probes.contains(&id) {
            if ending == Ending::Answered {
                *self = Self::default();
            }
        } else if self.counted.contains(&id) {
            match ending {
                Ending::Answered => self.row.clear(),
                Ending::Failed { took, asked } => {
                    self.row.push(took);
                    if self.trips() {
                        self.open(now, asked);
                    }
                }
                Ending::Abandoned => {}
            }
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_it_does_what_the_model_says(
        seed: u64,
        events in prop::collection::vec(event(), 0..200),
    ) {
        let mut now = Instant::now();
        let mut breaker = Breaker::new(BUDGET, seed);
        let mut model = Model::default();
        let mut under_way: Vec<(u64, Pass)> = Vec::new();
        for (id, event) in (0u64..).zip(events) {
            match event {
                Event::Pass(millis) => now += Duration::from_millis(millis),
                Event::Ask(errand) => {
                    let answer = breaker.admit(now, errand);
                    model.ask(id, now, errand, &answer);
                    under_way.extend(answer.ok().map(|pass| (id, pass)));
                }
                Event::Settle(which, ending) if !under_way.is_empty() => {
                    let (id, pass) = under_way.swap_remove(which.index(under_way.len()));
                    breaker.settle(now, &pass, ending);
                    model.settle(id, now, ending);
                }
                Event::Settle(..) => {}
                Event::Retry => {
                    breaker.retry_now(now);
                    model.asked_by_person |= model.open.is_some();
                }
            }
        }
    }
}
