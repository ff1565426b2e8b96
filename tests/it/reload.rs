//! A changed file is put into force whole, or not at all.

use std::os::unix::fs::symlink;

use crate::harness::{Client, Files, Running, config, eventually, get, hash};

fn keys(names: &[&str]) -> String {
    let lines: Vec<_> = names.iter().map(|name| format!("- {{ key_hash: {} }}\n", hash(name))).collect();
    format!("keys:\n{}", lines.concat())
}

async fn status(client: &Client, key: &str) -> u16 {
    client.outcome(get("/v1/models").key(key).raw()).await.status
}

async fn await_status(client: &Client, key: &str, expected: u16) {
    eventually(&format!("{key} to answer {expected}"), async || (status(client, key).await == expected).then_some(()))
        .await;
}

#[tokio::test]
async fn a_revoked_key_is_refused_and_a_new_one_works() {
    let files = Files::new(&config(""), &keys(&["sk-a", "sk-b"]));
    let running = Running::start(&files.config()).await;
    let client = running.client().await;
    assert_eq!((status(&client, "sk-a").await, status(&client, "sk-c").await), (200, 401));
    files.write("keys.yaml", &keys(&["sk-b", "sk-c"]));
    await_status(&client, "sk-a", 401).await;
    assert_eq!((status(&client, "sk-b").await, status(&client, "sk-c").await), (200, 200));
}

#[tokio::test]
async fn a_file_that_is_being_written_waits_s264() {
    use std::io::Write as _;
    let blocked = |rest: &str| format!("keys:\n- key_hash: {}\n{rest}", hash("sk-a"));
    let files = Files::new(&config(""), &blocked("  blocked: true\n"));
    let running = Running::start(&files.config()).await;
    let client = running.client().await;
    assert_eq!(status(&client, "sk-a").await, 401);
    let mut file = std::fs::File::create(files.path("keys.yaml")).unwrap();
    file.write_all(blocked("").as_bytes()).unwrap();
    file.sync_all().unwrap();
    let writing = std::time::Instant::now();
    while writing.elapsed() < std::time::Duration::from_millis(150) {
        assert_eq!(status(&client, "sk-a").await, 401, "at the line before `blocked: true`");
    }
    file.write_all(b"  blocked: true\n  key_alias: done\n").unwrap();
    drop(file);
    eventually("the whole file", async || running.page("/config").await.1.contains(r#""generation":2"#).then_some(()))
        .await;
    assert_eq!(status(&client, "sk-a").await, 401);
}

#[tokio::test]
async fn a_renamed_file_is_noticed_s264() {
    let files = Files::new(&config(""), &keys(&["sk-a"]));
    let running = Running::start(&files.config()).await;
    let client = running.client().await;
    files.write("keys.yaml.new", &keys(&["sk-b"]));
    std::fs::rename(files.path("keys.yaml.new"), files.path("keys.yaml")).unwrap();
    await_status(&client, "sk-a", 401).await;
    await_status(&client, "sk-b", 200).await;
}

#[tokio::test]
async fn a_swapped_symlink_is_noticed_s264() {
    let files = Files::new("", "{}");
    for (directory, key) in [("one", "sk-a"), ("two", "sk-b")] {
        std::fs::create_dir(files.path(directory)).unwrap();
        files.write(&format!("{directory}/keys.yaml"), &keys(&[key]));
    }
    // As a Kubernetes volume: keys.yaml -> ..data/keys.yaml, ..data -> one.
    std::fs::remove_file(files.path("keys.yaml")).unwrap();
    symlink("one", files.path("..data")).unwrap();
    symlink("..data/keys.yaml", files.path("keys.yaml")).unwrap();
    files.write("tollgate.yaml", &config(""));
    let running = Running::start(&files.config()).await;
    let client = running.client().await;
    assert_eq!(status(&client, "sk-a").await, 200);
    symlink("two", files.path("..data_tmp")).unwrap();
    std::fs::rename(files.path("..data_tmp"), files.path("..data")).unwrap();
    await_status(&client, "sk-a", 401).await;
    await_status(&client, "sk-b", 200).await;
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_says_so_s262() {
    let files = Files::new(&config(""), &keys(&["sk-a"]));
    let running = Running::start(&files.config()).await;
    let client = running.client().await;
    let before = running.page("/config").await.1;
    assert!(before.contains(r#""last_error":null"#), "{before}");
    files.write("keys.yaml", "keys: [{ key_hash: sk-canary }]\n");
    let page = eventually("the error to show", async || {
        let (_, page) = running.page("/config").await;
        page.contains("keys[0].key_hash").then_some(page)
    })
    .await;
    assert!(!page.contains("sk-canary"), "{page}");
    assert_eq!(status(&client, "sk-a").await, 200);
    assert_eq!(running.page("/readyz").await.0, 200);
    let (_, metrics) = running.page("/metrics").await;
    assert!(metrics.contains(r#"tollgate_config_reloads_total{result="failure"} 1"#), "{metrics}");

    std::fs::remove_file(files.path("keys.yaml")).unwrap();
    eventually("the missing file to show", async || {
        running.page("/config").await.1.contains("no such file").then_some(())
    })
    .await;
    assert_eq!(status(&client, "sk-a").await, 200);

    files.write("keys.yaml", &keys(&["sk-b"]));
    await_status(&client, "sk-a", 401).await;
    assert!(running.page("/config").await.1.contains(r#""last_error":null"#));
}

#[tokio::test]
async fn a_rotated_master_key_replaces_the_old_one_s265() {
    let config = config("").lines().filter(|line| !line.starts_with("master_key")).collect::<Vec<_>>().join("\n");
    let files = Files::new(&format!("{config}\nmaster_key: file:master\n"), "{}");
    files.write("master", "sk-first-0123456789abcdef\n");
    let running = Running::start(&files.config()).await;
    let client = running.client().await;
    assert_eq!(status(&client, "sk-first-0123456789abcdef").await, 200);
    files.write("master", "sk-second-0123456789abcdef\n");
    await_status(&client, "sk-second-0123456789abcdef", 200).await;
    assert_eq!(status(&client, "sk-first-0123456789abcdef").await, 401);
}

#[tokio::test]
async fn a_listener_needs_a_restart_and_says_so() {
    let files = Files::new(&config(""), &keys(&["sk-a"]));
    let running = Running::start(&files.config()).await;
    files.write("tollgate.yaml", &config("log: { level: warn }\n"));
    eventually("the hint", async || {
        running.page("/config").await.1.contains(r#""restart_needed":["log"]"#).then_some(())
    })
    .await;
}
