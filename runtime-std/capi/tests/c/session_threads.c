/* Two threads with one session: each call is executed or refused. */

#include <pthread.h>

#include "check.h"

#define CALLS 20000

static est_session *session;
static const unsigned char null[8] = {0, 1, 0, 0, 0, 0, 0, 0};

/* A bundle without events. */
static const unsigned char bundle[16] = {0, 1, 0x0f, 0xa2, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1};

static void *hammer(void *unused) {
    int i;
    (void)unused;
    for (i = 0; i < CALLS; i++) {
        est_event event;
        const unsigned char *data;
        size_t length;
        est_status status = est_next(session, 0, &event);
        CHECK(status == EST_AGAIN || status == EST_BUSY);
        status = est_ack(session);
        CHECK(status == EST_OK || status == EST_BUSY);
        status = est_output(session, 0, &data, &length);
        CHECK(status == EST_OK || status == EST_BUSY);
        if (status == EST_OK && length > 0) {
            CHECK(length == 8 && memcmp(data, null, 8) == 0);
        }
    }
    return NULL;
}

int main(void) {
    pthread_t threads[2];
    unsigned char *room;
    size_t space;
    est_statistics counted;
    STATUS(est_session_new(NULL, NULL, 0, 0, &session), EST_OK);
    STATUS(est_buffer(session, &room, &space), EST_OK);
    memcpy(room, bundle, sizeof(bundle));
    STATUS(est_commit(session, sizeof(bundle)), EST_OK);
    CHECK(pthread_create(&threads[0], NULL, hammer, NULL) == 0);
    CHECK(pthread_create(&threads[1], NULL, hammer, NULL) == 0);
    CHECK(pthread_join(threads[0], NULL) == 0);
    CHECK(pthread_join(threads[1], NULL) == 0);
    STATUS(est_session_statistics(session, &counted), EST_OK);
    CHECK(counted.bundles == 1 && counted.acknowledged == 1);
    STATUS(est_session_free(&session), EST_OK);
    return 0;
}
