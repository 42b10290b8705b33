//! The core of a node for a browser: the same ledger, order book, router and sessions as everywhere,
//! between the page's WebSockets and its IndexedDB.
//!
//! The TypeScript in `lib/` drives it: hands in what happened, calls [`NodeCore::step`], writes what
//! that gives, and does what [`NodeCore::take_actions`] says. Nothing in here waits. The core itself
//! is without JavaScript; this is its border.

mod engine;
mod options;
mod socket;
mod values;

use js_sys::{Array, Uint8Array};
use meshbook::node::{Entry, Input, OrderText, PeerSource, PersistedPeer, Table};
use meshbook::types::{InvalidValue, Millis, Now, OrderId, PeerAddress};
use wasm_bindgen::prelude::*;

use engine::Engine;
use options::Options;
use values::{actions, failure, json, refused, seed, writes};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

fn now() -> Now {
    // Both are whole and positive for any time that a browser can show.
    Now {
        mono: Millis(performance_now() as u64),
        wall: Millis(js_sys::Date::now() as u64),
    }
}

/// A node without sockets, storage and time of its own.
#[wasm_bindgen]
#[derive(Debug)]
pub struct NodeCore(Engine);

#[wasm_bindgen]
impl NodeCore {
    /// A node that does nothing yet. `key` is its secret, `entropy` is used up by this call: 32 random
    /// bytes each.
    ///
    /// # Errors
    /// `{ code, message, field, value, allowed }` for an option that is not allowed.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &str, key: &[u8], entropy: &[u8]) -> Result<Self, JsValue> {
        let config = Options::read(options).map_err(|error| failure(&error))?;
        let engine = Engine::new(config, seed(key)?, seed(entropy)?, now());
        Ok(Self(engine))
    }

    /// Goes on from what an earlier run has written: `[table, key, value]` each.
    ///
    /// # Errors
    /// If this version can't read it.
    pub fn restore(&mut self, entries: Vec<Array>) -> Result<(), JsValue> {
        let entries: Result<Vec<Entry>, InvalidValue> = entries.iter().map(entry).collect();
        let restored = entries.and_then(|entries| self.0.restore(entries, now()));
        restored.map_err(|error| failure(&error))
    }

    /// Begins. `peers` is what the action `peers` gave last, or an empty list.
    pub fn start(&mut self, peers: &str) {
        // Peers that can't be read are peers that are not known.
        let known: Vec<PersistedPeer> = serde_json::from_str(peers).unwrap_or_default();
        self.0.start(known, now());
    }

    /// A socket is open; `entropy` is 32 random bytes, used up.
    ///
    /// # Errors
    /// If it is not that long.
    pub fn opened(&mut self, id: f64, entropy: &[u8]) -> Result<(), JsValue> {
        self.0.opened(id as u64, seed(entropy)?, now());
        Ok(())
    }

    /// A frame came.
    pub fn received(&mut self, id: f64, frame: &[u8]) {
        self.0.received(id as u64, frame, now());
    }

    /// A socket is gone, or never came about.
    pub fn closed(&mut self, id: f64) {
        self.0.closed(id as u64, now());
    }

    /// Whether a socket holds much that it could not send.
    #[wasm_bindgen(js_name = setCongested)]
    pub fn set_congested(&mut self, id: f64, congested: bool) {
        self.0.set_congested(id as u64, congested);
    }

    /// Decides about all that happened. Gives what must be written before `committed` is called:
    /// `[table, key, value or undefined, lazy]` each. Others know what is lazy, so it may be lost with
    /// the machine.
    pub fn step(&mut self) -> Array {
        writes(self.0.step(now()))
    }

    /// Says goodbye; gives the same.
    pub fn shutdown(&mut self) -> Array {
        writes(self.0.shutdown(now()))
    }

    /// It is written.
    pub fn committed(&mut self) {
        self.0.committed(now());
    }

    /// It could not be written, and is tried again.
    #[wasm_bindgen(js_name = storeFailed)]
    pub fn store_failed(&mut self, reason: String) {
        self.0.store_failed(reason, now());
    }

    /// It is written after all.
    #[wasm_bindgen(js_name = storeWorks)]
    pub fn store_works(&mut self) {
        self.0.store_works(now());
    }

    /// What to do now, in this order: `['dial', id, address]`, `['send', id, bytes]`, `['close', id]`,
    /// `['event', json]`, `['settled', orderId, json]`, `['peers', json]`.
    #[wasm_bindgen(js_name = takeActions)]
    pub fn take_actions(&mut self) -> Array {
        actions(self.0.take_actions())
    }

    /// In how many milliseconds `step` is due whatever happens; undefined for never.
    pub fn due(&self) -> Option<f64> {
        let due = self.0.due()?;
        Some(due.since(now().mono).0 as f64)
    }

    /// Places an order, and gives its id; what becomes of it comes as `settled`.
    ///
    /// # Errors
    /// Why it was not placed, with its code.
    pub fn place(&mut self, order: &str) -> Result<String, JsValue> {
        let order = values::Wish::read(order).map_err(|error| refused(&error.into()))?;
        let order = OrderText::from(&order).read();
        let order = order.map_err(|error| refused(&error.into()))?;
        let placed = self.0.node_mut().submit(order, now());
        placed
            .map(|id| id.to_string())
            .map_err(|error| refused(&error))
    }

    /// Cancels an order of this node; false if there is none to cancel.
    pub fn cancel(&mut self, id: &str) -> bool {
        let Ok(id) = id.parse::<OrderId>() else {
            return false;
        };
        self.0.node_mut().cancel(id, now()).is_ok()
    }

    /// Dials an address from now on.
    ///
    /// # Errors
    /// If it is none.
    #[wasm_bindgen(js_name = addPeer)]
    pub fn add_peer(&mut self, address: &str) -> Result<(), JsValue> {
        let address: PeerAddress = address.parse().map_err(|error| failure(&error))?;
        let found = Input::Found {
            address,
            id: None,
            source: PeerSource::Bootstrap,
        };
        self.0.node_mut().handle(found, now());
        Ok(())
    }

    /// Ends the pauses between dials: the network has changed.
    pub fn discover(&mut self) {
        self.0.node_mut().discover(now());
    }

    /// The node's id: its public key.
    #[wasm_bindgen(js_name = nodeId)]
    pub fn node_id(&self) -> String {
        self.0.node().node_id().to_string()
    }

    /// The best levels of the book, as JSON; so are all that follow.
    #[wasm_bindgen(js_name = orderBook)]
    pub fn order_book(&self, depth: u32) -> String {
        json(&self.0.node().order_book(depth as usize, now()))
    }

    /// This node's open orders.
    #[wasm_bindgen(js_name = userOrders)]
    pub fn user_orders(&self) -> String {
        json(&self.0.node().user_orders())
    }

    /// All orders of this node that it remembers.
    #[wasm_bindgen(js_name = orderHistory)]
    pub fn order_history(&self) -> String {
        json(&self.0.node().order_history())
    }

    /// One order of this node, or null.
    pub fn order(&self, id: &str) -> String {
        let id = id.parse::<OrderId>().ok();
        json(&id.and_then(|id| self.0.node().order(&id)))
    }

    /// The latest trades, anybody's.
    pub fn trades(&self, limit: u32) -> String {
        json(&self.0.node().trades(limit as usize))
    }

    /// Every known peer.
    pub fn peers(&self) -> String {
        json(&self.0.node().peers(now()))
    }

    /// The figures of `getP2PStats()`.
    pub fn stats(&self) -> String {
        json(&self.0.node().p2p_stats(now()))
    }

    /// Why things were refused, ignored or dropped: one number a reason.
    pub fn counters(&self) -> String {
        json(self.0.node().counters())
    }
}

fn entry(entry: &Array) -> Result<Entry, InvalidValue> {
    let name = entry.get(0).as_string().unwrap_or_default();
    let table = Table::ALL.into_iter().find(|table| table.name() == name);
    let bytes = |at: u32| Uint8Array::new(&entry.get(at)).to_vec().into();
    Ok(Entry {
        table: table.ok_or_else(|| InvalidValue::new("table", &name, "a table of this version"))?,
        key: bytes(1),
        value: bytes(2),
    })
}
