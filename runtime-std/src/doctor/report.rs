//! The report of a diagnosis, as text and as JSON.

use std::fmt;
use std::net::SocketAddr;

use estreamer_mio::tls::CertificateFacts;
use serde_json::{Value, json};

use super::class::Class;
use super::wrap;
use crate::certificate;

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Success.
    Ok,
    /// It works or may work, but should be checked.
    Warning,
    /// Failure.
    Failed,
}

/// One step of the diagnosis.
#[derive(Debug, Clone)]
pub struct DiagnosisStep {
    /// The name of the step.
    pub step: &'static str,
    /// The result.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to check, unless the step succeeded.
    pub look_at: Option<String>,
}

/// The whole diagnosis. It contains no secrets.
#[derive(Debug)]
pub struct Report {
    /// The name of the source in a configuration, if the diagnosis is of one.
    pub source: Option<String>,
    /// The server as the user wrote it.
    pub server: String,
    /// The time in UNIX seconds.
    pub time: i64,
    /// The class of the diagnosis.
    pub class: Class,
    /// The steps.
    pub lines: Vec<DiagnosisStep>,
    /// The local address, if TCP was connected.
    pub local: Option<SocketAddr>,
    /// TLS version and cipher suite, if the handshake succeeded.
    pub tls: Option<(&'static str, &'static str)>,
    /// The certificate of this client.
    pub own: CertificateFacts,
    /// The CAs that verify the server.
    pub authorities: Vec<CertificateFacts>,
    /// The server's certificate, if it was received.
    pub peer: Option<CertificateFacts>,
}

impl Report {
    /// Returns the report as a JSON document.
    pub fn json(&self) -> Value {
        let steps: Vec<Value> = self
            .lines
            .iter()
            .enumerate()
            .map(|(index, line)| {
                json!({
                    "number": index + 1,
                    "step": line.step,
                    "verdict": line.verdict.to_string(),
                    "found": line.found,
                    "look_at": line.look_at,
                })
            })
            .collect();
        let facts = |facts: &CertificateFacts| certificate::json(facts, self.time);
        let authorities: Vec<Value> = self.authorities.iter().map(facts).collect();
        json!({
            "program": concat!("estreamer ", env!("CARGO_PKG_VERSION")),
            "source": self.source,
            "server": self.server,
            "time": certificate::utc(self.time),
            "class": self.class.name(),
            "meaning": self.class.to_string(),
            "status": self.class.status(),
            "steps": steps,
            "local_address": self.local.map(|local| local.to_string()),
            "tls": self.tls.map(|(version, cipher)| json!({ "version": version, "cipher": cipher })),
            "own_certificate": facts(&self.own),
            "authorities": authorities,
            "server_certificate": self.peer.as_ref().map(facts),
        })
    }
}

impl Report {
    /// Formats a numbered line for each step, with what to check below it, and the result.
    /// Lines are at most so many characters wide, unless a word is longer.
    pub fn text(&self, width: usize) -> String {
        // On a narrow screen the words begin below the name of the step.
        let is_narrow = width < 2 * WORDS;
        let indent = if is_narrow { NARROW } else { WORDS };
        let mut text = String::new();
        for (index, line) in self.lines.iter().enumerate() {
            let (number, verdict) = (index + 1, line.verdict.to_string());
            let start = format!("{number:>2} {verdict:<7}  {:<17}  ", line.step);
            let start = match is_narrow {
                true => format!("{}\n{:NARROW$}", start.trim_end(), ""),
                false => start,
            };
            wrap::block(&mut text, &start, &line.found, indent, width);
            if let Some(look_at) = &line.look_at {
                let start = format!("{:>1$} ", "->", indent - 1);
                wrap::block(&mut text, &start, look_at, indent, width);
            }
        }
        let result = format!(
            "{} ({}, exit status {})",
            self.class,
            self.class.name(),
            self.class.status()
        );
        wrap::block(&mut text, "Result: ", &result, "Result: ".len(), width);
        text
    }
}

/// The column at which the words of a step begin.
const WORDS: usize = 31;
/// The same on a narrow screen.
const NARROW: usize = 6;

impl fmt::Display for Report {
    /// Formats the report for 80 columns.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(80))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        })
    }
}
