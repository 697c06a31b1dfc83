//! Reads a condition.
//!
//! ```text
//! any   = all { "or" all }
//! all   = one { "and" one }
//! one   = "not" one | "(" any ")" | test
//! test  = field ( "exists" | "=" value | "!=" value | "<" number … | "~" pattern | "in" list )
//! list  = "(" value { "," value } ")"
//! ```
//!
//! A value without quotes is a number, an address or a network if it looks like one, else
//! text. A value in quotes is text.

use std::fmt;

use super::decimal::Decimal;
use super::network::{Network, address};
use super::node::{Element, Field, Literal, Node, Test};
use super::token::{self, Order, Token};

/// The maximum length of a condition in bytes.
const MAX_BYTES: usize = 64 << 10;
/// The maximum depth of parentheses and `not`.
const MAX_DEPTH: usize = 32;
/// The maximum number of tests.
const MAX_TESTS: usize = 256;
/// The maximum number of characters that a message shows before and after the mistake.
const SHOWN: usize = 40;

/// Why a text is not a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionError {
    /// What is wrong, with the place.
    what: String,
    remedy: String,
}

impl ConditionError {
    /// Returns what to write instead.
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}

/// Says what is wrong on one line; a `^` stands before the mistake.
impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for ConditionError {}

/// Reads a condition.
pub(super) fn node(text: &str) -> Result<Node, ConditionError> {
    if text.len() > MAX_BYTES {
        return Err(ConditionError {
            what: format!("the condition has more than {} KiB", MAX_BYTES >> 10),
            remedy: "Use networks and patterns instead of single values".into(),
        });
    }
    let mut parser = Parser::new(text)?;
    let node = parser.any(0)?;
    match parser.token {
        Token::End => Ok(node),
        Token::Close => Err(parser.error("the parenthesis was not opened", "Remove it")),
        _ => Err(parser.error(
            "expected and, or, or the end",
            "Join tests with and or or, and put text with blanks or signs into quotes",
        )),
    }
}

struct Parser<'t> {
    text: &'t str,
    /// The next token.
    token: Token<'t>,
    /// Where it begins.
    start: usize,
    /// What follows it.
    rest: &'t str,
    tests: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Result<Self, ConditionError> {
        let mut parser = Self {
            text,
            token: Token::End,
            start: 0,
            rest: text,
            tests: 0,
        };
        parser.advance()?;
        Ok(parser)
    }

    /// Reads the next token and returns the one before it.
    fn advance(&mut self) -> Result<Token<'t>, ConditionError> {
        let rest = self.rest.trim_start();
        self.start = self.text.len() - rest.len();
        match token::next(rest) {
            Ok((token, rest)) => {
                self.rest = rest;
                Ok(std::mem::replace(&mut self.token, token))
            }
            Err((what, remedy)) => Err(self.error(what, remedy)),
        }
    }

    /// Reports a mistake at the next token.
    fn error(&self, what: impl fmt::Display, remedy: impl Into<String>) -> ConditionError {
        self.error_at(self.start, what, remedy)
    }

    fn error_at(
        &self,
        at: usize,
        what: impl fmt::Display,
        remedy: impl Into<String>,
    ) -> ConditionError {
        let (before, after) = self.text.split_at(at);
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let first = before.char_indices().rev().nth(SHOWN - 1);
        let first = first.map_or(0, |(first, _)| first);
        let mut shown = String::from(if first > 0 { "…" } else { "" });
        shown.extend(before[first..].chars().map(plain));
        shown.push('^');
        shown.extend(after.chars().take(SHOWN).map(plain));
        if after.chars().nth(SHOWN).is_some() {
            shown.push('…');
        }
        ConditionError {
            what: format!("{what} at ^ in `{shown}`"),
            remedy: remedy.into(),
        }
    }

    fn any(&mut self, depth: usize) -> Result<Node, ConditionError> {
        let mut nodes = vec![self.all(depth)?];
        while self.token == Token::Or {
            self.advance()?;
            nodes.push(self.all(depth)?);
        }
        Ok(one_of(nodes, Node::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Node, ConditionError> {
        let mut nodes = vec![self.one(depth)?];
        while self.token == Token::And {
            self.advance()?;
            nodes.push(self.one(depth)?);
        }
        Ok(one_of(nodes, Node::All))
    }

    fn one(&mut self, depth: usize) -> Result<Node, ConditionError> {
        if depth > MAX_DEPTH {
            let what = format!("parentheses and not are nested more than {MAX_DEPTH} levels deep");
            return Err(self.error(what, "Write the condition with fewer levels"));
        }
        match self.token {
            Token::Not => {
                self.advance()?;
                Ok(Node::Not(Box::new(self.one(depth + 1)?)))
            }
            Token::Open => {
                let start = self.start;
                self.advance()?;
                let node = self.any(depth + 1)?;
                if self.token != Token::Close {
                    let what = "the parenthesis is not closed";
                    return Err(match self.token {
                        Token::End => self.error_at(start, what, "Add )"),
                        _ => self.error(
                            "expected and, or, or )",
                            "Join tests with and or or, and put text with blanks or signs into \
                             quotes",
                        ),
                    });
                }
                self.advance()?;
                Ok(node)
            }
            _ => self.test(),
        }
    }

    fn test(&mut self) -> Result<Node, ConditionError> {
        let name = match &self.token {
            Token::Word(name) => (*name).to_owned(),
            Token::Quoted(name) if !name.is_empty() => name.to_string(),
            _ => {
                let remedy = "Write a test such as InitiatorIP ~ 10.0.0.0/8, or URL exists; a \
                              field with the name of a word goes into quotes";
                return Err(self.error("expected the name of a field", remedy));
            }
        };
        if self.tests == MAX_TESTS {
            let what = format!("the condition has more than {MAX_TESTS} tests");
            return Err(self.error(what, "Join tests of one field: FIELD in (A, B)"));
        }
        self.tests += 1;
        self.advance()?;
        let sign = (self.start, self.token.clone());
        let test = match sign.1 {
            Token::Exists => {
                self.advance()?;
                Test::Exists
            }
            Token::Equal => Test::Equal(self.literal("=")?),
            Token::NotEqual => Test::NotEqual(self.literal("!=")?),
            Token::Order(order) => self.order(order)?,
            Token::Tilde => match self.value()? {
                Value::Literal(Literal::Address(address)) => Test::Within(Network::of(address)),
                Value::Network(network) => Test::Within(network),
                Value::Literal(Literal::Number(text) | Literal::Text(text)) => Test::Like(text),
            },
            Token::In => self.list()?,
            _ => {
                let remedy = "Use =, !=, <, <=, >, >=, ~, in (…) or exists behind the field";
                return Err(self.error("expected a comparison", remedy));
            }
        };
        Ok(Node::Test(Field::new(name), test))
    }

    fn literal(&mut self, sign: &str) -> Result<Literal, ConditionError> {
        let (at, value) = (self.rest_start(), self.value()?);
        match value {
            Value::Literal(literal) => Ok(literal),
            Value::Network(_) => {
                let what = format!("{sign} compares with one value, and this is a network");
                Err(self.error_at(at, what, "Use ~ for a network, or quotes for text"))
            }
        }
    }

    fn order(&mut self, order: Order) -> Result<Test, ConditionError> {
        let (at, value) = (self.rest_start(), self.value()?);
        match value {
            Value::Literal(Literal::Number(number)) => Ok(Test::Order(order, number)),
            _ => {
                let what = format!("{} compares numbers, and this is none", order.sign());
                Err(self.error_at(at, what, "Write a number without quotes, or compare with ="))
            }
        }
    }

    fn list(&mut self) -> Result<Test, ConditionError> {
        self.advance()?;
        if self.token != Token::Open {
            return Err(self.error("expected ( behind in", "Write a list such as in (80, 443)"));
        }
        let mut elements = Vec::new();
        loop {
            elements.push(match self.value()? {
                Value::Literal(literal) => Element::Is(literal),
                Value::Network(network) => Element::Within(network),
            });
            match self.token {
                Token::Comma => {}
                Token::Close => break,
                _ => return Err(self.error("expected , or )", "Write a list such as in (80, 443)")),
            }
        }
        self.advance()?;
        Ok(Test::In(elements))
    }

    /// Returns where the token after the next one begins.
    fn rest_start(&self) -> usize {
        self.text.len() - self.rest.trim_start().len()
    }

    /// Passes the next token, and reads the value behind it.
    fn value(&mut self) -> Result<Value, ConditionError> {
        self.advance()?;
        let value = match &self.token {
            Token::Quoted(text) => Value::Literal(Literal::Text(text.to_string())),
            Token::Word(word) => match Value::of_word(word) {
                Ok(value) => value,
                Err(remedy) => {
                    let remedy = format!("Instead, {remedy}, or quotes for text");
                    return Err(self.error("the network is wrong", remedy));
                }
            },
            Token::End => return Err(self.error("expected a value", "Add the value")),
            _ => return Err(self.error("expected a value", "Put a text like this into quotes")),
        };
        self.advance()?;
        Ok(value)
    }
}

/// A value as written.
enum Value {
    Literal(Literal),
    Network(Network),
}

impl Value {
    /// Returns the value of a word without quotes.
    ///
    /// # Errors
    /// It is a network with a mistake; what to use instead.
    fn of_word(word: &str) -> Result<Self, String> {
        if Decimal::of(word).is_some() {
            return Ok(Self::Literal(Literal::Number(word.to_owned())));
        }
        if let Some(address) = address(word) {
            return Ok(Self::Literal(Literal::Address(address)));
        }
        match word.split_once('/') {
            Some((first, _)) if address(first).is_some() => Ok(Self::Network(word.parse()?)),
            _ => Ok(Self::Literal(Literal::Text(word.to_owned()))),
        }
    }
}

/// Returns the only node, or joins several.
fn one_of(mut nodes: Vec<Node>, join: fn(Vec<Node>) -> Node) -> Node {
    match nodes.len() {
        1 => nodes.remove(0),
        _ => join(nodes),
    }
}
