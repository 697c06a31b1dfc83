//! A connection through a sensor, and the events of its start and end.

use super::event::{EventKind, GeneratedEvent};
use super::rng::Rng;
use super::vocabulary as words;
use super::vocabulary::{NetworkService, TransportProtocol};
use super::{GeneratorOptions, PayloadSize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A sensor.
#[derive(Debug, Clone)]
pub(super) struct Device {
    pub(super) uuid: String,
    pub(super) ip: String,
    pub(super) serial: String,
    pub(super) host: String,
    pub(super) sensor_id: u32,
    pub(super) inside_uuid: String,
    pub(super) outside_uuid: String,
    pub(super) policy_uuid: String,
}

impl Device {
    pub(super) fn new(n: usize, rng: &mut Rng) -> Self {
        let mut serial = String::from("9A");
        rng.hex(9, &mut serial);
        Self {
            uuid: rng.uuid(),
            ip: format!("192.168.255.{}", n + 10),
            serial: serial.to_ascii_uppercase(),
            host: format!("ftd-{}.example.net", n + 1),
            sensor_id: n as u32 + 2,
            inside_uuid: rng.uuid(),
            outside_uuid: rng.uuid(),
            policy_uuid: rng.uuid(),
        }
    }
}

/// What all events of a connection have in common.
#[derive(Debug, Clone)]
pub(super) struct SimulatedConnection {
    pub(super) device: usize,
    pub(super) instance: u64,
    pub(super) id: u32,
    pub(super) first: u32,
    pub(super) service: &'static NetworkService,
    pub(super) initiator: IpAddr,
    pub(super) responder: IpAddr,
    pub(super) initiator_port: u16,
    pub(super) client: &'static str,
    pub(super) web_app: &'static str,
    pub(super) rule: &'static str,
    pub(super) host: &'static str,
    pub(super) path: String,
    pub(super) user: Option<String>,
    pub(super) blocked: bool,
    /// TLS, and the sensor looked into it.
    pub(super) decrypted: bool,
    pub(super) awkward: bool,
    nat: bool,
    certificate: String,
}

impl SimulatedConnection {
    pub(super) fn new(
        id: u32,
        now: u32,
        with_files: bool,
        options: &GeneratorOptions,
        rng: &mut Rng,
    ) -> Self {
        let service = if with_files {
            &words::HTTP
        } else {
            rng.pick(words::SERVICES)
        };
        let awkward = rng.percent(options.awkward_percent);
        let v6 = rng.percent(options.ipv6_percent);
        let (initiator, responder) = if v6 { v6_pair(rng) } else { v4_pair(rng) };
        let certificate = if service.tls {
            let mut hex = String::with_capacity(40);
            rng.hex(40, &mut hex);
            hex
        } else {
            String::new()
        };
        Self {
            device: rng.below(super::DEVICES as u64) as usize,
            instance: rng.between(1, 4),
            id,
            first: now.saturating_sub(rng.below(3) as u32),
            service,
            initiator,
            responder,
            initiator_port: rng.between(1_024, 65_535) as u16,
            client: rng.pick(service.clients),
            web_app: rng.pick(words::WEB_APPS),
            rule: either(
                awkward,
                words::AWKWARD_ACCESS_RULES,
                words::ACCESS_RULES,
                rng,
            ),
            host: either(awkward, words::AWKWARD_HOSTS, words::HOSTS, rng),
            path: path(awkward, options.size, rng),
            user: user(awkward, rng),
            blocked: !with_files && rng.percent(10),
            decrypted: service.tls
                && service.transport == TransportProtocol::Tcp
                && rng.percent(30),
            awkward,
            nat: !v6 && rng.percent(70),
            certificate,
        }
    }

    /// Whether file events make sense: TLS hides files unless decrypted.
    pub(super) fn carries_files(&self) -> bool {
        self.service.files && (!self.service.tls || self.decrypted)
    }

    /// Its content can be read on the way.
    pub(super) fn clear_web(&self) -> bool {
        self.service.web && (!self.service.tls || self.decrypted)
    }

    /// `Protocol` and its number.
    pub(super) fn protocol(&self) -> (&'static str, u8) {
        match self.service.transport {
            TransportProtocol::Tcp => ("tcp", 6),
            TransportProtocol::Udp => ("udp", 17),
            TransportProtocol::Icmp if self.initiator.is_ipv6() => ("ipv6-icmp", 58),
            TransportProtocol::Icmp => ("icmp", 1),
        }
    }

    /// ICMP type of its echo request, if it is one.
    pub(super) fn icmp_type(&self) -> Option<u8> {
        match self.service.transport {
            TransportProtocol::Icmp if self.initiator.is_ipv6() => Some(128),
            TransportProtocol::Icmp => Some(8),
            _ => None,
        }
    }

    /// The four fields that name the connection. A connection event has had
    /// `FirstPacketSecond` in its header already.
    pub(super) fn push_key(&self, devices: &[Device], event: &mut GeneratedEvent) {
        event.sensor = devices[self.device].sensor_id;
        event.text("DeviceUUID", devices[self.device].uuid.clone());
        event.integer("InstanceID", self.instance);
        if event.kind != EventKind::Connection {
            event.integer("FirstPacketSecond", self.first);
        }
        event.integer("ConnectionID", self.id);
    }

    pub(super) fn push_endpoints(&self, event: &mut GeneratedEvent) {
        event.text("InitiatorIP", self.initiator.to_string());
        event.text("ResponderIP", self.responder.to_string());
        if self.service.transport != TransportProtocol::Icmp {
            event.integer("InitiatorPort", self.initiator_port);
            event.integer("ResponderPort", self.service.port);
        }
    }

    pub(super) fn push_icmp(&self, event: &mut GeneratedEvent) {
        if let Some(kind) = self.icmp_type() {
            event.integer("ICMP_Type", kind);
            event.integer("ICMP_Code", 0u8);
        }
    }

    /// The event of its first packet. For a blocked connection the only one.
    pub(super) fn start_event(
        &self,
        devices: &[Device],
        options: &GeneratorOptions,
        now: u32,
        rng: &mut Rng,
    ) -> GeneratedEvent {
        let mut event = GeneratedEvent::new(EventKind::Connection, now);
        event.integer("FirstPacketSecond", self.first);
        self.push_body(
            devices,
            options.size,
            [rng.between(1, 3), 0],
            &mut event,
            rng,
        );
        event
    }

    /// The event of its end, with the totals.
    pub(super) fn end_event(
        &self,
        devices: &[Device],
        options: &GeneratorOptions,
        now: u32,
        rng: &mut Rng,
    ) -> GeneratedEvent {
        let last = rng.between(self.first.into(), now.max(self.first).into());
        let mut event = GeneratedEvent::new(EventKind::Connection, now);
        event.integer("FirstPacketSecond", self.first);
        event.integer("LastPacketSecond", last);
        event.integer("ConnectionDuration", last - u64::from(self.first));
        let packets = [rng.between(4, 400), rng.between(3, 4_000)];
        self.push_body(devices, options.size, packets, &mut event, rng);
        event
    }

    /// Everything behind the header, in the catalogue's order.
    fn push_body(
        &self,
        devices: &[Device],
        size: PayloadSize,
        packets: [u64; 2],
        event: &mut GeneratedEvent,
        rng: &mut Rng,
    ) {
        self.push_key(devices, event);
        event.text(
            "AC_RuleAction",
            if self.blocked { "Block" } else { "Allow" },
        );
        self.push_endpoints(event);
        event.text("Protocol", self.protocol().0);
        self.push_icmp(event);
        event.text("IngressInterface", "inside");
        event.text("EgressInterface", "outside");
        event.text("IngressZone", "inside");
        event.text("EgressZone", "outside");
        event.text("IngressVRF", "Global");
        event.text("EgressVRF", "Global");
        event.text("FirewallPolicy", "default");
        event.text("FirewallRule", self.rule);
        event.text("PrefilterPolicy", "Default Prefilter Policy");
        if rng.percent(5) {
            event.text("TunnelOrPrefilterRule", "Prefilter Rule 1");
        }
        if let Some(user) = &self.user {
            event.text("User", user.clone());
        }
        event.text("ClientApplication", self.client);
        event.text("Application", self.service.name);
        if self.service.web {
            event.text("WebApplication", self.web_app);
        }
        let [sent, received] = packets;
        event.integer("InitiatorPackets", sent);
        event.integer("ResponderPackets", received);
        event.integer("InitiatorBytes", sent * rng.between(60, 400));
        event.integer("ResponderBytes", received * rng.between(60, 1_400));
        event.text("NAP_Policy", "Balanced Security and Connectivity");
        if size != PayloadSize::Small {
            self.push_dns(event, rng);
            self.push_tls(event);
            self.push_web(event, size, rng);
            self.push_nat(event);
            self.push_eve(event, size, rng);
        }
    }

    fn push_dns(&self, event: &mut GeneratedEvent, rng: &mut Rng) {
        if self.service.port != 53 {
            return;
        }
        event.text("DNS_Query", self.host);
        event.text("DNS_RecordType", rng.pick(&["A", "AAAA", "MX", "TXT"]));
        event.text(
            "DNS_ResponseType",
            rng.pick(&["No Error", "Non-Existent Domain"]),
        );
    }

    fn push_tls(&self, event: &mut GeneratedEvent) {
        if !self.service.tls {
            return;
        }
        let action = self.tls_action();
        event.text("SSL_Policy", "None");
        event.text("SSL_FlowStatus", "Success");
        event.text("SSL_CipherSuite", "TLS_AES_128_GCM_SHA256");
        event.text("SSL_CertFingerprint", self.certificate.clone());
        event.text("SSL_Version", "TLSv1.3");
        event.text("SSL_ServerCertStatus", "Not Checked");
        event.text("SSL_ActualAction", action);
        event.text("SSL_ExpectedAction", action);
    }

    /// `SSL_ActualAction`.
    pub(super) fn tls_action(&self) -> &'static str {
        if self.decrypted {
            "Decrypt (Resign)"
        } else {
            "Do Not Decrypt"
        }
    }

    fn push_web(&self, event: &mut GeneratedEvent, size: PayloadSize, rng: &mut Rng) {
        if !self.service.web {
            return;
        }
        let scheme = if self.service.tls { "https" } else { "http" };
        // The path of an encrypted request is nobody's business.
        let path = if self.clear_web() { &*self.path } else { "" };
        event.text("URL", format!("{scheme}://{}{path}", self.host));
        event.text("URLCategory", rng.pick(words::CATEGORIES));
        event.text("URLReputation", rng.pick(words::REPUTATIONS));
        if self.clear_web() {
            if rng.percent(40) {
                event.text(
                    "HTTP_Referrer",
                    format!("http://{}/", rng.pick(words::HOSTS)),
                );
            }
            let mut agent = String::from(rng.pick(words::USER_AGENTS));
            if size == PayloadSize::Large {
                filler(1_000, &mut agent, rng);
            }
            event.text("UserAgent", agent);
        }
    }

    fn push_nat(&self, event: &mut GeneratedEvent) {
        if !self.nat {
            return;
        }
        if self.service.transport != TransportProtocol::Icmp {
            event.integer("NAT_InitiatorPort", self.initiator_port);
            event.integer("NAT_ResponderPort", self.service.port);
        }
        event.text("NAT_InitiatorIP", "192.0.2.1");
        event.text("NAT_ResponderIP", self.responder.to_string());
    }

    fn push_eve(&self, event: &mut GeneratedEvent, size: PayloadSize, rng: &mut Rng) {
        if !self.service.tls {
            return;
        }
        let extensions = if size == PayloadSize::Large { 120 } else { 12 };
        let mut print = String::from("tls/1/(0303)(130113021303c02bc02fc02cc030)[");
        for _ in 0..extensions {
            print.push('(');
            rng.hex(8, &mut print);
            print.push(')');
        }
        print.push(']');
        event.text("EVE_Fingerprint", print);
        event.text(
            "EVE_Process",
            rng.pick(&["firefox browser", "chrome", "curl"]),
        );
        event.integer("EVE_ProcessConfidencePct", rng.between(50, 100));
        event.integer("EVE_ThreatConfidencePct", rng.below(20));
        event.integer("EVE_ThreatConfidenceIndex", rng.between(1, 5));
        event.text("ClientAppDetector", "Encrypted Visibility");
    }
}

fn either(
    awkward: bool,
    odd: &[&'static str],
    plain: &[&'static str],
    rng: &mut Rng,
) -> &'static str {
    rng.pick(if awkward { odd } else { plain })
}

fn v4_pair(rng: &mut Rng) -> (IpAddr, IpAddr) {
    let [a, b, c, d, ..] = rng.next().to_be_bytes();
    let initiator = match a % 3 {
        0 => Ipv4Addr::new(10, b, c, d),
        1 => Ipv4Addr::new(172, 16 + b % 16, c, d),
        _ => Ipv4Addr::new(192, 168, c, d),
    };
    let [a, b, ..] = rng.next().to_be_bytes();
    // The three documentation networks.
    let responder = match a % 3 {
        0 => Ipv4Addr::new(192, 0, 2, b),
        1 => Ipv4Addr::new(198, 51, 100, b),
        _ => Ipv4Addr::new(203, 0, 113, b),
    };
    (initiator.into(), responder.into())
}

fn v6_pair(rng: &mut Rng) -> (IpAddr, IpAddr) {
    let host = |rng: &mut Rng| rng.below(1 << 16) as u16;
    let initiator = Ipv6Addr::new(0xfd00, host(rng), 0, 1, 0, 0, host(rng), host(rng));
    let responder = Ipv6Addr::new(0x2001, 0xdb8, host(rng), 0, 0, 0, 0, host(rng));
    (initiator.into(), responder.into())
}

fn user(awkward: bool, rng: &mut Rng) -> Option<String> {
    if !rng.percent(60) {
        return None;
    }
    let pattern = either(awkward, words::AWKWARD_USERS, words::USERS, rng);
    Some(pattern.replace('#', &rng.between(1, 500).to_string()))
}

fn path(awkward: bool, size: PayloadSize, rng: &mut Rng) -> String {
    let mut path = String::from(either(awkward, words::AWKWARD_PATHS, words::PATHS, rng));
    if size == PayloadSize::Large {
        path.push_str("?data=");
        filler(rng.between(1_000, 4_000) as usize, &mut path, rng);
    }
    path
}

/// `length` characters that mean nothing.
fn filler(length: usize, out: &mut String, rng: &mut Rng) {
    rng.hex(length, out);
}
