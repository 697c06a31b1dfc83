//! What the documents of `ecs` and `ocsf` promise.

use serde_json::{Value, json};

use super::*;

/// The documents of a connection event in `ecs` and `ocsf`.
fn documents(json: &str) -> [Value; 2] {
    [Format::Ecs, Format::Ocsf].map(|format| {
        let line = line(format, json);
        readers::json(line.as_bytes()).unwrap_or_else(|| panic!("no JSON: {line}"))
    })
}

fn at<'v>(document: &'v Value, pointer: &str) -> &'v Value {
    document.pointer(pointer).unwrap_or(&Value::Null)
}

#[test]
fn a_value_that_its_place_cannot_hold_is_kept_elsewhere() {
    for (field, value, ecs, ecs_own, ocsf) in [
        (
            "InitiatorIP",
            json!("1.2.3"),
            "/source/ip",
            "/source/address",
            "/src_endpoint/ip",
        ),
        (
            "InitiatorPort",
            json!("http"),
            "/source/port",
            "/cisco/ftd/initiator_port",
            "/src_endpoint/port",
        ),
        (
            "InitiatorPort",
            json!("+80"),
            "/source/port",
            "/cisco/ftd/initiator_port",
            "/src_endpoint/port",
        ),
        (
            "InitiatorBytes",
            json!(1.5),
            "/source/bytes",
            "/cisco/ftd/initiator_bytes",
            "/traffic/bytes_out",
        ),
        (
            "InitiatorBytes",
            json!(u64::MAX),
            "/source/bytes",
            "/cisco/ftd/initiator_bytes",
            "/traffic/bytes_out",
        ),
        (
            "LastPacketSecond",
            json!(0),
            "/event/end",
            "/cisco/ftd/last_packet_second",
            "/end_time",
        ),
        (
            "InstanceID",
            json!("x"),
            "/cisco/ftd/instance_id",
            "/cisco/ftd/fqe_instance_id",
            "/x",
        ),
    ] {
        let event = json!({"EventType": "ConnectionEvent", field: value});
        let [in_ecs, in_ocsf] = documents(&event.to_string());
        let text = value.as_str().map_or(value.to_string(), str::to_owned);
        assert_eq!(at(&in_ecs, ecs), &Value::Null, "{in_ecs}");
        assert_eq!(at(&in_ecs, ecs_own), &Value::from(text), "{in_ecs}");
        assert_eq!(at(&in_ocsf, ocsf), &Value::Null, "{in_ocsf}");
        assert_eq!(
            at(&in_ocsf, &format!("/unmapped/{field}")),
            &value,
            "{in_ocsf}"
        );
    }
}

#[test]
fn an_unknown_field_is_text_in_ecs_and_as_it_came_in_ocsf() {
    let [ecs, ocsf] = documents(
        r#"{"New_Number":1.50, "NewList":[1, {"a":"b"}], "a.b":"x", "A b":"y", "A-b":"z", "\u0041":1}"#,
    );
    let own = &ecs["cisco"]["ftd"];
    assert_eq!(own["new_number"], "1.50");
    assert_eq!(own["new_list"], "[1, {\"a\":\"b\"}]");
    assert_eq!(
        (&own["a_b"], &own["a_b_1"], &own["a_b_2"]),
        (&json!("x"), &json!("y"), &json!("z"))
    );
    assert_eq!(ocsf["unmapped"]["NewList"], json!([1, {"a": "b"}]));
    assert_eq!(
        (&ocsf["unmapped"]["a.b"], &ocsf["unmapped"]["A"]),
        (&json!("x"), &json!(1))
    );
}

#[test]
fn what_is_worked_out_is_in_its_place() {
    let [ecs, ocsf] = documents(
        r#"{"EventType":"ConnectionEvent", "LastPacketSecond":1750000000, "ConnectionDuration":3,
            "AC_RuleAction":"Allow", "InitiatorIP":"192.168.1.52", "ResponderIP":"8.8.8.8",
            "InitiatorPort":54585, "ResponderPort":"53", "Protocol":"UDP", "User":"CORP\\ann",
            "InitiatorBytes":40, "ResponderBytes":2, "URL":"https://u@[2001:db8::1]:8443/x?y",
            "SSL_Version":"TLSv1.3"}"#,
    );
    for (pointer, expected) in [
        ("/@timestamp", json!("2025-06-15T15:06:40.000000Z")),
        ("/event/type", json!(["connection", "end", "allowed"])),
        ("/event/outcome", json!("success")),
        ("/event/code", json!("430003")),
        ("/event/duration", json!(3_000_000_000_u64)),
        ("/destination/port", json!(53)),
        ("/network/transport", json!("udp")),
        ("/network/bytes", json!(42)),
        (
            "/network/community_id",
            json!("1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
        ),
        ("/user/name", json!("ann")),
        ("/user/domain", json!("CORP")),
        ("/url/domain", json!("2001:db8::1")),
        ("/tls/version", json!("1.3")),
        ("/tls/version_protocol", json!("tls")),
        ("/related/ip", json!(["192.168.1.52", "8.8.8.8"])),
        ("/related/user", json!(["ann"])),
    ] {
        assert_eq!(at(&ecs, pointer), &expected, "{pointer} in {ecs}");
    }
    for (pointer, expected) in [
        ("/type_uid", json!(400_102)),
        ("/time", json!(1_750_000_000_000_u64)),
        ("/action_id", json!(1)),
        ("/traffic/bytes_out", json!(40)),
        ("/connection_info/protocol_num", json!(17)),
        ("/actor/user", json!({"name": "ann", "domain": "CORP"})),
    ] {
        assert_eq!(at(&ocsf, pointer), &expected, "{pointer} in {ocsf}");
    }
}

#[test]
fn a_last_packet_at_second_0_does_not_end_a_connection() {
    for (field, is_end) in [
        (r#""LastPacketSecond":0"#, false),
        (r#""LastPacketSecond":"""#, false),
        (r#""ConnectionDuration":"""#, false),
        (r#""ConnectionDuration":0"#, true),
        (r#""LastPacketSecond":1"#, true),
    ] {
        let [_, ocsf] = documents(&format!("{{\"EventType\":\"ConnectionEvent\",{field}}}"));
        let expected = if is_end { "430003" } else { "430002" };
        assert_eq!(ocsf["metadata"]["event_code"], expected, "{field}");
    }
}

#[test]
fn a_class_of_ocsf_has_what_it_requires_of_every_event() {
    for (event, class, required) in [
        (
            r#"{"EventType":"FileEvent"}"#,
            6006,
            &[
                "/file/name",
                "/file/type_id",
                "/actor/app_name",
                "/src_endpoint",
            ][..],
        ),
        (
            r#"{"EventType":"FileEvent","ThreatScore":1}"#,
            2004,
            &["/finding_info/uid", "/malware/0/classification_ids"],
        ),
        (
            r#"{"EventType":"IntrusionPacket","PacketData":"00"}"#,
            2004,
            &["/evidences/0/data/PacketData"],
        ),
        (r#"{"EventType":"Other"}"#, 0, &[]),
    ] {
        let untyped = EventRecord {
            record_type: RecordType(0),
            archival: None,
            ..record(RecordKind::Event, event.as_bytes())
        };
        let out = written(Format::Ocsf, &OwnedTransform::Json, &untyped);
        let ocsf = readers::json(&out).unwrap();
        assert_eq!(ocsf["class_uid"], class, "{event}");
        assert_eq!(ocsf["time"], 0, "{event}");
        let common = [
            "/severity_id",
            "/metadata/product/name",
            "/metadata/version",
            "/type_uid",
        ];
        for pointer in common.iter().chain(required) {
            assert_ne!(at(&ocsf, pointer), &Value::Null, "{pointer} in {ocsf}");
        }
    }
}
