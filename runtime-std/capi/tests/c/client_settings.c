/* The settings of a client that are functions, and the calls of an event loop.

   Arguments: SERVER PKCS12 PASSWORD CERTIFICATE KEY CA. The last three are PEM files. */

#include <poll.h>

#include "check.h"

#define ROOM 16384

/* Reads a whole file into static memory. */
static size_t load(const char *path, unsigned char *bytes) {
    FILE *file = fopen(path, "rb");
    size_t length;
    CHECK(file != NULL);
    length = fread(bytes, 1, ROOM - 1, file);
    CHECK(length > 0 && length < ROOM - 1);
    bytes[length] = 0;
    CHECK(fclose(file) == 0);
    return length;
}

/* Counts the lines of the log, and tries to use the client. */
struct log {
    est_client *client;
    unsigned lines;
};

static void count(void *context, const char *line) {
    struct log *log = context;
    CHECK(strlen(line) > 10 && strchr(line, '\n') == NULL);
    STATUS(est_client_ack(log->client), EST_BUSY);
    log->lines++;
}

/* One event by the calls of an event loop. */
static void step(est_client *client, const est_client_config *config) {
    struct pollfd ready = {0, POLLIN, 0};
    est_event event;
    uint64_t due;
    est_status status;
    STATUS(est_client_start(client, config), EST_OK);
    STATUS(est_client_descriptor(client, &ready.fd), EST_OK);
    CHECK(ready.fd > 2);
    while ((status = est_client_step(client, &event)) == EST_AGAIN) {
        STATUS(est_client_due(client, &due), EST_OK);
        CHECK(due <= 1000);
        CHECK(poll(&ready, 1, (int)due) >= 0);
    }
    STATUS(status, EST_OK);
    CHECK(event.data_length > 0);
    STATUS(est_client_ack(client), EST_OK);
}

/* One event by the call that waits. */
static void wait(est_client *client, const est_client_config *config) {
    est_event event;
    STATUS(est_client_connect(client, config), EST_OK);
    STATUS(est_client_next(client, 10000, &event), EST_OK);
    CHECK(event.data_length > 0);
}

static void misuse(const est_client_config *config) {
    est_client *client = NULL;
    est_event event;
    uint64_t due;
    int descriptor;
    STATUS(est_client_set_pkcs12(NULL, (const uint8_t *)"", 0, ""), EST_NULL);
    STATUS(est_client_set_pem(NULL, "", "", ""), EST_NULL);
    STATUS(est_client_set_bind(NULL, "127.0.0.1"), EST_NULL);
    STATUS(est_client_set_quirk(NULL, "error-nul"), EST_NULL);
    STATUS(est_client_set_prepaid(NULL, 1), EST_NULL);
    STATUS(est_client_set_reconnect(NULL), EST_NULL);
    STATUS(est_client_set_log(NULL, NULL, NULL), EST_NULL);
    STATUS(est_client_start(NULL, config), EST_NULL);
    STATUS(est_client_step(NULL, &event), EST_NULL);
    STATUS(est_client_due(NULL, &due), EST_NULL);
    STATUS(est_client_descriptor(NULL, &descriptor), EST_NULL);

    STATUS(est_client_new(&client), EST_OK);
    STATUS(est_client_set_pkcs12(client, NULL, 0, ""), EST_NULL);
    STATUS(est_client_set_pkcs12(client, (const uint8_t *)"x", 1, NULL), EST_NULL);
    STATUS(est_client_set_pkcs12(client, (const uint8_t *)"x", 1, ""), EST_IDENTITY);
    CHECK(strlen(est_client_detail(client)) > 10);
    STATUS(est_client_set_pem(client, "x", "x", "\xff"), EST_INVALID);
    STATUS(est_client_set_pem(client, "x", "x", "x"), EST_IDENTITY);
    STATUS(est_client_set_bind(client, "localhost"), EST_INVALID);
    CHECK(strstr(est_client_detail(client), "localhost") != NULL);
    STATUS(est_client_set_quirk(client, "netmap"), EST_INVALID);
    CHECK(strstr(est_client_detail(client), "netmap") != NULL);
    STATUS(est_client_step(client, NULL), EST_NULL);
    STATUS(est_client_step(client, &event), EST_STATE);
    STATUS(est_client_due(client, NULL), EST_NULL);
    STATUS(est_client_due(client, &due), EST_STATE);
    STATUS(est_client_descriptor(client, NULL), EST_NULL);
    STATUS(est_client_descriptor(client, &descriptor), EST_STATE);
    STATUS(est_client_free(&client), EST_OK);
}

int main(int argc, char **argv) {
    static unsigned char pkcs12[ROOM], certificate[ROOM], key[ROOM], ca[ROOM];
    est_client_config config = EST_CLIENT_CONFIG_DEFAULT;
    struct log log = {NULL, 0};
    est_event event;
    size_t length;
    int round;
    CHECK(argc == 7);
    length = load(argv[2], pkcs12);
    load(argv[4], certificate);
    load(argv[5], key);
    load(argv[6], ca);
    config.server = argv[1];
    config.from = EST_FROM_OLDEST;
    misuse(&config);
    for (round = 0; round < 4; round++) {
        est_client *client = NULL;
        STATUS(est_client_new(&client), EST_OK);
        if (round % 2 == 0) {
            STATUS(est_client_set_pkcs12(client, pkcs12, length, argv[3]), EST_OK);
        } else {
            STATUS(est_client_set_pem(client, (char *)certificate, (char *)key, (char *)ca),
                   EST_OK);
        }
        /* Two identities are one too many. */
        config.pkcs12 = argv[2];
        STATUS(est_client_connect(client, &config), EST_INVALID);
        config.pkcs12 = NULL;
        STATUS(est_client_set_bind(client, "127.0.0.1"), EST_OK);
        STATUS(est_client_set_quirk(client, "error-nul"), EST_OK);
        STATUS(est_client_set_prepaid(client, 3), EST_OK);
        if (round < 2) {
            wait(client, &config);
        } else {
            log.client = client;
            STATUS(est_client_set_reconnect(client), EST_OK);
            STATUS(est_client_set_log(client, count, &log), EST_OK);
            step(client, &config);
            CHECK(log.lines > 0);
        }
        STATUS(est_client_set_prepaid(client, 0), EST_STATE);
        STATUS(est_client_set_reconnect(client), EST_STATE);
        STATUS(est_client_start(client, &config), EST_STATE);
        STATUS(est_client_close(client, "enough"), EST_OK);
        STATUS(est_client_step(client, &event), EST_CLOSED);
        STATUS(est_client_free(&client), EST_OK);
    }

    /* The address to connect from is used: nothing answers from this one. */
    {
        est_client *client = NULL;
        STATUS(est_client_new(&client), EST_OK);
        STATUS(est_client_set_pkcs12(client, pkcs12, length, argv[3]), EST_OK);
        STATUS(est_client_set_bind(client, "192.0.2.1"), EST_OK);
        STATUS(est_client_connect(client, &config), EST_CONNECTION);
        CHECK(strstr(est_client_detail(client), "192.0.2.1") != NULL);
        /* It may try again, with the identity that it has. */
        STATUS(est_client_set_bind(client, "127.0.0.1"), EST_OK);
        STATUS(est_client_connect(client, &config), EST_OK);
        STATUS(est_client_free(&client), EST_OK);
    }
    return 0;
}
