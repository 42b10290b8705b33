//! Orders and trades as unsigned peers write them: text outside, checked values inside.

use serde::{Deserialize, Serialize};

use super::lenient;
use crate::types::{Amount, InvalidValue, Millis, Pair, Price, Side, UserId};

/// An unsigned order as it came, or as it goes out. Nothing in it is checked but the length of
/// its texts; [`LegacyOrder::check`] does the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LegacyOrder {
    /// The id that its node gave it; another node of the same make gives it another one.
    #[serde(deserialize_with = "lenient::name")]
    pub id: String,
    /// The user, under a name that anybody could use.
    #[serde(deserialize_with = "lenient::name")]
    pub user_id: String,
    /// `buy` or `sell`.
    #[serde(deserialize_with = "lenient::name")]
    pub side: String,
    /// The amount of base as a decimal string.
    #[serde(deserialize_with = "lenient::name")]
    pub amount: String,
    /// The price in quote as a decimal string.
    #[serde(deserialize_with = "lenient::name")]
    pub price: String,
    /// `pending`, `partial`, `filled` or `cancelled`.
    #[serde(deserialize_with = "lenient::name")]
    pub status: String,
    /// When it was placed, by its node's clock.
    #[serde(deserialize_with = "lenient::millis")]
    pub timestamp: Millis,
    /// The pair; empty for the default pair of a peer that names none.
    #[serde(deserialize_with = "lenient::name")]
    pub pair: String,
}

/// An unsigned order whose values hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsignedOrder {
    /// The id that its node gave it; never empty.
    pub id: String,
    /// The user.
    pub user_id: UserId,
    /// The side.
    pub side: Side,
    /// The amount of base, more than 0.
    pub amount: Amount,
    /// The price, more than 0.
    pub price: Price,
    /// When it was placed, by its node's clock.
    pub timestamp: Millis,
    /// The pair.
    pub pair: Pair,
}

impl LegacyOrder {
    /// The order's values, typed. An order that names no pair is for `default_pair`.
    ///
    /// # Errors
    /// The first value that is not allowed, by its name on the wire.
    pub fn check(&self, default_pair: &Pair) -> Result<UnsignedOrder, InvalidValue> {
        let pair = match self.pair.as_str() {
            "" => default_pair.clone(),
            pair => pair.parse()?,
        };
        Ok(UnsignedOrder {
            id: present("order.id", &self.id)?,
            user_id: self.user_id.parse()?,
            side: self.side.parse()?,
            amount: amount(&self.amount)?,
            price: price(&self.price)?,
            timestamp: self.timestamp,
            pair,
        })
    }
}

/// An unsigned trade as it came, or as it goes out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LegacyTrade {
    /// The id that its node gave it.
    #[serde(deserialize_with = "lenient::name")]
    pub id: String,
    /// The buy order's id.
    #[serde(deserialize_with = "lenient::name")]
    pub buy_order_id: String,
    /// The sell order's id.
    #[serde(deserialize_with = "lenient::name")]
    pub sell_order_id: String,
    /// The amount of base as a decimal string.
    #[serde(deserialize_with = "lenient::name")]
    pub amount: String,
    /// The price in quote as a decimal string.
    #[serde(deserialize_with = "lenient::name")]
    pub price: String,
    /// When it was made, by its node's clock.
    #[serde(deserialize_with = "lenient::millis")]
    pub timestamp: Millis,
}

/// An unsigned trade whose values hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsignedTrade {
    /// The id that its node gave it; never empty.
    pub id: String,
    /// The buy order's id; never empty.
    pub buy_order_id: String,
    /// The sell order's id; never empty.
    pub sell_order_id: String,
    /// The amount of base, more than 0.
    pub amount: Amount,
    /// The price, more than 0.
    pub price: Price,
    /// When it was made, by its node's clock.
    pub timestamp: Millis,
}

impl LegacyTrade {
    /// The trade's values, typed.
    ///
    /// # Errors
    /// The first value that is not allowed, by its name on the wire.
    pub fn check(&self) -> Result<UnsignedTrade, InvalidValue> {
        Ok(UnsignedTrade {
            id: present("trade.id", &self.id)?,
            buy_order_id: present("buyOrderId", &self.buy_order_id)?,
            sell_order_id: present("sellOrderId", &self.sell_order_id)?,
            amount: amount(&self.amount)?,
            price: price(&self.price)?,
            timestamp: self.timestamp,
        })
    }
}

fn present(field: &str, text: &str) -> Result<String, InvalidValue> {
    if text.is_empty() {
        return Err(InvalidValue::new(field, text, "1 to 128 characters"));
    }
    Ok(text.to_owned())
}

fn amount(text: &str) -> Result<Amount, InvalidValue> {
    let value: Amount = text.parse()?;
    if value.is_zero() {
        return Err(InvalidValue::new("amount", text, "more than 0"));
    }
    Ok(value)
}

fn price(text: &str) -> Result<Price, InvalidValue> {
    let value: Price = text.parse()?;
    if value.is_zero() {
        return Err(InvalidValue::new("price", text, "more than 0"));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> Pair {
        "BTC/USD".parse().unwrap()
    }

    fn read(json: &str) -> LegacyOrder {
        serde_json::from_str(json).unwrap()
    }

    const ORDER: &str = r#"{"id":"o-1","userId":"alice","side":"buy","amount":"1.50",
        "price":30000.5,"status":"pending","timestamp":1700000000000,"pair":"ETH/USD","x":[{}]}"#;

    #[test]
    fn an_order_keeps_the_digits_of_a_number_and_checks_to_typed_values() {
        let order = read(ORDER);
        assert_eq!(order.price, "30000.5");
        let checked = order.check(&pair()).unwrap();
        assert_eq!(checked.pair.as_str(), "ETH/USD");
        assert_eq!(checked.amount.to_string(), "1.5");
        assert_eq!(checked.side, Side::Buy);
    }

    #[test]
    fn an_order_without_a_pair_is_for_the_default_pair() {
        let mut order = read(ORDER);
        order.pair.clear();
        assert_eq!(order.check(&pair()).unwrap().pair, pair());
    }

    #[test]
    fn each_wrong_value_of_an_order_is_named() {
        type Change = fn(&mut LegacyOrder);
        let wrong: [(&str, Change); 7] = [
            ("order.id", |o| o.id.clear()),
            ("userId", |o| o.user_id = "x".into()),
            ("side", |o| o.side = "BUY".into()),
            ("amount", |o| o.amount = "0".into()),
            ("amount", |o| o.amount = "1e3".into()),
            ("price", |o| o.price = "-1".into()),
            ("pair", |o| o.pair = "btc".into()),
        ];
        for (field, change) in wrong {
            let mut order = read(ORDER);
            change(&mut order);
            assert_eq!(order.check(&pair()).unwrap_err().field, field);
        }
    }

    #[test]
    fn a_trade_needs_both_orders_and_positive_numbers() {
        let trade = LegacyTrade {
            id: "t".into(),
            buy_order_id: "b".into(),
            sell_order_id: "s".into(),
            amount: "1".into(),
            price: "2".into(),
            timestamp: Millis(3),
        };
        assert_eq!(trade.check().unwrap().timestamp, Millis(3));
        let lost = LegacyTrade {
            sell_order_id: String::new(),
            ..trade
        };
        assert_eq!(lost.check().unwrap_err().field, "sellOrderId");
    }
}
