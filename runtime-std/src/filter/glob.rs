//! Text with wildcards: `*` stands for any characters, `?` for one.

use memchr::memmem;

/// Returns whether the whole text matches. Upper and lower case differ. It takes at most as
/// many steps as pattern and text have bytes, multiplied.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return begins(pattern, text).is_some_and(|length| length == text.len());
    };
    let Some(length) = begins(first, text) else {
        return false;
    };
    let mut text = &text[length..];
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    // The first place is the best one: it leaves the most for what follows.
    for part in middle.split('*').filter(|part| !part.is_empty()) {
        match find(part, text) {
            Some(end) => text = &text[end..],
            None => return false,
        }
    }
    let mut starts = text.char_indices().rev().map(|(start, _)| start);
    let start = match last.chars().count() {
        0 => return true,
        count => starts.nth(count - 1),
    };
    start.is_some_and(|start| begins(last, &text[start..]).is_some())
}

/// Returns the length of the beginning of `text` that a part without `*` matches.
fn begins(part: &str, text: &str) -> Option<usize> {
    let mut rest = text.chars();
    for wanted in part.chars() {
        let found = rest.next()?;
        if wanted != '?' && wanted != found {
            return None;
        }
    }
    Some(text.len() - rest.as_str().len())
}

/// Returns the end of the first place where a part without `*` matches.
fn find(part: &str, text: &str) -> Option<usize> {
    if !part.contains('?') {
        let start = memmem::find(text.as_bytes(), part.as_bytes())?;
        return Some(start + part.len());
    }
    let mut starts = text.char_indices().map(|(start, _)| start);
    starts.find_map(|start| Some(start + begins(part, &text[start..])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_a_question_mark_one_character() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**", "abc", true),
            ("a", "a", true),
            ("a", "A", false),
            ("a?c", "abc", true),
            ("a?c", "aéc", true),
            ("a?c", "ac", false),
            ("*.example.com", "www.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "www.example.com.evil", false),
            ("http*://*/*.exe", "https://a/b/c.exe", true),
            ("a*b*c", "a..b..b..c", true),
            ("a*b*c", "a..c..b", false),
            ("ab*ba", "aba", false),
            ("ab*ba", "abba", true),
            ("*?b?*", "b-b", false),
            ("*?b?*", "-b-", true),
            ("*a?c*", "aacadc", true),
            ("*a?", "xay", true),
            ("*a?", "xa", false),
            ("*é", "caf\u{e9}", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
