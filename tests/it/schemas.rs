//! The committed JSON Schemas are those of the types. `UPDATE_EXPECT=1 cargo test` writes them.

use expect_test::expect_file;
use tollgate::config::raw::{RawConfig, RawKeyFile};
use tollgate::config::schema::schema;

#[test]
fn the_committed_schemas_are_current() {
    expect_file!["../../docs/config.schema.json"].assert_eq(&format!("{:#}\n", schema::<RawConfig>()));
    expect_file!["../../docs/keys.schema.json"].assert_eq(&format!("{:#}\n", schema::<RawKeyFile>()));
}
