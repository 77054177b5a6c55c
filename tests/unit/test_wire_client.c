/* The client against a server that says exactly what each test needs: whole replies, broken ones,
 * redirects, limits of time and size, and who is shown the key. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>
#include <sys/time.h>

#include "../support/loopback.h"
#include "base/clock.h"
#include "base/size.h"
#include "wire/client.h"

#define KEY "sk-canary-0123456789abcdef"
#define OK_REPLY                                                                                   \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: r1\r\n"                    \
    "Content-Length: 2\r\n\r\nok"

enum { MOST = 64 };

/* The environment of whoever runs the tests is not theirs. */
static void no_proxies(void)
{
    static const char *const names[] = {"http_proxy", "https_proxy",   "HTTPS_PROXY",
                                        "all_proxy",  "ALL_PROXY",     "no_proxy",
                                        "NO_PROXY",   "SSL_CERT_FILE", "SSL_CERT_DIR"};

    for (size_t i = 0; i < FM_COUNT_OF(names); i++)
        unsetenv(names[i]);
}

TestSuite(wire, .init = no_proxies);

static fm_wire *open_wire(const fm_wire_config *config)
{
    const fm_wire_config plain = {0};
    fm_wire *wire = NULL;
    fm_err err = {0};

    cr_assert(eq(int, fm_wire_open(&wire, config ? config : &plain, &err), FM_OK), "%s", err.text);
    return wire;
}

static void send_to(fm_wire *wire, const char *method, const char *url, const char *body,
                    uint64_t ticket)
{
    const fm_wire_header headers[] = {{"Content-Type", "application/json", false},
                                      {"X-Api-Key", KEY, true}};
    fm_wire_request request = {
        .method = method, .url = url, .headers = headers, .n_headers = FM_COUNT_OF(headers)};
    fm_buf bytes = {0};
    fm_err err = {0};

    if (body) {
        fm_buf_puts(&bytes, body);
        request.body = &bytes;
    }
    cr_assert(eq(int, fm_wire_send(wire, &request, ticket, &err), FM_OK), "%s", err.text);
    cr_assert(bytes.data == NULL && bytes.size == 0, "the body is moved from");
}

/* The next arrival; it must come within ten seconds. */
static fm_wire_reply next_reply(fm_wire *wire)
{
    double until = fm_clock_seconds() + 10;
    fm_wire_reply reply;
    fm_err err = {0};
    size_t n = 0;

    while (n == 0 && fm_clock_seconds() < until)
        cr_assert(eq(int, fm_wire_poll(wire, 1, &reply, 1, &n, &err), FM_OK), "%s", err.text);
    cr_assert(eq(sz, n, 1), "nothing arrived");
    cr_assert(reply.end == FM_WIRE_DONE || (reply.detail && reply.detail[0]));
    cr_assert(reply.detail == NULL || strstr(reply.detail, KEY) == NULL, "%s", reply.detail);
    return reply;
}

static fm_wire_reply ask(fm_wire *wire, const loopback *server, const char *path)
{
    send_to(wire, "POST", loopback_url(server, path), "{}", 1);
    return next_reply(wire);
}

/* ---- bodies that are taken as they come ---- */

typedef struct {
    fm_buf bytes;
    int status;
    size_t most; /* refused past that */
} taken;

static bool take(void *context, const fm_wire_reply *head, const char *bytes, size_t size)
{
    taken *t = context;

    t->status = head->status;
    if (t->bytes.size + size > t->most)
        return false;
    fm_buf_append(&t->bytes, bytes, size);
    return true;
}

static fm_wire_reply fetch(fm_wire *wire, const loopback *server, taken *t)
{
    fm_wire_request request = {
        .method = "GET", .url = loopback_url(server, "/file"), .take = take, .context = t};
    fm_err err = {0};

    cr_assert(eq(int, fm_wire_send(wire, &request, 1, &err), FM_OK), "%s", err.text);
    return next_reply(wire);
}

Test(wire, a_body_that_is_taken_passes_every_bound_of_replies)
{
    static const loopback_reply script[] = {
        {.bytes = "HTTP/1.1 206 Part\r\nContent-Length: 10\r\n\r\n0123456789"},
        {.bytes = "HTTP/1.1 404 None\r\nContent-Length: 4\r\n\r\nnone"}};
    loopback *server = loopback_start(script, 2);
    fm_wire *wire = open_wire(&(fm_wire_config){.max_reply_bytes = 4});
    taken t = {.most = 100};

    fm_wire_reply reply = fetch(wire, server, &t);
    cr_expect(eq(int, reply.end, FM_WIRE_DONE));
    cr_expect(eq(int, t.status, 206));
    cr_expect(eq(str, (char *)fm_buf_text(&t.bytes), "0123456789"));
    cr_expect(eq(sz, reply.size, 0));
    cr_expect(strstr(loopback_request(server, 0), "Accept-Encoding") == NULL);
    /* What tells of an error is no body of a file. */
    reply = fetch(wire, server, &t);
    cr_expect(eq(int, reply.status, 404));
    cr_expect(eq(str, (char *)reply.body, "none"));
    cr_expect(eq(sz, t.bytes.size, 10));
    fm_buf_release(&t.bytes);
    fm_wire_close(wire);
    loopback_stop(server);
}

Test(wire, a_body_that_cannot_be_kept_ends_its_exchange)
{
    static const loopback_reply script[] = {
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"}};
    loopback *server = loopback_start(script, 1);
    fm_wire *wire = open_wire(NULL);
    taken t = {.most = 3};

    fm_wire_reply reply = fetch(wire, server, &t);
    cr_expect(eq(int, reply.end, FM_WIRE_FAILED));
    cr_expect(strstr(reply.detail, "could not be kept") != NULL, "%s", reply.detail);
    fm_buf_release(&t.bytes);
    fm_wire_close(wire);
    loopback_stop(server);
}

/* A byte every tenth of a second; the second request gets two and then nothing. */
static bool drip(void *context, int fd, const char *request)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n";
    int *requests = context, most = (*requests)++ ? 2 : 8;

    (void)request;
    if (send(fd, head, strlen(head), MSG_NOSIGNAL) < 0)
        return false;
    for (int i = 0; i < most; i++) {
        loopback_pause(100);
        if (send(fd, "x", 1, MSG_NOSIGNAL) < 0)
            return false;
    }
    return true;
}

Test(wire, a_body_that_is_taken_may_take_its_time_and_not_fall_silent)
{
    static const loopback_reply none[1];
    loopback *server = loopback_start(none, 1);
    int requests = 0;
    fm_wire *wire = open_wire(&(fm_wire_config){.timeout_s = 0.6});
    taken t = {.most = 100};

    server->context = &requests;
    server->answer = drip;
    fm_wire_reply reply = fetch(wire, server, &t);
    cr_expect(eq(int, reply.end, FM_WIRE_DONE), "%s", reply.detail);
    cr_expect(eq(sz, t.bytes.size, 8));
    cr_expect(ge(dbl, reply.total_s, 0.6), "longer than what is allowed between two pieces");
    reply = fetch(wire, server, &t);
    cr_expect(eq(int, reply.end, FM_WIRE_TIMEOUT));
    cr_expect(strstr(reply.detail, "nothing more came from") == reply.detail, "%s", reply.detail);
    cr_expect(eq(sz, t.bytes.size, 10));
    fm_buf_release(&t.bytes);
    fm_wire_close(wire);
    loopback_stop(server);
}

/* ---- whole replies ---- */

Test(wire, a_reply_comes_back_whole_with_its_headers_and_times)
{
    static const loopback_reply script[] = {{.bytes = OK_REPLY}};
    loopback *server = loopback_start(script, 1);
    fm_wire *wire = open_wire(NULL);

    send_to(wire, "POST", loopback_url(server, "/v1/x?y=1"), "{\"a\":1}", 77);
    fm_wire_reply reply = next_reply(wire);
    cr_assert(eq(int, reply.end, FM_WIRE_DONE));
    cr_assert(eq(u64, reply.ticket, 77));
    cr_assert(eq(int, reply.status, 200));
    cr_assert(eq(str, (char *)reply.body, "ok"));
    cr_assert(eq(sz, reply.size, 2));
    cr_assert(reply.detail == NULL);
    cr_assert(eq(str, (char *)fm_wire_header_value(&reply, "x-request-id"), "r1"));
    cr_assert(eq(str, (char *)fm_wire_header_value(&reply, "Content-TYPE"), "application/json"));
    cr_assert(fm_wire_header_value(&reply, "absent") == NULL);
    cr_assert(reply.queued_s > 0 && reply.first_byte_s > 0 && reply.total_s >= reply.first_byte_s &&
              reply.total_s < 10);
    const char *request = loopback_request(server, 0);
    cr_assert(strstr(request, "POST /v1/x?y=1 HTTP/1.1\r\n") == request, "%s", request);
    cr_assert(strstr(request, "X-Api-Key: " KEY "\r\n") != NULL);
    cr_assert(strstr(request, "\r\n\r\n{\"a\":1}") != NULL);
    cr_assert(strstr(request, "Expect") == NULL);
    fm_wire_close(wire);
    loopback_stop(server);
}

Test(wire, any_status_is_a_whole_reply)
{
    static const loopback_reply script[] = {
        {.bytes = "HTTP/1.1 429 Slow down\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"},
        {.bytes = "HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\nbad"},
        {.bytes = "HTTP/1.1 204 Nothing\r\n\r\n"},
        {.bytes = "HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\nHTTP/1.1 200 OK\r\n"
                  "Content-Length: 1\r\n\r\nx"},
        {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n"
                  "X-Late: 1\r\n\r\n"}};
    loopback *server = loopback_start(script, FM_COUNT_OF(script));
    fm_wire *wire = open_wire(NULL);

    fm_wire_reply reply = ask(wire, server, "/");
    cr_assert(reply.end == FM_WIRE_DONE && reply.status == 429 && reply.size == 0);
    cr_assert(eq(str, (char *)fm_wire_header_value(&reply, "retry-after"), "7"));
    cr_assert(eq(str, (char *)reply.body, ""));
    reply = ask(wire, server, "/");
    cr_assert(reply.status == 500 && strcmp(reply.body, "bad") == 0);
    cr_assert(fm_wire_header_value(&reply, "retry-after") == NULL, "of the reply before");
    reply = ask(wire, server, "/");
    cr_assert(reply.end == FM_WIRE_DONE && reply.status == 204);
    reply = ask(wire, server, "/");
    cr_assert(reply.status == 200 && strcmp(reply.body, "x") == 0);
    cr_assert(fm_wire_header_value(&reply, "x-early") == NULL);
    reply = ask(wire, server, "/");
    cr_assert(reply.status == 200 && strcmp(reply.body, "abc") == 0);
    cr_assert(fm_wire_header_value(&reply, "x-late") == NULL);
    cr_assert(eq(sz, loopback_connections(server), 1));
    fm_wire_close(wire);
    loopback_stop(server);
}

/* printf '{"a":1}' | gzip -n */
static const char gzipped[] =
    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 27\r\n\r\n"
    "\037\213\010\000\000\000\000\000\000\003\253\126\112\124\262\062"
    "\254\005\000\257\254\033\126\007\000\000\000";

Test(wire, a_compressed_reply_is_unpacked)
{
    static const loopback_reply script[] = {{.bytes = gzipped, .size = sizeof(gzipped) - 1}};
    loopback *server = loopback_start(script, 1);
    fm_wire *wire = open_wire(NULL);

    fm_wire_reply reply = ask(wire, server, "/");
    cr_assert(eq(int, reply.end, FM_WIRE_DONE), "%s", reply.detail);
    cr_assert(eq(str, (char *)reply.body, "{\"a\":1}"));
    fm_wire_close(wire);
    loopback_stop(server);
}

Test(wire, many_in_flight_share_as_many_connections_and_no_more)
{
    static const loopback_reply script[] = {{.bytes = OK_REPLY}};
    loopback *server = loopback_start(script, 1);
    fm_wire *wire = open_wire(NULL);
    bool seen[400] = {0};
    fm_err err = {0};
    size_t sent = 0, n;

    for (; sent < 32; sent++)
        send_to(wire, "POST", loopback_url(server, "/"), "{}", sent);
    for (size_t arrived = 0; arrived < FM_COUNT_OF(seen); arrived += n) {
        fm_wire_reply replies[5];

        cr_assert(eq(int, fm_wire_poll(wire, 5, replies, 5, &n, &err), FM_OK), "%s", err.text);
        for (size_t i = 0; i < n; i++) {
            cr_assert(replies[i].ticket < FM_COUNT_OF(seen) && seen[replies[i].ticket] == false);
            seen[replies[i].ticket] = true;
            cr_assert(eq(str, (char *)replies[i].body, "ok"));
            if (sent < FM_COUNT_OF(seen))
                send_to(wire, "POST", loopback_url(server, "/"), "{}", sent++);
        }
    }
    cr_assert(eq(sz, loopback_requests(server), FM_COUNT_OF(seen)));
    cr_assert(loopback_connections(server) <= 32, "%zu", loopback_connections(server));
    fm_wire_close(wire);
    loopback_stop(server);
}

Test(wire, a_bound_on_connections_holds_and_its_queue_costs_no_time)
{
    /* Each reply takes some 300 ms; one after the other, the last waits longer than any limit. */
    static const loopback_reply script[] = {
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .drip_ms = 8}};
    loopback *server = loopback_start(script, 1);
    fm_wire *wire =
        open_wire(&(fm_wire_config){.max_connections = 1, .timeout_s = 2, .connect_timeout_s = 2});

    for (size_t i = 0; i < 8; i++)
        send_to(wire, "POST", loopback_url(server, "/"), "{}", i);
    for (size_t i = 0; i < 8; i++) {
        fm_wire_reply reply = next_reply(wire);

        cr_assert(eq(int, reply.end, FM_WIRE_DONE), "%s", reply.detail);
        cr_assert(reply.total_s < 2 && (i < 7 || reply.queued_s > 2));
    }
    cr_assert(eq(sz, loopback_connections(server), 1));
    fm_wire_close(wire);
    loopback_stop(server);
}

/* ---- what ends badly ---- */

static const struct {
    const char *name;
    loopback_reply reply;
    fm_wire_end end;
    int status;
} broken[] = {
    {"closed before a reply", {NULL, 0, LOOPBACK_CLOSE, 0}, FM_WIRE_BROKEN, 0},
    {"reset before a reply", {NULL, 0, LOOPBACK_RESET, 0}, FM_WIRE_BROKEN, 0},
    {"cut by length",
     {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", 0, LOOPBACK_CLOSE, 0},
     FM_WIRE_BROKEN,
     200},
    {"cut in a chunk",
     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf", 0, LOOPBACK_CLOSE, 0},
     FM_WIRE_BROKEN,
     200},
    {"no last chunk",
     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", 0, LOOPBACK_CLOSE, 0},
     FM_WIRE_BROKEN,
     200},
    {"reset in the body",
     {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", 0, LOOPBACK_RESET, 0},
     FM_WIRE_BROKEN,
     200},
    {"cut in the headers",
     {"HTTP/1.1 200 OK\r\nContent-Le", 0, LOOPBACK_CLOSE, 0},
     FM_WIRE_BROKEN,
     200},
    {"no HTTP", {"SSH-2.0-OpenSSH_9.2\r\n", 0, LOOPBACK_CLOSE, 0}, FM_WIRE_BROKEN, 0},
    {"broken gzip",
     {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nhalf", 0,
      LOOPBACK_KEEP, 0},
     FM_WIRE_BROKEN,
     200},
    {"says that it is too large",
     {"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", 0, LOOPBACK_HANG, 0},
     FM_WIRE_TOO_LARGE,
     200},
    {"is too large",
     {"HTTP/1.1 200 OK\r\n\r\n"
      "0123456789012345678901234567890123456789012345678901234567890123456789",
      0, LOOPBACK_HANG, 0},
     FM_WIRE_TOO_LARGE,
     200},
    {"no reply in time", {NULL, 0, LOOPBACK_HANG, 0}, FM_WIRE_TIMEOUT, 0},
    {"drips", {OK_REPLY, 0, LOOPBACK_KEEP, 5}, FM_WIRE_TIMEOUT, -1},
    {"stops in the body",
     {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", 0, LOOPBACK_HANG, 0},
     FM_WIRE_TIMEOUT,
     200},
};

Test(wire, what_is_no_whole_reply_is_none)
{
    for (size_t i = 0; i < FM_COUNT_OF(broken); i++) {
        /* A status is to come before the time is over. */
        double timeout_s = broken[i].end != FM_WIRE_TIMEOUT ? 10 : broken[i].status > 0 ? 1 : 0.05;
        const fm_wire_config config = {.timeout_s = timeout_s, .max_reply_bytes = 64};
        loopback *server = loopback_start(&broken[i].reply, 1);
        fm_wire *wire = open_wire(&config);
        fm_wire_reply reply = ask(wire, server, "/");

        cr_assert(eq(int, reply.end, broken[i].end), "%s: %s", broken[i].name, reply.detail);
        cr_assert(broken[i].status < 0 || reply.status == broken[i].status, "%s: %d",
                  broken[i].name, reply.status);
        fm_wire_close(wire);
        loopback_stop(server);
    }
}

Test(wire, who_is_not_there_is_not_reached)
{
    loopback *server = loopback_start(&(loopback_reply){.bytes = OK_REPLY}, 1);
    fm_wire *wire = open_wire(NULL);
    char url[256];

    snprintf(url, sizeof(url), "%s", loopback_url(server, "/"));
    loopback_stop(server);
    send_to(wire, "POST", url, "{}", 1);
    fm_wire_reply reply = next_reply(wire);
    cr_assert(eq(int, reply.end, FM_WIRE_UNREACHED), "%s", reply.detail);
    cr_assert(reply.total_s == 0 && reply.first_byte_s == 0);
    /* .invalid is never given to anybody; no resolver is asked for it where there is no network. */
    send_to(wire, "GET", "http://host.invalid/", NULL, 2);
    reply = next_reply(wire);
    cr_assert(eq(int, reply.end, FM_WIRE_UNREACHED), "%s", reply.detail);
    cr_assert(eq(u64, reply.ticket, 2));
    fm_wire_close(wire);
}

Test(wire, a_server_that_takes_no_connection_is_given_up)
{
    /* A queue of one that is full: the kernel answers no further SYN. */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0), fillers[8];
    char url[64];

    cr_assert(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 0) == 0);
    getsockname(listener, (struct sockaddr *)&address, &size);
    for (size_t i = 0; i < FM_COUNT_OF(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fillers[i], (struct sockaddr *)&address, size);
    }
    loopback_pause(5);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(address.sin_port));
    fm_wire *wire = open_wire(&(fm_wire_config){.connect_timeout_s = 0.05});
    send_to(wire, "POST", url, "{}", 1);
    fm_wire_reply reply = next_reply(wire);
    cr_assert(eq(int, reply.end, FM_WIRE_TIMEOUT), "%s", reply.detail);
    cr_assert(strstr(reply.detail, "no connection") != NULL, "%s", reply.detail);
    fm_wire_close(wire);
    for (size_t i = 0; i < FM_COUNT_OF(fillers); i++)
        close(fillers[i]);
    close(listener);
}

/* The server takes the first request over a connection and tears it down under the second one:
 * libcurl alone would send that again. */
Test(wire, a_request_is_sent_once)
{
    static const loopback_reply script[] = {
        {.bytes = OK_REPLY}, {.after = LOOPBACK_CLOSE}, {.bytes = OK_REPLY}};
    loopback *server = loopback_start(script, FM_COUNT_OF(script));
    fm_wire *wire = open_wire(NULL);

    cr_assert(eq(int, ask(wire, server, "/").end, FM_WIRE_DONE));
    fm_wire_reply reply = ask(wire, server, "/");
    cr_assert(eq(int, reply.end, FM_WIRE_BROKEN), "%s", reply.detail);
    cr_assert(eq(sz, loopback_requests(server), 2));
    cr_assert(eq(int, ask(wire, server, "/").end, FM_WIRE_DONE));
    fm_wire_close(wire);
    loopback_stop(server);
}

Test(wire, what_was_given_up_does_not_arrive)
{
    static const loopback_reply script[] = {{.after = LOOPBACK_HANG}, {.bytes = OK_REPLY}};
    loopback *server = loopback_start(script, FM_COUNT_OF(script));
    fm_wire *wire = open_wire(NULL);
    fm_wire_reply reply;
    fm_err err = {0};
    size_t n;

    send_to(wire, "POST", loopback_url(server, "/"), "{}", 1);
    while (loopback_requests(server) == 0)
        cr_assert(eq(int, fm_wire_poll(wire, 0.01, &reply, 1, &n, &err), FM_OK));
    fm_wire_abandon(wire, 1);
    send_to(wire, "POST", loopback_url(server, "/"), "{}", 2);
    send_to(wire, "POST", loopback_url(server, "/"), "{}", 3);
    fm_wire_abandon(wire, 3); /* before it is on its way */
    fm_wire_abandon(wire, 99);
    cr_assert(eq(u64, next_reply(wire).ticket, 2));
    cr_assert(eq(int, fm_wire_poll(wire, 0.01, &reply, 1, &n, &err), FM_OK));
    cr_assert(eq(sz, n, 0));
    send_to(wire, "POST", loopback_url(server, "/"), "{}", 4); /* and closes with it in flight */
    fm_wire_close(wire);
    loopback_stop(server);
}

static void on_alarm(int number)
{
    (void)number;
}

Test(wire, a_signal_ends_the_wait)
{
    const struct itimerval soon = {.it_value.tv_usec = 20000, .it_interval.tv_usec = 20000};
    struct sigaction action = {.sa_handler = on_alarm};
    fm_wire *wire = open_wire(NULL);
    double begin = fm_clock_seconds();
    fm_wire_reply reply;
    fm_err err = {0};
    size_t n = 7;

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    cr_assert(eq(int, fm_wire_poll(wire, 30, &reply, 1, &n, &err), FM_OK), "%s", err.text);
    cr_assert(eq(sz, n, 0));
    cr_assert(fm_clock_seconds() - begin < 10);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    fm_wire_close(wire);
}

/* ---- redirects ---- */

static void redirect_to(char *out, size_t size, const char *status, const char *location)
{
    snprintf(out, size, "HTTP/1.1 %s\r\nLocation: %s\r\nContent-Length: 4\r\n\r\nmove", status,
             location);
}

Test(wire, a_redirect_on_the_same_host_takes_key_and_body_along)
{
    char moved[256];
    const loopback_reply script[] = {{.bytes = moved}, {.bytes = OK_REPLY}};

    redirect_to(moved, sizeof(moved), "307 Moved", "/there?x=1");
    loopback *server = loopback_start(script, 2);
    fm_wire *wire = open_wire(NULL);
    fm_wire_reply reply = ask(wire, server, "/here");
    cr_assert(reply.end == FM_WIRE_DONE && reply.status == 200, "%s", reply.detail);
    cr_assert(eq(str, (char *)reply.body, "ok"));
    const char *second = loopback_request(server, 1);
    cr_assert(strstr(second, "POST /there?x=1 HTTP/1.1\r\n") == second, "%s", second);
    cr_assert(strstr(second, KEY) && strstr(second, "\r\n\r\n{}"), "%s", second);
    /* The next request goes to the first address again. */
    cr_assert(eq(int, ask(wire, server, "/here").status, 200));
    cr_assert(strstr(loopback_request(server, 2), "POST /here ") != NULL);
    fm_wire_close(wire);
    loopback_stop(server);
}

Test(wire, a_redirect_to_another_host_is_not_shown_the_key)
{
    static const loopback_reply final[] = {{.bytes = OK_REPLY}};
    char away[256], back[256];
    const loopback_reply first[] = {{.bytes = away}, {.bytes = OK_REPLY}};
    loopback *other = loopback_start(final, 1);

    redirect_to(away, sizeof(away), "308 Moved", loopback_url(other, "/there"));
    loopback *server = loopback_start(first, 2);
    fm_wire *wire = open_wire(NULL);
    fm_wire_reply reply = ask(wire, server, "/here");
    cr_assert(reply.end == FM_WIRE_DONE && reply.status == 200, "%s", reply.detail);
    cr_assert(strstr(loopback_request(server, 0), KEY) != NULL);
    const char *seen = loopback_request(other, 0);
    cr_assert(strstr(seen, "POST /there ") == seen && strstr(seen, "\r\n\r\n{}"), "%s", seen);
    cr_assert(strstr(seen, KEY) == NULL && strcasestr(seen, "x-api-key") == NULL, "%s", seen);
    cr_assert(strstr(seen, "Content-Type: application/json") != NULL, "%s", seen);
    loopback_stop(other);

    /* Nor is a host that the other one points back to: who knows what it asks there. */
    const loopback_reply script[] = {{.bytes = back}};
    other = loopback_start(script, 1);
    redirect_to(back, sizeof(back), "307 Back", loopback_url(server, "/again"));
    redirect_to(away, sizeof(away), "307 Moved", loopback_url(other, "/there"));
    loopback *start = loopback_start(&(loopback_reply){.bytes = away}, 1);
    reply = ask(wire, start, "/here");
    cr_assert(reply.end == FM_WIRE_DONE, "%s", reply.detail);
    cr_assert(strstr(loopback_request(server, 1), "POST /again ") != NULL);
    cr_assert(strstr(loopback_request(server, 1), KEY) == NULL);
    fm_wire_close(wire);
    loopback_stop(start);
    loopback_stop(other);
    loopback_stop(server);
}

static const struct {
    const char *status, *location, *says;
} refused[] = {
    {"301 Moved", "/there", "a redirect of status 301"},
    {"302 Found", "/there", "a redirect of status 302"},
    {"303 See other", "/there", "a redirect of status 303"},
    {"307 Loop", "/here", "more than 5 redirects"},
    {"307 File", "file:///etc/passwd", "no address of http or https"},
    {"307 Ftp", "ftp://127.0.0.1/", "no address of http or https"},
    {"307 User", "http://user:sesame@127.0.0.1/", "a user or a password"},
    {"307 Nonsense", "http://[/", "no usable address"},
};

Test(wire, redirects_that_lead_nowhere_good_are_refused)
{
    for (size_t i = 0; i < FM_COUNT_OF(refused); i++) {
        char moved[256];

        redirect_to(moved, sizeof(moved), refused[i].status, refused[i].location);
        loopback *server = loopback_start(&(loopback_reply){.bytes = moved}, 1);
        fm_wire *wire = open_wire(NULL);
        fm_wire_reply reply = ask(wire, server, "/here");
        cr_assert(eq(int, reply.end, FM_WIRE_FAILED), "%s", refused[i].status);
        cr_assert(strstr(reply.detail, refused[i].says) != NULL, "%s: %s", refused[i].status,
                  reply.detail);
        cr_assert(strstr(reply.detail, "sesame") == NULL, "%s", reply.detail);
        fm_wire_close(wire);
        loopback_stop(server);
    }
}

Test(wire, a_get_follows_every_redirect)
{
    static const char *const statuses[] = {"301 A", "302 B", "303 C", "307 D", "308 E"};

    for (size_t i = 0; i < FM_COUNT_OF(statuses); i++) {
        char moved[256];
        const loopback_reply script[] = {{.bytes = moved}, {.bytes = OK_REPLY}};

        redirect_to(moved, sizeof(moved), statuses[i], "there");
        loopback *server = loopback_start(script, 2);
        fm_wire *wire = open_wire(NULL);
        send_to(wire, "GET", loopback_url(server, "/a/here"), NULL, 1);
        cr_assert(eq(int, next_reply(wire).status, 200));
        cr_assert(strstr(loopback_request(server, 1), "GET /a/there ") != NULL);
        fm_wire_close(wire);
        loopback_stop(server);
    }
}

/* ---- what is refused before anything is sent ---- */

Test(wire, addresses_are_checked_and_passwords_not_repeated)
{
    static const char *const bad[] = {"",
                                      "api.example.com/v1",
                                      "ftp://example.com/",
                                      "http://",
                                      "file:///etc/passwd",
                                      "https://user:sesame@example.com/",
                                      "https://user@example.com/",
                                      "http://exa mple.com/"};
    static const char *const good[] = {"http://127.0.0.1:8080", "https://api.example.com/v1/x?y=z",
                                       "HTTP://[::1]:1/"};
    fm_err err = {0};

    for (size_t i = 0; i < FM_COUNT_OF(bad); i++) {
        cr_assert(eq(int, fm_wire_check_url(bad[i], "base_url", &err), FM_E_USAGE), "%s", bad[i]);
        cr_assert(strstr(err.text, "base_url") && !strstr(err.text, "sesame"), "%s", err.text);
    }
    for (size_t i = 0; i < FM_COUNT_OF(good); i++)
        cr_assert(eq(int, fm_wire_check_url(good[i], "base_url", &err), FM_OK), "%s", err.text);
}

Test(wire, a_key_with_a_line_break_is_refused_and_not_told)
{
    const fm_wire_header header = {"X-Api-Key", KEY "\r\nX-Other: 1", true};
    fm_wire_request request = {
        .method = "GET", .url = "http://127.0.0.1:1/", .headers = &header, .n_headers = 1};
    fm_wire *wire = open_wire(NULL);
    fm_err err = {0};

    cr_assert(eq(int, fm_wire_send(wire, &request, 1, &err), FM_E_USAGE));
    cr_assert(strstr(err.text, "X-Api-Key") && !strstr(err.text, KEY), "%s", err.text);
    fm_wire_close(wire);
}

Test(wire, a_file_of_certificates_that_is_not_there_is_named)
{
    fm_wire *wire = NULL;
    fm_err err = {0};

    cr_assert(eq(int, fm_wire_open(&wire, &(fm_wire_config){.ca_file = "/nowhere/ca.pem"}, &err),
                 FM_E_USAGE));
    cr_assert(strstr(err.text, "'/nowhere/ca.pem'") != NULL, "%s", err.text);
    setenv("SSL_CERT_FILE", "/nowhere/else.pem", 1);
    cr_assert(eq(int, fm_wire_open(&wire, &(fm_wire_config){0}, &err), FM_E_USAGE));
    cr_assert(strstr(err.text, "SSL_CERT_FILE '/nowhere/else.pem'") != NULL, "%s", err.text);
}

/* ---- proxies ---- */

Test(wire, a_proxy_is_used_and_not_shown_the_key)
{
    static const loopback_reply no[] = {
        {.bytes = "HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n"}};
    loopback *proxy = loopback_start(no, 1);
    fm_wire *wire = open_wire(NULL);

    setenv("HTTPS_PROXY", loopback_url(proxy, ""), 1);
    send_to(wire, "POST", "https://api.invalid/v1", "{}", 1);
    fm_wire_reply reply = next_reply(wire);
    cr_assert(eq(int, reply.end, FM_WIRE_UNREACHED), "%s", reply.detail);
    const char *seen = loopback_request(proxy, 0);
    cr_assert(strstr(seen, "CONNECT api.invalid:443 HTTP/1.1\r\n") == seen, "%s", seen);
    cr_assert(strstr(seen, KEY) == NULL && strcasestr(seen, "x-api-key") == NULL, "%s", seen);
    fm_wire_close(wire);
    loopback_stop(proxy);
}

Test(wire, no_proxy_is_honoured)
{
    static const loopback_reply script[] = {{.bytes = OK_REPLY}};
    loopback *server = loopback_start(script, 1), *proxy = loopback_start(script, 1);
    fm_wire *wire = open_wire(NULL);

    setenv("http_proxy", loopback_url(proxy, ""), 1);
    cr_assert(eq(int, ask(wire, server, "/a").end, FM_WIRE_DONE));
    cr_assert(strstr(loopback_request(proxy, 0), "POST http://127.0.0.1:") != NULL);
    setenv("NO_PROXY", "127.0.0.1", 1);
    cr_assert(eq(int, ask(wire, server, "/b").end, FM_WIRE_DONE));
    cr_assert(strstr(loopback_request(server, 0), "POST /b ") != NULL);
    cr_assert(eq(sz, loopback_requests(proxy), 1));
    fm_wire_close(wire);
    loopback_stop(proxy);
    loopback_stop(server);
}

/* ---- secrets ---- */

Test(wire, a_key_that_the_server_echoes_is_not_in_the_detail)
{
    char moved[512];

    redirect_to(moved, sizeof(moved), "301 Moved", "http://127.0.0.1/?key=" KEY);
    loopback *server = loopback_start(&(loopback_reply){.bytes = moved}, 1);
    fm_wire *wire = open_wire(NULL);
    fm_wire_reply reply = ask(wire, server, "/");
    cr_assert(strstr(reply.detail, "?key=<removed>") != NULL, "%s", reply.detail);
    fm_wire_close(wire);
    loopback_stop(server);
}
