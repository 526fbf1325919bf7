//! One measured run: requests over kept connections, each connection sending its next when it has its answer.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::task::LocalSet;

use crate::{
    Failure,
    http::{Answer, Connection, Request, find},
    system,
};

/// How much.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Amount {
    /// For so long. For what changes nothing.
    Time(Duration),
    /// So many in all. For what changes the data, so that both sides are left with as many records.
    Requests(u32),
}

/// What is asked, and what makes an answer right.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    /// One for each connection.
    pub(crate) requests: Vec<Request>,
    pub(crate) status: u16,
    /// Stands in every right body. Looked for in every sixteenth, because looking costs the generator time.
    pub(crate) mark: Vec<u8>,
    /// Least bytes of a body.
    pub(crate) least: usize,
    pub(crate) amount: Amount,
}

impl Work {
    fn accepts(&self, answer: &Answer<'_>, look: bool) -> bool {
        answer.head.status == self.status
            && answer.body.len() >= self.least
            && (!look || find(answer.body, &self.mark).is_some())
    }
}

/// What a run gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    /// Of the time from writing a request to having its whole answer.
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// Bytes of a body, on average.
    pub(crate) body_bytes: u64,
    /// The part of the time for which the generator itself was at work. Near 1 it is what limits the figure.
    pub(crate) generator: f64,
}

#[derive(Default)]
struct Tally {
    times: RefCell<Vec<Duration>>,
    bytes: Cell<u64>,
    left: Cell<u32>,
}

/// Runs `work`. Connections are open and have had one answer before the time begins; `at_end` is called while they
/// are still open.
///
/// # Errors
/// One wrong answer makes the whole run wrong.
pub(crate) async fn run<T>(
    address: SocketAddr,
    work: &Work,
    at_end: impl FnOnce() -> Result<T, Failure>,
) -> Result<(Figures, T), Failure> {
    let mut connections = Vec::new();
    for request in &work.requests {
        let mut connection = Connection::open(address).await?;
        check(work, &connection.ask(request).await?, true)?;
        connections.push(connection);
    }
    let work = Rc::new(work.clone());
    let tally = Rc::new(Tally::default());
    if let Amount::Requests(count) = work.amount {
        tally.left.set(count);
    }
    let (began, worked) = (Instant::now(), system::worked());
    let local = LocalSet::new();
    let running: Vec<_> = connections
        .into_iter()
        .enumerate()
        .map(|(n, connection)| {
            local.spawn_local(ask(connection, n, Rc::clone(&work), Rc::clone(&tally), began))
        })
        .collect();
    let mut kept = Vec::new();
    local
        .run_until(async {
            for task in running {
                kept.push(task.await.map_err(|_| Failure::new("a connection's task ended"))??);
            }
            Ok::<_, Failure>(())
        })
        .await?;
    let (took, worked) = (began.elapsed(), system::worked().saturating_sub(worked));
    let end = at_end()?;
    drop(kept);
    let mut times = tally.times.take();
    times.sort_unstable();
    let count = u32::try_from(times.len()).unwrap_or(u32::MAX);
    Ok((
        Figures {
            per_second: f64::from(count) / took.as_secs_f64(),
            p50: part(&times, 50),
            p99: part(&times, 99),
            body_bytes: tally.bytes.get() / u64::from(count.max(1)),
            generator: worked.as_secs_f64() / took.as_secs_f64(),
        },
        end,
    ))
}

async fn ask(
    mut connection: Connection,
    n: usize,
    work: Rc<Work>,
    tally: Rc<Tally>,
    began: Instant,
) -> Result<Connection, Failure> {
    let Some(request) = work.requests.get(n) else { return Ok(connection) };
    let mut asked = 0_u32;
    loop {
        let sent = Instant::now();
        match work.amount {
            Amount::Time(time) if sent.duration_since(began) >= time => return Ok(connection),
            Amount::Time(_) => {}
            Amount::Requests(_) => match tally.left.get().checked_sub(1) {
                None => return Ok(connection),
                Some(left) => tally.left.set(left),
            },
        }
        let answer = connection.ask(request).await?;
        let took = sent.elapsed();
        check(&work, &answer, asked.is_multiple_of(16))?;
        tally.bytes.set(tally.bytes.get() + u64::try_from(answer.body.len()).unwrap_or(0));
        tally.times.borrow_mut().push(took);
        asked += 1;
    }
}

fn check(work: &Work, answer: &Answer<'_>, look: bool) -> Result<(), Failure> {
    if work.accepts(answer, look) {
        return Ok(());
    }
    let body = String::from_utf8_lossy(answer.body);
    let shown: String = body.chars().take(200).collect();
    Err(Failure::new(format!(
        "a wrong answer: status {} (not {}), {} bytes: {shown}",
        answer.head.status,
        work.status,
        answer.body.len()
    )))
}

/// The time within which `percent` of all are; `times` sorted.
fn part(times: &[Duration], percent: usize) -> Duration {
    let at = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(at).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Amount, Work, part, run};
    use crate::http::{Request, tests::answering};

    #[tokio::test]
    async fn one_wrong_answer_makes_the_whole_run_wrong() {
        const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"count\":2}";
        const FEWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"count\":1}";
        const REFUSED: &str = "HTTP/1.1 429 Too Many\r\nContent-Length: 11\r\n\r\n{\"count\":2}";
        let work = Work {
            requests: vec![Request::new("GET", "/consultations", None, None)],
            status: 200,
            mark: b"\"count\":2".to_vec(),
            least: 11,
            amount: Amount::Requests(2),
        };
        let (figures, at_end) = run(answering(&[GOOD, GOOD, GOOD]).await, &work, || Ok(7)).await.unwrap();
        assert_eq!((figures.body_bytes, at_end), (11, 7));
        for answers in [&[GOOD, FEWER, GOOD][..], &[GOOD, GOOD, REFUSED], &[FEWER]] {
            assert!(run(answering(answers).await, &work, || Ok(())).await.is_err());
        }
    }

    #[test]
    fn a_percentile_is_the_least_time_that_covers_it() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(part(&times, 50), Duration::from_millis(100));
        assert_eq!(part(&times, 99), Duration::from_millis(198));
        assert_eq!(part(&times[..1], 99), Duration::from_millis(1));
    }
}
