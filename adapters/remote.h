/**
 * What the adapters that speak HTTP share: settings, keys, pictures, tickets, and what a reply or its
 * absence means for a sample. Each of them adds its dialect: how a request looks, where the text of a
 * reply stands, what the provider's words mean.
 *
 * A key comes from the environment, is sent as a secret header, and is taken out of everything that a
 * server says before anybody sees it. One state serves one thread.
 */
#ifndef FM_ADAPTERS_REMOTE_H
#define FM_ADAPTERS_REMOTE_H

#include <stdio.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "fathom/adapter.h"
#include "wire/client.h"

typedef struct fm_remote fm_remote;

/* ---- settings ---- */

/* Rows that the option tables have in common. */
#define FM_REMOTE_OPTIONS_OF_MODELS                                                                \
    {.name = "temperature",                                                                        \
     .summary = "0 to 2; 'none' leaves it to the provider",                                        \
     .fallback = "0"},                                                                             \
        {.name = "top_p", .summary = "share of the probability that is drawn from"},               \
        {.name = "system", .summary = "text that goes before the prompt as the system's"},         \
        {.name = "stop", .summary = "text that ends the reply, or a JSON list of up to 4"},        \
    {                                                                                              \
        .name = "depth", .summary = "image: send the depth map as a second picture; none",         \
        .fallback = "none"                                                                         \
    }
#define FM_REMOTE_OPTIONS_OF_ALL                                                                   \
    {.name = "extra_body", .summary = "JSON object that is merged into every request"},            \
        {.name = "key_env",                                                                        \
         .summary = "another variable that holds the key",                                         \
         .operational = true},                                                                     \
        {.name = "ca_file", .summary = "certificates (PEM) to trust", .operational = true},        \
        {.name = "price_input",                                                                    \
         .summary = "money for a million tokens of input",                                         \
         .operational = true},                                                                     \
        {.name = "price_cached_input",                                                             \
         .summary = "the same, from the provider's cache",                                         \
         .operational = true},                                                                     \
    {                                                                                              \
        .name = "price_output",                                                                    \
        .summary = "money for a million tokens of output, thought included", .operational = true   \
    }

/* The value of a setting or its fallback; NULL where it is not set or empty. */
const char *fm_remote_setting(const fm_remote *remote, const char *key);
bool fm_remote_given(const fm_remote *remote, const char *key); /* by the user, not the table */

/* A number in [least, most], whole where `whole`. *out stays where the setting is not set. */
FM_MUST_CHECK fm_status fm_remote_number(const fm_remote *remote, const char *key, double least,
                                         double most, bool whole, double *out, fm_err *err);
/* One of `words`, which end with NULL; *index stays where the setting is not set. */
FM_MUST_CHECK fm_status fm_remote_word(const fm_remote *remote, const char *key,
                                       const char *const *words, int *index, fm_err *err);

/* Members of the request that come from a setting of a number, or from `stop`. Nothing is written
 * where it is not set. */
FM_MUST_CHECK fm_status fm_remote_put_number(const fm_remote *remote, fm_json_writer *w,
                                             const char *member, const char *key, double least,
                                             double most, bool whole, fm_err *err);
/* temperature: 'none', and `none_by_default` where nobody set it, leave it out. */
FM_MUST_CHECK fm_status fm_remote_put_temperature(const fm_remote *remote, fm_json_writer *w,
                                                  bool none_by_default, double most, fm_err *err);
/* max_output_tokens, which the estimate needs as well. */
FM_MUST_CHECK fm_status fm_remote_put_limit(fm_remote *remote, fm_json_writer *w,
                                            const char *member, fm_err *err);
FM_MUST_CHECK fm_status fm_remote_put_stop(const fm_remote *remote, fm_json_writer *w,
                                           const char *member, fm_err *err);

/* The texts are copied. */
FM_MUST_CHECK fm_status fm_remote_add_header(fm_remote *remote, const char *name,
                                             const char *prefix, const char *value, bool secret,
                                             fm_err *err);
/* A header that names an account, from a variable of the environment where it is set. Secret. */
FM_MUST_CHECK fm_status fm_remote_add_account(fm_remote *remote, const char *variable,
                                              const char *name, fm_err *err);
/* Whether the path of the base URL ends with `tail`, slashes at its end aside. */
bool fm_remote_base_ends_with(const fm_remote *remote, const char *tail);

/* ---- a request being built ---- */

typedef struct {
    const char *path;       /* NULL: there is none */
    const char *media_type; /* "image/png", ... */
    int64_t size;
    FILE *file; /* at its start; NULL where only the hash is written */
    char hash[FM_HASH_TEXT_BYTES];
} fm_remote_picture;

#define FM_REMOTE_PICTURES 16 /* of one request, the depth map aside */

typedef struct {
    const fm_request *request;
    fm_remote_picture images[FM_REMOTE_PICTURES], depth; /* those shown, in order */
    size_t n_images;
    fm_buf body;
    fm_wire_span spans[FM_REMOTE_PICTURES + 1]; /* of the pictures in the body */
    size_t n_spans;
    fm_json_writer w; /* the object of the body is open in it */
    fm_status failed; /* of reading a picture, with `err` filled */
    fm_err *err;
} fm_remote_message;

/* A string member: `before`, then the picture in base64. */
void fm_remote_put_picture(fm_remote_message *message, const char *key, const char *before,
                           fm_remote_picture *picture);

/* {"type": "text", "text": ...} */
void fm_remote_put_text_part(fm_json_writer *w, const char *text);

/* The line that goes before a depth map that is sent as a picture. */
#define FM_REMOTE_DEPTH_NOTE                                                                       \
    "The next picture is the depth map of the picture before: 16-bit grey, in millimetres."

/* ---- a reply being read ---- */

/* A word with which a provider ends a reply, and what it means. The table ends with NULL. */
typedef struct {
    const char *word;
    fm_sample_status status;
} fm_remote_finish;

/* An error in a provider's words; NULL where it has none. */
typedef struct {
    int http_status;
    const char *message;
    const char *type, *code, *status;
    const cJSON *details;
} fm_remote_fault;

/* The status of a reply that was read, from its finish reason and whether it has text. */
void fm_remote_finish_reply(fm_reply *reply, const fm_remote_finish *finishes);
/* The reply is a failure of the way or the server, told in one line. */
void fm_remote_malformed(fm_reply *reply, const char *detail);
/* The text of a list of parts, those of `type` joined (type NULL: every part that is no thought). */
void fm_remote_join_texts(const cJSON *parts, const char *type, fm_arena *arena, fm_reply *reply);
/* A provider's words as one short line for a message. */
const char *fm_remote_one_line(fm_arena *arena, const char *text);
/* Whether code, type or status is one of `words`, which end with NULL. */
bool fm_remote_fault_is(const fm_remote_fault *fault, const char *const *words);
/* "Please retry in 34.07s", "Please try again in 6m0s": false where the message says nothing. */
bool fm_remote_wait_in_text(const char *message, double *wait_s);
/* A count of tokens; 0 where it is none. */
int64_t fm_remote_count(const cJSON *object, const char *key);
/* "47s", "34.07s", "900ms", "6m0s", "1h2m", "12": seconds; negative where the text begins with no
 * duration. */
double fm_remote_duration(const char *text);

/* ---- dialects ---- */

enum { FM_REMOTE_GIF = 1 << 0, FM_REMOTE_WEBP = 1 << 1, FM_REMOTE_HEIC = 1 << 2 };

typedef struct {
    const fm_adapter_ops *ops;
    const char *home; /* base URL where none is set; only there a key is needed */
    bool needs_model;
    unsigned media; /* FM_REMOTE_..., besides PNG and JPEG */
    int64_t max_picture_bytes;
    const char *content;     /* the member that holds the prompt: extra_body may not touch it */
    const char *sampling_in; /* the member that holds temperature and seed; NULL: the body itself */
    /* Headers: requests and tokens that are left, then when they are back; NULL where there are
     * none. */
    const char *rate_headers[4];
    const char *id_header;

    /* Check the settings, add headers, set remote->path, and write the members that every request
     * has. */
    fm_status (*configure)(fm_remote *remote, fm_json_writer *w, fm_err *err);
    /* What a request has to have, or NULL; optional. */
    const char *(*missing)(const fm_remote *remote, const fm_request *request);
    /* Write the members of this request. */
    void (*build)(const fm_remote *remote, fm_remote_message *message);
    /* Read the object of a reply of HTTP status 200. Texts go into the arena. */
    void (*read)(const cJSON *root, fm_arena *arena, fm_reply *reply);
    /* Correct what the HTTP status says of an error by the provider's words; optional. */
    void (*judge)(const fm_remote_fault *fault, fm_reply *reply);
    int64_t (*picture_tokens)(const fm_remote *remote, int width, int height); /* an estimate */
} fm_remote_dialect;

extern const fm_remote_dialect fm_remote_gemini, fm_remote_openai, fm_remote_anthropic,
    fm_remote_robotracer;

struct fm_remote {
    const fm_remote_dialect *dialect;
    const fm_adapter_config *config; /* while it is being opened */
    fm_arena arena;                  /* what lives as long as the adapter */
    const char *model;               /* NULL: none */
    const char *system;              /* NULL: none */
    const char *base_url, *path, *url;
    const char *key, *key_variable; /* NULL: no key */
    fm_wire_header headers[8];
    size_t n_headers;
    bool sends_depth, sends_image;
    int form;     /* the dialect's own */
    int variant;  /* likewise */
    int detail;   /* likewise: resolution of pictures */
    cJSON *fixed; /* members that every request has */
    cJSON *seed;  /* of them; NULL: none */
    double seed_start;
    bool sampled;
    int64_t max_output_tokens; /* 0: no bound */

    fm_wire *wire;
    fm_arena replies; /* texts of the last poll */
    struct fm_remote_unsent *unsent;
    size_t n_unsent, unsent_capacity;
};

/* The slots of an adapter's table. */
FM_MUST_CHECK fm_status fm_remote_open(const fm_remote_dialect *dialect, void **state,
                                       const fm_adapter_config *config, fm_err *err);
FM_MUST_CHECK fm_status fm_remote_check(const fm_setting *setting, fm_err *err);
void fm_remote_close(void *state);
fm_status fm_remote_submit(void *state, const fm_request *request, uint64_t ticket, fm_err *err);
fm_status fm_remote_poll(void *state, double wait_s, fm_arrival *arrivals, size_t capacity,
                         size_t *n, fm_err *err);
void fm_remote_abandon(void *state, uint64_t ticket);
fm_status fm_remote_estimate(void *state, const fm_request *request, fm_estimate *out, fm_err *err);

/* Their two halves without the wire, for tests as well. `by_hash`: pictures as their hash. The caller
 * releases message->body. FM_E_INPUT and FM_E_IO are about this request alone. */
FM_MUST_CHECK fm_status fm_remote_compose(fm_remote *remote, const fm_request *request,
                                          bool by_hash, fm_remote_message *message, fm_err *err);
typedef const char *fm_remote_header_fn(const fm_wire_reply *reply, const char *name);
void fm_remote_read(const fm_remote *remote, const fm_wire_reply *reply,
                    fm_remote_header_fn *header, fm_arena *arena, fm_reply *out);

#endif
