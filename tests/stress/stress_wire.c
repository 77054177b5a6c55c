/* The client under load, for the sanitizers: thousands of exchanges, 64 in flight, over connections
 * that break in every way, some given up, all recorded; and what was recorded, played again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/loopback.h"
#include "base/size.h"
#include "wire/client.h"

enum { N = 3000, IN_FLIGHT = 64, ABANDON_EVERY = 97, ENDS = FM_WIRE_FAILED + 1 };

static const loopback_reply whole = {
    .bytes = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n"
             "{\"text\":\"hi\"}"};
static const loopback_reply broken[] = {
    {.after = LOOPBACK_RESET},
    {.after = LOOPBACK_CLOSE},
    {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"te", .after = LOOPBACK_CLOSE},
    {.bytes = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"},
    {.bytes = "HTTP/1.1 307 Loop\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"},
    {.bytes = "HTTP/1.1 200 OK\r\n\r\nto the end", .after = LOOPBACK_CLOSE},
};

typedef struct {
    size_t arrived, abandoned, by_end[ENDS];
} tally;

static void must(fm_status st, const fm_err *err)
{
    if (st == FM_OK)
        return;
    fprintf(stderr, "stress: %s\n", err->text);
    exit(1);
}

static void send_one(fm_wire *wire, const char *url, uint64_t ticket)
{
    const fm_wire_header headers[] = {{"Content-Type", "application/json", false},
                                      {"X-Api-Key", "sk-canary-0123456789", true}};
    fm_buf body = {0};
    fm_wire_request request = {.method = "POST",
                               .url = url,
                               .headers = headers,
                               .n_headers = FM_COUNT_OF(headers),
                               .body = &body};
    fm_err err = {0};

    fm_buf_printf(&body, "{\"n\":%llu}", (unsigned long long)ticket);
    must(fm_wire_send(wire, &request, ticket, &err), &err);
}

/* Every ticket arrives once, or was given up. */
static tally ask_all(const fm_wire_config *config, const char *url)
{
    static bool settled[N];
    fm_wire_reply replies[16];
    fm_wire *wire = NULL;
    tally seen = {0};
    size_t sent = 0, n;
    fm_err err = {0};

    memset(settled, 0, sizeof(settled));
    must(fm_wire_open(&wire, config, &err), &err);
    while (seen.arrived + seen.abandoned < N) {
        for (; sent < N && sent - seen.arrived - seen.abandoned < IN_FLIGHT; sent++) {
            send_one(wire, url, sent);
            if (!config->replay_path && sent % ABANDON_EVERY == 0) {
                fm_wire_abandon(wire, sent);
                settled[sent] = true;
                seen.abandoned++;
            }
        }
        must(fm_wire_poll(wire, 5, replies, FM_COUNT_OF(replies), &n, &err), &err);
        for (size_t i = 0; i < n; i++) {
            if (replies[i].ticket >= N || settled[replies[i].ticket]) {
                fprintf(stderr, "stress: a ticket that nobody waits for\n");
                exit(1);
            }
            settled[replies[i].ticket] = true;
            seen.by_end[replies[i].end]++;
            seen.arrived++;
        }
    }
    fm_wire_close(wire);
    return seen;
}

/* Every fortieth reply breaks in one of the ways. */
static loopback_reply *write_script(void)
{
    loopback_reply *script = calloc((size_t)N * 2, sizeof(*script));

    if (!script)
        exit(1);
    for (size_t i = 0; i < (size_t)N * 2; i++)
        script[i] = i % 40 == 3 ? broken[i / 40 % FM_COUNT_OF(broken)] : whole;
    return script;
}

int main(void)
{
    char path[] = "/tmp/fathom-stress-XXXXXX", url[256];
    loopback_reply *script = write_script();
    loopback *server = loopback_start(script, (size_t)N * 2);
    int fd = mkstemp(path);

    if (fd < 0 || close(fd) != 0)
        return 1;
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    snprintf(url, sizeof(url), "%s", loopback_url(server, "/v1"));
    tally live = ask_all(&(fm_wire_config){.record_path = path}, url);
    loopback_stop(server);
    tally played = ask_all(&(fm_wire_config){.replay_path = path}, url);
    unlink(path);
    free(script);

    /* What was given up was not recorded. */
    bool same = played.by_end[FM_WIRE_UNRECORDED] == live.abandoned;
    for (int end = 0; end < ENDS; end++)
        if (end != FM_WIRE_UNRECORDED)
            same &= played.by_end[end] == live.by_end[end];
    if (!same || live.by_end[FM_WIRE_BROKEN] == 0 || live.by_end[FM_WIRE_DONE] < N / 2) {
        fprintf(stderr, "stress: %zu broken, %zu whole; played: %zu broken, %zu whole\n",
                live.by_end[FM_WIRE_BROKEN], live.by_end[FM_WIRE_DONE],
                played.by_end[FM_WIRE_BROKEN], played.by_end[FM_WIRE_DONE]);
        return 1;
    }
    return 0;
}
