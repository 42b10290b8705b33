//! Telling from its first bytes what somebody speaks who came to the one port.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// How long a newcomer may take to show what it speaks, a whole HTTP head included.
pub const SNIFF_TIME: Duration = Duration::from_secs(5);
/// The longest HTTP head that is read.
pub const MAX_HTTP_HEAD: usize = 8 * 1024;

const METHODS: [&[u8]; 9] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"PATCH ",
    b"CONNECT ",
    b"TRACE ",
];
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// What a newcomer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    /// Length-prefixed frames.
    Frames,
    /// An HTTP request for a WebSocket at the path `/`.
    WebSocket,
    /// Another HTTP request, read to the end of its head.
    Http,
    /// Nothing that is spoken here.
    Unknown,
    /// An HTTP head that doesn't end.
    HeadTooLong,
}

/// What `bytes`, the first of a connection, mean; `None` while they may mean several things.
fn judge(bytes: &[u8]) -> Option<Speech> {
    match bytes.first()? {
        // A frame's length is below 2^24, so its first byte is 0.
        0 => return Some(Speech::Frames),
        first if !first.is_ascii_uppercase() => return Some(Speech::Unknown),
        _ => {}
    }
    let begins = |method: &[u8]| {
        let shared = method.len().min(bytes.len());
        method[..shared] == bytes[..shared]
    };
    if !METHODS.iter().any(|method| begins(method)) {
        return Some(Speech::Unknown);
    }
    let end = bytes
        .windows(END_OF_HEAD.len())
        .position(|w| w == END_OF_HEAD);
    match end {
        Some(end) if end <= MAX_HTTP_HEAD && wants_websocket(&bytes[..end]) => {
            Some(Speech::WebSocket)
        }
        Some(end) if end <= MAX_HTTP_HEAD => Some(Speech::Http),
        None if bytes.len() < MAX_HTTP_HEAD => None,
        _ => Some(Speech::HeadTooLong),
    }
}

/// Whether the head asks for a WebSocket at `/`. Other paths belong to whoever serves HTTP.
fn wants_websocket(head: &[u8]) -> bool {
    let mut lines = head.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    let path = lines
        .next()
        .and_then(|line| line.split(|b| *b == b' ').nth(1));
    let root = path.is_some_and(|path| path == b"/" || path.starts_with(b"/?"));
    root && lines.any(|line| {
        let mut parts = line.splitn(2, |b| *b == b':').map(<[u8]>::trim_ascii);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(b"upgrade"));
        named
            && parts
                .next()
                .is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"))
    })
}

/// Reads until it is clear what is spoken, and gives what was read along with it. Give it a time
/// limit.
pub(super) async fn sniff(io: &mut (impl AsyncRead + Unpin)) -> io::Result<(Speech, Bytes)> {
    let mut head = BytesMut::with_capacity(1024);
    loop {
        if io.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(speech) = judge(&head) {
            return Ok((speech, head.freeze()));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(path: &str, headers: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: here\r\n{headers}\r\n")
    }

    #[test]
    fn frames_websockets_and_requests_are_told_apart() {
        let upgrade = "Connection: keep-alive, Upgrade\r\nuPGRADE:  WebSocket \r\n";
        let cases = [
            (request("/", upgrade), Speech::WebSocket),
            (request("/?x=1", upgrade), Speech::WebSocket),
            (request("/api/events", upgrade), Speech::Http),
            (request("/", "X-Upgrade: websocket\r\n"), Speech::Http),
            (request("/", ""), Speech::Http),
            ("OPTIONS * HTTP/1.1\r\n\r\n".to_owned(), Speech::Http),
            ("\0\0\0\u{5}hello".to_owned(), Speech::Frames),
            ("{\"type\":\"handshake\"}".to_owned(), Speech::Unknown),
            ("GETAWAY".to_owned(), Speech::Unknown),
            ("SSH-2.0-OpenSSH".to_owned(), Speech::Unknown),
            ("\u{16}\u{3}\u{1}".to_owned(), Speech::Unknown),
            (request("/", &"a: b\r\n".repeat(2000)), Speech::HeadTooLong),
        ];
        for (bytes, speech) in cases {
            assert_eq!(judge(bytes.as_bytes()), Some(speech), "{bytes:.60}");
        }
    }

    proptest! {
        #[test]
        fn the_pieces_in_which_bytes_come_change_nothing(
            text in prop_oneof![
                Just(request("/", "Upgrade: websocket\r\n")),
                Just(request("/index.html", "")),
                "[A-Z]{1,8} /[a-z]{0,5}",
                ".{1,40}",
            ],
        ) {
            let whole = judge(text.as_bytes());
            let first = (1..=text.len()).find_map(|cut| judge(&text.as_bytes()[..cut]));
            prop_assert_eq!(whole, first);
        }
    }
}
