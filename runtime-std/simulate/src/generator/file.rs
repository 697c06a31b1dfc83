//! File events of a connection.

use super::connection::{Device, SimulatedConnection};
use super::event::{EventKind, GeneratedEvent};
use super::rng::Rng;
use super::vocabulary as words;
use super::{GeneratorOptions, PayloadSize};

pub(super) fn event(
    connection: &SimulatedConnection,
    devices: &[Device],
    options: &GeneratorOptions,
    now: u32,
    rng: &mut Rng,
) -> GeneratedEvent {
    let first = connection.first;
    let mut event = GeneratedEvent::new(EventKind::File, now);
    event.integer(
        "EventSecond",
        rng.between(first.into(), now.max(first).into()),
    );
    connection.push_key(devices, &mut event);
    connection.push_endpoints(&mut event);
    event.text("Protocol", connection.protocol().0);
    event.text("FileDirection", rng.pick(&["Download", "Upload"]));
    let malware = rng.percent(25);
    event.text(
        "FileAction",
        match (malware, rng.percent(50)) {
            (true, true) => "Malware Block",
            (true, false) => "Malware Cloud Lookup",
            (false, _) => "Detect",
        },
    );
    let mut digest = String::with_capacity(64);
    rng.hex(64, &mut digest);
    event.text("FileSHA256", digest);
    event.text(
        "SHA_Disposition",
        if malware {
            "Malware"
        } else {
            rng.pick(&["Unknown", "Clean"])
        },
    );
    event.text("SperoDisposition", "Spero detection not performed on file");
    if malware {
        event.text("ThreatName", rng.pick(words::THREATS));
        event.integer("ThreatScore", rng.between(50, 100));
    }
    let (name, kind) = rng.pick(if connection.awkward {
        words::AWKWARD_FILES
    } else {
        words::FILES
    });
    event.text("FileName", name);
    event.text("FileType", kind);
    event.integer("FileSize", rng.between(1, 50_000_000));
    event.text("Application", connection.service.name);
    event.text("ClientApplication", connection.client);
    if connection.service.web {
        event.text("WebApplication", connection.web_app);
    }
    event.text("FilePolicy", "Files and Malware");
    if options.size != PayloadSize::Small {
        event.text("FileStorageStatus", "Not Stored");
        event.text("FileSandboxStatus", "Not Sent");
    }
    if connection.service.web {
        event.text("URI", connection.path.clone());
    }
    event.text("IngressVRF", "Global");
    event.text("EgressVRF", "Global");
    if options.size != PayloadSize::Small {
        let device = &devices[connection.device];
        event.text("Device", device.ip.clone());
        event.text("DeviceIP", device.ip.clone());
        event.text("DeviceSerialNumber", device.serial.clone());
    }
    event
}
