//! Tells the program for which platform it is built, so that it can ask cargo for that platform's packages.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=TARGET_TRIPLE={target}");
}
