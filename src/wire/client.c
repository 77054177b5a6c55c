/* Owns the event loop (libcurl's multi interface over epoll), the limits of time, and the order in
 * which replies are handed out. What one request is, and what its end means, is exchange.c. */
#include "wire/client.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/size.h"
#include "wire/exchange.h"

/* Exchanges in the order in which they came to be here. */
typedef struct {
    fm_exchange *first, *last;
} list;

struct fm_wire {
    fm_exchange_rules rules;
    char *ca_file, *ca_path; /* copies, or NULL */
    CURLM *multi;
    int epoll;
    double timer_at; /* when libcurl wants to be called; < 0: never */
    int upload;      /* a socket without TLS on which libcurl has more to send; -1: none */

    int *secure; /* watched sockets that carry TLS */
    size_t n_secure, room_secure;
    double nudged_at, nudge_wait_s;

    /* Every exchange is in one of these. Those that are connecting, and those that are sent, run
     * out of time in the order of their lists. */
    list idle, waiting, connecting, sent, ready, delivered;

    fm_wire_address *address; /* of the last request, and its headers: most are like the last one */
    fm_wire_headers *headers;

    fm_cassette *recorder, *player; /* NULL: none. With a player there is no network */
    fm_status record_status;        /* a reply is handed out even where it cannot be recorded */
    fm_err record_err;
};

/* Who makes a body of that size takes a while for the next one: this one is sent meanwhile. */
enum { EVENTS = 64, EAGER_BYTES = 16 << 10, MOST_PUSHES = 64 };

/* Connections that are kept: more than are ever in flight, or they would be closed and opened
 * again. */
static const long kept_connections = 4096;

/* ---- lists ---- */

static void append(list *to, fm_exchange *exchange)
{
    exchange->before = to->last;
    exchange->next = NULL;
    *(to->last ? &to->last->next : &to->first) = exchange;
    to->last = exchange;
}

static void take_out(list *from, fm_exchange *exchange)
{
    *(exchange->before ? &exchange->before->next : &from->first) = exchange->next;
    *(exchange->next ? &exchange->next->before : &from->last) = exchange->before;
}

static list *list_of(fm_wire *wire, fm_wire_phase phase)
{
    list *lists[] = {[FM_WIRE_WAITING] = &wire->waiting,
                     [FM_WIRE_CONNECTING] = &wire->connecting,
                     [FM_WIRE_SENT] = &wire->sent,
                     [FM_WIRE_ENDED] = &wire->ready};

    return lists[phase];
}

static void on_move(fm_exchange *exchange, fm_wire_phase phase)
{
    fm_wire *wire = exchange->owner;
    double now = fm_clock_seconds();

    take_out(list_of(wire, exchange->phase), exchange);
    append(list_of(wire, phase), exchange);
    if (phase == FM_WIRE_CONNECTING)
        exchange->connecting_at = now;
    else if (phase == FM_WIRE_SENT)
        exchange->alive_at = now;
    if (phase == FM_WIRE_SENT && exchange->sent_at == 0)
        exchange->sent_at = now;
}

static void free_list(fm_wire *wire, list *of)
{
    while (of->first) {
        fm_exchange *exchange = of->first;

        take_out(of, exchange);
        if (wire->multi && exchange->easy)
            (void)curl_multi_remove_handle(wire->multi, exchange->easy);
        fm_exchange_free(exchange);
    }
}

/* ---- sockets of TLS ---- */

/* libcurl 7.88 can leave what it has read and decrypted lying (a frame of HTTP/2 that opens the
 * window of an upload), and then wait for a socket that has no more to say. So sockets of TLS are
 * read now and then unasked: soon after something happened, and more and more seldom after that. */
static const double first_nudge_s = 0.02, last_nudge_s = 1;

static bool add_secure(fm_wire *wire, int fd)
{
    for (size_t i = 0; i < wire->n_secure; i++)
        if (wire->secure[i] == fd)
            return true;
    if (wire->n_secure == wire->room_secure) {
        size_t room = wire->room_secure ? wire->room_secure * 2 : 16, bytes;
        int *grown =
            fm_size_mul(room, sizeof(*grown), &bytes) ? realloc(wire->secure, bytes) : NULL;

        if (!grown)
            return false;
        wire->secure = grown;
        wire->room_secure = room;
    }
    wire->secure[wire->n_secure++] = fd;
    return true;
}

static void forget_secure(fm_wire *wire, int fd)
{
    for (size_t i = 0; i < wire->n_secure; i++)
        if (wire->secure[i] == fd) {
            wire->secure[i] = wire->secure[--wire->n_secure];
            return;
        }
}

static double nudge_at(const fm_wire *wire)
{
    return wire->n_secure ? wire->nudged_at + wire->nudge_wait_s : INFINITY;
}

static CURLMcode nudge(fm_wire *wire)
{
    CURLMcode r = CURLM_OK;
    int running;

    wire->nudged_at = fm_clock_seconds();
    wire->nudge_wait_s = fmin(wire->nudge_wait_s * 2, last_nudge_s);
    for (size_t i = wire->n_secure; i > 0 && r == CURLM_OK; i--)
        if (i <= wire->n_secure) /* the one before may have closed some */
            r = curl_multi_socket_action(wire->multi, wire->secure[i - 1], CURL_CSELECT_IN,
                                         &running);
    return r;
}

/* ---- what libcurl asks of the loop ---- */

static fm_exchange *exchange_of(CURL *easy)
{
    char *context = NULL;

    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &context);
    return (fm_exchange *)(void *)context;
}

static int on_watch(CURL *easy, curl_socket_t fd, int what, void *context, void *known)
{
    struct epoll_event event = {.data.fd = fd};
    fm_wire *wire = context;
    const fm_exchange *exchange = exchange_of(easy); /* NULL: libcurl's own, for closing */

    if (fd == wire->upload)
        wire->upload = -1;
    if (what != CURL_POLL_REMOVE && what & CURL_POLL_OUT && exchange && !exchange->target->tls)
        wire->upload = fd;
    if (what == CURL_POLL_REMOVE) {
        forget_secure(wire, fd);
        (void)epoll_ctl(wire->epoll, EPOLL_CTL_DEL, fd, NULL); /* it may be closed already */
        return 0;
    }
    if (exchange && exchange->target->tls && !add_secure(wire, fd))
        return -1;
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
    int operation = known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(wire->epoll, operation, fd, &event) != 0) {
        /* A number that closed and came back is new to epoll, or not new to it. */
        operation = operation == EPOLL_CTL_MOD ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
        if (epoll_ctl(wire->epoll, operation, fd, &event) != 0)
            return -1;
    }
    if (!known)
        (void)curl_multi_assign(wire->multi, fd, wire);
    return 0;
}

static int on_timer(CURLM *multi, long wait_ms, void *context)
{
    fm_wire *wire = context;

    (void)multi;
    wire->timer_at = wait_ms < 0 ? -1 : fm_clock_seconds() + (double)wait_ms * 1e-3;
    return 0;
}

/* ---- opening ---- */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_state;

static void init_curl(void)
{
    curl_state = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static fm_status copy_text(char **out, const char *text, fm_err *err)
{
    if (text && text[0] && !(*out = strdup(text)))
        return fm_fail(err, FM_E_NOMEM, "no memory for an HTTP client");
    return FM_OK;
}

/* SSL_CERT_FILE and SSL_CERT_DIR are read by the program curl, not by its library. */
static fm_status find_authorities(fm_wire *wire, const char *ca_file, fm_err *err)
{
    const char *from = ca_file ? "the file of certificates" : "SSL_CERT_FILE";
    fm_status st = copy_text(&wire->ca_file, ca_file ? ca_file : getenv("SSL_CERT_FILE"), err);

    if (st == FM_OK && !ca_file)
        st = copy_text(&wire->ca_path, getenv("SSL_CERT_DIR"), err);
    if (st == FM_OK && wire->ca_file && access(wire->ca_file, R_OK) != 0)
        st = fm_fail(err, FM_E_USAGE, "cannot read %s '%s': %s", from, wire->ca_file,
                     strerror(errno));
    wire->rules.ca_file = wire->ca_file;
    wire->rules.ca_path = wire->ca_path;
    return st;
}

static fm_status open_multi(fm_wire *wire, const fm_wire_config *config, fm_err *err)
{
    pthread_once(&curl_once, init_curl);
    if (curl_state != CURLE_OK)
        return fm_fail(err, FM_E_INTERNAL, "cannot start libcurl: %s",
                       curl_easy_strerror(curl_state));
    wire->multi = curl_multi_init();
    if (!wire->multi)
        return fm_fail(err, FM_E_NOMEM, "no memory for an HTTP client");
    curl_multi_setopt(wire->multi, CURLMOPT_SOCKETFUNCTION, on_watch);
    curl_multi_setopt(wire->multi, CURLMOPT_SOCKETDATA, wire);
    curl_multi_setopt(wire->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(wire->multi, CURLMOPT_TIMERDATA, wire);
    curl_multi_setopt(wire->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(wire->multi, CURLMOPT_MAXCONNECTS, kept_connections);
    curl_multi_setopt(wire->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)config->max_connections);
    return FM_OK;
}

static fm_status open_network(fm_wire *wire, const fm_wire_config *config, fm_err *err)
{
    fm_status st = find_authorities(wire, config->ca_file, err);

    if (st == FM_OK && config->record_path)
        st = fm_cassette_record(&wire->recorder, config->record_path, err);
    return st == FM_OK ? open_multi(wire, config, err) : st;
}

static fm_status open_player(fm_wire *wire, const fm_wire_config *config, fm_err *err)
{
    if (config->record_path)
        return fm_fail(err, FM_E_USAGE,
                       "a cassette that answers leaves nothing to record: give '%s' or '%s'",
                       config->replay_path, config->record_path);
    return fm_cassette_load(&wire->player, config->replay_path, err);
}

fm_status fm_wire_open(fm_wire **out, const fm_wire_config *config, fm_err *err)
{
    fm_wire *wire = calloc(1, sizeof(*wire));
    fm_status st;

    if (!wire)
        return fm_fail(err, FM_E_NOMEM, "no memory for an HTTP client");
    wire->timer_at = -1;
    wire->upload = -1;
    wire->nudge_wait_s = first_nudge_s;
    wire->rules = (fm_exchange_rules){
        .connect_timeout_s = config->connect_timeout_s > 0 ? config->connect_timeout_s : 10,
        .timeout_s = config->timeout_s > 0 ? config->timeout_s : 600,
        .max_reply_bytes = config->max_reply_bytes ? config->max_reply_bytes : (size_t)16 << 20,
        .bounded_connections = config->max_connections > 0,
        .moved = on_move,
    };
    wire->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (wire->epoll < 0)
        st = fm_fail(err, FM_E_IO, "cannot wait for the network: %s", strerror(errno));
    else if (config->replay_path)
        st = open_player(wire, config, err);
    else
        st = open_network(wire, config, err);
    if (st != FM_OK) {
        fm_wire_close(wire);
        return st;
    }
    *out = wire;
    return FM_OK;
}

void fm_wire_close(fm_wire *wire)
{
    if (!wire)
        return;
    list *all[] = {&wire->idle, &wire->waiting, &wire->connecting,
                   &wire->sent, &wire->ready,   &wire->delivered};
    for (size_t i = 0; i < FM_COUNT_OF(all); i++)
        free_list(wire, all[i]);
    fm_wire_address_free(wire->address);
    fm_wire_headers_free(wire->headers);
    curl_multi_cleanup(wire->multi);
    (void)!fm_cassette_close(wire->recorder, NULL); /* each line was written when it was added */
    (void)!fm_cassette_close(wire->player, NULL);
    if (wire->epoll >= 0)
        close(wire->epoll);
    free(wire->secure);
    free(wire->ca_file);
    free(wire->ca_path);
    free(wire);
}

/* ---- sending ---- */

static fm_status find_address(fm_wire *wire, const char *url, fm_err *err)
{
    fm_wire_address *fresh;

    if (wire->address && strcmp(wire->address->given, url) == 0)
        return FM_OK;
    fm_status st = fm_wire_address_new(&fresh, url, "a request", err);
    if (st != FM_OK)
        return st;
    fm_wire_address_free(wire->address);
    wire->address = fresh;
    return FM_OK;
}

static fm_status find_headers(fm_wire *wire, const fm_wire_request *request, fm_err *err)
{
    fm_wire_headers *fresh;

    if (wire->headers && fm_wire_headers_equal(wire->headers, request->headers, request->n_headers))
        return FM_OK;
    fm_status st = fm_wire_headers_new(&fresh, request->headers, request->n_headers, err);
    if (st != FM_OK)
        return st;
    fm_wire_headers_free(wire->headers);
    wire->headers = fresh;
    return FM_OK;
}

static void make_idle(fm_wire *wire, list *from, fm_exchange *exchange)
{
    take_out(from, exchange);
    fm_exchange_clear(exchange);
    append(&wire->idle, exchange);
}

static fm_status find_idle(fm_wire *wire, fm_err *err)
{
    if (!wire->idle.first) {
        fm_exchange *exchange = fm_exchange_new(wire, &wire->rules);

        if (!exchange)
            return fm_fail(err, FM_E_NOMEM, "no memory for a request");
        append(&wire->idle, exchange);
    }
    return FM_OK;
}

/* Hand it to libcurl, for the first time or after a redirect. */
static fm_status start(fm_wire *wire, fm_exchange *exchange, fm_err *err)
{
    fm_status st = fm_exchange_prepare(exchange, err);
    CURLMcode r;

    if (st == FM_OK && (r = curl_multi_add_handle(wire->multi, exchange->easy)) != CURLM_OK)
        st = fm_fail(err, r == CURLM_OUT_OF_MEMORY ? FM_E_NOMEM : FM_E_INTERNAL,
                     "cannot send a request: %s", curl_multi_strerror(r));
    return st;
}

static fm_status network_failed(CURLMcode r, fm_err *err)
{
    return fm_fail(err, r == CURLM_OUT_OF_MEMORY ? FM_E_NOMEM : FM_E_INTERNAL,
                   "the network failed: %s", curl_multi_strerror(r));
}

/* What libcurl wants to do by now, such as to begin with what it was just given. */
static fm_status act_on_clock(fm_wire *wire, fm_err *err)
{
    CURLMcode r = CURLM_OK;
    int running;

    if (wire->timer_at >= 0 && wire->timer_at <= fm_clock_seconds()) {
        wire->timer_at = -1;
        r = curl_multi_socket_action(wire->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    return r == CURLM_OK ? FM_OK : network_failed(r, err);
}

/* libcurl sends a bufferful and waits for the next turn; with a body of many, and many requests, each
 * of these would wait for all the others. Send as much as the socket takes. */
static fm_status push_upload(fm_wire *wire, fm_err *err)
{
    CURLMcode r = CURLM_OK;
    int running;

    for (int i = 0; i < MOST_PUSHES && wire->upload >= 0 && r == CURLM_OK; i++) {
        struct pollfd socket = {.fd = wire->upload, .events = POLLOUT};

        if (poll(&socket, 1, 0) != 1 || socket.revents != POLLOUT)
            break;
        r = curl_multi_socket_action(wire->multi, wire->upload, CURL_CSELECT_OUT, &running);
    }
    wire->upload = -1;
    return r == CURLM_OK ? FM_OK : network_failed(r, err);
}

fm_status fm_wire_send(fm_wire *wire, fm_wire_request *request, uint64_t ticket, fm_err *err)
{
    fm_status st;

    if (request->take && (wire->player || wire->recorder))
        return fm_fail(err, FM_E_INTERNAL, "a reply that is taken as it comes has no cassette");
    st = find_address(wire, request->url, err);
    if (st == FM_OK)
        st = find_headers(wire, request, err);
    if (st == FM_OK)
        st = find_idle(wire, err);
    if (st != FM_OK)
        return st;
    fm_exchange *exchange = wire->idle.last; /* the one that was used last: its memory is warm */
    exchange->ticket = ticket;
    st = fm_exchange_take(exchange, request, wire->address, wire->headers, err);
    if (st == FM_OK && !wire->player)
        st = start(wire, exchange, err);
    if (st != FM_OK) {
        make_idle(wire, &wire->idle, exchange);
        return st;
    }
    take_out(&wire->idle, exchange);
    append(wire->player ? &wire->ready : &wire->waiting, exchange);
    if (!wire->player && exchange->body.size >= EAGER_BYTES)
        st = act_on_clock(wire, err);
    return st == FM_OK ? push_upload(wire, err) : st;
}

/* ---- the loop ---- */

static void end_exchange(fm_wire *wire, list *from, fm_exchange *exchange)
{
    take_out(from, exchange);
    append(&wire->ready, exchange);
    if (wire->recorder && wire->record_status == FM_OK)
        wire->record_status = fm_exchange_record(exchange, wire->recorder, &wire->record_err);
    /* What was sent is needed no more; the reply may lie here for a while. */
    fm_buf_release(&exchange->body);
}

/* What libcurl is done with: it is ready, or goes on elsewhere. */
static fm_status collect(fm_wire *wire, fm_err *err)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(wire->multi, &left))) {
        CURLcode result = message->data.result;
        fm_exchange *exchange = exchange_of(message->easy_handle);
        list *from = list_of(wire, exchange->phase);
        (void)curl_multi_remove_handle(wire->multi, exchange->easy); /* `message` is gone */
        if (!fm_exchange_finish(exchange, result)) {
            end_exchange(wire, from, exchange);
            continue;
        }
        fm_status st = start(wire, exchange, err);
        if (st != FM_OK)
            return st;
    }
    return FM_OK;
}

static void expire(fm_wire *wire, list *from, fm_exchange *exchange)
{
    (void)curl_multi_remove_handle(wire->multi, exchange->easy);
    fm_exchange_expire(exchange);
    end_exchange(wire, from, exchange);
}

static double connecting_until(const fm_wire *wire)
{
    const fm_exchange *first = wire->connecting.first;

    return first ? first->connecting_at + wire->rules.connect_timeout_s : INFINITY;
}

static double sent_until(const fm_wire *wire)
{
    const fm_exchange *first = wire->sent.first;

    return first ? first->alive_at + wire->rules.timeout_s : INFINITY;
}

static void expire_overdue(fm_wire *wire)
{
    double now = fm_clock_seconds();

    while (connecting_until(wire) <= now)
        expire(wire, &wire->connecting, wire->connecting.first);
    while (sent_until(wire) <= now)
        expire(wire, &wire->sent, wire->sent.first);
}

static int wait_ms_until(const fm_wire *wire, double until)
{
    double wait;

    if (wire->timer_at >= 0)
        until = fmin(until, wire->timer_at);
    until = fmin(until, fmin(connecting_until(wire), sent_until(wire)));
    until = fmin(until, nudge_at(wire));
    wait = ceil((until - fm_clock_seconds()) * 1e3);
    return wait <= 0 ? 0 : wait > 1e6 ? 1000000 : (int)wait;
}

static int as_curl_events(uint32_t events)
{
    return (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
           (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
}

/* Wait for the network or the clock and let libcurl act on it, once. */
static fm_status turn(fm_wire *wire, double until, bool *interrupted, fm_err *err)
{
    struct epoll_event events[EVENTS];
    CURLMcode r = CURLM_OK;
    int running;

    int n = epoll_wait(wire->epoll, events, EVENTS, wait_ms_until(wire, until));
    *interrupted = n < 0 && errno == EINTR;
    if (n < 0 && !*interrupted)
        return fm_fail(err, FM_E_IO, "cannot wait for the network: %s", strerror(errno));
    for (int i = 0; i < n && r == CURLM_OK; i++)
        r = curl_multi_socket_action(wire->multi, events[i].data.fd,
                                     as_curl_events(events[i].events), &running);
    if (wire->player)
        return FM_OK;
    if (n > 0)
        wire->nudge_wait_s = first_nudge_s;
    if (r == CURLM_OK && nudge_at(wire) <= fm_clock_seconds())
        r = nudge(wire);
    fm_status st = r == CURLM_OK ? act_on_clock(wire, err) : network_failed(r, err);
    if (st == FM_OK)
        st = collect(wire, err);
    if (st == FM_OK)
        expire_overdue(wire);
    return st;
}

static fm_wire_reply reply_of(const fm_exchange *exchange)
{
    return (fm_wire_reply){
        .ticket = exchange->ticket,
        .end = exchange->end,
        .detail = exchange->end == FM_WIRE_DONE ? NULL : fm_buf_text(&exchange->detail),
        .status = exchange->status,
        .body = fm_buf_text(&exchange->reply),
        .size = exchange->reply.size,
        .queued_s = exchange->queued_s,
        .first_byte_s = exchange->first_byte_s,
        .total_s = exchange->total_s,
        .headers = &exchange->reply_headers,
    };
}

/* Turn until there is something to hand out, or no time or patience is left. */
static fm_status wait_for_replies(fm_wire *wire, double until, fm_err *err)
{
    bool interrupted = false;
    fm_status st;

    do {
        st = turn(wire, wire->ready.first ? 0 : until, &interrupted, err);
    } while (st == FM_OK && !interrupted && !wire->ready.first && fm_clock_seconds() < until);
    return st;
}

fm_status fm_wire_poll(fm_wire *wire, double wait_s, fm_wire_reply *replies, size_t capacity,
                       size_t *n, fm_err *err)
{
    *n = 0;
    while (wire->delivered.first)
        make_idle(wire, &wire->delivered, wire->delivered.first);
    if (wire->record_status != FM_OK && !wire->ready.first)
        return fm_fail(err, wire->record_status, "%s", wire->record_err.text);
    fm_status st = wait_for_replies(wire, fm_clock_seconds() + wait_s, err);
    while (st == FM_OK && wire->ready.first && *n < capacity) {
        fm_exchange *exchange = wire->ready.first;

        if (wire->player)
            st = fm_exchange_play(exchange, wire->player, err);
        if (st != FM_OK)
            break;
        take_out(&wire->ready, exchange);
        append(&wire->delivered, exchange);
        replies[(*n)++] = reply_of(exchange);
    }
    return st;
}

/* ---- giving up ---- */

void fm_wire_abandon(fm_wire *wire, uint64_t ticket)
{
    list *all[] = {&wire->waiting, &wire->connecting, &wire->sent, &wire->ready};

    for (size_t i = 0; i < FM_COUNT_OF(all); i++)
        for (fm_exchange *exchange = all[i]->first; exchange; exchange = exchange->next)
            if (exchange->ticket == ticket) {
                if (exchange->phase != FM_WIRE_ENDED && !wire->player)
                    (void)curl_multi_remove_handle(wire->multi, exchange->easy);
                make_idle(wire, all[i], exchange);
                return;
            }
}
