/**
 * Owns the connections: one thread that runs libmicrohttpd on epoll, the clock that holds replies
 * back, how a fault is carried out on the wire, the log and the counts.
 *
 * Everything but the counts belongs to that thread from the moment it runs until it has ended, so
 * that there are no locks. A request that waits (for its latency, for its next bytes, for ever) is
 * suspended in libmicrohttpd and stands in a heap by the time at which it goes on.
 */
#include "mock/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/size.h"
#include "mock/mock_internal.h"
#include "wire/cassette.h"
#include "wire/secrets.h"

#define MAX_BODY_BYTES  ((size_t)64 << 20)
#define MAX_CONNECTIONS 16384u
#define IDLE_S          300u /* a connection on which nothing happens is closed then */
#define DRIP_S          0.25 /* between two bytes of a reply that drips */
#define LOOK_S          0.05 /* how often a request that hangs is looked after */
#define MAX_PEM_BYTES   ((size_t)1 << 20)

typedef enum {
    STAGE_READING,  /* its request arrives */
    STAGE_WAITING,  /* for its latency */
    STAGE_HANGING,  /* until the client has left */
    STAGE_ANSWERED, /* its reply is libmicrohttpd's business */
} stage;

/* One connection; its requests come one after the other and use the same memory. */
typedef struct exchange {
    struct fm_mock *mock;
    struct MHD_Connection *connection;
    int fd;
    stage stage;
    bool asked_for; /* counted as in flight */
    bool counted;   /* among the good replies */
    char method[16];
    fm_buf uri, body;
    bool too_large;
    fm_mock_fault fault;
    mock_asked asked;
    mock_reply reply;
    bool suspended;
    double due_s; /* when it goes on */
} exchange;

struct fm_mock {
    fm_mock_config config; /* its strings are not used once the server runs */
    char *require_key;
    mock_script *script;
    fm_cassette *cassette; /* NULL: none is served */
    mock_tally tally;
    struct MHD_Daemon *daemon;
    int listener, wake, port;
    pthread_t thread;
    bool running;
    atomic_bool stop;

    exchange **heap; /* by due_s, the earliest first */
    size_t n_heap, heap_capacity;

    double tokens, tokens_at_s; /* of the bound on requests per second */
    FILE *log;
    double started_s;

    atomic_uint_fast64_t requests, replies_ok, by_fault[FM_MOCK_FAULTS], most_in_flight;
    uint64_t in_flight;
};

/* ---- what waits ---- */

static void sift_up(exchange **heap, size_t i)
{
    while (i > 0 && heap[i]->due_s < heap[(i - 1) / 2]->due_s) {
        exchange *moved = heap[i];

        heap[i] = heap[(i - 1) / 2];
        heap[(i - 1) / 2] = moved;
        i = (i - 1) / 2;
    }
}

static void sift_down(exchange **heap, size_t n)
{
    size_t i = 0;

    for (;;) {
        size_t first = i, left = 2 * i + 1, right = left + 1;

        if (left < n && heap[left]->due_s < heap[first]->due_s)
            first = left;
        if (right < n && heap[right]->due_s < heap[first]->due_s)
            first = right;
        if (first == i)
            return;
        exchange *moved = heap[i];
        heap[i] = heap[first];
        heap[first] = moved;
        i = first;
    }
}

/* Hold a request back until `due_s`. False: no memory, and it goes on at once. */
static bool hold(exchange *e, double due_s)
{
    fm_mock *mock = e->mock;

    if (mock->n_heap == mock->heap_capacity) {
        size_t capacity = mock->heap_capacity ? mock->heap_capacity * 2 : 256;
        exchange **grown = realloc(mock->heap, capacity * sizeof(*grown));

        if (!grown)
            return false;
        mock->heap = grown;
        mock->heap_capacity = capacity;
    }
    e->due_s = due_s;
    mock->heap[mock->n_heap++] = e;
    sift_up(mock->heap, mock->n_heap - 1);
    if (!e->suspended)
        MHD_suspend_connection(e->connection);
    e->suspended = true;
    return true;
}

static exchange *pop(fm_mock *mock)
{
    exchange *first = mock->heap[0];

    mock->heap[0] = mock->heap[--mock->n_heap];
    sift_down(mock->heap, mock->n_heap);
    return first;
}

static void go_on(exchange *e)
{
    e->suspended = false;
    MHD_resume_connection(e->connection);
}

static bool client_left(const exchange *e)
{
    struct pollfd peer = {.fd = e->fd, .events = POLLRDHUP};

    return poll(&peer, 1, 0) > 0 && (peer.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static void release_due(fm_mock *mock, double now_s)
{
    while (mock->n_heap > 0 && mock->heap[0]->due_s <= now_s) {
        exchange *e = pop(mock);

        /* libmicrohttpd does not watch what is suspended: without this, clients that gave up would
         * leave their connections here. */
        if (e->stage == STAGE_HANGING && !client_left(e) && hold(e, now_s + LOOK_S))
            continue;
        go_on(e);
    }
}

/* ---- the log ---- */

static bool is_secret(const char *header)
{
    static const char *const names[] = {
        "authorization", "proxy-authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie"};

    for (size_t i = 0; i < FM_COUNT_OF(names); i++)
        if (strcasecmp(header, names[i]) == 0)
            return true;
    return false;
}

static enum MHD_Result log_header(void *context, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    (void)kind;
    fm_json_put_string(context, name, is_secret(name) ? "<removed>" : value);
    return MHD_YES;
}

/* The path and, of its query, the names alone: Gemini takes a key there. */
static void log_path(fm_json_writer *w, const char *uri)
{
    fm_json_put_bytes(w, "path", uri, strcspn(uri, "?"));
    fm_json_put_bool(w, "query", strchr(uri, '?') != NULL);
}

static void log_request(const exchange *e, double now_s)
{
    fm_buf line = {0};
    fm_json_writer w = {.out = &line};

    if (!e->mock->log)
        return;
    fm_json_open(&w, NULL, '{');
    fm_json_put_number(&w, "at_s", now_s - e->mock->started_s);
    fm_json_put_string(&w, "method", e->method);
    log_path(&w, fm_buf_text(&e->uri));
    fm_json_open(&w, "headers", '{');
    MHD_get_connection_values(e->connection, MHD_HEADER_KIND, log_header, &w);
    fm_json_close(&w, '}');
    fm_json_put_reply(&w, "body", fm_buf_text(&e->body), e->body.size);
    fm_json_put_string(&w, "fault",
                       e->fault == MOCK_NO_FAULT ? NULL : fm_mock_fault_name(e->fault));
    fm_json_put_int(&w, "status", e->reply.status);
    fm_json_close(&w, '}');
    fm_buf_putc(&line, '\n');
    if (!line.failed) { /* whoever has a reply finds its request in the log */
        fwrite(line.data, 1, line.size, e->mock->log);
        fflush(e->mock->log);
    }
    fm_buf_release(&line);
}

/* ---- deciding ---- */

/* A second's worth of requests may come at once. */
static double burst(const fm_mock *mock)
{
    return mock->config.requests_per_second > 1 ? mock->config.requests_per_second : 1;
}

/* Whether one more request is within the bound. */
static bool within_rate(fm_mock *mock, double now_s)
{
    double rate = mock->config.requests_per_second;

    if (rate <= 0)
        return true;
    mock->tokens += (now_s - mock->tokens_at_s) * rate;
    mock->tokens_at_s = now_s;
    if (mock->tokens > burst(mock))
        mock->tokens = burst(mock);
    if (mock->tokens < 1)
        return false;
    mock->tokens -= 1;
    return true;
}

static bool has_key(const exchange *e)
{
    const char *key = e->mock->require_key;
    const char *name = mock_dialect_key_header(e->asked.dialect);
    const char *value = MHD_lookup_connection_value(e->connection, MHD_HEADER_KIND, name);

    if (!key)
        return true;
    if (!value && strcmp(name, "x-goog-api-key") == 0)
        value = MHD_lookup_connection_value(e->connection, MHD_GET_ARGUMENT_KIND, "key");
    else if (value && strncasecmp(value, "Bearer ", 7) == 0)
        value += 7;
    return value && strcmp(value, key) == 0;
}

static void refuse_plainly(mock_reply *reply, int status, const char *words)
{
    reply->status = status;
    reply->type = "application/json";
    fm_buf_printf(&reply->body, "{\"error\": {\"message\": \"%s\"}}", words);
}

static void write_recorded(exchange *e, const fm_cassette_reply *recorded)
{
    mock_reply *reply = &e->reply;

    /* What a provider's server did to the connection is not known; its client saw this. */
    if (recorded->end == FM_WIRE_TIMEOUT)
        e->fault = FM_MOCK_HANG;
    else if (recorded->end != FM_WIRE_DONE || recorded->status < 200 || recorded->status > 999)
        e->fault = FM_MOCK_RESET;
    reply->status = recorded->status;
    for (size_t i = 0; i < recorded->n_headers; i++)
        mock_reply_header(reply, recorded->headers[i].name, "%s", recorded->headers[i].value);
    fm_buf_append(&reply->body, recorded->body, recorded->size);
}

/* A key in the query is not in a cassette. */
static void put_path(fm_buf *out, const char *uri)
{
    const char *key = strstr(uri, "?key=");

    if (!key)
        key = strstr(uri, "&key=");
    if (!key) {
        fm_buf_puts(out, uri);
        return;
    }
    key += strlen("?key=");
    fm_buf_append(out, uri, (size_t)(key - uri));
    fm_buf_puts(out, FM_SECRET_REMOVED);
    fm_buf_puts(out, key + strcspn(key, "&"));
}

static void play(exchange *e, const char *method)
{
    fm_cassette_reply recorded = {0};
    fm_buf path = {0};
    fm_err err = {0};
    bool found = false;

    put_path(&path, fm_buf_text(&e->uri));
    if (path.failed ||
        fm_cassette_find(e->mock->cassette, method, fm_buf_text(&path), fm_buf_text(&e->body),
                         e->body.size, &recorded, &found, &err) != FM_OK)
        refuse_plainly(&e->reply, 500, "the cassette cannot be read");
    else if (!found)
        refuse_plainly(&e->reply, 404, "the cassette has no further reply to this request");
    else
        write_recorded(e, &recorded);
    fm_buf_release(&path);
}

static void answer(exchange *e, mock_ending ending)
{
    const char *text;
    size_t size;

    if (e->mock->cassette && ending == MOCK_ANSWER_WHOLE) {
        play(e, e->method);
        return;
    }
    mock_script_answer(e->mock->script, fm_buf_text(&e->asked.prompt), &text, &size);
    mock_write_answer(&e->reply, &e->asked, text, size, ending);
    if (e->mock->config.requests_per_second > 0)
        mock_write_rate(&e->reply, e->asked.dialect, burst(e->mock), e->mock->tokens,
                        (burst(e->mock) - e->mock->tokens) / e->mock->config.requests_per_second);
}

static void refuse(exchange *e, mock_refusal refusal, const char *detail)
{
    double after_s = e->mock->config.retry_after_s > 0 ? e->mock->config.retry_after_s : 1;

    mock_write_refusal(&e->reply, e->asked.dialect, refusal, detail, after_s);
    if (refusal == MOCK_REFUSE_RATE_AFTER)
        mock_write_rate(&e->reply, e->asked.dialect, 0, 0, after_s);
}

static void write_page(mock_reply *reply, int status, const char *title)
{
    reply->status = status;
    reply->type = "text/html";
    fm_buf_printf(&reply->body,
                  "<!DOCTYPE html>\n<html><head><title>%s</title></head>\n<body><center>"
                  "<h1>%s</h1></center></body></html>\n",
                  title, title);
}

/* The reply as it looks under the fault; what the wire does to it comes later. */
static void write_faulty(exchange *e)
{
    mock_reply *reply = &e->reply;

    switch (e->fault) {
    case FM_MOCK_429:
        refuse(e, MOCK_REFUSE_RATE, NULL);
        break;
    case FM_MOCK_429_AFTER:
        refuse(e, MOCK_REFUSE_RATE_AFTER, NULL);
        break;
    case FM_MOCK_429_DAILY:
        refuse(e, MOCK_REFUSE_DAILY, NULL);
        break;
    case FM_MOCK_500:
        refuse(e, MOCK_REFUSE_INTERNAL, NULL);
        break;
    case FM_MOCK_503:
        refuse(e, MOCK_REFUSE_OVERLOADED, NULL);
        break;
    case FM_MOCK_EMPTY:
        answer(e, MOCK_ANSWER_EMPTY);
        break;
    case FM_MOCK_UNKNOWN_FINISH:
        answer(e, MOCK_ANSWER_UNKNOWN);
        break;
    case FM_MOCK_CUT:
        answer(e, MOCK_ANSWER_CUT);
        break;
    case FM_MOCK_REFUSAL:
        answer(e, MOCK_ANSWER_REFUSED);
        break;
    case FM_MOCK_HTML:
        write_page(reply, 502, "502 Bad Gateway");
        break;
    case FM_MOCK_HTML_200:
        write_page(reply, 200, "Please sign in");
        break;
    case FM_MOCK_NO_BODY:
        reply->status = 200;
        reply->type = "application/json";
        break;
    case FM_MOCK_WRONG_TYPE:
        answer(e, MOCK_ANSWER_WHOLE);
        fm_buf_clear(&reply->headers);
        reply->type = "text/plain";
        reply->body.size /= 2;
        break;
    case FM_MOCK_RESET:
    case FM_MOCK_HANG:
        break; /* nothing is said */
    case FM_MOCK_TRUNCATED:
    case FM_MOCK_SLOW:
    case FM_MOCK_FAULTS:
        answer(e, MOCK_ANSWER_WHOLE);
        break;
    }
}

/* Draw a fault for a request that is in order, and write the reply that goes with it. */
static void answer_or_fail(exchange *e, double now_s, double *jitter)
{
    fm_mock *mock = e->mock;

    if (within_rate(mock, now_s))
        e->fault = mock_draw(mock->config.rates, mock->config.seed, e->asked.hash,
                             mock_tally_next(&mock->tally, e->asked.hash), jitter);
    else
        e->fault = FM_MOCK_429_AFTER;
    write_faulty(e);
}

/* What becomes of a request that has arrived. Returns for how long nothing is said. */
static double decide(exchange *e, double now_s)
{
    fm_mock *mock = e->mock;
    const char *uri = fm_buf_text(&e->uri);
    char path[1024];
    double jitter = 0;
    fm_err err = {0};

    snprintf(path, sizeof(path), "%.*s", (int)strcspn(uri, "?"), uri);
    mock_reply_clear(&e->reply);
    e->fault = MOCK_NO_FAULT;
    e->asked.dialect = mock_dialect_of(path);
    e->asked.hash = mock_body_hash(fm_buf_text(&e->body), e->body.size);
    if (!e->asked.dialect && mock->cassette)
        play(e, e->method);
    else if (!e->asked.dialect)
        refuse_plainly(&e->reply, 404, "no provider has this path");
    else if (strcmp(e->method, "POST") != 0)
        refuse_plainly(&e->reply, 405, "only POST is answered here");
    else if (!has_key(e))
        refuse(e, MOCK_REFUSE_KEY, NULL);
    else if (e->too_large)
        refuse(e, MOCK_REFUSE_SIZE, NULL);
    else if (mock_asked_read(&e->asked, e->asked.dialect, path, fm_buf_text(&e->body), e->body.size,
                             &err) != FM_OK)
        refuse(e, MOCK_REFUSE_INTERNAL, err.text);
    else if (e->asked.problem && !mock->cassette)
        refuse(e, MOCK_REFUSE_REQUEST, e->asked.problem);
    else
        answer_or_fail(e, now_s, &jitter);
    if (e->asked.dialect && !mock->cassette)
        mock_write_id(&e->reply, &e->asked);
    if (e->reply.body.failed || e->reply.headers.failed) {
        mock_reply_clear(&e->reply);
        e->reply.status = 500;
    }
    if (e->fault != MOCK_NO_FAULT)
        atomic_fetch_add_explicit(&mock->by_fault[e->fault], 1, memory_order_relaxed);
    return mock->config.latency_s + jitter * mock->config.latency_jitter_s;
}

/* ---- sending ---- */

/* libmicrohttpd closes with a FIN first, which the client would take for an orderly end. Dissolving
 * the association makes the kernel send the RST at once. */
static void reset_connection(const exchange *e)
{
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    const struct linger at_once = {.l_onoff = 1};

    (void)setsockopt(e->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void)connect(e->fd, &nobody, sizeof(nobody));
}

static ssize_t send_half(void *context, uint64_t at, char *out, size_t room)
{
    const exchange *e = context;
    size_t half = e->reply.body.size / 2, left = half > at ? half - (size_t)at : 0;

    if (left == 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (left > room)
        left = room;
    memcpy(out, e->reply.body.data + at, left);
    return (ssize_t)left;
}

static ssize_t send_drop(void *context, uint64_t at, char *out, size_t room)
{
    exchange *e = context;
    double now_s = fm_clock_seconds();

    if (room == 0 || (now_s < e->due_s && hold(e, e->due_s)))
        return 0;
    e->due_s = now_s + DRIP_S;
    *out = e->reply.body.data[at];
    return 1;
}

static struct MHD_Response *make_response(exchange *e)
{
    fm_buf *body = &e->reply.body;

    /* The body stays where it is until the next request of this connection. */
    if (e->fault == FM_MOCK_TRUNCATED)
        return MHD_create_response_from_callback(body->size, 4096, send_half, e, NULL);
    if (e->fault == FM_MOCK_SLOW) {
        e->due_s = 0;
        return MHD_create_response_from_callback(body->size, 64, send_drop, e, NULL);
    }
    return MHD_create_response_from_buffer(body->size, body->data, MHD_RESPMEM_PERSISTENT);
}

/* One that cannot be a header (a cassette may hold any text) is left out. */
static void add_headers(struct MHD_Response *response, const fm_buf *headers)
{
    const char *name = headers->data, *end = name + headers->size;

    while (name < end) {
        const char *value = name + strlen(name) + 1;

        (void)MHD_add_response_header(response, name, value);
        name = value + strlen(value) + 1;
    }
}

/* MHD_NO closes the connection. */
static enum MHD_Result send_reply(exchange *e)
{
    struct MHD_Response *response;
    enum MHD_Result sent = MHD_YES;

    e->stage = STAGE_ANSWERED;
    /* Counted before it is on its way: who has it in hand finds it counted. */
    e->counted = e->fault == MOCK_NO_FAULT && e->reply.status == 200 && !client_left(e);
    if (e->counted)
        atomic_fetch_add_explicit(&e->mock->replies_ok, 1, memory_order_relaxed);
    if (!(response = make_response(e)))
        return MHD_NO;
    if (e->reply.type)
        sent = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, e->reply.type);
    add_headers(response, &e->reply.headers);
    if (sent == MHD_YES)
        sent = MHD_queue_response(e->connection, (unsigned)e->reply.status, response);
    MHD_destroy_response(response);
    return sent;
}

/* The latency is over. */
static enum MHD_Result carry_out(exchange *e)
{
    if (e->fault == FM_MOCK_RESET) {
        reset_connection(e);
        return MHD_NO;
    }
    if (e->fault == FM_MOCK_HANG) {
        e->stage = STAGE_HANGING;
        return hold(e, fm_clock_seconds() + LOOK_S) ? MHD_YES : MHD_NO;
    }
    return send_reply(e);
}

/* ---- what libmicrohttpd calls ---- */

static void begin(exchange *e, const char *method)
{
    uint64_t now = ++e->mock->in_flight;

    snprintf(e->method, sizeof(e->method), "%s", method);
    fm_buf_clear(&e->body);
    e->body.cap_bytes = MAX_BODY_BYTES;
    e->too_large = false;
    e->stage = STAGE_READING;
    e->asked_for = true;
    atomic_fetch_add_explicit(&e->mock->requests, 1, memory_order_relaxed);
    if (now > atomic_load_explicit(&e->mock->most_in_flight, memory_order_relaxed))
        atomic_store_explicit(&e->mock->most_in_flight, now, memory_order_relaxed);
}

static void take(exchange *e, const char *bytes, size_t size)
{
    if (!e->too_large)
        fm_buf_append(&e->body, bytes, size);
    if (!e->body.failed)
        return;
    e->too_large = true; /* the rest is read and dropped */
    fm_buf_release(&e->body);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **request)
{
    exchange *e = *request;
    double now_s, wait_s;

    (void)context;
    (void)connection;
    (void)url;
    (void)version;
    if (!e)
        return MHD_NO;
    if (!e->asked_for) {
        begin(e, method);
        return MHD_YES;
    }
    if (*upload_size > 0) {
        take(e, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    switch (e->stage) {
    case STAGE_READING:
        break;
    case STAGE_WAITING:
        return carry_out(e);
    case STAGE_HANGING:
    case STAGE_ANSWERED:
        return MHD_NO;
    }
    now_s = fm_clock_seconds();
    wait_s = decide(e, now_s);
    log_request(e, now_s);
    e->stage = STAGE_WAITING;
    if (wait_s > 0 && hold(e, now_s + wait_s))
        return MHD_YES;
    return carry_out(e);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode how)
{
    exchange *e = *request;

    (void)context;
    (void)connection;
    if (!e || !e->asked_for)
        return;
    e->asked_for = false;
    e->mock->in_flight--;
    if (e->counted && how != MHD_REQUEST_TERMINATED_COMPLETED_OK)
        atomic_fetch_sub_explicit(&e->mock->replies_ok, 1, memory_order_relaxed);
    e->counted = false;
}

static exchange *exchange_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

/* Before the path is decoded; what it returns is the request's own pointer from here on. */
static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    exchange *e = exchange_of(connection);

    (void)context;
    if (!e)
        return NULL;
    fm_buf_clear(&e->uri);
    fm_buf_puts(&e->uri, uri);
    return e;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    exchange *e = *socket_context;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

        e = calloc(1, sizeof(*e));
        *socket_context = e;
        if (!e)
            return;
        e->mock = context;
        e->connection = connection;
        e->fd = info ? info->connect_fd : -1;
    } else if (e) {
        fm_buf_release(&e->uri);
        fm_buf_release(&e->body);
        mock_reply_release(&e->reply);
        mock_asked_release(&e->asked);
        free(e);
        *socket_context = NULL;
    }
}

/* ---- the thread ---- */

/* How long nothing needs to be done; negative: until something arrives. */
static double idle_s(fm_mock *mock)
{
    double idle = -1;
    MHD_UNSIGNED_LONG_LONG own_ms;

    if (MHD_get_timeout(mock->daemon, &own_ms) == MHD_YES)
        idle = (double)own_ms / 1e3;
    if (mock->n_heap > 0) {
        double due = mock->heap[0]->due_s - fm_clock_seconds();

        if (idle < 0 || due < idle)
            idle = due > 0 ? due : 0;
    }
    return idle;
}

static void *serve(void *argument)
{
    fm_mock *mock = argument;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(mock->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd fds[] = {{.fd = info->epoll_fd, .events = POLLIN},
                           {.fd = mock->wake, .events = POLLIN}};

    while (!atomic_load_explicit(&mock->stop, memory_order_acquire)) {
        double idle = idle_s(mock);

        if (idle != 0) {
            struct timespec wait = {.tv_sec = (time_t)idle,
                                    .tv_nsec = (long)((idle - (double)(time_t)idle) * 1e9)};

            (void)ppoll(fds, FM_COUNT_OF(fds), idle < 0 ? NULL : &wait, NULL);
        }
        release_due(mock, fm_clock_seconds());
        MHD_run(mock->daemon);
    }
    /* libmicrohttpd wants nothing suspended when it is stopped. */
    while (mock->n_heap > 0)
        go_on(pop(mock));
    return NULL;
}

/* ---- starting and stopping ---- */

static fm_status check_config(const fm_mock_config *config, fm_err *err)
{
    double sum = 0;

    for (int i = 0; i < FM_MOCK_FAULTS; i++) {
        if (!(config->rates[i] >= 0 && config->rates[i] <= 1))
            return fm_fail(err, FM_E_USAGE, "the rate of fault '%s' is not from 0 to 1",
                           fm_mock_fault_name((fm_mock_fault)i));
        sum += config->rates[i];
    }
    if (sum > 1 + 1e-9)
        return fm_fail(err, FM_E_USAGE, "the rates of the faults add up to %g, more than 1", sum);
    if (config->port < 0 || config->port > 65535)
        return fm_fail(err, FM_E_USAGE, "%d is no port", config->port);
    if (!config->cert_path != !config->key_path)
        return fm_fail(err, FM_E_USAGE, "a certificate and its key go together");
    return FM_OK;
}

static fm_status listen_on(fm_mock *mock, const char *address, fm_err *err)
{
    struct sockaddr_in where = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)mock->config.port)};
    socklen_t size = sizeof(where);
    int yes = 1;

    if (inet_pton(AF_INET, address, &where.sin_addr) != 1)
        return fm_fail(err, FM_E_USAGE, "'%s' is no IPv4 address", address);
    mock->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (mock->listener < 0)
        return fm_fail(err, FM_E_IO, "cannot make a socket: %s", strerror(errno));
    (void)setsockopt(mock->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(mock->listener, (const struct sockaddr *)&where, sizeof(where)) != 0 ||
        listen(mock->listener, SOMAXCONN) != 0 ||
        getsockname(mock->listener, (struct sockaddr *)&where, &size) != 0)
        return fm_fail(err, FM_E_IO, "cannot listen on %s:%d: %s", address, mock->config.port,
                       strerror(errno));
    mock->port = ntohs(where.sin_port);
    return FM_OK;
}

static fm_status start_daemon(fm_mock *mock, fm_err *err)
{
    fm_buf cert = {0}, key = {0};
    struct MHD_OptionItem tls[] = {{MHD_OPTION_END, 0, NULL}, {0}, {0}};
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    fm_status st = FM_OK;

    if (mock->config.cert_path) {
        st = fm_file_read(mock->config.cert_path, MAX_PEM_BYTES, &cert, err);
        if (st == FM_OK)
            st = fm_file_read(mock->config.key_path, MAX_PEM_BYTES, &key, err);
        if (st != FM_OK)
            goto done;
        flags |= MHD_USE_TLS;
        tls[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, cert.data};
        tls[1] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, key.data};
        tls[2] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    }
    mock->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, NULL, MHD_OPTION_LISTEN_SOCKET, mock->listener,
        MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)64 << 10,
        MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)16 << 10, MHD_OPTION_URI_LOG_CALLBACK,
        on_uri, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, mock, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (!mock->daemon)
        st = fm_fail(err, mock->config.cert_path ? FM_E_USAGE : FM_E_INTERNAL,
                     "the server cannot start%s",
                     mock->config.cert_path ? ": are certificate and key in PEM and a pair?" : "");
    else
        mock->listener = -1; /* the daemon closes it */
done:
    fm_buf_release(&cert);
    fm_buf_release(&key);
    return st;
}

/* Signals are for the program's own threads. */
static int start_thread(fm_mock *mock)
{
    sigset_t all, before;
    int why;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    why = pthread_create(&mock->thread, NULL, serve, mock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    mock->running = why == 0;
    return why;
}

static fm_status open_log(fm_mock *mock, const char *path, fm_err *err)
{
    if (path && !(mock->log = fopen(path, "wbe")))
        return fm_fail(err, FM_E_IO, "cannot write '%s': %s", path, strerror(errno));
    return FM_OK;
}

fm_status fm_mock_start(fm_mock **out, const fm_mock_config *config, fm_err *err)
{
    fm_status st = check_config(config, err);
    fm_mock *mock;
    int why;

    if (st != FM_OK)
        return st;
    mock = calloc(1, sizeof(*mock));
    if (!mock)
        return fm_fail(err, FM_E_NOMEM, "no memory for a server");
    mock->config = *config;
    mock->listener = -1;
    mock->started_s = mock->tokens_at_s = fm_clock_seconds();
    mock->tokens = burst(mock);
    mock->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (mock->wake < 0)
        st = fm_fail(err, FM_E_IO, "cannot make an eventfd: %s", strerror(errno));
    if (st == FM_OK && config->require_key && !(mock->require_key = strdup(config->require_key)))
        st = fm_fail(err, FM_E_NOMEM, "no memory for a server");
    if (st == FM_OK)
        st = mock_script_load(&mock->script, config->reply, config->replies_path, err);
    if (st == FM_OK && config->cassette_path)
        st = fm_cassette_load(&mock->cassette, config->cassette_path, err);
    if (st == FM_OK)
        st = open_log(mock, config->log_path, err);
    if (st == FM_OK)
        st = listen_on(mock, config->address ? config->address : "127.0.0.1", err);
    if (st == FM_OK)
        st = start_daemon(mock, err);
    if (st == FM_OK && (why = start_thread(mock)) != 0)
        st = fm_fail(err, FM_E_IO, "cannot start a thread: %s", strerror(why));
    if (st != FM_OK) {
        fm_mock_stop(mock);
        return st;
    }
    *out = mock;
    return FM_OK;
}

int fm_mock_port(const fm_mock *mock)
{
    return mock->port;
}

void fm_mock_counts_read(const fm_mock *mock, fm_mock_counts *out)
{
    *out = (fm_mock_counts){
        .requests = atomic_load_explicit(&mock->requests, memory_order_relaxed),
        .replies_ok = atomic_load_explicit(&mock->replies_ok, memory_order_relaxed),
        .most_in_flight = atomic_load_explicit(&mock->most_in_flight, memory_order_relaxed)};
    for (int i = 0; i < FM_MOCK_FAULTS; i++)
        out->by_fault[i] = atomic_load_explicit(&mock->by_fault[i], memory_order_relaxed);
}

void fm_mock_stop(fm_mock *mock)
{
    if (!mock)
        return;
    if (mock->running) {
        const uint64_t one = 1;

        atomic_store_explicit(&mock->stop, true, memory_order_release);
        (void)!write(mock->wake, &one, sizeof(one));
        pthread_join(mock->thread, NULL);
    }
    if (mock->daemon)
        MHD_stop_daemon(mock->daemon);
    if (mock->listener >= 0)
        close(mock->listener);
    if (mock->wake >= 0)
        close(mock->wake);
    if (mock->log)
        fclose(mock->log);
    mock_script_free(mock->script);
    (void)!fm_cassette_close(mock->cassette, NULL); /* it was only read */
    mock_tally_release(&mock->tally);
    free(mock->require_key);
    free(mock->heap);
    free(mock);
}
