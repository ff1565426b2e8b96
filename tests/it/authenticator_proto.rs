//! The committed Rust code of `proto/tollgate/authn/v1` is what its definition generates, so that nobody needs a
//! compiler of such definitions to build Tollgate. `UPDATE_EXPECT=1 cargo test` writes it.

use std::path::Path;

use expect_test::expect_file;

/// Messages that hold a credential or what a token says: their `Debug` is written by hand, and blind.
const BLIND: [&str; 3] = ["AuthenticateRequest", "ValidateRequest", "Header"];

#[test]
fn the_generated_code_of_the_authenticator_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let files = protox::compile(["tollgate/authn/v1/authenticator.proto"], [&root]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let blind = BLIND.map(|message| format!(".tollgate.authn.v1.{message}"));
    tonic_prost_build::configure().skip_debug(blind).out_dir(directory.path()).compile_fds(files).unwrap();
    let generated = std::fs::read_to_string(directory.path().join("tollgate.authn.v1.rs")).unwrap();
    expect_file!["../../proto/gen/tollgate.authn.v1.rs"].assert_eq(&generated);
}
