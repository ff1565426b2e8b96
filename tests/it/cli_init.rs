//! `tollgate init`, as a person runs it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use expect_test::expect;

use crate::cli::{text, tollgate};

fn init(directory: &Path, more: &[&str]) -> Output {
    let arguments = [&["init", directory.to_str().unwrap()], more].concat();
    tollgate(&arguments, "")
}

/// Every file, and who may read it.
fn listing(directory: &Path) -> Vec<(String, u32)> {
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().permissions().mode() & 0o077))
        .collect();
    files.sort();
    files
}

#[test]
fn what_init_writes_is_sound_and_its_secret_is_shown_to_nobody() {
    for (more, keys) in [(&[][..], None), (&["--key-file"], Some("keys.yaml"))] {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("deep/er");
        let output = init(&inner, more);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let secret = std::fs::read_to_string(inner.join("master.key")).unwrap();
        let secret = secret.trim_end();
        assert!(secret.starts_with("sk-") && secret.len() == 46, "{secret}");
        assert!(!text(&output.stdout).contains(secret) && !text(&output.stderr).contains(secret));
        let config = inner.join("tollgate.yaml");
        assert!(!std::fs::read_to_string(&config).unwrap().contains("#KEYS#"));

        let mut names: Vec<_> = keys.into_iter().chain(["master.key", "response-ids.key", "tollgate.yaml"]).collect();
        names.sort_unstable();
        let files = listing(&inner);
        assert_eq!(files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), names);
        assert!(
            files.iter().all(|(name, mode)| (Path::new(name).extension() == Some("key".as_ref())) == (*mode == 0)),
            "{files:?}"
        );

        let validated = tollgate(&["validate", config.to_str().unwrap()], "");
        let expected = if keys.is_some() { "sound (0 keys, version " } else { "sound (keys in a store, version " };
        assert!(text(&validated.stdout).contains(expected), "{}", text(&validated.stderr));
    }
}

#[test]
fn init_says_what_to_do_next() {
    let directory = tempfile::tempdir().unwrap();
    let shown = text(&init(directory.path(), &[]).stdout).replace(directory.path().to_str().unwrap(), "DIR");
    expect![[r#"
        wrote DIR/tollgate.yaml
        wrote DIR/master.key (mode 0600): the key that may do everything
        wrote DIR/response-ids.key (mode 0600): what seals the ids of responses

        next:
          tollgate validate DIR/tollgate.yaml
          tollgate keys create --config DIR/tollgate.yaml --alias my-first-key
          tollgate serve --config DIR/tollgate.yaml
        and Envoy in front of it: envoy/tollgate.yaml is a configuration to copy
    "#]]
    .assert_eq(&shown);
}

#[test]
fn init_makes_a_new_secret_each_time_and_overwrites_nothing() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let key = |directory: &Path| std::fs::read_to_string(directory.join("master.key")).unwrap();
    for directory in [&one, &other] {
        assert!(init(directory.path(), &[]).status.success());
    }
    assert_ne!(key(one.path()), key(other.path()));

    let before = key(one.path());
    let again = init(one.path(), &[]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("is there already"), "{}", text(&again.stderr));
    assert_eq!(key(one.path()), before);

    std::fs::remove_file(one.path().join("tollgate.yaml")).unwrap();
    assert!(!init(one.path(), &[]).status.success(), "the secret alone is enough to refuse");
    assert_eq!(listing(one.path()).len(), 2, "half of a configuration was written");
}
