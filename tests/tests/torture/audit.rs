//! Whether what nodes show is what they have confirmed, and the same on all of them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use meshbook::node::{Level, Order, OrderStatus, Trade};
use meshbook::types::{Amount, OrderId, Price, Side, TradeId};
use meshbook_tests::{Control, eventually_within};

use super::records::{Book, Records};

/// How long after the last fault all nodes must agree.
const AGREED_WITHIN: Duration = Duration::from_secs(30);

/// More trades than a test makes.
const ALL: usize = 100_000;

/// What a node shows.
struct View {
    trades: BTreeMap<TradeId, Trade>,
    /// Its own orders.
    orders: BTreeMap<OrderId, Order>,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

/// What a test has seen, for its last line.
pub(crate) struct Findings {
    pub(crate) trades: usize,
    /// Of two different nodes.
    pub(crate) between_nodes: usize,
    pub(crate) open_orders: usize,
    /// From the last fault on.
    pub(crate) agreed_after: Duration,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trades,
            between_nodes,
            open_orders,
            agreed_after,
        } = self;
        write!(
            f,
            "{trades} trades, {between_nodes} of them between nodes, {open_orders} orders open; \
             all agreed {agreed_after:?} after the last fault"
        )
    }
}

/// Waits until all nodes agree with each other and with what was confirmed. The last fault was
/// at `since`, and nobody places orders any more.
///
/// # Panics
/// Where they don't agree in time, or an order is filled beyond its amount anywhere.
pub(crate) async fn holds(nodes: &[Control], records: &Records, since: Instant) -> Findings {
    let limit = AGREED_WITHIN.saturating_sub(since.elapsed());
    let views = eventually_within(limit, "all nodes agree", async || {
        let books = books(nodes).await;
        if let Some(other) = (1..books.len()).find(|i| books[*i] != books[0]) {
            let difference = difference(&books[0], &books[other]);
            return Err(format!("the books of 0 and {other}: {difference}"));
        }
        let views = views(nodes).await;
        agree(&views, &records.lock())?;
        Ok(views)
    })
    .await;
    let owner = |id: &OrderId| views.iter().position(|view| view.orders.contains_key(id));
    let trades = &views[0].trades;
    let between_nodes = trades
        .values()
        .filter(|trade| owner(&trade.buy_order_id) != owner(&trade.sell_order_id))
        .count();
    let levels = views[0].bids.iter().chain(&views[0].asks);
    Findings {
        trades: trades.len(),
        between_nodes,
        open_orders: levels.map(|level| level.count).sum(),
        agreed_after: since.elapsed(),
    }
}

type Levels = (Vec<Level>, Vec<Level>);

async fn books(nodes: &[Control]) -> Vec<Levels> {
    let mut books = Vec::new();
    for node in nodes {
        let book = node.book().await;
        books.push((book.bids, book.asks));
    }
    books
}

async fn views(nodes: &[Control]) -> Vec<View> {
    let mut views = Vec::new();
    for node in nodes {
        let trades = node.trades(ALL).await.into_iter();
        let orders = node.orders().await.into_iter();
        let book = node.book().await;
        views.push(View {
            trades: trades.map(|trade| (trade.id, trade)).collect(),
            orders: orders.map(|order| (order.id, order)).collect(),
            bids: book.bids,
            asks: book.asks,
        });
    }
    views
}

/// The levels that only one of two books has.
fn difference(one: &Levels, other: &Levels) -> String {
    let only = |of: &[Level], not: &[Level]| -> Vec<String> {
        let missing = of.iter().filter(|level| !not.contains(level));
        let shown = |l: &Level| format!("{} x{} at {}", l.amount, l.count, l.price);
        missing.map(shown).collect()
    };
    let sides = [(&one.0, &other.0), (&one.1, &other.1)];
    let sides = sides.map(|(a, b)| format!("{:?} against {:?}", only(a, b), only(b, a)));
    sides.join("; ")
}

fn agree(views: &[View], book: &Book) -> Result<(), String> {
    let orders: BTreeMap<&OrderId, (usize, &Order)> = views
        .iter()
        .enumerate()
        .flat_map(|(member, view)| view.orders.iter().map(move |(id, o)| (id, (member, o))))
        .collect();
    for (member, view) in views.iter().enumerate() {
        nothing_is_overfilled(member, view, &orders, book);
        for (id, trade) in &book.trades {
            match view.trades.get(id) {
                None => return Err(format!("{member} has lost the confirmed trade {trade:?}")),
                Some(shown) if shown != trade => {
                    return Err(format!("{member} shows {shown:?}, confirmed is {trade:?}"));
                }
                Some(_) => {}
            }
        }
        let missing = views[0]
            .trades
            .keys()
            .find(|id| !view.trades.contains_key(id));
        let more = view
            .trades
            .keys()
            .find(|id| !views[0].trades.contains_key(id));
        if let Some(id) = missing.or(more) {
            return Err(format!("0 and {member} don't both have the trade {id}"));
        }
    }
    orders_are_kept(&orders, &views[0].trades, book)?;
    book_is_of(&orders, &views[0])
}

/// What is filled of each order, as the trades have it.
fn filled(trades: &BTreeMap<TradeId, Trade>) -> BTreeMap<OrderId, Amount> {
    let mut filled: BTreeMap<OrderId, Amount> = BTreeMap::new();
    for trade in trades.values() {
        for order in [trade.buy_order_id, trade.sell_order_id] {
            let sum = filled.entry(order).or_default();
            *sum = sum.checked_add(trade.amount).unwrap();
        }
    }
    filled
}

/// No later message can make this good, so it is not waited for.
fn nothing_is_overfilled(
    member: usize,
    view: &View,
    orders: &BTreeMap<&OrderId, (usize, &Order)>,
    book: &Book,
) {
    for (id, filled) in filled(&view.trades) {
        let accepted = book.orders.get(&id).map(|accepted| accepted.amount);
        let shown = orders.get(&id).map(|(_, order)| order.amount);
        let amount = accepted.or(shown);
        let amount = amount.unwrap_or_else(|| panic!("{member} has trades of {id}, nobody's"));
        assert!(
            filled <= amount,
            "{member} has filled {filled} of {id}, which is of {amount}"
        );
    }
}

/// Every order that a node took is still its order, as far as it was filled and cancelled.
fn orders_are_kept(
    orders: &BTreeMap<&OrderId, (usize, &Order)>,
    trades: &BTreeMap<TradeId, Trade>,
    book: &Book,
) -> Result<(), String> {
    let filled = filled(trades);
    for (id, accepted) in &book.orders {
        let Some((member, order)) = orders.get(id) else {
            return Err(format!("{} has lost its order {id}", accepted.member));
        };
        let cancelled = order.status == OrderStatus::Cancelled;
        let closed = cancelled || order.status == OrderStatus::Filled;
        let may_be_cancelled = !accepted.stands || book.perhaps_cancelled.contains(id);
        if *member != accepted.member || order.amount != accepted.amount {
            return Err(format!("{accepted:?} became {order:?} of {member}"));
        }
        if cancelled && !may_be_cancelled {
            return Err(format!("{member} has cancelled {order:?} by itself"));
        }
        if book.cancelled.contains(id) && !closed {
            return Err(format!("{member} has revived the cancelled {order:?}"));
        }
        if order.filled != filled.get(id).copied().unwrap_or_default() {
            return Err(format!("{member} shows {order:?}, filled by {filled:?}"));
        }
    }
    Ok(())
}

/// What all nodes show is what the owners have open.
fn book_is_of(orders: &BTreeMap<&OrderId, (usize, &Order)>, view: &View) -> Result<(), String> {
    let mut sides: [BTreeMap<Price, (u128, usize)>; 2] = Default::default();
    for (_, order) in orders.values() {
        let open = order.amount.units() - order.filled.units();
        if matches!(order.status, OrderStatus::Pending | OrderStatus::Partial) {
            let side = &mut sides[usize::from(order.side == Side::Sell)];
            // Only a market order has no price, and none stands.
            let Some(price) = order.price else { continue };
            let level = side.entry(price).or_default();
            *level = (level.0 + open, level.1 + 1);
        }
    }
    let levels = |side: &BTreeMap<Price, (u128, usize)>| -> Vec<Level> {
        let level = |(price, open): (&Price, &(u128, usize))| Level {
            price: *price,
            amount: open.0,
            count: open.1,
            unsigned: 0,
        };
        side.iter().map(level).collect()
    };
    let mut bids = levels(&sides[0]);
    bids.reverse();
    let (owned, shown) = (
        (bids, levels(&sides[1])),
        (view.bids.clone(), view.asks.clone()),
    );
    if owned == shown {
        return Ok(());
    }
    Err(format!(
        "owners have and nodes show: {}",
        difference(&owned, &shown)
    ))
}
