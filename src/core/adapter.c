/* Owns the wrappers around an adapter's table: settings are checked before it is opened, the truth is
 * kept from it unless it is flagged, every reply is timed. Knows no adapter. */
#include "core/adapter_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/size.h"
#include "base/text.h"
#include "fathom/answers.h"

/* Requests under way at once in one adapter: far more than any provider takes. */
enum { MOST_IN_FLIGHT = 4096 };

static const fm_adapter_option *find_option(const fm_adapter_ops *ops, const char *key)
{
    for (const fm_adapter_option *o = ops->options; o && o->name; o++)
        if (strcmp(o->name, key) == 0)
            return o;
    return NULL;
}

static fm_status unknown_setting(const fm_adapter_ops *ops, const char *key, fm_err *err)
{
    const char *names[32] = {0};
    size_t n = 0;

    for (const fm_adapter_option *o = ops->options; o && o->name && n < 32; o++)
        names[n++] = o->name;
    const char *near = fm_text_nearest(key, names, n);
    if (n == 0)
        return fm_fail(err, FM_E_USAGE, "adapter '%s' takes no settings, but '%s' is set",
                       ops->name, key);
    if (near)
        return fm_fail(err, FM_E_USAGE, "adapter '%s' has no setting '%s'; did you mean '%s'?",
                       ops->name, key, near);
    return fm_fail(err, FM_E_USAGE, "adapter '%s' has no setting '%s'", ops->name, key);
}

static fm_status check_settings(const fm_adapter_ops *ops, const fm_setting *settings, size_t n,
                                fm_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const char *key = settings[i].key;

        if (!find_option(ops, key))
            return unknown_setting(ops, key, err);
        for (size_t j = 0; j < i; j++)
            if (strcmp(settings[j].key, key) == 0)
                return fm_fail(err, FM_E_USAGE, "setting '%s' is given twice", key);
    }
    return FM_OK;
}

static fm_status check_values(const fm_adapter_ops *ops, const fm_setting *settings, size_t n,
                              fm_err *err)
{
    fm_status st = FM_OK;

    for (size_t i = 0; ops->check && st == FM_OK && i < n; i++)
        st = ops->check(&settings[i], err);
    return st;
}

static const char *given_value(const fm_setting *settings, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(settings[i].key, key) == 0)
            return settings[i].value;
    return NULL;
}

/* An empty variable counts as none, as everywhere else. */
static const char *environment_value(const fm_adapter_option *option)
{
    for (size_t i = 0; i < FM_COUNT_OF(option->environment) && option->environment[i]; i++) {
        const char *value = getenv(option->environment[i]);

        if (value && *value)
            return value;
    }
    return NULL;
}

fm_status fm_adapter_resolve(const fm_adapter_ops *ops, const fm_setting *given, size_t n_given,
                             fm_arena *arena, fm_setting **out, size_t *n, fm_err *err)
{
    size_t most = n_given, made = n_given;
    fm_status st = check_settings(ops, given, n_given, err);

    if (st != FM_OK)
        return st;
    for (const fm_adapter_option *o = ops->options; o && o->name; o++)
        most++;
    fm_setting *settings = fm_arena_alloc(arena, most, sizeof(*settings));
    if (!settings)
        return fm_fail(err, FM_E_NOMEM, "no memory for the settings");
    if (n_given)
        memcpy(settings, given, n_given * sizeof(*settings));
    for (const fm_adapter_option *o = ops->options; o && o->name; o++) {
        const char *value = environment_value(o);

        if (!value || given_value(given, n_given, o->name))
            continue;
        value = fm_arena_strdup(arena, value);
        if (!value)
            return fm_fail(err, FM_E_NOMEM, "no memory for the settings");
        settings[made++] = (fm_setting){o->name, value};
    }
    st = check_values(ops, settings, made, err);
    if (st == FM_OK) {
        *out = settings;
        *n = made;
    }
    return st;
}

const char *fm_adapter_setting(const fm_adapter_ops *ops, const fm_adapter_config *config,
                               const char *key)
{
    const char *value = given_value(config->settings, config->n_settings, key);
    const fm_adapter_option *option = value ? NULL : find_option(ops, key);

    return option ? option->fallback : value;
}

/* ---- life ---- */

/* Which forms there are is the protocols' business. */
static bool is_form(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return n > 0 && n < 32 && name[n] == '\0';
}

static fm_status check_config(const fm_adapter_ops *ops, const fm_adapter_config *config,
                              fm_err *err)
{
    if (config->answers && !is_form(config->answers))
        return fm_fail(err, FM_E_USAGE,
                       "form of answers '%s' is no name of small letters, digits and '_'",
                       config->answers);
    if ((config->record_path || config->replay_path) && !(ops->caps & FM_CAP_WIRE))
        return fm_fail(err, FM_E_USAGE,
                       "adapter '%s' speaks no HTTP, so there is nothing to %s in '%s'", ops->name,
                       config->record_path ? "record" : "replay",
                       config->record_path ? config->record_path : config->replay_path);
    return check_settings(ops, config->settings, config->n_settings, err);
}

fm_adapter *fm_adapter_of(const fm_adapter_ops *ops, void *state)
{
    fm_adapter *adapter = calloc(1, sizeof(*adapter));

    if (adapter)
        *adapter = (fm_adapter){.ops = ops, .state = state};
    return adapter;
}

fm_status fm_adapter_open(fm_adapter **out, const fm_adapter_ops *ops,
                          const fm_adapter_config *config, fm_err *err)
{
    fm_status st = check_config(ops, config, err);

    if (st != FM_OK)
        return st;
    fm_adapter *adapter = fm_adapter_of(ops, NULL);
    if (!adapter)
        return fm_fail(err, FM_E_NOMEM, "no memory for adapter '%s'", ops->name);
    st = ops->open(&adapter->state, config, err);
    if (st != FM_OK) {
        free(adapter);
        return st;
    }
    *out = adapter;
    return FM_OK;
}

void fm_adapter_cancel(fm_adapter *adapter)
{
    if (adapter->ops->cancel)
        adapter->ops->cancel(adapter->state);
}

void fm_adapter_close(fm_adapter *adapter)
{
    if (!adapter)
        return;
    adapter->ops->close(adapter->state);
    free(adapter->flights);
    free(adapter);
}

/* ---- asking in steps ---- */

static bool answers_at_once(const fm_adapter *adapter)
{
    return !adapter->ops->submit;
}

size_t fm_adapter_room(const fm_adapter *adapter)
{
    return (answers_at_once(adapter) ? 1 : MOST_IN_FLIGHT) - adapter->n_flights;
}

static fm_flight *find_flight(const fm_adapter *adapter, uint64_t ticket)
{
    for (size_t i = 0; i < adapter->n_flights; i++)
        if (adapter->flights[i].ticket == ticket)
            return &adapter->flights[i];
    return NULL;
}

static void end_flight(fm_adapter *adapter, fm_flight *f)
{
    *f = adapter->flights[--adapter->n_flights];
}

/* Room for one more, made before anything is sent: a request under way must not be forgotten. */
static fm_status reserve_flight(fm_adapter *adapter, uint64_t ticket, fm_err *err)
{
    size_t capacity = adapter->capacity ? adapter->capacity * 2 : 16;

    if (fm_adapter_room(adapter) == 0)
        return fm_fail(err, FM_E_INTERNAL, "adapter '%s' has no room for one more request",
                       adapter->ops->name);
    if (find_flight(adapter, ticket))
        return fm_fail(err, FM_E_INTERNAL, "adapter '%s' has a request with that ticket",
                       adapter->ops->name);
    if (adapter->n_flights < adapter->capacity)
        return FM_OK;
    fm_flight *grown = realloc(adapter->flights, capacity * sizeof(*grown));
    if (!grown)
        return fm_fail(err, FM_E_NOMEM, "no memory for the requests of adapter '%s'",
                       adapter->ops->name);
    adapter->flights = grown;
    adapter->capacity = capacity;
    return FM_OK;
}

static fm_status generate(fm_adapter *adapter, const fm_request *request, const fm_sample *sample,
                          fm_reply *reply, fm_err *err)
{
    const fm_sample *truth = adapter->ops->caps & FM_CAP_SEES_TRUTH ? sample : NULL;
    fm_reply made = {0};
    double start = fm_clock_seconds();
    fm_status st = adapter->ops->generate(adapter->state, request, truth, &made, err);

    if (st != FM_OK)
        return st;
    made.latency_s = fm_clock_seconds() - start;
    *reply = made;
    return FM_OK;
}

fm_status fm_adapter_submit(fm_adapter *adapter, const fm_request *request, const fm_sample *sample,
                            uint64_t ticket, fm_err *err)
{
    fm_status st = reserve_flight(adapter, ticket, err);

    if (st != FM_OK)
        return st;
    adapter->flights[adapter->n_flights] = (fm_flight){ticket, fm_clock_seconds()};
    if (answers_at_once(adapter))
        st = generate(adapter, request, sample, &adapter->held, err);
    else
        st = adapter->ops->submit(adapter->state, request, ticket, err);
    adapter->n_flights += st == FM_OK;
    return st;
}

static size_t poll_held(fm_adapter *adapter, fm_arrival *arrivals, size_t capacity)
{
    if (adapter->n_flights == 0 || capacity == 0)
        return 0;
    *arrivals = (fm_arrival){adapter->flights[0].ticket, adapter->held};
    adapter->n_flights = 0;
    return 1;
}

fm_status fm_adapter_poll(fm_adapter *adapter, double wait_s, fm_arrival *arrivals, size_t capacity,
                          size_t *n, fm_err *err)
{
    size_t arrived = 0;

    if (answers_at_once(adapter)) {
        *n = poll_held(adapter, arrivals, capacity);
        return FM_OK;
    }
    fm_status st = adapter->ops->poll(adapter->state, wait_s, arrivals, capacity, &arrived, err);
    double now_s = fm_clock_seconds();
    for (size_t i = 0; st == FM_OK && i < arrived; i++) {
        fm_flight *f = find_flight(adapter, arrivals[i].ticket);

        if (!f)
            return fm_fail(err, FM_E_INTERNAL, "adapter '%s' answered what nobody asked",
                           adapter->ops->name);
        arrivals[i].reply.latency_s = now_s - f->since_s;
        end_flight(adapter, f);
    }
    if (st == FM_OK)
        *n = arrived;
    return st;
}

void fm_adapter_abandon(fm_adapter *adapter, uint64_t ticket)
{
    fm_flight *f = find_flight(adapter, ticket);

    if (!f)
        return;
    if (!answers_at_once(adapter))
        adapter->ops->abandon(adapter->state, ticket);
    end_flight(adapter, f);
}

/* One request from its submission to its reply, nothing else being under way. */
static fm_status ask_and_wait(fm_adapter *adapter, const fm_request *request, fm_reply *reply,
                              fm_err *err)
{
    fm_arrival arrival;
    size_t n = 0;
    fm_status st = fm_adapter_submit(adapter, request, NULL, 0, err);

    while (st == FM_OK && n == 0)
        st = fm_adapter_poll(adapter, 1, &arrival, 1, &n, err);
    if (st == FM_OK)
        *reply = arrival.reply;
    return st;
}

fm_status fm_adapter_generate(fm_adapter *adapter, const fm_request *request,
                              const fm_sample *sample, fm_reply *reply, fm_err *err)
{
    if (answers_at_once(adapter))
        return generate(adapter, request, sample, reply, err);
    return ask_and_wait(adapter, request, reply, err);
}

fm_status fm_adapter_estimate(fm_adapter *adapter, const fm_request *request, fm_estimate *out,
                              bool *known, fm_err *err)
{
    fm_estimate made = {0};

    *known = false;
    if (!adapter->ops->estimate)
        return FM_OK;
    fm_status st = adapter->ops->estimate(adapter->state, request, &made, err);
    if (st != FM_OK)
        return st;
    *out = made;
    *known = true;
    return FM_OK;
}
