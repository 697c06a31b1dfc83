"""Prints the messages of a stream as the generated parser reads them, one a line in JSON."""

import json
import sys

from estreamer import Estreamer


def fields(message):
    body = message.body
    kind = message.type
    kind = kind if isinstance(kind, int) else kind.value
    found = {"type": kind, "version": message.version}
    if kind in (3, 4):
        found["record"] = body.record_type
        found["data"] = body.data.decode(errors="replace")
        found["archival"] = body.extension.archival_timestamp if body.is_extended else None
    if kind == 4002:
        found["sequence"] = body.sequence_number
        found["messages"] = [fields(nested) for nested in body.messages]
    if kind == 2:
        found["json"] = body.json.decode()
    if kind == 1:
        found["code"], found["text"] = body.code, body.text.decode()
    return found


for message in Estreamer.from_file(sys.argv[1]).messages:
    print(json.dumps(fields(message)))
