/**
 * A provider on loopback: a scripted model behind the protocols of Gemini, OpenAI, Anthropic and
 * RoboTracer, or a cassette, with latency and faults on demand. What `fathom mock` serves, and the
 * double that tests talk to in their own process.
 *
 * Which request meets which fault depends on the seed, the request's body and how often that body
 * came before, never on the order of arrival. It runs on a thread of its own (libmicrohttpd).
 */
#ifndef FM_MOCK_SERVER_H
#define FM_MOCK_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "fathom/status.h"

/* name on the command line, meaning */
#define FM_MOCK_FAULT_MAP(X)                                                                       \
    X(429, "429", "too many requests, with nothing said about when to come back")                  \
    X(429_AFTER, "429-after", "too many requests, with Retry-After or Google's RetryInfo")         \
    X(429_DAILY, "429-daily", "the quota of the day is used up, in the provider's words")          \
    X(500, "500", "an internal error")                                                             \
    X(503, "503", "overloaded (529 where that is the provider's word)")                            \
    X(RESET, "reset", "the connection is reset before a reply")                                    \
    X(TRUNCATED, "truncated", "the connection closes in the middle of the body")                   \
    X(SLOW, "slow", "the body drips, a few bytes a second")                                        \
    X(EMPTY, "empty", "a reply of status 200 without text")                                        \
    X(NO_BODY, "no-body", "a reply of status 200 without a body")                                  \
    X(HTML, "html", "an HTML error page of status 502")                                            \
    X(HTML_200, "html-200", "an HTML page of status 200")                                          \
    X(WRONG_TYPE, "wrong-type", "the reply as text/plain, cut after half of its JSON")             \
    X(UNKNOWN_FINISH, "unknown-finish", "a reason to finish that nobody has heard of, no text")    \
    X(CUT, "cut", "the output limit was reached: half a text")                                     \
    X(REFUSAL, "refusal", "the model or a filter declines")                                        \
    X(HANG, "hang", "no reply at all until the client gives up")

typedef enum {
#define FM_MOCK_FAULT_ENUM(code, name, text) FM_MOCK_##code,
    FM_MOCK_FAULT_MAP(FM_MOCK_FAULT_ENUM)
#undef FM_MOCK_FAULT_ENUM
        FM_MOCK_FAULTS
} fm_mock_fault;

typedef struct {
    const char *address;     /* NULL: 127.0.0.1 */
    int port;                /* 0: any free one */
    double latency_s;        /* before each reply */
    double latency_jitter_s; /* uniform on top of it */
    double
        rates[FM_MOCK_FAULTS]; /* share of requests that meet each fault; they sum to at most 1 */
    double retry_after_s;      /* what 429-after states; 0: 1 s */
    uint64_t seed;
    const char *reply;          /* text of the scripted model; NULL: a trace of two points */
    const char *replies_path;   /* JSON lines {"contains": "part of the prompt", "text": "..."}: the
                                   first that fits answers; NULL: none */
    const char *cassette_path;  /* serves this instead of the scripted model */
    const char *require_key;    /* requests without this key are refused in the provider's way;
                                   NULL: any, or none */
    double requests_per_second; /* more than these get 429-after; 0: no bound */
    const char *log_path; /* what came in, one JSON line a request, bodies included; NULL: none */
    const char *cert_path, *key_path; /* PEM: serve https; NULL: http */
} fm_mock_config;

typedef struct {
    uint64_t requests, replies_ok, by_fault[FM_MOCK_FAULTS];
    uint64_t most_in_flight;
} fm_mock_counts;

typedef struct fm_mock fm_mock;

FM_MUST_CHECK fm_status fm_mock_start(fm_mock **out, const fm_mock_config *config, fm_err *err);
int fm_mock_port(const fm_mock *mock);
void fm_mock_counts_read(const fm_mock *mock, fm_mock_counts *out); /* thread-safe */
void fm_mock_stop(fm_mock *mock); /* accepts NULL; ends what is in flight */

const char *fm_mock_fault_name(fm_mock_fault fault);
const char *fm_mock_fault_meaning(fm_mock_fault fault);
bool fm_mock_fault_from_name(const char *name, fm_mock_fault *out);

#endif
