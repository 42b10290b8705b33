//! One listening port serves frames, WebSockets and plain HTTP: the first bytes tell.

use thiserror::Error;

/// The longest head of an HTTP request, in bytes.
pub const MAX_HTTP_HEAD: usize = 8 * 1024;

/// Bytes that are always enough for [`sniff`] to decide.
pub const SNIFF_BYTES: usize = 8;

/// What a connection's first bytes say that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sniffed {
    /// Frames with a length.
    Frame,
    /// An HTTP request, perhaps a WebSocket upgrade.
    Http,
    /// Nothing that this port serves.
    Unknown,
}

const METHODS: [&[u8]; 9] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"PATCH ",
    b"CONNECT ",
    b"TRACE ",
];

/// What the connection is whose first bytes are these; `None` if more are needed.
/// [`SNIFF_BYTES`] are always enough.
///
/// A frame of an allowed length is shorter than 2^24 bytes, so its first byte is 0; no HTTP
/// method starts with that.
#[must_use]
pub fn sniff(first: &[u8]) -> Option<Sniffed> {
    match first.first()? {
        0 => return Some(Sniffed::Frame),
        b'A'..=b'Z' => {}
        _ => return Some(Sniffed::Unknown),
    }
    if METHODS.iter().any(|method| first.starts_with(method)) {
        return Some(Sniffed::Http);
    }
    let possible = METHODS.iter().any(|method| method.starts_with(first));
    if possible {
        None
    } else {
        Some(Sniffed::Unknown)
    }
}

/// An HTTP request's head, as far as a port needs it that has to choose who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpHead {
    /// The method, in capitals.
    pub method: String,
    /// The target: a path with its query.
    pub target: String,
    /// Whether it asks to become a WebSocket.
    pub websocket: bool,
    /// Why it can't become the WebSocket that it asks to be.
    pub upgrade_error: Option<UpgradeError>,
    /// How many bytes the head has, with the empty line at its end.
    pub length: usize,
}

/// Why a request can't become a WebSocket (RFC 6455, section 4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpgradeError {
    /// Its `Sec-WebSocket-Version` is missing or another one than 13.
    Version,
    /// Its `Sec-WebSocket-Key` is missing, there twice, or not 16 bytes in base64.
    Key,
    /// It is HTTP/1.0, or its `Connection` doesn't list `upgrade`.
    Connection,
}

/// Whether a `Sec-WebSocket-Key` is 16 bytes in base64.
#[must_use]
pub fn is_websocket_key(key: &[u8]) -> bool {
    let Some((digits, b"==")) = key.split_last_chunk::<2>() else {
        return false;
    };
    let is_digit = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    // Four bits of the last digit are beyond the 16 bytes, and must be 0.
    let ends = matches!(digits.last(), Some(b'A' | b'Q' | b'g' | b'w'));
    digits.len() == 22 && digits.iter().all(is_digit) && ends
}

/// Why bytes are not an HTTP head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HttpHeadError {
    /// No end of the head within [`MAX_HTTP_HEAD`] bytes.
    #[error("the head of the request is longer than {MAX_HTTP_HEAD} bytes")]
    TooLarge,
    /// Not a request of HTTP/1.
    #[error("not an HTTP/1 request")]
    Malformed,
}

/// The head of the request that starts with `bytes`; `None` if its end has not come yet. The
/// bytes are only looked at, so that a real HTTP server can read them again.
///
/// # Errors
/// If the head is too long, or isn't one of HTTP/1.
pub fn http_head(bytes: &[u8]) -> Result<Option<HttpHead>, HttpHeadError> {
    let seen = &bytes[..bytes.len().min(MAX_HTTP_HEAD)];
    let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") else {
        if seen.len() == MAX_HTTP_HEAD {
            return Err(HttpHeadError::TooLarge);
        }
        return Ok(None);
    };
    let head = std::str::from_utf8(&seen[..end]).map_err(|_| HttpHeadError::Malformed)?;
    let mut lines = head.split("\r\n");
    let mut request = lines.next().unwrap_or_default().split(' ');
    let (method, target, version) = (request.next(), request.next(), request.next());
    let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) =
        (method, target, version, request.next())
    else {
        return Err(HttpHeadError::Malformed);
    };
    let (mut upgrade, mut connection, mut version_13) = (false, false, false);
    let mut keys: Vec<&str> = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(HttpHeadError::Malformed)?;
        let lists = |token: &str| {
            let mut tokens = value.split(',');
            tokens.any(|t| t.trim().eq_ignore_ascii_case(token))
        };
        match name.to_ascii_lowercase().as_str() {
            "upgrade" => upgrade |= lists("websocket"),
            "connection" => connection |= lists("upgrade"),
            "sec-websocket-key" => keys.push(value.trim()),
            "sec-websocket-version" => version_13 |= value.trim() == "13",
            _ => {}
        }
    }
    let asks = method == "GET" && upgrade;
    let upgrade_error = if !connection || version == Some("HTTP/1.0") {
        Some(UpgradeError::Connection)
    } else if !version_13 {
        Some(UpgradeError::Version)
    } else if !matches!(keys[..], [key] if is_websocket_key(key.as_bytes())) {
        Some(UpgradeError::Key)
    } else {
        None
    };
    Ok(Some(HttpHead {
        method: method.to_owned(),
        target: target.to_owned(),
        websocket: asks && upgrade_error.is_none(),
        upgrade_error: upgrade_error.filter(|_| asks),
        length: end + 4,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UPGRADE: &str = "GET /p2p?x=1 HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\n\
        Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nbody";

    #[test]
    fn the_first_bytes_tell_frames_and_requests_apart() {
        assert_eq!(sniff(b""), None);
        assert_eq!(sniff(&[0, 0, 1, 0]), Some(Sniffed::Frame));
        assert_eq!(sniff(&[0]), Some(Sniffed::Frame));
        assert_eq!(sniff(b"GE"), None);
        assert_eq!(sniff(b"GET "), Some(Sniffed::Http));
        assert_eq!(sniff(b"OPTIONS "), Some(Sniffed::Http));
        for other in [&b"\x16\x03\x01"[..], b"SSH-2.0", b"get ", b"{\"ty", b"GETX"] {
            assert_eq!(sniff(other), Some(Sniffed::Unknown), "{other:?}");
        }
    }

    #[test]
    fn a_websocket_upgrade_is_told_from_a_plain_request() {
        let head = http_head(UPGRADE.as_bytes()).unwrap().unwrap();
        assert!(head.websocket);
        assert_eq!(
            (head.target.as_str(), head.length),
            ("/p2p?x=1", UPGRADE.len() - 4)
        );
        let version = "Sec-WebSocket-Version: 13";
        let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        let cases = [
            ("\r\nUpgrade: WebSocket", "", None),
            (
                "keep-alive, Upgrade",
                "close",
                Some(UpgradeError::Connection),
            ),
            ("HTTP/1.1", "HTTP/1.0", Some(UpgradeError::Connection)),
            (version, "X: 1", Some(UpgradeError::Version)),
            (
                version,
                "Sec-WebSocket-Version: 8",
                Some(UpgradeError::Version),
            ),
            (key, "X: 1", Some(UpgradeError::Key)),
            (key, "Sec-WebSocket-Key: x", Some(UpgradeError::Key)),
            (
                key,
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: x",
                Some(UpgradeError::Key),
            ),
        ];
        for (what, instead, error) in cases {
            let text = UPGRADE.replace(what, instead);
            let head = http_head(text.as_bytes()).unwrap().unwrap();
            assert_eq!(
                (head.websocket, head.upgrade_error),
                (false, error),
                "{text}"
            );
        }
        for bad in [
            "",
            "==",
            "dGhlIHNhbXBsZSBub25jZR==",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBs!SBub25jZQ==",
        ] {
            assert!(!is_websocket_key(bad.as_bytes()), "{bad}");
        }
        let post = UPGRADE.replace("GET", "POST");
        assert!(!http_head(post.as_bytes()).unwrap().unwrap().websocket);
    }

    #[test]
    fn a_head_ends_within_its_bound_or_is_refused() {
        assert_eq!(http_head(&UPGRADE.as_bytes()[..60]), Ok(None));
        let long = format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(MAX_HTTP_HEAD));
        assert_eq!(http_head(long.as_bytes()), Err(HttpHeadError::TooLarge));
        for bad in [
            "\r\n\r\n",
            "GET / HTTP/2\r\n\r\n",
            "GET /\r\n\r\n",
            "GET / HTTP/1.1\r\nx\r\n\r\n",
        ] {
            assert_eq!(http_head(bad.as_bytes()), Err(HttpHeadError::Malformed));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_decided_within_the_sniffing_length(
            bytes in prop::collection::vec(any::<u8>(), SNIFF_BYTES..64),
        ) {
            prop_assert!(sniff(&bytes[..SNIFF_BYTES]).is_some());
            let _ = http_head(&bytes);
        }

        #[test]
        fn a_prefix_is_undecided_or_decided_as_the_whole(cut in 0usize..=8) {
            for method in METHODS {
                let prefix = &method[..cut.min(method.len())];
                prop_assert!(matches!(sniff(prefix), None | Some(Sniffed::Http)));
            }
        }
    }
}
