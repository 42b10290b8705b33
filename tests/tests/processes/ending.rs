//! How a node ends, and what that does to others.

use std::time::Duration;

use meshbook::types::Side;
use meshbook_tests::{Node, eventually};

const LIMIT: Duration = Duration::from_secs(10);

async fn sees_asks(node: &Node, count: usize) {
    eventually(&format!("{count} asks are seen"), async || {
        let book = node.control.book().await;
        if book.asks.len() == count {
            Ok(())
        } else {
            Err(format!("{book:?}"))
        }
    })
    .await;
}

async fn ends_at(signal: &str) {
    let other = Node::named("other").start().await;
    let mut node = Node::named("node").dialing(other.address).start().await;
    other.has_peers(1).await;
    node.control.place(Side::Sell, "1", "100").await;
    sees_asks(&other, 1).await;

    node.signal(signal);
    let status = node.ends_within(LIMIT).await;
    assert!(status.success(), "{status}");
    assert!(!node.data_dir().join("control.json").exists());
    // It said goodbye: nobody is offered what nobody can fill.
    other.has_peers(0).await;
    sees_asks(&other, 0).await;
}

#[tokio::test]
async fn sigterm_ends_a_node_within_10_seconds_and_hides_its_orders() {
    ends_at("TERM").await;
}

#[tokio::test]
async fn ctrl_c_ends_a_node_within_10_seconds_and_hides_its_orders() {
    ends_at("INT").await;
}

#[tokio::test]
async fn the_end_of_its_terminal_ends_a_node_as_sigterm_does() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // A process that `nohup` started hands that on to the node, which then has to stay.
    if ignored.is_some_and(|mask| mask & 1 == 1) {
        return;
    }
    ends_at("HUP").await;
}

#[tokio::test]
async fn sigquit_ends_a_node_as_sigterm_does() {
    ends_at("QUIT").await;
}

#[tokio::test]
async fn a_killed_node_does_not_hurt_the_others_and_comes_back() {
    let a = Node::named("A").start().await;
    let b = Node::named("B").dialing(a.address).start().await;
    let hub = Node::named("C").dialing(a.address).dialing(b.address);
    let mut killed = hub.start().await;
    for node in [&a, &b, &killed] {
        node.has_peers(2).await;
    }
    let id = killed.id.clone();

    killed.signal("KILL");
    killed.ends_within(LIMIT).await;
    for node in [&a, &b] {
        node.has_peers(1).await;
    }
    a.control.place(Side::Sell, "1", "100").await;
    sees_asks(&b, 1).await;
    let bought = b.control.place(Side::Buy, "1", "100").await;
    assert_eq!(bought.trades.len(), 1, "{bought:?}");
    eventually("A has the trade", async || {
        let trades = a.control.trades(10).await;
        if trades == bought.trades {
            Ok(())
        } else {
            Err(format!("{trades:?}"))
        }
    })
    .await;

    // The same folder is the same node; what the kill left behind is no hindrance.
    let back = Node::named("C again").in_folder_of(&killed);
    let back = back.dialing(a.address).dialing(b.address).start().await;
    assert_eq!(back.id, id);
    for node in [&a, &b, &back] {
        node.has_peers(2).await;
    }
    back.control.place(Side::Sell, "2", "200").await;
    sees_asks(&a, 1).await;
    sees_asks(&b, 1).await;
}
