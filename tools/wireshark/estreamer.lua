-- eStreamer for Wireshark and tshark: every message, nested bundles, the reading of the
-- record length, and events as text. docs/wireshark.md says how to install and use it.

local estreamer = Proto("estreamer", "Cisco eStreamer")

local MESSAGES = {
    [0] = "null",
    [1] = "error",
    [2] = "event stream request",
    [3] = "event data (3)",
    [4] = "event data",
    [5] = "host data request",
    [6] = "single host data",
    [7] = "multiple host data",
    [2049] = "streaming request",
    [2051] = "streaming information",
    [4002] = "bundle",
}

local RECORDS = {
    [2] = "intrusion packet",
    [71] = "connection",
    [400] = "intrusion",
    [500] = "file",
    [502] = "malware",
}

local f = {
    version = ProtoField.uint16("estreamer.version", "Version"),
    type = ProtoField.uint16("estreamer.type", "Message type", base.DEC, MESSAGES),
    length = ProtoField.uint32("estreamer.length", "Message length"),
    error_code = ProtoField.int32("estreamer.error.code", "Error code"),
    error_length = ProtoField.uint16("estreamer.error.length", "Text length"),
    error_text = ProtoField.string("estreamer.error.text", "Error text"),
    from = ProtoField.string("estreamer.request.from", "Initial timestamp"),
    flags = ProtoField.uint32("estreamer.request.flags", "Flags", base.HEX),
    extended = ProtoField.bool("estreamer.request.extended", "Extended event header", 32, nil, 0x00800000),
    extended_request = ProtoField.bool("estreamer.request.binary", "Extended request (binary mode)", 32, nil, 0x40000000),
    json = ProtoField.string("estreamer.request.json", "JSON block"),
    connection = ProtoField.uint32("estreamer.bundle.connection", "Connection ID"),
    sequence = ProtoField.uint32("estreamer.bundle.sequence", "Sequence number"),
    flag = ProtoField.bool("estreamer.record.flag", "Extended header flag", 32, nil, 0x80000000),
    netmap = ProtoField.uint32("estreamer.record.netmap", "Netmap ID", base.DEC, nil, 0x7fff0000),
    record = ProtoField.uint32("estreamer.record.type", "Record type", base.DEC, RECORDS, 0x0000ffff),
    record_length = ProtoField.uint32("estreamer.record.length", "Record length"),
    counts = ProtoField.string("estreamer.record.counts", "The record length counts"),
    archival = ProtoField.absolute_time("estreamer.record.archival", "Archival timestamp", base.UTC),
    reserved = ProtoField.uint32("estreamer.record.reserved", "Reserved", base.HEX),
    data = ProtoField.string("estreamer.data", "Data"),
    bytes = ProtoField.bytes("estreamer.data.bytes", "Data"),
    data_length = ProtoField.uint32("estreamer.data.length", "Data length"),
    body = ProtoField.bytes("estreamer.body", "Body"),
}
estreamer.fields = {}
for _, field in pairs(f) do
    table.insert(estreamer.fields, field)
end

local e = {
    version = ProtoExpert.new("estreamer.version.other", "The version is not 1: the stream is out of step",
        expert.group.MALFORMED, expert.severity.ERROR),
    overrun = ProtoExpert.new("estreamer.overrun", "A nested message is longer than the rest of its bundle",
        expert.group.MALFORMED, expert.severity.ERROR),
    trailing = ProtoExpert.new("estreamer.trailing", "Too few bytes for a message",
        expert.group.MALFORMED, expert.severity.WARN),
    record = ProtoExpert.new("estreamer.record.malformed", "The lengths of the record contradict each other",
        expert.group.MALFORMED, expert.severity.ERROR),
    deviation = ProtoExpert.new("estreamer.record.deviation", "The record length does not count the data alone",
        expert.group.PROTOCOL, expert.severity.NOTE),
    error = ProtoExpert.new("estreamer.error.said", "The peer reports an error",
        expert.group.RESPONSE_CODE, expert.severity.WARN),
}
estreamer.experts = {}
for _, info in pairs(e) do
    table.insert(estreamer.experts, info)
end

estreamer.prefs.port = Pref.uint("TCP port", 8302, "The port of the server")
estreamer.prefs.record_length = Pref.enum("Record length", 0, "What the record length counts", {
    { 1, "the content of each record decides", 0 },
    { 2, "the data", 1 },
    { 3, "archival timestamp, reserved word and data", 2 },
    { 4, "header and data", 3 },
}, false)

local HEADER = 8
local EXTENDED = 0x00800000

-- What the client asked for: by conversation, whether bit 23 was set.
local asked = {}
local stream = Field.new("tcp.stream")

function estreamer.init()
    asked = {}
end

local function conversation()
    local found = stream()
    return found and found.value or 0
end

-- Whether JSON begins at `offset`, after blanks and NULs.
local function begins_json(body, offset)
    local last = math.min(body:len(), offset + 40) - 1
    for at = offset, last do
        local byte = body(at, 1):uint()
        if byte == 0x7b then
            return true
        elseif byte ~= 0x20 and byte ~= 0x09 and byte ~= 0x0a and byte ~= 0x0d and byte ~= 0 then
            return false
        end
    end
    return false
end

-- Returns where the data of a record begins, and what the record length counts; nil if
-- the lengths contradict each other.
local function layout(body)
    local length, counted = body:len(), body(4, 4):uint()
    local setting = estreamer.prefs.record_length
    local has_flag = bit32 and bit32.btest(body(0, 4):uint(), 0x80000000) or body(0, 1):uint() >= 0x80
    if length < 16 then
        if counted == length - 8 then return 8, "data" end
        if counted == length then return 8, "all" end
        return nil
    end
    local difference = length - counted
    if difference == 16 then return 16, "data" end
    if difference ~= 8 and difference ~= 0 then
        if has_flag then return 16, "clipped" end
        return nil
    end
    local long = difference == 8 and "extension" or "all"
    local short = difference == 8 and "data" or "all"
    if setting == 1 and difference == 8 then return 8, short end
    if setting == 2 and difference == 8 then return 16, long end
    if setting == 3 and difference == 0 then return 16, long end
    if asked[conversation()] == false then return 8, short end
    if begins_json(body, 8) then return 8, short end
    if begins_json(body, 16) then return 16, long end
    if body(12, 4):uint() == 0 then return 16, long end
    return 8, short
end

local function text_or_bytes(tree, range)
    local bytes = range:bytes()
    for at = 0, math.min(bytes:len(), 64) - 1 do
        local byte = bytes:get_index(at)
        if byte < 0x09 or (byte > 0x0d and byte < 0x20) then
            tree:add(f.bytes, range)
            return
        end
    end
    tree:add(f.data, range, range:string(ENC_UTF_8))
end

local function record(body, tree)
    if body:len() < 8 then
        tree:add_proto_expert_info(e.record)
        return "event data"
    end
    tree:add(f.flag, body(0, 4))
    tree:add(f.netmap, body(0, 4))
    tree:add(f.record, body(0, 4))
    tree:add(f.record_length, body(4, 4))
    local number = body(2, 2):uint()
    local name = "event " .. (RECORDS[number] or "of type " .. number)
    local begin, counts = layout(body)
    if not begin then
        tree:add_proto_expert_info(e.record)
        return name .. ", malformed"
    end
    tree:add(f.counts, body(4, 4), counts):set_generated()
    if counts ~= "data" then
        tree:add_proto_expert_info(e.deviation)
    end
    if begin == 16 then
        tree:add(f.archival, body(8, 4))
        tree:add(f.reserved, body(12, 4))
    end
    local length = body:len() - begin
    tree:add(f.data_length, body(4, 4), length):set_generated()
    if length > 0 then
        text_or_bytes(tree, body(begin, length))
    end
    return name
end

local message

local function bundle(body, tree, pinfo)
    if body:len() < 8 then
        tree:add_proto_expert_info(e.trailing)
        return "bundle"
    end
    tree:add(f.connection, body(0, 4))
    tree:add(f.sequence, body(4, 4))
    local at, count = 8, 0
    while at < body:len() do
        if body:len() - at < HEADER then
            tree:add_proto_expert_info(e.trailing)
            break
        end
        local length = HEADER + body(at + 4, 4):uint()
        if length > body:len() - at then
            tree:add_proto_expert_info(e.overrun)
            break
        end
        message(body(at, length), tree, pinfo, true)
        at, count = at + length, count + 1
    end
    return string.format("bundle %d with %d messages", body(4, 4):uint(), count)
end

local function request(body, tree)
    if body:len() < 8 then
        return "event stream request"
    end
    local from, flags = body(0, 4):uint(), body(4, 4):uint()
    local words = { [0] = "the oldest event", [0xffffffff] = "now" }
    tree:add(f.from, body(0, 4), words[from] or format_date(from))
    tree:add(f.flags, body(4, 4))
    tree:add(f.extended, body(4, 4))
    tree:add(f.extended_request, body(4, 4))
    asked[conversation()] = math.floor(flags / EXTENDED) % 2 == 1
    if body:len() > 8 then
        local json = body(8, body:len() - 8)
        tree:add(f.json, json, (json:string(ENC_UTF_8):gsub("%z+$", "")))
    end
    return "request from " .. (words[from] or format_date(from))
end

local function said(body, tree)
    if body:len() < 6 then
        return "error"
    end
    local length = math.min(body(4, 2):uint(), body:len() - 6)
    tree:add(f.error_code, body(0, 4))
    tree:add(f.error_length, body(4, 2))
    local text = length > 0 and body(6, length):string(ENC_UTF_8):gsub("%z+$", "") or ""
    tree:add(f.error_text, body(6, length), text)
    tree:add_proto_expert_info(e.error)
    return string.format("error %d: %s", body(0, 4):int(), text)
end

-- Adds a message with its header. Returns what it is in words.
function message(range, parent, pinfo, is_nested)
    local number = range(2, 2):uint()
    local tree = parent:add(estreamer, range, "eStreamer " .. (MESSAGES[number] or "message " .. number))
    tree:add(f.version, range(0, 2))
    tree:add(f.type, range(2, 2))
    tree:add(f.length, range(4, 4))
    if not is_nested and range(0, 2):uint() ~= 1 then
        tree:add_proto_expert_info(e.version)
    end
    local length = range:len() - HEADER
    local words = MESSAGES[number] or "message " .. number
    if length > 0 then
        local body = range(HEADER, length):tvb()
        if number == 4002 and not is_nested then
            words = bundle(body, tree, pinfo)
        elseif number == 4 or number == 3 then
            words = record(body, tree)
        elseif number == 2 then
            words = request(body, tree)
        elseif number == 1 then
            words = said(body, tree)
        else
            tree:add(f.body, body())
        end
    end
    tree:set_text("eStreamer " .. words)
    return words
end

local function one(tvb, pinfo, tree)
    pinfo.cols.protocol = "eStreamer"
    local words = message(tvb(), tree, pinfo, false)
    local info = tostring(pinfo.cols.info)
    if pinfo.private.estreamer == nil then
        pinfo.cols.info:set(words)
        pinfo.private.estreamer = "1"
    elseif #info < 400 then
        pinfo.cols.info:append(", " .. words)
    end
    return tvb:len()
end

local function length_of(tvb, _, offset)
    return HEADER + tvb(offset + 4, 4):uint()
end

local function dissect(tvb, _, tree)
    dissect_tcp_pdus(tvb, tree, HEADER, length_of, one)
    return tvb:len()
end

estreamer.dissector = dissect

-- Wireshark asks heuristics before it looks at the port, and one of its own takes requests
-- for another protocol. So this is one, too, for the port alone.
local function of_port(tvb, pinfo, tree)
    local port = estreamer.prefs.port
    if pinfo.src_port ~= port and pinfo.dst_port ~= port then
        return false
    end
    -- Not by `estreamer.dissector`: a call within a call gets no more bytes.
    dissect(tvb, pinfo, tree)
    return true
end

estreamer:register_heuristic("tls", of_port)

local tls, port = DissectorTable.get("tls.port"), estreamer.prefs.port
tls:add(port, estreamer)

function estreamer.prefs_changed()
    tls:remove(port, estreamer)
    port = estreamer.prefs.port
    tls:add(port, estreamer)
end

-- For streams without TLS: `-d tcp.port==N,estreamer`.
DissectorTable.get("tcp.port"):add_for_decode_as(estreamer)
