//! An order of a module's functions in which those that are alike stand together, so that it packs better.
//!
//! `gzip` finds what repeats within 32 kB, and the copies of generic functions lie further apart.

use std::collections::{HashMap, HashSet};

/// Bytes in a row by which functions are compared: two or three instructions.
const WINDOW: usize = 5;
/// What more functions than this have in common says nothing about two of them.
const COMMON: usize = 400;

/// The module, its functions named by the places that they should have: for
/// `wasm-opt --reorder-functions-by-name`. Nothing if it isn't a module.
pub(crate) fn named_by_place(module: &[u8]) -> Option<Vec<u8>> {
    let Functions { imported, bodies } = functions(module)?;
    let mut names = Vec::new();
    for (place, function) in order(&bodies).into_iter().enumerate() {
        names.push((imported + function, format!("{place:05}")));
    }
    names.sort_unstable();
    let mut list = Vec::new();
    write(names.len(), &mut list);
    for (index, name) in names {
        write(index, &mut list);
        write(name.len(), &mut list);
        list.extend(name.bytes());
    }
    let mut section = b"\x04name\x01".to_vec();
    write(list.len(), &mut section);
    section.extend(list);
    // Of a custom section.
    let mut named = module.to_vec();
    named.push(0);
    write(section.len(), &mut named);
    named.extend(section);
    Some(named)
}

/// From each function to the one that has most in common with it, of those that are left.
fn order(bodies: &[&[u8]]) -> Vec<usize> {
    let windows: Vec<HashSet<&[u8]>> = bodies
        .iter()
        .map(|body| body.windows(WINDOW).collect())
        .collect();
    let mut having: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (function, windows) in windows.iter().enumerate() {
        for window in windows {
            having.entry(window).or_default().push(function);
        }
    }
    let mut left: Vec<bool> = vec![true; bodies.len()];
    let mut order = Vec::with_capacity(bodies.len());
    let mut next = (0..bodies.len()).max_by_key(|function| bodies[*function].len());
    while let Some(function) = next {
        left[function] = false;
        order.push(function);
        let mut shared: HashMap<usize, usize> = HashMap::new();
        for window in &windows[function] {
            let others = &having[window];
            if others.len() < COMMON {
                for other in others.iter().filter(|other| left[**other]) {
                    *shared.entry(*other).or_default() += 1;
                }
            }
        }
        // The share of what both have, in millionths; of equals the first.
        let likeness = |(other, shared): (&usize, &usize)| {
            let all = windows[function].len() + windows[*other].len() - shared;
            (shared * 1_000_000 / all, usize::MAX - other)
        };
        let alike = shared.iter().map(likeness).max();
        next = alike.map(|(_, other)| usize::MAX - other);
        next = next.or_else(|| left.iter().position(|left| *left));
    }
    order
}

/// The functions of a module.
struct Functions<'a> {
    /// How many come from outside; they have the first numbers.
    imported: usize,
    bodies: Vec<&'a [u8]>,
}

/// Reads as much of the binary format as it takes to find the functions
/// (<https://webassembly.github.io/spec/core/binary/modules.html>).
fn functions(module: &[u8]) -> Option<Functions<'_>> {
    let mut found = Functions {
        imported: 0,
        bodies: Vec::new(),
    };
    let mut rest = module.strip_prefix(b"\0asm\x01\0\0\0")?;
    while let Some((section, behind)) = rest.split_first() {
        rest = behind;
        let mut content = take(&mut rest)?;
        match section {
            2 => {
                for _ in 0..read(&mut content)? {
                    found.imported += usize::from(import(&mut content)?);
                }
            }
            10 => {
                for _ in 0..read(&mut content)? {
                    found.bodies.push(take(&mut content)?);
                }
            }
            _ => {}
        }
    }
    Some(found)
}

/// Whether an import is a function.
fn import(content: &mut &[u8]) -> Option<bool> {
    let (_module, _name) = (take(content)?, take(content)?);
    let kind = read(content)?;
    let limits = |content: &mut &[u8]| {
        let bounded = read(content)? & 1 == 1;
        read(content)?;
        if bounded {
            read(content)?;
        }
        Some(())
    };
    match kind {
        0 => drop(read(content)?),
        1 => {
            read(content)?;
            limits(content)?;
        }
        2 => limits(content)?,
        3 => {
            read(content)?;
            read(content)?;
        }
        _ => return None,
    }
    Some(kind == 0)
}

/// What is there with its length before it.
fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = read(bytes)?;
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

/// A number in LEB128.
fn read(bytes: &mut &[u8]) -> Option<usize> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
        shift += 7;
    }
}

fn write(mut number: usize, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}
