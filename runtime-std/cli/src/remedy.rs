//! Words remedies in the options of this program.

use estreamer::failure::{Remedy, Wording};

/// Returns the wording of this program.
pub(crate) fn wording() -> Wording {
    Wording::new(in_options)
}

/// Words a remedy. Remedies without an option keep the words of the library.
fn in_options(remedy: &Remedy) -> String {
    let text = match remedy {
        Remedy::NameCa => "Name it with --ca FILE, or as ca = \"FILE\" in a configuration",
        Remedy::NamePassword => {
            "Name its place with --password-file, --password-env, --password-fd or \
             --password-credential, or as password = { file = … } in a configuration"
        }
        Remedy::NameFields => {
            "Name the fields: --fields connection=InitiatorIP,URL, or events = { connection = \
             [\"InitiatorIP\", \"URL\"] }"
        }
        Remedy::NameState => "Name another one: --state DIR, or state = \"DIR\" in a configuration",
        Remedy::RestoreOrReset => {
            "Either restore the state directory from a backup: events that came after it come \
             again. Or start with --reset-bookmark, and with --from (from in a configuration) at \
             or before the time of the last event in the outputs: events after that time come \
             again, none is lost"
        }
        Remedy::RestoreBothOrReset => {
            "Restore key and journal from the same backup; or start with --reset-bookmark, and \
             with --from (from in a configuration) at or before the time of the last event in the \
             outputs: events after that time come again, none is lost"
        }
        Remedy::ResetSource(name) => return format!("--reset-bookmark={name} discards it"),
        Remedy::NameSource(name) => {
            return format!(
                "Name the source so: --name {name}, or name = {name:?} in a configuration"
            );
        }
        Remedy::SetRequestForm(form) => {
            return format!(
                "Set request_form = \"{form}\" for this server (--request-form {form}), so that \
                 the first start need not find it out"
            );
        }
        Remedy::Verify => {
            "Leave out --insecure-no-verify, or insecure_no_verify in a configuration"
        }
        Remedy::AllowSha1 => {
            "Have it issued again with SHA-256, or allow SHA-1 for this server: --allow-sha1, or \
             allow_sha1 = true in a configuration"
        }
        Remedy::PinFingerprint(found) => {
            return format!(
                "If it was renewed, compare the fingerprint on the Management Center, and pin it: \
                 --server-fingerprint {found}, or server_fingerprint = \"{found}\" in a \
                 configuration"
            );
        }
        Remedy::AcceptFingerprint(found) => {
            return format!(
                "Compare the fingerprint on the Management Center, and accept this certificate by \
                 it: --server-fingerprint {found}, or server_fingerprint = \"{found}\" in a \
                 configuration"
            );
        }
        Remedy::Prepay(nulls) => {
            return format!(
                "To wait less for this server, set --ack-prepaid {nulls}, or prepaid = {nulls} in \
                 [ack] of a configuration"
            );
        }
        Remedy::CorrectName => {
            "Correct --server-name (server_name in a configuration), or leave it out: a Management \
             Center's certificate need not name its address"
        }
        Remedy::CorrectBind => {
            "Correct --bind (bind in a configuration) to an address of this machine of the same \
             kind as the server's, or leave it out"
        }
        Remedy::SetRecordLength => {
            "If events start with extra bytes or lack their first bytes, set --record-length data, \
             extension or all, or record_length in a configuration"
        }
        Remedy::AskEarlier => {
            "For older events, set an earlier start: --from oldest, or from = \"oldest\" in a \
             configuration"
        }
        Remedy::Record => {
            "Record the stream with --capture FILE; `estreamer capture decode FILE` shows where"
        }
        other => return other.to_string(),
    };
    text.to_owned()
}
