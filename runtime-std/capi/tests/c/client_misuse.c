/* The second layer, used wrongly, without any server. */

#include "check.h"

int main(void) {
    est_client_config config = EST_CLIENT_CONFIG_DEFAULT;
    est_client *client = NULL, *none = NULL;
    est_event event;
    est_statistics counted;

    STATUS(est_client_new(NULL), EST_NULL);
    STATUS(est_client_free(NULL), EST_NULL);
    STATUS(est_client_free(&none), EST_OK);
    CHECK(strcmp(est_client_detail(NULL), "") == 0);
    STATUS(est_client_connect(NULL, &config), EST_NULL);
    STATUS(est_client_next(NULL, 0, &event), EST_NULL);
    STATUS(est_client_ack(NULL), EST_NULL);
    STATUS(est_client_close(NULL, "bye"), EST_NULL);
    STATUS(est_client_statistics(NULL, &counted), EST_NULL);
    STATUS(est_client_interrupt(NULL), EST_NULL);

    STATUS(est_client_new(&client), EST_OK);
    CHECK(strcmp(est_client_detail(client), "") == 0);
    STATUS(est_client_connect(client, NULL), EST_NULL);
    STATUS(est_client_next(client, 0, NULL), EST_NULL);
    STATUS(est_client_close(client, NULL), EST_NULL);
    STATUS(est_client_statistics(client, NULL), EST_NULL);

    /* Not connected. */
    STATUS(est_client_next(client, 0, &event), EST_STATE);
    STATUS(est_client_ack(client), EST_STATE);
    STATUS(est_client_close(client, "bye"), EST_STATE);
    STATUS(est_client_statistics(client, &counted), EST_STATE);
    STATUS(est_client_interrupt(client), EST_STATE);

    /* Each thing that is missing is named. */
    STATUS(est_client_connect(client, &config), EST_NULL);
    CHECK(strstr(est_client_detail(client), "pkcs12") != NULL);
    config.pkcs12 = "/no/such/file.p12";
    STATUS(est_client_connect(client, &config), EST_NULL);
    CHECK(strstr(est_client_detail(client), "server") != NULL);
    config.server = "127.0.0.1:1";
    STATUS(est_client_connect(client, &config), EST_NULL);
    CHECK(strstr(est_client_detail(client), "password") != NULL);
    config.password = "";
    STATUS(est_client_connect(client, &config), EST_IDENTITY);
    CHECK(strstr(est_client_detail(client), "/no/such/file.p12") != NULL);

    /* A long name does not push the remedy out of the text. */
    {
        char path[600] = "";
        int i;
        for (i = 0; i < 20; i++) {
            strcat(path, "/no/such/directory/no-such");
        }
        config.pkcs12 = path;
        STATUS(est_client_connect(client, &config), EST_IDENTITY);
        CHECK(strstr(est_client_detail(client), "Check the path") != NULL);
        config.pkcs12 = "/no/such/file.p12";
    }

    config.json = "{}";
    STATUS(est_client_connect(client, &config), EST_INVALID);
    config.events = 0;
    STATUS(est_client_connect(client, &config), EST_REQUEST);
    config.json = NULL;
    STATUS(est_client_connect(client, &config), EST_INVALID);
    config.events = EST_ALL_EVENTS;
    config.server = "\xff";
    STATUS(est_client_connect(client, &config), EST_INVALID);
    config.server = "127.0.0.1:1";
    config.flags = 4;
    STATUS(est_client_connect(client, &config), EST_INVALID);
    config.flags = 0;
    config.record_length = 4;
    STATUS(est_client_connect(client, &config), EST_INVALID);
    CHECK(strstr(est_client_detail(client), "record_length") != NULL);
    config.record_length = EST_RECORD_LENGTH_EXTENSION;
    config.reserved[0] = 1;
    STATUS(est_client_connect(client, &config), EST_INVALID);

    STATUS(est_client_free(&client), EST_OK);
    CHECK(client == NULL);
    STATUS(est_client_next(client, 0, &event), EST_NULL);
    return 0;
}
