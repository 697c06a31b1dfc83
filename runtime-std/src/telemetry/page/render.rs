//! The body of the page.

use super::html::Html;
use crate::certificate::utc;
use crate::telemetry::status::{Certificate, Output, Source, SourceState, Status, Trouble, Volume};
use crate::telemetry::words::{count, period, size};

/// Days from which the end of a certificate is shown as a warning, and as an error.
const DAYS: (i64, i64) = (30, 14);

pub(super) fn main(page: &mut Html, status: &Status) {
    page.raw("<main><header><h1>estreamer</h1>");
    let running = period(status.at - status.process.started);
    let state = format!("{} for {running}", status.state);
    page.element("p", "faint", &state);
    page.raw("</header>");
    verdict(page, status);
    facts(page, status);
    page.raw("<h2>Sources</h2><div class=\"cards\">");
    for of in &status.sources {
        source(page, of, status.at);
    }
    page.raw("</div><h2>Outputs</h2><div class=\"cards\">");
    for of in &status.outputs {
        output(page, of, status.at);
    }
    page.raw("</div><h2>Events by type</h2>");
    by_event(page, status);
    footer(page, status);
    page.raw("</main>");
}

fn verdict(page: &mut Html, status: &Status) {
    let problems = status.problems();
    if problems.is_empty() {
        page.raw("<div id=\"said\" class=\"verdict\">");
        page.raw("All is well: every source is connected, and every output works.</div>");
        return;
    }
    page.raw("<div id=\"said\" class=\"verdict bad\"><b>Something is wrong:</b><ul>");
    for problem in problems {
        page.element("li", "", &problem);
    }
    page.raw("</ul></div>");
}

fn facts(page: &mut Html, status: &Status) {
    let sum = |of: fn(&Source) -> f64| status.sources.iter().map(of).sum::<f64>();
    let connected = status.sources.iter();
    let connected = connected
        .filter(|it| it.state == SourceState::Connected)
        .count();
    let memory = &status.memory;
    page.raw("<div class=\"facts\">");
    for (value, what) in [
        (
            format!("{connected} of {}", status.sources.len()),
            "sources connected",
        ),
        (
            count(sum(|it| it.accepted.events as f64) as u64),
            "events delivered",
        ),
        (
            format!("{:.0}", sum(|it| it.rate.accepted)),
            "events per second",
        ),
        (
            format!(
                "{} of {}",
                size(memory.used_bytes),
                size(memory.limit_bytes)
            ),
            "memory for events",
        ),
    ] {
        page.raw("<div class=\"fact\">");
        page.element("b", "", &value);
        page.element("span", "", what);
        page.raw("</div>");
    }
    page.raw("</div>");
}

fn source(page: &mut Html, source: &Source, now: f64) {
    page.raw("<section class=\"card\"><header>");
    page.element("h3", "", &source.name);
    let class = match source.state {
        SourceState::Connected => "state good",
        SourceState::Waiting | SourceState::Ended => "state bad",
        _ => "state wait",
    };
    page.element("span", class, &source.state.to_string());
    page.raw("</header>");
    let lag = source.lag.map_or("–".to_owned(), period);
    let rate = format!("{:.0}", source.rate.accepted);
    page.raw("<div class=\"curves\" data-source=\"")
        .text(&source.name);
    page.raw("\" data-rate=\"")
        .text(&rate)
        .raw("\" data-lag=\"")
        .text(&lag);
    page.raw("\"></div><dl>");
    let since = format!("{} for {}", source.state, period(now - source.since));
    fact(page, "state", "", &since);
    if let Some(until) = source.until {
        fact(
            page,
            "next attempt",
            "",
            &format!("in {}", period(until - now)),
        );
    }
    let server = match (&source.server, &source.address) {
        (Some(server), Some(address)) if server != address => format!("{server} ({address})"),
        (server, _) => server.clone().unwrap_or_default(),
    };
    fact(page, "server", "", &server);
    if let Some(tls) = &source.tls {
        fact(page, "encryption", "", tls);
    }
    fact(page, "events delivered", "", &count(source.accepted.events));
    fact(page, "events per second", "", &rate);
    fact(page, "lag", "", &lag);
    fact(page, "in flight", "", &count(source.in_flight));
    match &source.bookmark {
        Some(bookmark) => {
            let second = bookmark.second.map(|second| {
                let time = utc(second.into());
                // Broken between date and time on a narrow page.
                time.replace('T', " ").replace('Z', " UTC")
            });
            let second = second.unwrap_or_else(|| "before the first event".into());
            fact(page, "bookmark is at", "", &second);
            if let Some(age) = bookmark.age {
                fact(page, "last commit", "", &format!("{} ago", period(age)));
            }
        }
        None => fact(page, "bookmark", "", "none"),
    }
    if let Some(of) = &source.server_certificate {
        certificate(page, "server certificate", of);
    }
    certificate(page, "own certificate", &source.identity);
    for (what, number) in [
        ("duplicates removed", source.duplicates),
        ("delivered before, missing", source.missing),
        ("malformed", source.malformed),
        ("oversize", source.oversize),
        ("dropped", source.dropped),
        ("connections", source.connections),
    ] {
        if number > 0 {
            fact(page, what, "", &count(number));
        }
    }
    for quirk in &source.quirks {
        fact(page, &quirk.name, "", &count(quirk.count));
    }
    for end in source.ends.iter().filter(|end| end.count > 0) {
        fact(page, &format!("ended: {}", end.name), "", &count(end.count));
    }
    page.raw("</dl>");
    if let Some(of) = &source.trouble {
        trouble(page, of, now, source.state != SourceState::Connected);
    }
    page.raw("</section>");
}

fn output(page: &mut Html, output: &Output, now: f64) {
    page.raw("<section class=\"card\"><header>");
    page.element("h3", "", &output.name);
    match output.failure {
        None => page.element("span", "state good", "works"),
        Some(_) => page.element("span", "state bad", "failing"),
    }
    page.raw("</header><dl>");
    let required = if output.required {
        "required"
    } else {
        "best effort"
    };
    fact(page, "kind", "", &format!("{}, {required}", output.kind));
    let backlog = &output.backlog;
    let waits = match backlog.batches {
        0 => "none".to_owned(),
        1 => format!("{} in 1 batch", size(backlog.bytes)),
        batches => format!("{} in {} batches", size(backlog.bytes), count(batches)),
    };
    fact(page, "backlog", "", &waits);
    if backlog.batches > 0 {
        let late = if backlog.age > 60.0 { "bad" } else { "" };
        fact(page, "oldest waits for", late, &period(backlog.age));
    }
    let latency = &output.latency;
    let mean = match latency.count {
        0 => "–".to_owned(),
        count => format!("{:.1} ms", latency.sum / count as f64 * 1000.0),
    };
    fact(page, "latency, mean", "", &mean);
    if let Some(bound) = percentile(output) {
        fact(page, "latency, 99 of 100", "", &bound);
    }
    fact(page, "batches", "", &count(output.batches));
    fact(page, "written", "", &size(output.bytes));
    if output.retries > 0 {
        fact(page, "retries", "", &count(output.retries));
    }
    if output.dropped > 0 {
        fact(page, "events dropped", "bad", &count(output.dropped));
    }
    if output.filtered > 0 {
        fact(page, "events filtered", "", &count(output.filtered));
    }
    page.raw("</dl>");
    if let Some(of) = &output.failure {
        trouble(page, of, now, true);
    }
    page.raw("</section>");
}

/// Returns the bucket that holds the slowest of 100 batches.
fn percentile(output: &Output) -> Option<String> {
    let wanted = (output.latency.count * 99).div_ceil(100);
    let mut sum = 0;
    let bucket = output.latency.buckets.iter().find(|bucket| {
        sum += bucket.count;
        sum >= wanted
    });
    let bound = bucket.filter(|_| wanted > 0)?.up_to;
    Some(match bound {
        Some(bound) if bound < 1.0 => format!("up to {:.0} ms", bound * 1000.0),
        Some(bound) => format!("up to {bound:.0} s"),
        None => "over 60 s".into(),
    })
}

fn certificate(page: &mut Html, what: &str, of: &Certificate) {
    let class = match of.days_left {
        days if days < DAYS.1 => "bad",
        days if days < DAYS.0 => "wait",
        _ => "",
    };
    let left = match of.days_left {
        days if days < 0 => format!("ended {} days ago", -days),
        1 => "1 day left".to_owned(),
        days => format!("{days} days left"),
    };
    fact(page, what, class, &left);
}

fn trouble(page: &mut Html, of: &Trouble, now: f64, is_now: bool) {
    let class = if is_now { "trouble now" } else { "trouble" };
    page.raw("<p class=\"").raw(class).raw("\"><b>");
    page.text(&period(now - of.at))
        .raw(" ago:</b> ")
        .text(&of.what)
        .raw(".");
    if !of.remedy.is_empty() {
        page.raw(" ").text(&of.remedy).raw(".");
    }
    page.raw("</p>");
}

fn fact(page: &mut Html, what: &str, class: &'static str, value: &str) {
    page.element("dt", "", what);
    page.element("dd", class, value);
}

/// The row of all event types.
const ALL: &str = "all";

fn by_event(page: &mut Html, status: &Status) {
    page.raw("<div class=\"wide\"><table><thead><tr>");
    for name in [
        "source",
        "event type",
        "received",
        "delivered",
        "durable",
        "bytes",
    ] {
        page.element("th", "", name);
    }
    page.raw("</tr></thead><tbody>");
    let row = |page: &mut Html, name: &str, event: &str, of: [&Volume; 3]| {
        page.raw(if event == ALL {
            "<tr class=\"all\">"
        } else {
            "<tr>"
        });
        page.element("td", "", name);
        page.element("td", "", event);
        for volume in of {
            page.element("td", "", &count(volume.events));
        }
        page.element("td", "", &size(of[1].bytes));
        page.raw("</tr>");
    };
    for source in &status.sources {
        for of in source.by_event.iter().filter(|of| of.received.events > 0) {
            let volumes = [&of.received, &of.accepted, &of.durable];
            row(page, &source.name, &of.event, volumes);
        }
        row(
            page,
            &source.name,
            ALL,
            [&source.received, &source.accepted, &source.durable],
        );
    }
    page.raw("</tbody></table></div>");
}

fn footer(page: &mut Html, status: &Status) {
    let process = &status.process;
    let known = |what: &str, value: Option<String>| {
        value.map_or(String::new(), |value| format!(", {what} {value}"))
    };
    let text = format!(
        "estreamer {} for {}, process {}{}{}{}{}. ",
        process.version,
        process.target,
        process.pid,
        known("resident memory", process.resident_bytes.map(size)),
        known("descriptors", process.descriptors.map(count)),
        known("configuration", process.configuration.clone()),
        known("state", process.state_directory.clone()),
    );
    page.raw("<footer><p>").text(&text);
    page.raw("As <a href=\"status\">JSON</a>, as <a href=\"metrics\">metrics</a>.</p></footer>");
}
