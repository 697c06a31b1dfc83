/* The same script as in tests/firmware/conversation for the Rust client. The bytes
   are written by hand, so the test does not depend on the library's own writer. */

#include "conversation.h"
#include "estreamer_core.h"

#define WINDOW 1024
#define OUTPUT 512
#define LARGE 1500

/* Returns the line number if the condition is false. */
#define CHECK(so)                                                              \
    do {                                                                       \
        if (!(so)) {                                                           \
            return __LINE__;                                                   \
        }                                                                      \
    } while (0)

/* A text and its length, without its NUL. */
#define BYTES(text) (const unsigned char *)(text), sizeof(text) - 1

static const char REQUEST[] =
    "{\"Events\":{\"IntrusionEvent\":{\"Fields\":[\"Impact\"]}},"
    "\"OutputFormat\":{\"Transform\":\"Text\",\"TransformConfig\":\"JSON\"}}";

/* The session's memory; nothing is allocated. */
static unsigned char memory[EST_SESSION_MEMORY(WINDOW, OUTPUT)];

/* Bytes received of the large record. */
static uint32_t large;

static int same(const unsigned char *a, const void *b, size_t length) {
    const unsigned char *c = (const unsigned char *)b;
    size_t i;
    for (i = 0; i < length; i++) {
        if (a[i] != c[i]) {
            return 0;
        }
    }
    return 1;
}

/* The expected event. */
struct expected {
    est_kind kind;
    uint16_t type;
    uint32_t archival;
    const char *data;
    size_t length;
};

/* Takes out all events. They must be the next ones in `expected`. */
static int take(est_session *session, uint64_t now, const struct expected *expected,
                size_t *next) {
    est_event event;
    est_status status;
    while ((status = est_next(session, now, &event)) == EST_OK) {
        const struct expected *want = &expected[*next];
        if (event.length == LARGE) {
            size_t i;
            CHECK(event.archival == 0x67ebb2c1);
            CHECK(event.offset == large && event.record_type == 500);
            for (i = 0; i < event.data_length; i++) {
                CHECK(event.data[i] == 'x');
            }
            large += (uint32_t)event.data_length;
            continue;
        }
        CHECK(event.kind == want->kind);
        CHECK(event.record_type == want->type);
        CHECK(event.archival == want->archival);
        CHECK(event.data_length == want->length && event.length == want->length);
        CHECK(same(event.data, want->data, want->length));
        CHECK(event.offset == 0 && event.netmap == 0);
        *next += 1;
    }
    CHECK(status == EST_AGAIN || status == EST_PEER_ERROR);
    return 0;
}

/* Passes received bytes, 61 at a time: a prime, so that every field is split. */
static int bring(est_session *session, const unsigned char *bytes, size_t length,
                 const struct expected *expected, size_t *next) {
    while (length > 0) {
        unsigned char *room;
        size_t space, count, i;
        int line;
        CHECK(est_buffer(session, &room, &space) == EST_OK && space > 0);
        count = length < 61 ? length : 61;
        count = count < space ? count : space;
        for (i = 0; i < count; i++) {
            room[i] = bytes[i];
        }
        CHECK(est_commit(session, count) == EST_OK);
        bytes += count;
        length -= count;
        line = take(session, 1, expected, next);
        if (line != 0) {
            return line;
        }
    }
    return 0;
}

/* Whether the output is these bytes. Sends them. */
static int sends(est_session *session, const void *bytes, size_t length) {
    const unsigned char *data;
    size_t found;
    return est_output(session, 2, &data, &found) == EST_OK && found == length &&
           same(data, bytes, length) && est_sent(session, found) == EST_OK;
}

#define MALFORMED                                                              \
    "\x00\x00\x00\x47\x00\x00\x03\xe7\x67\xeb\xb2\xbf\x00\x00\x00\x00?"
#define CSV "1743500734,172.16.3.110,142.250.191.196,443"
#define JSON "{\"EventType\":\"IntrusionEvent\",\"EventID\":7}"
#define ERROR_TEXT "the server sent error 19: No space"

int conversation(void) {
    static const char null[] = "\x00\x01\x00\x00\x00\x00\x00\x00";
    static const struct expected expected[] = {
        {EST_EVENT, 71, 0x67ebb2bf, CSV, sizeof(CSV) - 1},
        {EST_MALFORMED, 0, 0, MALFORMED, sizeof(MALFORMED) - 1},
        {EST_EVENT, 400, 0x67ebb2c0, JSON, sizeof(JSON) - 1},
        {EST_EVENT, 0, 0, "", 0},
    };
    est_config config = EST_CONFIG_DEFAULT;
    est_session *session = NULL;
    est_statistics counted;
    est_event event;
    uint64_t when;
    const unsigned char *data;
    size_t length, next = 0, i;
    int line;

    large = 0;
    config.window = WINDOW;
    config.output = OUTPUT;
    config.ahead = 0;
    config.pieces = 1;
    CHECK(est_session_new(&config, memory, sizeof(memory), 0, &session) == EST_OK);

    /* The request is the first thing to send. */
    CHECK(est_request(session, EST_FROM_OLDEST, 0, REQUEST) == EST_OK);
    CHECK(est_output(session, 0, &data, &length) == EST_OK);
    CHECK(length == 16 + sizeof(REQUEST) - 1);
    CHECK(same(data, "\x00\x01\x00\x02", 4));
    CHECK(same(data + 16, REQUEST, sizeof(REQUEST) - 1));
    CHECK(est_sent(session, 5) == EST_OK);
    CHECK(est_output(session, 0, &data, &length) == EST_OK);
    CHECK(length == 16 + sizeof(REQUEST) - 1 - 5);
    CHECK(est_sent(session, length) == EST_OK);
    CHECK(sends(session, "", 0));

    /* A bundle with one event: bundle, connection 42, sequence 1; event data
       with header version 0, as real servers have it. */
    line = bring(session,
                 BYTES("\x00\x01\x0f\xa2\x00\x00\x00\x4b"
                       "\x00\x00\x00\x2a\x00\x00\x00\x01"
                       "\x00\x00\x00\x04\x00\x00\x00\x3b"
                       "\x00\x00\x00\x47\x00\x00\x00\x2b\x67\xeb\xb2\xbf\x00\x00\x00\x00"
                       CSV),
                 expected, &next);
    CHECK(line == 0);
    CHECK(next == 1);
    CHECK(sends(session, "", 0));
    CHECK(est_ack(session) == EST_OK);
    CHECK(sends(session, null, 8));

    /* A bundle with a malformed record and a valid one after it. */
    line = bring(session,
                 BYTES("\x00\x01\x0f\xa2\x00\x00\x00\x63"
                       "\x00\x00\x00\x2a\x00\x00\x00\x02"
                       "\x00\x00\x00\x04\x00\x00\x00\x11" MALFORMED
                       "\x00\x00\x00\x04\x00\x00\x00\x3a"
                       "\x00\x00\x01\x90\x00\x00\x00\x2a\x67\xeb\xb2\xc0\x00\x00\x00\x00"
                       JSON),
                 expected, &next);
    CHECK(line == 0);
    CHECK(next == 3);
    CHECK(est_ack(session) == EST_OK);
    CHECK(sends(session, null, 8));

    /* A keep-alive, and a bundle with a record larger than the window. Its record
       length counts archival timestamp and reserved word, too. */
    line = bring(session,
                 BYTES("\x00\x01\x00\x00\x00\x00\x00\x00"
                       "\x00\x01\x0f\xa2\x00\x00\x05\xfc"
                       "\x00\x00\x00\x2a\x00\x00\x00\x03"
                       "\x00\x00\x00\x04\x00\x00\x05\xec"
                       "\x00\x00\x01\xf4\x00\x00\x05\xe4\x67\xeb\xb2\xc1\x00\x00\x00\x00"),
                 expected, &next);
    CHECK(line == 0);
    for (i = 0; i < LARGE; i += 50) {
        line = bring(session,
                     BYTES("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), expected,
                     &next);
        CHECK(line == 0);
    }
    CHECK(large == LARGE && next == 3);

    /* The silence of the server begins with the acknowledgement. */
    CHECK(est_deadline(session, &when) == EST_OK && when == EST_FOREVER);
    CHECK(est_ack(session) == EST_OK);
    CHECK(sends(session, null, 8));
    CHECK(est_deadline(session, &when) == EST_OK && when == 60002);
    CHECK(est_timeout(session, when) == EST_OK);
    CHECK(sends(session, null, 8));

    /* The server sends an error message. */
    line = bring(session, BYTES("\x00\x01\x00\x01\x00\x00\x00\x0f\x00\x00\x00\x13\x00\x09No space\x00"),
                 expected, &next);
    CHECK(line == 0);
    CHECK(est_next(session, 3, &event) == EST_PEER_ERROR);
    CHECK(est_ack(session) == EST_PEER_ERROR);
    CHECK(same((const unsigned char *)est_session_detail(session), ERROR_TEXT,
               sizeof(ERROR_TEXT)));

    CHECK(est_session_statistics(session, &counted) == EST_OK);
    CHECK(counted.records == 4 && counted.malformed == 1 && counted.skipped == 0);
    CHECK(counted.record_covers_extension == 1 && counted.record_covers_header == 0);
    CHECK(counted.no_extension == 0 && counted.data_not_json == 2);
    CHECK(counted.bundles == 3 && counted.acknowledged == 3);
    CHECK(est_session_free(&session) == EST_OK && session == NULL);
    return 0;
}
