/**
 * Requests to the hub and to other hosts of files: who is shown the token, what a refusal means, and
 * when to ask again. One thread.
 */
#ifndef FM_HUB_TALK_H
#define FM_HUB_TALK_H

#include <signal.h>

#include "base/rng.h"
#include "hub/settings.h"
#include "wire/client.h"

typedef struct {
    const volatile sig_atomic_t *stop; /* becomes true: finish with FM_E_INTERRUPTED; or NULL */
    int connections;                   /* at once; 0: 8 */
} fm_hub_options;

typedef struct {
    const fm_hub_settings *settings;
    fm_hub_options options;
    fm_wire *wire;
    char origin[560]; /* of the endpoint: only requests to it carry the token */
    fm_rng rng;
} fm_hub;

/* Nothing is sent yet. FM_E_USAGE where the settings are offline. */
FM_MUST_CHECK fm_status fm_hub_open(fm_hub *out, const fm_hub_settings *settings,
                                    const fm_hub_options *options, fm_err *err);
void fm_hub_close(fm_hub *hub); /* accepts {0} */

/* GET, from byte `from` on; with `take` as in wire/client.h. */
FM_MUST_CHECK fm_status fm_hub_send(fm_hub *hub, const char *url, uint64_t from, fm_wire_take take,
                                    void *context, uint64_t ticket, fm_err *err);

/* Seconds after which the attempt, counted from 1, is worth another one; < 0: it is not. */
double fm_hub_again_after(fm_hub *hub, const fm_wire_reply *reply, int attempt);

/* What a reply that is of no use means for who asked for `what`, of the data set `repository` (NULL:
 * of none): status and message. */
FM_MUST_CHECK fm_status fm_hub_refused(const fm_hub *hub, const fm_wire_reply *reply,
                                       const char *repository, const char *what, fm_err *err);

/* One reply of status 200, with as many attempts as that takes: its body, and the value of its
 * header Link (NULL: none), live in `hub` until the next request. */
FM_MUST_CHECK fm_status fm_hub_get(fm_hub *hub, const char *url, const char *repository,
                                   fm_wire_reply *out, fm_err *err);

bool fm_hub_stopped(const fm_hub *hub);
FM_MUST_CHECK fm_status fm_hub_interrupted(fm_err *err); /* FM_E_INTERRUPTED with its message */

/* Append a path or a revision as a part of a URL; slashes stay where `slashes` is true. */
void fm_hub_put_encoded(fm_buf *out, const char *text, bool slashes);

#endif
