/**
 * One request on its way and the reply to it: an easy handle of libcurl that is used again and
 * again, what it collects, and what its end means. Internal to the client, which owns the loop, the
 * limits of time and the order.
 *
 *     free -> WAITING -> CONNECTING -> SENT -> ended
 *
 * A request that finds a connection goes from WAITING to SENT. Each is sent once: libcurl would send
 * one again, unasked, where a connection that was kept dies under it, and whether that costs a
 * second time is not for it to decide.
 */
#ifndef FM_WIRE_EXCHANGE_H
#define FM_WIRE_EXCHANGE_H

#include <curl/curl.h>

#include "wire/address.h"
#include "wire/cassette.h"
#include "wire/client.h"
#include "wire/headers.h"

enum { FM_WIRE_MAX_REDIRECTS = 5 };

typedef enum {
    FM_WIRE_WAITING, /* for a free connection, or not begun: no time runs */
    FM_WIRE_CONNECTING,
    FM_WIRE_SENT,
    FM_WIRE_ENDED,
} fm_wire_phase;

typedef struct fm_exchange fm_exchange;

/* What all exchanges of a client share. */
typedef struct {
    const char *ca_file, *ca_path; /* NULL: curl's own */
    double connect_timeout_s, timeout_s;
    size_t max_reply_bytes;
    bool bounded_connections;
    void (*moved)(fm_exchange *exchange, fm_wire_phase phase); /* from inside libcurl */
} fm_exchange_rules;

struct fm_exchange {
    fm_exchange *before, *next; /* in one of the client's lists */
    void *owner;
    const fm_exchange_rules *rules;

    uint64_t ticket;
    bool post;
    fm_wire_address *address; /* where it was to go */
    fm_wire_headers *headers;
    fm_buf body;
    fm_wire_span *spans;
    size_t n_spans;
    fm_wire_take take; /* NULL: the body is collected in `reply` */
    void *context;

    CURL *easy;              /* NULL where a cassette answers */
    fm_wire_address *target; /* where it goes: a redirect leads elsewhere */
    fm_wire_address *set;    /* what the easy handle has for an address */
    int redirects;
    bool among_strangers; /* a redirect led to another host: no secrets from here on */
    fm_wire_phase phase;
    bool sent_here; /* to this target */
    bool too_large, no_memory, not_taken;
    double alive_at; /* when it was sent; with `take`, when something came last */
    double submitted_at, connecting_at, sent_at, first_byte_at; /* 0: not yet */
    char error[CURL_ERROR_SIZE];

    fm_wire_end end;
    int status;
    fm_buf reply, detail; /* the detail only where the end is not DONE */
    fm_wire_reply_headers reply_headers;
    double queued_s, first_byte_s, total_s; /* as in fm_wire_reply */
};

fm_exchange *fm_exchange_new(void *owner, const fm_exchange_rules *rules); /* NULL: no memory */
void fm_exchange_free(fm_exchange *exchange);                              /* accepts NULL */

/* Take the request over: its body is moved from. The address and headers are shared. */
FM_MUST_CHECK fm_status fm_exchange_take(fm_exchange *exchange, fm_wire_request *request,
                                         fm_wire_address *address, fm_wire_headers *headers,
                                         fm_err *err);
/* Make the easy handle ready to be added to the multi handle. */
FM_MUST_CHECK fm_status fm_exchange_prepare(fm_exchange *exchange, fm_err *err);
/* libcurl is done with it. True: it was a redirect, prepare it and add it again. */
bool fm_exchange_finish(fm_exchange *exchange, CURLcode result);
/* It took too long. */
void fm_exchange_expire(fm_exchange *exchange);

/* With a cassette: write down how it ended; end as it was written down. */
FM_MUST_CHECK fm_status fm_exchange_record(const fm_exchange *exchange, fm_cassette *cassette,
                                           fm_err *err);
FM_MUST_CHECK fm_status fm_exchange_play(fm_exchange *exchange, fm_cassette *cassette, fm_err *err);

/* Forget the request and the reply, keep what is costly to make. */
void fm_exchange_clear(fm_exchange *exchange);

#endif
