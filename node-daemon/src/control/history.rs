//! What was, in pages: a node answers no question about its whole past with one body.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use meshbook::client::{Cursor, HISTORY_PAGE, HistoryPage, HistoryQuery, Reading};
use meshbook::node::Order;
use meshbook::storage::StorageError;
use meshbook::types::{InvalidValue, Millis};
use serde::{Deserialize, Serialize};

use super::server::{ApiError, Context, once_each};
use super::wire::count;

/// The most pages that are read at a time; further requests wait.
pub(super) const READERS: usize = 2;

/// Some of a node's own orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrdersPage {
    pub(crate) orders: Vec<Order>,
    /// Where to read on, if there are more.
    pub(crate) next: Option<Cursor>,
}

impl OrdersPage {
    /// The page of all these orders that is asked for: by the time at which they were placed,
    /// and by id.
    ///
    /// # Errors
    /// Never, for orders with ids.
    pub(crate) fn of(orders: Vec<Order>, query: &HistoryQuery) -> Result<Self, InvalidValue> {
        let until = query.until.unwrap_or(Millis(u64::MAX));
        let at = query.at.as_ref().map(ToString::to_string);
        let forward = query.direction == Reading::OldestFirst;
        let mut keyed: Vec<(String, Order)> = orders
            .into_iter()
            .filter(|order| (query.since..until).contains(&order.timestamp))
            .map(|order| (format!("{:016x}{}", order.timestamp.0, order.id), order))
            .filter(|(key, _)| at.as_ref().is_none_or(|at| forward == (key >= at)))
            .collect();
        keyed.sort_by(|(one, _), (other, _)| one.cmp(other));
        if !forward {
            keyed.reverse();
        }
        let limit = query.limit.clamp(1, HISTORY_PAGE);
        // A cursor is the first key of a page forward, and the last of the one before backward.
        let next = if keyed.len() > limit {
            keyed.get(if forward { limit } else { limit - 1 })
        } else {
            None
        };
        let next = next.map(|(key, _)| key.parse()).transpose()?;
        let orders = keyed.into_iter().take(limit).map(|(_, order)| order);
        Ok(Self {
            orders: orders.collect(),
            next,
        })
    }
}

/// A query as parameters of a request.
pub(super) fn parameters(query: &HistoryQuery) -> Vec<(&'static str, String)> {
    let mut parameters = vec![
        ("since", query.since.0.to_string()),
        ("limit", query.limit.to_string()),
    ];
    parameters.extend(query.until.map(|until| ("until", until.0.to_string())));
    parameters.extend(query.own.then(|| ("own", "true".to_owned())));
    let newest = query.direction == Reading::NewestFirst;
    parameters.extend(newest.then(|| ("order", "newest".to_owned())));
    parameters.extend(query.at.as_ref().map(|at| ("at", at.to_string())));
    parameters
}

fn read(parameters: &[(String, String)]) -> Result<HistoryQuery, InvalidValue> {
    let mut query = HistoryQuery::default();
    once_each(parameters)?;
    for (name, text) in parameters {
        let time = || match text.parse() {
            Ok(millis) => Ok(Millis(millis)),
            Err(_) => Err(InvalidValue::new(name, text, "milliseconds since 1970")),
        };
        match name.as_str() {
            "since" => query.since = time()?,
            "until" => query.until = Some(time()?),
            "limit" => query.limit = count(name, text, &(1..=HISTORY_PAGE))?,
            "at" => query.at = Some(text.parse()?),
            "own" => {
                query.own = text
                    .parse()
                    .map_err(|_| InvalidValue::new(name, text, "true or false"))?;
            }
            "order" => {
                query.direction = match text.as_str() {
                    "oldest" => Reading::OldestFirst,
                    "newest" => Reading::NewestFirst,
                    _ => return Err(InvalidValue::new(name, text, "oldest or newest")),
                };
            }
            _ => {
                let allowed = "no such parameter; there are since, until, own, order, at, limit";
                return Err(InvalidValue::new(name, text, allowed));
            }
        }
    }
    Ok(query)
}

type Parameters = Query<Vec<(String, String)>>;

pub(super) async fn trades(
    State(context): State<Arc<Context>>,
    Query(parameters): Parameters,
) -> Result<Json<HistoryPage>, ApiError> {
    let query = read(&parameters)?;
    let closed = || {
        let code = StatusCode::SERVICE_UNAVAILABLE;
        ApiError::new(code, "JOURNAL_CLOSED", "the node is stopping")
    };
    let history = context.history.clone().ok_or_else(closed)?;
    let permit = Arc::clone(&context.readers).acquire_owned().await;
    let permit = permit.map_err(|_| closed())?;
    // The permit goes with the work, also if nobody waits for it any more.
    let read = tokio::task::spawn_blocking(move || {
        let page = history.trades(&query);
        drop(permit);
        page
    });
    match read.await {
        Ok(Ok(page)) => Ok(Json(page)),
        Ok(Err(StorageError::Closed { .. })) => Err(closed()),
        Ok(Err(error)) => {
            let code = StatusCode::INTERNAL_SERVER_ERROR;
            Err(ApiError::new(code, error.code(), &error.to_string()))
        }
        Err(_) => {
            let code = StatusCode::INTERNAL_SERVER_ERROR;
            Err(ApiError::new(
                code,
                "INTERNAL",
                "the journal's reader failed",
            ))
        }
    }
}

/// All orders are the node's own ones.
pub(super) async fn orders(
    State(context): State<Arc<Context>>,
    Query(parameters): Parameters,
) -> Result<Json<OrdersPage>, ApiError> {
    let query = read(&parameters)?;
    let orders = context.shared.client.order_history();
    Ok(Json(OrdersPage::of(orders, &query)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(query: &HistoryQuery) -> Vec<(String, String)> {
        let parameters = parameters(query).into_iter();
        parameters
            .map(|(name, text)| (name.to_owned(), text))
            .collect()
    }

    #[test]
    fn what_the_command_asks_the_node_understands() {
        let asked = HistoryQuery {
            since: Millis(5),
            until: Some(Millis(7)),
            own: true,
            direction: Reading::NewestFirst,
            at: Some("00ff".parse().unwrap()),
            limit: 3,
        };
        for query in [asked, HistoryQuery::default()] {
            assert_eq!(read(&texts(&query)), Ok(query));
        }
    }

    #[test]
    fn a_parameter_that_is_not_allowed_is_named() {
        for (name, text) in [
            ("since", "-1"),
            ("until", "2026-01-31"),
            ("own", "yes"),
            ("order", "up"),
            ("at", "x"),
            ("limit", "0"),
            ("limit", "1001"),
            ("sinse", "1"),
        ] {
            let error = read(&[(name.to_owned(), text.to_owned())]).unwrap_err();
            assert_eq!((error.field.as_str(), error.value.as_str()), (name, text));
        }
    }

    #[test]
    fn parameter_that_is_there_twice_is_named() {
        let twice = [("limit", "1"), ("limit", "2")].map(|(n, t)| (n.to_owned(), t.to_owned()));
        assert_eq!(read(&twice).unwrap_err().field, "limit");
    }

    #[test]
    fn pages_of_orders_give_each_once_from_either_end() {
        let order = |number: u64| -> Order {
            serde_json::from_value(serde_json::json!({
                "id": format!("{:032x}", number % 3), "userId": "alice", "side": "buy",
                "amount": "1", "filled": "0", "price": "1", "status": "pending",
                "timestamp": number / 3, "pair": "BTC/USD",
            }))
            .unwrap()
        };
        // Every 3 of the same time.
        let all: Vec<Order> = (0..30).map(order).collect();
        let wanted: Vec<Order> = (6..24).map(order).collect();
        for direction in [Reading::OldestFirst, Reading::NewestFirst] {
            for limit in [1, 4, 18, 1000] {
                let mut query = HistoryQuery {
                    since: Millis(2),
                    until: Some(Millis(8)),
                    direction,
                    limit,
                    ..HistoryQuery::default()
                };
                let mut read = Vec::new();
                loop {
                    let page = OrdersPage::of(all.clone(), &query).unwrap();
                    assert!(page.orders.len() <= limit);
                    read.extend(page.orders);
                    query.at = page.next;
                    if query.at.is_none() {
                        break;
                    }
                }
                if direction == Reading::NewestFirst {
                    read.reverse();
                }
                assert_eq!(read, wanted, "{direction:?} {limit}");
            }
        }
    }
}
