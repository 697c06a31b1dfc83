//! The words and signs of a condition.

use std::borrow::Cow;

/// A word or sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// A word without quotes that is none of the words below.
    Word(&'t str),
    /// A text in quotes.
    Quoted(Cow<'t, str>),
    And,
    Or,
    Not,
    In,
    Exists,
    Equal,
    NotEqual,
    Order(Order),
    Tilde,
    Open,
    Close,
    Comma,
    /// Behind the last one.
    End,
}

/// How a field is to compare with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    /// Returns the order as it is written.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// The words that mean something, in upper or lower case.
const WORDS: [(&str, Token<'_>); 5] = [
    ("and", Token::And),
    ("or", Token::Or),
    ("not", Token::Not),
    ("in", Token::In),
    ("exists", Token::Exists),
];

/// Why the next token cannot be read, and what to do.
pub(super) type Unreadable = (&'static str, &'static str);

/// Returns whether a word without quotes reads back as itself.
pub(super) fn is_word(text: &str) -> bool {
    let is_plain = |c: char| !c.is_whitespace() && !is_sign(c);
    !text.is_empty() && text.chars().all(is_plain) && keyword(text).is_none()
}

fn is_sign(c: char) -> bool {
    matches!(
        c,
        '(' | ')' | ',' | '"' | '\'' | '=' | '!' | '<' | '>' | '~'
    )
}

fn keyword(text: &str) -> Option<Token<'static>> {
    let mut words = WORDS.iter();
    let found = words.find(|(word, _)| word.eq_ignore_ascii_case(text));
    found.map(|(_, token)| token.clone())
}

/// Returns the first token of a text and the rest.
pub(super) fn next(text: &str) -> Result<(Token<'_>, &str), Unreadable> {
    let Some(first) = text.chars().next() else {
        return Ok((Token::End, text));
    };
    let two = text.get(..2).unwrap_or_default();
    let (token, length) = match (first, two) {
        ('"' | '\'', _) => return quoted(text, first),
        (_, "!=") => (Token::NotEqual, 2),
        (_, "<=") => (Token::Order(Order::LessOrEqual), 2),
        (_, ">=") => (Token::Order(Order::GreaterOrEqual), 2),
        (_, "==") => return Err(("the sign == is not known", "Use =")),
        ('!', _) => {
            let remedy = "Use != to compare, or the word not before a test";
            return Err(("the sign ! is not known", remedy));
        }
        ('<', _) => (Token::Order(Order::Less), 1),
        ('>', _) => (Token::Order(Order::Greater), 1),
        ('=', _) => (Token::Equal, 1),
        ('~', _) => (Token::Tilde, 1),
        ('(', _) => (Token::Open, 1),
        (')', _) => (Token::Close, 1),
        (',', _) => (Token::Comma, 1),
        _ => {
            let is_end = |c: char| c.is_whitespace() || is_sign(c);
            let (word, rest) = text.split_at(text.find(is_end).unwrap_or(text.len()));
            return Ok((keyword(word).unwrap_or(Token::Word(word)), rest));
        }
    };
    Ok((token, &text[length..]))
}

/// Reads a text in quotes. Two quotes stand for one.
fn quoted(text: &str, quote: char) -> Result<(Token<'_>, &str), Unreadable> {
    let inner = &text[1..];
    let mut from = 0;
    while let Some(at) = inner[from..].find(quote) {
        let end = from + at;
        if !inner[end + 1..].starts_with(quote) {
            let doubled = String::from_iter([quote, quote]);
            let value = match inner[..end].contains(&doubled) {
                true => inner[..end].replace(&doubled, &doubled[1..]).into(),
                false => inner[..end].into(),
            };
            return Ok((Token::Quoted(value), &inner[end + 1..]));
        }
        from = end + 2;
    }
    Err((
        "the quote is not closed",
        "Add the same quote behind the value",
    ))
}
