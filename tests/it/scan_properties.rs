//! The scan of a body agrees with `serde_json` about what it says.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use tollgate::core::ask::rules::RequestRules;
use tollgate::core::ask::{self, Ask, BodyLimits, Reading};
use tollgate::core::deny::DenyReason;
use tollgate::core::request::{BodyView, Fidelity, HeaderView, RequestView};
use tollgate::core::route::{Match, Method, RouteTable};

/// A JSON text as `serde_json` understands it, members that come twice included.
#[derive(Debug, Clone, PartialEq)]
enum Tree {
    Null,
    Bool,
    Number(String),
    Text(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Grow)
    }
}

struct Grow;

impl<'de> Visitor<'de> for Grow {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Tree, E> {
        Ok(Tree::Bool)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Number(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Number(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
        Ok(Tree::Number(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Tree::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Tree::Object(members))
    }
}

impl Tree {
    /// Every value of a member, of an object or of a text that is one.
    fn all(&self, name: &str) -> Vec<Self> {
        match self {
            Self::Object(members) => {
                members.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
            }
            Self::Text(text) => match serde_json::from_str(text) {
                Ok(Self::Text(_)) | Err(_) => Vec::new(),
                Ok(inner) => inner.all(name),
            },
            Self::Null | Self::Bool | Self::Number(_) | Self::List(_) => Vec::new(),
        }
    }

    /// Every value of a member of a member.
    fn below(&self, outer: &str, name: &str) -> Vec<Self> {
        self.all(outer).iter().flat_map(|value| value.all(name)).collect()
    }

    /// The same, of the body and of what it wants merged into the request.
    fn everywhere(&self, outer: &str, name: &str) -> Vec<Self> {
        let merged = self.all("extra_body");
        let merged = merged.iter().flat_map(|merged| merged.below(outer, name));
        self.below(outer, name).into_iter().chain(merged).collect()
    }

    fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The models a member names; `None` for what is no model.
    fn models(&self) -> Option<String> {
        let text = match self {
            Self::Null => String::new(),
            Self::Text(text) => text.clone(),
            Self::List(list) => list.iter().map(Self::text).collect::<Option<Vec<_>>>()?.join(","),
            Self::Bool | Self::Number(_) | Self::Object(_) => return None,
        };
        Some(text.trim_matches([' ', '\t', '\r', '\n']).to_owned())
    }

    /// The one model of a body; `None` when it names none, or not one.
    fn model(&self) -> Option<String> {
        let sources = [self.all("model"), self.below("extra_body", "model")];
        let sources: Option<BTreeSet<_>> = sources.iter().flatten().map(Self::models).collect();
        let sources: Vec<_> = sources?.into_iter().filter(|model| !model.is_empty()).collect();
        if sources.len() == 1 { sources.into_iter().next() } else { None }
    }

    /// Whom a body names, by the first member that is usable. What has two values has none.
    fn user(&self) -> Option<String> {
        let members = [
            self.all("user"),
            self.everywhere("litellm_metadata", "user"),
            self.everywhere("metadata", "user_id"),
            self.all("safety_identifier"),
        ];
        let found = members.into_iter().find_map(|values| match values.split_first() {
            Some((first, rest)) if rest.iter().all(|value| value == first) => match first {
                Self::Number(number) => Some(number.clone()),
                Self::Text(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
                Self::Null | Self::Bool | Self::List(_) | Self::Object(_) => None,
            },
            _ => None,
        });
        found.filter(|user| user.len() <= 256)
    }

    /// Whether every reader understands the same: an object without a name that comes twice at its top, or
    /// one that some take for `model`, and whose texts of JSON are JSON.
    fn has_one_reading(&self) -> bool {
        let Self::Object(members) = self else { return false };
        let names: BTreeSet<_> = members.iter().map(|(name, _)| name).collect();
        let plain = |name: &str| name.chars().filter(|c| !c.is_control()).collect::<String>();
        let similar = |name: &str| name != "model" && plain(name).eq_ignore_ascii_case("model");
        let broken = |value: &Self| match value {
            Self::Text(text) => {
                text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<Self>(text).is_err()
            }
            Self::Null | Self::Bool | Self::Number(_) | Self::List(_) | Self::Object(_) => false,
        };
        let merged = ["metadata", "litellm_metadata"].map(|name| self.below("extra_body", name));
        names.len() == members.len()
            && !members.iter().any(|(name, value)| similar(name) || (PARSED.contains(&name.as_str()) && broken(value)))
            && !merged.iter().flatten().any(broken)
    }

    fn tags(&self) -> BTreeSet<String> {
        let places = [
            self.all("tags"),
            self.below("extra_body", "tags"),
            self.everywhere("metadata", "tags"),
            self.everywhere("litellm_metadata", "tags"),
        ];
        let mut tags = BTreeSet::new();
        for value in places.iter().flatten() {
            match value {
                Self::Text(text) => tags.extend(text.split(',').map(|tag| tag.trim().to_owned())),
                Self::List(list) => tags.extend(list.iter().filter_map(Self::text).map(|tag| tag.trim().to_owned())),
                Self::Null | Self::Bool | Self::Number(_) | Self::Object(_) => {}
            }
        }
        tags.remove("");
        tags
    }
}

/// `SplitMix64`: the same bodies every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

const TEXTS: &[&str] = &[
    "gpt-4o",
    "gpt-4o",
    "a,b",
    " gpt-4o ",
    "",
    " ",
    "Zoë",
    "\u{1f600}",
    "\u{feff}",
    "a\"b",
    "\\",
    "\n",
    "\u{0}",
    "/",
    "e",
    "{}",
    "{\"tags\":[\"t\"]}",
    "[1]",
    "{bad",
    "os.environ/X",
    "\u{2028}",
];
const NUMBERS: &[&str] =
    &["0", "-0", "1", "-1", "1.5", "1e3", "1E-2", "18446744073709551616", "9223372036854775808", "1e308"];
const BAD_NUMBERS: &[&str] = &["01", "+1", "1.", ".5", "NaN", "-Infinity", "0x1", "1e", "--1"];
/// Members whose texts are read as JSON.
const PARSED: [&str; 3] = ["metadata", "litellm_metadata", "extra_body"];
const NAMES: &[&str] = &[
    "model",
    "user",
    "metadata",
    "litellm_metadata",
    "tags",
    "user_id",
    "safety_identifier",
    "extra_body",
    "messages",
    "content",
    "a",
    "",
    "Model",
    "b",
];

fn text(random: &mut Random, text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if random.one_in(12) && u32::from(c) < 0x1_0000 => write!(out, "\\u{:04x}", u32::from(c)).unwrap(),
            '\n' => out.push_str("\\n"),
            '/' if random.one_in(2) => out.push_str("\\/"),
            c if u32::from(c) < 0x20 => write!(out, "\\u{:04X}", u32::from(c)).unwrap(),
            c => out.push(c),
        }
    }
    if random.one_in(60) {
        out.push_str(random.pick(&["\\ud83d\\ude00", "\\ud83d", "\\x", "\t", "\\u12"]));
    }
    out.push('"');
}

fn space(random: &mut Random, out: &mut String) {
    if random.one_in(6) {
        out.push_str(random.pick(&[" ", "\n", "\t\r", "  "]));
    }
}

fn value(random: &mut Random, depth: usize, out: &mut String) {
    space(random, out);
    let kinds = if depth > 3 { 6 } else { 10 };
    match random.below(kinds) {
        0 => out.push_str(random.pick(&["null", "true", "false"])),
        1 if random.one_in(15) => out.push_str(random.pick(BAD_NUMBERS)),
        1 => out.push_str(random.pick(NUMBERS)),
        2..=5 => {
            let chosen = random.pick(TEXTS);
            text(random, chosen, out);
        }
        6 | 7 => list(random, depth, out),
        _ => object(random, depth, out),
    }
    space(random, out);
}

fn list(random: &mut Random, depth: usize, out: &mut String) {
    out.push('[');
    for index in 0..random.below(4) {
        if index > 0 {
            out.push(',');
        }
        value(random, depth + 1, out);
    }
    out.push_str(if random.one_in(100) { ",]" } else { "]" });
}

fn object(random: &mut Random, depth: usize, out: &mut String) {
    out.push('{');
    let mut names = NAMES.to_vec();
    for index in 0..random.below(if depth == 0 { 9 } else { 4 }) {
        if index > 0 {
            out.push(',');
        }
        space(random, out);
        // A name comes twice now and then.
        let chosen = random.below(names.len());
        let name = if random.one_in(25) { names[chosen] } else { names.swap_remove(chosen) };
        text(random, name, out);
        space(random, out);
        out.push(':');
        match name {
            "model" | "user" if depth == 0 && !random.one_in(6) => {
                let chosen = random.pick(TEXTS);
                text(random, chosen, out);
            }
            "metadata" | "litellm_metadata" | "extra_body" if random.one_in(4) => {
                // An object as a text.
                let mut inner = String::new();
                object(random, depth + 1, &mut inner);
                text(random, &inner, out);
            }
            "metadata" | "litellm_metadata" | "extra_body" if !random.one_in(4) => object(random, depth + 1, out),
            "tags" if !random.one_in(4) => list(random, depth + 1, out),
            _ => value(random, depth + 1, out),
        }
    }
    out.push_str(if random.one_in(150) { ",}" } else { "}" });
}

/// A body: mostly an object, now and then something else, cut off, or with a byte of another value.
fn body(random: &mut Random) -> Vec<u8> {
    let mut out = String::new();
    space(random, &mut out);
    match random.below(60) {
        0 => value(random, 0, &mut out),
        1 => {
            let (open, depth) = (random.pick(&["[", "{\"a\":"]), 120 + random.below(16));
            let close = if open == "[" { "]" } else { "}" };
            write!(out, "{{\"a\":{}1{}}}", open.repeat(depth), close.repeat(depth)).unwrap();
        }
        _ => object(random, 0, &mut out),
    }
    if random.one_in(40) {
        out.push_str(random.pick(&["{}", " x", ",", "\u{0}", "]"]));
    }
    let mut bytes = out.into_bytes();
    if random.one_in(20) {
        bytes.truncate(random.below(bytes.len() + 1));
    }
    if random.one_in(5) && !bytes.is_empty() {
        let index = random.below(bytes.len());
        bytes[index] ^= 1 << random.below(8);
    }
    bytes
}

fn scanned(found: &Match<'_>, bytes: &[u8]) -> Result<Ask, DenyReason> {
    let headers = HeaderView::new(Vec::new(), Fidelity::Exact);
    let body = BodyView::Complete { bytes, fidelity: Fidelity::Exact, announced: true };
    let target = "/v1/chat/completions";
    let view = RequestView { id: "", method: "POST", target, peer: None, principal: None, headers, body };
    let rules = RequestRules::default();
    let reading = Reading { limits: BodyLimits::default(), rules: &rules, wanted: Vec::new() };
    ask::read(&view, None, Method::Post, found, &reading)
}

#[test]
fn the_scan_agrees_with_serde_json() {
    let table = RouteTable::new(Vec::new(), String::new());
    let found = table.find("/v1/chat/completions").unwrap();
    let mut random = Random(1);
    let (mut accepted, mut named, mut refused) = (0, 0, 0);
    for number in 0..100_000 {
        let bytes = body(&mut random);
        let shown = || format!("body {number}: {}", String::from_utf8_lossy(&bytes));
        let tree = serde_json::from_slice::<Tree>(&bytes);
        let ask = match scanned(&found, &bytes) {
            Ok(ask) => ask,
            Err(reason) => {
                let clear = tree.is_ok_and(|tree| tree.has_one_reading());
                assert!(reason != DenyReason::BodyMalformed || !clear, "refused: {}", shown());
                refused += 1;
                continue;
            }
        };
        let tree = tree.unwrap_or_else(|error| panic!("accepted, though {error}: {}", shown()));
        let Tree::Object(members) = &tree else {
            panic!("accepted, and no object: {}", shown());
        };
        let distinct: BTreeSet<_> = members.iter().map(|(name, _)| name).collect();
        assert_eq!(distinct.len(), members.len(), "accepted, and a name comes twice: {}", shown());
        assert_eq!(ask.model, tree.model(), "{}", shown());
        assert_eq!(ask.end_user, tree.user(), "{}", shown());
        assert_eq!(ask.tags.iter().cloned().collect::<BTreeSet<_>>(), tree.tags(), "{}", shown());
        accepted += 1;
        named += i32::from(ask.model.is_some() && ask.end_user.is_some() && !ask.tags.is_empty());
    }
    assert!(accepted > 20_000 && refused > 20_000 && named > 200, "{accepted} {refused} {named}: they say nothing");
}
