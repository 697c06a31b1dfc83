// estreamer.h: libestreamer, for Cisco's eStreamer protocol with fully-qualified
// events.
//
// The library has two layers. Use one of them:
//
// - est_session: the protocol without I/O, for programs with their own sockets, TLS
//   and event loop. It is in estreamer_core.h, which this file includes.
// - est_client: connects, waits for events or joins an event loop, acknowledges
//   events, and stores a bookmark. It works only during a call.
//
// The rules in estreamer_core.h hold for both layers. est_client_detail() describes
// the last failure of a client.
//
// A client without an event loop calls est_client_new(), est_client_set_...() if
// needed, est_client_connect(), est_client_next() and est_client_ack() in turns,
// est_client_close() and est_client_free(). In an event loop, est_client_start() and
// est_client_step() replace est_client_connect() and est_client_next().
//
// Threads
//
//  function                       threads
//  -----------------------------  ------------------------------------------
//  est_client_interrupt           any, unless the client is being freed
//  all others with a handle       any, one at a time; a second thread gets
//                                 EST_BUSY, and the call has no effect

#ifndef ESTREAMER_H
#define ESTREAMER_H

#include "estreamer_core.h"

// The default est_client_config: all events from now on, no bookmark, 16 bundles
// ahead, 5 s of overlap, 32 MiB, 30 s to connect.
#define EST_CLIENT_CONFIG_DEFAULT                                              \
    { NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, EST_FROM_NOW,            \
      EST_ALL_EVENTS, 16, 5, 32, 30000, 0, 0, { 0, 0, 0, 0, 0, 0 } }

// Accept a server certificate that is signed with SHA-1.
#define EST_ALLOW_SHA1 1

// Do not verify the server's certificate. For tests only.
#define EST_INSECURE 2

// A connection to a server, made by the library.
typedef struct est_client est_client;

// A function that gets one line for a log, and the context of est_client_set_log(). The
// line is valid during the call.
typedef void (*est_log)(void *context, const char *line);

// The settings of a client. Initialise with EST_CLIENT_CONFIG_DEFAULT, then set
// server, pkcs12 and password. The functions est_client_set_...() set more.
typedef struct {
    // HOST or HOST:PORT. The default port is 8302.
    const char *server;
    // The path of the PKCS#12 file downloaded from the Management Center. NULL after
    // est_client_set_pkcs12() or est_client_set_pem(), as is the password.
    const char *pkcs12;
    // The password of the PKCS#12 file. May be empty.
    const char *password;
    // If `events` is 0: the JSON block to send, in the form of the guide's
    // json_request.json. Otherwise NULL.
    const char *json;
    // The state directory for the bookmark. NULL: no bookmark.
    const char *state;
    // The name of the bookmark. NULL: the server.
    const char *name;
    // The common name that the server's certificate must have. NULL: any.
    const char *common_name;
    // The SHA-256 that the server's certificate must have, 32 bytes. NULL: any.
    const uint8_t *fingerprint;
    // EST_FROM_OLDEST, EST_FROM_NOW, or UNIX seconds. A bookmark takes precedence.
    uint32_t from;
    // The bits of the event types, which are requested with the field sets of the
    // guide's example.
    uint32_t events;
    // Bundles that the server may send before the first of them is acknowledged.
    uint32_t ahead;
    // Seconds to request again after a restart.
    uint32_t overlap;
    // Memory for received events in MiB, at least 20. When it is used up, the
    // server waits.
    uint32_t memory;
    // Time limit for connecting, in milliseconds.
    uint32_t connect_timeout;
    // EST_ALLOW_SHA1, EST_INSECURE, or 0.
    uint32_t flags;
    // Which bytes this server's record length counts, if known; otherwise
    // EST_RECORD_LENGTH_AUTO.
    uint32_t record_length;
    // Must be 0.
    uint32_t reserved[6];
} est_client_config;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Sets the identity of the client: a PKCS#12 file in memory, which has `length` bytes.
// Leave `pkcs12` and `password` in est_client_config NULL. The bytes are copied.
//
// EST_IDENTITY: it cannot be used. EST_STATE: the client has connected.
est_status est_client_set_pkcs12(est_client *client,
                                 const uint8_t *bytes,
                                 size_t length,
                                 const char *password);

// Sets the identity of the client as PEM texts: its certificate (and chain), the private
// key of it without a password, and the CA of the server. They are copied. An empty `ca`
// means that it is in `certificate`. Leave `pkcs12` and `password` in est_client_config
// NULL.
//
// EST_IDENTITY: it cannot be used. EST_STATE: the client has connected.
est_status est_client_set_pem(est_client *client,
                              const char *certificate,
                              const char *key,
                              const char *ca);

// Sets the local IP address to connect from.
//
// EST_INVALID: it is not an IP address. EST_STATE: the client has connected.
est_status est_client_set_bind(est_client *client, const char *address);

// Adds a deviation from the guide that the server needs, by its name:
// "request-inclusive", "request-both", "request-nul", "error-nul" or
// "acknowledge-keep-alives". docs/protocol.md describes them.
//
// EST_INVALID: a client has no such deviation. EST_STATE: the client has connected.
est_status est_client_set_quirk(est_client *client,
                                const char *name);

// Sets the number of null messages that the client sends ahead of need after the first
// acknowledgement, 0 by default. A server far away that counts them sends so many more
// bundles before it waits. Others ignore them; one that objects ends the connection.
//
// EST_STATE: the client has connected.
est_status est_client_set_prepaid(est_client *client,
                                  uint32_t nulls);

// Makes the client connect again by itself after the end of a connection, with growing
// waits. Its calls end only with a status that another attempt cannot repair. Records
// that were taken out do not come again.
//
// EST_STATE: the client has connected.
est_status est_client_set_reconnect(est_client *client);

// Sets a function that gets one line for each change of the connection: it begins, is
// made, or has ended and is made again. The function is called during calls of this client, in their
// thread. It must return, and gets EST_BUSY from this client. `log` NULL: none.
//
// EST_STATE: the client has connected.
est_status est_client_set_log(est_client *client,
                              est_log log,
                              void *context);

// Creates a client that is not connected. It reserves 24 MiB of address space, so that
// later calls can end in a status when memory runs out.
//
// EST_NO_MEMORY: nothing was created.
est_status est_client_new(est_client **client);

// Frees a client, closes its connection, and sets the pointer to NULL. Does nothing
// if the pointer is NULL already.
//
// EST_BUSY: nothing was freed.
est_status est_client_free(est_client **client);

// Returns a text that describes the last failed call with this handle. Empty if
// no call failed. Never NULL; valid until the next call with this handle.
const char *est_client_detail(const est_client *client);

// Connects and sends the request. Returns after the TLS handshake. A client connects
// once; after the connection has ended, create another client.
//
// After est_client_set_reconnect(), it returns at once, and later calls connect.
//
// The detail says what is wrong and what to do: EST_INVALID, EST_REQUEST,
// EST_IDENTITY, EST_ADDRESS, EST_CONNECTION, EST_TLS, EST_BOOKMARK, EST_SYSTEM.
est_status est_client_connect(est_client *client,
                              const est_client_config *config);

// Waits for the next record, up to `timeout` milliseconds or EST_FOREVER.
//
// EST_AGAIN: no record arrived in time. EST_INTERRUPTED, EST_UNACKNOWLEDGED: the
// connection continues. EST_BOOKMARK: many acknowledged records cannot be written to
// the disk; call again when it has room. EST_STATE: not connected. Any other status
// is the reason why the connection ended.
est_status est_client_next(est_client *client,
                           uint64_t timeout,
                           est_event *event);

// Acknowledges all records taken out so far. The server may send more, and with a
// bookmark, these records are not delivered again. The bookmark is on disk when
// this function returns, so one call for many records is cheaper than one for each.
//
// EST_BOOKMARK: the bookmark is not on disk. EST_NO_MEMORY: it may be.
est_status est_client_ack(est_client *client);

// Ends the session: sends the reason to the server, and waits up to one second until
// the server has closed the connection. Records that were taken out and not
// acknowledged are delivered again.
est_status est_client_close(est_client *client,
                            const char *reason);

// Fills in the counters of the connection.
est_status est_client_statistics(est_client *client,
                                 est_statistics *statistics);

// Ends the current wait in est_client_next(), or the next one, with EST_INTERRUPTED.
// Any thread may call it, but not a signal handler.
//
// EST_STATE: not connected.
est_status est_client_interrupt(est_client *client);

// Starts to connect, and never waits: est_client_step() connects. Otherwise as
// est_client_connect(); errors of the connection are returned by later calls.
est_status est_client_start(est_client *client,
                            const est_client_config *config);

// Returns a descriptor for poll(), epoll or select(). When it is readable, call
// est_client_step(). It stays the same until the client is freed; do not read from it
// and do not close it.
//
// EST_STATE: not connected, and not started.
est_status est_client_descriptor(est_client *client,
                                 int *descriptor);

// Returns the next record that is there. If there is none, it connects, reads, writes
// and acknowledges what can be done now. It never waits for the network.
//
// EST_AGAIN: wait for the descriptor, and for est_client_due() at most. Other statuses
// are those of est_client_next().
est_status est_client_step(est_client *client,
                           est_event *event);

// Returns the milliseconds after which to call est_client_step() if the descriptor is
// not readable before. At most 1000.
//
// EST_STATE: not connected, and not started.
est_status est_client_due(est_client *client,
                          uint64_t *milliseconds);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ESTREAMER_H */
