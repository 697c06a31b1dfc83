meta:
  id: estreamer
  title: Cisco eStreamer, one direction of a connection
  file-extension: bin
  endian: be
  encoding: UTF-8
doc: |
  The messages of a client or of a server, back to back, without TLS. Event data is read
  with an extended header if the record length says so without doubt, or if the data does
  not begin with `{` after a short one; docs/protocol.md has all readings.
seq:
  - id: messages
    type: message
    repeat: eos
types:
  message:
    doc: A header of 8 bytes and a body.
    seq:
      - id: version
        type: u2
        doc: 1, or 0 inside a bundle.
      - id: type
        type: u2
        enum: message_type
      - id: len_body
        type: u4
        doc: Bytes after this header.
      - id: body
        size: len_body
        type:
          switch-on: type
          cases:
            'message_type::error': error
            'message_type::request': request
            'message_type::event_data_3': event_data
            'message_type::event_data': event_data
            'message_type::bundle': bundle
  error:
    seq:
      - id: code
        type: s4
      - id: len_text
        type: u2
      - id: text
        size: len_text
        doc: It may end with a NUL.
  request:
    seq:
      - id: initial_timestamp
        type: u4
        doc: 0 the oldest event, 0xffffffff from now, otherwise UNIX seconds.
      - id: flags
        type: u4
      - id: json
        size-eos: true
        doc: The JSON block, then an optional NUL.
    instances:
      has_extended_header:
        value: (flags & 0x00800000) != 0
  bundle:
    seq:
      - id: connection_id
        type: u4
      - id: sequence_number
        type: u4
      - id: messages
        type: message
        repeat: eos
  event_data:
    seq:
      - id: flags_and_type
        type: u4
      - id: len_record
        type: u4
        doc: What it counts, differs; see `difference`.
      - id: extension
        type: extension
        if: is_extended
      - id: data
        size-eos: true
    instances:
      record_type:
        value: flags_and_type & 0xffff
      netmap_id:
        value: (flags_and_type >> 16) & 0x7fff
      has_flag:
        value: (flags_and_type & 0x80000000) != 0
      difference:
        value: _io.size - len_record
        doc: |
          16: the record length counts the data, after an extended header. 8: the same after
          a short header, or the extension as well. 0: the header, too.
      byte_8:
        pos: 8
        type: u1
        if: _io.size > 8
      is_extended:
        value: '_io.size >= 16 and (difference == 16 or has_flag or byte_8 != 0x7b)'
  extension:
    seq:
      - id: archival_timestamp
        type: u4
        doc: UNIX seconds.
      - id: reserved
        type: u4
enums:
  message_type:
    0: 'null'
    1: error
    2: request
    3: event_data_3
    4: event_data
    5: host_request
    6: single_host
    7: multiple_host
    2049: streaming_request
    2051: streaming_information
    4002: bundle
