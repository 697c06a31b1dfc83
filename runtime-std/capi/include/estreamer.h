// libestreamer: Cisco's eStreamer protocol for fully-qualified events.
//
// Two layers; use one of them.
//
// - est_session: the protocol alone. No socket, no thread, no TLS, and after
//   est_session_new() no allocation: your program moves the bytes and tells the
//   time. est_buffer() gives room, you read into it, est_commit() takes it in,
//   est_next() gives events where they were received, est_output() gives what
//   there is to send. Also without an operating system, as libestreamer_core.a.
// - est_client: connects with a PKCS#12 file, waits, acknowledges, and keeps a
//   bookmark. No thread either: it works while you are in a call.
//
// Rules
//
// - Functions return est_status; 0 is good, and every other number says what
//   came of it. est_strerror() has a few words on each, est_session_detail() and
//   est_client_detail() a sentence on the last failure of a handle.
// - Outputs are written on EST_OK and on nothing else.
// - A pointer that must not be NULL gives EST_NULL if it is. Texts are UTF-8 and
//   end with NUL. A pointer may be NULL only where its comment says so.
// - est_..._free() clears the pointer it is given, so that a use after that is
//   EST_NULL. A copy of the pointer made before is yours to look after.
// - Nothing calls back, ends the process, or raises or touches signals. An
//   internal error becomes EST_POISONED, with a line on standard error.
// - The first layer measures time in milliseconds of a clock of your choice that
//   never goes back, such as CLOCK_MONOTONIC. One reading each time your program
//   wakes up is enough.
//
// Threads
//
//  function                       which threads
//  -----------------------------  ------------------------------------------
//  est_version, est_strerror      any, at any time
//  est_client_interrupt           any, while the client is not being freed
//  everything else with a handle  any, but one at a time: a second thread gets
//                                 EST_BUSY, and nothing happens
//
// Different handles have nothing in common. A handle may move from one thread to
// another.

#ifndef ESTREAMER_H
#define ESTREAMER_H

#include <stddef.h>
#include <stdint.h>

// The version of this header; est_version() is that of the library.
#define EST_VERSION_MAJOR 0
#define EST_VERSION_MINOR 1
#define EST_VERSION_PATCH 0
#define EST_VERSION "0.1.0"

// What est_config begins with: 256 KiB of window, 16 KiB of output, 16 bundles
// ahead, a probe each minute of silence, dead after ten, records up to 16 MiB,
// no pieces, each record tells what its length counts.
#define EST_CONFIG_DEFAULT                                                     \
    { 262144, 16384, 16, 60000, 600000, 16777216, 0, 0,            \
      { 0, 0, 0, 0 } }

// What est_client_config begins with: all events from now on, no bookmark, 16
// bundles ahead, 5 s of overlap, 32 MiB, 30 s to connect.
#define EST_CLIENT_CONFIG_DEFAULT                                              \
    { NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, EST_FROM_NOW,            \
      EST_ALL_EVENTS, 16, 5, 32, 30000, 0, 0, { 0, 0, 0, 0, 0, 0 } }

// Bytes of memory a session needs that is given some.
#define EST_SESSION_MEMORY(window, output)                                     \
    (EST_SESSION_STATE + (window) + (output))

// Ask from the oldest event in the server's archive.
#define EST_FROM_OLDEST 0

// Ask for what comes from now on.
#define EST_FROM_NOW 4294967295

// Ask for connection events.
#define EST_CONNECTION_EVENTS 1

// Ask for intrusion events.
#define EST_INTRUSION_EVENTS 2

// Ask for the packets of intrusion events.
#define EST_PACKET_EVENTS 4

// Ask for file events.
#define EST_FILE_EVENTS 8

// Ask for all four.
#define EST_ALL_EVENTS 15

// What the record length counts: each record tells by itself.
#define EST_RECORD_LENGTH_AUTO 0

// It counts the data.
#define EST_RECORD_LENGTH_DATA 1

// It counts archival timestamp, reserved word and data.
#define EST_RECORD_LENGTH_EXTENSION 2

// It counts the whole record header and the data.
#define EST_RECORD_LENGTH_ALL 3

// No deadline; and no limit to a wait.
#define EST_FOREVER UINT64_MAX

// Bytes of a session beside its window and its output, at most.
#define EST_SESSION_STATE 1024

// Accept a server certificate that is signed with SHA-1.
#define EST_ALLOW_SHA1 1

// Verify nothing: believe whoever answers. For tests only.
#define EST_INSECURE 2

// What came of a call. The numbers are stable: none changes or is used again.
typedef enum {
    // Done.
    EST_OK = 0,
    // Nothing there yet: bring more bytes, or wait longer.
    EST_AGAIN = 1,
    // est_client_interrupt() ended the wait.
    EST_INTERRUPTED = 2,
    // The server sends nothing more before what came is acknowledged.
    EST_UNACKNOWLEDGED = 3,
    // A pointer is NULL.
    EST_NULL = 10,
    // An argument is out of its range; the detail says which.
    EST_INVALID = 11,
    // The call does not fit here: not connected yet, or asked already.
    EST_STATE = 12,
    // No room: take events out first.
    EST_FULL = 13,
    // Another thread is inside a call with this handle.
    EST_BUSY = 14,
    // An internal error struck an earlier call; the handle can only be freed.
    EST_POISONED = 15,
    // The memory is too small, or there is none.
    EST_NO_MEMORY = 16,
    // The session was closed by this side.
    EST_CLOSED = 20,
    // The server closed between two messages; connect again.
    EST_PEER_CLOSED = 21,
    // The server sent an error message; the detail has its code and text.
    EST_PEER_ERROR = 22,
    // The server closed without a word: it does not accept this client.
    EST_REFUSED = 23,
    // The server closed in the middle of a message; connect again.
    EST_CUT = 24,
    // What the server sends is not eStreamer, or lost step; connect again.
    EST_OUT_OF_STEP = 25,
    // The server was silent for too long; connect again.
    EST_SILENT = 26,
    // The request would not work; the detail says what to change.
    EST_REQUEST = 30,
    // The PKCS#12 file cannot be used.
    EST_IDENTITY = 31,
    // The server's name has no address.
    EST_ADDRESS = 32,
    // The server cannot be reached, or the connection broke.
    EST_CONNECTION = 33,
    // TLS failed: one side does not accept the other's certificate.
    EST_TLS = 34,
    // The bookmark cannot be read or written.
    EST_BOOKMARK = 35,
    // The operating system refuses a resource.
    EST_SYSTEM = 36,
} est_status;

// What a record is.
typedef enum {
    // An event.
    EST_EVENT = 0,
    // A record that contradicts its own lengths; the data is its raw body.
    EST_MALFORMED = 1,
    // A record over the limit, or larger than the window: `length` says how
    // large it was, and there is no data.
    EST_SKIPPED = 2,
} est_kind;

// A connection to a server, made and driven by the library.
typedef struct est_client est_client;

// One connection's protocol, without I/O.
typedef struct est_session est_session;

// How a session behaves. Begin with EST_CONFIG_DEFAULT.
typedef struct {
    // Bytes of the window that est_buffer() hands out, at least 64. A record
    // that fits comes whole.
    size_t window;
    // Bytes for what is to be sent, at least 128: the request has to fit.
    size_t output;
    // Bundles acknowledged before est_ack() says so; 0 is strict.
    uint32_t ahead;
    // After so many milliseconds of silence a null message is sent, to see
    // whether the connection still stands; 0: never.
    uint32_t probe_after;
    // After so many milliseconds of silence the server counts as dead; be
    // generous. 0: never.
    uint32_t dead_after;
    // Bytes of a record's data, at most; a longer one comes as EST_SKIPPED.
    uint32_t record_limit;
    // A record larger than the window: 0, it comes as EST_SKIPPED; 1, it comes
    // in pieces, see est_event.
    uint32_t pieces;
    // What this server's record length counts, if that is known; otherwise
    // EST_RECORD_LENGTH_AUTO.
    uint32_t record_length;
    // Must be 0.
    uint32_t reserved[4];
} est_config;

// A record, looked at where it was received. `data` is valid until the next
// call with the same handle.
//
// With `pieces` set in est_config, a record larger than the window comes as
// several of these in a row: `offset` counts up, and it is complete when
// `offset + data_length == length`. Without, `offset` is 0.
typedef struct {
    // The event, in the format that was asked for; no NUL behind it.
    const uint8_t *data;
    // Bytes of data.
    size_t data_length;
    // Bytes of the whole record.
    uint32_t length;
    // Bytes of it that came before these.
    uint32_t offset;
    // When the server stored it, UNIX seconds; 0 if it does not say.
    uint32_t archival;
    // 71 connection, 400 intrusion, 2 intrusion packet, 500 and 502 file;
    // others as the server sends them.
    uint16_t record_type;
    // The Netmap ID; 0 in a single-domain server, and always with est_client.
    uint16_t netmap;
    // What it is.
    est_kind kind;
} est_event;

// What was counted on a connection so far.
typedef struct {
    // Bytes received, TLS taken off.
    uint64_t bytes;
    // Records received, those that came in place of an event included.
    uint64_t records;
    // Records that contradict their own lengths.
    uint64_t malformed;
    // Records without data, because they were too large.
    uint64_t skipped;
    // Bundles received, and records outside of any.
    uint64_t bundles;
    // Of these, how many were acknowledged.
    uint64_t acknowledged;
    // Records left out because they were acknowledged before (with a bookmark).
    uint64_t duplicates;
    // Records whose length counts archival timestamp, reserved word and data.
    uint64_t record_covers_extension;
    // Records whose length counts the record header and the data.
    uint64_t record_covers_header;
    // Records without archival timestamp, although the request asked for it.
    uint64_t no_extension;
    // Events that are not the JSON the request asked for.
    uint64_t data_not_json;
    // 0.
    uint64_t reserved;
} est_statistics;

// What a client is to do. Begin with EST_CLIENT_CONFIG_DEFAULT, then set server,
// pkcs12 and password.
typedef struct {
    // HOST or HOST:PORT; without, the port is 8302.
    const char *server;
    // The file downloaded from the Management Center.
    const char *pkcs12;
    // Its password, which may be empty.
    const char *password;
    // With `events` 0: what is asked for, in the form of the guide's
    // json_request.json. Otherwise NULL.
    const char *json;
    // A directory to keep a bookmark in; NULL: no bookmark.
    const char *state;
    // The bookmark's name in it; NULL: the server.
    const char *name;
    // The common name the server's certificate has to carry; NULL: any.
    const char *common_name;
    // 32 bytes, the SHA-256 the server's certificate has to have; NULL: any.
    const uint8_t *fingerprint;
    // EST_FROM_OLDEST, EST_FROM_NOW, or UNIX seconds. A bookmark wins.
    uint32_t from;
    // Which events, by their bits, with the guide's fields.
    uint32_t events;
    // Bundles the server may send before the first of them is acknowledged.
    uint32_t ahead;
    // Seconds asked for again at a restart.
    uint32_t overlap;
    // MiB for what was received, and less than 20 counts as 20; when they are
    // used up, the server waits.
    uint32_t memory;
    // Milliseconds until the connection has to stand.
    uint32_t connect_timeout;
    // EST_ALLOW_SHA1, EST_INSECURE, or 0.
    uint32_t flags;
    // What this server's record length counts, if that is known; otherwise
    // EST_RECORD_LENGTH_AUTO.
    uint32_t record_length;
    // Must be 0.
    uint32_t reserved[6];
} est_client_config;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the library in use, such as "0.1.0"; compare it with
// EST_VERSION, that of the header.
const char *est_version(void);

// What a status means, in a few words; never NULL, and valid for ever.
const char *est_strerror(int status);

// Makes a session on a connection whose TLS handshake is complete, in `memory`
// of EST_SESSION_MEMORY(window, output) bytes, which must live as long, or,
// where that is NULL and `size` 0, in memory allocated once. `config` NULL
// means EST_CONFIG_DEFAULT. Nothing else is ever allocated.
//
// A session that is never asked for bytes to send is a decoder for recorded
// streams.
//
// EST_INVALID: a setting is out of its range. EST_NO_MEMORY.
est_status est_session_new(const est_config *config,
                           void *memory,
                           size_t size,
                           uint64_t now,
                           est_session **session);

// Frees a session and clears the pointer. Memory that was given stays its
// owner's. A pointer that is cleared already does no harm.
//
// EST_BUSY: nothing is freed.
est_status est_session_free(est_session **session);

// What exactly was wrong in the last call that failed, in words; empty if none
// did. Never NULL; valid until the next call with this handle.
const char *est_session_detail(const est_session *session);

// Asks for events from the second `from` on (EST_FROM_OLDEST, EST_FROM_NOW, or
// UNIX seconds): `events` by their bits with the guide's fields, or, with
// `events` 0, whatever the JSON block `json` says, in the form of the guide's
// json_request.json. The request is then the first thing to send. Once for each
// session.
//
// EST_REQUEST: the detail says what to change. EST_STATE: asked already.
// EST_NO_MEMORY: `output` in est_config is too small; the detail says how much
// is needed.
est_status est_request(est_session *session,
                       uint32_t from,
                       uint32_t events,
                       const char *json);

// Gives room to read into: `*room` has space for `*length` bytes, at least one.
// Tell with est_commit() how many came. The room is valid until then.
//
// EST_FULL: take events out with est_next() first.
est_status est_buffer(est_session *session, uint8_t **room, size_t *length);

// Takes in the first `length` bytes of the room, where they are.
//
// EST_INVALID: more than the room.
est_status est_commit(est_session *session, size_t length);

// Says that the server has closed the connection, and returns why that is, such
// as EST_PEER_CLOSED. Take events out before.
est_status est_eof(est_session *session);

// Takes out the next record. EST_AGAIN: there is none; send what there is to
// send, then bring more bytes. Any other status says why the session ended.
est_status est_next(est_session *session, uint64_t now, est_event *event);

// Says that everything taken out so far is where it belongs. Once for many
// events is as good as once for each; without it the server soon stops sending.
est_status est_ack(est_session *session);

// Gives what there is to send: `*length` bytes at `*data`, 0 if nothing is left.
// They stay there until est_sent() says how many of them are gone.
est_status est_output(est_session *session,
                      uint64_t now,
                      const uint8_t **data,
                      size_t *length);

// Says that `length` bytes of the output were sent.
//
// EST_INVALID: more than there were.
est_status est_sent(est_session *session, size_t length);

// Gives the time when est_timeout() is to be called, EST_FOREVER if never.
// Every other call may move it.
est_status est_deadline(est_session *session, uint64_t *when);

// Says that the deadline has come: a silent server is probed, and at last given
// up with EST_SILENT. Too early does no harm.
est_status est_timeout(est_session *session, uint64_t now);

// Ends the session and puts a message that tells the server why into the
// output. Send that, then close the connection. A session that has ended
// already stays as it is.
est_status est_close(est_session *session, const char *reason);

// Fills in what was counted.
est_status est_session_statistics(est_session *session,
                                  est_statistics *statistics);

// Makes a client that is not connected yet.
est_status est_client_new(est_client **client);

// Frees a client and clears the pointer; a connection that stands is closed. A
// pointer that is cleared already does no harm.
//
// EST_BUSY: nothing is freed.
est_status est_client_free(est_client **client);

// What exactly was wrong in the last call that failed, in words; empty if none
// did. Never NULL; valid until the next call with this handle.
const char *est_client_detail(const est_client *client);

// Connects and sends the request; returns when TLS stands. Once for each
// client: after its end, make another.
//
// The detail says what is wrong, and what to do: EST_INVALID, EST_REQUEST,
// EST_IDENTITY, EST_ADDRESS, EST_CONNECTION, EST_TLS, EST_BOOKMARK, EST_SYSTEM.
est_status est_client_connect(est_client *client,
                              const est_client_config *config);

// Waits for the next record, `timeout` milliseconds or EST_FOREVER.
//
// EST_AGAIN: none came in time. EST_INTERRUPTED, EST_UNACKNOWLEDGED: it can go
// on. EST_STATE: not connected. Any other status says why the connection ended.
est_status est_client_next(est_client *client,
                           uint64_t timeout,
                           est_event *event);

// Says that everything taken out so far is where it belongs: the server may
// send more, and with a bookmark, none of it comes again. That is durable when
// this returns, so once for many events is cheaper than once for each.
//
// EST_BOOKMARK: it is not durable.
est_status est_client_ack(est_client *client);

// Ends the session: tells the server why, and waits up to a second until it has
// closed. What was taken out and not acknowledged comes again.
est_status est_client_close(est_client *client, const char *reason);

// Fills in what was counted.
est_status est_client_statistics(est_client *client,
                                 est_statistics *statistics);

// Ends the wait in est_client_next(), or the next one if there is none: it
// returns EST_INTERRUPTED. For any thread, but for no signal handler.
//
// EST_STATE: not connected.
est_status est_client_interrupt(est_client *client);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ESTREAMER_H */
