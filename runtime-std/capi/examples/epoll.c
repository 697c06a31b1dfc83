/* A client with its own socket and TLS: epoll, OpenSSL, and the protocol layer of
   libestreamer. For Linux.

   cc -std=c99 epoll.c $(pkg-config --cflags --libs estreamer libssl libcrypto) -o epoll
   ./epoll 192.0.2.1 8302 client.p12 password 1000 */

#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <estreamer_core.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The state of the connection. */
struct client {
    int epoll, socket;
    OSSL_PROVIDER *legacy, *standard;
    SSL_CTX *context;
    SSL *ssl;
    est_session *session;
    unsigned long count, wanted;
};

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static int fail(const char *what, const char *why) {
    fprintf(stderr, "epoll: %s: %s\n", what, why);
    return 0;
}

static int fail_ssl(const char *what) {
    unsigned long error = ERR_get_error();
    return fail(what, error != 0 ? ERR_error_string(error, NULL) : "unknown reason");
}

/* The certificate of a Management Center has no host name. Its subject identifies it as
   a server. */
static int is_server(X509 *certificate) {
    X509_NAME *subject = X509_get_subject_name(certificate);
    char title[64] = "", qualifier[64] = "";
    X509_NAME_get_text_by_NID(subject, NID_title, title, sizeof(title));
    X509_NAME_get_text_by_NID(subject, NID_generationQualifier, qualifier, sizeof(qualifier));
    return strcasecmp(title, "eStreamer") == 0 && strcasecmp(qualifier, "server") == 0;
}

/* Loads key, certificate and CA from the PKCS#12 file. */
static int identify(struct client *c, const char *file, const char *password) {
    PKCS12 *p12 = NULL;
    EVP_PKEY *key = NULL;
    X509 *certificate = NULL;
    STACK_OF(X509) *authorities = NULL;
    FILE *stream = fopen(file, "rb");
    int i, good = 0;
    if (stream == NULL) {
        return fail(file, strerror(errno));
    }
    /* Management Centers encrypt these files with algorithms of the legacy provider. */
    c->legacy = OSSL_PROVIDER_load(NULL, "legacy");
    c->standard = OSSL_PROVIDER_load(NULL, "default");
    c->context = SSL_CTX_new(TLS_client_method());
    p12 = d2i_PKCS12_fp(stream, NULL);
    fclose(stream);
    if (c->context != NULL && p12 != NULL &&
        PKCS12_parse(p12, password, &key, &certificate, &authorities) == 1) {
        good = SSL_CTX_use_certificate(c->context, certificate) == 1 &&
               SSL_CTX_use_PrivateKey(c->context, key) == 1;
        for (i = 0; good && i < sk_X509_num(authorities); i++) {
            X509_STORE *store = SSL_CTX_get_cert_store(c->context);
            good = X509_STORE_add_cert(store, sk_X509_value(authorities, i)) == 1;
        }
        SSL_CTX_set_verify(c->context, SSL_VERIFY_PEER, NULL);
    }
    sk_X509_pop_free(authorities, X509_free);
    X509_free(certificate);
    EVP_PKEY_free(key);
    PKCS12_free(p12);
    return good ? 1 : fail_ssl(file);
}

/* Connects, and makes the socket non-blocking. */
static int dial(struct client *c, const char *host, const char *port) {
    struct addrinfo hints, *found = NULL;
    struct epoll_event event;
    int one = 1;
    memset(&hints, 0, sizeof(hints));
    memset(&event, 0, sizeof(event));
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        return fail(host, "cannot resolve the name");
    }
    c->socket = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    if (c->socket < 0 || connect(c->socket, found->ai_addr, found->ai_addrlen) != 0) {
        freeaddrinfo(found);
        return fail(host, strerror(errno));
    }
    freeaddrinfo(found);
    /* The server waits for the acknowledgements, which are small. */
    setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    event.events = EPOLLIN;
    if (fcntl(c->socket, F_SETFL, O_NONBLOCK) != 0 || c->epoll < 0 ||
        epoll_ctl(c->epoll, EPOLL_CTL_ADD, c->socket, &event) != 0) {
        return fail("epoll", strerror(errno));
    }
    c->ssl = SSL_new(c->context);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->socket) != 1) {
        return fail_ssl("TLS");
    }
    /* A repeated SSL_write may have more bytes than before. */
    SSL_set_mode(c->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return 1;
}

/* Waits until the socket is ready, or until the deadline. */
static int wait_for(struct client *c, int writing, uint64_t deadline) {
    struct epoll_event event;
    uint64_t time = now();
    int timeout = -1;
    if (deadline != EST_FOREVER) {
        uint64_t left = deadline > time ? deadline - time : 0;
        timeout = left < 1000000 ? (int)left : 1000000;
    }
    memset(&event, 0, sizeof(event));
    event.events = writing ? EPOLLIN | EPOLLOUT : EPOLLIN;
    epoll_ctl(c->epoll, EPOLL_CTL_MOD, c->socket, &event);
    if (epoll_wait(c->epoll, &event, 1, timeout) < 0 && errno != EINTR) {
        return fail("epoll", strerror(errno));
    }
    return 1;
}

static int handshake(struct client *c) {
    uint64_t deadline = now() + 30000;
    X509 *certificate;
    int good, result;
    while ((result = SSL_connect(c->ssl)) != 1) {
        int error = SSL_get_error(c->ssl, result);
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
            return fail_ssl("TLS handshake");
        }
        if (now() >= deadline) {
            return fail("TLS handshake", "no answer within 30 s");
        }
        if (!wait_for(c, error == SSL_ERROR_WANT_WRITE, deadline)) {
            return 0;
        }
    }
    certificate = SSL_get1_peer_certificate(c->ssl);
    good = certificate != NULL && is_server(certificate);
    X509_free(certificate);
    return good ? 1 : fail("TLS", "the certificate is not that of an eStreamer server");
}

/* Sends the output. Returns 1 if all is sent, 0 if the socket is full, -1 on error. */
static int send_output(struct client *c) {
    for (;;) {
        const unsigned char *data;
        size_t length, sent;
        if (est_output(c->session, now(), &data, &length) != EST_OK) {
            return -1;
        }
        if (length == 0) {
            return 1;
        }
        if (SSL_write_ex(c->ssl, data, length, &sent) != 1) {
            return SSL_get_error(c->ssl, 0) == SSL_ERROR_WANT_WRITE ? 0 : -1;
        }
        est_sent(c->session, sent);
    }
}

/* Takes out and prints the received events, then acknowledges them. */
static est_status take(struct client *c) {
    est_event event;
    est_status status = EST_AGAIN;
    while (c->count < c->wanted) {
        status = est_next(c->session, now(), &event);
        if (status != EST_OK) {
            break;
        }
        c->count++;
        if (event.kind == EST_EVENT) {
            fwrite(event.data, 1, event.data_length, stdout);
            putchar('\n');
        }
    }
    if (status == EST_AGAIN) {
        est_ack(c->session);
    }
    return status;
}

/* Reads from the socket into the session's window. */
static est_status receive(struct client *c) {
    for (;;) {
        unsigned char *room;
        size_t space, count;
        est_status status = take(c);
        if (status != EST_AGAIN || c->count == c->wanted) {
            return status;
        }
        status = est_buffer(c->session, &room, &space);
        if (status != EST_OK) {
            return status;
        }
        if (SSL_read_ex(c->ssl, room, space, &count) != 1) {
            switch (SSL_get_error(c->ssl, 0)) {
            case SSL_ERROR_WANT_READ:
            case SSL_ERROR_WANT_WRITE:
                return EST_AGAIN;
            default:
                return est_eof(c->session);
            }
        }
        est_commit(c->session, count);
    }
}

/* Sends the request, then receives until there are enough events. */
static int collect(struct client *c) {
    est_status status = est_session_new(NULL, NULL, 0, now(), &c->session);
    if (status == EST_OK) {
        status = est_request(c->session, EST_FROM_OLDEST, EST_ALL_EVENTS, NULL);
    }
    while (status == EST_OK || status == EST_AGAIN) {
        uint64_t deadline;
        int sent = send_output(c);
        if (sent < 0) {
            return fail_ssl("the connection broke");
        }
        if (c->count == c->wanted) {
            est_ack(c->session);
            est_close(c->session, "the client has all requested events");
            send_output(c);
            return 1;
        }
        est_deadline(c->session, &deadline);
        if (!wait_for(c, sent == 0, deadline)) {
            return 0;
        }
        status = receive(c);
        if (status == EST_AGAIN && now() >= deadline) {
            status = est_timeout(c->session, now());
        }
    }
    fprintf(stderr, "epoll: %s. %s\n", est_strerror(status), est_session_detail(c->session));
    return 0;
}

int main(int argc, char **argv) {
    struct client c;
    int good;
    memset(&c, 0, sizeof(c));
    c.epoll = c.socket = -1;
    if (argc != 6) {
        fprintf(stderr, "usage: epoll HOST PORT PKCS12 PASSWORD EVENTS\n");
        return 2;
    }
    /* OpenSSL raises it when it writes to a closed socket. */
    signal(SIGPIPE, SIG_IGN);
    c.wanted = strtoul(argv[5], NULL, 10);
    good = identify(&c, argv[3], argv[4]) && dial(&c, argv[1], argv[2]) && handshake(&c) &&
           collect(&c);
    if (good) {
        SSL_shutdown(c.ssl);
        fprintf(stderr, "epoll: %lu events\n", c.count);
    }
    est_session_free(&c.session);
    SSL_free(c.ssl);
    SSL_CTX_free(c.context);
    OSSL_PROVIDER_unload(c.legacy);
    OSSL_PROVIDER_unload(c.standard);
    if (c.socket >= 0) {
        close(c.socket);
    }
    if (c.epoll >= 0) {
        close(c.epoll);
    }
    return good && fflush(stdout) == 0 ? 0 : 1;
}
