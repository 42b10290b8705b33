//! The demo from its start to its end.

use std::future::Future;
use std::time::{Duration, Instant};

use meshbook::node::{Level, Order, OrderResult, OrderStatus};
use serde::Serialize;

use super::market::{Act, Market, SCENE_ASKS, SCENE_BIDS, SCENE_TRADES, scene};
use super::nodes::DemoNode;
use super::show::{Sight, side_by_side};
use crate::cli::DemoArgs;
use crate::commands::on_this_thread;
use crate::control::{Cancelled, PlaceOrder, StatusView, count};
use crate::failure::Failure;
use crate::output;
use crate::signals::Signals;

const USERS: [&str; 3] = ["alice", "bob", "carol"];
/// How long the nodes may take to find each other, and to agree.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at something that is awaited.
const GLANCE: Duration = Duration::from_millis(50);
/// Between two orders of the market.
const BEAT: Duration = Duration::from_millis(400);
/// So many orders are placed between two looks at the books.
const ORDERS_A_PAGE: usize = 6;

/// The end of the demo, as `--json` shows it.
#[derive(Serialize)]
struct Summary<'a> {
    agreed: bool,
    nodes: &'a [Sight],
}

/// Runs the demo to its end.
pub(crate) fn demo(args: &DemoArgs, json: bool) -> Result<(), Failure> {
    let seconds = match &args.seconds {
        Some(seconds) => count("--seconds", seconds, &(1..=86_400))?,
        // Somebody looks at it in a browser.
        None if cfg!(feature = "page") && !json => usize::MAX,
        None => 20,
    };
    let length = (!args.once).then(|| Duration::from_secs(seconds as u64));
    on_this_thread(play(length, json))?
}

/// Everything that is started in here is ended in here, whichever way it goes.
async fn play(length: Option<Duration>, json: bool) -> Result<(), Failure> {
    let internal = |error: std::io::Error| Failure::new("DEMO", error);
    let mut signals = Signals::listen().map_err(internal)?;
    let root = tempfile::Builder::new().prefix("meshbook-demo-").tempdir();
    let root = root.map_err(internal)?;
    let mut stage = Stage {
        nodes: Vec::new(),
        quiet: json,
    };
    let played = tokio::select! {
        played = stage.play(root.path(), length) => played.map(Some),
        name = signals.next() => {
            stage.say(&format!("\n{name}: ending the three nodes"))?;
            Ok(None)
        }
    };
    let ends = stage.nodes.drain(..).map(DemoNode::end);
    let ended = futures_util::future::join_all(ends).await;
    let removed = root.close();
    let sights = played?;
    ended.into_iter().collect::<Result<(), _>>()?;
    removed.map_err(internal)?;
    match sights {
        Some(nodes) if json => output::printed(output::json(&Summary {
            agreed: true,
            nodes: &nodes,
        })),
        _ => Ok(()),
    }
}

struct Stage {
    nodes: Vec<DemoNode>,
    /// Says nothing on the way: the end is told as JSON.
    quiet: bool,
}

impl Stage {
    /// Plays the scene, then the market for `length`, and gives what all nodes agree on.
    async fn play(
        &mut self,
        root: &std::path::Path,
        length: Option<Duration>,
    ) -> Result<Vec<Sight>, Failure> {
        self.start(root).await?;
        for (who, act) in scene() {
            self.act(who, &act).await?;
        }
        let mut sights = self.agree().await?;
        check_scene(&sights)?;
        self.say(&format!("\n{}", side_by_side(&sights)))?;
        if let Some(length) = length {
            let end = Instant::now().checked_add(length);
            self.show_page(end)?;
            self.trade(end).await?;
            sights = self.agree().await?;
            self.say(&format!("\n{}", side_by_side(&sights)))?;
        }
        self.say("All three nodes agree: the same book, the same trades.")?;
        Ok(sights)
    }

    async fn start(&mut self, root: &std::path::Path) -> Result<(), Failure> {
        self.say("Starting three nodes ...")?;
        for user in USERS {
            let bootstrap: Vec<String> = self
                .nodes
                .iter()
                .map(|node| node.p2p_address.clone())
                .collect();
            let node = DemoNode::start(user, root, &bootstrap).await?;
            self.say(&format!("{user}'s node listens at {}", node.p2p_address))?;
            self.nodes.push(node);
        }
        self.until("the nodes to find each other", async |nodes| {
            for node in nodes {
                let status: StatusView = node.control.get("status", &[]).await?;
                if status.stats.peers.connected_peers < USERS.len() - 1 {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .await?;
        let follow = self.nodes.iter().map(|node| {
            let dir = node.data_dir.display();
            format!("  meshbook --data-dir {dir} book --watch")
        });
        let follow: Vec<String> = follow.collect();
        self.say("They are connected. Follow them from another shell:")?;
        self.say(&format!("{}\n", follow.join("\n")))
    }

    /// One step of the scene, taken when all nodes have seen the steps before it.
    async fn act(&mut self, who: usize, act: &Act) -> Result<(), Failure> {
        self.agree().await?;
        match act {
            Act::Place(order) => self.place(who, order).await,
            Act::Cancel(price) => {
                let Some(node) = self.nodes.get(who) else {
                    return Ok(());
                };
                let orders: Vec<Order> = node.control.get("orders", &[]).await?;
                let open = |order: &&Order| {
                    matches!(order.status, OrderStatus::Pending | OrderStatus::Partial)
                        && order.price.is_some_and(|limit| limit.to_string() == *price)
                };
                let order = orders.iter().find(open).ok_or_else(|| {
                    let message = format!("{} has no open order at {price}", node.user);
                    Failure::new("DEMO_DISAGREES", message)
                })?;
                let _: Cancelled = node.control.delete(&format!("orders/{}", order.id)).await?;
                self.say(&format!("{:<6} cancels the order at {price}", node.user))
            }
        }
    }

    async fn place(&self, who: usize, order: &PlaceOrder) -> Result<(), Failure> {
        let Some(node) = self.nodes.get(who) else {
            return Ok(());
        };
        let at = match &order.price {
            Some(price) => format!("at {price}"),
            None => "at the market".to_owned(),
        };
        let result: OrderResult = node.control.place(order).await?;
        let mut line = format!("{:<6} {:<4} {} {at}", node.user, order.side, order.amount);
        if let Some(time_in_force) = &order.time_in_force {
            line += &format!(" ({time_in_force})");
        }
        for trade in &result.trades {
            line += &format!(", trades {} at {}", trade.amount, trade.price);
        }
        self.say(&line)
    }

    /// Says where a browser finds the market, and how long.
    fn show_page(&self, end: Option<Instant>) -> Result<(), Failure> {
        let Some(node) = self.nodes.first().filter(|_| cfg!(feature = "page")) else {
            return Ok(());
        };
        let until = match end {
            Some(_) => "",
            None => "\nThe market goes on until Ctrl-C.",
        };
        self.say(&format!(
            "\nOpen it in a browser, whose tab is a node too: http://{}/{until}\n",
            node.p2p_address
        ))
    }

    /// Random orders until the end, or for ever, with the books now and then.
    async fn trade(&mut self, end: Option<Instant>) -> Result<(), Failure> {
        let mut market = Market::new();
        let mut orders = 0;
        while end.is_none_or(|end| Instant::now() < end) {
            let sight = Sight::of(self.nodes.first().ok_or_else(nobody)?).await?;
            let best = |levels: &[Level]| levels.first().map(|level| level.price);
            let (who, order) = market.next(best(&sight.book.bids), best(&sight.book.asks));
            match self.place(who, &order).await {
                Ok(()) => {}
                // A market order may come too late for the only partner.
                Err(failure) if self.nodes.iter_mut().any(DemoNode::has_ended) => {
                    return Err(failure);
                }
                Err(failure) => self.say(&failure.problem.message)?,
            }
            orders += 1;
            if orders % ORDERS_A_PAGE == 0 {
                let mut sights = Vec::new();
                for node in &self.nodes {
                    sights.push(Sight::of(node).await?);
                }
                self.say(&format!("\n{}", side_by_side(&sights)))?;
            }
            tokio::time::sleep(BEAT).await;
        }
        Ok(())
    }

    /// Waits until all nodes see the same, and gives what they see.
    async fn agree(&mut self) -> Result<Vec<Sight>, Failure> {
        self.until("the nodes to agree", async |nodes| {
            let mut sights: Vec<Sight> = Vec::new();
            for node in nodes {
                sights.push(Sight::of(node).await?);
            }
            let same = sights.windows(2).all(|two| match two {
                [one, other] => one.essence() == other.essence(),
                _ => true,
            });
            Ok(same.then_some(sights))
        })
        .await
    }

    /// Waits until `look` finds something.
    async fn until<T>(
        &mut self,
        what: &str,
        look: impl AsyncFn(&[DemoNode]) -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        let waiting = async {
            loop {
                match look(&self.nodes).await {
                    Ok(None) => tokio::time::sleep(GLANCE).await,
                    Ok(Some(found)) => return Ok(found),
                    Err(failure) => return Err(failure),
                }
            }
        };
        in_time(what, waiting).await
    }

    fn say(&self, text: &str) -> Result<(), Failure> {
        if self.quiet {
            return Ok(());
        }
        output::printed(output::text(text))
    }
}

async fn in_time<T>(
    what: &str,
    waiting: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| {
        let message = format!("waited {} s in vain for {what}", PATIENCE.as_secs());
        Err(Failure::new("DEMO_DISAGREES", message))
    })
}

fn nobody() -> Failure {
    Failure::new("DEMO", "no node is running")
}

/// Whether the nodes, which agree, agree on what the scene must lead to.
fn check_scene(sights: &[Sight]) -> Result<(), Failure> {
    let shown = |levels: &[Level]| -> Vec<(String, String)> {
        let level = |level: &Level| {
            let value = serde_json::to_value(level).unwrap_or_default();
            let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
            (text("price"), text("amount"))
        };
        levels.iter().map(level).collect()
    };
    let same = |levels: &[Level], wanted: &[(&str, &str)]| {
        let shown = shown(levels);
        shown
            .iter()
            .map(|(p, a)| (p.as_str(), a.as_str()))
            .eq(wanted.iter().copied())
    };
    let right = |sight: &Sight| {
        same(&sight.book.bids, SCENE_BIDS)
            && same(&sight.book.asks, SCENE_ASKS)
            && sight.trades.len() == SCENE_TRADES
    };
    if sights.len() == USERS.len() && sights.iter().all(right) {
        return Ok(());
    }
    let message = format!(
        "the scene did not end as it must:\n{}",
        side_by_side(sights)
    );
    Err(Failure::new("DEMO_DISAGREES", message))
}
