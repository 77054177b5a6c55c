/* What the files of the mock share: a request as it was understood, a reply before it is sent. */
#ifndef FM_MOCK_INTERNAL_H
#define FM_MOCK_INTERNAL_H

#include "base/json.h"
#include "mock/server.h"

/* ---- faults.c: which request meets which fault ---- */

#define MOCK_NO_FAULT FM_MOCK_FAULTS

/* How often each body was seen. One thread. */
typedef struct {
    struct mock_seen {
        uint64_t hash;
        uint32_t times; /* 0: free */
    } * slots;
    size_t capacity, n;
} mock_tally;

/* How often a body of this hash came before. A request that no memory is left for counts as new. */
uint32_t mock_tally_next(mock_tally *tally, uint64_t hash);
void mock_tally_release(mock_tally *tally); /* accepts {0} */

uint64_t mock_body_hash(const char *bytes, size_t size);

/* What happens to the asking number `times` of a body: a fault or MOCK_NO_FAULT, and how much of the
 * jitter it waits. The same for the same arguments. */
fm_mock_fault mock_draw(const double rates[FM_MOCK_FAULTS], uint64_t seed, uint64_t hash,
                        uint32_t times, double *jitter);

/* ---- dialects.c: the providers' forms ---- */

typedef struct {
    int status;
    const char *type; /* Content-Type; NULL: none, or among the headers */
    fm_buf headers;   /* name and value in turn, each ended by NUL */
    fm_buf body;
} mock_reply;

void mock_reply_clear(mock_reply *reply);
void mock_reply_release(mock_reply *reply);
void mock_reply_header(mock_reply *reply, const char *name, const char *fmt, ...) FM_PRINTF(3, 4);

typedef struct mock_dialect mock_dialect;

/* A request, understood. */
typedef struct {
    const mock_dialect *dialect;
    char model[128];
    fm_buf prompt; /* every text in it, a line each */
    size_t pictures;
    bool thinks;         /* thought is asked for */
    bool base64;         /* RoboTracer: pictures came as bytes, not as paths */
    const char *problem; /* why the provider would refuse it; NULL: it would not */
    uint64_t hash;
} mock_asked;

typedef enum {
    MOCK_ANSWER_WHOLE,
    MOCK_ANSWER_EMPTY,
    MOCK_ANSWER_CUT,     /* the output limit was reached in the middle of the text */
    MOCK_ANSWER_REFUSED, /* the model or a filter declines */
    MOCK_ANSWER_UNKNOWN, /* an unknown reason to finish, no text */
} mock_ending;

typedef enum {
    MOCK_REFUSE_KEY,
    MOCK_REFUSE_REQUEST,
    MOCK_REFUSE_SIZE,
    MOCK_REFUSE_RATE,
    MOCK_REFUSE_RATE_AFTER,
    MOCK_REFUSE_DAILY,
    MOCK_REFUSE_INTERNAL,
    MOCK_REFUSE_OVERLOADED,
    MOCK_REFUSALS
} mock_refusal;

/* NULL: no provider has this path. */
const mock_dialect *mock_dialect_of(const char *path);
/* The name of the header that carries the key. */
const char *mock_dialect_key_header(const mock_dialect *dialect);

/* Read a body into *asked, whose buffer is reused. Fails with FM_E_NOMEM only: what is wrong with
 * the body stands in asked->problem. */
FM_MUST_CHECK fm_status mock_asked_read(mock_asked *asked, const mock_dialect *dialect,
                                        const char *path, const char *body, size_t size,
                                        fm_err *err);
void mock_asked_release(mock_asked *asked);

void mock_write_answer(mock_reply *reply, const mock_asked *asked, const char *text, size_t size,
                       mock_ending ending);
/* `detail` may be NULL: the provider's own words. after_s: what MOCK_REFUSE_RATE_AFTER states. */
void mock_write_refusal(mock_reply *reply, const mock_dialect *dialect, mock_refusal refusal,
                        const char *detail, double after_s);

/* The request's id, where the provider names it in a header. */
void mock_write_id(mock_reply *reply, const mock_asked *asked);
/* What is left of a bound on requests, where the provider tells; limit 0: not stated. */
void mock_write_rate(mock_reply *reply, const mock_dialect *dialect, double limit, double left,
                     double reset_s);

/* ---- script.c: what the scripted model says ---- */

typedef struct mock_script mock_script;

FM_MUST_CHECK fm_status mock_script_load(mock_script **out, const char *otherwise, const char *path,
                                         fm_err *err);
void mock_script_answer(const mock_script *script, const char *prompt, const char **text,
                        size_t *size);
void mock_script_free(mock_script *script); /* accepts NULL */

#endif
