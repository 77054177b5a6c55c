/**
 * A server on loopback that sends exactly the bytes it was told, so that resets, cuts, drips and
 * broken headers can be made: the n-th request that arrives gets the n-th reply of the script, those
 * after its end the last one. Or what a function of the test makes of the request. A thread a
 * connection. It fails by abort(), so that programs without Criterion can use it.
 */
#ifndef FM_TESTS_LOOPBACK_H
#define FM_TESTS_LOOPBACK_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef enum {
    LOOPBACK_KEEP,  /* the connection stays for the next request */
    LOOPBACK_CLOSE, /* it ends in good order */
    LOOPBACK_RESET, /* it is torn down */
    LOOPBACK_HANG,  /* nothing more comes, until the client leaves */
} loopback_after;

typedef struct {
    const char *bytes; /* sent as they are; NULL: nothing */
    size_t size;       /* 0: strlen(bytes) */
    loopback_after after;
    int drip_ms; /* before each byte */
} loopback_reply;

enum { LOOPBACK_MAX_CONNECTIONS = 512, LOOPBACK_KEPT_REQUESTS = 64 };

typedef struct {
    int listener, port;
    const loopback_reply *script;
    size_t n_script;
    bool (*answer)(void *context, int fd, const char *request); /* false: close; NULL: the script */
    void *context;
    pthread_t acceptor;
    pthread_mutex_t lock; /* guards all below */
    pthread_t threads[LOOPBACK_MAX_CONNECTIONS];
    int sockets[LOOPBACK_MAX_CONNECTIONS];
    size_t connections, requests;
    char *kept[LOOPBACK_KEPT_REQUESTS]; /* the first requests, head and body */
} loopback;

typedef struct {
    loopback *server;
    int fd;
} loopback_connection;

static inline void loopback_pause(int ms)
{
    const struct timespec wait = {ms / 1000, ms % 1000 * 1000000L};

    nanosleep(&wait, NULL);
}

static inline size_t loopback_body_bytes(const char *head)
{
    const char *found = strcasestr(head, "\r\ncontent-length:");

    return found ? strtoul(found + 17, NULL, 10) : 0;
}

/* One request, head and body, terminated; NULL: the client is gone. The caller frees it. A client
 * sends no second request before the first is answered, so nothing is read too far. */
static inline char *loopback_read(int fd)
{
    size_t size = 0, capacity = 4096, whole = 0;
    char *text = malloc(capacity);

    while (text && (whole == 0 || size < whole)) {
        ssize_t n = recv(fd, text + size, capacity - size - 1, 0);

        if (n <= 0) {
            free(text);
            return NULL;
        }
        size += (size_t)n;
        text[size] = '\0';
        const char *end = whole ? NULL : strstr(text, "\r\n\r\n");
        if (end)
            whole = (size_t)(end + 4 - text) + loopback_body_bytes(text);
        if (capacity - size < 2)
            text = realloc(text, capacity *= 2);
    }
    if (!text)
        abort();
    return text;
}

/* Count the request, keep it where there is room, and find its reply. */
static inline const loopback_reply *loopback_next(loopback *server, char *request)
{
    pthread_mutex_lock(&server->lock);
    size_t at = server->requests++;
    if (at < LOOPBACK_KEPT_REQUESTS)
        server->kept[at] = request;
    else
        free(request);
    pthread_mutex_unlock(&server->lock);
    return &server->script[at < server->n_script ? at : server->n_script - 1];
}

static inline bool loopback_write(int fd, const loopback_reply *reply)
{
    size_t size = reply->size || !reply->bytes ? reply->size : strlen(reply->bytes);

    for (size_t at = 0; at < size;) {
        if (reply->drip_ms)
            loopback_pause(reply->drip_ms);
        ssize_t n = send(fd, reply->bytes + at, reply->drip_ms ? 1 : size - at, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

static inline void *loopback_serve(void *argument)
{
    loopback_connection connection = *(loopback_connection *)argument;
    const loopback_reply *reply = NULL;
    char *request, rest[256];

    free(argument);
    while ((request = loopback_read(connection.fd))) {
        if (connection.server->answer) {
            bool more =
                connection.server->answer(connection.server->context, connection.fd, request);
            free(request);
            request = NULL;
            if (!more)
                break;
            continue;
        }
        reply = loopback_next(connection.server, request);
        if (!loopback_write(connection.fd, reply) || reply->after != LOOPBACK_KEEP)
            break;
    }
    if (request && reply->after == LOOPBACK_HANG)
        while (recv(connection.fd, rest, sizeof(rest), 0) > 0)
            ;
    if (request && reply->after == LOOPBACK_RESET)
        setsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0},
                   sizeof(struct linger));
    /* Only loopback_stop() may close before; it shuts down first and leaves closing to here. */
    pthread_mutex_lock(&connection.server->lock);
    for (size_t i = 0; i < connection.server->connections; i++)
        if (connection.server->sockets[i] == connection.fd)
            connection.server->sockets[i] = -1;
    close(connection.fd);
    pthread_mutex_unlock(&connection.server->lock);
    return NULL;
}

static inline void *loopback_accept(void *argument)
{
    loopback *server = argument;
    int fd;

    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        loopback_connection *connection = malloc(sizeof(*connection));

        pthread_mutex_lock(&server->lock);
        if (!connection || server->connections == LOOPBACK_MAX_CONNECTIONS)
            abort();
        *connection = (loopback_connection){server, fd};
        server->sockets[server->connections] = fd;
        if (pthread_create(&server->threads[server->connections++], NULL, loopback_serve,
                           connection) != 0)
            abort();
        pthread_mutex_unlock(&server->lock);
    }
    return NULL;
}

static inline loopback *loopback_start(const loopback_reply *script, size_t n_script)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    loopback *server = calloc(1, sizeof(*server));

    if (!server)
        abort();
    server->script = script;
    server->n_script = n_script;
    pthread_mutex_init(&server->lock, NULL);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server->listener, (struct sockaddr *)&address, size) != 0 ||
        listen(server->listener, 256) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &size) != 0 ||
        pthread_create(&server->acceptor, NULL, loopback_accept, server) != 0)
        abort();
    server->port = ntohs(address.sin_port);
    return server;
}

static inline void loopback_stop(loopback *server)
{
    shutdown(server->listener, SHUT_RDWR); /* wakes accept() */
    pthread_join(server->acceptor, NULL);
    close(server->listener);
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->connections; i++)
        if (server->sockets[i] >= 0)
            shutdown(server->sockets[i], SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
    for (size_t i = 0; i < server->connections; i++)
        pthread_join(server->threads[i], NULL);
    for (size_t i = 0; i < LOOPBACK_KEPT_REQUESTS; i++)
        free(server->kept[i]);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

static inline size_t loopback_requests(loopback *server)
{
    pthread_mutex_lock(&server->lock);
    size_t n = server->requests;
    pthread_mutex_unlock(&server->lock);
    return n;
}

static inline size_t loopback_connections(loopback *server)
{
    pthread_mutex_lock(&server->lock);
    size_t n = server->connections;
    pthread_mutex_unlock(&server->lock);
    return n;
}

/* The n-th request as it came, or ""; it lives as long as the server. */
static inline const char *loopback_request(loopback *server, size_t n)
{
    pthread_mutex_lock(&server->lock);
    const char *text = n < LOOPBACK_KEPT_REQUESTS ? server->kept[n] : NULL;
    pthread_mutex_unlock(&server->lock);
    return text ? text : "";
}

/* The address of a path on it; good for four calls. */
static inline const char *loopback_url(const loopback *server, const char *path)
{
    static char urls[4][256];
    static unsigned turn;
    char *out = urls[turn++ % 4];

    snprintf(out, sizeof(urls[0]), "http://127.0.0.1:%d%s", server->port, path);
    return out;
}

#endif
