//! Users who place and cancel orders all the while, and note what they are told.

use std::time::Duration;

use meshbook::node::OrderResult;
use meshbook::types::OrderId;
use meshbook_tests::{Control, Failed};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::cluster::Cluster;
use super::records::{Accepted, Records};
use super::seed::Seed;

/// Users of each node.
const USERS: u64 = 2;
/// Open orders that a user keeps; a node may have 200.
const OPEN: usize = 40;

/// Users at work.
#[derive(Debug)]
pub(crate) struct Load {
    stop: watch::Sender<bool>,
    users: JoinSet<()>,
    listeners: JoinSet<()>,
}

impl Load {
    /// Sets users to work at every node, each with a pause of `pace` after each request.
    pub(crate) fn start(cluster: &Cluster, records: &Records, seed: Seed, pace: Duration) -> Self {
        let stop = watch::Sender::new(false);
        let (mut users, mut listeners) = (JoinSet::new(), JoinSet::new());
        for member in 0..cluster.len() {
            listeners.spawn(listen(cluster.control(member), records.clone()));
            for number in 0..USERS {
                let user = User {
                    member,
                    control: cluster.control(member),
                    records: records.clone(),
                    rng: seed.stream(1 + member as u64 * USERS + number),
                    open: Vec::new(),
                };
                users.spawn(user.work(interval(pace), stop.subscribe()));
            }
        }
        Self {
            stop,
            users,
            listeners,
        }
    }

    /// Whether nothing has gone wrong for a user so far.
    pub(crate) fn goes_on(&mut self) {
        let ended = self
            .users
            .try_join_next()
            .or_else(|| self.listeners.try_join_next());
        if let Some(ended) = ended {
            ended.unwrap();
            panic!("a user has ended too early");
        }
    }

    /// Lets every user come to the end of what it does. All nodes must be up.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.users.join_next().await {
            ended.unwrap();
        }
        self.listeners.shutdown().await;
    }
}

/// Notes the trades that a node reports, whenever it runs.
async fn listen(mut control: watch::Receiver<Option<Control>>, records: Records) {
    loop {
        let up = match control.wait_for(Option::is_some).await {
            Ok(up) => up.clone(),
            Err(_) => return,
        };
        // What it was not there to hear it was not told.
        if let Some(up) = up
            && let Some(mut events) = up.events().await
        {
            while let Some(trade) = events.own_trade().await {
                records.confirm(&trade);
            }
        }
        if control.changed().await.is_err() {
            return;
        }
    }
}

struct User {
    member: usize,
    control: watch::Receiver<Option<Control>>,
    records: Records,
    rng: ChaCha8Rng,
    /// Its orders that may be open.
    open: Vec<OrderId>,
}

impl User {
    async fn work(mut self, mut pace: Interval, stop: watch::Receiver<bool>) {
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !*stop.borrow() {
            pace.tick().await;
            let up = self.control.borrow().clone();
            let Some(control) = up else { continue };
            let cancels = self.open.len() >= OPEN || self.rng.random_ratio(1, 5);
            if cancels && !self.open.is_empty() {
                self.cancel(&control).await;
            } else {
                self.place(&control).await;
            }
        }
    }

    async fn place(&mut self, control: &Control) {
        let time_in_force = match self.rng.random_range(0..20) {
            0..2 => "ioc",
            2 => "fok",
            3 => "post",
            _ => "gtc",
        };
        let tenths = self.rng.random_range(1..=30);
        let amount = format!("{}.{}", tenths / 10, tenths % 10);
        let price = self.rng.random_range(95..=105);
        let order = json!({
            "side": if self.rng.random() { "buy" } else { "sell" },
            "amount": amount,
            "price": price.to_string(),
            "timeInForce": time_in_force,
        });
        let placed = control.attempt_place(&order).await;
        let Some(placed) = self.answer::<OrderResult>(placed) else {
            return;
        };
        let accepted = Accepted {
            member: self.member,
            amount: amount.parse().unwrap(),
            stands: time_in_force == "gtc",
        };
        let twice = self.records.lock().orders.insert(placed.order_id, accepted);
        assert!(twice.is_none(), "two orders with one id: {placed:?}");
        for trade in placed.trades {
            self.records.confirm(&trade);
        }
        if placed.remaining_order.is_some() {
            self.open.push(placed.order_id);
        }
    }

    async fn cancel(&mut self, control: &Control) {
        let at = self.rng.random_range(0..self.open.len());
        let order = self.open.swap_remove(at);
        self.records.lock().perhaps_cancelled.insert(order);
        let cancelled = control.attempt_cancel(order).await;
        if self.answer::<Value>(cancelled).is_some() {
            self.records.lock().cancelled.insert(order);
        }
    }

    fn answer<T>(&self, answer: Result<T, Failed>) -> Option<T> {
        match answer {
            Ok(answer) => return Some(answer),
            Err(Failed::Refused(refused)) => self.records.refuse(refused.code),
            Err(Failed::Gone(_)) => self.records.lock().unanswered += 1,
        }
        None
    }
}
