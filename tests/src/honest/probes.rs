//! What the node in question does for those who depend on it by itself: its own user, who places
//! orders; takers, who are to be told when there is nothing to take; and whoever looks whether it is
//! well.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use meshbook::ledger::{Payload, Place, PlaceTif, Req};
use meshbook::protocol::{ForwardBody, Message, TakeRequest};
use meshbook::types::{Amount, Millis, OrderId, Price, Side, TakeId};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::control::Failed;
use crate::secured::now;
use crate::{Control, Node, Persona, SecuredPeer, Teller};

/// From one probe to the next.
const PAUSE: Duration = Duration::from_millis(500);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The price at which the node's user sells, where nobody buys.
const PRICE: &str = "940000";

const VALID: Millis = Millis::from_secs(5);

/// Probes, one after the other.
#[derive(Debug)]
pub struct Probes {
    stop: watch::Sender<bool>,
    probing: JoinHandle<ProbeFigures>,
}

/// How the node did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeFigures {
    /// Orders of the node's own user that were taken.
    pub placed: u64,
    /// Orders of its user that were refused, by the code of the error.
    pub refused: BTreeMap<String, u64>,
    /// Orders of its user that nothing was heard of.
    pub unanswered: u64,
    /// Requests of an honest taker for an order that is over.
    pub takes: u64,
    /// Such requests without an answer.
    pub untold: u64,
    /// Sessions of the taker that the node ended.
    pub sessions_ended: u64,
    /// Requests for `/healthz`.
    pub looks: u64,
    /// Such requests without the answer that all is well.
    pub unseen: u64,
    /// Addressed messages for others that came to the taker, who is on the way to nobody.
    pub stray: u64,
}

impl ProbeFigures {
    /// Orders of the node's user that were refused or without an answer.
    #[must_use]
    pub fn not_placed(&self) -> u64 {
        self.unanswered + self.refused.values().sum::<u64>()
    }
}

impl Probes {
    /// Begins. The page of `/healthz` is at `metrics`, if anywhere.
    #[must_use]
    pub fn of(node: &Node, metrics: Option<SocketAddr>) -> Self {
        let stop = watch::Sender::new(false);
        let mut prober = Prober {
            data_dir: node.data_dir().to_owned(),
            node: node.address,
            who: persona(),
            n: 0,
            taker: None,
            stray: Arc::default(),
            figures: ProbeFigures::default(),
        };
        let stopped = stop.subscribe();
        let probing = tokio::spawn(async move {
            while !*stopped.borrow() {
                let order = prober.place().await;
                if let Some(order) = order {
                    prober.take(order).await;
                }
                if let Some(metrics) = metrics {
                    prober.look(metrics).await;
                }
                sleep(PAUSE).await;
            }
            prober.figures.stray = prober.stray.load(Relaxed);
            prober.figures
        });
        Self { stop, probing }
    }

    /// Ends, and tells how the node did.
    ///
    /// # Panics
    /// Never: probes don't.
    pub async fn stop(self) -> ProbeFigures {
        self.stop.send_replace(true);
        self.probing.await.expect("probes come to an end")
    }
}

struct Prober {
    data_dir: PathBuf,
    node: SocketAddr,
    who: Persona,
    n: u64,
    taker: Option<Taker>,
    stray: Arc<AtomicU64>,
    figures: ProbeFigures,
}

/// A session of the taker, and the takes that were answered in it.
struct Taker {
    teller: Teller,
    answered: mpsc::UnboundedReceiver<TakeId>,
}

impl Prober {
    /// Has the node's user place an order and cancel it, as the command does it: each time by a
    /// connection of its own. Gives the order, if it was placed.
    async fn place(&mut self) -> Option<OrderId> {
        let control = Control::open(&self.data_dir);
        let order = json!({ "side": "sell", "amount": "1", "price": PRICE });
        match timeout(PATIENCE, control.attempt_place(&order)).await {
            Ok(Ok(placed)) => {
                self.figures.placed += 1;
                let _ = timeout(PATIENCE, control.attempt_cancel(placed.order_id)).await;
                return Some(placed.order_id);
            }
            Ok(Err(Failed::Refused(why))) => {
                *self.figures.refused.entry(why.code).or_default() += 1;
            }
            Ok(Err(Failed::Gone(_))) | Err(_) => self.figures.unanswered += 1,
        }
        None
    }

    /// Asks for a piece of an order that was cancelled just now, as a taker does that has not
    /// heard of it yet.
    async fn take(&mut self, order: OrderId) {
        if self.taker.is_none() {
            self.taker = self.connect().await;
        }
        let (take, id) = self.request(order);
        let Some(taker) = &mut self.taker else {
            return;
        };
        self.figures.takes += 1;
        let asked = async {
            taker.teller.try_send(&take).await.ok()?;
            while taker.answered.recv().await? != id {}
            Some(())
        };
        match timeout(PATIENCE, asked).await {
            Ok(Some(())) => {}
            Ok(None) => {
                self.figures.sessions_ended += 1;
                self.taker = None;
            }
            Err(_) => self.figures.untold += 1,
        }
    }

    /// `None` where there is no place for it, which is another matter.
    async fn connect(&self) -> Option<Taker> {
        let dialed = SecuredPeer::dial(self.node, self.who.clone());
        let peer = timeout(PATIENCE, dialed).await.ok()?.ok()?;
        let (own, stray) = (self.who.id(), Arc::clone(&self.stray));
        let (answers, answered) = mpsc::unbounded_channel();
        let teller = peer.hearing(move |message| {
            let answer = match message {
                Message::Answer(answer) => answer,
                Message::Forward(forward) if forward.to != own => {
                    stray.fetch_add(1, Relaxed);
                    return;
                }
                Message::Forward(forward) => match forward.body {
                    ForwardBody::Answer(answer) => answer,
                    ForwardBody::Take(_) => return,
                },
                _ => return,
            };
            if let Ok(take) = take_of(&answer.answer.p) {
                let _ = answers.send(take);
            }
        });
        Some(Taker { teller, answered })
    }

    fn request(&mut self, maker: OrderId) -> (Message, TakeId) {
        let ts = now().wall;
        let price: Price = PRICE.parse().expect("a price");
        let one: Amount = "1".parse().expect("an amount");
        let place = self.who.sign(Payload::Place(Place {
            n: self.n + 1,
            ts,
            pair: "BTC/USD".parse().expect("a pair"),
            side: Side::Buy,
            px: price,
            amt: one,
            exp: ts + Millis::from_secs(60),
            tif: PlaceTif::Ioc,
            u: "taker".parse().expect("a user"),
            rest: false,
            replaces: None,
        }));
        let req = self.who.sign(Payload::Req(Req {
            n: self.n + 2,
            ts,
            until: ts + VALID,
            order: place.hash().into(),
            at: Amount::ZERO,
            qty: one,
            min: one,
            lim: price,
            maker,
            freed: Vec::new(),
        }));
        self.n += 2;
        let take = TakeRequest {
            req: req.raw(),
            place: place.raw(),
        };
        (Message::Take(take), req.hash().into())
    }

    async fn look(&mut self, metrics: SocketAddr) {
        self.figures.looks += 1;
        let answer = async {
            let mut stream = TcpStream::connect(metrics).await.ok()?;
            let request = "GET /healthz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut head = [0; 12];
            stream.read_exact(&mut head).await.ok()?;
            Some(head.ends_with(b"200"))
        };
        let well = matches!(timeout(PATIENCE, answer).await, Ok(Some(true)));
        self.figures.unseen += u64::from(!well);
    }
}

/// The take that an answer names.
fn take_of(payload: &str) -> Result<TakeId, String> {
    let payload: serde_json::Value =
        serde_json::from_str(payload).map_err(|error| error.to_string())?;
    let take = payload["take"].as_str().unwrap_or_default();
    take.parse().map_err(|_| format!("no take in {payload}"))
}

/// A key that nobody has used: what this one signed before is in no node's memory.
fn persona() -> Persona {
    let mut seed = [0x7a; 32];
    seed[..8].copy_from_slice(&now().wall.0.to_be_bytes());
    Persona::of_seed(seed)
}
