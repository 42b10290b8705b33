//! Where a peer can be dialed.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::InvalidValue;

/// The longest name of a host in the DNS.
const MAX_NAME: usize = 253;
/// The longest label of such a name.
const MAX_LABEL: usize = 63;
/// The longest zone of a link-local address. Linux allows 15 characters for an interface's name;
/// some systems have longer ones.
const MAX_ZONE: usize = 32;

const SYNTAX: &str = "host:port with a port from 1 to 65535, like 192.168.1.100:3000";
const NOT_IPV4: &str = "host:port, where a host that ends in a number is an IPv4 address of four \
                        decimal numbers from 0 to 255 without leading zeros";
const NOT_ONE_HOST: &str = "host:port, where the host is one that can be dialed: not 0.0.0.0, [::], \
                            multicast or broadcast";
const NO_ZONE: &str = "host:port, where a link-local IPv6 address names its interface, like \
                       [fe80::1%eth0]:3000";
const NEEDLESS_ZONE: &str =
    "host:port, where only a link-local IPv6 address names an interface, like [fe80::1%eth0]:3000";

/// Where a peer can be dialed: a host name or the IP address of one host, and a port. A link-local
/// IPv6 address has a zone, the interface that it is reached through, which means something on
/// this machine only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerAddress {
    host: Arc<str>,
    port: u16,
}

impl PeerAddress {
    /// The host name, or the IP address without brackets and with its zone.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, never 0.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The same host at another port; `None` for port 0, which nobody listens on.
    #[must_use]
    pub fn at_port(&self, port: u16) -> Option<Self> {
        let host = self.host.clone();
        (port != 0).then_some(Self { host, port })
    }

    /// The IP address without its zone, if the host is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        let (ip, _) = split_zone(&self.host);
        ip.parse().ok()
    }

    /// The interface of a link-local IPv6 address: its name, or its number in decimal digits.
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        split_zone(&self.host).1
    }

    /// Whether the address means something on one link only (RFC 3927, RFC 4291): no other host
    /// may be told of it.
    #[must_use]
    pub fn is_link_local(&self) -> bool {
        match self.ip() {
            Some(IpAddr::V4(ip)) => ip.is_link_local(),
            Some(IpAddr::V6(ip)) => ip.is_unicast_link_local(),
            None => false,
        }
    }

    /// The address as a URI or the header `Host` has it: without the zone, which concerns this
    /// machine alone.
    #[must_use]
    pub fn authority(&self) -> String {
        let (host, _) = split_zone(&self.host);
        if host.contains(':') {
            format!("[{host}]:{}", self.port)
        } else {
            format!("{host}:{}", self.port)
        }
    }

    /// The address of a peer that somebody names, checked as a text would be: `None` for one that
    /// no single host can have, for port 0, and for a link-local IPv6 address without a zone.
    #[must_use]
    pub fn of_peer(address: SocketAddr) -> Option<Self> {
        let address = Self::from(address);
        let zone = address.zone().is_some();
        let fits = address.port != 0 && address.ip().is_some_and(|ip| check_ip(ip, zone).is_ok());
        fits.then_some(address)
    }
}

impl FromStr for PeerAddress {
    type Err = InvalidValue;

    /// Reads `host:port`, with an IPv6 address in brackets. There is one spelling of each port
    /// and each IPv4 address; what systems read as an IPv4 address in other ways (`127.1`,
    /// `2130706433`, `0x7f.1`) is refused and not taken for a name.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let refused = |allowed| InvalidValue::new("peer address", text, allowed);
        let (host, port) = text.rsplit_once(':').ok_or_else(|| refused(SYNTAX))?;
        let port = read_port(port).ok_or_else(|| refused(SYNTAX))?;
        let host = read_host(host).map_err(refused)?.into();
        Ok(Self { host, port })
    }
}

fn read_port(text: &str) -> Option<u16> {
    // Numbers are read with a sign and with zeros in front, too.
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain)
}

/// The host in the spelling in which it is kept, or what is allowed.
fn read_host(host: &str) -> Result<String, &'static str> {
    let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    if let Some(inner) = inner {
        let (ip, zone) = split_zone(inner);
        let ip: Ipv6Addr = ip.parse().map_err(|_| SYNTAX)?;
        if zone.is_some_and(|zone| !is_zone(zone)) {
            return Err(SYNTAX);
        }
        let ip = IpAddr::V6(ip).to_canonical();
        check_ip(ip, zone.is_some())?;
        return Ok(with_zone(ip, zone));
    }
    // The last label decides, as it does for browsers: no top-level domain is a number.
    if ends_in_number(host) {
        let ip: Ipv4Addr = host.parse().map_err(|_| NOT_IPV4)?;
        check_ip(ip.into(), false)?;
        return Ok(ip.to_string());
    }
    if is_name(host) {
        Ok(host.to_ascii_lowercase())
    } else {
        Err(SYNTAX)
    }
}

/// Whether one host can be dialed there.
fn check_ip(ip: IpAddr, zone: bool) -> Result<(), &'static str> {
    if ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err(NOT_ONE_HOST);
    }
    let needs_zone = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    match (needs_zone, zone) {
        (true, false) => Err(NO_ZONE),
        (false, true) => Err(NEEDLESS_ZONE),
        _ => Ok(()),
    }
}

/// Whether the last label of a name is a number, decimal or hexadecimal: such a name is an IPv4
/// address or a mistake.
pub(crate) fn ends_in_number(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or(name);
    let decimal = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    let digits = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    decimal || digits.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    // The dot at the end of an absolute name belongs to no label.
    let labels = name.strip_suffix('.').unwrap_or(name);
    name.len() <= MAX_NAME && labels.split('.').all(label)
}

fn is_zone(zone: &str) -> bool {
    (1..=MAX_ZONE).contains(&zone.len())
        && zone != "0"
        && zone
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'@'))
}

/// The parts before and behind the `%` of an address.
fn split_zone(host: &str) -> (&str, Option<&str>) {
    match host.split_once('%') {
        Some((ip, zone)) => (ip, Some(zone)),
        None => (host, None),
    }
}

fn with_zone(ip: IpAddr, zone: Option<&str>) -> String {
    match zone {
        Some(zone) => format!("{ip}%{zone}"),
        None => ip.to_string(),
    }
}

impl From<SocketAddr> for PeerAddress {
    /// The address of a socket. IPv4 addresses that came mapped into IPv6 are shown as what they
    /// are. For an address that others name, see [`PeerAddress::of_peer`].
    fn from(address: SocketAddr) -> Self {
        let ip = address.ip().to_canonical();
        let zone = match address {
            SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() != 0 => {
                Some(v6.scope_id().to_string())
            }
            _ => None,
        };
        Self {
            host: with_zone(ip, zone.as_deref()).into(),
            port: address.port(),
        }
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Serialize for PeerAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PeerAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV6;

    use super::*;

    #[test]
    fn a_peer_address_is_host_and_port() {
        for good in [
            "127.0.0.1:3000",
            "[::1]:3000",
            "node-1.example.org:65535",
            "absolute.example.org.:1",
            "a_b:1",
            "localhost:3000",
            "1a:1",
            "3com.com:1",
            "169.254.1.1:3000",
            "[fe80::1%eth0]:3000",
            "[fe80::1%2]:3000",
        ] {
            assert_eq!(good.parse::<PeerAddress>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "3000",
            "host",
            "host:0",
            "host:65536",
            ":3000",
            "::1:3000",
            "a b:1",
            " host:1",
            "host:1 ",
            "host:",
            "host:+3000",
            "127.0.0.1:+3000",
            "127.0.0.1:03000",
            "127.0.0.1:-1",
            "127.0.0.1: 3000",
            "[127.0.0.1]:3000",
            "[::1:3000",
            "a..b:1",
            ".a:1",
            "-a:1",
            "a-:1",
            "hö:1",
        ] {
            let error = bad.parse::<PeerAddress>().unwrap_err();
            assert_eq!((error.value.as_str(), &*error.allowed), (bad, SYNTAX));
        }
        let long = format!("{}:1", "a".repeat(MAX_LABEL + 1));
        assert!(long.parse::<PeerAddress>().is_err());
    }

    #[test]
    fn host_that_ends_in_a_number_is_an_ipv4_address() {
        for bad in [
            "999.1.1.1:3000",
            "256.0.0.1:3000",
            "127.1:3000",
            "2130706433:3000",
            "0x7f.1:3000",
            "0x7f000001:3000",
            "0X7F.0.0.0x1:3000",
            "127.0.0.0x:3000",
            "0177.0.0.1:3000",
            "127.0.0.01:3000",
            "127.0.0.1.:3000",
            "1.2.3.4.5:3000",
            "0:3000",
            "example.1:3000",
        ] {
            let error = bad.parse::<PeerAddress>().unwrap_err();
            assert_eq!(error.allowed, NOT_IPV4, "{bad}");
        }
    }

    #[test]
    fn address_of_no_single_host_is_refused() {
        for bad in [
            "0.0.0.0:3000",
            "[::]:3000",
            "[::ffff:0.0.0.0]:3000",
            "224.0.0.1:3000",
            "239.255.255.255:3000",
            "255.255.255.255:3000",
            "[::ffff:255.255.255.255]:3000",
            "[ff02::1]:3000",
            "[ff02::1%eth0]:3000",
        ] {
            let error = bad.parse::<PeerAddress>().unwrap_err();
            assert_eq!(error.allowed, NOT_ONE_HOST, "{bad}");
        }
    }

    #[test]
    fn zone_belongs_to_link_local_addresses() {
        let address: PeerAddress = "[FE80:0::1%eth0]:3000".parse().unwrap();
        assert_eq!(address.to_string(), "[fe80::1%eth0]:3000");
        assert_eq!(address.ip(), Some("fe80::1".parse().unwrap()));
        assert_eq!(address.zone(), Some("eth0"));
        assert!(address.is_link_local());
        let at = address.at_port(4000).unwrap();
        assert_eq!(at.to_string(), "[fe80::1%eth0]:4000");
        assert_eq!(at.authority(), "[fe80::1]:4000");
        for (bad, allowed) in [
            ("[fe80::1]:3000", NO_ZONE),
            ("[2001:db8::1%eth0]:3000", NEEDLESS_ZONE),
            ("[::1%lo]:3000", NEEDLESS_ZONE),
            ("[::ffff:10.0.0.1%eth0]:3000", NEEDLESS_ZONE),
            ("[fe80::1%]:3000", SYNTAX),
            ("[fe80::1%0]:3000", SYNTAX),
            ("[fe80::1%a%b]:3000", SYNTAX),
            ("[fe80::1%a b]:3000", SYNTAX),
            ("[fe80::1%a/b]:3000", SYNTAX),
            ("10.0.0.1%eth0:3000", SYNTAX),
            ("host%eth0:3000", SYNTAX),
        ] {
            let error = bad.parse::<PeerAddress>().unwrap_err();
            assert_eq!(error.allowed, allowed, "{bad}");
        }
    }

    #[test]
    fn socket_address_keeps_its_zone_and_is_read_back() {
        let scoped = SocketAddrV6::new("fe80::7".parse().unwrap(), 3000, 0, 4);
        let address = PeerAddress::of_peer(scoped.into()).unwrap();
        assert_eq!(address.to_string(), "[fe80::7%4]:3000");
        assert_eq!(address.to_string().parse(), Ok(address));
        let global = SocketAddrV6::new("2001:db8::7".parse().unwrap(), 3000, 0, 4);
        let address = PeerAddress::of_peer(global.into()).unwrap();
        assert_eq!(address.to_string(), "[2001:db8::7]:3000");
        for none in [
            "[fe80::7]:3000",
            "0.0.0.0:3000",
            "[::]:3000",
            "255.255.255.255:1",
            "224.0.0.1:1",
            "10.0.0.1:0",
        ] {
            let address = none.parse().unwrap();
            assert_eq!(PeerAddress::of_peer(address), None, "{none}");
        }
    }

    #[test]
    fn a_mapped_address_is_shown_as_ipv4() {
        let mapped: SocketAddr = "[::ffff:10.0.0.1]:3000".parse().unwrap();
        assert_eq!(PeerAddress::from(mapped).to_string(), "10.0.0.1:3000");
        let read: PeerAddress = "[::ffff:10.0.0.1]:3000".parse().unwrap();
        assert_eq!(read.to_string(), "10.0.0.1:3000");
    }
}
