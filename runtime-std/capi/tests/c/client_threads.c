/* One thread waits in a client. Tests what another thread may do meanwhile. */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <sched.h>

#include "check.h"

static est_client *client;

static void *wait_in_it(void *unused) {
    est_event event;
    est_status status;
    (void)unused;
    /* The first thread reads the statistics until this one is in the call. */
    do {
        status = est_client_next(client, EST_FOREVER, &event);
    } while (status == EST_BUSY);
    STATUS(status, EST_INTERRUPTED);
    return NULL;
}

int main(int argc, char **argv) {
    est_client_config config = EST_CLIENT_CONFIG_DEFAULT;
    est_client *same;
    est_event event;
    est_statistics counted;
    est_status status;
    pthread_t thread;
    CHECK(argc == 4);
    config.server = argv[1];
    config.pkcs12 = argv[2];
    config.password = argv[3];
    config.from = EST_FROM_OLDEST;
    STATUS(est_client_new(&client), EST_OK);
    STATUS(est_client_connect(client, &config), EST_OK);
    STATUS(est_client_connect(client, &config), EST_STATE);
    STATUS(est_client_next(client, 30000, &event), EST_OK);
    CHECK(event.kind == EST_EVENT && event.data_length == event.length);
    STATUS(est_client_ack(client), EST_OK);
    STATUS(est_client_next(client, 1, &event), EST_AGAIN);

    CHECK(pthread_create(&thread, NULL, wait_in_it, NULL) == 0);
    /* These calls succeed until the other thread is in the call. Valgrind runs one thread
       at a time: it must be the other one's turn while this one is not in a call. */
    do {
        CHECK(sched_yield() == 0);
        status = est_client_statistics(client, &counted);
        CHECK(status == EST_OK || status == EST_BUSY);
    } while (status != EST_BUSY);
    STATUS(est_client_next(client, 0, &event), EST_BUSY);
    STATUS(est_client_ack(client), EST_BUSY);
    STATUS(est_client_close(client, "bye"), EST_BUSY);
    same = client;
    STATUS(est_client_free(&same), EST_BUSY);
    CHECK(same == client && "nothing is freed");
    STATUS(est_client_interrupt(client), EST_OK);
    CHECK(pthread_join(thread, NULL) == 0);

    STATUS(est_client_statistics(client, &counted), EST_OK);
    CHECK(counted.records == 1 && counted.acknowledged == counted.bundles);
    STATUS(est_client_close(client, "bye"), EST_OK);
    STATUS(est_client_close(client, "bye"), EST_CLOSED);
    STATUS(est_client_next(client, 0, &event), EST_CLOSED);
    STATUS(est_client_ack(client), EST_CLOSED);
    STATUS(est_client_connect(client, &config), EST_STATE);
    STATUS(est_client_free(&client), EST_OK);
    return 0;
}
