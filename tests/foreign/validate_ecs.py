"""Validates ECS documents of standard input, and their community ids."""

import json
import pathlib
import sys

import communityid
import jsonschema

schema = json.loads(pathlib.Path(__file__).with_name("ecs.schema.json").read_text())
formats = jsonschema.FormatChecker(["ipv4", "ipv6"])


@formats.checks("date-time")
def is_date_time(value):
    import datetime

    try:
        return bool(datetime.datetime.fromisoformat(value.replace("Z", "+00:00")))
    except ValueError:
        return False


def no_duplicates(pairs):
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), names
    return dict(pairs)


def community_id(event):
    source, destination, own = event["source"], event["destination"], event["cisco"]["ftd"]
    protocol = {"tcp": 6, "udp": 17, "icmp": 1, "ipv6-icmp": 58}[event["network"]["transport"]]
    if event["network"].get("iana_number", str(protocol)) != str(protocol):
        return None
    if protocol in (1, 58):
        ports = own.get("icmp_type"), own.get("icmp_code")
    else:
        ports = source.get("port"), destination.get("port")
    if None in ports:
        return None
    flow = communityid.FlowTuple(protocol, source["ip"], destination["ip"], *ports)
    return communityid.CommunityID().calc(flow)


validator = jsonschema.Draft7Validator(schema, format_checker=formats)
events = identifiers = 0
for line in sys.stdin:
    event = json.loads(line, object_pairs_hook=no_duplicates)
    problems = [f"{'.'.join(map(str, it.path))}: {it.message}" for it in validator.iter_errors(event)]
    assert not problems, f"{problems} in {line}"
    try:
        expected = community_id(event)
    except (KeyError, communityid.error.FlowTupleError):
        expected = None
    found = event.get("network", {}).get("community_id")
    if expected is not None:
        assert found == expected, f"{found} and not {expected} in {line}"
        identifiers += 1
    events += 1
print(json.dumps({"events": events, "identifiers": identifiers}))
