//! Telling from its first bytes what somebody speaks who came to the one port.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::protocol::{self, HttpHeadError, Sniffed, UpgradeError, http_head};

/// How long a newcomer may take to show what it speaks, a whole HTTP head included.
pub const SNIFF_TIME: Duration = Duration::from_secs(5);
/// What a newcomer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    /// Length-prefixed frames.
    Frames,
    /// An HTTP request for a WebSocket at the path `/`.
    WebSocket,
    /// A request at the path `/` that can't become the WebSocket that it asks to be.
    BadUpgrade(UpgradeError),
    /// Another HTTP request, read to the end of its head.
    Http,
    /// Nothing that is spoken here.
    Unknown,
    /// An HTTP head that doesn't end.
    HeadTooLong,
}

/// What `bytes`, the first of a connection, mean; `None` while they may mean several things. Paths
/// besides `/` belong to whoever serves HTTP, WebSockets included.
fn judge(bytes: &[u8]) -> Option<Speech> {
    match protocol::sniff(bytes)? {
        Sniffed::Frame => return Some(Speech::Frames),
        Sniffed::Unknown => return Some(Speech::Unknown),
        Sniffed::Http => {}
    }
    Some(match http_head(bytes) {
        Ok(head) => {
            let head = head?;
            let root = head.target.split('?').next() == Some("/");
            match head.upgrade_error {
                Some(error) if root => Speech::BadUpgrade(error),
                None if head.websocket && root => Speech::WebSocket,
                _ => Speech::Http,
            }
        }
        Err(HttpHeadError::TooLarge) => Speech::HeadTooLong,
        Err(_) => Speech::Unknown,
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
        let upgrade = "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\
                       Sec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let old = upgrade.replace("13", "8");
        let cases = [
            (request("/", upgrade), Speech::WebSocket),
            (request("/?x=1", upgrade), Speech::WebSocket),
            (request("/api/events", upgrade), Speech::Http),
            (
                request("/", &old),
                Speech::BadUpgrade(UpgradeError::Version),
            ),
            (request("/api/events", &old), Speech::Http),
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
                Just(request("/", "Upgrade: websocket\r\nConnection: upgrade\r\n\
                              Sec-WebSocket-Key: x\r\n")),
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
