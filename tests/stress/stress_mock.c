/* The mock under pressure, for ThreadSanitizer: many clients in threads of their own, every fault
 * that does not wait, counts read meanwhile, and a stop in the middle of it all. */
#include <pthread.h>
#include <stdatomic.h>

#include "mock/server.h"
#include "tests/support/http.h"

enum { CLIENTS = 8, REQUESTS = 150, ROUNDS = 3 };

typedef struct {
    int port, number;
    uint64_t good; /* replies of status 200 with the whole text */
    atomic_bool *stop;
    pthread_t thread;
} client;

static void *client_main(void *argument)
{
    client *c = argument;
    int fd = -1;

    for (int i = 0; i < REQUESTS && !atomic_load(c->stop); i++) {
        char body[96];
        http_reply reply = {0};

        snprintf(body, sizeof(body), "{\"image_paths\":[],\"text\":\"%d of %d\"}", i, c->number);
        if (fd < 0)
            fd = http_connect(c->port);
        if (fd >= 0 && http_post(fd, "/query", "", body, strlen(body)))
            http_read(fd, 5, &reply);
        c->good += reply.end == HTTP_WHOLE && reply.status == 200 && reply.body_size > 12 &&
                   strstr(reply.body, "fine") != NULL;
        if (reply.end != HTTP_WHOLE && fd >= 0) {
            close(fd);
            fd = -1;
        }
        http_release(&reply);
    }
    if (fd >= 0)
        close(fd);
    return NULL;
}

/* The replies that clients count as good are those that the server counts. */
static int round_of(bool stop_early)
{
    fm_mock_config config = {.reply = "fine", .latency_s = 0.0005, .latency_jitter_s = 0.001};
    atomic_bool stop = false;
    client clients[CLIENTS];
    fm_mock_counts counts = {0};
    fm_mock *mock = NULL;
    fm_err err = {0};
    uint64_t good = 0;

    config.rates[FM_MOCK_RESET] = config.rates[FM_MOCK_TRUNCATED] = 0.1;
    config.rates[FM_MOCK_500] = config.rates[FM_MOCK_EMPTY] = 0.1;
    if (fm_mock_start(&mock, &config, &err) != FM_OK) {
        fprintf(stderr, "no server: %s\n", err.text);
        return 1;
    }
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (client){.port = fm_mock_port(mock), .number = i, .stop = &stop};
        if (pthread_create(&clients[i].thread, NULL, client_main, &clients[i]) != 0)
            return 1;
    }
    while (stop_early && counts.requests < 100)
        fm_mock_counts_read(mock, &counts);
    if (stop_early) {
        atomic_store(&stop, true);
        fm_mock_stop(mock);
    }
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
        good += clients[i].good;
    }
    if (stop_early)
        return 0;
    fm_mock_counts_read(mock, &counts);
    fm_mock_stop(mock);
    if (counts.requests != CLIENTS * REQUESTS || counts.replies_ok != good || good == 0) {
        fprintf(stderr, "%llu requests, %llu good replies sent, %llu received\n",
                (unsigned long long)counts.requests, (unsigned long long)counts.replies_ok,
                (unsigned long long)good);
        return 1;
    }
    return 0;
}

int main(void)
{
    for (int i = 0; i < ROUNDS; i++)
        if (round_of(false) || round_of(true))
            return 1;
    return 0;
}
