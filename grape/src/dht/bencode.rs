//! Bencode from strangers.

use bt_bencode::value::Number;

pub(crate) use bt_bencode::Value;

/// The deepest nesting that is read. What Grapes send has three levels around a value.
const MAX_DEPTH: usize = 16;

/// Reads one whole value, or `None` where it is none.
///
/// The parser trusts the length of a string as it stands (one near `usize::MAX` makes it panic)
/// and recurses as deep as the text nests, so both are looked at before.
pub(super) fn decode(bytes: &[u8]) -> Option<Value> {
    looks_sane(bytes).then(|| bt_bencode::from_slice(bytes).ok())?
}

/// The canonical text: keys in order.
pub(super) fn encode(value: &Value) -> Vec<u8> {
    // A `Value` has no kind that can't be written, and a `Vec` takes everything.
    bt_bencode::to_vec(value).unwrap_or_default()
}

/// A byte string.
pub(super) fn bytes(bytes: &[u8]) -> Value {
    Value::ByteStr(bytes.into())
}

/// An integer.
pub(super) fn integer(number: i64) -> Value {
    Value::Int(Number::Signed(number))
}

/// A dictionary.
pub(super) fn dict<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let entries = entries.into_iter();
    Value::Dict(entries.map(|(key, value)| (key.into(), value)).collect())
}

/// Puts an entry into a dictionary.
pub(super) fn insert(dict: &mut Value, key: &str, value: Value) {
    if let Value::Dict(entries) = dict {
        entries.insert(key.into(), value);
    }
}

/// An entry of a dictionary.
pub(super) fn get<'a>(dict: &'a Value, key: &str) -> Option<&'a Value> {
    match dict {
        Value::Dict(entries) => entries.get(key.as_bytes()),
        _ => None,
    }
}

/// An entry that is a byte string.
pub(super) fn get_bytes<'a>(dict: &'a Value, key: &str) -> Option<&'a [u8]> {
    get(dict, key)?.as_byte_str().map(|bytes| bytes.as_slice())
}

/// An entry that is an integer.
pub(super) fn get_integer(dict: &Value, key: &str) -> Option<i64> {
    match get(dict, key)? {
        Value::Int(Number::Signed(number)) => Some(*number),
        Value::Int(Number::Unsigned(number)) => i64::try_from(*number).ok(),
        _ => None,
    }
}

/// What JavaScript's `toString` makes of a value, which is what a Grape's API tells.
pub(crate) fn to_text(value: &Value) -> String {
    match value {
        Value::ByteStr(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Int(number) => number.to_string(),
        Value::List(values) => {
            let texts: Vec<String> = values.iter().map(to_text).collect();
            texts.join(",")
        }
        Value::Dict(_) => "[object Object]".to_owned(),
    }
}

/// Whether every string lies within the text and nothing nests too deep. The rest is the
/// parser's to judge.
fn looks_sane(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut depth = 0_usize;
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            b'd' | b'l' => {
                depth += 1;
                after
            }
            b'e' => {
                let Some(outer) = depth.checked_sub(1) else {
                    return false;
                };
                depth = outer;
                after
            }
            b'i' => match after.iter().position(|byte| *byte == b'e') {
                Some(end) => &after[end + 1..],
                None => return false,
            },
            _ => match after_string(rest) {
                Some(after) => after,
                None => return false,
            },
        };
        if depth > MAX_DEPTH {
            return false;
        }
    }
    depth == 0
}

fn after_string(text: &[u8]) -> Option<&[u8]> {
    let colon = text.iter().position(|byte| *byte == b':')?;
    let digits = std::str::from_utf8(&text[..colon]).ok()?;
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let length: usize = digits.parse().ok()?;
    text[colon + 1..].get(length..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{MAX_DEPTH, Value, bytes, decode, dict, encode, get_integer, integer, to_text};

    #[test]
    fn a_length_that_no_text_has_is_refused() {
        for text in [
            "18446744073709551615:",
            "18446744073709551610:abc",
            "99999999999999999999:a",
            "4:abc",
            "d18446744073709551615:",
            "+1:a",
            ":",
        ] {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn nesting_ends_somewhere() {
        let nested = |depth| [vec![b'l'; depth], vec![b'e'; depth]].concat();
        assert!(decode(&nested(MAX_DEPTH)).is_some());
        assert_eq!(decode(&nested(MAX_DEPTH + 1)), None);
        assert_eq!(decode(&nested(100_000)), None);
        assert_eq!(decode(&vec![b'l'; 100_000]), None);
    }

    #[test]
    fn values_are_told_as_javascript_tells_them() {
        let list = Value::List(vec![bytes(b"a"), integer(-1), dict([])]);
        assert_eq!(to_text(&list), "a,-1,[object Object]");
    }

    #[test]
    fn integers_beyond_what_we_use_are_no_integers() {
        let read = decode(b"d1:ai18446744073709551615e1:bi-5ee").unwrap();
        assert_eq!(get_integer(&read, "a"), None);
        assert_eq!(get_integer(&read, "b"), Some(-5));
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(|number| match u64::try_from(number) {
                Ok(number) => Value::Int(number.into()),
                Err(_) => integer(number.max(-i64::MAX)),
            }),
            any::<Vec<u8>>().prop_map(|text| bytes(&text)),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            let key = any::<Vec<u8>>().prop_map(bt_bencode::ByteString::from);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
                prop::collection::btree_map(key, inner, 0..6).prop_map(Value::Dict),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value in value()) {
            prop_assert_eq!(decode(&encode(&value)), Some(value));
        }

        #[test]
        fn no_bytes_do_harm(bytes in any::<Vec<u8>>()) {
            let _ = decode(&bytes);
        }

        #[test]
        fn no_text_of_its_alphabet_does_harm(text in "[dlie0-9:a-]{0,64}") {
            let _ = decode(text.as_bytes());
        }
    }
}
