use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use dashmap::DashMap;
use tokio::sync::Notify;

use super::*;
use crate::core::record::{Team, User};

/// A directory that a test holds in its hands.
#[derive(Debug, Default)]
struct Fake {
    keys: DashMap<KeyHash, KeyRecord>,
    asked: AtomicUsize,
    /// Not zero: it does not answer.
    down: AtomicU64,
    /// Not zero: it waits for `go` before it answers with what it saw when it was asked.
    slow: AtomicU64,
    go: Notify,
}

impl Directory for Arc<Fake> {
    async fn key(&self, hash: &KeyHash) -> Answer<KeyRecord> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let record = self.keys.get(hash).map(|record| record.clone());
        if self.slow.load(Ordering::SeqCst) > 0 {
            self.go.notified().await;
        }
        if self.down.load(Ordering::SeqCst) > 0 {
            return Err(Outage::StoreUnavailable.into());
        }
        Ok(record.map(|record| Found::fresh(Arc::new(record))))
    }

    async fn end_user(&self, _: &str) -> Answer<EndUser> {
        Ok(None)
    }

    async fn tag(&self, _: &str) -> Answer<Tag> {
        Ok(None)
    }

    async fn known(&self, _: &str) -> Answer<()> {
        Ok(None)
    }

    async fn proxy(&self) -> Answer<Budget> {
        Ok(None)
    }

    async fn standing(&self, who: &Standing) -> Answer<KeyRecord> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let user = who.user.as_deref().map(User::new).map(Arc::new);
        Ok(Some(Found::fresh(Arc::new(KeyRecord { user, ..KeyRecord::new(KeyHash::of("")) }))))
    }

    async fn resolve(&self, _: &AlsoKnownAs) -> Answer<Resolved> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(Some(Found::fresh(Arc::new(Resolved::Several))))
    }

    async fn mapped_key(&self, _: &ClaimValue) -> Answer<KeyHash> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(None)
    }
}

struct World {
    fake: Arc<Fake>,
    cache: Cached<Arc<Fake>>,
}

impl World {
    fn new(options: &CacheOptions) -> Self {
        let fake = Arc::new(Fake::default());
        let cache = Cached::new(Arc::clone(&fake), options);
        cache.watched(true);
        Self { fake, cache }
    }

    fn put(&self, text: &str, change: impl FnOnce(&mut KeyRecord)) {
        let mut record = KeyRecord::new(KeyHash::of(text));
        change(&mut record);
        self.fake.keys.insert(record.hash, record);
    }

    async fn key(&self, text: &str) -> Answer<KeyRecord> {
        self.cache.key(&KeyHash::of(text)).await
    }

    /// `fresh`, `stale`, `missing` or `outage`.
    async fn word(&self, text: &str) -> &'static str {
        match self.key(text).await {
            Ok(Some(Found { stale: false, .. })) => "fresh",
            Ok(Some(Found { stale: true, .. })) => "stale",
            Ok(None) => "missing",
            Err(_) => "outage",
        }
    }

    fn asked(&self) -> usize {
        self.fake.asked.load(Ordering::SeqCst)
    }

    fn down(&self, down: bool) {
        self.fake.down.store(u64::from(down), Ordering::SeqCst);
    }

    fn slow(&self, slow: bool) {
        self.fake.slow.store(u64::from(slow), Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_ages_from_its_load_and_is_not_renewed_by_use_sec7_l03() {
    let world = World::new(&CacheOptions::default());
    world.put("sk-a", |_| {});
    for _ in 0..53 {
        assert_eq!(world.word("sk-a").await, "fresh");
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(world.asked(), 1);
    world.fake.keys.clear();
    tokio::time::advance(Duration::from_secs(8)).await;
    assert_eq!(world.word("sk-a").await, "missing", "deleted, and not revived");
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_missing_for_a_while_s192() {
    let world = World::new(&CacheOptions::default());
    assert_eq!(world.word("sk-a").await, "missing");
    world.put("sk-a", |_| {});
    assert_eq!(world.word("sk-a").await, "missing");
    assert_eq!(world.asked(), 1);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(world.word("sk-a").await, "fresh");
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_known_keys_stay_for_a_bounded_time_and_unknown_ones_stay_out_s181_s182() {
    let world = World::new(&CacheOptions::default());
    world.put("sk-known", |_| {});
    world.put("sk-unseen", |_| {});
    assert_eq!(world.word("sk-known").await, "fresh");
    world.down(true);
    tokio::time::advance(Duration::from_secs(50)).await;
    assert_eq!(world.word("sk-known").await, "fresh", "nobody had to ask");
    for _ in 0..60 {
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(world.word("sk-known").await, "stale");
        assert_eq!(world.word("sk-unseen").await, "outage");
        assert_eq!(world.word("sk-garbage").await, "outage");
    }
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!(world.word("sk-known").await, "outage", "too old");
    world.down(false);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(world.word("sk-unseen").await, "fresh", "back within a second");
    assert_eq!(world.word("sk-known").await, "fresh");
    assert_eq!(world.word("sk-garbage").await, "missing");
}

#[tokio::test(start_paused = true)]
async fn without_stale_time_an_outage_is_an_outage() {
    let world = World::new(&CacheOptions { max_stale: Duration::ZERO, ..CacheOptions::default() });
    world.put("sk-a", |_| {});
    assert_eq!(world.word("sk-a").await, "fresh");
    world.down(true);
    tokio::time::advance(Duration::from_mins(1)).await;
    assert_eq!(world.word("sk-a").await, "outage");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_tells_of_no_changes_is_asked_more_often_s199() {
    let world = World::new(&CacheOptions::default());
    world.put("sk-a", |_| {});
    world.word("sk-a").await;
    tokio::time::advance(Duration::from_secs(10)).await;
    world.word("sk-a").await;
    assert_eq!(world.asked(), 1);
    world.put("sk-a", |key| key.blocked = true);
    world.cache.watched(false);
    assert!(world.key("sk-a").await.unwrap().unwrap().record.blocked);
    tokio::time::advance(Duration::from_secs(5)).await;
    world.word("sk-a").await;
    assert_eq!(world.asked(), 3);
    world.cache.watched(true);
    world.word("sk-a").await;
    assert_eq!(world.asked(), 4, "something may have been missed");
}

#[tokio::test(start_paused = true)]
async fn what_changed_does_not_stand_in_s085() {
    let world = World::new(&CacheOptions::default());
    world.put("sk-a", |_| {});
    world.put("sk-b", |_| {});
    assert_eq!((world.word("sk-a").await, world.word("sk-b").await), ("fresh", "fresh"));
    world.down(true);
    world.cache.apply(&[Change::Key(KeyHash::of("sk-a"))]);
    assert_eq!(world.word("sk-a").await, "outage");
    world.cache.doubt();
    assert_eq!(world.word("sk-b").await, "stale", "nobody said that this one changed");
}

#[tokio::test(start_paused = true)]
async fn a_question_is_put_once_however_many_want_to_know() {
    let world = World::new(&CacheOptions::default());
    world.put("sk-a", |_| {});
    world.slow(true);
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let cache = world.cache.clone();
            tokio::spawn(async move { cache.key(&KeyHash::of("sk-a")).await.unwrap().is_some() })
        })
        .collect();
    while world.asked() == 0 {
        tokio::task::yield_now().await;
    }
    // Who asked first goes away.
    waiting[0].abort();
    world.fake.go.notify_one();
    for task in waiting.into_iter().skip(1) {
        assert!(task.await.unwrap());
    }
    assert_eq!(world.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_overtaken_by_a_change_is_asked_for_again_sec7() {
    let world = World::new(&CacheOptions::default());
    world.put("sk-a", |_| {});
    for change in [Change::Key(KeyHash::of("sk-a")), Change::Team("red".to_owned())] {
        world.cache.apply(&[Change::Key(KeyHash::of("sk-a"))]);
        world.put("sk-a", |_| {});
        world.slow(true);
        let (cache, before) = (world.cache.clone(), world.asked());
        let asking = tokio::spawn(async move { cache.key(&KeyHash::of("sk-a")).await });
        while world.asked() == before {
            tokio::task::yield_now().await;
        }
        // It has seen the old record; now the key is blocked.
        world.put("sk-a", |key| key.blocked = true);
        world.cache.apply(std::slice::from_ref(&change));
        world.slow(false);
        world.fake.go.notify_one();
        let found = asking.await.unwrap().unwrap().unwrap();
        assert!(found.record.blocked, "{change:?}");
        assert!(world.key("sk-a").await.unwrap().unwrap().record.blocked, "{change:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_reaches_every_key_it_touches_and_no_other_s173_s087() {
    let world = World::new(&CacheOptions::default());
    let team = Arc::new(Team { id: "red".to_owned(), ..Team::default() });
    world.put("sk-team", |key| key.team = Some(Arc::clone(&team)));
    world.put("sk-user", |key| key.user = Some(Arc::new(User::new("red"))));
    world.put("sk-new", |_| {});
    let new = world.fake.keys.get(&KeyHash::of("sk-new")).unwrap().clone();
    world.fake.keys.insert(KeyHash::of("sk-old"), new);
    let all = ["sk-team", "sk-user", "sk-new", "sk-old"];
    for (change, touched) in [
        (Change::Team("red".to_owned()), vec!["sk-team"]),
        (Change::User("red".to_owned()), vec!["sk-user"]),
        (Change::Key(KeyHash::of("sk-new")), vec!["sk-new", "sk-old"]),
        (Change::Key(KeyHash::of("sk-old")), vec!["sk-old"]),
        (Change::Organization("red".to_owned()), vec![]),
        (Change::Anything, all.to_vec()),
    ] {
        for text in all {
            world.word(text).await;
        }
        world.cache.apply(std::slice::from_ref(&change));
        let mut asked = Vec::new();
        for text in all {
            let before = world.asked();
            assert_eq!(world.word(text).await, "fresh");
            asked.extend((world.asked() > before).then_some(text));
        }
        assert_eq!(asked, touched, "{change:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_missing_is_asked_for_when_what_it_pointed_to_may_have_come() {
    let world = World::new(&CacheOptions::default());
    assert_eq!(world.word("sk-a").await, "missing");
    world.put("sk-a", |_| {});
    world.cache.apply(&[Change::Team("red".to_owned())]);
    assert_eq!(world.word("sk-a").await, "fresh");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_keys_waits_in_a_queue_with_an_end_s186() {
    let world = World::new(&CacheOptions::default());
    world.put("sk-known", |_| {});
    assert_eq!(world.word("sk-known").await, "fresh");
    world.slow(true);
    let flood: Vec<_> = (0..10_000)
        .map(|number| {
            let cache = world.cache.clone();
            tokio::spawn(async move { cache.key(&KeyHash::of(&format!("sk-{number}"))).await.is_err() })
        })
        .collect();
    tokio::task::yield_now().await;
    while world.cache.stats().shed.load(Ordering::Relaxed) < 9_000 {
        tokio::task::yield_now().await;
    }
    assert!(world.asked() <= 5, "four at a time: {}", world.asked());
    assert_eq!(world.word("sk-known").await, "fresh");
    // A known key that is too old has a turn of its own.
    tokio::time::advance(Duration::from_millis(1)).await;
    world.cache.doubt();
    world.slow(false);
    assert_eq!(world.word("sk-known").await, "fresh");
    let mut words = HashMap::new();
    for task in flood {
        world.fake.go.notify_waiters();
        *words.entry(task.await.unwrap()).or_insert(0) += 1;
    }
    assert!(words[&true] >= 9_000, "{words:?}");
}

#[tokio::test(start_paused = true)]
async fn random_keys_do_not_fill_memory_s191() {
    let options = CacheOptions { max_missing: 1000, max_keys: 10, ..CacheOptions::default() };
    let world = World::new(&options);
    world.put("sk-known", |_| {});
    for number in 0..5_000 {
        assert_eq!(world.word("sk-known").await, "fresh");
        assert_eq!(world.word(&format!("sk-{number}")).await, "missing");
    }
    let stats = world.cache.stats();
    assert_eq!((stats.missing.load(Ordering::Relaxed), stats.keys.load(Ordering::Relaxed)), (1000, 1));
    assert_eq!(world.asked(), 5_001);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_store_is_an_outage_and_blocks_nobody_s252() {
    #[derive(Debug)]
    struct Panics;
    impl Directory for Panics {
        async fn key(&self, _: &KeyHash) -> Answer<KeyRecord> {
            panic!("a fault")
        }
        async fn end_user(&self, _: &str) -> Answer<EndUser> {
            Ok(None)
        }
        async fn tag(&self, _: &str) -> Answer<Tag> {
            Ok(None)
        }
        async fn known(&self, _: &str) -> Answer<()> {
            Ok(None)
        }
        async fn proxy(&self) -> Answer<Budget> {
            Ok(None)
        }
        async fn standing(&self, _: &Standing) -> Answer<KeyRecord> {
            Ok(None)
        }
        async fn resolve(&self, _: &AlsoKnownAs) -> Answer<Resolved> {
            Ok(None)
        }
        async fn mapped_key(&self, _: &ClaimValue) -> Answer<KeyHash> {
            Ok(None)
        }
    }
    let cache = Cached::new(Panics, &CacheOptions::default());
    for _ in 0..2 {
        let answer = cache.key(&KeyHash::of("sk-a")).await;
        assert!(matches!(answer, Err(Trouble::Outage(Outage::Internal))));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_loaded_together_does_not_expire_together_s201() {
    let world = World::new(&CacheOptions::default());
    for number in 0..1000 {
        world.put(&format!("sk-{number}"), |_| {});
        world.word(&format!("sk-{number}")).await;
    }
    let mut worst = 0;
    for second in 54..=61 {
        tokio::time::advance(Duration::from_secs(if second == 54 { 54 } else { 1 })).await;
        let before = world.asked();
        for number in 0..1000 {
            assert_eq!(world.word(&format!("sk-{number}")).await, "fresh");
        }
        worst = worst.max(world.asked() - before);
    }
    assert_eq!(world.asked(), 2000);
    assert!(worst < 350, "{worst} in one second");
}

#[tokio::test(start_paused = true)]
async fn whoever_calls_without_a_key_is_forgotten_by_part_s092() {
    let World { fake, cache } = World::new(&CacheOptions::default());
    cache.watched(true);
    let asked = || fake.asked.load(Ordering::SeqCst);
    let standing = |user: Option<&str>, team: Option<&str>| Standing {
        user: user.map(Into::into),
        team: team.map(Into::into),
        organization: None,
    };
    let (ada, red) = (standing(Some("ada"), None), standing(None, Some("ada")));
    for _ in 0..2 {
        cache.standing(&ada).await.unwrap();
        cache.standing(&red).await.unwrap();
        cache.resolve(&AlsoKnownAs::Email("ada".into())).await.unwrap();
        cache.resolve(&AlsoKnownAs::SsoId("ada".into())).await.unwrap();
        cache.mapped_key(&ClaimValue { name: "sub".into(), value: "ada".into() }).await.unwrap();
    }
    assert_eq!(asked(), 5, "one text is five things, and each is asked for once");
    cache.apply(&[Change::Team("ada".to_owned())]);
    cache.standing(&ada).await.unwrap();
    assert_eq!(asked(), 5, "the user is not the team of that name");
    cache.standing(&red).await.unwrap();
    assert_eq!(asked(), 6, "a team that was not there may have come");
    cache.resolve(&AlsoKnownAs::Email("ada".into())).await.unwrap();
    assert_eq!(asked(), 7, "a name may be another's now");
    cache.apply(&[Change::Mapping]);
    cache.mapped_key(&ClaimValue { name: "sub".into(), value: "ada".into() }).await.unwrap();
    assert_eq!(asked(), 8);
}
