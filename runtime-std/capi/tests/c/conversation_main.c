/* The conversation of a microcontroller, on a host. */

#include <stdio.h>

#include "conversation.h"

int main(void) {
    int line = conversation();
    if (line != 0) {
        fprintf(stderr, "conversation.c:%d: check failed\n", line);
    }
    return line != 0;
}
