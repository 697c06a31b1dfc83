/* A client in the event loop of the program: epoll, a bookmark, and a connection that is
   made again after each end. Prints one event per line. For Linux.

   cc -std=c99 event_loop.c $(pkg-config --cflags --libs estreamer) -o event_loop
   ./event_loop fmc.example.net client.p12 password 1000 state-directory */

#include <errno.h>
#include <estreamer.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Prints what failed and why. Returns the exit status. */
static int fail(const char *what, est_status status, const est_client *client) {
    fprintf(stderr, "event_loop: %s: %s. %s\n", what, est_strerror(status),
            est_client_detail(client));
    return 1;
}

static void print(void *context, const char *line) {
    (void)context;
    fprintf(stderr, "event_loop: %s\n", line);
}

/* Acknowledges what is printed. */
static est_status acknowledge(est_client *client) {
    return fflush(stdout) == 0 ? est_client_ack(client) : EST_SYSTEM;
}

/* Takes out what is there, at most until `count` is `wanted`. */
static est_status step(est_client *client, unsigned long *count, unsigned long wanted) {
    est_status status = EST_OK;
    while (status == EST_OK && *count < wanted) {
        est_event event;
        status = est_client_step(client, &event);
        if (status == EST_OK) {
            fwrite(event.data, 1, event.data_length, stdout);
            putchar('\n');
            (*count)++;
            /* Acknowledge rarely: with a bookmark, each call writes to the disk. */
            if (*count % 1000 == 0) {
                status = acknowledge(client);
            }
        }
    }
    if (status == EST_OK || status == EST_AGAIN || status == EST_UNACKNOWLEDGED) {
        status = acknowledge(client);
    }
    return status;
}

static int run(est_client *client, int epoll, unsigned long wanted) {
    unsigned long count = 0;
    struct epoll_event ready = {EPOLLIN, {NULL}};
    int descriptor;
    est_status status = est_client_descriptor(client, &descriptor);
    if (status != EST_OK || epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &ready) != 0) {
        return fail("cannot watch the client", status, client);
    }
    /* The sockets and timers of the program would be in the same loop. */
    while (count < wanted) {
        uint64_t due;
        status = step(client, &count, wanted);
        if (status == EST_OK) {
            status = est_client_due(client, &due);
        }
        if (status != EST_OK) {
            return fail("the client ended", status, client);
        }
        if (count < wanted && epoll_wait(epoll, &ready, 1, (int)due) < 0 && errno != EINTR) {
            perror("event_loop: epoll_wait");
            return 1;
        }
    }
    fprintf(stderr, "event_loop: %lu events\n", count);
    return 0;
}

int main(int argc, char **argv) {
    est_client_config config = EST_CLIENT_CONFIG_DEFAULT;
    est_client *client = NULL;
    est_status status;
    int result, epoll;
    if (argc != 6) {
        fprintf(stderr, "usage: event_loop SERVER PKCS12 PASSWORD EVENTS STATE\n");
        return 2;
    }
    config.server = argv[1];
    config.pkcs12 = argv[2];
    config.password = argv[3];
    config.state = argv[5];
    config.from = EST_FROM_OLDEST;
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) {
        perror("event_loop: epoll_create1");
        return 1;
    }

    status = est_client_new(&client);
    if (status == EST_OK) {
        status = est_client_set_reconnect(client);
    }
    if (status == EST_OK) {
        status = est_client_set_log(client, print, NULL);
    }
    if (status == EST_OK) {
        status = est_client_start(client, &config);
    }
    if (status == EST_OK) {
        result = run(client, epoll, strtoul(argv[4], NULL, 10));
        /* Waits up to a second; est_client_free() alone does not wait. */
        (void)est_client_close(client, "the client has all requested events");
    } else {
        result = fail(argv[1], status, client);
    }
    (void)est_client_free(&client);
    (void)close(epoll);
    return result;
}
