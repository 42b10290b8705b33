//! Faults on demand, so that a test can see what becomes of one.

use napi_derive::napi;

/// The place whose turn it is to fail, in builds for tests only.
#[cfg(debug_assertions)]
const SWITCH: &str = "MESHBOOK_FAULT";

/// Panics here if the switch of a test build names this place. Does nothing in a release.
#[inline]
pub(crate) fn point(place: &str) {
    #[cfg(debug_assertions)]
    if std::env::var_os(SWITCH).is_some_and(|named| named == place) {
        panic!("the switch {SWITCH} asks for a fault in {place}");
    }
    #[cfg(not(debug_assertions))]
    let _ = place;
}

/// Whether this is a build for tests, which has the switch.
#[napi(catch_unwind)]
pub fn has_fault_switch() -> bool {
    cfg!(debug_assertions)
}
