//! Bodies of requests to the control address.

use meshbook::node::OrderKind;
use meshbook::types::{Amount, InvalidValue, Price};
use meshbook_node::fuzzing::{place_ban, place_order};

/// What is read means the same when the command writes it; an order has an amount and a price, or is
/// refused by a field's name.
pub fn control(data: &[u8]) {
    match place_order(data) {
        Ok((written, order)) => {
            let written = written.expect("its text");
            let (again, same) = place_order(&written).expect("its own text");
            assert_eq!(again.expect("its text"), written);
            assert_eq!(same, order);
            match order {
                Ok(order) => {
                    assert_ne!(order.amount, Amount::ZERO);
                    assert_ne!(order.kind, OrderKind::Limit(Price::ZERO));
                }
                Err(error) => told(&error, data),
            }
        }
        Err(error) => told(&error, data),
    }
    match place_ban(data) {
        Ok((written, peer, duration)) => {
            let written = written.expect("its text");
            let (_, same, as_long) = place_ban(&written).expect("its own text");
            assert_eq!((same, as_long), (peer, duration));
        }
        Err(error) => told(&error, data),
    }
}

/// The sender is told which field it is and what is allowed there. A field without a name can be its
/// own.
fn told(error: &InvalidValue, body: &[u8]) {
    assert!(!error.allowed.is_empty());
    let nameless = body.windows(2).any(|two| two == b"\"\"");
    assert!(nameless || !error.field.is_empty());
}
