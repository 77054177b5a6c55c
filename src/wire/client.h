/**
 * HTTP as a client: many requests in flight on one event loop (libcurl's multi interface), nothing
 * known about who is asked or what for.
 *
 * Connections are kept and shared, HTTP/2 is used where the server offers it, certificates are
 * verified, proxies come from the environment as curl reads them (HTTPS_PROXY, NO_PROXY). A redirect
 * to another host is followed without the secret headers. Replies are bounded in size. A client
 * serves one thread; nothing it reports, prints or records holds the value of a secret header.
 */
#ifndef FM_WIRE_CLIENT_H
#define FM_WIRE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

typedef struct fm_wire fm_wire;
typedef struct fm_wire_reply fm_wire_reply;

typedef struct {
    const char *ca_file;      /* PEM; NULL: SSL_CERT_FILE, else the system's */
    double connect_timeout_s; /* 0: 10 s */
    double timeout_s;         /* of one exchange, from its sending on; 0: 600 s */
    size_t max_reply_bytes;   /* 0: 16 MiB */
    size_t max_connections;   /* to one host; 0: as many as are in flight */
    const char *record_path;  /* cassette that is written; NULL: none */
    const char *replay_path;  /* cassette that answers instead of the network; NULL: none */
} fm_wire_config;

typedef struct {
    const char *name, *value;
    bool
        secret; /* a key: sent to the host of the url alone, kept out of every record and message */
} fm_wire_header;

/* A stretch of the body that is a picture in base64: recorded by its hash instead of its bytes. */
typedef struct {
    size_t offset, size;
} fm_wire_span;

/**
 * Takes the body of a reply of status 2xx as it arrives, within fm_wire_poll(), so that it may be of
 * any size. `head` has the status and the headers and lives for the call. False: it cannot be kept,
 * and the exchange ends as FM_WIRE_FAILED.
 */
typedef bool (*fm_wire_take)(void *context, const fm_wire_reply *head, const char *bytes,
                             size_t size);

/* All borrowed for the duration of the call but `body`, which is moved from (left empty), and what
 * `take` works on. */
typedef struct {
    const char *method; /* "POST", "GET" */
    const char *url;
    const fm_wire_header *headers;
    size_t n_headers;
    fm_buf *body;              /* may be NULL */
    const fm_wire_span *spans; /* ascending, apart */
    size_t n_spans;
    fm_wire_take take; /* NULL: the body is collected. Such a reply comes as it is, without
                          compression, has timeout_s from one piece to the next, and cannot be
                          recorded */
    void *context;     /* for `take` */
} fm_wire_request;

/* How an exchange ended. Anything but DONE has no usable reply, whatever the http_status. */
typedef enum {
    FM_WIRE_DONE,       /* a whole reply, of any HTTP status */
    FM_WIRE_UNREACHED,  /* no name, no route, connection refused: the request was not sent */
    FM_WIRE_INSECURE,   /* TLS failed: certificate, host name, protocol */
    FM_WIRE_TIMEOUT,    /* connecting or answering took too long */
    FM_WIRE_BROKEN,     /* reset, closed early, or cut inside the body */
    FM_WIRE_TOO_LARGE,  /* past max_reply_bytes */
    FM_WIRE_UNRECORDED, /* replaying: the cassette has no (further) reply to this request */
    FM_WIRE_FAILED,     /* anything else */
} fm_wire_end;

/* What came back; lives until the next poll or the close. */
struct fm_wire_reply {
    uint64_t ticket;
    fm_wire_end end;
    const char *detail; /* one line about a failure, or NULL; no secrets */
    int status;         /* HTTP; 0: none came */
    const char *body;   /* terminated */
    size_t size;
    double queued_s;     /* before the request was on its way */
    double first_byte_s; /* from there to the first byte of the reply; 0: none came */
    double total_s;      /* from there to the end of the reply */
    const void *headers; /* for fm_wire_header_value() */
};

/* FM_E_USAGE: a file that cannot be opened is named. curl_global_init() is called once. */
FM_MUST_CHECK fm_status fm_wire_open(fm_wire **out, const fm_wire_config *config, fm_err *err);
void fm_wire_close(fm_wire *wire); /* accepts NULL; gives up what is in flight */

/* Only http and https URLs without user and password are taken (FM_E_USAGE). */
FM_MUST_CHECK fm_status fm_wire_check_url(const char *url, const char *what, fm_err *err);

FM_MUST_CHECK fm_status fm_wire_send(fm_wire *wire, fm_wire_request *request, uint64_t ticket,
                                     fm_err *err);
/* Waits up to wait_s for something to arrive; a signal ends the wait. */
FM_MUST_CHECK fm_status fm_wire_poll(fm_wire *wire, double wait_s, fm_wire_reply *replies,
                                     size_t capacity, size_t *n, fm_err *err);
void fm_wire_abandon(fm_wire *wire, uint64_t ticket); /* it will not arrive */

/* The value of a reply's header, by name in any case; NULL: none. */
const char *fm_wire_header_value(const fm_wire_reply *reply, const char *name);

#endif
