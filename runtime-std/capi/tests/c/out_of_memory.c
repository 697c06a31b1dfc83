/* Every allocation of a session with a server fails in turn, and every fifth one together
   with all that follow. Each call returns a status, and afterwards all is as before.

   Arguments: SERVER PKCS12 PASSWORD STATE CERTIFICATE KEY CA. The last three are PEM
   files. */

#include <errno.h>
#include <stdint.h>

#include "check.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t align, size_t size);
int posix_memalign(void **block, size_t align, size_t size);

/* Allocations are counted while `armed`; those from `first` to `last` fail. */
static int armed;
static unsigned long count, first, last;

static int fails(void) {
    if (!armed) {
        return 0;
    }
    count++;
    if (count < first || count > last) {
        return 0;
    }
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size) {
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    return fails() ? NULL : __libc_calloc(number, size);
}

void *realloc(void *block, size_t size) {
    return fails() ? NULL : __libc_realloc(block, size);
}

int posix_memalign(void **block, size_t align, size_t size) {
    void *found = fails() ? NULL : __libc_memalign(align, size);
    if (found == NULL) {
        return ENOMEM;
    }
    *block = found;
    return 0;
}

#define ROOM 16384

static char certificate[ROOM], key[ROOM], ca[ROOM];

/* Reads a whole file into static memory. */
static void load(const char *path, char *bytes) {
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    CHECK(fread(bytes, 1, ROOM - 1, file) > 0);
    CHECK(fclose(file) == 0);
}

static void ignore(void *context, const char *line) {
    (void)context;
    (void)line;
}

/* Takes out some events and acknowledges them. Returns the first status that is not
   EST_OK. */
static est_status collect(est_client *client, const est_client_config *config) {
    est_event event;
    unsigned taken;
    est_status status = est_client_set_log(client, ignore, NULL);
    if (status == EST_OK && config->pkcs12 == NULL) {
        /* Much faster than the key derivation of PKCS#12. */
        status = est_client_set_pem(client, certificate, key, ca);
    }
    if (status == EST_OK) {
        status = est_client_connect(client, config);
    }
    for (taken = 0; taken < 3 && status == EST_OK; taken++) {
        status = est_client_next(client, 10000, &event);
    }
    return status == EST_OK ? est_client_ack(client) : status;
}

/* A whole session. Returns the first status that is not EST_OK. */
static est_status session(const est_client_config *config) {
    est_client *client = NULL;
    est_status ended, status = est_client_new(&client);
    if (status != EST_OK) {
        CHECK(client == NULL);
        return status;
    }
    status = collect(client, config);
    ended = est_client_close(client, "enough");
    if (status == EST_OK) {
        status = ended;
    }
    if (status == EST_NO_MEMORY) {
        CHECK(strstr(est_client_detail(client), "memory") != NULL);
        CHECK(est_client_ack(client) == EST_NO_MEMORY);
    }
    CHECK(est_client_free(&client) == EST_OK && client == NULL);
    return status;
}

int main(int argc, char **argv) {
    est_client_config config = EST_CLIENT_CONFIG_DEFAULT;
    est_session *first_layer = NULL;
    unsigned long without, others = 0;
    int lasting;
    CHECK(argc == 8);
    load(argv[5], certificate);
    load(argv[6], key);
    load(argv[7], ca);
    config.server = argv[1];
    config.state = argv[4];
    config.from = EST_FROM_OLDEST;

    /* What glibc makes at the first call in a thread. It ends the process if it cannot. */
    STATUS(session(&config), EST_OK);

    armed = 1;
    first = last = 1;
    STATUS(est_session_new(NULL, NULL, 0, 0, &first_layer), EST_NO_MEMORY);
    for (lasting = 0; lasting < 2; lasting++) {
        without = 0;
        for (first = 1; without == 0; first += lasting ? 5 : 1) {
            est_status status;
            count = 0;
            last = lasting ? (unsigned long)-1 : first;
            armed = 1;
            status = session(&config);
            armed = 0;
            if (count < first) {
                STATUS(status, EST_OK);
                without = first;
            } else if (status != EST_NO_MEMORY) {
                /* A block that moved instead of growing, or the C library's own. */
                if (status != EST_OK && status != EST_ADDRESS && status != EST_SYSTEM) {
                    fprintf(stderr, "allocation %lu: %s\n", first, est_strerror(status));
                    return 1;
                }
                others++;
            }
        }
        printf("%lu allocations, %lu failed without effect\n", without - 1, others);
        CHECK(without > 100);
    }
    STATUS(session(&config), EST_OK);

    /* The same for the PKCS#12 file, which is read at the start. */
    config.pkcs12 = argv[2];
    config.password = argv[3];
    armed = 1;
    last = (unsigned long)-1;
    for (first = 1; first <= 60; first++) {
        count = 0;
        STATUS(session(&config), EST_NO_MEMORY);
    }
    return 0;
}
