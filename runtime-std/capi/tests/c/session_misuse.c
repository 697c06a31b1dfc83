/* Misuse of the first layer returns a status and never aborts. */

#include "check.h"

static void null_everywhere(void) {
    est_session *session = NULL, *none = NULL;
    est_event event;
    est_statistics counted;
    unsigned char *room;
    const unsigned char *data;
    size_t length = 7;
    uint64_t when = 7;

    STATUS(est_session_new(NULL, NULL, 0, 0, NULL), EST_NULL);
    STATUS(est_session_new(NULL, NULL, 100, 0, &session), EST_NULL);
    CHECK(session == NULL);
    STATUS(est_session_free(NULL), EST_NULL);
    STATUS(est_session_free(&none), EST_OK);
    CHECK(strcmp(est_session_detail(NULL), "") == 0);

    STATUS(est_request(NULL, 0, EST_ALL_EVENTS, NULL), EST_NULL);
    STATUS(est_buffer(NULL, &room, &length), EST_NULL);
    STATUS(est_commit(NULL, 0), EST_NULL);
    STATUS(est_eof(NULL), EST_NULL);
    STATUS(est_next(NULL, 0, &event), EST_NULL);
    STATUS(est_ack(NULL), EST_NULL);
    STATUS(est_output(NULL, 0, &data, &length), EST_NULL);
    STATUS(est_sent(NULL, 0), EST_NULL);
    STATUS(est_deadline(NULL, &when), EST_NULL);
    STATUS(est_timeout(NULL, 0), EST_NULL);
    STATUS(est_close(NULL, "bye"), EST_NULL);
    STATUS(est_session_statistics(NULL, &counted), EST_NULL);

    STATUS(est_session_new(NULL, NULL, 0, 0, &session), EST_OK);
    STATUS(est_buffer(session, NULL, &length), EST_NULL);
    STATUS(est_buffer(session, &room, NULL), EST_NULL);
    STATUS(est_next(session, 0, NULL), EST_NULL);
    STATUS(est_output(session, 0, NULL, &length), EST_NULL);
    STATUS(est_output(session, 0, &data, NULL), EST_NULL);
    STATUS(est_deadline(session, NULL), EST_NULL);
    STATUS(est_close(session, NULL), EST_NULL);
    STATUS(est_session_statistics(session, NULL), EST_NULL);
    CHECK(length == 7 && when == 7);
    STATUS(est_session_free(&session), EST_OK);
    CHECK(session == NULL);
    STATUS(est_next(session, 0, &event), EST_NULL);
}

static void out_of_range(void) {
    est_config config = EST_CONFIG_DEFAULT;
    est_session *session = NULL;
    unsigned char *room;
    size_t space;

    config.window = 63;
    STATUS(est_session_new(&config, NULL, 0, 0, &session), EST_INVALID);
    config.window = 64;
    config.output = 127;
    STATUS(est_session_new(&config, NULL, 0, 0, &session), EST_INVALID);
    config.output = 128;
    config.pieces = 2;
    STATUS(est_session_new(&config, NULL, 0, 0, &session), EST_INVALID);
    config.pieces = 0;
    config.record_length = 4;
    STATUS(est_session_new(&config, NULL, 0, 0, &session), EST_INVALID);
    config.record_length = EST_RECORD_LENGTH_ALL;
    config.reserved[2] = 1;
    STATUS(est_session_new(&config, NULL, 0, 0, &session), EST_INVALID);
    CHECK(session == NULL);
    config.reserved[2] = 0;
    STATUS(est_session_new(&config, NULL, 0, 0, &session), EST_OK);

    STATUS(est_request(session, 0, 16, NULL), EST_INVALID);
    STATUS(est_request(session, 0, 0, NULL), EST_INVALID);
    STATUS(est_request(session, 0, 1, "{}"), EST_INVALID);
    CHECK(strstr(est_session_detail(session), "JSON block") != NULL);
    STATUS(est_request(session, 0, 0, "{"), EST_REQUEST);
    CHECK(strstr(est_session_detail(session), "syntax") != NULL);
    STATUS(est_request(session, 0, 0, "\xff"), EST_REQUEST);
    STATUS(est_request(session, 0, EST_ALL_EVENTS, NULL), EST_NO_MEMORY);
    CHECK(strstr(est_session_detail(session), "bytes of output") != NULL);

    STATUS(est_sent(session, 1), EST_INVALID);
    STATUS(est_commit(session, 65), EST_INVALID);
    STATUS(est_buffer(session, &room, &space), EST_OK);
    CHECK(space == 64);
    memset(room, 0, space);
    STATUS(est_commit(session, 64), EST_OK);
    STATUS(est_commit(session, 1), EST_INVALID);
    STATUS(est_buffer(session, &room, &space), EST_FULL);
    CHECK(strstr(est_session_detail(session), "est_next()") != NULL);
    STATUS(est_session_free(&session), EST_OK);
    CHECK(strcmp(est_strerror(-1), "unknown status") == 0);
    CHECK(strcmp(est_strerror(EST_FULL), "unknown status") != 0);
}

static void the_defaults_are_those_of_the_header(void) {
    est_config config = EST_CONFIG_DEFAULT;
    const est_config *both[2];
    int i;
    both[0] = NULL;
    both[1] = &config;
    for (i = 0; i < 2; i++) {
        est_session *session;
        unsigned char *room;
        size_t space;
        uint64_t when;
        est_event event;
        STATUS(est_session_new(both[i], NULL, 0, 1000, &session), EST_OK);
        STATUS(est_buffer(session, &room, &space), EST_OK);
        CHECK(space == 262144);
        STATUS(est_next(session, 1000, &event), EST_AGAIN);
        STATUS(est_deadline(session, &when), EST_OK);
        CHECK(when == 61000);
        STATUS(est_timeout(session, 601000), EST_SILENT);
        STATUS(est_deadline(session, &when), EST_OK);
        CHECK(when == EST_FOREVER);
        STATUS(est_session_free(&session), EST_OK);
    }
}

static void use_after_close(void) {
    est_session *session = NULL;
    est_event event;
    unsigned char *room;
    const unsigned char *data;
    size_t length;
    STATUS(est_session_new(NULL, NULL, 0, 0, &session), EST_OK);
    STATUS(est_request(session, EST_FROM_NOW, EST_FILE_EVENTS, NULL), EST_OK);
    STATUS(est_request(session, EST_FROM_NOW, EST_FILE_EVENTS, NULL), EST_STATE);
    STATUS(est_output(session, 0, &data, &length), EST_OK);
    STATUS(est_sent(session, length), EST_OK);

    STATUS(est_close(session, "that is all"), EST_OK);
    STATUS(est_close(session, "once more"), EST_OK);
    STATUS(est_next(session, 0, &event), EST_CLOSED);
    STATUS(est_buffer(session, &room, &length), EST_CLOSED);
    STATUS(est_commit(session, 0), EST_CLOSED);
    STATUS(est_ack(session), EST_CLOSED);
    STATUS(est_timeout(session, 0), EST_CLOSED);
    STATUS(est_eof(session), EST_CLOSED);

    /* The error message is in the output, once. */
    STATUS(est_output(session, 0, &data, &length), EST_OK);
    CHECK(length == 8 + 6 + 11 && memcmp(data + 14, "that is all", 11) == 0);
    STATUS(est_sent(session, length), EST_OK);
    STATUS(est_output(session, 0, &data, &length), EST_OK);
    CHECK(length == 0);
    STATUS(est_session_free(&session), EST_OK);
}

static void a_reason_longer_than_the_output_is_truncated(void) {
    est_config config = EST_CONFIG_DEFAULT;
    est_session *session = NULL;
    const unsigned char *data;
    size_t length;
    char reason[1000];
    memset(reason, 'x', sizeof(reason) - 1);
    reason[sizeof(reason) - 1] = '\0';
    config.output = 128;
    STATUS(est_session_new(&config, NULL, 0, 0, &session), EST_OK);
    STATUS(est_close(session, reason), EST_OK);
    STATUS(est_output(session, 0, &data, &length), EST_OK);
    CHECK(length == 128 && data[length - 1] == 'x');
    STATUS(est_session_free(&session), EST_OK);
}

static void memory_that_is_missing(void) {
    est_config config = EST_CONFIG_DEFAULT;
    est_session *session = NULL;
    static unsigned char memory[EST_SESSION_MEMORY(64, 128) + 1];
    unsigned char *room;
    size_t space;

    config.window = (size_t)-1;
    STATUS(est_session_new(&config, NULL, 0, 0, &session), EST_NO_MEMORY);
    config.window = (size_t)-1 / 2;
    STATUS(est_session_new(&config, NULL, 0, 0, &session), EST_NO_MEMORY);
    config.window = (size_t)-1 / 4;
    STATUS(est_session_new(&config, NULL, 0, 0, &session), EST_NO_MEMORY);

    config.window = 64;
    config.output = 128;
    STATUS(est_session_new(&config, memory, sizeof(memory) - 2, 0, &session), EST_NO_MEMORY);
    CHECK(session == NULL);
    /* Memory of any alignment is accepted. */
    STATUS(est_session_new(&config, memory + 1, sizeof(memory) - 1, 0, &session), EST_OK);
    STATUS(est_buffer(session, &room, &space), EST_OK);
    CHECK(room > memory && room + space < memory + sizeof(memory));
    memset(room, 0xff, space);
    STATUS(est_session_free(&session), EST_OK);
}

static void bytes_that_are_not_estreamer(void) {
    est_session *session = NULL;
    est_event event;
    unsigned char *room;
    size_t space;
    STATUS(est_session_new(NULL, NULL, 0, 0, &session), EST_OK);
    STATUS(est_buffer(session, &room, &space), EST_OK);
    memcpy(room, "HTTP/1.1 400 Bad Request", 24);
    STATUS(est_commit(session, 24), EST_OK);
    memset(&event, 0x55, sizeof(event));
    STATUS(est_next(session, 0, &event), EST_OUT_OF_STEP);
    CHECK(event.length == 0x55555555 && "outputs are written on success only");
    CHECK(strstr(est_session_detail(session), "invalid header") != NULL);
    STATUS(est_session_free(&session), EST_OK);

    STATUS(est_session_new(NULL, NULL, 0, 0, &session), EST_OK);
    STATUS(est_eof(session), EST_REFUSED);
    STATUS(est_session_free(&session), EST_OK);
}

int main(void) {
    CHECK(strcmp(est_version(), EST_VERSION_TEXT) == 0);
    CHECK(est_version_number() == EST_VERSION);
    null_everywhere();
    out_of_range();
    the_defaults_are_those_of_the_header();
    use_after_close();
    a_reason_longer_than_the_output_is_truncated();
    memory_that_is_missing();
    bytes_that_are_not_estreamer();
    return 0;
}
