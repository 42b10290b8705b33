//! An order as text: what every interface but the typed one takes, and what is said to wrong ones.

use super::io::{NewOrder, OrderKind, TimeInForce};
use crate::types::{Amount, InvalidValue, Millis, Price};

const POSITIVE: &str = "a decimal string greater than 0: \
                        at most 15 digits before the point and 8 after it, no sign";

/// An order in the words of the client contract. No number is among them, so none is rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderText<'a> {
    /// `buy` or `sell`.
    pub side: &'a str,
    /// A decimal.
    pub amount: &'a str,
    /// A decimal; absent for a market order, and for no other.
    pub price: Option<&'a str>,
    /// `limit` (where absent) or `market`.
    pub kind: Option<&'a str>,
    /// `gtc`, `ioc`, `fok` or `post`; where absent `gtc`, or `ioc` for a market order.
    pub time_in_force: Option<&'a str>,
    /// The user; the node's own where absent.
    pub user_id: Option<&'a str>,
    /// How long it lives at most.
    pub lifetime: Option<Millis>,
}

impl OrderText<'_> {
    /// The order that the words mean.
    ///
    /// ```
    /// use meshbook::node::OrderText;
    ///
    /// let bid = OrderText { side: "buy", amount: "1.5", price: Some("100"), ..OrderText::default() };
    /// assert_eq!(bid.read()?.amount.to_string(), "1.5");
    /// let error = OrderText { amount: "1,5", ..bid }.read().unwrap_err();
    /// assert!(error.to_string().starts_with("amount \"1,5\" is not allowed"));
    /// # Ok::<(), meshbook::types::InvalidValue>(())
    /// ```
    ///
    /// # Errors
    /// The first field that is not allowed, by its name in the client contract.
    pub fn read(&self) -> Result<NewOrder, InvalidValue> {
        let side = self.side.parse()?;
        let amount: Amount = self.amount.parse().unwrap_or_default();
        if amount.is_zero() {
            return Err(InvalidValue::new("amount", self.amount, POSITIVE));
        }
        let kind = self.kind()?;
        Ok(NewOrder {
            side,
            amount,
            kind,
            time_in_force: self.time_in_force(kind == OrderKind::Market)?,
            user: self.user_id.map(str::parse).transpose()?,
            lifetime: self.lifetime,
        })
    }

    fn kind(&self) -> Result<OrderKind, InvalidValue> {
        match (self.kind.unwrap_or("limit"), self.price) {
            ("market", None) => Ok(OrderKind::Market),
            ("market", Some(text)) => {
                let allowed = "absent: a market order takes any price";
                Err(InvalidValue::new("price", text, allowed))
            }
            ("limit", text) => {
                let text = text.unwrap_or_default();
                let price: Price = text.parse().unwrap_or_default();
                match price.is_zero() {
                    true => Err(InvalidValue::new("price", text, POSITIVE)),
                    false => Ok(OrderKind::Limit(price)),
                }
            }
            (other, _) => Err(InvalidValue::new("type", other, "limit or market")),
        }
    }

    fn time_in_force(&self, market: bool) -> Result<TimeInForce, InvalidValue> {
        match (self.time_in_force, market) {
            (None | Some("ioc"), true) | (Some("ioc"), false) => Ok(TimeInForce::Ioc),
            (Some("fok"), _) => Ok(TimeInForce::Fok),
            (None | Some("gtc"), false) => Ok(TimeInForce::Gtc),
            (Some("post"), false) => Ok(TimeInForce::Post),
            (Some(text), true) => {
                let allowed = "ioc or fok: a market order never rests";
                Err(InvalidValue::new("timeInForce", text, allowed))
            }
            (Some(text), false) => {
                let allowed = "gtc, ioc, fok or post";
                Err(InvalidValue::new("timeInForce", text, allowed))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BID: OrderText<'_> = OrderText {
        side: "buy",
        amount: "1",
        price: Some("10"),
        kind: None,
        time_in_force: None,
        user_id: None,
        lifetime: None,
    };

    #[test]
    fn what_is_left_out_is_what_the_contract_says() {
        let order = BID.read().unwrap();
        assert_eq!(order.kind, OrderKind::Limit("10".parse().unwrap()));
        assert_eq!(order.time_in_force, TimeInForce::Gtc);
        assert_eq!(order.user, None);
        let market = OrderText {
            price: None,
            kind: Some("market"),
            ..BID
        };
        assert_eq!(market.read().unwrap().time_in_force, TimeInForce::Ioc);
    }

    #[test]
    fn every_field_that_is_wrong_is_named() {
        let market = OrderText {
            price: None,
            kind: Some("market"),
            ..BID
        };
        let cases = [
            (
                "side",
                OrderText {
                    side: "hold",
                    ..BID
                },
            ),
            ("amount", OrderText { amount: "0", ..BID }),
            (
                "amount",
                OrderText {
                    amount: "1e3",
                    ..BID
                },
            ),
            ("price", OrderText { price: None, ..BID }),
            (
                "price",
                OrderText {
                    price: Some("-1"),
                    ..BID
                },
            ),
            (
                "price",
                OrderText {
                    price: Some("1"),
                    ..market
                },
            ),
            (
                "type",
                OrderText {
                    kind: Some("stop"),
                    ..BID
                },
            ),
            (
                "timeInForce",
                OrderText {
                    time_in_force: Some("day"),
                    ..BID
                },
            ),
            (
                "timeInForce",
                OrderText {
                    time_in_force: Some("gtc"),
                    ..market
                },
            ),
            (
                "userId",
                OrderText {
                    user_id: Some("a b"),
                    ..BID
                },
            ),
        ];
        for (field, order) in cases {
            let error = order.read().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("{field} \"")),
                "{field}: {error}"
            );
        }
    }
}
