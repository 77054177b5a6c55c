/* Owns the options of easy handles, what they collect, and the meaning of how they end. */
#include "wire/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/size.h"
#include "base/text.h"
#include "fathom/version.h"

/* A buffer that one large reply needed is not kept for all the small ones. */
#define KEEP_BYTES ((size_t)256 << 10)

/* What is taken as it comes is large: it comes in larger pieces than the 16 KiB of the others. */
#define LARGE_BUFFER_BYTES (128L << 10)

/* ---- from inside libcurl ---- */

static void move_to(fm_exchange *exchange, fm_wire_phase phase)
{
    if (exchange->phase >= phase)
        return;
    exchange->rules->moved(exchange, phase);
    exchange->phase = phase;
}

static int on_resolve(void *state, void *reserved, void *context)
{
    (void)state, (void)reserved;
    move_to(context, FM_WIRE_CONNECTING);
    return 0;
}

static int on_socket(void *context, curl_socket_t fd, curlsocktype purpose)
{
    fm_exchange *exchange = context;

    (void)fd, (void)purpose;
    if (exchange->sent_here) /* a connection to send it again */
        return CURL_SOCKOPT_ERROR;
    move_to(exchange, FM_WIRE_CONNECTING);
    return CURL_SOCKOPT_OK;
}

static int on_send(void *context, char *ip, char *local_ip, int port, int local_port)
{
    fm_exchange *exchange = context;

    (void)ip, (void)local_ip, (void)port, (void)local_port;
    if (exchange->sent_here)
        return CURL_PREREQFUNC_ABORT;
    exchange->sent_here = true;
    move_to(exchange, FM_WIRE_SENT);
    return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *line, size_t one, size_t size, void *context)
{
    fm_exchange *exchange = context;

    (void)one;
    if (exchange->first_byte_at == 0)
        exchange->first_byte_at = fm_clock_seconds();
    if (fm_wire_reply_headers_take(&exchange->reply_headers, line, size))
        return size;
    exchange->too_large = true;
    return 0;
}

static void take_status(fm_exchange *exchange)
{
    long status = 0;

    (void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    exchange->status = (int)status;
}

/* To whom the body belongs, if that is not the reply: what tells of an error stays with it. */
static bool goes_elsewhere(fm_exchange *exchange)
{
    if (exchange->take)
        take_status(exchange);
    return exchange->take && exchange->status / 100 == 2;
}

static size_t on_body(char *bytes, size_t one, size_t size, void *context)
{
    fm_exchange *exchange = context;

    (void)one;
    if (goes_elsewhere(exchange)) {
        const fm_wire_reply head = {.ticket = exchange->ticket,
                                    .status = exchange->status,
                                    .headers = &exchange->reply_headers};

        exchange->rules->moved(exchange, FM_WIRE_SENT); /* alive */
        exchange->not_taken = !exchange->take(exchange->context, &head, bytes, size);
        return exchange->not_taken ? 0 : size;
    }
    if (size > exchange->rules->max_reply_bytes - exchange->reply.size) {
        exchange->too_large = true;
        return 0;
    }
    fm_buf_append(&exchange->reply, bytes, size);
    exchange->no_memory = exchange->reply.failed;
    return exchange->no_memory ? 0 : size;
}

/* ---- life ---- */

fm_exchange *fm_exchange_new(void *owner, const fm_exchange_rules *rules)
{
    fm_exchange *exchange = calloc(1, sizeof(*exchange));

    if (exchange) {
        exchange->owner = owner;
        exchange->rules = rules;
        exchange->reply.cap_bytes = rules->max_reply_bytes + 1;
    }
    return exchange;
}

void fm_exchange_clear(fm_exchange *exchange)
{
    fm_wire_address_free(exchange->address);
    fm_wire_address_free(exchange->target);
    fm_wire_headers_free(exchange->headers);
    exchange->address = exchange->target = NULL;
    exchange->headers = NULL;
    fm_buf_release(&exchange->body);
    free(exchange->spans);
    exchange->spans = NULL;
    exchange->n_spans = 0;
    if (exchange->reply.capacity > KEEP_BYTES)
        fm_buf_release(&exchange->reply);
    fm_buf_clear(&exchange->reply);
    fm_buf_clear(&exchange->detail);
    fm_wire_reply_headers_clear(&exchange->reply_headers);
    exchange->redirects = exchange->status = 0;
    exchange->among_strangers = exchange->sent_here = false;
    exchange->too_large = exchange->no_memory = exchange->not_taken = false;
    exchange->take = NULL;
    exchange->context = NULL;
    exchange->phase = FM_WIRE_WAITING;
    exchange->submitted_at = exchange->connecting_at = exchange->sent_at = exchange->alive_at = 0;
    exchange->first_byte_at = exchange->first_byte_s = exchange->total_s = 0;
}

void fm_exchange_free(fm_exchange *exchange)
{
    if (!exchange)
        return;
    curl_easy_cleanup(exchange->easy);
    fm_exchange_clear(exchange);
    fm_wire_address_free(exchange->set);
    fm_buf_release(&exchange->reply);
    fm_buf_release(&exchange->detail);
    fm_buf_release(&exchange->reply_headers.text);
    free(exchange);
}

fm_status fm_exchange_take(fm_exchange *exchange, fm_wire_request *request,
                           fm_wire_address *address, fm_wire_headers *headers, fm_err *err)
{
    size_t bytes;

    exchange->post = strcmp(request->method, "POST") == 0;
    if (!exchange->post && (strcmp(request->method, "GET") != 0 || request->body))
        return fm_fail(err, FM_E_INTERNAL, "the wire knows POST, and GET without a body, not '%s'",
                       request->method);
    if (request->n_spans) {
        exchange->spans =
            fm_size_mul(request->n_spans, sizeof(*exchange->spans), &bytes) ? malloc(bytes) : NULL;
        if (!exchange->spans)
            return fm_fail(err, FM_E_NOMEM, "no memory for a request");
        memcpy(exchange->spans, request->spans, bytes);
        exchange->n_spans = request->n_spans;
    }
    exchange->take = request->take;
    exchange->context = request->context;
    exchange->address = fm_wire_address_share(address);
    exchange->target = fm_wire_address_share(address);
    exchange->headers = fm_wire_headers_share(headers);
    if (request->body) {
        exchange->body = *request->body;
        *request->body = (fm_buf){.cap_bytes = request->body->cap_bytes};
    }
    exchange->submitted_at = fm_clock_seconds();
    return FM_OK;
}

/* ---- asking ---- */

/* What does not change from one request to the next. */
static CURLcode set_for_good(fm_exchange *exchange)
{
    const fm_exchange_rules *rules = exchange->rules;
    CURL *easy = exchange->easy;
    CURLcode r = CURLE_OK;
    /* libcurl counts from when it is given a request, so where that may wait for a connection only
     * the client's own clock is right. Where it does not wait, libcurl's is better: it goes on to
     * the next address of a host while there is time. */
    long connect_ms =
        rules->bounded_connections ? (1L << 30) : (long)(rules->connect_timeout_s * 1e3);

#define SET(option, value) r = r ? r : curl_easy_setopt(easy, CURLOPT_##option, value)
    SET(PRIVATE, (char *)exchange);
    SET(ERRORBUFFER, exchange->error);
    SET(NOSIGNAL, 1L);
    SET(UPLOAD_BUFFERSIZE, 16384L); /* one for each that is in flight; more is no faster */
    /* A name that is being looked up must not hold up the one thread when it is given up. */
    SET(QUICK_EXIT, 1L);
    SET(PROTOCOLS_STR, "http,https");
    SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    SET(USERAGENT, "fathom/" FM_VERSION);
    SET(HEADEROPT, (long)CURLHEADER_SEPARATE); /* a proxy is shown none of ours */
    SET(SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CONNECTTIMEOUT_MS, connect_ms);
    SET(RESOLVER_START_FUNCTION, on_resolve);
    SET(RESOLVER_START_DATA, exchange);
    SET(SOCKOPTFUNCTION, on_socket);
    SET(SOCKOPTDATA, exchange);
    SET(PREREQFUNCTION, on_send);
    SET(PREREQDATA, exchange);
    SET(HEADERFUNCTION, on_header);
    SET(HEADERDATA, exchange);
    SET(WRITEFUNCTION, on_body);
    SET(WRITEDATA, exchange);
    if (rules->ca_file)
        SET(CAINFO, rules->ca_file);
    if (rules->ca_path)
        SET(CAPATH, rules->ca_path);
    return r;
}

static CURLcode set_address(fm_exchange *exchange)
{
    CURL *easy = exchange->easy;
    CURLcode r = CURLE_OK;

    if (exchange->set == exchange->target)
        return CURLE_OK;
    SET(URL, exchange->target->url);
    /* Wait for the first connection to a host to tell whether it takes many requests at once, which
     * only TLS can tell: over plain HTTP all would queue up behind one another. */
    SET(PIPEWAIT, exchange->target->tls ? 1L : 0L);
    fm_wire_address_free(exchange->set);
    exchange->set = r == CURLE_OK ? fm_wire_address_share(exchange->target) : NULL;
    return r;
}

static CURLcode set_request(fm_exchange *exchange)
{
    const fm_wire_headers *headers = exchange->headers;
    CURL *easy = exchange->easy;
    CURLcode r = set_address(exchange);

    SET(HTTPHEADER, exchange->among_strangers ? headers->open : headers->all);
    SET(ACCEPT_ENCODING, exchange->take ? NULL : "gzip");
    SET(BUFFERSIZE, exchange->take ? LARGE_BUFFER_BYTES : (long)CURL_MAX_WRITE_SIZE);
    SET(MAXFILESIZE_LARGE, /* where the server states it; 0: any */
        exchange->take ? (curl_off_t)0 : (curl_off_t)exchange->rules->max_reply_bytes);
    if (exchange->post) {
        SET(POST, 1L);
        SET(POSTFIELDS, fm_buf_text(&exchange->body));
        SET(POSTFIELDSIZE_LARGE, (curl_off_t)exchange->body.size);
    } else {
        SET(HTTPGET, 1L);
    }
    return r;
}
#undef SET

fm_status fm_exchange_prepare(fm_exchange *exchange, fm_err *err)
{
    CURLcode r = CURLE_OK;

    if (!exchange->easy) {
        exchange->easy = curl_easy_init();
        r = exchange->easy ? set_for_good(exchange) : CURLE_OUT_OF_MEMORY;
        if (r != CURLE_OK) {
            curl_easy_cleanup(exchange->easy);
            exchange->easy = NULL;
        }
    }
    if (r == CURLE_OK)
        r = set_request(exchange);
    exchange->error[0] = '\0';
    exchange->sent_here = false;
    if (r == CURLE_OK)
        return FM_OK;
    return fm_fail(err, r == CURLE_OUT_OF_MEMORY ? FM_E_NOMEM : FM_E_INTERNAL,
                   "cannot prepare a request: %s", curl_easy_strerror(r));
}

/* ---- how it ended ---- */

static void end_as(fm_exchange *exchange, fm_wire_end end)
{
    double now = fm_clock_seconds(), sent_at = exchange->sent_at;

    exchange->end = end;
    exchange->phase = FM_WIRE_ENDED;
    exchange->queued_s = (sent_at > 0 ? sent_at : now) - exchange->submitted_at;
    if (sent_at > 0)
        exchange->total_s = now - sent_at;
    if (sent_at > 0 && exchange->first_byte_at > 0)
        exchange->first_byte_s = exchange->first_byte_at - sent_at;
}

static void fail_as(fm_exchange *exchange, fm_wire_end end, const char *fmt, ...) FM_PRINTF(3, 4);

/* The detail is one line that names no secret, whatever a server managed to put into it. */
static void fail_as(fm_exchange *exchange, fm_wire_end end, const char *fmt, ...)
{
    fm_err message = {0};
    fm_buf line = {0}, clean = {0};
    va_list args;

    va_start(args, fmt);
    fm_buf_vprintf(&line, fmt, args);
    va_end(args);
    fm_secrets_scrub(&exchange->headers->secrets, &clean, fm_buf_text(&line), line.size);
    fm_buf_clear(&line);
    fm_text_for_terminal(&line, fm_buf_text(&clean), clean.size);
    (void)!fm_fail(&message, FM_E_IO, "%s",
                   fm_buf_text(&line)); /* cuts it where a character ends */
    fm_buf_clear(&exchange->detail);
    fm_buf_puts(&exchange->detail, message.text);
    fm_buf_release(&line);
    fm_buf_release(&clean);
    end_as(exchange, end);
}

/* A handshake that a lost connection ended is a matter of the way, not of trust. */
static bool lost_in_handshake(const fm_exchange *exchange)
{
    static const char *const words[] = {"SSL_ERROR_SYSCALL", "reset by peer", "unexpected eof",
                                        "Broken pipe", "SSL_ERROR_ZERO_RETURN"};

    for (size_t i = 0; i < FM_COUNT_OF(words); i++)
        if (strstr(exchange->error, words[i]))
            return true;
    return false;
}

static fm_wire_end meaning_of(const fm_exchange *exchange, CURLcode result)
{
    switch (result) {
    case CURLE_OPERATION_TIMEDOUT:
        return FM_WIRE_TIMEOUT;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
        return FM_WIRE_UNREACHED;
    case CURLE_SSL_CONNECT_ERROR:
        return lost_in_handshake(exchange) ? FM_WIRE_UNREACHED : FM_WIRE_INSECURE;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return FM_WIRE_INSECURE;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: /* what came was no HTTP/1 or /2 */
        return exchange->sent_here ? FM_WIRE_BROKEN : FM_WIRE_UNREACHED;
    case CURLE_ABORTED_BY_CALLBACK: /* it was to be sent again */
        return FM_WIRE_BROKEN;
    default:
        return FM_WIRE_FAILED;
    }
}

/* Where libcurl failed to reach the server for sending again, the request was sent all the same. */
static fm_wire_end end_of(const fm_exchange *exchange, CURLcode result)
{
    fm_wire_end end = meaning_of(exchange, result);
    bool unsent = end == FM_WIRE_UNREACHED || end == FM_WIRE_INSECURE;

    return unsent && exchange->sent_here ? FM_WIRE_BROKEN : end;
}

static void fail_by(fm_exchange *exchange, CURLcode result)
{
    const char *origin = exchange->target->origin;
    const char *why = exchange->error[0] ? exchange->error : curl_easy_strerror(result);
    fm_wire_end end = end_of(exchange, result);

    if (exchange->not_taken)
        fail_as(exchange, FM_WIRE_FAILED, "the reply of '%s' could not be kept", origin);
    else if (exchange->too_large || result == CURLE_FILESIZE_EXCEEDED)
        fail_as(exchange, FM_WIRE_TOO_LARGE,
                "the reply of '%s' is larger than the %zu bytes allowed", origin,
                exchange->rules->max_reply_bytes);
    else if (exchange->no_memory || result == CURLE_OUT_OF_MEMORY)
        fail_as(exchange, FM_WIRE_FAILED, "no memory for the reply of '%s'", origin);
    else if (result == CURLE_ABORTED_BY_CALLBACK)
        fail_as(exchange, end, "the connection to '%s' closed before a reply came", origin);
    else if (end == FM_WIRE_TIMEOUT)
        fail_as(exchange, end, "no connection to '%s' within %g s", origin,
                exchange->rules->connect_timeout_s);
    else if (end == FM_WIRE_UNREACHED)
        fail_as(exchange, end, "cannot reach '%s': %s", origin, why);
    else if (end == FM_WIRE_INSECURE)
        fail_as(exchange, end, "no secure connection to '%s': %s", origin, why);
    else if (end == FM_WIRE_BROKEN)
        fail_as(exchange, end, "the reply of '%s' broke off: %s", origin, why);
    else
        fail_as(exchange, end, "cannot ask '%s': %s", origin, why);
}

void fm_exchange_expire(fm_exchange *exchange)
{
    const char *origin = exchange->target->origin;

    take_status(exchange);
    if (exchange->phase == FM_WIRE_SENT)
        fail_as(exchange, FM_WIRE_TIMEOUT,
                exchange->take ? "nothing more came from '%s' for %g s"
                               : "no whole reply from '%s' within %g s",
                origin, exchange->rules->timeout_s);
    else
        fail_as(exchange, FM_WIRE_TIMEOUT, "no connection to '%s' within %g s", origin,
                exchange->rules->connect_timeout_s);
}

/* ---- redirects ---- */

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static const char *location_of(const fm_exchange *exchange)
{
    const fm_wire_reply reply = {.headers = &exchange->reply_headers};

    return fm_wire_header_value(&reply, "location");
}

/* True: `target` is where to go next. */
static bool may_follow(fm_exchange *exchange, const fm_wire_address *target)
{
    if (exchange->redirects >= FM_WIRE_MAX_REDIRECTS)
        fail_as(exchange, FM_WIRE_FAILED, "more than %d redirects, the last one to '%s'",
                FM_WIRE_MAX_REDIRECTS, target->origin);
    else if (exchange->post && exchange->status != 307 && exchange->status != 308)
        fail_as(exchange, FM_WIRE_FAILED,
                "a redirect of status %d to '%s', which turns a POST into a GET: give the address "
                "it leads to",
                exchange->status, target->url);
    else if (exchange->target->tls && !target->tls)
        fail_as(exchange, FM_WIRE_FAILED, "a redirect from https to '%s', which is not secure",
                target->origin);
    else
        return true;
    return false;
}

/* True: the exchange goes on elsewhere. False: it ended in a failure. */
static bool follow(fm_exchange *exchange, const char *location)
{
    fm_wire_address *target;
    fm_err err = {0};

    if (fm_wire_address_follow(&target, exchange->target, location, &err) != FM_OK) {
        fail_as(exchange, FM_WIRE_FAILED, "cannot follow '%s': %s", exchange->target->origin,
                err.text);
        return false;
    }
    if (!may_follow(exchange, target)) {
        fm_wire_address_free(target);
        return false;
    }
    exchange->redirects++;
    exchange->among_strangers |= strcmp(exchange->target->origin, target->origin) != 0;
    fm_wire_address_free(exchange->target);
    exchange->target = target;
    exchange->first_byte_at = 0;
    exchange->status = 0;
    fm_buf_clear(&exchange->reply);
    fm_wire_reply_headers_clear(&exchange->reply_headers);
    return true;
}

bool fm_exchange_finish(fm_exchange *exchange, CURLcode result)
{
    take_status(exchange);
    if (result != CURLE_OK) {
        fail_by(exchange, result);
        return false;
    }
    if (!exchange->reply_headers.ended) { /* which libcurl takes for a reply without a body */
        fail_as(exchange, FM_WIRE_BROKEN, "the reply of '%s' broke off inside its headers",
                exchange->target->origin);
        return false;
    }
    const char *location = is_redirect(exchange->status) ? location_of(exchange) : NULL;
    if (location)
        return follow(exchange, location);
    end_as(exchange, FM_WIRE_DONE);
    return false;
}

/* ---- cassettes ---- */

static fm_wire_header *list_headers(const fm_wire_reply_headers *headers, size_t *n)
{
    fm_wire_header header = {0}, *list;

    *n = 0;
    for (size_t at = 0; fm_wire_reply_headers_next(headers, &at, &header.name, &header.value);)
        ++*n;
    list = calloc(*n + 1, sizeof(*list));
    for (size_t at = 0, i = 0; list && i < *n; i++)
        (void)fm_wire_reply_headers_next(headers, &at, &list[i].name, &list[i].value);
    return list;
}

fm_status fm_exchange_record(const fm_exchange *exchange, fm_cassette *cassette, fm_err *err)
{
    const fm_wire_request request = {.method = exchange->post ? "POST" : "GET",
                                     .url = exchange->address->given,
                                     .headers = exchange->headers->list,
                                     .n_headers = exchange->headers->n,
                                     .spans = exchange->spans,
                                     .n_spans = exchange->n_spans};
    fm_cassette_reply reply = {.end = exchange->end,
                               .detail =
                                   exchange->detail.size ? fm_buf_text(&exchange->detail) : NULL,
                               .status = exchange->status,
                               .body = fm_buf_text(&exchange->reply),
                               .size = exchange->reply.size,
                               .first_byte_s = exchange->first_byte_s,
                               .total_s = exchange->total_s};
    fm_wire_header *headers = list_headers(&exchange->reply_headers, &reply.n_headers);
    fm_status st;

    reply.headers = headers;
    st = headers ? fm_cassette_add(cassette, &request, fm_buf_text(&exchange->body),
                                   exchange->body.size, &reply, err)
                 : fm_fail(err, FM_E_NOMEM, "no memory for a line of the cassette");
    free(headers);
    return st;
}

/* The path as it is written in a cassette: without keys. */
static fm_status find_recorded(const fm_exchange *exchange, fm_cassette *cassette,
                               fm_cassette_reply *reply, bool *found, fm_err *err)
{
    const char *given = exchange->address->path;
    fm_buf path = {0};

    fm_secrets_scrub(&exchange->headers->secrets, &path, given, strlen(given));
    fm_status st = fm_buf_check(&path, "a request", err);
    if (st == FM_OK)
        st = fm_cassette_find(cassette, exchange->post ? "POST" : "GET", fm_buf_text(&path),
                              fm_buf_text(&exchange->body), exchange->body.size, reply, found, err);
    fm_buf_release(&path);
    return st;
}

static bool take_recorded(fm_exchange *exchange, const fm_cassette_reply *reply)
{
    bool whole = true;

    exchange->status = reply->status;
    fm_buf_append(&exchange->reply, reply->body, reply->size);
    if (reply->detail)
        fm_buf_puts(&exchange->detail, reply->detail);
    for (size_t i = 0; i < reply->n_headers && whole; i++)
        whole = fm_wire_reply_headers_add(&exchange->reply_headers, reply->headers[i].name,
                                          reply->headers[i].value);
    return whole && !exchange->reply.failed && !exchange->detail.failed;
}

fm_status fm_exchange_play(fm_exchange *exchange, fm_cassette *cassette, fm_err *err)
{
    fm_cassette_reply reply;
    bool found;
    fm_status st = find_recorded(exchange, cassette, &reply, &found, err);

    if (st != FM_OK)
        return st;
    if (!found) {
        fail_as(exchange, FM_WIRE_UNRECORDED,
                "the cassette has no further reply to this %s of '%s'",
                exchange->post ? "POST" : "GET", exchange->address->path);
    } else if (reply.size > exchange->rules->max_reply_bytes) {
        exchange->too_large = true;
        fail_by(exchange, CURLE_OK);
    } else if (!take_recorded(exchange, &reply)) {
        return fm_fail(err, FM_E_NOMEM, "no memory for a recorded reply");
    } else {
        end_as(exchange, reply.end);
        exchange->first_byte_s = reply.first_byte_s;
        exchange->total_s = reply.total_s;
    }
    exchange->queued_s = 0; /* so that playing again gives the same times again */
    return FM_OK;
}
