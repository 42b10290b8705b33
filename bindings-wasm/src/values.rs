//! What goes over the border to JavaScript: bytes as they are, everything else as JSON, whose
//! decimals are strings.

use js_sys::{Array, JSON, Uint8Array};
use meshbook::node::{OrderError, OrderText, Write};
use meshbook::types::{InvalidValue, Millis};
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;

use crate::engine::Action;

/// An order as the package hands it in.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Wish {
    side: String,
    amount: String,
    price: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    time_in_force: Option<String>,
    user_id: Option<String>,
    /// In milliseconds.
    lifetime: Option<u64>,
}

impl Wish {
    pub(crate) fn read(json: &str) -> Result<Self, InvalidValue> {
        serde_json::from_str(json)
            .map_err(|error| InvalidValue::new("order", json, error.to_string()))
    }
}

impl<'a> From<&'a Wish> for OrderText<'a> {
    fn from(wish: &'a Wish) -> Self {
        Self {
            side: &wish.side,
            amount: &wish.amount,
            price: wish.price.as_deref(),
            kind: wish.kind.as_deref(),
            time_in_force: wish.time_in_force.as_deref(),
            user_id: wish.user_id.as_deref(),
            lifetime: wish.lifetime.map(Millis),
        }
    }
}

#[derive(Serialize)]
struct Failure<'a> {
    code: &'a str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<&'a str>,
}

/// A value that is not allowed, to be thrown.
pub(crate) fn failure(error: &InvalidValue) -> JsValue {
    object(&Failure {
        code: "INVALID_VALUE",
        message: error.to_string(),
        field: Some(&error.field),
        value: Some(&error.value),
        allowed: Some(&error.allowed),
    })
}

/// An order that was not placed, to be thrown.
pub(crate) fn refused(error: &OrderError) -> JsValue {
    let field = match error {
        OrderError::Invalid(invalid) => Some(invalid.field.as_ref()),
        _ => None,
    };
    object(&Failure {
        code: error.code(),
        message: error.to_string(),
        field,
        value: None,
        allowed: None,
    })
}

fn object(value: &impl Serialize) -> JsValue {
    // What was written as JSON is JSON.
    JSON::parse(&json(value)).unwrap_or(JsValue::NULL)
}

/// Values of this crate and of the node always are JSON.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

pub(crate) fn seed(bytes: &[u8]) -> Result<[u8; 32], JsValue> {
    bytes.try_into().map_err(|_| {
        let length = bytes.len().to_string();
        failure(&InvalidValue::new("bytes", length, "32 random bytes"))
    })
}

pub(crate) fn writes(writes: Vec<Write>) -> Array {
    let write = |write: Write| {
        let value = write.value.map(|value| Uint8Array::from(&value[..]));
        Array::of4(
            &write.table.name().into(),
            &Uint8Array::from(&write.key[..]),
            &value.map_or(JsValue::UNDEFINED, JsValue::from),
            &write.lazy.into(),
        )
    };
    writes.into_iter().map(write).collect()
}

pub(crate) fn actions(actions: Vec<Action>) -> Array {
    actions.into_iter().map(action).collect()
}

fn action(action: Action) -> Array {
    // Numbers of sockets are small.
    let number = |id: u64| JsValue::from(id as f64);
    match action {
        Action::Dial { id, address } => {
            Array::of3(&"dial".into(), &number(id), &address.to_string().into())
        }
        Action::Send { id, frame } => {
            Array::of3(&"send".into(), &number(id), &Uint8Array::from(&frame[..]))
        }
        Action::Close { id } => Array::of2(&"close".into(), &number(id)),
        Action::Event(event) => Array::of2(&"event".into(), &json(&*event).into()),
        Action::Settled { order, result } => Array::of3(
            &"settled".into(),
            &order.to_string().into(),
            &json(&*result).into(),
        ),
        Action::SavePeers(peers) => Array::of2(&"peers".into(), &json(&peers).into()),
    }
}
