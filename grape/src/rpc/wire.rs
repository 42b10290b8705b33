//! The JSON of requests and answers.

use serde_json::Value;
use serde_json::value::RawValue;

use super::server::RpcAnswer;

/// A request as it came in. The id is any JSON, which the answer repeats.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: Box<RawValue>,
    pub(super) key: String,
    pub(super) payload: Box<RawValue>,
}

/// Reads a request. What the header `_gr` of a stream says of id and key counts before what the
/// body says.
pub(super) fn read_call(body: &[u8], header: Option<&[u8]>) -> Option<Call> {
    let parts = list(body)?;
    let header = header.and_then(list).unwrap_or_default();
    let part = |index: usize| {
        let named = header.get(index).filter(|part| is_truthy(part.get()));
        named.or_else(|| parts.get(index)).copied()
    };
    let key = serde_json::from_str(part(1)?.get()).ok()?;
    Some(Call {
        id: part(0)?.to_owned(),
        key,
        payload: parts
            .get(2)
            .map_or_else(null, |payload| (*payload).to_owned()),
    })
}

/// The answer to a request.
pub(super) fn write_answer(id: &RawValue, answer: &RpcAnswer) -> String {
    match answer {
        Ok(result) => format!("[{id},null,{result}]"),
        Err(error) => format!("[{id},{},null]", Value::String(error.clone())),
    }
}

/// A request.
pub(super) fn write_call(id: &str, key: &str, payload: &RawValue) -> String {
    let [id, key] = [id, key].map(|text| Value::String(text.to_owned()));
    format!("[{id},{key},{payload}]")
}

/// Reads the answer to the request of this id.
pub(super) fn read_answer(body: &[u8], id: &str) -> Option<RpcAnswer> {
    let parts = list(body)?;
    let answered: String = serde_json::from_str(parts.first()?.get()).ok()?;
    if answered != id {
        return None;
    }
    match parts.get(1) {
        Some(error) if is_truthy(error.get()) => {
            let text = serde_json::from_str(error.get());
            Some(Err(text.unwrap_or_else(|_| error.get().to_owned())))
        }
        _ => Some(Ok(parts
            .get(2)
            .map_or_else(null, |result| (*result).to_owned()))),
    }
}

/// The elements of a list, unread.
pub(super) fn list(text: &[u8]) -> Option<Vec<&RawValue>> {
    serde_json::from_slice(text).ok()
}

fn is_truthy(json: &str) -> bool {
    !matches!(json, "null" | "false" | "0" | "\"\"")
}

fn null() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::{RawValue, to_raw_value};

    use super::{read_answer, read_call, write_answer, write_call};

    #[test]
    fn a_stream_names_its_key_in_a_header() {
        let call = read_call(b"[null,null,{\"a\":1}]", Some(b"[\"id\",\"key\"]")).unwrap();
        assert_eq!(call.id.get(), "\"id\"");
        assert_eq!(call.key, "key");
        assert_eq!(call.payload.get(), "{\"a\":1}");
    }

    #[test]
    fn what_is_no_call_is_none() {
        for body in [
            "",
            "null",
            "{}",
            "[]",
            "[1]",
            "[1,2,3]",
            "[\"a\",\"b\"",
            "[1,null,2]",
        ] {
            assert!(read_call(body.as_bytes(), None).is_none(), "{body}");
        }
        assert_eq!(
            read_call(b"[1,\"key\"]", None).unwrap().payload.get(),
            "null"
        );
    }

    #[test]
    fn an_answer_to_something_else_is_none() {
        assert!(read_answer(b"[\"b\",null,1]", "a").is_none());
        assert!(read_answer(b"[null,null,1]", "a").is_none());
        assert!(matches!(read_answer(b"[\"a\"]", "a"), Some(Ok(_))));
        let failed = read_answer(b"[\"a\",{\"x\":1},1]", "a");
        assert_eq!(failed.unwrap().unwrap_err(), "{\"x\":1}");
    }

    proptest! {
        #[test]
        fn calls_and_answers_are_read_as_written(
            id in any::<String>(), key in any::<String>(), text in any::<String>(), fails: bool
        ) {
            let payload = to_raw_value(&text).unwrap();
            let call = read_call(write_call(&id, &key, &payload).as_bytes(), None).unwrap();
            prop_assert_eq!(call.payload.get(), payload.get());
            prop_assert_eq!(call.key, key);
            let answer = if fails { Err(format!("x{text}")) } else { Ok(payload) };
            let told = write_answer(&call.id, &answer);
            let read = read_answer(told.as_bytes(), &id).unwrap();
            let read = read.as_deref().map(RawValue::get);
            prop_assert_eq!(read, answer.as_deref().map(RawValue::get));
        }

        #[test]
        fn no_bytes_do_harm(bytes in any::<Vec<u8>>()) {
            let _ = read_call(&bytes, Some(&bytes));
            let _ = read_answer(&bytes, "");
        }
    }
}
