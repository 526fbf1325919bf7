//! Time that passes when a test says so, a keyring that does what it is told, and a browser that is only told where to
//! go.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chatehr_contract::Timestamp;
use chatehr_sign_in::{Browser, Keep, NoBrowser, NoRandomness, NotKept, RefreshToken, Surroundings, Waiting};
use tokio::sync::{mpsc, watch};

/// 2026-11-23T09:42:00Z, in seconds.
const NOW: i64 = 1_795_426_920;

/// A clock. Sleeping on it ends when a test lets the time pass, or at once in haste.
#[derive(Clone)]
pub(crate) struct Time {
    now: watch::Sender<i64>,
    haste: Arc<AtomicBool>,
    slept: Arc<Mutex<Vec<u64>>>,
}

impl Time {
    pub(crate) fn new() -> Self {
        Self { now: watch::Sender::new(NOW * 1000), haste: Arc::default(), slept: Arc::default() }
    }

    /// From now on every sleep moves the clock by itself.
    pub(crate) fn hurry(&self) {
        self.haste.store(true, Ordering::Relaxed);
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.now.send_modify(|now| *now += seconds * 1000);
    }

    pub(crate) fn seconds(&self) -> i64 {
        *self.now.borrow() / 1000
    }

    /// How long was slept each time, in seconds.
    pub(crate) fn slept(&self) -> Vec<u64> {
        self.slept.lock().unwrap().clone()
    }

    pub(crate) fn surroundings(&self) -> Surroundings {
        let (clock, sleeper) = (self.clone(), self.clone());
        Surroundings {
            clock: Arc::new(move || Timestamp::from_millis(*clock.now.borrow())),
            sleep: Arc::new(move |time| sleeper.sleep(time)),
            random: Arc::new(|bytes| getrandom::fill(bytes).map_err(|error| NoRandomness(error.to_string()))),
        }
    }

    fn sleep(&self, time: Duration) -> Waiting<'static, ()> {
        let millis = i64::try_from(time.as_millis()).unwrap();
        let end = *self.now.borrow() + millis;
        let (time, mut now) = (self.clone(), self.now.subscribe());
        Box::pin(async move {
            if time.haste.load(Ordering::Relaxed) {
                time.slept.lock().unwrap().push(u64::try_from(millis / 1000).unwrap());
                time.now.send_modify(|now| *now = end.max(*now));
            }
            now.wait_for(|now| *now >= end).await.unwrap();
        })
    }
}

/// A keyring: what was done with it, in order.
#[derive(Default)]
pub(crate) struct Keyring {
    pub(crate) deeds: Mutex<Vec<String>>,
    pub(crate) fails: AtomicBool,
    pub(crate) hangs: AtomicBool,
}

impl Keyring {
    pub(crate) fn deeds(&self) -> Vec<String> {
        self.deeds.lock().unwrap().clone()
    }

    fn act(&self, deed: String) -> Waiting<'_, Result<(), NotKept>> {
        Box::pin(async move {
            if self.hangs.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            if self.fails.load(Ordering::Relaxed) {
                return Err(NotKept("locked".to_owned()));
            }
            self.deeds.lock().unwrap().push(deed);
            Ok(())
        })
    }
}

impl Keep for Keyring {
    fn keep<'a>(&'a self, subject: &'a str, token: &'a RefreshToken) -> Waiting<'a, Result<(), NotKept>> {
        self.act(format!("keep {subject} {}", token.expose()))
    }

    fn forget<'a>(&'a self, subject: &'a str) -> Waiting<'a, Result<(), NotKept>> {
        self.act(format!("forget {subject}"))
    }
}

/// Hands the address on to the test.
pub(crate) struct Addresses(pub(crate) mpsc::UnboundedSender<String>);

impl Browser for Addresses {
    fn open(&self, address: &str) -> Result<(), NoBrowser> {
        self.0.send(address.to_owned()).map_err(|_| NoBrowser("the test has ended".to_owned()))
    }
}
