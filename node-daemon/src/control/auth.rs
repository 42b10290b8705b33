//! Who may talk to the control address: whoever holds the token, and no web page.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Uri};
use subtle::ConstantTimeEq;

/// What a request must show.
pub(crate) struct Guard {
    /// Where the server listens.
    address: SocketAddr,
    token: String,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `Host` names something else: a page has rebound its name to this machine.
    Host,
    /// `Origin` is another site.
    Origin,
    /// No token, or not the right one.
    Token,
}

impl Guard {
    pub(crate) const fn new(address: SocketAddr, token: String) -> Self {
        Self { address, token }
    }

    /// Checks where the request thinks that it goes, where it comes from, and its token.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = single(headers, &HOST).ok_or(Refusal::Host)?;
        let absolute = uri.authority().is_none_or(|a| self.is_own(a.as_str()));
        if !self.is_own(host) || !absolute {
            return Err(Refusal::Host);
        }
        if headers.contains_key(ORIGIN) {
            let origin = single(headers, &ORIGIN).and_then(|o| o.strip_prefix("http://"));
            if !origin.is_some_and(|origin| self.is_own(origin)) {
                return Err(Refusal::Origin);
            }
        }
        let given = single(headers, &AUTHORIZATION)
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .ok_or(Refusal::Token)?;
        let same: bool = given.1.as_bytes().ct_eq(self.token.as_bytes()).into();
        if same { Ok(()) } else { Err(Refusal::Token) }
    }

    /// Whether `host` (with its port) is this server. A server on all addresses takes any IP
    /// address, which no foreign page can be named by; names other than `localhost` it takes
    /// never.
    fn is_own(&self, host: &str) -> bool {
        let own = self.address.ip();
        if let Ok(given) = host.parse::<SocketAddr>() {
            let fits = given.ip() == own || own.is_unspecified();
            return fits && given.port() == self.address.port();
        }
        let local = own.is_loopback() || own.is_unspecified();
        let split = host.rsplit_once(':').unwrap_or((host, "80"));
        let (name, port) = match host.parse::<IpAddr>() {
            Ok(ip) => return (ip == own || own.is_unspecified()) && self.address.port() == 80,
            Err(_) => split,
        };
        local && name.eq_ignore_ascii_case("localhost") && port == self.address.port().to_string()
    }
}

/// The value of a header that is there exactly once, as text.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, headers: &[(&'static str, &str)]) -> Result<(), Refusal> {
        check_uri(address, "/v1/orders", headers)
    }

    fn check_uri(
        address: &str,
        uri: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<(), Refusal> {
        let guard = Guard::new(address.parse().unwrap(), "secret".to_owned());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        guard.check(&uri.parse().unwrap(), &map)
    }

    const ADDRESS: &str = "127.0.0.1:7000";
    const TOKEN: (&str, &str) = ("authorization", "Bearer secret");

    #[test]
    fn without_the_token_nothing_is_allowed() {
        let host = ("host", ADDRESS);
        assert_eq!(check(ADDRESS, &[host, TOKEN]), Ok(()));
        assert_eq!(
            check(ADDRESS, &[host, ("authorization", "bearer secret")]),
            Ok(())
        );
        for wrong in [
            "Bearer Secret",
            "Bearer secre",
            "Bearer ",
            "Bearer",
            "secret",
            "Basic secret",
            "Bearer secret2",
        ] {
            let given = [host, ("authorization", wrong)];
            assert_eq!(check(ADDRESS, &given), Err(Refusal::Token), "{wrong}");
        }
        assert_eq!(check(ADDRESS, &[host]), Err(Refusal::Token));
        assert_eq!(check(ADDRESS, &[host, TOKEN, TOKEN]), Err(Refusal::Token));
    }

    #[test]
    fn a_foreign_host_is_refused_even_with_the_token() {
        for good in [ADDRESS, "localhost:7000", "LOCALHOST:7000"] {
            assert_eq!(check(ADDRESS, &[("host", good), TOKEN]), Ok(()), "{good}");
        }
        for bad in [
            "evil.example:7000",
            "127.0.0.1",
            "localhost",
            "127.0.0.1:7001",
            "127.0.0.2:7000",
            "localhost.evil.example:7000",
            "",
        ] {
            assert_eq!(
                check(ADDRESS, &[("host", bad), TOKEN]),
                Err(Refusal::Host),
                "{bad}"
            );
        }
        assert_eq!(check(ADDRESS, &[TOKEN]), Err(Refusal::Host));
        let twice = [("host", ADDRESS), ("host", "evil.example"), TOKEN];
        assert_eq!(check(ADDRESS, &twice), Err(Refusal::Host));
        let absolute = check_uri(
            ADDRESS,
            "http://evil.example/v1",
            &[("host", ADDRESS), TOKEN],
        );
        assert_eq!(absolute, Err(Refusal::Host));
    }

    #[test]
    fn a_foreign_origin_is_refused_even_with_the_token() {
        let with = |origin| check(ADDRESS, &[("host", ADDRESS), ("origin", origin), TOKEN]);
        for good in ["http://127.0.0.1:7000", "http://localhost:7000"] {
            assert_eq!(with(good), Ok(()), "{good}");
        }
        for bad in [
            "null",
            "http://evil.example",
            "https://127.0.0.1:7000",
            "http://127.0.0.1:8000",
            "file://",
            "",
        ] {
            assert_eq!(with(bad), Err(Refusal::Origin), "{bad}");
        }
    }

    #[test]
    fn a_server_on_all_addresses_takes_addresses_but_no_foreign_names() {
        let with = |host| check("0.0.0.0:7000", &[("host", host), TOKEN]);
        for good in ["10.0.0.7:7000", "localhost:7000", "[::1]:7000"] {
            assert_eq!(with(good), Ok(()), "{good}");
        }
        assert_eq!(with("node.example:7000"), Err(Refusal::Host));
        let only = |host| check("10.0.0.7:7000", &[("host", host), TOKEN]);
        assert_eq!(only("10.0.0.7:7000"), Ok(()));
        assert_eq!(only("localhost:7000"), Err(Refusal::Host));
    }
}
