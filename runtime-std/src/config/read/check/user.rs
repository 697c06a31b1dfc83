//! The user who checks.

use std::fs;

/// Returns the effective user of this process: `root (uid 0)`.
pub fn user() -> String {
    let uid = rustix::process::geteuid().as_raw();
    match name(uid) {
        Some(name) => format!("{name} (uid {uid})"),
        None => format!("uid {uid}"),
    }
}

/// Returns the name of a local user.
fn name(uid: u32) -> Option<String> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number = fields.nth(1)?.parse::<u32>().ok()?;
        (number == uid && !name.is_empty()).then(|| name.to_owned())
    })
}
