/* Frees the memory of a session before the session. The sanitizer must report the
   access inside the library. */

#include "check.h"

int main(void) {
    est_session *session = NULL;
    size_t length = EST_SESSION_MEMORY(64, 128);
    void *memory = malloc(length);
    uint64_t when;
    est_config config = EST_CONFIG_DEFAULT;
    config.window = 64;
    config.output = 128;
    STATUS(est_session_new(&config, memory, length, 0, &session), EST_OK);
    free(memory);
    est_deadline(session, &when);
    return 0;
}
