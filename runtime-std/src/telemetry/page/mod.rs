//! The page at `/`: rendered here at the time of the request, so that it can be read
//! without a script. A script fetches it again and draws curves.

mod html;
mod render;

use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, digest};

use super::status::Status;
use html::Html;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Returns the content security policy: this style and this script, and what the script
/// fetches from here.
pub(super) fn policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = |text: &str| BASE64_STANDARD.encode(digest(&SHA256, text.as_bytes()));
        format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            hash(STYLE),
            hash(SCRIPT)
        )
    });
    &POLICY
}

/// Returns the page for a status.
pub(super) fn write(status: &Status) -> String {
    let problems = status.problems().len();
    let title = match problems {
        0 => "estreamer".to_owned(),
        count => format!("({count}) estreamer"),
    };
    let mut page = Html::new();
    page.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    page.element("title", "", &title);
    page.raw("<style>").raw(STYLE);
    page.raw("</style></head><body>");
    render::main(&mut page, status);
    page.raw("<script>")
        .raw(SCRIPT)
        .raw("</script></body></html>");
    page.finish()
}
