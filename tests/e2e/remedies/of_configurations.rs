//! Mistakes in a configuration, and the same with the remedy applied.

use std::fs;

use estreamer::failure::Remedy;
use estreamer_tests::{Ended, Pki, estreamer};

use super::{Printed, check, fixture};

pub(super) fn run(printed: &mut Printed) {
    let pki = Pki::new();
    pki.write("password", "estreamer");
    fs::create_dir(pki.scratch("dir")).unwrap();
    let request = Ended::of(&mut estreamer(&["request", "--event", "file"])).success();
    let text = String::from_utf8(request.stdout).unwrap();
    let block = text.lines().find(|line| line.starts_with('{')).unwrap();
    pki.write("request.json", block);
    let pem = "cert = \"pki/client.pem\"\nkey = \"pki/client.key\"\nca = \"pki/ca.pem\"\n";
    let start = "[[source]]\nserver = \"127.0.0.1\"\n";
    let pem_source = format!("{start}{pem}");
    let with = |more: &str| format!("{}{more}", source());
    let output = |more: &str| with(&format!("[[output]]\n{more}"));
    let receiver = |more: &str| {
        let url = "url = \"https://siem.example.net/events\"\n";
        format!("state = \"s\"\n{}{more}", output(url))
    };
    let locked = format!("{start}pkcs12 = \"pki/client.p12\"\n");
    let unlocked = format!("{locked}password = {{ file = \"password\" }}\n");
    let dir = pki.scratch("dir");
    let cases = [
        (String::new(), source()),
        // A key of another table, and one that is missing.
        (format!("server = \"a\"\n{}", source()), source()),
        (
            "[[source]]\npkcs12 = \"pki/client-nopassword.p12\"\n".into(),
            source(),
        ),
        (start.into(), source()),
        (
            format!("{start}cert = \"pki/client.pem\"\n"),
            pem_source.clone(),
        ),
        (with("cert = \"pki/client.pem\"\n"), source()),
        (
            with("server_name = \"cn:a\"\ninsecure_no_verify = true\n"),
            with("server_name = \"cn:a\"\n"),
        ),
        (
            source().replace("\"127.0.0.1\"", "[\"a\", \"b\"]") + &fingerprint(),
            source().replace("\"127.0.0.1\"", "[\"a\", \"b\"]"),
        ),
        (
            with("request_form = \"both\"\nquirks = [\"request-nul\"]\n"),
            with("request_form = \"both\"\n"),
        ),
        (with("events = {}\n"), with("events = { file = true }\n")),
        (
            with("request = \"request.json\"\nevents = [\"file\"]\n"),
            with("request = \"request.json\"\n"),
        ),
        (
            with("data = \"JSON\"\ntransform = \"JSON\"\n"),
            with("transform = \"JSON\"\n"),
        ),
        (
            output("url = \"file:{event}.csv\"\nformat = \"csv\"\n"),
            with(
                "events = { connection = [\"InitiatorIP\", \"URL\"] }\n\
                 [[output]]\nurl = \"file:{event}.csv\"\nformat = \"csv\"\n",
            ),
        ),
        (
            with("transform = \"CSV\"\n"),
            with("transform = \"CSV\"\nevents = { connection = [\"InitiatorIP\", \"URL\"] }\n"),
        ),
        // Places of passwords.
        (locked.clone(), unlocked.clone()),
        (
            format!("{locked}password = \"estreamer\"\n"),
            unlocked.clone(),
        ),
        (format!("{locked}password = {{}}\n"), unlocked.clone()),
        (
            format!("{locked}password = {{ file = \"password\", env = \"A\" }}\n"),
            unlocked.clone(),
        ),
        (
            format!("{pem_source}password = {{ file = \"password\" }}\n"),
            pem_source,
        ),
        (
            format!("{locked}password = {{ credential = \"a/b\" }}\n"),
            format!("{locked}password = {{ credential = \"fmc.pass\" }}\n"),
        ),
        (
            format!(
                "{start}pkcs12 = {:?}\npassword = {{ file = \"password\" }}\n",
                fixture("no-ca.p12")
            ),
            format!(
                "{start}pkcs12 = {:?}\npassword = {{ file = \"password\" }}\nca = {:?}\n",
                fixture("no-ca.p12"),
                fixture("ca-v1.pem")
            ),
        ),
        // Outputs.
        (
            output("name = \"a\"\n"),
            output("name = \"a\"\nurl = \"-\"\n"),
        ),
        (
            format!(
                "state = \"s\"\n{}",
                output("url = \"-\"\nrequired = false\n")
            ),
            format!("state = \"s\"\n{}", output("url = \"-\"\n")),
        ),
        (
            output(&format!("url = \"file:{}\"\n", dir.display())),
            output(&format!("url = \"file:{}/events.ndjson\"\n", dir.display())),
        ),
        (
            output("url = \"file:/dev/null\"\n"),
            output("url = \"stdout:\"\n"),
        ),
        (
            receiver("proxy = \"ftp://proxy.example.net\"\n"),
            receiver("proxy = \"http://proxy.example.net:3128\"\n"),
        ),
        (
            receiver("proxy = \"http://a:3128\"\ntls = { server_name = \"siem\" }\n"),
            receiver("proxy = \"http://a:3128\"\n"),
        ),
        // Archives.
        (
            output("url = \"file:e\"\nrotate = {}\n"),
            output("url = \"file:e\"\nrotate = { size = \"256MiB\" }\n"),
        ),
        (
            output("url = \"file:e\"\nrotate = {}\n"),
            output("url = \"file:e\"\nrotate = { every = \"1h\" }\n"),
        ),
        (
            output("url = \"-\"\nrotate = { every = \"1h\" }\n"),
            output("url = \"file:e\"\nrotate = { every = \"1h\" }\n"),
        ),
        (
            output("url = \"file:e\"\nkeep = { days = 1 }\n"),
            output("url = \"file:e\"\nkeep = { days = 1 }\nrotate = { size = \"256MiB\" }\n"),
        ),
        (
            output(
                "url = \"file:e\"\nkeep = { days = 1 }\nrotate = { size = \"1MiB\" }\nmanifest = false\n",
            ),
            output("url = \"file:e\"\nkeep = { days = 1 }\nrotate = { size = \"1MiB\" }\n"),
        ),
        // Fields.
        (
            output("url = \"-\"\nkeep_fields = [\"URL\"]\ndrop_fields = [\"User\"]\n"),
            output("url = \"-\"\nkeep_fields = [\"URL\"]\n"),
        ),
        (
            output("url = \"-\"\nkeep = [\"URL\"]\n"),
            output("url = \"-\"\nkeep_fields = [\"URL\"]\n"),
        ),
        (
            output("url = \"-\"\nformat = \"raw\"\nkeep_fields = [\"URL\"]\n"),
            output("url = \"-\"\nkeep_fields = [\"URL\"]\n"),
        ),
        (
            format!(
                "{}transform = \"CSV\"\nevents = {{ file = [\"FileName\"] }}\n\
                 [[output]]\nurl = \"-\"\nwhere = \"FileName exists\"\n",
                source()
            ),
            output("url = \"-\"\nwhere = \"FileName exists\"\n"),
        ),
        // The status.
        (
            format!("[listen]\n{}", source()),
            format!("[listen]\naddress = \"127.0.0.1:9302\"\n{}", source()),
        ),
        // Receivers.
        (
            output("url = \"elastic+https://a:9200\"\n"),
            output("url = \"elastic+https://a:9200\"\nindex = \"i\"\nerrors = \"e\"\n"),
        ),
        (
            output("url = \"splunk+https://a:8088\"\nerrors = \"e\"\n"),
            output(
                "url = \"splunk+https://a:8088\"\nerrors = \"e\"\ntoken = { file = \"password\" }\n",
            ),
        ),
        (
            output("url = \"syslog+tcp://a:601\"\nformat = \"raw\"\n"),
            output("url = \"syslog+tcp://a:601\"\nformat = \"ndjson\"\n"),
        ),
        (
            output(
                "url = \"splunk+https://a:8088\"\nerrors = \"e\"\nformat = \"splunk\"\ntoken = { file = \"password\" }\n",
            ),
            output(
                "url = \"splunk+https://a:8088\"\nerrors = \"e\"\nformat = \"ndjson\"\ntoken = { file = \"password\" }\n",
            ),
        ),
        (
            output("url = \"syslog+tcp://a:601\"\nformat = \"pcapng\"\n"),
            output("url = \"file:a.pcapng\"\nformat = \"pcapng\"\n"),
        ),
        (
            receiver("auth = {}\n"),
            receiver("auth = { bearer = { file = \"password\" } }\n"),
        ),
        (
            receiver(
                "auth = { bearer = { file = \"password\" }, user = \"a\", password = { file = \"password\" } }\n",
            ),
            receiver("auth = { bearer = { file = \"password\" } }\n"),
        ),
        // Addresses.
        (
            with("bind = \"192.0.2.1\"\n"),
            with("bind = \"127.0.0.1\"\n"),
        ),
        (with("bind = \"::1\"\n"), source()),
        (
            with("from = \"2094-01-01T00:00:00Z\"\nsever = 1\n"),
            source(),
        ),
    ];
    in_keys(printed, &pki);
    for (broken, fixed) in cases {
        let text = printed.by(&mut check(&pki, &broken));
        assert!(text.contains("c.toml"), "{broken}: {text}");
        let ended = Ended::of(&mut check(&pki, &fixed));
        assert!(ended.status.success(), "{fixed}: {}", ended.stderr);
    }
}

/// The words of the library for what the program words in options, and a configuration
/// that follows them.
fn in_keys(printed: &mut Printed, pki: &Pki) {
    for (remedy, top, own) in [
        (Remedy::NameState, "state = \"DIR\"\n", ""),
        (Remedy::CorrectName, "", ""),
        (Remedy::CorrectBind, "", "bind = \"127.0.0.1\"\n"),
        (Remedy::AskEarlier, "", "from = \"oldest\"\n"),
        (Remedy::AllowSha1, "", "allow_sha1 = true\n"),
        (Remedy::SetRecordLength, "", "record_length = \"all\"\n"),
        (Remedy::Prepay(64), "ack.prepaid = 64\n", ""),
    ] {
        printed.0 += &format!("{remedy}\n");
        let text = format!("{top}{}{own}", source());
        Ended::of(&mut check(pki, &text)).success();
    }
}

/// A source that can be collected from.
pub(super) fn source() -> String {
    "[[source]]\nserver = \"127.0.0.1\"\npkcs12 = \"pki/client-nopassword.p12\"\n".into()
}

fn fingerprint() -> String {
    format!("server_fingerprint = \"{}\"\n", "00".repeat(32))
}
