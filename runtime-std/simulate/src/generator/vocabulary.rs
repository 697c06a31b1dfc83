//! The words events are made of. Hosts are example domains, addresses come
//! from documentation and private ranges, nobody here exists.

/// TransportProtocol of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TransportProtocol {
    Tcp,
    Udp,
    Icmp,
}

/// What a connection is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NetworkService {
    /// Value of `Application`.
    pub(super) name: &'static str,
    pub(super) id: u16,
    pub(super) transport: TransportProtocol,
    pub(super) port: u16,
    pub(super) tls: bool,
    /// Has URLs.
    pub(super) web: bool,
    /// Carries files, if it can be looked into.
    pub(super) files: bool,
    pub(super) clients: &'static [&'static str],
}

const BROWSERS: &[&str] = &["Firefox", "Chrome", "Safari", "cURL", "Wget"];

#[rustfmt::skip]
pub(super) const SERVICES: &[&NetworkService] = &[
    &HTTP,
    &NetworkService { name: "HTTPS", id: 1122, transport: TransportProtocol::Tcp, port: 443, tls: true, web: true, files: true, clients: BROWSERS },
    &NetworkService { name: "QUIC", id: 4029, transport: TransportProtocol::Udp, port: 443, tls: true, web: true, files: false, clients: &["Chrome"] },
    &NetworkService { name: "DNS", id: 617, transport: TransportProtocol::Udp, port: 53, tls: false, web: false, files: false, clients: &["DNS client"] },
    &NetworkService { name: "SMTP", id: 755, transport: TransportProtocol::Tcp, port: 25, tls: false, web: false, files: true, clients: &["SMTP client"] },
    &NetworkService { name: "NetBIOS-ssn (SMB)", id: 789, transport: TransportProtocol::Tcp, port: 445, tls: false, web: false, files: true, clients: &["NetBIOS-ssn (SMB) client"] },
    &NetworkService { name: "SSH", id: 846, transport: TransportProtocol::Tcp, port: 22, tls: false, web: false, files: false, clients: &["OpenSSH"] },
    &NetworkService { name: "ICMP", id: 3501, transport: TransportProtocol::Icmp, port: 0, tls: false, web: false, files: false, clients: &["ICMP client"] },
];

/// The service for a connection that must carry files.
pub(super) const HTTP: NetworkService = NetworkService {
    name: "HTTP",
    id: 676,
    transport: TransportProtocol::Tcp,
    port: 80,
    tls: false,
    web: true,
    files: true,
    clients: BROWSERS,
};

pub(super) const HOSTS: &[&str] = &[
    "www.example.net",
    "download.example.org",
    "cdn.example.com",
    "updates.example.net",
    "intranet.example.com",
    "api.example.org",
];
pub(super) const AWKWARD_HOSTS: &[&str] = &[
    "bücher.example.net",
    "例え.example.org",
    "xn--bcher-kva.example.com",
];

pub(super) const PATHS: &[&str] = &[
    "/",
    "/index.html",
    "/download/setup.exe",
    "/api/v2/items?page=2&sort=name",
    "/images/logo.svg",
    "/docs/manual.pdf",
];
pub(super) const AWKWARD_PATHS: &[&str] = &[
    "/search?q=\"two words\"&lang=de",
    "/søk/blåbær?æ=ø",
    "/C:\\temp\\..\\setup.exe",
    "/emoji/\u{1f680}/\u{1f469}\u{200d}\u{1f4bb}",
    "/tab\there?x=\u{1}\u{1f}\u{7f}",
    "/two\r\nlines?a=1,b=2",
    "/<script>alert('x')</script>",
];

pub(super) const WEB_APPS: &[&str] = &["Web Browsing", "Example Storage", "Example Mail"];
pub(super) const CATEGORIES: &[&str] = &[
    "Computers and Internet",
    "Software Updates",
    "News and Media",
    "Uncategorized",
];
pub(super) const REPUTATIONS: &[&str] =
    &["Trusted", "Favorable", "Neutral", "Questionable", "Unknown"];

pub(super) const USER_AGENTS: &[&str] = &[
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)",
    "curl/8.5.0",
    "Wget/1.21.4",
];

/// `#` becomes a number.
pub(super) const USERS: &[&str] = &["user-#", "EXAMPLE\\user-#", "user-#@example.net"];
pub(super) const AWKWARD_USERS: &[&str] = &[
    "üser-#",
    "пользователь-#",
    "用户-#",
    "EXAMPLE\\\"user\" #",
    "user-#\u{1f600}",
];

pub(super) const ACCESS_RULES: &[&str] = &[
    "Permit Outbound",
    "Inside to Outside",
    "Allow Web, DNS",
    "Default Action",
];
pub(super) const AWKWARD_ACCESS_RULES: &[&str] = &[
    "Allow \"web\" out",
    "Erlaubt für Büro 3. Stock",
    "許可 / allow",
];

/// Name, code, ISO number, continent, code.
pub(super) const COUNTRIES: &[(&str, &str, u16, &str, &str)] = &[
    ("Germany", "deu", 276, "Europe", "eu"),
    ("Japan", "jpn", 392, "Asia", "as"),
    ("Brazil", "bra", 76, "South America", "sa"),
    ("United States", "usa", 840, "North America", "na"),
    ("Côte d'Ivoire", "civ", 384, "Africa", "af"),
];

/// An intrusion rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) generator: u16,
    pub(super) id: u32,
    pub(super) revision: u16,
    pub(super) priority: u16,
    pub(super) message: &'static str,
    pub(super) classification: &'static str,
    pub(super) group: &'static str,
    /// Empty for a rule outside that scheme.
    pub(super) mitre: &'static str,
}

#[rustfmt::skip]
pub(super) const SIGNATURES: &[&Signature] = &[
    &Signature { generator: 1, id: 1_000_001, revision: 3, priority: 1,
        message: "SERVER-WEBAPP path traversal attempt", classification: "Web Application Attack",
        group: "Rule Categories>Server>Web Application",
        mitre: "MITRE>ATT&CK Framework>Enterprise>Initial Access>Exploit Public-Facing Application" },
    &Signature { generator: 1, id: 1_000_002, revision: 1, priority: 1,
        message: "MALWARE-CNC beacon with User-Agent \"test\"", classification: "A Network Trojan was Detected",
        group: "Rule Categories>Malware>Command and Control",
        mitre: "MITRE>ATT&CK Framework>Enterprise>Command and Control>Application Layer Protocol" },
    &Signature { generator: 1, id: 1_000_003, revision: 20, priority: 1,
        message: "FILE-EXECUTABLE portable executable in transit", classification: "Potential Corporate Policy Violation",
        group: "Rule Categories>File>Executable",
        mitre: "MITRE>ATT&CK Framework>Enterprise>Execution>User Execution>Malicious File" },
    &Signature { generator: 1, id: 1_000_004, revision: 7, priority: 2,
        message: "POLICY-OTHER share \\\\server\\admin$ opened", classification: "Potentially Bad Traffic",
        group: "Rule Categories>Policy>Other", mitre: "" },
    &Signature { generator: 116, id: 408, revision: 1, priority: 3,
        message: "(ipv4) packet from 'current net' source address", classification: "Miscellaneous Activity",
        group: "Builtins>Decoder", mitre: "" },
];

/// Name, type.
pub(super) const FILES: &[(&str, &str)] = &[
    ("setup.exe", "MSEXE"),
    ("manual.pdf", "PDF"),
    ("archive.zip", "ZIP"),
    ("report.docx", "NEW_OFFICE"),
    ("logo.png", "PNG"),
];
pub(super) const AWKWARD_FILES: &[(&str, &str)] = &[
    ("résumé \"final\" (2).docx", "NEW_OFFICE"),
    ("報告書 \u{1f4c4}.pdf", "PDF"),
    ("C:\\temp\\setup.exe", "MSEXE"),
    ("tab\tand\u{1}control.bin", "BINARY"),
    ("line\nbreak, comma.csv", "CSV"),
    ("عرض تقديمي.pptx", "NEW_OFFICE"),
    ("separator\u{2028}here.txt", "TEXT"),
];

pub(super) const THREATS: &[&str] = &["EICAR", "W32.Example.Test", "Doc.Dropper.Example"];
