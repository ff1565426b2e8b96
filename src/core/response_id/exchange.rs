//! One request and its answer: which ids were opened, and for whom the others are sealed.

use std::fmt;
use std::sync::Arc;

use memchr::memmem;
use thiserror::Error;

use super::PREFIX;
use super::access::{AccessError, Admitted, ResponseIds};
use super::open::Opened;
use super::owner::{Caller, Name, Owner};
use super::place::Place;
use super::plain::PlainId;
use super::quote::{self, BLANK, Quoted, Replacement};

/// Most ids that one request may name.
const MAX_NAMED: usize = 8;
/// Most sealed ids that are kept.
const MAX_RECENT: usize = 8;

/// Why a text cannot be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EditError {
    /// Not JSON, not an event stream, or more than one of them.
    #[error("malformed")]
    Malformed,
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Nested too deeply.
    #[error("nested too deeply")]
    TooDeep,
    /// An id, an event or a message is longer than is kept.
    #[error("too long")]
    TooLong,
    /// A member that decides comes twice, or under a name that some readers take for it; or the request
    /// names too many ids.
    #[error("ambiguous member")]
    Ambiguous,
    /// An id is no text.
    #[error("an id that is no text")]
    NotText,
    /// The caller may not use an id.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The upstream's id cannot be sealed.
    #[error("an id that cannot be sealed")]
    Unsealable,
}

/// The ids of one request and its answer.
pub struct Exchange {
    ids: Arc<ResponseIds>,
    caller: Caller,
    upstream: Option<Name>,
    /// Whom responses belong to that the request did not name.
    owner: Owner,
    named: Vec<Named>,
    /// In how many places of the request an id was opened.
    openings: usize,
    /// The ids sealed last, and what they became: an event stream repeats them.
    recent: Vec<(PlainId, String)>,
}

/// An id that the request named.
struct Named {
    shown: String,
    admitted: Admitted,
}

impl Named {
    /// Whether the caller knows the plain id.
    fn is_shown_plain(&self) -> bool {
        self.shown == self.admitted.inner.expose()
    }
}

impl Exchange {
    /// A request to `upstream`. `subject` is the id of the response it is about, as the caller wrote it,
    /// where it is about one: what the answer tells belongs to that one's owner, whoever asks (R7).
    pub fn new(
        ids: Arc<ResponseIds>,
        caller: Caller,
        upstream: Option<Name>,
        subject: Option<&str>,
    ) -> Result<Self, AccessError> {
        let owner = caller.owner().clone();
        let mut exchange = Self { ids, caller, upstream, owner, named: Vec::new(), openings: 0, recent: Vec::new() };
        if let Some(shown) = subject {
            let admitted = exchange.ids.admit(shown, &exchange.caller, exchange.upstream.as_ref())?;
            exchange.owner = admitted.owner.clone();
            exchange.named.push(Named { shown: shown.to_owned(), admitted });
        }
        Ok(exchange)
    }

    /// Takes an id that the request names elsewhere: the body has the plain one by now.
    pub fn name(&mut self, shown: &str) -> Result<(), EditError> {
        self.open(shown).map(drop)
    }

    /// The ids that the request named, the one it is about first: as the caller wrote each, and as the
    /// provider knows it.
    pub fn named(&self) -> impl ExactSizeIterator<Item = (&str, &PlainId)> {
        self.named.iter().map(|named| (named.shown.as_str(), &named.admitted.inner))
    }

    /// In how many places beside its path the request named an id.
    #[must_use]
    pub fn openings(&self) -> usize {
        self.openings
    }

    /// What stands in place of a text, or of parts of it. Every other byte stays.
    pub(super) fn edit(&mut self, place: Place, text: &str) -> Result<Vec<Replacement>, EditError> {
        let all = |id| Replacement::all_of(text, id);
        match place {
            // LiteLLM reads an empty id as none (§2).
            _ if text.is_empty() => Ok(Vec::new()),
            Place::Named => self.open(text).map(all),
            Place::Id => self.seal(text).map(all),
            Place::MaybeId if text.starts_with(PREFIX) || self.knows(text) => self.seal(text).map(all),
            Place::Listed | Place::ListedId if self.knows(text) => self.seal(text).map(all),
            Place::ListedId => Ok(all(BLANK.to_owned())),
            // A body that is nothing but a text reports something.
            Place::Report | Place::Body | Place::Failure | Place::Event => Ok(self.report(text.as_bytes(), true).0),
            Place::Inner | Place::Response | Place::List | Place::Listed => self.links(place, text),
            Place::MaybeId | Place::Request | Place::Words | Place::Data => Ok(Vec::new()),
        }
    }

    /// Whether bytes contain an id that is not for the caller's eyes.
    pub(super) fn is_told_in(&self, bytes: &[u8]) -> bool {
        let named = self.named.iter().filter(|named| !named.is_shown_plain()).map(|named| &named.admitted.inner);
        let mut secrets = named.chain(self.recent.iter().map(|(inner, _)| inner));
        secrets.any(|id| memmem::find(bytes, id.expose().as_bytes()).is_some())
    }

    /// Ids in a report: one that the request named is written as the caller wrote it, one that the answer told
    /// is sealed, any other is blanked. Also how many bytes are decided; all, where the text is `whole`.
    pub(super) fn report(&self, text: &[u8], whole: bool) -> (Vec<Replacement>, usize) {
        let named = self.named.iter().map(|named| {
            let shown = (!named.is_shown_plain()).then_some(named.shown.as_str());
            (named.admitted.inner.expose(), shown)
        });
        let recent = self.recent.iter().map(|(inner, sealed)| (inner.expose(), Some(sealed.as_str())));
        // The longest first: one may begin with another.
        let mut known: Vec<_> = named.chain(recent).collect();
        known.sort_by_key(|(id, _)| std::cmp::Reverse(id.len()));
        let known = known.into_iter().map(|(id, instead)| Quoted::new(id, instead)).collect();
        quote::in_report(text, whole, known, |id| matches!(self.ids.open(id), Opened::Managed(_)))
    }

    /// Ids in a text whose meaning nobody knows, where it is one or links to one. In a list of what is not the
    /// caller's for certain, those that are not known are blanked.
    fn links(&mut self, place: Place, text: &str) -> Result<Vec<Replacement>, EditError> {
        let ids = quote::in_link(text).into_iter().map(|range| {
            let id = text.get(range.clone()).unwrap_or_default();
            let foreign = place == Place::Listed && !self.knows(id);
            let text = if foreign { BLANK.to_owned() } else { self.seal(id)? };
            Ok(Replacement { range, text })
        });
        ids.collect()
    }

    fn open(&mut self, shown: &str) -> Result<String, EditError> {
        self.openings += 1;
        if let Some(named) = self.named.iter().find(|named| named.shown == shown) {
            return Ok(named.admitted.inner.expose().to_owned());
        }
        if self.named.len() == MAX_NAMED {
            return Err(EditError::Ambiguous);
        }
        let admitted = self.ids.admit(shown, &self.caller, self.upstream.as_ref())?;
        let inner = admitted.inner.expose().to_owned();
        self.named.push(Named { shown: shown.to_owned(), admitted });
        Ok(inner)
    }

    fn seal(&mut self, text: &str) -> Result<String, EditError> {
        if let Some((_, sealed)) = self.recent.iter().find(|(inner, _)| inner.expose() == text) {
            return Ok(sealed.clone());
        }
        let inner = PlainId::parse(text).ok_or(EditError::Unsealable)?;
        let named = self.named.iter().find(|named| named.admitted.inner == inner);
        let owner = named.map_or(&self.owner, |named| &named.admitted.owner);
        let sealed = self.ids.seal(&inner, owner, self.upstream.as_ref()).map_err(|_| EditError::Unsealable)?;
        if self.recent.len() == MAX_RECENT {
            self.recent.remove(0);
        }
        self.recent.push((inner, sealed.clone()));
        Ok(sealed)
    }

    fn knows(&self, text: &str) -> bool {
        self.named.iter().any(|named| named.admitted.inner.expose() == text)
            || self.recent.iter().any(|(inner, _)| inner.expose() == text)
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("owner", &self.owner).field("named", &self.named.len()).finish_non_exhaustive()
    }
}
