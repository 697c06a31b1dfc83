//! An alert: its intrusion event and the packets logged for it.

use super::GeneratorOptions;
use super::connection::{Device, SimulatedConnection};
use super::event::{EventKind, GeneratedEvent};
use super::frame;
use super::rng::Rng;
use super::vocabulary as words;
use super::vocabulary::Signature;

/// Time between two packets logged for one alert.
const BETWEEN_PACKETS_MICROS: u32 = 1_500;

/// An intrusion rule that fired on a connection.
#[derive(Debug, Clone)]
pub(super) struct Alert {
    connection: SimulatedConnection,
    id: u32,
    second: u32,
    microsecond: u32,
    signature: &'static Signature,
    packets_logged: u32,
}

impl Alert {
    pub(super) fn new(connection: SimulatedConnection, id: u32, now: u32, rng: &mut Rng) -> Self {
        let first = connection.first;
        Self {
            id,
            second: rng.between(first.into(), now.max(first).into()) as u32,
            microsecond: rng.below(1_000_000) as u32,
            signature: rng.pick(words::SIGNATURES),
            packets_logged: 0,
            connection,
        }
    }

    pub(super) fn event(
        &self,
        devices: &[Device],
        options: &GeneratorOptions,
        now: u32,
        rng: &mut Rng,
    ) -> GeneratedEvent {
        let connection = &self.connection;
        let signature = self.signature;
        let mut event = GeneratedEvent::new(EventKind::Intrusion, now);
        event.integer("EventSecond", self.second);
        event.integer("EventMicrosecond", self.microsecond);
        connection.push_key(devices, &mut event);
        connection.push_endpoints(&mut event);
        connection.push_icmp(&mut event);
        event.text("Protocol", connection.protocol().0);
        event.text("IngressInterface", "inside");
        event.text("EgressInterface", "outside");
        event.text("IngressZone", "inside");
        event.text("EgressZone", "outside");
        event.integer("PriorityID", signature.priority);
        event.integer("GeneratorID", signature.generator);
        event.integer("SignatureID", signature.id);
        event.integer("SignatureRevision", signature.revision);
        event.integer("Impact", rng.below(6));
        event.text("IntrusionRuleMessage", signature.message);
        event.text("Classification", signature.classification);
        if connection.service.web {
            event.text("WebApplication", connection.web_app);
        }
        event.text("ClientApplication", connection.client);
        event.text("Application", connection.service.name);
        event.text("IntrusionPolicy", "default");
        event.text("FirewallPolicy", "default");
        event.text("FirewallRule", connection.rule);
        event.text("NAP_Policy", "Balanced Security and Connectivity");
        // Name and number of the result; a passive sensor has neither.
        let result = rng.pick(&[None, Some(("Dropped", 1u8)), Some(("Would block", 5))]);
        if let Some((name, id)) = result {
            event.text("InlineResult", name);
            if id == 5 {
                event.text(
                    "InlineResultReason",
                    "Intrusion Policy in \"Detection\" Inspection Mode",
                );
            }
        }
        event.text("IngressVRF", "Global");
        event.text("EgressVRF", "Global");
        if connection.clear_web() {
            event.text("HTTP_Hostname", connection.host);
            event.text("HTTP_URI", connection.path.clone());
        }
        if connection.service.tls {
            event.text("SSL_FlowStatus", "Success");
            event.text("SSL_ActualAction", connection.tls_action());
        }
        event.text("SnortRuleGroups", signature.group);
        if !signature.mitre.is_empty() {
            event.text("MitreAttackGroups", signature.mitre);
        }
        if options.size != super::PayloadSize::Small {
            self.push_identifiers(&devices[connection.device], result, &mut event, rng);
        } else {
            event.integer("EventID", self.id);
        }
        event
    }

    /// The long tail: identifiers of what was named above, sorted by name as
    /// real events have them.
    fn push_identifiers(
        &self,
        device: &Device,
        result: Option<(&str, u8)>,
        event: &mut GeneratedEvent,
        rng: &mut Rng,
    ) {
        let connection = &self.connection;
        event.integer("ApplicationID", connection.service.id);
        event.integer("ApplicationProductivityIndex", rng.between(1, 5));
        event.integer("ApplicationRiskIndex", rng.between(1, 5));
        event.text("Device", device.ip.clone());
        event.text("DeviceIP", device.ip.clone());
        event.text("DeviceSerialNumber", device.serial.clone());
        event.text("EgressInterfaceUUID", device.outside_uuid.clone());
        event.text("EgressZoneUUID", device.outside_uuid.clone());
        event.integer("EventID", self.id);
        event.text("FirewallPolicyUUID", device.policy_uuid.clone());
        event.integer("FirewallRuleID", 268_434_433u32);
        event.text("Hostname", device.host.clone());
        event.text("IngressInterfaceUUID", device.inside_uuid.clone());
        event.text("IngressZoneUUID", device.inside_uuid.clone());
        if let Some((_, id)) = result {
            event.integer("InlineResultID", id);
        }
        event.text("IntrusionPolicyUUID", device.policy_uuid.clone());
        event.text("NAP_PolicyUUID", device.policy_uuid.clone());
        event.integer("ProtocolID", connection.protocol().1);
        event.integer("RealmID", 0u8);
        event.text("RealmName", "Invalid ID");
        let (country, code, number, continent, continent_code) = rng.pick(words::COUNTRIES);
        event.text("ResponderContinent", continent);
        event.text("ResponderContinentCode", continent_code);
        event.text("ResponderCountry", country);
        event.text("ResponderCountryCode", code);
        event.integer("ResponderCountryID", number);
        event.integer("SensorID", device.sensor_id);
        event.integer("SnortVersionID", 3u8);
        event.integer("UserID", 9_999_997u32);
    }

    /// The next packet logged for this alert; the first is the one that set
    /// it off and has the alert's own time.
    pub(super) fn packet_event(
        &mut self,
        devices: &[Device],
        options: &GeneratorOptions,
        now: u32,
        rng: &mut Rng,
    ) -> GeneratedEvent {
        let micros = u64::from(self.second) * 1_000_000
            + u64::from(self.microsecond)
            + u64::from(self.packets_logged) * u64::from(BETWEEN_PACKETS_MICROS);
        self.packets_logged += 1;
        let frame = frame::build(&self.connection, options.size, rng);
        let mut hex = String::with_capacity(frame.len() * 2);
        for byte in &frame {
            for digit in [byte >> 4, byte & 15] {
                hex.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
            }
        }
        let mut event = GeneratedEvent::new(EventKind::Packet, now);
        event.integer("EventSecond", self.second);
        event.integer("EventMicrosecond", self.microsecond);
        self.connection.push_key(devices, &mut event);
        event.integer("EventID", self.id);
        event.integer("PacketSecond", micros / 1_000_000);
        event.integer("PacketMicrosecond", micros % 1_000_000);
        // Ethernet, by the numbers of pcap.
        event.integer("LinkType", 1u8);
        event.integer("PacketLength", frame.len() as u64);
        event.text("PacketData", hex);
        event
    }
}
