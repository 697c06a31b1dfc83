//! The page: readable as it comes, true in a browser, and safe from what peers say.

use std::fs;
use std::process::Command;

use estreamer_tests::http::{get, listening, status};
use estreamer_tests::{Ended, Fleet, Running, wait_until};

use crate::status::{LISTEN, settled, source, world};

/// The text of the definition after this term, in the card of this source or output.
fn fact(page: &str, card: &str, term: &str) -> Option<String> {
    let (_, card) = page.split_once(&format!("<h3>{card}</h3>"))?;
    let card = card.split("</section>").next()?;
    let (_, rest) = card.split_once(&format!("<dt>{term}</dt><dd"))?;
    let text = rest.split_once('>')?.1.split("</dd>").next()?;
    Some(text.replace('\u{202f}', ""))
}

#[test]
fn the_page_needs_no_script_and_loads_nothing() {
    let (_fleet, _servers, running) = world();
    let address = listening(&running);
    settled(&address);
    let answer = get(&address, "/");
    assert!(
        answer
            .head
            .contains("\r\nContent-Type: text/html; charset=utf-8\r\n")
    );
    let policy = answer
        .head
        .split("Content-Security-Policy: ")
        .nth(1)
        .unwrap();
    let policy = policy.lines().next().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    let page = answer.body;
    assert_eq!(
        fact(&page, "big", "events delivered").as_deref(),
        Some("1000")
    );
    assert_eq!(
        fact(&page, "small", "events delivered").as_deref(),
        Some("300")
    );
    assert!(page.contains("source away is not connected"));
    assert!(page.contains("Check address and port"));
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        let own = page.matches("http://www.w3.org/2000/svg").count();
        let expected = if outside == "http://" { own } else { 0 };
        assert_eq!(page.matches(outside).count(), expected, "{outside}");
    }
    assert!(page.contains("prefers-color-scheme: dark"));
    running.stop().success();
}

#[test]
fn what_a_peer_or_a_configuration_says_stays_text() {
    let fleet = Fleet::new();
    let source = Fleet::source_at("<img src=x onerror=alert(1)>\"'&", "127.0.0.1:1");
    fleet.configure(LISTEN, &[source, Fleet::output("file:out.ndjson")]);
    let running = Running::start(&mut fleet.collect());
    let address = listening(&running);
    let name = "&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;";
    let mut page = String::new();
    wait_until(|| {
        page = get(&address, "/").body;
        page.contains("refuses the connection")
    });
    assert!(page.contains(&format!("<h3>{name}</h3>")), "{page}");
    assert!(!page.contains("<img"), "{page}");
    let metrics = get(&address, "/metrics").body;
    let label = "source=\"<img src=x onerror=alert(1)>\\\"'&\"";
    assert!(metrics.contains(label), "{metrics}");
    running.stop().success();
}

#[test]
#[ignore = "needs chromium: cargo xtask interop"]
fn a_browser_shows_the_numbers_of_the_status_which_are_those_of_the_files() {
    let (fleet, _servers, running) = world();
    let address = listening(&running);
    settled(&address);
    let profile = fleet.path("profile");
    let mut chromium = Command::new("chromium");
    chromium
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            // The script has asked several times by then.
            "--virtual-time-budget=7000",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("http://{address}/"));
    let ended = Ended::of(&mut chromium).success();
    let page = String::from_utf8(ended.stdout).unwrap();
    let status = status(&address);
    for name in ["big", "small"] {
        let events = source(&status, name)["accepted"]["events"]
            .as_u64()
            .unwrap();
        let files = fs::read_dir(fleet.path("")).unwrap();
        let of_source = files.map(|entry| entry.unwrap()).filter(|entry| {
            let file = entry.file_name();
            file.to_string_lossy().starts_with(&format!("{name}-"))
        });
        let lines: usize = of_source
            .map(|entry| fs::read_to_string(entry.path()).unwrap().lines().count())
            .sum();
        assert_eq!(events, lines as u64);
        assert_eq!(
            fact(&page, name, "events delivered"),
            Some(events.to_string())
        );
        // Drawn by the script from several answers.
        let (_, card) = page.split_once(&format!("<h3>{name}</h3>")).unwrap();
        let card = card.split("</section>").next().unwrap();
        assert_eq!(card.matches("<svg").count(), 2, "{card}");
    }
    running.stop().success();
}
