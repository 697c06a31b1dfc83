// estreamer_core.h: the protocol layer of libestreamer, for Cisco's eStreamer
// protocol with fully-qualified events.
//
// est_session is the state of one connection, without socket, thread or TLS. It
// allocates memory in est_session_new() only. Your program moves the bytes and
// supplies the time:
//
// - est_buffer() returns room for received bytes, est_commit() adds them, and
//   est_next() returns the events in them, without a copy;
// - est_output() returns the bytes to send, est_sent() removes them;
// - est_deadline() returns the time at which to call est_timeout().
//
// libestreamer exports these functions. libestreamer_core.a has them for programs
// without an operating system; it never allocates, so est_session_new() needs
// memory there.
//
// Rules for all functions
//
// - A function that can fail returns est_status. 0 is success. est_strerror()
//   describes a status; est_session_detail() describes the last failure of a
//   session.
// - Results are written on EST_OK only.
// - A NULL pointer returns EST_NULL, unless the comment of the function allows it.
//   Texts are UTF-8 and end with NUL.
// - est_..._free() sets the pointer to NULL, so that a later call with it returns
//   EST_NULL. Do not use copies of the pointer after that.
// - No function ends the process or changes signal handling, and none calls back
//   but into the function of est_client_set_log(). An internal error returns
//   EST_POISONED and prints a line on standard error. In libestreamer_core.a it
//   stops the processor.
// - Times are in milliseconds of a clock that never goes back, such as
//   CLOCK_MONOTONIC. Read it once each time your program wakes up.
//
// Threads
//
//  function                       threads
//  -----------------------------  ------------------------------------------
//  est_version, est_strerror,     any, at any time
//  est_version_number
//  all others with a handle       any, one at a time; a second thread gets
//                                 EST_BUSY, and the call has no effect
//
// Handles are independent of each other, and may move between threads.

#ifndef ESTREAMER_CORE_H
#define ESTREAMER_CORE_H

#include <stddef.h>
#include <stdint.h>

// A version as a number, for comparisons:
// #if EST_VERSION < EST_VERSION_NUMBER(0, 1, 0)
#define EST_VERSION_NUMBER(major, minor, patch)                                \
    ((major) * 1000000 + (minor) * 1000 + (patch))

// The version of this header, as a number and as text. est_version_number() and
// est_version() return that of the library.
#define EST_VERSION EST_VERSION_NUMBER(0, 1, 0)
#define EST_VERSION_TEXT "0.1.0"

// The default est_config: 256 KiB window, 16 KiB output, 16 bundles ahead, a
// probe after one minute of silence, dead after ten minutes, records up to
// 16 MiB, no pieces, record length detected, nothing prepaid.
#define EST_CONFIG_DEFAULT                                                     \
    { 262144, 16384, 16, 60000, 600000, 16777216, 0, 0, 0,         \
      { 0, 0, 0 } }

// Bytes of memory for a session in the caller's memory.
#define EST_SESSION_MEMORY(window, output)                                     \
    (EST_SESSION_STATE + (window) + (output))

// Start with the oldest event in the server's archive.
#define EST_FROM_OLDEST 0

// Start with the events that arrive from now on.
#define EST_FROM_NOW 4294967295

// Request connection events.
#define EST_CONNECTION_EVENTS 1

// Request intrusion events.
#define EST_INTRUSION_EVENTS 2

// Request the packets of intrusion events.
#define EST_PACKET_EVENTS 4

// Request file events.
#define EST_FILE_EVENTS 8

// Request all four event types.
#define EST_ALL_EVENTS 15

// Detect for each record which bytes the record length counts.
#define EST_RECORD_LENGTH_AUTO 0

// The record length counts the data.
#define EST_RECORD_LENGTH_DATA 1

// The record length counts archival timestamp, reserved word and data.
#define EST_RECORD_LENGTH_EXTENSION 2

// The record length counts the whole record header and the data.
#define EST_RECORD_LENGTH_ALL 3

// No deadline, or a wait without time limit.
#define EST_FOREVER UINT64_MAX

// Upper limit for the bytes of a session, without window and output buffer.
#define EST_SESSION_STATE 1024

// The result of a call. The numbers are stable: none changes or is reused.
typedef enum {
    // Success.
    EST_OK = 0,
    // Nothing available yet. Add more bytes, or wait longer.
    EST_AGAIN = 1,
    // est_client_interrupt() ended the wait.
    EST_INTERRUPTED = 2,
    // The server sends nothing more until events are acknowledged.
    EST_UNACKNOWLEDGED = 3,
    // A pointer is NULL.
    EST_NULL = 10,
    // An argument is out of range. The detail names it.
    EST_INVALID = 11,
    // The handle is in the wrong state: not connected yet, or already asked.
    EST_STATE = 12,
    // The window is full. Take events out first.
    EST_FULL = 13,
    // Another thread is in a call with this handle.
    EST_BUSY = 14,
    // An internal error occurred in an earlier call. The handle can only be
    // freed.
    EST_POISONED = 15,
    // The memory is too small or cannot be allocated. A client is closed then, and can
    // only be freed.
    EST_NO_MEMORY = 16,
    // This side closed the session.
    EST_CLOSED = 20,
    // The server closed the connection between two messages. Reconnect.
    EST_PEER_CLOSED = 21,
    // The server sent an error message. The detail has its code and text.
    EST_PEER_ERROR = 22,
    // The server closed the connection before sending a byte. It does not accept
    // this client.
    EST_REFUSED = 23,
    // The server closed the connection inside a message. Reconnect.
    EST_CUT = 24,
    // The received bytes are not eStreamer messages. Reconnect.
    EST_OUT_OF_STEP = 25,
    // The server was silent for longer than the deadline. Reconnect.
    EST_SILENT = 26,
    // The request is not valid. The detail says what to change.
    EST_REQUEST = 30,
    // The PKCS#12 file, or the identity in memory, cannot be used.
    EST_IDENTITY = 31,
    // The server's name cannot be resolved.
    EST_ADDRESS = 32,
    // The server cannot be reached, or the connection broke.
    EST_CONNECTION = 33,
    // TLS failed: one side does not accept the other's certificate.
    EST_TLS = 34,
    // The bookmark cannot be read or written.
    EST_BOOKMARK = 35,
    // The operating system refused a resource.
    EST_SYSTEM = 36,
} est_status;

// The kind of a record.
typedef enum {
    // An event.
    EST_EVENT = 0,
    // A record with contradictory lengths. The data is its raw body.
    EST_MALFORMED = 1,
    // A record above the limit or larger than the window. `length` is its size;
    // there is no data.
    EST_SKIPPED = 2,
} est_kind;

// The protocol state of one connection, without I/O.
typedef struct est_session est_session;

// The settings of a session. Initialise with EST_CONFIG_DEFAULT.
typedef struct {
    // Bytes of the window that est_buffer() hands out, at least 64. A record
    // that fits into the window is returned whole.
    size_t window;
    // Bytes of the output buffer, at least 128. The request must fit.
    size_t output;
    // Bundles that are acknowledged before est_ack() is called. With 0, every
    // acknowledgement follows est_ack().
    uint32_t ahead;
    // Milliseconds of silence after which a null message is sent to test the
    // connection. 0: never.
    uint32_t probe_after;
    // Milliseconds of silence after which the session ends with EST_SILENT.
    // The keep-alive period of servers is unpublished, so choose a long time.
    // 0: never.
    uint32_t dead_after;
    // Largest record to accept, in bytes of data. Larger ones are returned as
    // EST_SKIPPED.
    uint32_t record_limit;
    // How to return a record that is larger than the window. 0: as EST_SKIPPED.
    // 1: in pieces, see est_event.
    uint32_t pieces;
    // Which bytes this server's record length counts, if known; otherwise
    // EST_RECORD_LENGTH_AUTO.
    uint32_t record_length;
    // Null messages to send ahead of need after the first acknowledgement, 0 by
    // default. A server far away that counts them sends so many more bundles
    // before it waits. Others ignore them; one that objects ends the connection.
    uint32_t prepaid;
    // Must be 0.
    uint32_t reserved[3];
} est_config;

// A record. `data` points into the receive buffer and is valid until the next
// call with the same handle.
//
// With `pieces` set in est_config, a record larger than the window is returned
// as several est_event in a row. `offset` increases, and the record is complete
// when `offset + data_length == length`. Without `pieces`, `offset` is 0.
typedef struct {
    // The event in the requested format. Not terminated by NUL.
    const uint8_t *data;
    // Bytes at `data`.
    size_t data_length;
    // Bytes of the whole record.
    uint32_t length;
    // Bytes of the record before this piece.
    uint32_t offset;
    // Archival timestamp in UNIX seconds; 0 if the record has none.
    uint32_t archival;
    // 71 connection, 400 intrusion, 2 intrusion packet, 500 and 502 file.
    // Other numbers are passed through.
    uint16_t record_type;
    // The Netmap ID. 0 on a server with one domain, and always with est_client.
    uint16_t netmap;
    // The kind of the record.
    est_kind kind;
} est_event;

// Counters of a connection since its start.
typedef struct {
    // Bytes received, without TLS.
    uint64_t bytes;
    // Records received, including malformed and skipped ones.
    uint64_t records;
    // Records with contradictory lengths.
    uint64_t malformed;
    // Records skipped because of their size.
    uint64_t skipped;
    // Bundles received. A record outside a bundle counts as one.
    uint64_t bundles;
    // Bundles acknowledged.
    uint64_t acknowledged;
    // Records left out because an earlier connection acknowledged them (with a
    // bookmark).
    uint64_t duplicates;
    // Records whose length counts archival timestamp, reserved word and data.
    uint64_t record_covers_extension;
    // Records whose length counts the record header and the data.
    uint64_t record_covers_header;
    // Records without the archival timestamp that the request asked for.
    uint64_t no_extension;
    // Events that are not the JSON that the request asked for.
    uint64_t data_not_json;
    // 0.
    uint64_t reserved;
} est_statistics;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Returns the version of the library as text, such as "0.1.0".
const char *est_version(void);

// Returns the version of the library as a number. It is EST_VERSION of the header that
// the library was made with.
uint32_t est_version_number(void);

// Returns a short description of a status. Never NULL, always valid.
const char *est_strerror(int status);

// Creates a session for a connection whose TLS handshake is complete.
//
// The session lives in `memory`, which has `size` bytes, at least
// EST_SESSION_MEMORY(window, output), and must outlive it. If `memory` is NULL
// and `size` is 0, the library allocates the memory. Nothing else is allocated
// later. `config` NULL means EST_CONFIG_DEFAULT.
//
// To decode a recorded stream, never ask for output.
//
// EST_INVALID: a setting is out of range. EST_NO_MEMORY: the memory is too small
// or cannot be allocated.
est_status est_session_new(const est_config *config,
                           void *memory,
                           size_t size,
                           uint64_t now,
                           est_session **session);

// Frees a session and sets the pointer to NULL. Memory that the caller provided
// is not freed. Does nothing if the pointer is NULL already.
//
// EST_BUSY: nothing was freed.
est_status est_session_free(est_session **session);

// Returns a text that describes the last failed call with this handle. Empty if
// no call failed. Never NULL; valid until the next call with this handle.
const char *est_session_detail(const est_session *session);

// Requests events and puts the request into the output. Call it once for each
// session, before anything else is sent.
//
// `from`: EST_FROM_OLDEST, EST_FROM_NOW, or UNIX seconds. `events`: the bits of
// the event types, which are requested with the field sets of the guide's
// example. If `events` is 0, `json` is the JSON block to send, in the form of
// the guide's json_request.json.
//
// EST_REQUEST: the detail says what to change. EST_STATE: this session has
// requested events already. EST_NO_MEMORY: `output` in est_config is too small;
// the detail names the size needed.
est_status est_request(est_session *session,
                       uint32_t from,
                       uint32_t events,
                       const char *json);

// Returns room for received bytes: `*length` bytes at `*room`, at least one.
// Call est_commit() with the number of bytes written. The room is valid until
// then.
//
// EST_FULL: take events out with est_next() first.
est_status est_buffer(est_session *session, uint8_t **room, size_t *length);

// Adds the first `length` bytes of the room to the received bytes.
//
// EST_INVALID: `length` is larger than the room.
est_status est_commit(est_session *session, size_t length);

// Tells the session that the server has closed the connection. Returns the
// reason, such as EST_PEER_CLOSED. Take all events out before.
est_status est_eof(est_session *session);

// Takes out the next record.
//
// EST_AGAIN: there is none; send the output, then add received bytes. Any other
// status is the reason why the session ended.
est_status est_next(est_session *session, uint64_t now, est_event *event);

// Acknowledges all records taken out so far. One call for many records has the
// same effect as one call for each. A server that gets no acknowledgement stops
// sending.
est_status est_ack(est_session *session);

// Returns the bytes to send: `*length` bytes at `*data`. 0 if there are none.
// They stay in the output until est_sent() removes them.
est_status est_output(est_session *session,
                      uint64_t now,
                      const uint8_t **data,
                      size_t *length);

// Removes the first `length` bytes from the output, after they were sent.
//
// EST_INVALID: the output has fewer bytes.
est_status est_sent(est_session *session, size_t length);

// Returns the time at which to call est_timeout(), EST_FOREVER if never. Any
// other call may change it.
est_status est_deadline(est_session *session, uint64_t *when);

// Handles the deadline: probes a silent server, and later ends the session with
// EST_SILENT. A call before the deadline has no effect.
est_status est_timeout(est_session *session, uint64_t now);

// Ends the session and puts an error message with the reason into the output.
// Send the output, then close the connection. Has no effect on a session that
// has ended.
est_status est_close(est_session *session, const char *reason);

// Fills in the counters of the session.
est_status est_session_statistics(est_session *session,
                                  est_statistics *statistics);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ESTREAMER_CORE_H */
