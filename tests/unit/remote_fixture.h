/* Remote adapters without a wire: one that is open, the body of a request, and the meaning of a
 * reply that is given as text and headers. */
#ifndef FM_TESTS_REMOTE_FIXTURE_H
#define FM_TESTS_REMOTE_FIXTURE_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adapters/adapters.h"
#include "adapters/remote.h"

#define SETTINGS(...) ((const fm_setting[]){__VA_ARGS__, {0}})

/* Variables of the machine that runs the tests are not the tests'. */
static inline void forget_environment(void)
{
    static const char *const names[] = {
        "GOOGLE_API_KEY", "GEMINI_API_KEY",       "OPENAI_API_KEY",
        "OPENAI_ORG_ID",  "OPENAI_PROJECT_ID",    "ANTHROPIC_API_KEY",
        "SSL_CERT_FILE",  "ANTHROPIC_AUTH_TOKEN", "SSL_CERT_DIR"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
}

static inline fm_status remote_try(const fm_remote_dialect *dialect, const fm_setting *settings,
                                   fm_remote **out, fm_err *err)
{
    fm_adapter_config config = {.settings = settings};
    void *state = NULL;

    while (settings && settings[config.n_settings].key)
        config.n_settings++;
    fm_status st = fm_remote_open(dialect, &state, &config, err);
    *out = state;
    return st;
}

static inline fm_remote *remote_of(const fm_remote_dialect *dialect, const fm_setting *settings)
{
    fm_remote *remote;
    fm_err err = {0};

    cr_assert(eq(int, remote_try(dialect, settings, &remote, &err), FM_OK), "%s", err.text);
    return remote;
}

/* A model somewhere else than at home, where no key is needed. */
static inline fm_remote *remote_plain(const fm_remote_dialect *dialect)
{
    return remote_of(dialect, dialect->needs_model
                                  ? SETTINGS({"model", "m"}, {"base_url", "http://127.0.0.1:9"})
                                  : SETTINGS({"base_url", "http://127.0.0.1:9"}));
}

typedef struct {
    const char *name, *value;
} header;

/* reply->headers is an array of these that ends with {0}, or NULL. */
static inline const char *header_in(const fm_wire_reply *reply, const char *name)
{
    for (const header *h = reply->headers; h && h->name; h++)
        if (strcasecmp(h->name, name) == 0)
            return h->value;
    return NULL;
}

static fm_arena replies; /* texts of what read_reply() gave, until the test ends */

static inline fm_reply read_reply(const fm_remote *remote, int status, const char *body,
                                  const header *headers)
{
    fm_wire_reply wire = {.end = FM_WIRE_DONE,
                          .status = status,
                          .body = body,
                          .size = strlen(body),
                          .headers = headers};
    fm_reply reply;

    fm_remote_read(remote, &wire, header_in, &replies, &reply);
    return reply;
}

#endif
