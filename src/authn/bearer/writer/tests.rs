use std::path::PathBuf;

use super::*;
use crate::authn::bearer::KeyTemplate;
use crate::authn::bearer::writes::Registration;
use crate::core::jwt::moment::Seconds;
use crate::core::record::Role;

/// A writer that never runs: what it would write is in its queue.
struct Waiting {
    writer: Writer,
    queued: Receiver<Write>,
}

fn writer() -> Writer {
    Writer::new(Place::Sqlite(PathBuf::from("never-opened")))
}

impl Waiting {
    fn new() -> Self {
        let writer = writer();
        let queued = writer.queue.waiting.lock().unwrap().take().unwrap();
        Self { writer, queued }
    }

    /// What is queued for these writes.
    fn brings(&mut self, writes: &[Write]) -> Vec<String> {
        self.writer.take(writes.to_vec()).unwrap();
        std::iter::from_fn(|| self.queued.try_recv().ok()).map(|write| short(&write)).collect()
    }
}

fn short(write: &Write) -> String {
    match write {
        Write::Role { role, .. } => role.as_str().to_owned(),
        Write::Teams { teams, .. } => teams.join(" "),
        Write::Join { team, .. } => format!("join {team}"),
        Write::User { .. } | Write::Team { .. } | Write::Register(_) => write.name(),
    }
}

const VIEWER: Role = Role::InternalUserViewer;
const USER: Role = Role::InternalUser;

fn role(role: Role, issued: impl Into<Option<i64>>) -> Write {
    Write::Role { user: "ada".to_owned(), role, issued: issued.into().map(Seconds), is_there: false }
}

/// The row has it already.
fn seen(of_row: Role, issued: impl Into<Option<i64>>) -> Write {
    Write::Role { user: "ada".to_owned(), role: of_row, issued: issued.into().map(Seconds), is_there: true }
}

fn teams(teams: &[&str], issued: impl Into<Option<i64>>) -> Write {
    let teams = teams.iter().map(|team| (*team).to_owned()).collect();
    Write::Teams { user: "ada".to_owned(), teams, issued: issued.into().map(Seconds) }
}

fn join(team: &str, issued: impl Into<Option<i64>>) -> Write {
    Write::Join { user: "ada".to_owned(), team: team.to_owned(), issued: issued.into().map(Seconds) }
}

const NOTHING: [&str; 0] = [];

#[tokio::test(start_paused = true)]
async fn the_later_token_counts_at_once_and_an_older_one_never_again() {
    let mut waiting = Waiting::new();
    assert_eq!(waiting.brings(&[role(VIEWER, 10), teams(&["red"], 10)]), ["internal_user_viewer", "red"]);
    assert_eq!(waiting.brings(&[role(USER, 20), teams(&["blue"], 20)]), ["internal_user", "blue"]);
    for _ in 0..5 {
        assert_eq!(waiting.brings(&[role(VIEWER, 10), teams(&["red"], 10)]), NOTHING);
        assert_eq!(waiting.brings(&[role(USER, 20), teams(&["blue"], 20)]), NOTHING);
        tokio::time::advance(Duration::from_secs(20)).await;
    }
    tokio::time::advance(Duration::from_hours(1)).await;
    assert_eq!(waiting.brings(&[role(VIEWER, 10), teams(&["red"], 10)]), NOTHING, "however late");
    assert_eq!(
        waiting.brings(&[role(USER, 20), teams(&["blue"], 20)]),
        ["internal_user", "blue"],
        "if the row differs"
    );
    assert_eq!(waiting.brings(&[role(VIEWER, 30), teams(&["red"], 30)]), ["internal_user_viewer", "red"], "and back");
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_said_again_is_as_new_as_the_last_token_that_says_it() {
    let mut waiting = Waiting::new();
    assert_eq!(waiting.brings(&[teams(&["red", "blue"], 10)]), ["red blue"]);
    assert_eq!(waiting.brings(&[teams(&["blue", "red"], 30)]), NOTHING, "in whatever order");
    assert_eq!(waiting.brings(&[teams(&["red"], 20)]), NOTHING);
    assert_eq!(waiting.brings(&[teams(&[], 31)]), [""]);
    // The oldest token says again what is the last word: that is written, and does not make the last word older.
    assert_eq!(waiting.brings(&[teams(&["red", "blue"], 40)]), ["red blue"]);
    tokio::time::advance(Duration::from_mins(6)).await;
    assert_eq!(waiting.brings(&[teams(&["red", "blue"], 10)]), ["red blue"]);
    assert_eq!(waiting.brings(&[teams(&["green"], 39)]), NOTHING);
}

#[tokio::test(start_paused = true)]
async fn tokens_that_cannot_be_told_apart_take_turns_of_five_minutes() {
    for issued in [Some(10), None] {
        let mut waiting = Waiting::new();
        assert_eq!(waiting.brings(&[role(VIEWER, issued)]), ["internal_user_viewer"]);
        let mut count = 0;
        for _ in 0..60 {
            count += waiting.brings(&[role(USER, issued), role(VIEWER, issued)]).len();
            tokio::time::advance(Duration::from_secs(10)).await;
        }
        assert_eq!(count, 1, "in ten minutes, {issued:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_does_not_say_when_it_was_issued_is_older_than_one_that_does() {
    let mut waiting = Waiting::new();
    assert_eq!(waiting.brings(&[role(VIEWER, None)]), ["internal_user_viewer"]);
    assert_eq!(waiting.brings(&[role(USER, 10)]), ["internal_user"]);
    tokio::time::advance(Duration::from_hours(1)).await;
    assert_eq!(waiting.brings(&[role(VIEWER, None)]), NOTHING);
}

#[tokio::test(start_paused = true)]
async fn what_the_row_says_already_is_remembered_and_not_written() {
    let mut waiting = Waiting::new();
    assert_eq!(waiting.brings(&[seen(USER, 20)]), NOTHING);
    assert_eq!(waiting.brings(&[role(VIEWER, 10)]), NOTHING, "the older token comes second");
    assert_eq!(waiting.brings(&[role(USER, 20)]), ["internal_user"], "the row was changed: nothing holds it up");
    // The row that was looked at is older than what is in the queue.
    assert_eq!(waiting.brings(&[role(VIEWER, 30), seen(USER, 40)]), ["internal_user_viewer", "internal_user"]);
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_tried_again_and_is_still_the_last_word() {
    let mut waiting = Waiting::new();
    let later = role(USER, 20);
    assert_eq!(waiting.brings(std::slice::from_ref(&later)), ["internal_user"]);
    waiting.writer.queue.shared.note(&later, true);
    assert_eq!(waiting.brings(&[later.clone(), role(VIEWER, 10)]), NOTHING);
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!(waiting.brings(&[role(VIEWER, 10), later]), ["internal_user"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_written_late_does_not_hide_what_was_queued_since() {
    let mut waiting = Waiting::new();
    let (earlier, later) = (role(VIEWER, 10), role(USER, 20));
    assert_eq!(waiting.brings(&[earlier.clone(), later.clone()]), ["internal_user_viewer", "internal_user"]);
    for failed in [true, false] {
        waiting.writer.queue.shared.note(&earlier, failed);
        assert_eq!(waiting.brings(&[earlier.clone(), later.clone()]), NOTHING, "failed: {failed}");
    }
    // The same value of a token that came while the first was being written.
    assert_eq!(waiting.brings(&[role(USER, 30)]), NOTHING);
    waiting.writer.queue.shared.note(&later, false);
    assert_eq!(waiting.brings(&[role(VIEWER, 25)]), NOTHING);
}

#[tokio::test(start_paused = true)]
async fn nobody_enters_a_team_again_by_a_token_older_than_the_teams() {
    let mut waiting = Waiting::new();
    assert_eq!(waiting.brings(&[join("red", 10), teams(&["red"], 10)]), ["join red", "red"]);
    assert_eq!(waiting.brings(&[join("blue", 20), teams(&["blue"], 20)]), ["join blue", "blue"]);
    tokio::time::advance(Duration::from_hours(1)).await;
    assert_eq!(waiting.brings(&[join("red", 10), join("red", None)]), NOTHING);
    assert_eq!(waiting.brings(&[join("red", 20)]), ["join red"]);
}

#[tokio::test(start_paused = true)]
async fn what_finds_no_room_is_brought_again_and_is_the_last_word() {
    let mut waiting = Waiting::new();
    let team = |number: usize| Write::Team { id: number.to_string() };
    waiting.writer.take((0..QUEUE).map(team).collect()).unwrap();
    waiting.writer.take(vec![role(USER, 20)]).unwrap();
    assert_eq!(waiting.writer.counts().dropped.load(Ordering::Relaxed), 1);
    assert_eq!(waiting.brings(&[]).len(), QUEUE);
    assert_eq!(waiting.brings(&[role(VIEWER, 10)]), NOTHING);
    assert_eq!(waiting.brings(&[role(USER, 20)]), ["internal_user"]);
}

#[tokio::test(start_paused = true)]
async fn a_reload_forgets_nothing() {
    let mut waiting = Waiting::new();
    assert_eq!(waiting.brings(&[role(USER, 20)]), ["internal_user"]);
    let mut next = writer();
    next.succeed(&waiting.writer);
    waiting.writer = next;
    assert_eq!(waiting.brings(&[role(VIEWER, 10)]), NOTHING);
}

fn registration() -> Write {
    let (name, value) = ("https://idp client".to_owned(), "c1".to_owned());
    Write::Register(Box::new(Registration { name, value, user: None, template: Arc::new(KeyTemplate::default()) }))
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_to_be_seen_in_time_is_an_outage() {
    let waiting = Waiting::new();
    let ask = || waiting.writer.take(vec![registration()]);
    assert_eq!(ask(), Ok(()));
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(ask(), Ok(()));
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(ask(), Err(Outage::RegistrationFailed));
    // It is written again after a while, and what failed is a failure until it is.
    tokio::time::advance(Duration::from_mins(5)).await;
    assert_eq!(ask(), Err(Outage::RegistrationFailed));
    assert_eq!(ask(), Err(Outage::RegistrationFailed));
    waiting.writer.queue.shared.note(&registration(), false);
    assert_eq!(ask(), Ok(()));
}
