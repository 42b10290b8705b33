//! Bytes in JSON, in the forms that Node.js and Grapes take.

use serde_json::Value;

/// What a string is, where it is no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Hex,
    Text,
}

/// The bytes of a string, of a `Buffer` as `JSON.stringify` writes it, or of a list of numbers;
/// of a string with JSON in it, those of what the JSON is.
pub(super) fn bytes(value: &Value, encoding: Encoding) -> Option<Vec<u8>> {
    let Value::String(text) = value else {
        return buffer(value);
    };
    let inner = serde_json::from_str(text).ok();
    let inner = inner.and_then(|inner: Value| match inner {
        Value::String(inner) => Some(inner.into_bytes()),
        inner => buffer(&inner),
    });
    Some(inner.unwrap_or_else(|| match encoding {
        Encoding::Hex => hex_prefix(text),
        Encoding::Text => text.clone().into_bytes(),
    }))
}

/// Reads hexadecimal digits up to the first that is none, as Node.js does.
pub(super) fn hex_prefix(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks_exact(2);
    let bytes = pairs.map_while(|pair| hex::decode(pair).ok());
    bytes.flatten().collect()
}

fn buffer(value: &Value) -> Option<Vec<u8>> {
    let list = match value {
        Value::Array(list) => list,
        Value::Object(object) if object.get("type")? == "Buffer" => {
            object.get("data")?.as_array()?
        }
        _ => return None,
    };
    let bytes = list.iter().map(|byte| u8::try_from(byte.as_u64()?).ok());
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Encoding, bytes};

    #[test]
    fn bytes_come_in_every_form_that_a_grape_takes() {
        let hex = |value| bytes(&value, Encoding::Hex);
        assert_eq!(hex(json!("0aff")), Some(vec![10, 255]));
        assert_eq!(hex(json!("12")), Some(vec![0x12]));
        assert_eq!(hex(json!("0axx")), Some(vec![10]));
        assert_eq!(
            hex(json!({"type": "Buffer", "data": [1, 2]})),
            Some(vec![1, 2])
        );
        assert_eq!(
            hex(json!("{\"type\":\"Buffer\",\"data\":[1]}")),
            Some(vec![1])
        );
        assert_eq!(hex(json!("[1,2]")), Some(vec![1, 2]));
        assert_eq!(hex(json!([1, 256])), None);
        assert_eq!(hex(json!({"data": [1]})), None);
        let text = bytes(&json!("0aff"), Encoding::Text);
        assert_eq!(text, Some(b"0aff".to_vec()));
    }
}
