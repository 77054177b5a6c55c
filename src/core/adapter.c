/* Owns the wrappers around an adapter's table: settings are checked before it is opened, the truth is
 * kept from it unless it is flagged, every reply is timed. Knows no adapter. */
#include "core/adapter_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "fathom/answers.h"

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

static fm_status check_settings(const fm_adapter_ops *ops, const fm_adapter_config *config,
                                fm_err *err)
{
    for (size_t i = 0; i < config->n_settings; i++) {
        const char *key = config->settings[i].key;

        if (!find_option(ops, key))
            return unknown_setting(ops, key, err);
        for (size_t j = 0; j < i; j++)
            if (strcmp(config->settings[j].key, key) == 0)
                return fm_fail(err, FM_E_USAGE, "setting '%s' is given twice", key);
    }
    return FM_OK;
}

const char *fm_adapter_setting(const fm_adapter_ops *ops, const fm_adapter_config *config,
                               const char *key)
{
    for (size_t i = 0; i < config->n_settings; i++)
        if (strcmp(config->settings[i].key, key) == 0)
            return config->settings[i].value;
    const fm_adapter_option *option = find_option(ops, key);
    return option ? option->fallback : NULL;
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
    fm_answers_family family;
    fm_status st = check_settings(ops, config, err);

    if (st != FM_OK)
        return st;
    if (config->answers && !fm_answers_family_from_name(config->answers, &family))
        return fm_fail(err, FM_E_USAGE, "unknown form of answers '%s'; there are tuples and json",
                       config->answers);
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

fm_status fm_adapter_generate(fm_adapter *adapter, const fm_request *request,
                              const fm_sample *sample, fm_reply *reply, fm_err *err)
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
    free(adapter);
}
