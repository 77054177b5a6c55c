/* Owns what is sent, the token's way, and the meaning of statuses. */
#include "hub/talk.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/size.h"
#include "base/text.h"
#include "wire/address.h"

/* Where the very first request finds nobody there is likely no network: that is told soon. */
enum { MOST_ATTEMPTS = 6, MOST_CALLS = 3, USUAL_CONNECTIONS = 8 };

static const double first_wait_s = 0.5, longest_wait_s = 30, longest_wish_s = 300;
static const double stall_s = 60; /* longest silence in the middle of a file */

/* ---- opening ---- */

fm_status fm_hub_open(fm_hub *out, const fm_hub_settings *settings, const fm_hub_options *options,
                      fm_err *err)
{
    int connections = options->connections > 0 ? options->connections : USUAL_CONNECTIONS;
    const fm_wire_config config = {.timeout_s = stall_s, .max_connections = (size_t)connections};
    fm_wire_address *address;
    fm_hub hub = {.settings = settings, .options = *options};
    fm_status st;

    if (settings->offline)
        return fm_fail(err, FM_E_USAGE, "nothing is asked of the hub: HF_HUB_OFFLINE or --offline");
    st = fm_wire_address_new(&address, settings->endpoint, "HF_ENDPOINT", err);
    if (st != FM_OK)
        return st;
    snprintf(hub.origin, sizeof(hub.origin), "%s", address->origin);
    fm_wire_address_free(address);
    hub.options.connections = connections;
    fm_rng_seed(&hub.rng, (uint64_t)(fm_clock_seconds() * 1e9));
    st = fm_wire_open(&hub.wire, &config, err);
    if (st == FM_OK)
        *out = hub;
    return st;
}

void fm_hub_close(fm_hub *hub)
{
    fm_wire_close(hub->wire);
    hub->wire = NULL;
}

/* ---- sending ---- */

static fm_status is_ours(const fm_hub *hub, const char *url, bool *out, fm_err *err)
{
    fm_wire_address *address;
    fm_status st = fm_wire_address_new(&address, url, "what the hub names", err);

    if (st != FM_OK)
        return st;
    *out = strcmp(address->origin, hub->origin) == 0;
    fm_wire_address_free(address);
    return FM_OK;
}

fm_status fm_hub_send(fm_hub *hub, const char *url, uint64_t from, fm_wire_take take, void *context,
                      uint64_t ticket, fm_err *err)
{
    char bearer[sizeof(hub->settings->token) + 8], range[48];
    fm_wire_header headers[2];
    fm_wire_request request = {
        .method = "GET", .url = url, .headers = headers, .take = take, .context = context};
    bool ours;
    fm_status st = is_ours(hub, url, &ours, err);

    if (st != FM_OK)
        return st;
    if (ours && hub->settings->token[0]) {
        snprintf(bearer, sizeof(bearer), "Bearer %s", hub->settings->token);
        headers[request.n_headers++] = (fm_wire_header){"Authorization", bearer, true};
    }
    if (from > 0) {
        snprintf(range, sizeof(range), "bytes=%llu-", (unsigned long long)from);
        headers[request.n_headers++] = (fm_wire_header){"Range", range, false};
    }
    return fm_wire_send(hub->wire, &request, ticket, err);
}

void fm_hub_put_encoded(fm_buf *out, const char *text, bool slashes)
{
    for (const char *p = text; *p; p++) {
        bool plain = (*p >= '0' && *p <= '9') || ((*p | 32) >= 'a' && (*p | 32) <= 'z');

        if (plain || strchr("-._~", *p) || (slashes && *p == '/'))
            fm_buf_putc(out, *p);
        else
            fm_buf_printf(out, "%%%02X", (unsigned)(unsigned char)*p);
    }
}

/* ---- again ---- */

static bool may_pass(const fm_wire_reply *reply)
{
    switch (reply->end) {
    case FM_WIRE_DONE:
        return reply->status == 408 || reply->status == 429 || reply->status / 100 == 5 ||
               reply->status / 100 == 2; /* a body that was too short */
    case FM_WIRE_UNREACHED:
    case FM_WIRE_TIMEOUT:
    case FM_WIRE_BROKEN:
        return true;
    default:
        return false;
    }
}

double fm_hub_again_after(fm_hub *hub, const fm_wire_reply *reply, int attempt)
{
    const char *wish =
        reply->end == FM_WIRE_DONE ? fm_wire_header_value(reply, "retry-after") : NULL;
    double wish_s = 0;

    if (!may_pass(reply) || attempt >= MOST_ATTEMPTS)
        return -1;
    if (wish && fm_text_to_double(wish, &wish_s) && wish_s > 0)
        return wish_s > longest_wish_s ? -1 : wish_s;
    double most_s = fmin(longest_wait_s, first_wait_s * exp2(attempt - 1));
    return most_s * (0.5 + 0.5 * fm_rng_unit(&hub->rng));
}

/* ---- refusals ---- */

static fm_status wants_token(const fm_hub *hub, const char *repository, fm_err *err)
{
    const fm_hub_settings *s = hub->settings;

    if (s->token[0])
        return fm_fail(err, FM_E_INPUT,
                       "the hub does not let the token of %s see '%s': is it right, and are the "
                       "terms on %s/datasets/%s accepted?",
                       s->token_from, repository, s->endpoint, repository);
    return fm_fail(
        err, FM_E_INPUT,
        "'%s' is gated, private or not there: accept its terms on %s/datasets/%s, make a "
        "token on %s/settings/tokens and set HF_TOKEN to it",
        repository, s->endpoint, repository, s->endpoint);
}

fm_status fm_hub_refused(const fm_hub *hub, const fm_wire_reply *reply, const char *repository,
                         const char *what, fm_err *err)
{
    const char *wish = fm_wire_header_value(reply, "retry-after");
    double wish_s;

    if (reply->end != FM_WIRE_DONE)
        return fm_fail(err, FM_E_IO, "cannot fetch '%s': %s", what, reply->detail);
    if (repository && (reply->status == 401 || reply->status == 403))
        return wants_token(hub, repository, err);
    if (reply->status == 404)
        return fm_fail(err, FM_E_INPUT, "the hub has no '%s' (404)", what);
    if (reply->status == 429 && wish && fm_text_to_double(wish, &wish_s)) /* it may be a date */
        return fm_fail(err, FM_E_IO,
                       "the hub has had too many requests (429), and wants to be left alone for "
                       "%g s",
                       wish_s);
    if (reply->status == 429)
        return fm_fail(err, FM_E_IO, "the hub has had too many requests (429); try again later");
    return fm_fail(err, FM_E_IO, "the hub answered '%s' with status %d", what, reply->status);
}

bool fm_hub_stopped(const fm_hub *hub)
{
    return hub->options.stop && *hub->options.stop;
}

fm_status fm_hub_interrupted(fm_err *err)
{
    return fm_fail(err, FM_E_INTERRUPTED,
                   "stopped; what has come is kept, and the same command goes on with it");
}

/* ---- one reply ---- */

static fm_status nap(const fm_hub *hub, double seconds, fm_err *err)
{
    double until = fm_clock_seconds() + seconds;
    fm_wire_reply none;
    size_t n;
    fm_status st = FM_OK;

    while (st == FM_OK && !fm_hub_stopped(hub) && fm_clock_seconds() < until)
        st = fm_wire_poll(hub->wire, fmin(0.5, until - fm_clock_seconds()), &none, 1, &n, err);
    return st;
}

static fm_status ask_once(fm_hub *hub, const char *url, fm_wire_reply *out, fm_err *err)
{
    size_t n = 0;
    fm_status st = fm_hub_send(hub, url, 0, NULL, NULL, 0, err);

    while (st == FM_OK && n == 0 && !fm_hub_stopped(hub))
        st = fm_wire_poll(hub->wire, 0.5, out, 1, &n, err);
    if (st == FM_OK && n == 0) {
        fm_wire_abandon(hub->wire, 0);
        st = fm_hub_interrupted(err);
    }
    return st;
}

fm_status fm_hub_get(fm_hub *hub, const char *url, const char *repository, fm_wire_reply *out,
                     fm_err *err)
{
    for (int attempt = 1;; attempt++) {
        fm_status st = ask_once(hub, url, out, err);

        if (st != FM_OK || (out->end == FM_WIRE_DONE && out->status == 200))
            return st;
        double wait_s = fm_hub_again_after(hub, out, attempt);
        bool nobody = out->end == FM_WIRE_UNREACHED && attempt == MOST_CALLS;
        if (wait_s < 0 || nobody)
            return fm_hub_refused(hub, out, repository, repository, err);
        st = nap(hub, wait_s, err); /* `out` is gone */
        if (st != FM_OK)
            return st;
        if (fm_hub_stopped(hub))
            return fm_hub_interrupted(err);
    }
}
