/* A client with a loop: connects, prints one event per line, and acknowledges.

   cc -std=c99 blocking.c $(pkg-config --cflags --libs estreamer) -o blocking
   ./blocking fmc.example.net client.p12 password 1000 [state-directory] */

#include <estreamer.h>
#include <stdio.h>
#include <stdlib.h>

/* Prints what failed and why. Returns the exit status. */
static int fail(const char *what, est_status status, const est_client *client) {
    fprintf(stderr, "blocking: %s: %s. %s\n", what, est_strerror(status),
            est_client_detail(client));
    return 1;
}

static int collect(est_client *client, unsigned long wanted) {
    unsigned long count = 0;
    while (count < wanted) {
        est_event event;
        est_status status = est_client_next(client, 1000, &event);
        switch (status) {
        case EST_OK:
            if (event.kind == EST_EVENT) {
                fwrite(event.data, 1, event.data_length, stdout);
                putchar('\n');
            } else {
                fprintf(stderr, "blocking: a record of %u bytes cannot be read\n",
                        (unsigned)event.length);
            }
            count++;
            /* Acknowledge rarely: with a bookmark, each call writes to the disk. */
            if (count % 1000 != 0 && count != wanted) {
                break;
            }
            /* fall through */
        case EST_AGAIN:
        case EST_UNACKNOWLEDGED:
            if (fflush(stdout) != 0) {
                perror("blocking: standard output");
                return 1;
            }
            status = est_client_ack(client);
            if (status != EST_OK) {
                return fail("cannot acknowledge", status, client);
            }
            break;
        default:
            return fail("the session ended", status, client);
        }
    }
    fprintf(stderr, "blocking: %lu events\n", count);
    return 0;
}

int main(int argc, char **argv) {
    est_client_config config = EST_CLIENT_CONFIG_DEFAULT;
    est_client *client = NULL;
    est_status status;
    int result;
    if (argc != 5 && argc != 6) {
        fprintf(stderr, "usage: blocking SERVER PKCS12 PASSWORD EVENTS [STATE]\n");
        return 2;
    }
    config.server = argv[1];
    config.pkcs12 = argv[2];
    config.password = argv[3];
    config.state = argv[5];
    config.from = EST_FROM_OLDEST;

    status = est_client_new(&client);
    if (status != EST_OK) {
        return fail("cannot create a client", status, client);
    }
    status = est_client_connect(client, &config);
    if (status == EST_OK) {
        result = collect(client, strtoul(argv[4], NULL, 10));
        /* The events are acknowledged, so a failure does not matter. */
        (void)est_client_close(client, "the client has all requested events");
    } else {
        result = fail(argv[1], status, client);
    }
    (void)est_client_free(&client);
    return result;
}
