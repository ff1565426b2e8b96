//! Are bytes that arrive in pieces UTF-8?

/// Checks pieces; a character may lie across several.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    /// The beginning of a character, 3 bytes at most.
    partial: Vec<u8>,
}

/// Some byte is not part of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotUtf8;

impl Utf8 {
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<(), NotUtf8> {
        while !self.partial.is_empty() {
            let Some((first, rest)) = bytes.split_first() else { return Ok(()) };
            bytes = rest;
            let mut character = std::mem::take(&mut self.partial);
            character.push(*first);
            self.check(&character)?;
        }
        self.check(bytes)
    }

    /// Whether the last character is complete.
    pub(super) fn is_complete(&self) -> bool {
        self.partial.is_empty()
    }

    fn check(&mut self, bytes: &[u8]) -> Result<(), NotUtf8> {
        let Err(error) = std::str::from_utf8(bytes) else { return Ok(()) };
        if error.error_len().is_some() {
            return Err(NotUtf8);
        }
        self.partial = bytes.get(error.valid_up_to()..).unwrap_or_default().to_vec();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_are_judged_like_the_whole(
            text in "[a-z\u{e9}\u{20ac}\u{1f511}]{0,9}",
            noise in proptest::collection::vec(any::<u8>(), 0..3),
            cuts in proptest::collection::vec(0..40_usize, 0..9),
        ) {
            let whole = [text.as_bytes(), &noise, text.as_bytes()].concat();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(whole.len())).collect();
            cuts.sort_unstable();
            let mut utf8 = Utf8::default();
            let starts = std::iter::once(0).chain(cuts.iter().copied());
            let ends = cuts.iter().copied().chain(std::iter::once(whole.len()));
            let sound = starts.zip(ends).all(|(start, end)| utf8.push(&whole[start..end]).is_ok());
            prop_assert_eq!(sound && utf8.is_complete(), std::str::from_utf8(&whole).is_ok());
        }
    }
}
