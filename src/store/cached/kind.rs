//! The kinds of records a directory has.

use std::hash::Hash;
use std::sync::atomic::Ordering;

use super::shelf::Shelf;
use super::{AlsoKnownAs, Answer, ClaimValue, Directory, Inner, Resolved, Standing};
use crate::core::budget::Budget;
use crate::core::credential::KeyHash;
use crate::core::record::{EndUser, KeyRecord, Tag};

/// A kind of record: its shelf, and how the directory is asked for one.
pub(super) trait Kind<D>: 'static {
    type Key: Hash + Eq + Clone + Send + Sync + 'static;
    type Record: Send + Sync + 'static;

    fn shelf(inner: &Inner<D>) -> &Shelf<Self::Key, Self::Record>;
    fn ask(directory: &D, key: &Self::Key) -> impl Future<Output = Answer<Self::Record>> + Send;

    /// Called before a record is kept.
    fn noted(_inner: &Inner<D>, _key: &Self::Key, _record: &Self::Record) {}
}

pub(super) struct Keys;
pub(super) struct EndUsers;
pub(super) struct Tags;
pub(super) struct People;
pub(super) struct Proxy;
pub(super) struct Standings;
pub(super) struct Names;
pub(super) struct Mappings;

impl<D: Directory + Sync> Kind<D> for Keys {
    type Key = KeyHash;
    type Record = KeyRecord;

    fn shelf(inner: &Inner<D>) -> &Shelf<KeyHash, KeyRecord> {
        &inner.keys
    }

    fn ask(directory: &D, key: &KeyHash) -> impl Future<Output = Answer<KeyRecord>> + Send {
        directory.key(key)
    }

    fn noted(inner: &Inner<D>, hash: &KeyHash, record: &KeyRecord) {
        if record.hash != *hash {
            inner.graced.store(true, Ordering::Release);
        }
    }
}

impl<D: Directory + Sync> Kind<D> for EndUsers {
    type Key = Box<str>;
    type Record = EndUser;

    fn shelf(inner: &Inner<D>) -> &Shelf<Box<str>, EndUser> {
        &inner.end_users
    }

    fn ask(directory: &D, key: &Box<str>) -> impl Future<Output = Answer<EndUser>> + Send {
        directory.end_user(key)
    }
}

impl<D: Directory + Sync> Kind<D> for Tags {
    type Key = Box<str>;
    type Record = Tag;

    fn shelf(inner: &Inner<D>) -> &Shelf<Box<str>, Tag> {
        &inner.tags
    }

    fn ask(directory: &D, key: &Box<str>) -> impl Future<Output = Answer<Tag>> + Send {
        directory.tag(key)
    }
}

impl<D: Directory + Sync> Kind<D> for People {
    type Key = Box<str>;
    type Record = ();

    fn shelf(inner: &Inner<D>) -> &Shelf<Box<str>, ()> {
        &inner.people
    }

    fn ask(directory: &D, key: &Box<str>) -> impl Future<Output = Answer<()>> + Send {
        directory.known(key)
    }
}

impl<D: Directory + Sync> Kind<D> for Proxy {
    type Key = ();
    type Record = Budget;

    fn shelf(inner: &Inner<D>) -> &Shelf<(), Budget> {
        &inner.proxy
    }

    fn ask(directory: &D, (): &()) -> impl Future<Output = Answer<Budget>> + Send {
        directory.proxy()
    }
}

impl<D: Directory + Sync> Kind<D> for Standings {
    type Key = Standing;
    type Record = KeyRecord;

    fn shelf(inner: &Inner<D>) -> &Shelf<Standing, KeyRecord> {
        &inner.standings
    }

    fn ask(directory: &D, key: &Standing) -> impl Future<Output = Answer<KeyRecord>> + Send {
        directory.standing(key)
    }
}

impl<D: Directory + Sync> Kind<D> for Names {
    type Key = AlsoKnownAs;
    type Record = Resolved;

    fn shelf(inner: &Inner<D>) -> &Shelf<AlsoKnownAs, Resolved> {
        &inner.names
    }

    fn ask(directory: &D, key: &AlsoKnownAs) -> impl Future<Output = Answer<Resolved>> + Send {
        directory.resolve(key)
    }
}

impl<D: Directory + Sync> Kind<D> for Mappings {
    type Key = ClaimValue;
    type Record = KeyHash;

    fn shelf(inner: &Inner<D>) -> &Shelf<ClaimValue, KeyHash> {
        &inner.mappings
    }

    fn ask(directory: &D, key: &ClaimValue) -> impl Future<Output = Answer<KeyHash>> + Send {
        directory.mapped_key(key)
    }
}
