//! Breaks text into lines between words.

/// Appends `start` and then `words`, on lines of at most `width` characters. Lines after the
/// first are indented by `indent`, the width of the last line of `start`.
pub(super) fn block(text: &mut String, start: &str, words: &str, indent: usize, width: usize) {
    text.push_str(start);
    let mut column = indent;
    let mut is_first = true;
    for word in words.split_whitespace() {
        let length = word.chars().count();
        if !is_first && column + 1 + length > width {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if !is_first {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
        is_first = false;
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_a_long_word_stays_whole() {
        let mut text = String::new();
        block(&mut text, "1: ", "ab cd  efg a-very-long-word h", 3, 8);
        assert_eq!(text, "1: ab cd\n   efg\n   a-very-long-word\n   h\n");
    }
}
