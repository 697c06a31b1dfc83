//! The parts of a condition, and how they are written.

use std::fmt;
use std::net::IpAddr;

use super::network::Network;
use super::token::{Order, is_word};
use crate::event::hash;

/// A part of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// All of them hold; two or more.
    All(Vec<Node>),
    /// One of them holds; two or more.
    Any(Vec<Node>),
    Not(Box<Node>),
    Test(Field, Test),
}

/// The name of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) hash: u32,
}

/// What a field is tested for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    Exists,
    Equal(Literal),
    NotEqual(Literal),
    /// An order, and a number of JSON.
    Order(Order, String),
    /// In the network.
    Within(Network),
    /// Matches the pattern.
    Like(String),
    /// One of them; one or more.
    In(Vec<Element>),
}

/// A value of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    /// A number of JSON.
    Number(String),
    Address(IpAddr),
    Text(String),
}

/// An element of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Element {
    Is(Literal),
    Within(Network),
}

impl Node {
    /// Adds the names of the fields that are read.
    pub(super) fn fields<'n>(&'n self, fields: &mut Vec<&'n str>) {
        match self {
            Self::All(nodes) | Self::Any(nodes) => {
                nodes.iter().for_each(|node| node.fields(fields));
            }
            Self::Not(node) => node.fields(fields),
            Self::Test(field, _) => fields.push(&field.name),
        }
    }

    /// Writes the node where a single test may stand.
    fn inner(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(_) | Self::Any(_) => write!(f, "({self})"),
            Self::Not(_) | Self::Test(..) => write!(f, "{self}"),
        }
    }
}

impl Field {
    pub(super) fn new(name: String) -> Self {
        Self {
            hash: hash(name.as_bytes()),
            name,
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |nodes: &[Self], word: &str, f: &mut fmt::Formatter<'_>| {
            for (place, node) in nodes.iter().enumerate() {
                if place > 0 {
                    f.write_str(word)?;
                }
                node.inner(f)?;
            }
            Ok(())
        };
        match self {
            Self::All(nodes) => joined(nodes, " and ", f),
            Self::Any(nodes) => joined(nodes, " or ", f),
            Self::Not(node) => {
                f.write_str("not ")?;
                node.inner(f)
            }
            Self::Test(field, test) => write!(f, "{field} {test}"),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match is_word(&self.name) {
            true => f.write_str(&self.name),
            false => quoted(&self.name, f),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists => f.write_str("exists"),
            Self::Equal(value) => write!(f, "= {value}"),
            Self::NotEqual(value) => write!(f, "!= {value}"),
            Self::Order(order, number) => write!(f, "{} {number}", order.sign()),
            Self::Within(network) => write!(f, "~ {network}"),
            Self::Like(pattern) => {
                f.write_str("~ ")?;
                quoted(pattern, f)
            }
            Self::In(elements) => {
                for (place, element) in elements.iter().enumerate() {
                    f.write_str(if place == 0 { "in (" } else { ", " })?;
                    match element {
                        Element::Is(value) => value.fmt(f)?,
                        Element::Within(network) => network.fmt(f)?,
                    }
                }
                f.write_str(")")
            }
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => f.write_str(number),
            Self::Address(address) => address.fmt(f),
            Self::Text(text) => quoted(text, f),
        }
    }
}

/// Writes a text in quotes; a quote in it is doubled.
fn quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "\"{}\"", text.replace('"', "\"\""))
}
