//! Which IP addresses are likely to be one party's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The part of an address that one host has at least: all of an IPv4 address, an IPv6 /64.
pub(crate) fn host(ip: IpAddr) -> IpAddr {
    masked(ip, 32, 64)
}

/// The part of an address that one party is given at least: an IPv4 /24, an IPv6 /48.
pub(crate) fn subnet(ip: IpAddr) -> IpAddr {
    masked(ip, 24, 48)
}

/// An IPv4 address that came mapped into IPv6 is what it is.
fn masked(ip: IpAddr, v4: u32, v6: u32) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - v4).unwrap_or(0);
            Ipv4Addr::from_bits(ip.to_bits() & mask).into()
        }
        IpAddr::V6(ip) if ip.is_loopback() => ip.into(),
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - v6).unwrap_or(0);
            Ipv6Addr::from_bits(ip.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_grouped_as_they_are_given_out() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let cases = [
            ("203.0.113.77", "203.0.113.77", "203.0.113.0"),
            ("::ffff:10.1.2.3", "10.1.2.3", "10.1.2.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", "2001:db8:1::"),
            ("::1", "::1", "::1"),
        ];
        for (address, of_host, of_subnet) in cases {
            let address = ip(address);
            assert_eq!(host(address), ip(of_host));
            assert_eq!(subnet(address), ip(of_subnet));
        }
    }
}
