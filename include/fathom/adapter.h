/**
 * An adapter is anything that answers a request: a model behind an API, a program, a file of old
 * replies, a baseline.
 *
 * Adapters are `const` tables; callers go through the wrappers below, which check the slots, time
 * the call and see to it that only adapters flagged FM_CAP_SEES_TRUTH are ever given the truth. One
 * state serves one thread.
 *
 * An adapter makes attempts, one for each request it is given. Whether and when to ask again is the
 * caller's business: a reply of a failed attempt says what is known about that (fm_retry).
 */
#ifndef FATHOM_ADAPTER_H
#define FATHOM_ADAPTER_H

#include <stdbool.h>
#include <stdint.h>

#include "fathom/sample.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FM_CAP_IMAGES = 1 << 0,     /* takes the picture */
    FM_CAP_DEPTH = 1 << 1,      /* takes a depth map */
    FM_CAP_INTRINSICS = 1 << 2, /* takes the camera */
    FM_CAP_SEES_TRUTH = 1 << 3, /* a baseline: marks the scale of the numbers, never a result */
    FM_CAP_OFFLINE = 1 << 4,    /* answers from what is on this machine */
    FM_CAP_WIRE = 1 << 5,       /* speaks HTTP: its exchanges can be recorded and replayed */
};

/* What is asked. Borrowed for the duration of the call; holds no part of the truth. */
typedef struct {
    const char *id;
    const char *task;    /* "tracespatial-3d" */
    fm_answer_kind kind; /* what the task asks for */
    const char *prompt;
    const char *image_path, *depth_path; /* absolute, NULL where there is none */
    const char *const *more_images;      /* shown after the first, in order; never without it */
    size_t n_more_images;
    const fm_camera *camera; /* NULL where there is none */
    int repeat;              /* 1, 2, ...: which of the askings of this sample it is */
} fm_request;

/* What a reply took, as the provider states it. All zero: nothing was stated. */
typedef struct {
    bool stated;
    int64_t input_tokens;   /* of the prompt, cached ones included */
    int64_t output_tokens;  /* of the answer, without thought */
    int64_t thought_tokens; /* billed as output */
    int64_t cached_tokens;  /* of the input, taken from the provider's own cache */
} fm_usage;

/* What is known about asking again after an attempt that failed. */
typedef enum {
    FM_RETRY_NEVER,     /* the same would come back; the status stands */
    FM_RETRY_TRANSIENT, /* a fault of the way or the server (5xx, reset, empty reply): again after a
                           pause; no reason to send less */
    FM_RETRY_THROTTLED, /* the provider wants fewer requests: send less, and again after a pause */
    FM_RETRY_EXHAUSTED, /* a quota that does not come back soon: nothing more can be asked */
    FM_RETRY_HOPELESS,  /* key, model or address are refused: every sample would end like this */
} fm_retry;

/* What the provider says of its limits beside a reply. Negative: not stated. */
typedef struct {
    bool stated;
    double remaining_requests, remaining_tokens;
    double reset_requests_s, reset_tokens_s; /* from now */
} fm_rate_hint;

/* What came back. `text` is any bytes; the texts live until the next call on the same state or its
 * close. */
typedef struct {
    fm_sample_status status; /* FM_SAMPLE_OK, or why there is no answer to grade */
    const char *text;        /* NULL: no reply at all */
    size_t size;
    const char *finish_reason; /* the provider's own word, or NULL */
    const char *detail;        /* one line about a failure, free of secrets, or NULL */
    double latency_s;          /* from submitting to the reply; filled by the wrappers */

    /* All of what follows may stay zero. */
    double server_s; /* of latency_s: from the request being sent to the first byte of the reply */
    int http_status;
    const char *model;      /* the version that answered, in the provider's words, or NULL */
    const char *request_id; /* the provider's, or NULL */
    fm_usage usage;
    fm_retry retry;
    double retry_after_s; /* the provider's own wish; 0: none stated */
    fm_rate_hint rate;
    bool cached; /* from fathom's response cache: nothing was sent, nothing is owed */
} fm_reply;

/* A reply to a submitted request. Its texts live until the next submit or poll on the adapter, or its
 * close. */
typedef struct {
    uint64_t ticket;
    fm_reply reply;
} fm_arrival;

/* What asking would take, found without asking. */
typedef struct {
    char key[65]; /* SHA-256, hexadecimal, of everything that determines the reply: address,
                                model, messages, contents of pictures, settings, repeat; never a key
                                of an account. Empty: nothing would be sent */
    bool sampled; /* the settings draw: another asking may give another reply */
    int64_t request_bytes; /* on the wire */
    int64_t input_tokens;  /* an estimate: docs/adapters.md says by which rule */
    int64_t output_tokens; /* the most that the settings allow; 0: no bound */
} fm_estimate;

/* Settings from an adapter's file, the environment or the command line: key=value strings. */
typedef struct {
    const char *key, *value;
} fm_setting;

typedef struct {
    const fm_setting *settings;
    size_t n_settings;
    uint64_t seed;
    double timeout_s;         /* for one attempt; 0: the adapter's default */
    double connect_timeout_s; /* of it, for reaching the server; 0: the adapter's default */
    /* The form in which the prompt asks for the answer: "tuples", "json" or "xyz" of a trace, else one that
     * docs/adapters.md lists, or a protocol's own. Baselines write it. NULL: not stated. */
    const char *answers;
    /* FM_CAP_WIRE only, else refused: files of HTTP exchanges (wire/cassette.h). NULL: none */
    const char *record_path, *replay_path;
    /* One line worth telling, free of secrets, while it opens; may be NULL. */
    void (*notice)(void *context, const char *text);
    void *notice_context;
    /* While it opens, where that takes long (weights that are packed): so many bytes are ready of so many.
     * false ends it with FM_E_INTERRUPTED; may be NULL. */
    bool (*opening)(void *context, uint64_t done_bytes, uint64_t all_bytes);
    void *opening_context;
} fm_adapter_config;

typedef struct {
    const char *name; /* e.g. "noise_px"; unknown keys are refused with a suggestion */
    const char *summary;
    const char *fallback; /* default as text, or NULL: none */
    /* Variables that give the value where it is not set, the first that is set wins. Never a key of
     * an account: those are read by the adapter alone, when it opens, and are no settings. */
    const char *environment[3];
    /* It cannot change a reply (a limit, a price, a file of certificates): it is no part of a run's
     * identity, and a run goes on under another value. */
    bool operational;
} fm_adapter_option;

typedef struct {
    const char *name;    /* stable id, lower case: used on the command line and in results */
    const char *summary; /* one line for `fathom list` */
    unsigned caps;       /* FM_CAP_... */
    const fm_adapter_option *options; /* ends with a NULL name; NULL: takes none */
    const char *keys[3]; /* variables that hold a key of an account, the first that is set wins */

    /* Optional: refuse what may neither be kept nor shown, such as a password in an address. Called
     * with each setting before a manifest holds it. */
    fm_status (*check)(const fm_setting *setting, fm_err *err);
    /* Optional: the SHA-256 of what the settings name and replies come from, such as a model's files, so
     * that a run does not go on with another one of the same name. False: it cannot be told, which
     * opening has to say. */
    bool (*fingerprint)(const fm_adapter_config *config, char out[65]);
    fm_status (*open)(void **state, const fm_adapter_config *config, fm_err *err);
    /* truth is NULL unless the table says FM_CAP_SEES_TRUTH. A failure that belongs to this one
     * sample is FM_OK with a status in the reply; a returned error ends the run. */
    fm_status (*generate)(void *state, const fm_request *request, const fm_sample *truth,
                          fm_reply *reply, fm_err *err);
    void (*close)(void *state);

    /* Instead of generate, for adapters that can have many requests in flight (all three, or none).
     * Submit takes what it needs from the request before it returns, and never waits. Poll waits up
     * to wait_s, or until something arrives, and gives up to `capacity` arrivals; every ticket
     * arrives exactly once, as long as it is not abandoned. Returned errors end the run. */
    fm_status (*submit)(void *state, const fm_request *request, uint64_t ticket, fm_err *err);
    fm_status (*poll)(void *state, double wait_s, fm_arrival *arrivals, size_t capacity, size_t *n,
                      fm_err *err);
    void (*abandon)(void *state, uint64_t ticket);

    /* Optional: what asking would take. Sends nothing. */
    fm_status (*estimate)(void *state, const fm_request *request, fm_estimate *out, fm_err *err);
    /* Optional: make a running generate() return soon. Called from a signal-safe place of another
     * thread. */
    void (*cancel)(void *state);
} fm_adapter_ops;

typedef struct fm_adapter fm_adapter;

/* The settings as they count: those given, then the environment's where the table names variables.
 * *out is in the arena (an fm_arena). FM_E_USAGE for a key that the adapter does not know or that
 * stands twice. Strings are borrowed from `given` and copied from the environment. */
struct fm_arena;
FM_API FM_MUST_CHECK fm_status fm_adapter_resolve(const fm_adapter_ops *ops,
                                                  const fm_setting *given, size_t n_given,
                                                  struct fm_arena *arena, fm_setting **out,
                                                  size_t *n, fm_err *err);

/* Checks the settings against the table's options, then opens. The caller closes *out with
 * fm_adapter_close(). */
FM_API FM_MUST_CHECK fm_status fm_adapter_open(fm_adapter **out, const fm_adapter_ops *ops,
                                               const fm_adapter_config *config, fm_err *err);
FM_API FM_MUST_CHECK fm_status fm_adapter_generate(fm_adapter *adapter, const fm_request *request,
                                                   const fm_sample *sample, fm_reply *reply,
                                                   fm_err *err);

/* The same for any adapter, in steps. One without submit answers inside fm_adapter_submit(), and has
 * room for one request: ask fm_adapter_room() first. */
FM_API size_t fm_adapter_room(const fm_adapter *adapter); /* requests that may be submitted now */
FM_API FM_MUST_CHECK fm_status fm_adapter_submit(fm_adapter *adapter, const fm_request *request,
                                                 const fm_sample *sample, uint64_t ticket,
                                                 fm_err *err);
FM_API FM_MUST_CHECK fm_status fm_adapter_poll(fm_adapter *adapter, double wait_s,
                                               fm_arrival *arrivals, size_t capacity, size_t *n,
                                               fm_err *err);
FM_API void fm_adapter_abandon(fm_adapter *adapter, uint64_t ticket);

/* *known false where the adapter cannot tell. */
FM_API FM_MUST_CHECK fm_status fm_adapter_estimate(fm_adapter *adapter, const fm_request *request,
                                                   fm_estimate *out, bool *known, fm_err *err);
FM_API void fm_adapter_cancel(fm_adapter *adapter);
FM_API void fm_adapter_close(fm_adapter *adapter); /* accepts NULL */

/* The value of a setting, the option's fallback, or NULL. */
FM_API const char *fm_adapter_setting(const fm_adapter_ops *ops, const fm_adapter_config *config,
                                      const char *key);

#ifdef __cplusplus
}
#endif
#endif
