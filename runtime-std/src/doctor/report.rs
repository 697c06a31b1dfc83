//! The result as a person and as a ticket system read it.

use std::fmt;
use std::net::SocketAddr;

use estreamer_mio::tls::CertificateFacts;
use serde_json::{Value, json};

use super::class::Class;
use crate::certificate;

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should.
    Ok,
    /// It works, or may work; worth a look.
    Warning,
    /// It does not work.
    Failed,
}

/// One step of the diagnosis.
#[derive(Debug, Clone)]
pub struct DiagnosisStep {
    /// Which step.
    pub step: &'static str,
    /// How it went.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// The one thing to look at, if it did not go well.
    pub look_at: Option<String>,
}

/// The whole diagnosis. It holds no secret.
#[derive(Debug)]
pub struct Report {
    /// The server as a person wrote it.
    pub server: String,
    /// When, in UNIX seconds.
    pub time: i64,
    /// What it comes to.
    pub class: Class,
    /// The steps.
    pub lines: Vec<DiagnosisStep>,
    /// Where we came from, if TCP stood.
    pub local: Option<SocketAddr>,
    /// Version and cipher suite, if the handshake was done.
    pub tls: Option<(&'static str, &'static str)>,
    /// Our certificate.
    pub own: CertificateFacts,
    /// The CAs the server is judged by.
    pub authorities: Vec<CertificateFacts>,
    /// The server's certificate, if it was seen.
    pub peer: Option<CertificateFacts>,
}

impl Report {
    /// One JSON document.
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

impl fmt::Display for Report {
    /// A numbered line for each step, what to look at under it, and the result.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.lines.iter().enumerate() {
            let (number, verdict) = (index + 1, line.verdict.to_string());
            let step = line.step;
            writeln!(f, "{number:>2} {verdict:<7}  {step:<17}  {}", line.found)?;
            if let Some(look_at) = &line.look_at {
                writeln!(f, "{:>30} {look_at}", "->")?;
            }
        }
        writeln!(
            f,
            "Result: {} ({}, exit status {})",
            self.class,
            self.class.name(),
            self.class.status()
        )
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
