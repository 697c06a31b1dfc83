//! The walk: every address of the server, the first that answers all the way.

use std::io;
use std::net::SocketAddr;

use estreamer_core::fqe::RequestForm;
use estreamer_core::session::ClientConfig;
use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::arena::Pool;
use estreamer_mio::client::{Client, ClientOptions};
use estreamer_mio::event_loop::EventLoop;
use estreamer_mio::tls::{ClientTls, Identity, ServerRules};

use super::class::Class;
use super::findings::Findings;
use super::forms::Tried;
use super::probe::{Goal, Probe, Seen};
use super::report::Report;
use crate::config::Ask;

/// What is to be examined.
pub struct Options<'a> {
    /// The server as a person wrote it.
    pub server: String,
    /// What the resolver said.
    pub addresses: io::Result<Vec<SocketAddr>>,
    /// Who we are.
    pub identity: &'a Identity,
    /// How the server is judged.
    pub rules: &'a ServerRules,
    /// TLS made of these two.
    pub tls: &'a ClientTls,
    /// What is asked for, from the oldest event on.
    pub ask: &'a Ask,
    /// The same in words.
    pub asked: String,
    /// Milliseconds until TCP and TLS have to stand.
    pub timeout: u32,
    /// Milliseconds to wait for events.
    pub wait: u32,
    /// This moment in UNIX seconds, to judge certificates by.
    pub now: i64,
}

/// Walks until something is wrong, or events arrive.
///
/// # Errors
/// The system's, when it gives no poll instance or takes no socket.
pub fn walk(options: &Options<'_>) -> io::Result<Report> {
    let mut findings = Findings::new(options);
    let addresses = match &options.addresses {
        Ok(addresses) if !addresses.is_empty() => addresses,
        unresolved => {
            findings.unresolved(unresolved.as_ref().err());
            findings.certificates(None);
            return Ok(findings.report(Class::Unresolved));
        }
    };
    findings.resolved(addresses);
    let mut event_loop = EventLoop::new()?;
    let mut tried: Vec<(SocketAddr, Seen)> = Vec::new();
    let mut answering = None;
    for &address in addresses {
        // The second address that answers has nothing new to say.
        let goal = match answering {
            None => Goal::Events { wait: options.wait },
            Some(_) => Goal::Connect,
        };
        let form = RequestForm::default();
        let seen = probe(&mut event_loop, options, address, form, goal)?;
        if seen.local.is_some() && answering.is_none() {
            answering = Some(tried.len());
        }
        tried.push((address, seen));
    }
    for (address, seen) in &tried {
        findings.connect(*address, seen, answering.is_some());
    }
    let Some((address, first)) = answering.map(|index| tried.swap_remove(index)) else {
        findings.certificates(None);
        let classes = tried.iter().map(|(_, seen)| Class::of(seen));
        let class = classes.max_by_key(|class| class.tells());
        return Ok(findings.report(class.unwrap_or(Class::Unreachable)));
    };
    findings.tls(&first);
    findings.certificates(Some(&first));
    let forms = Tried::of(&mut event_loop, options, address, first)?;
    findings.request(&forms);
    let class = forms.best().map_or(Class::Broken, Class::of);
    Ok(findings.report(class))
}

/// Connects to one address and asks in this form.
pub(super) fn probe(
    event_loop: &mut EventLoop,
    options: &Options<'_>,
    address: SocketAddr,
    form: RequestForm,
    goal: Goal,
) -> io::Result<Seen> {
    let client = ClientOptions {
        address,
        bind: None,
        request: options.ask.message(InitialTimestamp::OLDEST, form.quirks()),
        session: ClientConfig {
            expected: Some(options.ask.expected()),
            ..ClientConfig::default()
        },
        pool: Pool::new(WINDOW, 32 << 20, event_loop.handle()),
        handshake_timeout: options.timeout,
    };
    let (probe, seen) = Probe::new(goal);
    match Client::new(options.tls, client, probe, event_loop.now()) {
        Ok(client) => {
            event_loop.add(Box::new(client))?;
            event_loop.run()?;
        }
        Err((end, _)) => seen.borrow_mut().end = Some(end),
    }
    Ok(seen.take())
}

/// Bytes of an arena to receive into.
const WINDOW: usize = 64 << 10;
