//! Orders and trades as unsigned peers write them: text outside, checked values inside.

use serde::{Deserialize, Serialize};

use super::lenient;
use crate::types::{Amount, InvalidValue, MAX_UNITS, Millis, Pair, Price, SCALE, Side, UserId};

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
    /// The amount of base, more than 0; rounded up where it has more than 8 decimals.
    pub amount: Amount,
    /// The price, more than 0; rounded up where it has more than 8 decimals.
    pub price: Price,
    /// Neither is rounded. Others must not be matched.
    pub is_exact: bool,
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
        let (id, user_id) = (present("order.id", &self.id)?, self.user_id.parse()?);
        let side = self.side.parse()?;
        let (amount, price) = (amount(&self.amount)?, price(&self.price)?);
        Ok(UnsignedOrder {
            id,
            user_id,
            side,
            amount: amount.value,
            price: price.value,
            is_exact: amount.is_exact && price.is_exact,
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
            amount: amount(&self.amount)?.value,
            price: price(&self.price)?.value,
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

fn amount(text: &str) -> Result<Decimal<Amount>, InvalidValue> {
    let wrong = || InvalidValue::new("amount", text, ALLOWED);
    let (units, is_exact) = units_rounded_up(text).ok_or_else(wrong)?;
    let value = Amount::from_units(units).ok_or_else(wrong)?;
    if value.is_zero() {
        return Err(InvalidValue::new("amount", text, "more than 0"));
    }
    Ok(Decimal { value, is_exact })
}

fn price(text: &str) -> Result<Decimal<Price>, InvalidValue> {
    let wrong = || InvalidValue::new("price", text, ALLOWED);
    let (units, is_exact) = units_rounded_up(text).ok_or_else(wrong)?;
    let value = Price::from_units(units).ok_or_else(wrong)?;
    if value.is_zero() {
        return Err(InvalidValue::new("price", text, "more than 0"));
    }
    Ok(Decimal { value, is_exact })
}

/// A value that was read, and whether nothing of it was lost.
struct Decimal<T> {
    value: T,
    is_exact: bool,
}

const ALLOWED: &str =
    "a decimal string like 1.5 or 1e-7: at most 15 digits before the point, no minus";

/// Reads a decimal number as `decimal.js` writes and reads one, in units of 10^-8, rounded up. Also
/// returns whether that is exact.
fn units_rounded_up(text: &str) -> Option<(u128, bool)> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i16>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: String = [whole, fraction].concat();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // The value is `digits` times 10 to this power, in units.
    let power = i64::from(exponent) + i64::from(SCALE) - i64::try_from(fraction.len()).ok()?;
    let dropped = usize::try_from(power.min(0).unsigned_abs()).ok()?;
    let (kept, lost) = digits.split_at(digits.len().saturating_sub(dropped));
    let is_exact = lost.bytes().all(|digit| digit == b'0');
    let mut units: u128 = 0;
    for digit in kept.bytes() {
        units = units * 10 + u128::from(digit - b'0');
        if units > MAX_UNITS {
            return None;
        }
    }
    if units != 0 {
        for _ in 0..power.max(0) {
            units *= 10;
            if units > MAX_UNITS {
                return None;
            }
        }
    }
    Some((units + u128::from(!is_exact), is_exact))
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
            ("amount", |o| o.amount = "1e16".into()),
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
    fn numbers_are_read_as_decimal_js_writes_them() {
        let exact = [
            ("1.5", 150_000_000),
            ("1e-7", 10),
            ("1.5e+3", 150_000_000_000),
            (".5", 50_000_000),
            ("5.", 500_000_000),
            ("+2", 200_000_000),
            ("1.500000000000", 150_000_000),
            ("0e999", 0),
            ("999999999999999.99999999", MAX_UNITS),
        ];
        for (text, units) in exact {
            assert_eq!(units_rounded_up(text), Some((units, true)), "{text}");
        }
        let rounded = [("0.123456789", 12_345_679), ("1e-9", 1), ("3e-400", 1)];
        for (text, units) in rounded {
            assert_eq!(units_rounded_up(text), Some((units, false)), "{text}");
        }
        let wrong = [
            "", ".", "e5", "1e", "1e99999", "-1", "0x1", "1e30", "Infinity", "NaN", "1 ",
        ];
        for text in wrong {
            assert_eq!(units_rounded_up(text), None, "{text}");
        }
    }

    #[test]
    fn an_order_with_more_than_8_decimals_is_not_exact() {
        let mut order = read(ORDER);
        order.amount = "0.123456789".to_owned();
        let checked = order.check(&pair()).unwrap();
        assert_eq!(checked.amount.to_string(), "0.12345679");
        assert!(!checked.is_exact);
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
