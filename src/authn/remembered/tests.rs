use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::core::deny::TokenDenial;

fn memory(entries: usize) -> Arc<Remembered<u32>> {
    let bounds = Bounds { entries, questions: 2, deadline: Duration::from_secs(3) };
    Arc::new(Remembered::new(&bounds, Calls::new("somebody", Outage::AuthorizationServer)))
}

async fn ask(memory: &Arc<Remembered<u32>>, key: u8, verdict: Result<u32, DenyReason>, keep: u64) -> Answer<u32> {
    let fresh = Fresh { verdict, keep: Duration::from_secs(keep) };
    memory.ask([key; 32], async move { Ok((fresh, [key; 32])) }).await
}

#[tokio::test(start_paused = true)]
async fn an_answer_ages_from_its_question_and_use_does_not_renew_it_s145() {
    let memory = memory(10);
    let slow = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok((Fresh { verdict: Ok(7), keep: Duration::from_secs(10) }, [1; 32]))
    };
    assert_eq!(memory.ask([1; 32], slow).await, Ok(Ok(Arc::new(7))));
    for _ in 0..7 {
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(memory.look(&[1; 32]), Some(Ok(Arc::new(7))));
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(memory.look(&[1; 32]), None, "ten seconds after the question");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_want_to_know_and_one_asks_s133() {
    let (memory, asked) = (memory(10), Arc::new(AtomicUsize::new(0)));
    let all = (0..1000).map(|_| {
        let (memory, asked) = (Arc::clone(&memory), Arc::clone(&asked));
        tokio::spawn(async move {
            let question = async move {
                asked.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok((Fresh { verdict: Ok(1), keep: Duration::ZERO }, [1; 32]))
            };
            memory.ask([1; 32], question).await
        })
    });
    for one in all.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap(), Ok(Ok(Arc::new(1))));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert!(memory.flights.is_empty() && memory.look(&[1; 32]).is_none(), "nothing is kept for no time");
}

#[tokio::test(start_paused = true)]
async fn silence_is_an_outage_in_time_and_is_not_kept() {
    let memory = memory(10);
    let start = Instant::now();
    let never = std::future::pending::<Result<(Fresh<u32>, Digest), Outage>>();
    let answer = memory.ask([1; 32], never).await;
    assert_eq!((answer, start.elapsed()), (Err(Outage::AuthorizationServer), Duration::from_secs(3)));
    assert_eq!(memory.calls.failing(), Some("timeout"));
    assert_eq!(ask(&memory, 1, Ok(5), 1).await, Ok(Ok(Arc::new(5))), "the next one asks again");
    assert_eq!(memory.calls.failing(), None);
}

#[tokio::test(start_paused = true)]
async fn questions_about_strangers_do_not_hold_up_those_who_are_known_s186() {
    let memory = memory(10);
    assert_eq!(ask(&memory, 1, Ok(5), 1).await, Ok(Ok(Arc::new(5))));
    tokio::time::advance(Duration::from_secs(2)).await;
    let hanging: Vec<_> = (10..30)
        .map(|key| {
            let memory = Arc::clone(&memory);
            let never = std::future::pending::<Result<(Fresh<u32>, Digest), Outage>>();
            tokio::spawn(async move { memory.ask([key; 32], never).await })
        })
        .collect();
    tokio::task::yield_now().await;
    let start = Instant::now();
    assert_eq!(ask(&memory, 1, Ok(6), 1).await, Ok(Ok(Arc::new(6))));
    assert_eq!(start.elapsed(), Duration::ZERO);
    for one in hanging {
        let outage = one.await.unwrap().unwrap_err();
        assert!(matches!(outage, Outage::AuthenticationOverloaded | Outage::AuthorizationServer), "{outage:?}");
    }
    assert_eq!(start.elapsed(), Duration::from_secs(3), "and nobody waits longer");
}

#[tokio::test(start_paused = true)]
async fn invented_credentials_displace_nobody_and_have_a_bound_s191() {
    let memory = memory(10);
    assert_eq!(ask(&memory, 1, Ok(5), 60).await, Ok(Ok(Arc::new(5))));
    for key in 10..=255 {
        assert_eq!(
            ask(&memory, key, Err(TokenDenial::Inactive.into()), 60).await,
            Ok(Err(TokenDenial::Inactive.into()))
        );
    }
    assert_eq!((memory.len(), memory.refused.len()), (1, 10));
    assert_eq!(memory.look(&[1; 32]), Some(Ok(Arc::new(5))));
    assert_eq!(memory.look(&[255; 32]), Some(Err(TokenDenial::Inactive.into())));
    assert_eq!(ask(&memory, 1, Err(TokenDenial::Inactive.into()), 60).await, Ok(Err(TokenDenial::Inactive.into())));
    assert_eq!(memory.look(&[1; 32]), Some(Err(TokenDenial::Inactive.into())), "the newer word counts");
}

#[tokio::test]
async fn a_panic_answers_those_who_wait_s252() {
    let memory = memory(10);
    let asked = memory.ask([1; 32], async { panic!("a bug") });
    assert_eq!(asked.await, Err(Outage::Internal));
    assert!(memory.flights.is_empty());
}

#[tokio::test(start_paused = true)]
async fn whoever_asked_first_may_go_away() {
    let memory = memory(10);
    let question = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok((Fresh { verdict: Ok(9), keep: Duration::from_secs(10) }, [1; 32]))
    };
    let gone = tokio::time::timeout(Duration::from_millis(1), memory.ask([1; 32], question));
    assert!(gone.await.is_err());
    assert_eq!(ask(&memory, 1, Ok(0), 1).await, Ok(Ok(Arc::new(9))), "it joined the first question");
}
