//! Words what was observed, step by step: what it means and what to check.

use std::io;
use std::net::SocketAddr;

use estreamer_core::fqe::RequestForm;
use estreamer_core::session::End;
use estreamer_core::wire::{Evidence, RecordLayout};
use estreamer_mio::client::ClientEnd;
use estreamer_mio::tls::{CertificateFacts, TlsError};

use super::class::Class;
use super::credit::{self, Credit, Deed};
use super::forms::Tried;
use super::judgement::{self, Whose};
use super::options::DoctorOptions;
use super::probe::Observations;
use super::reading;
use super::report::{DiagnosisStep, Report, Verdict};
use crate::config::from;
use crate::count::Count;
use crate::explain::{connect_remedy, error_message, tls_remedy};
use crate::failure::Remedy;

/// Collects the steps of a diagnosis.
pub(super) struct Findings<'a> {
    options: &'a DoctorOptions<'a>,
    lines: Vec<DiagnosisStep>,
    local: Option<SocketAddr>,
    tls: Option<(&'static str, &'static str)>,
    peer: Option<CertificateFacts>,
    /// Whether the server's certificate was refused.
    is_refused: bool,
}

/// Milliseconds of a round trip from which waiting for it matters.
const FAR: u64 = 5;

/// The page of a Management Center with its eStreamer settings (FQE, Requesting
/// Fully-qualified Events).
const PAGE: &str = "its eStreamer configuration page";

impl<'a> Findings<'a> {
    pub(super) fn new(options: &'a DoctorOptions<'a>) -> Self {
        Self {
            options,
            lines: Vec::new(),
            local: None,
            tls: None,
            peer: None,
            is_refused: false,
        }
    }

    pub(super) fn unresolved(&mut self, error: Option<&io::Error>) {
        let found = match error {
            Some(error) => format!("{} has no address: {error}", self.options.server),
            None => format!("{} has no address", self.options.server),
        };
        let look_at = "Compare the name with the Management Center's host name, and check this \
                       machine's resolver; or use an address of one of its management interfaces";
        self.add("resolve", Verdict::Failed, found, Some(look_at.into()));
    }

    pub(super) fn resolved(&mut self, addresses: &[SocketAddr]) {
        let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let found = match list[..] {
            [ref only] if *only == self.options.server => format!("{only} is an address"),
            _ => format!("{} is {}", self.options.server, list.join(", ")),
        };
        self.add("resolve", Verdict::Ok, found, None);
    }

    /// Adds TCP to one address; `another` tells whether another address answered.
    pub(super) fn connect(&mut self, address: SocketAddr, seen: &Observations, another: bool) {
        if let Some(local) = seen.local {
            let found = format!("{address} accepts connections; the local address is {local}");
            return self.add("connect", Verdict::Ok, found, None);
        }
        let verdict = match another {
            true => Verdict::Warning,
            false => Verdict::Failed,
        };
        let (found, look_at) = match (Class::of(seen), &seen.end) {
            (Class::PortClosed, _) => (
                format!("{address} refuses the connection: nothing listens on that port"),
                format!(
                    "On the Management Center, check that event types are enabled on {PAGE}; \
                     the port is 8302"
                ),
            ),
            (Class::Filtered, _) => (
                format!("{address} does not answer: the packets are probably dropped"),
                format!(
                    "Open TCP port {} in the firewalls on the path, and check that the address is \
                     that of a management interface of the Management Center",
                    address.port()
                ),
            ),
            (_, Some(ClientEnd::Connect(error))) => (
                format!("{address} cannot be reached: {error}"),
                self.options.wording.of(&connect_remedy(error)),
            ),
            (_, end) => (
                format!("{address} cannot be reached: {}", or_nothing(end.as_ref())),
                "Check the address, the routing and the firewalls on the path".into(),
            ),
        };
        self.add("connect", verdict, found, Some(look_at));
    }

    pub(super) fn tls(&mut self, seen: &Observations) {
        self.local = seen.local;
        if let Some(agreed) = &seen.tls {
            self.tls = Some((agreed.version, agreed.cipher));
            self.peer.clone_from(&agreed.certificate);
        }
        let agreed = self
            .tls
            .map(|(version, cipher)| format!("{version}, {cipher}"));
        let error = match &seen.end {
            Some(ClientEnd::Tls(error)) => error,
            end => {
                let timeout = matches!(end, Some(ClientEnd::HandshakeTimeout(_)));
                let (verdict, found, look_at) = match agreed {
                    Some(agreed) if self.options.rules.insecure => (
                        Verdict::Warning,
                        format!("{agreed}, the server is not verified"),
                        Some(self.options.wording.of(&Remedy::Verify)),
                    ),
                    Some(agreed) => (Verdict::Ok, agreed, None),
                    None if timeout => (
                        Verdict::Failed,
                        "the server accepted the TCP connection but did not complete the TLS handshake".into(),
                        Some(
                            "Check that the port is that of eStreamer (8302), and that no proxy \
                              intercepts the connection; if so, restart eStreamer on the \
                              Management Center"
                                .to_owned(),
                        ),
                    ),
                    None => (
                        Verdict::Failed,
                        format!("the connection failed: {}", or_nothing(end.as_ref())),
                        Some("Check the network and the firewalls on the path".to_owned()),
                    ),
                };
                return self.add("TLS", verdict, found, look_at);
            }
        };
        if let TlsError::CertificateRefused(refusal) = error {
            self.peer.clone_from(&refusal.certificate);
        }
        let fact = error.fact();
        let found = match agreed {
            Some(agreed) => format!("{agreed} negotiated, then: {fact}"),
            None => fact,
        };
        let look_at = match (Class::of(seen), tls_remedy(error)) {
            (Class::OwnCertificateRefused, _) => format!(
                "On the Management Center, delete this client on {PAGE}, create it again, and \
                 use the new PKCS#12"
            ),
            (_, Remedy::None) => "Check that the port is 8302 on the Management Center, and that \
                                  nothing on the path intercepts TLS"
                .into(),
            (_, remedy) => self.options.wording.of(&remedy),
        };
        self.is_refused = matches!(error, TlsError::CertificateRefused(_));
        self.add("TLS", Verdict::Failed, found, Some(look_at));
    }

    /// Adds dates, algorithms and subject of every known certificate, and whether this
    /// client's certificate names its local address.
    pub(super) fn certificates(&mut self, seen: Option<&Observations>) {
        let (identity, now) = (self.options.identity, self.options.now);
        let own = identity.certificate();
        self.lines
            .extend(judgement::certificate(Whose::Ours, own, now));
        for ca in identity.authorities() {
            self.lines
                .extend(judgement::certificate(Whose::Authority, ca, now));
        }
        // What is wrong with a refused certificate was found by TLS. Another finding about it
        // would only lead elsewhere.
        if let Some(peer) = self.peer.as_ref().filter(|_| !self.is_refused) {
            let lines = judgement::certificate(Whose::Server, peer, now);
            self.lines.extend(lines);
        }
        if let Some(local) = seen.and_then(|seen| seen.local) {
            self.lines.push(judgement::address(own, local.ip()));
        }
    }

    /// Adds the request in every form with its result, if the TLS handshake succeeded. With
    /// `older`, only older events came than those asked for.
    pub(super) fn request(&mut self, forms: &Tried, older: Option<&Observations>) {
        let Some(seen) = forms.best() else {
            return;
        };
        if seen.tls.is_none() || matches!(seen.end, Some(ClientEnd::Tls(_))) {
            return;
        }
        let class = Class::of(seen);
        let request = format!("request for {}", self.options.request_text);
        let (answered, unanswered) = forms.split();
        let any_form = match unanswered.len() {
            0 | 1 => "",
            _ => ", with every form of the request",
        };
        if let Some(ClientEnd::Session(End::PeerError { code }, text)) = &seen.end {
            let error = error_message(*code, text);
            let found = format!("{request}, answered with {error}{any_form}");
            let look_at = format!(
                "Check that the Management Center supports fully-qualified events (version 7.0 or \
                 newer), and check the event types on {PAGE}"
            );
            return self.add("request", Verdict::Failed, found, Some(look_at));
        }
        self.add("request", Verdict::Ok, request, None);
        self.forms(&answered, &unanswered);
        let after = seconds(seen.after);
        let unreadable = format!(
            "{} that cannot be read: malformed or too large",
            Count(seen.unreadable, "record")
        );
        let (verdict, found, look_at) = match class {
            Class::Silent if older.is_some() => (
                Verdict::Warning,
                format!(
                    "no events from {} on within {after}; asked from the oldest on, the server \
                     sends them: {}",
                    from::in_words(self.options.from),
                    older.map(Observations::kinds).unwrap_or_default()
                ),
                Some(self.options.wording.of(&Remedy::AskEarlier)),
            ),
            Class::Healthy if seen.unreadable > 0 => (
                Verdict::Warning,
                format!("{} after {after}, and {unreadable}", seen.kinds()),
                Some(self.options.wording.of(&Remedy::Record)),
            ),
            Class::Healthy => (Verdict::Ok, format!("{} after {after}", seen.kinds()), None),
            Class::Silent if seen.unreadable > 0 => (
                Verdict::Failed,
                format!("no event within {after}, but {unreadable}"),
                Some(self.options.wording.of(&Remedy::Record)),
            ),
            Class::ClosedSilently => (
                Verdict::Failed,
                format!("the server closed the connection after {after} without sending a byte{any_form}"),
                Some(format!(
                    "On the Management Center, register this client on {PAGE} under the address from \
                     which it connects: {}, unless NAT changes it",
                    self.local
                        .map_or_else(|| "unknown".into(), |local| local.ip().to_string())
                )),
            ),
            Class::Silent => (
                Verdict::Failed,
                match seen.nulls {
                    0 => format!("request accepted, but nothing received within {after}{any_form}"),
                    nulls => format!(
                        "request accepted, but no events received within {after}, only {}",
                        Count(nulls, "null message")
                    ),
                },
                Some(format!(
                    "On the Management Center, enable the event types on {PAGE} and save; a new \
                     Management Center may have no events yet"
                )),
            ),
            _ => (
                Verdict::Failed,
                format!("after {after}: {}", or_nothing(seen.end.as_ref())),
                Some(
                    "Check that the port is that of eStreamer (8302), check the network, and check on \
                     the Management Center whether eStreamer restarts"
                        .into(),
                ),
            ),
        };
        self.add("first bytes", verdict, found, look_at);
        let seen = older.unwrap_or(seen);
        if let Some((layout, evidence)) =
            reading::first(&seen.bytes, self.options.request.expected())
        {
            self.reading(layout, evidence);
        }
    }

    /// Adds the forms of the request that the server answers, if any.
    fn forms(&mut self, answered: &[RequestForm], unanswered: &[RequestForm]) {
        let Some(first) = answered.first() else {
            return;
        };
        let list = |forms: &[RequestForm]| {
            let names: Vec<&str> = forms.iter().map(|form| form.name()).collect();
            names.join(", ")
        };
        let mut found = format!("answered: {}", list(answered));
        if !unanswered.is_empty() {
            found += &format!("; not answered: {}", list(unanswered));
        }
        let own = self.options.form.unwrap_or_default();
        let (verdict, look_at) = match *first == own {
            true => (Verdict::Ok, None),
            false => (
                Verdict::Warning,
                Some(self.options.wording.of(&Remedy::SetRequestForm(*first))),
            ),
        };
        self.add("request form", verdict, found, look_at);
    }

    /// Adds what the record length of the first event counts.
    fn reading(&mut self, layout: RecordLayout, evidence: Evidence) {
        let found = format!("counts {layout}, decided by {evidence}");
        let (verdict, look_at) = match evidence {
            Evidence::Nothing => (
                Verdict::Warning,
                Some(self.options.wording.of(&Remedy::SetRecordLength)),
            ),
            _ => (Verdict::Ok, None),
        };
        self.add("record length", verdict, found, look_at);
    }

    /// Adds how long bundles wait for null messages, and whether sending some ahead of need
    /// helps.
    pub(super) fn credit(&mut self, credit: Option<Credit>) {
        let Some(Credit {
            window,
            events,
            round_trip,
            deed,
        }) = credit
        else {
            return;
        };
        let is_far = round_trip >= FAR;
        let rate = |bundles: u64| bundles * events * 1000 / round_trip.max(1);
        let mut found = format!(
            "{} of about {} without a null message, the next one {round_trip} ms after it",
            Count(window, "bundle"),
            Count(events, "event")
        );
        if is_far {
            found += &format!(": at most {} events/s", rate(window));
        }
        found += match deed {
            Deed::Counts => "; null messages ahead of need are counted",
            Deed::Ignores => "; null messages ahead of need are ignored",
            Deed::Objects => "; the server ends the connection after null messages ahead of need",
        };
        let mut look_at = None;
        if deed == Deed::Counts && is_far {
            found += &format!(
                ": with {} at most {} events/s",
                credit::SENT,
                rate(window + u64::from(credit::SENT))
            );
            let remedy = Remedy::Prepay(credit::SENT);
            look_at = Some(self.options.wording.of(&remedy));
        }
        self.add("round trip", Verdict::Ok, found, look_at);
    }

    pub(super) fn report(self, class: Class) -> Report {
        let identity = self.options.identity;
        Report {
            source: self.options.source.clone(),
            server: self.options.server.clone(),
            time: self.options.now,
            class,
            lines: self.lines,
            local: self.local,
            tls: self.tls,
            own: identity.certificate().clone(),
            authorities: identity.authorities().to_vec(),
            peer: self.peer,
        }
    }

    fn add(
        &mut self,
        step: &'static str,
        verdict: Verdict,
        found: String,
        look_at: Option<String>,
    ) {
        self.lines.push(DiagnosisStep {
            step,
            verdict,
            found,
            look_at,
        });
    }
}

fn or_nothing(end: Option<&ClientEnd>) -> String {
    end.map_or_else(|| "unknown reason".into(), ToString::to_string)
}

/// `0.02 s`.
fn seconds(milliseconds: u64) -> String {
    format!("{}.{:02} s", milliseconds / 1000, milliseconds % 1000 / 10)
}
