//! Writes the code that Python and Swift need to use `meshbook-uniffi`, from the library itself.

fn main() {
    uniffi::uniffi_bindgen_main();
}
