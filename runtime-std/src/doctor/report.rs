//! The report of a diagnosis, as text and as JSON.

use std::fmt;
use std::net::SocketAddr;

use estreamer_mio::tls::CertificateFacts;
use serde_json::{Value, json};

use super::class::Class;
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
    /// Formats a numbered line for each step, with what to check below it, and the
    /// result.
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
