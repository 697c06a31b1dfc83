/* Numbers and layouts of the ABI, which programs have compiled in. They change with
   the SONAME only. */

#include "check.h"

#define IS(name, condition) typedef char name[(condition) ? 1 : -1]

IS(ok, EST_OK == 0 && EST_AGAIN == 1 && EST_INTERRUPTED == 2 && EST_UNACKNOWLEDGED == 3);
IS(misuse, EST_NULL == 10 && EST_INVALID == 11 && EST_STATE == 12 && EST_FULL == 13);
IS(handle, EST_BUSY == 14 && EST_POISONED == 15 && EST_NO_MEMORY == 16);
IS(end, EST_CLOSED == 20 && EST_PEER_CLOSED == 21 && EST_PEER_ERROR == 22);
IS(refused, EST_REFUSED == 23 && EST_CUT == 24 && EST_OUT_OF_STEP == 25 && EST_SILENT == 26);
IS(setup, EST_REQUEST == 30 && EST_IDENTITY == 31 && EST_ADDRESS == 32);
IS(setup_too, EST_CONNECTION == 33 && EST_TLS == 34 && EST_BOOKMARK == 35 && EST_SYSTEM == 36);
IS(kinds, EST_EVENT == 0 && EST_MALFORMED == 1 && EST_SKIPPED == 2);
IS(events, EST_CONNECTION_EVENTS == 1 && EST_INTRUSION_EVENTS == 2);
IS(events_too, EST_PACKET_EVENTS == 4 && EST_FILE_EVENTS == 8 && EST_ALL_EVENTS == 15);
IS(record_length, EST_RECORD_LENGTH_AUTO == 0 && EST_RECORD_LENGTH_DATA == 1);
IS(record_length_too, EST_RECORD_LENGTH_EXTENSION == 2 && EST_RECORD_LENGTH_ALL == 3);
IS(state, EST_SESSION_STATE == 1024);

#if UINTPTR_MAX == UINT64_MAX
IS(config, sizeof(est_config) == 56 && offsetof(est_config, pieces) == 32);
IS(config_too, offsetof(est_config, record_length) == 36 && offsetof(est_config, prepaid) == 40);
IS(event, sizeof(est_event) == 40 && offsetof(est_event, kind) == 32);
IS(event_too, offsetof(est_event, length) == 16 && offsetof(est_event, archival) == 24);
IS(statistics, sizeof(est_statistics) == 96 && offsetof(est_statistics, duplicates) == 48);
IS(statistics_too, offsetof(est_statistics, record_covers_extension) == 56);
IS(client, sizeof(est_client_config) == 120 && offsetof(est_client_config, from) == 64);
IS(client_too, offsetof(est_client_config, record_length) == 92);
#endif

int main(void) {
    return 0;
}
