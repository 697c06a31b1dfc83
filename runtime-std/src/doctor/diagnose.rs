//! Runs the diagnosis: connects to every address of the server, and tests the first that
//! answers in full.

use std::io;
use std::net::SocketAddr;

use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::event_loop::EventLoop;

use super::attempt::probe;
use super::class::Class;
use super::credit;
use super::findings::Findings;
use super::forms::Tried;
use super::options::DoctorOptions;
use super::probe::{Goal, Observations};
use super::report::Report;

/// Runs the steps until one fails or events arrive.
///
/// # Errors
/// Those of the system if it provides no poll instance or socket.
pub fn diagnose(options: &DoctorOptions<'_>) -> io::Result<Report> {
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
    let mut tried: Vec<(SocketAddr, Observations)> = Vec::new();
    let mut answering = None;
    for &address in addresses {
        // After one address has answered, further addresses are only tested for a TCP
        // connection.
        let goal = match answering {
            None => Goal::Events { wait: options.wait },
            Some(_) => Goal::Connect,
        };
        let form = options.form.unwrap_or_default();
        let seen = probe(&mut event_loop, options, address, form, options.from, goal)?;
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
    let class = forms.best().map_or(Class::Broken, Class::of);
    // A server without newer events and one that sends nothing look the same.
    if class == Class::Silent && options.from != InitialTimestamp::OLDEST {
        let form = forms.answered_form();
        let goal = Goal::Events { wait: options.wait };
        let oldest = InitialTimestamp::OLDEST;
        let older = probe(&mut event_loop, options, address, form, oldest, goal)?;
        if Class::of(&older) == Class::Healthy {
            findings.request(&forms, Some(&older));
            findings.credit(credit::measure(&mut event_loop, options, address, form)?);
            return Ok(findings.report(Class::Healthy));
        }
    }
    findings.request(&forms, None);
    if class == Class::Healthy {
        let form = forms.answered_form();
        findings.credit(credit::measure(&mut event_loop, options, address, form)?);
    }
    Ok(findings.report(class))
}
