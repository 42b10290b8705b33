#!/usr/bin/env bash
# Makes Meshbook.xcframework beside this script, out of the library for macOS, iOS and its simulator, and writes the
# Swift code over it. To be run on a Mac with Xcode 16 and rustup.
#
# UNTESTED: no Mac runs the tests of this project. Each step is the documented use of its tool.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$root/target/xcframework
library=libmeshbook_uniffi.a

[ "$(uname)" = Darwin ] || { echo 'this needs a Mac: elsewhere use `cargo xtask swift`' >&2; exit 1; }

# One line a slice of the framework: its name, then the targets that it joins.
slices=(
    'macos aarch64-apple-darwin x86_64-apple-darwin'
    'ios aarch64-apple-ios'
    'ios-simulator aarch64-apple-ios-sim x86_64-apple-ios'
)

cd "$root"
rm -rf "$work" "$here/Meshbook.xcframework"
mkdir -p "$work/headers" "$work/swift"

frameworks=()
for slice in "${slices[@]}"; do
    read -r name targets <<<"$slice"
    archives=()
    for target in $targets; do
        rustup target add "$target"
        MACOSX_DEPLOYMENT_TARGET=13.0 IPHONEOS_DEPLOYMENT_TARGET=16.0 \
            cargo build --release --locked --package meshbook-uniffi --target "$target"
        archives+=("target/$target/release/$library")
    done
    mkdir -p "$work/$name"
    lipo -create "${archives[@]}" -output "$work/$name/$library"
    frameworks+=(-library "$work/$name/$library" -headers "$work/headers")
done

# The code is the same for all of them. What writes it is not optimised: that takes far longer than it runs.
cargo run --locked --package meshbook-bindgen -- generate --language swift --no-format \
    --out-dir "$work/swift" "target/aarch64-apple-darwin/release/libmeshbook_uniffi.dylib"
cp "$work/swift/meshbook.swift" "$here/Sources/MeshbookNative/meshbook.swift"
cp "$work/swift/meshbookFFI.h" "$work/headers/"
# Where Xcode looks for it, under the one name that it knows.
cp "$work/swift/meshbookFFI.modulemap" "$work/headers/module.modulemap"

xcodebuild -create-xcframework "${frameworks[@]}" -output "$here/Meshbook.xcframework"
echo "$here/Meshbook.xcframework is ready for \`swift build\` and Xcode"
