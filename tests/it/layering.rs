//! The house stands: which room may know what, read from the sources.

use std::path::{Path, PathBuf};

/// Rust files under `src/`, with their text up to the tests at their foot.
fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    collect(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").as_path(), &mut files);
    assert!(files.len() > 30, "the sources were not found");
    files
}

fn collect(directory: &Path, files: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_owned();
            let code = without_tests(&path, &text);
            files.push((path, code));
        }
    }
}

/// The file up to its tests, which are its end: nothing hides behind them.
fn without_tests(path: &Path, text: &str) -> String {
    let Some((code, tests)) = text.split_once("\n#[cfg(test)]\n") else {
        return text.to_owned();
    };
    let outer: Vec<_> = tests.lines().filter(|line| !line.is_empty() && !line.starts_with(' ')).collect();
    let at_the_end = matches!(outer.as_slice(), ["mod tests {", "}"] | ["mod tests;"]);
    assert!(at_the_end, "{}: something follows the tests: {outer:?}", path.display());
    code.to_owned()
}

/// Code without comments.
fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.starts_with("//"))
}

/// The one file that knows the protocol of custom authenticators, whose client Tollgate is.
const AUTHENTICATOR: &str = "src/authn/custom/wire.rs";

fn assert_absent(room: &str, words: &[&str]) {
    assert_absent_but_for(room, words, &[]);
}

fn assert_absent_but_for(room: &str, words: &[&str], excepted: &[&str]) {
    let mut seen = false;
    let judged = |path: &Path| path.starts_with(room) && !excepted.iter().any(|file| path.ends_with(file));
    for (path, text) in sources().iter().filter(|(path, _)| judged(path)) {
        seen = true;
        for line in code_lines(text) {
            for word in words {
                assert!(!line.contains(word), "{}: `{word}` does not belong into {room}: {line}", path.display());
            }
        }
    }
    assert!(seen, "there is no room {room}");
}

#[test]
fn core_is_pure() {
    assert_absent(
        "src/core",
        &[
            "async ",
            ".await",
            "tokio",
            "tonic",
            "envoy_types",
            "Mutex",
            "RwLock",
            "ArcSwap",
            "Instant",
            "Timestamp::now",
            "SystemTime",
            "std::env",
            "std::fs",
            "std::net",
            "std::io",
            "tracing::",
            "crate::serve",
            "crate::config",
            "crate::store",
            "crate::authn",
            "crate::engine",
            "crate::metrics",
            "crate::app",
            "crate::telemetry",
        ],
    );
}

#[test]
fn wire_types_stop_at_the_wall() {
    for room in
        ["src/authn", "src/store", "src/config", "src/cli", "src/engine.rs", "src/metrics.rs", "src/telemetry.rs"]
    {
        assert_absent_but_for(room, &["envoy_types", "tonic"], &[AUTHENTICATOR]);
    }
    assert_absent(AUTHENTICATOR, &["envoy_types"]);
    let readers = sources().into_iter().filter(|(_, text)| text.contains("CheckRequest"));
    let readers: Vec<_> = readers.map(|(path, _)| path).filter(|path| !path.ends_with("lib.rs")).collect();
    assert_eq!(readers, [Path::new("src/serve/ext_authz.rs")]);
    let readers = sources().into_iter().filter(|(_, text)| text.contains("ProcessingRequest"));
    let mut readers: Vec<_> = readers.map(|(path, _)| path).filter(|path| !path.ends_with("lib.rs")).collect();
    readers.sort();
    assert_eq!(readers, [Path::new("src/serve/ext_proc/mod.rs"), Path::new("src/serve/ext_proc/wire.rs")]);
    let builders = sources().into_iter().filter(|(_, text)| text.contains("OkHttpResponse"));
    assert_eq!(builders.map(|(path, _)| path).collect::<Vec<_>>(), [Path::new("src/serve/encode.rs")]);
}

#[test]
fn the_rooms_know_only_those_below_them() {
    assert_absent("src/store", &["crate::serve", "crate::config", "crate::engine", "crate::app", "crate::authn"]);
    assert_absent("src/authn", &["crate::serve", "crate::config", "crate::engine", "crate::app"]);
    assert_absent("src/engine.rs", &["crate::serve", "crate::config", "crate::app", "crate::metrics"]);
    assert_absent("src/config", &["crate::serve", "crate::app", "crate::cli"]);
    assert_absent("src/serve", &["crate::app", "crate::cli"]);
}

#[test]
fn the_request_path_awaits_in_two_rooms_only() {
    let engine = sources().into_iter().find(|(path, _)| path.ends_with("src/engine.rs")).unwrap().1;
    let awaits: Vec<_> = code_lines(&engine).filter(|line| line.contains(".await")).collect();
    let allowed = [
        "match journey(",
        "authenticator.identify(",
        "act_for_a_team(",
        "authenticator.acting_for(",
        "authenticator.named(",
    ];
    let unknown = awaits.iter().filter(|line| !allowed.iter().any(|known| line.contains(known)));
    assert_eq!(unknown.collect::<Vec<_>>(), [&""; 0], "the journey awaits authn, and nothing else");
    assert!(awaits.len() >= allowed.len());
}

#[test]
fn nothing_is_unsafe_or_global() {
    for (path, text) in sources() {
        for line in code_lines(&text) {
            // The allocator is the program's, and has no say in what it does.
            let allocator = path.ends_with("src/main.rs") && line.starts_with("static ALLOCATOR: ");
            let is_static = line.starts_with("static ") || line.starts_with("pub static ");
            assert!(!is_static || allocator, "{}: {line}", path.display());
            for word in ["unsafe ", "static mut", "lazy_static", "OnceLock", "LazyLock", "thread_local!"] {
                assert!(!line.contains(word), "{}: {line}", path.display());
            }
        }
    }
}

#[test]
fn files_stay_small() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 400, "{} has {lines} lines; give a part of it a room of its own", path.display());
    }
}
