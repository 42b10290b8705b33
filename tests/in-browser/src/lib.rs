//! The attribute `#[test]` of a browser, under the name that it has everywhere.
//!
//! A crate that has `#[macro_use] extern crate meshbook_in_browser` for wasm32 writes its tests once: they
//! run natively, and under `wasm-bindgen-test-runner`.

#[cfg(target_arch = "wasm32")]
pub use wasm_bindgen_test::wasm_bindgen_test as test;
