/* Macros for the tests in C. */

#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "estreamer.h"

/* Ends the test if the condition is false. */
#define CHECK(so)                                                              \
    do {                                                                       \
        if (!(so)) {                                                           \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #so);   \
            exit(1);                                                           \
        }                                                                      \
    } while (0)

/* Ends the test if the call returns another status. */
#define STATUS(call, wanted)                                                   \
    do {                                                                       \
        est_status found = (call);                                             \
        if (found != (wanted)) {                                               \
            fprintf(stderr, "%s:%d: %s: %s, not %s\n", __FILE__, __LINE__,     \
                    #call, est_strerror(found), est_strerror(wanted));         \
            exit(1);                                                           \
        }                                                                      \
    } while (0)

#endif
