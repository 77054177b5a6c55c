/**
 * HTTP over a plain socket, for tests that look at what is on the wire: a client that knows how its
 * connection ended, which libraries do not tell.
 */
#ifndef FM_TESTS_HTTP_H
#define FM_TESTS_HTTP_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"

typedef enum {
    HTTP_WHOLE,   /* as many bytes as Content-Length said */
    HTTP_SHORT,   /* the connection closed before */
    HTTP_RESET,   /* ECONNRESET */
    HTTP_TIMEOUT, /* the test's own patience ended */
} http_end;

typedef struct {
    http_end end;
    int status; /* 0: no status line came */
    fm_buf raw; /* everything that came */
    const char *head, *body;
    size_t body_size, announced;
} http_reply;

static int http_connect(int port)
{
    struct sockaddr_in where = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)&where, sizeof(where)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool http_send(int fd, const void *bytes, size_t size)
{
    const char *p = bytes;

    while (size > 0) {
        ssize_t n = send(fd, p, size, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

/* `headers`: whole lines, may be "". */
static bool http_post(int fd, const char *path, const char *headers, const char *body, size_t size)
{
    fm_buf text = {0};
    bool sent;

    fm_buf_printf(&text, "POST %s HTTP/1.1\r\nHost: mock\r\nContent-Length: %zu\r\n%s\r\n", path,
                  size, headers);
    fm_buf_append(&text, body, size);
    sent = !text.failed && http_send(fd, text.data, text.size);
    fm_buf_release(&text);
    return sent;
}

/* The value of a header, until the next call of this thread; NULL: there is none. */
static const char *http_header(const http_reply *reply, const char *name)
{
    static _Thread_local char value[256];
    size_t n = strlen(name);

    for (const char *line = reply->head; line && line < reply->body;
         line = strstr(line, "\r\n"), line = line ? line + 2 : NULL) {
        if (strncasecmp(line, name, n) != 0 || line[n] != ':')
            continue;
        snprintf(value, sizeof(value), "%.*s", (int)strcspn(line + n + 2, "\r"), line + n + 2);
        return value;
    }
    return NULL;
}

static bool http_complete(http_reply *reply)
{
    const char *text = fm_buf_text(&reply->raw), *end = strstr(text, "\r\n\r\n"), *length;

    if (!end)
        return false;
    reply->head = text;
    reply->body = end + 4;
    reply->body_size = reply->raw.size - (size_t)(reply->body - text);
    reply->status = (int)strtol(text + strlen("HTTP/1.1 "), NULL, 10);
    length = http_header(reply, "Content-Length");
    reply->announced = length ? strtoul(length, NULL, 10) : 0;
    return reply->body_size >= reply->announced;
}

/* One reply, or what became of it within `patience_s`. http_release() it. */
static void http_read(int fd, double patience_s, http_reply *reply)
{
    double until = fm_clock_seconds() + patience_s;

    *reply = (http_reply){.end = HTTP_TIMEOUT};
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        double left = until - fm_clock_seconds();
        char *room = fm_buf_room(&reply->raw, 65536);
        ssize_t n;

        if (left <= 0 || !room || poll(&ready, 1, (int)(left * 1e3) + 1) <= 0)
            return;
        n = recv(fd, room, 65536, 0);
        if (n < 0) {
            reply->end = HTTP_RESET;
            return;
        }
        if (n == 0) {
            reply->end = HTTP_SHORT;
            return;
        }
        reply->raw.size += (size_t)n;
        reply->raw.data[reply->raw.size] = '\0';
        if (http_complete(reply)) {
            reply->end = HTTP_WHOLE;
            return;
        }
    }
}

static void http_release(http_reply *reply)
{
    fm_buf_release(&reply->raw);
    *reply = (http_reply){0};
}

#endif
