//! The comparison: both servers on the same data, each scenario in turn on one and the other.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use crate::{
    Failure,
    contract::{self, DESCRIPTION, Findings, MESSAGE},
    events,
    http::Request,
    identity::Provider,
    load::{self, Amount, Work},
    ours, peer,
    server::{Recipe, Server},
    system,
    table::{Pair, Row, Side},
};

/// Kept connections of a run.
const CONNECTIONS: usize = 32;
/// Consultations of the three data sets.
const SIZES: [u32; 3] = [100, 10_000, 100_000];
/// The data set of everything that is not a list.
const MIDDLE: u32 = 10_000;
/// The share of the processors that other programs may take.
const QUIET: f64 = 0.05;
/// A pair is tried again so often before its scenario is given up.
const TRIES: usize = 3;

/// What to run.
pub(crate) struct Plan {
    /// Our server; without it the peer runs against itself, and the ratios are the machine's noise.
    pub(crate) server: Option<PathBuf>,
    /// benches/peers/gateway
    pub(crate) peer: PathBuf,
    pub(crate) pairs: usize,
    pub(crate) quick: bool,
    pub(crate) listeners: usize,
    /// For databases and logs.
    pub(crate) directory: PathBuf,
}

/// A server with what was found on it.
struct Ready {
    name: &'static str,
    server: Server,
    findings: Findings,
}

/// Runs everything; the rows, and what is to be said beside them.
pub(crate) async fn run(plan: &Plan, provider: &Provider) -> Result<(Vec<Row>, Vec<String>), Failure> {
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    for size in SIZES {
        let busy = system::busy(Duration::from_secs(1))?;
        if busy > QUIET {
            notes.push(format!(
                "Before the {size} consultations other programs took {:.0}% of the processors: figures from a busy \
                 machine are not to be quoted.",
                busy * 100.0
            ));
        }
        eprintln!("  {size} consultations");
        let space = tempfile::tempdir_in(&plan.directory)?;
        let key_file = space.path().join("key.pem");
        let peer = || peer::recipe(plan.peer.clone(), provider, &key_file, size);
        let ours = match &plan.server {
            Some(program) => ours::recipe(program.clone(), provider, size),
            None => Recipe { name: "Express again", ..peer()? },
        };
        let sides = [
            ready(&ours, "ours", plan, provider, space.path()).await?,
            ready(&peer()?, "peer", plan, provider, space.path()).await?,
        ];
        for side in &sides {
            let (admin, physician) = side.findings.totals;
            notes.push(format!(
                "{}, {size} consultations seeded: an administrator sees {admin}, a physician {physician}.",
                side.name
            ));
        }
        let mut bench = Bench { plan, provider, sides, rows: &mut rows, notes: &mut notes };
        bench.lists(size).await?;
        if size == MIDDLE {
            bench.messages().await?;
            bench.filing().await?;
            // Last, because memory that thousands of streams have taken does not all come back.
            bench.listeners().await?;
        }
    }
    Ok((rows, notes))
}

async fn ready(
    recipe: &Recipe,
    place: &str,
    plan: &Plan,
    provider: &Provider,
    space: &std::path::Path,
) -> Result<Ready, Failure> {
    let log = plan.directory.join(format!("{place}.log"));
    let server = Server::start(recipe, &space.join(place), &log)?;
    let findings = contract::check(&server, provider).await.map_err(|why| {
        Failure::new(format!("{} does not do the work, so nothing was measured: {why}", recipe.name))
    })?;
    eprintln!("    {} started and did every part of the work", recipe.name);
    Ok(Ready { name: recipe.name, server, findings })
}

struct Bench<'a> {
    plan: &'a Plan,
    provider: &'a Provider,
    sides: [Ready; 2],
    rows: &'a mut Vec<Row>,
    notes: &'a mut Vec<String>,
}

impl Bench<'_> {
    async fn lists(&mut self, size: u32) -> Result<(), Failure> {
        let tokens = |make: &dyn Fn(usize) -> Result<String, Failure>| {
            (1..=CONNECTIONS)
                .map(|n| Ok(Request::new("GET", "/consultations?limit=20", Some(&make(n)?), None)))
                .collect::<Result<Vec<_>, Failure>>()
        };
        let provider = self.provider;
        let readers = [
            ("an administrator", tokens(&|n| provider.admin(n))?),
            ("a physician", tokens(&|n| provider.physician(&format!("physician-{n}")))?),
        ];
        for (reader, requests) in readers {
            let work = Work {
                requests,
                status: 200,
                mark: b"\"count\":20".to_vec(),
                least: 20 * DESCRIPTION.len(),
                amount: Amount::Time(self.time()),
            };
            self.requests(format!("newest 20 of {size}, {reader}"), &[work.clone(), work]).await?;
        }
        Ok(())
    }

    async fn messages(&mut self) -> Result<(), Failure> {
        let mut works = Vec::new();
        for side in &self.sides {
            let token = self.provider.physician(&side.findings.physician)?;
            let path = format!("/messages/{}?limit=50", side.findings.conversation);
            works.push(Work {
                requests: vec![Request::new("GET", &path, Some(&token), None); CONNECTIONS],
                status: 200,
                mark: MESSAGE.as_bytes().to_vec(),
                least: 40 * MESSAGE.len(),
                amount: Amount::Time(self.time()),
            });
        }
        self.requests("50 messages, opened".to_owned(), &works).await
    }

    async fn filing(&mut self) -> Result<(), Failure> {
        let requests = (1..=CONNECTIONS)
            .map(|n| {
                let patient = format!("patient-{n}");
                let token = self.provider.patient(&patient)?;
                let body = contract::new_consultation(&patient);
                Ok(Request::new("POST", "/consultations", Some(&token), Some(&body)))
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        let work = Work {
            requests,
            status: 201,
            mark: b"\"status\":\"pending\"".to_vec(),
            least: DESCRIPTION.len(),
            amount: Amount::Requests(if self.plan.quick { 2_000 } else { 6_000 }),
        };
        self.requests("filing a consultation".to_owned(), &[work.clone(), work]).await
    }

    async fn listeners(&mut self) -> Result<(), Failure> {
        let listeners = (1..=self.plan.listeners)
            .map(|n| {
                let token = self.provider.physician(&format!("physician-{n}"))?;
                Ok(Request::new("GET", "/events", Some(&token), None))
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        let body = contract::new_consultation("patient-1");
        let cause =
            Request::new("POST", "/consultations", Some(&self.provider.patient("patient-1")?), Some(&body));
        let times = if self.plan.quick { 3 } else { 5 };
        let scenario = format!("one event to {} listeners", self.plan.listeners);
        self.pairs(scenario, async |address, side, _| {
            let (arrivals, memory) =
                events::run(address, &listeners, &cause, times, || side.server.memory()).await?;
            Ok(Side {
                rate: None,
                times: (arrivals.half, arrivals.last),
                memory,
                body_bytes: 0,
                generator: 0.0,
            })
        })
        .await
    }

    async fn requests(&mut self, scenario: String, works: &[Work]) -> Result<(), Failure> {
        self.pairs(scenario, async |address, side, n| {
            let work = works.get(n).ok_or_else(|| Failure::new("there are two sides"))?;
            let (figures, memory) = load::run(address, work, || side.server.memory()).await?;
            Ok(Side {
                rate: Some(figures.per_second),
                times: (figures.p50, figures.p99),
                memory,
                body_bytes: figures.body_bytes,
                generator: figures.generator,
            })
        })
        .await
    }

    /// One run of each side to warm it, then the pairs.
    async fn pairs(
        &mut self,
        scenario: String,
        measure: impl AsyncFn(SocketAddr, &Ready, usize) -> Result<Side, Failure>,
    ) -> Result<(), Failure> {
        let [one, other] = &self.sides;
        let mut pairs = Vec::new();
        let mut left = TRIES;
        let mut warm = false;
        while pairs.len() < self.plan.pairs {
            let ours = measure(one.server.address, one, 0).await;
            let peers = measure(other.server.address, other, 1).await;
            match (ours, peers) {
                (Ok(ours), Ok(peer)) if warm => pairs.push(Pair { ours, peer }),
                (Ok(_), Ok(_)) => warm = true,
                (ours, peers) => {
                    for (name, why) in [(one.name, ours.err()), (other.name, peers.err())] {
                        if let Some(why) = why {
                            let note = format!("{scenario}: a pair thrown away, {name}: {why}");
                            eprintln!("    {note}");
                            self.notes.push(note);
                        }
                    }
                    left -= 1;
                    if left == 0 {
                        return Err(Failure::new(format!("{scenario}: {TRIES} pairs were wrong")));
                    }
                }
            }
        }
        let row = Row { scenario, names: [one.name, other.name], pairs, judged: self.plan.server.is_some() };
        eprintln!("    {}", row.line());
        self.rows.push(row);
        Ok(())
    }

    fn time(&self) -> Duration {
        Duration::from_millis(if self.plan.quick { 700 } else { 1_500 })
    }
}
