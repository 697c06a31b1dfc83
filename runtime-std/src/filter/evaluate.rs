//! Applies a condition to an event.

use std::cmp::Ordering;

use super::condition::Condition;
use super::decimal::Decimal;
use super::glob;
use super::network::{Network, address};
use super::node::{Element, Literal, Node, Test};
use super::token::Order;
use crate::event::{Event, Value};

impl Condition {
    /// Returns whether an event meets the condition. `buffer` is used for text with escapes.
    ///
    /// A field that is absent or null fails every test but `!=`, which is the opposite of
    /// `=`. The work is bounded: each test looks at one member, and the number of tests is
    /// limited.
    pub(crate) fn is_met(&self, event: &Event<'_>, buffer: &mut String) -> bool {
        self.0.is_met(event, buffer)
    }
}

impl Node {
    fn is_met(&self, event: &Event<'_>, buffer: &mut String) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.is_met(event, buffer)),
            Self::Any(nodes) => nodes.iter().any(|node| node.is_met(event, buffer)),
            Self::Not(node) => !node.is_met(event, buffer),
            Self::Test(field, test) => match event.find(field.hash, &field.name) {
                None | Some(Value::Null) => matches!(test, Test::NotEqual(_)),
                Some(value) => test.is_met(value, buffer),
            },
        }
    }
}

impl Test {
    fn is_met(&self, value: Value<'_>, buffer: &mut String) -> bool {
        match self {
            Self::Exists => true,
            Self::Equal(literal) => literal.equals(value, buffer),
            Self::NotEqual(literal) => !literal.equals(value, buffer),
            Self::Order(order, number) => order.holds(value, number),
            Self::Within(network) => is_within(network, value),
            Self::Like(pattern) => glob::matches(pattern, value.text(buffer)),
            Self::In(elements) => elements.iter().any(|element| match element {
                Element::Is(literal) => literal.equals(value, buffer),
                Element::Within(network) => is_within(network, value),
            }),
        }
    }
}

impl Literal {
    fn equals(&self, value: Value<'_>, buffer: &mut String) -> bool {
        match self {
            Self::Number(number) => compare(value, number) == Some(Ordering::Equal),
            Self::Address(wanted) => plain(value).and_then(address) == Some(*wanted),
            Self::Text(text) => value.text(buffer) == text,
        }
    }
}

impl Order {
    fn holds(self, value: Value<'_>, number: &str) -> bool {
        compare(value, number).is_some_and(|ordering| match self {
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        })
    }
}

/// Compares a value with a number; `None` if it is no number. A number may be a string.
fn compare(value: Value<'_>, number: &str) -> Option<Ordering> {
    let value = Decimal::of(plain(value)?)?;
    Some(value.compare(&Decimal::of(number)?))
}

fn is_within(network: &Network, value: Value<'_>) -> bool {
    let address = plain(value).and_then(address);
    address.is_some_and(|address| network.contains(address))
}

/// Returns the text of a value that may be a number or an address: neither has escapes.
fn plain(value: Value<'_>) -> Option<&str> {
    match value {
        Value::Number(text) | Value::Text(text) => Some(text),
        _ => None,
    }
}
