//! Reading single values from text. Each says what is allowed; none guesses.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use crate::types::{InvalidValue, PeerAddress, ends_in_number};

/// The most addresses in one list.
pub(super) const MAX_ADDRESSES: usize = 256;
/// The most HTTP addresses in one list.
pub(super) const MAX_URLS: usize = 8;

/// Errors get the setting's name where they leave the table.
fn refused(text: &str, allowed: impl Into<String>) -> InvalidValue {
    InvalidValue::new("", text, allowed)
}

/// A value that this module's own code wrote and that is therefore allowed.
pub(super) fn known<T: FromStr<Err = InvalidValue>>(text: &str) -> T {
    match text.parse() {
        Ok(value) => value,
        Err(error) => unreachable!("a default that is not allowed: {error}"),
    }
}

pub(super) fn boolean(text: &str) -> Result<bool, InvalidValue> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(refused(text, "true/false, 1/0, yes/no or on/off")),
    }
}

/// A whole number in decimal digits, in `range`.
pub(super) fn integer<T>(text: &str, range: RangeInclusive<T>) -> Result<T, InvalidValue>
where
    T: FromStr + PartialOrd + Display,
{
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let value = text.parse().ok().filter(|v| digits && range.contains(v));
    value.ok_or_else(|| {
        let (low, high) = range.into_inner();
        refused(text, format!("a whole number from {low} to {high}"))
    })
}

/// A decimal of type `T` that is more than zero.
pub(super) fn positive<T>(text: &str) -> Result<T, InvalidValue>
where
    T: FromStr<Err = InvalidValue> + Default + PartialEq,
{
    let allowed = "a decimal string greater than 0: \
                   at most 15 digits before the point and 8 after it, no sign";
    let value = text.parse().ok().filter(|value| *value != T::default());
    value.ok_or_else(|| refused(text, allowed))
}

/// One of `choices`, in any case.
pub(super) fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, InvalidValue> {
    let chosen = choices
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    chosen.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        refused(text, format!("one of {}", names.join(", ")))
    })
}

/// Peer addresses, separated by commas; spaces around them and a comma at the end do no harm.
pub(super) fn addresses(text: &str) -> Result<Vec<PeerAddress>, InvalidValue> {
    let parts = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let list: Vec<PeerAddress> = parts.map(str::parse).collect::<Result<_, _>>().map_err(
        |InvalidValue { value, allowed, .. }| {
            refused(&value, format!("{allowed}, separated by commas"))
        },
    )?;
    if list.len() > MAX_ADDRESSES {
        let given = format!("{} addresses", list.len());
        return Err(refused(
            &given,
            format!("at most {MAX_ADDRESSES} addresses"),
        ));
    }
    Ok(list)
}

/// An IP address (IPv6 with or without brackets) or a host name, to listen on.
pub(super) fn host(text: &str) -> Result<String, InvalidValue> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    if let Ok(v6) = bare.unwrap_or(text).parse::<Ipv6Addr>() {
        return Ok(v6.to_string());
    }
    if text.parse::<Ipv4Addr>().is_ok() {
        return Ok(text.to_owned());
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if !ends_in_number(text) && text.len() <= 253 && text.split('.').all(label) {
        return Ok(text.to_owned());
    }
    Err(refused(
        text,
        "an IP address or a host name without a port, like 0.0.0.0",
    ))
}

/// Bases of HTTP addresses, separated by commas; spaces around them and a comma at the end do no
/// harm.
pub(super) fn urls(text: &str) -> Result<Vec<String>, InvalidValue> {
    let parts = text.split(',').map(str::trim);
    let list: Vec<String> = parts
        .filter(|part| !part.is_empty())
        .map(url)
        .collect::<Result<_, _>>()?;
    if list.is_empty() || list.len() > MAX_URLS {
        return Err(refused(
            text,
            format!("1 to {MAX_URLS} addresses, separated by commas"),
        ));
    }
    Ok(list)
}

/// The base of an HTTP address, without credentials, query or fragment. Grapes speak no TLS.
fn url(text: &str) -> Result<String, InvalidValue> {
    let fits = || {
        let rest = text.strip_prefix("http://")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = path
            .bytes()
            .all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#'));
        // A bare IPv6 address ends in a bracket, and only a port may follow it.
        let (name, port) = match authority.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
            _ => (authority, None),
        };
        let port = port.is_none_or(|port| integer(port, 1..=u16::MAX).is_ok());
        (plain && port && host(name).is_ok() && (!name.contains(':') || name.starts_with('[')))
            .then(|| text.trim_end_matches('/').to_owned())
    };
    fits().ok_or_else(|| refused(text, "an http address like http://127.0.0.1:30001"))
}

/// An IP address and port to listen on; `localhost` stands for 127.0.0.1, and port 0 for a free
/// one.
pub(super) fn socket(text: &str) -> Result<SocketAddr, InvalidValue> {
    let local = text.strip_prefix("localhost:").and_then(|port| {
        let port = integer(port, 0..=u16::MAX).ok()?;
        Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    });
    local.or_else(|| text.parse().ok()).ok_or_else(|| {
        refused(
            text,
            "an IP address and a port, like 127.0.0.1:7000; port 0 takes a free one",
        )
    })
}

pub(super) fn path(text: &str) -> Result<PathBuf, InvalidValue> {
    if text.is_empty() || text.contains('\0') {
        return Err(refused(text, "a path that is not empty"));
    }
    Ok(PathBuf::from(text))
}
