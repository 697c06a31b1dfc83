"""Validates OCSF events of standard input, down to members that the schema does not have."""

import collections
import json
import pathlib
import sys

import ocsf
import pydantic
from ocsf.v1_7_0.events import BaseEvent, DetectionFinding, FileHosting, NetworkActivity

CLASSES = {0: BaseEvent, 2004: DetectionFinding, 4001: NetworkActivity, 6006: FileHosting}
# Of the profiles `host` and `security_control`, which the models do not have.
PROFILES = {"action_id", "actor", "device", "disposition_id", "firewall_rule", "policy"}
# Any JSON.
OPEN = {"unmapped", "data"}


# The model of a device has lost the numbers that the schema inherits from an endpoint.
SCHEMA = json.loads((pathlib.Path(ocsf.__file__).parent / "schemas/v1_7_0.json").read_text())
ENDPOINTS = SCHEMA["objects"]["endpoint"]["attributes"]["type_id"]["enum"]
OTHER = 99


def no_duplicates(pairs):
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), names
    return dict(pairs)


def unknown(model, path=()):
    """Yields the members that the schema does not have."""
    if isinstance(model, list):
        for item in model:
            yield from unknown(item, path)
    if not isinstance(model, pydantic.BaseModel):
        return
    for name in model.model_extra or {}:
        if path or name not in PROFILES:
            yield ".".join((*path, name))
    for name in type(model).model_fields:
        if name not in OPEN:
            yield from unknown(getattr(model, name), (*path, name))


classes = collections.Counter()
for line in sys.stdin:
    event = json.loads(line, object_pairs_hook=no_duplicates)
    uid, activity = event["class_uid"], event["activity_id"]
    assert event["type_uid"] == uid * 100 + activity, line
    kind = event["device"]["type_id"]
    assert str(kind) in ENDPOINTS, line
    event["device"]["type_id"] = OTHER
    try:
        model = CLASSES[uid].model_validate(event)
    except pydantic.ValidationError as error:
        sys.exit(f"{error}\nin {line}")
    found = list(unknown(model))
    assert not found, f"{found} in {line}"
    classes[uid] += 1
print(json.dumps(classes))
