//! What a value means, by where it stands.
//!
//! Not by the type of the event or the object: what is new tomorrow has its ids in the same places.

/// A place in a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The body of a request, and everything in it that is not [`Self::Data`].
    Request,
    /// An id that the caller names: to be opened.
    Named,
    /// The body of an answer: a response, what became of one, or a list.
    Body,
    /// The body of an answer that reports a failure.
    Failure,
    /// The data of an event.
    Event,
    /// The response that an event tells of.
    Response,
    /// Anything in an answer that has no meaning of its own. A text may be an id, or link to one.
    Inner,
    /// What a body tells several of, if it is a list.
    List,
    /// An element of a list, and everything in it. Nobody says whose it is: what is not known from elsewhere
    /// is not the caller's.
    Listed,
    /// A response's id in a list.
    ListedId,
    /// A response's id, whatever it looks like: to be sealed.
    Id,
    /// An `id`: a response's when it looks like one, or is known.
    MaybeId,
    /// What somebody wrote about the request: it may quote the id that the upstream was sent.
    Report,
    /// What the model or the caller wrote, if it is a text; else like [`Self::Inner`].
    Words,
    /// Data of the caller or the model. Not looked at: what looks like an id there is none (S-220).
    Data,
}

impl Place {
    /// The place of a member, by its name without escapes.
    pub(super) fn member(self, name: &str) -> Self {
        match self {
            Self::Request | Self::Named if name == "previous_response_id" => Self::Named,
            Self::Request | Self::Named if is_data(name) => Self::Data,
            Self::Request | Self::Named => Self::Request,
            Self::Data => Self::Data,
            Self::Listed | Self::ListedId if is_response_id(name) => Self::ListedId,
            _ if is_response_id(name) => Self::Id,
            Self::Body | Self::Response if name == "id" => Self::Id,
            Self::Report => Self::Report,
            Self::Listed | Self::ListedId if name == "id" => Self::Listed,
            _ if name == "id" => Self::MaybeId,
            Self::Failure => Self::Report,
            _ if matches!(name, "error" | "errors" | "detail" | "message" | "incomplete_details") => self.report(name),
            Self::Body | Self::Event if name == "response" => Self::Response,
            _ if is_data(name) => Self::Data,
            Self::Listed | Self::ListedId if is_words(name) => Self::Data,
            Self::Listed | Self::ListedId => Self::Listed,
            Self::Body if name == "data" => Self::List,
            Self::Body if matches!(name, "first_id" | "last_id" | "next" | "previous") => Self::Listed,
            Self::Body | Self::Event | Self::Response if name == "output" => Self::Inner,
            _ if is_words(name) => Self::Words,
            Self::Body
            | Self::Event
            | Self::Response
            | Self::Inner
            | Self::List
            | Self::Words
            | Self::Id
            | Self::MaybeId => Self::Inner,
        }
    }

    /// `message` is a report on the outside only; further in it is one of the conversation.
    fn report(self, name: &str) -> Self {
        if name != "message" || matches!(self, Self::Body | Self::Event) {
            Self::Report
        } else if matches!(self, Self::Listed | Self::ListedId) {
            Self::Listed
        } else {
            Self::Inner
        }
    }

    /// The place of an element.
    pub(super) fn element(self) -> Self {
        match self {
            Self::Request | Self::Report | Self::Data | Self::Words => self,
            Self::Named => Self::Request,
            Self::Failure => Self::Report,
            Self::Body | Self::List | Self::Listed | Self::ListedId => Self::Listed,
            Self::Event | Self::Response | Self::Inner | Self::Id | Self::MaybeId => Self::Inner,
        }
    }

    /// Whether a text here is read before it is passed on.
    pub(super) fn is_read(self) -> bool {
        !matches!(self, Self::Request | Self::Words | Self::Data)
    }

    /// Whether a text here reports something, and may be of any length.
    pub(super) fn is_report(self) -> bool {
        matches!(self, Self::Report | Self::Body | Self::Failure | Self::Event)
    }

    /// Whether there is nothing here but a text or `null`.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Named | Self::Id | Self::ListedId)
    }

    /// Whether a name could be taken, by a lenient reader, for one that is opened.
    pub(super) fn is_look_alike(self, name: &str) -> bool {
        let member = matches!(self, Self::Request | Self::Named);
        member && name != "previous_response_id" && squeeze(name) == "previousresponseid"
    }

    /// Whether a member of this name decides something here, so that it must not come twice.
    pub(super) fn decides(self, name: &str) -> Option<Single> {
        if self == Self::Data {
            return None;
        }
        match name {
            "id" => Some(Single::Id),
            "response" => Some(Single::Response),
            "response_id" => Some(Single::ResponseId),
            "previous_response_id" => Some(Single::PreviousResponseId),
            _ => None,
        }
    }
}

/// Members that must not come twice in one object: readers differ in which of the two counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Single {
    Id = 1,
    Response = 2,
    ResponseId = 4,
    PreviousResponseId = 8,
}

/// What the caller or the model provides, and the API hands through.
fn is_data(name: &str) -> bool {
    matches!(
        name,
        "input"
            | "instructions"
            | "messages"
            | "metadata"
            | "tools"
            | "tool_choice"
            | "text"
            | "prompt"
            | "arguments"
            | "attributes"
            | "logprobs"
            | "delta"
    )
}

/// What is the caller's or the model's where it is a text: a function may be called anything.
fn is_words(name: &str) -> bool {
    matches!(
        name,
        "name"
            | "output"
            | "refusal"
            | "code"
            | "logs"
            | "query"
            | "queries"
            | "filename"
            | "model"
            | "user"
            | "safety_identifier"
            | "prompt_cache_key"
    )
}

fn is_response_id(name: &str) -> bool {
    matches!(squeeze(name).as_str(), "previousresponseid" | "responseid")
}

/// Letters and digits, in lower case: how a name is compared that may be spelled in several ways.
fn squeeze(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Longest name that means something, with every character escaped. Longer ones are not kept.
pub(super) const MAX_NAME: usize = 6 * "previous_response_id".len();

#[cfg(test)]
mod tests {
    use super::*;

    fn place(root: Place, path: &str) -> Place {
        path.split('.').fold(root, |place, name| if name == "[]" { place.element() } else { place.member(name) })
    }

    #[test]
    fn ids_are_where_the_api_puts_them_s219() {
        for (root, path, expected) in [
            (Place::Body, "id", Place::Id),
            (Place::Body, "previous_response_id", Place::Id),
            (Place::Body, "data.[].id", Place::Listed),
            (Place::Body, "data.[].response_id", Place::ListedId),
            (Place::Body, "data.[].a.[].response_id", Place::ListedId),
            (Place::Body, "[].id", Place::Listed),
            (Place::Body, "first_id", Place::Listed),
            (Place::Body, "data.id", Place::MaybeId),
            (Place::Body, "output.[].name", Place::Words),
            (Place::Body, "output.[].output", Place::Words),
            (Place::Body, "output.[].output.[].response_id", Place::Id),
            (Place::Body, "output.[].poll_url", Place::Inner),
            (Place::Body, "metadata.id", Place::Data),
            (Place::Body, "metadata.previous_response_id", Place::Data),
            (Place::Body, "error.message", Place::Report),
            (Place::Body, "output.[].message.id", Place::MaybeId),
            (Place::Event, "id", Place::MaybeId),
            (Place::Event, "response.id", Place::Id),
            (Place::Event, "response.previous_response_id", Place::Id),
            (Place::Event, "response.output.[].id", Place::MaybeId),
            (Place::Event, "response.error.message", Place::Report),
            (Place::Event, "response.metadata.id", Place::Data),
            (Place::Event, "item.response_id", Place::Id),
            (Place::Event, "item.responseId", Place::Id),
            (Place::Event, "item.content.[].text.id", Place::Data),
            (Place::Event, "future.deeper.previous_response_id", Place::Id),
            (Place::Event, "message", Place::Report),
            (Place::Failure, "error.details.[].message", Place::Report),
            (Place::Failure, "detail", Place::Report),
            (Place::Failure, "id", Place::MaybeId),
            (Place::Failure, "error.previous_response_id", Place::Id),
            (Place::Request, "previous_response_id", Place::Named),
            (Place::Request, "extra_body.previous_response_id", Place::Named),
            (Place::Request, "response.previous_response_id", Place::Named),
            (Place::Request, "list.[].previous_response_id", Place::Named),
            (Place::Request, "input.[].previous_response_id", Place::Data),
            (Place::Request, "metadata.previous_response_id", Place::Data),
            (Place::Request, "id", Place::Request),
        ] {
            assert_eq!(place(root, path), expected, "{root:?} {path}");
        }
    }

    #[test]
    fn other_spellings_of_a_name_are_look_alikes() {
        for name in ["Previous_Response_Id", "previousResponseId", "previous-response-id", "previous_response_id "] {
            assert!(Place::Request.is_look_alike(name), "{name}");
            assert!(!Place::Data.is_look_alike(name), "{name}");
        }
        assert!(!Place::Request.is_look_alike("previous_response_id"));
    }
}
