/* Does the same as examples/direct.rs, through the C layer. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "estreamer_core.h"

#define EVENTS 100
#define DATA 700

static size_t put(unsigned char *at, unsigned long value) {
    at[0] = (unsigned char)(value >> 24);
    at[1] = (unsigned char)(value >> 16);
    at[2] = (unsigned char)(value >> 8);
    at[3] = (unsigned char)value;
    return 4;
}

int main(int argc, char **argv) {
    static unsigned char bundle[16 + EVENTS * (24 + DATA)];
    unsigned long bundles = argc > 1 ? strtoul(argv[1], NULL, 10) : 1, bytes = 0, sum = 0;
    est_session *session = NULL;
    size_t length = 0;
    int i;
    length += put(bundle + length, 0x00010fa2);
    length += put(bundle + length, sizeof(bundle) - 8);
    length += put(bundle + length, 1);
    length += put(bundle + length, 1);
    for (i = 0; i < EVENTS; i++) {
        length += put(bundle + length, 4);
        length += put(bundle + length, 16 + DATA);
        length += put(bundle + length, 71);
        length += put(bundle + length, DATA);
        length += put(bundle + length, 7);
        length += put(bundle + length, 0);
        memset(bundle + length, 'x', DATA);
        length += DATA;
    }
    if (length != sizeof(bundle) || est_session_new(NULL, NULL, 0, 0, &session) != EST_OK) {
        return 1;
    }
    while (bundles-- > 0) {
        unsigned char *room;
        const unsigned char *data;
        est_event event;
        size_t space;
        if (est_buffer(session, &room, &space) != EST_OK || space < length) {
            return 1;
        }
        memcpy(room, bundle, length);
        est_commit(session, length);
        while (est_next(session, 1, &event) == EST_OK) {
            bytes += (unsigned long)event.data_length;
            sum += event.archival;
        }
        est_ack(session);
        if (est_output(session, 1, &data, &space) != EST_OK || space != 8) {
            return 1;
        }
        est_sent(session, space);
    }
    printf("%lu %lu\n", bytes, sum);
    est_session_free(&session);
    return 0;
}
