/* Owns what the members of an adapter's file mean; the syntax is base/yaml's. */
#include "core/adapter_file.h"

#include <limits.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/size.h"
#include "base/text.h"
#include "base/yaml.h"

typedef struct {
    const char *name;
    fm_arena *arena;
    fm_adapter_file *out;
    fm_err *err;
} reader;

static fm_status unknown_member(const reader *r, const char *group, const char *key,
                                const char *const *names, size_t n)
{
    const char *near = fm_text_nearest(key, names, n);

    return near ? fm_fail(r->err, FM_E_INPUT, "%s: '%s' has no '%s'; did you mean '%s'?", r->name,
                          group, key, near)
                : fm_fail(r->err, FM_E_INPUT, "%s: '%s' has no '%s'", r->name, group, key);
}

static bool is_amount(const cJSON *item)
{
    return cJSON_IsNumber(item) && isfinite(item->valuedouble) && item->valuedouble >= 0;
}

/* A value as the text that --set would be given. */
static fm_status put_setting(reader *r, const char *key, const cJSON *value)
{
    fm_buf text = {0};
    fm_json_writer w = {.out = &text};
    fm_setting *setting = &r->out->settings[r->out->n_settings];

    if (cJSON_IsString(value))
        fm_buf_puts(&text, value->valuestring);
    else if (!cJSON_IsNull(value))
        fm_json_put_tree(&w, NULL, value);
    setting->key = fm_arena_strdup(r->arena, key);
    setting->value = fm_arena_strdup(r->arena, fm_buf_text(&text));
    bool failed = text.failed || !setting->key || !setting->value;
    fm_buf_release(&text);
    if (failed)
        return fm_fail(r->err, FM_E_NOMEM, "no memory for '%s'", r->name);
    r->out->n_settings++;
    return FM_OK;
}

static fm_status read_prices(reader *r, const cJSON *prices)
{
    static const char *const names[] = {"input", "cached_input", "output"};
    static const char *const keys[] = {"price_input", "price_cached_input", "price_output"};
    const cJSON *item;

    if (!cJSON_IsObject(prices))
        return fm_fail(r->err, FM_E_INPUT,
                       "%s: 'price' wants a mapping of input, cached_input and output", r->name);
    cJSON_ArrayForEach(item, prices)
    {
        size_t i = 0;

        while (i < FM_COUNT_OF(names) && strcmp(names[i], item->string) != 0)
            i++;
        if (i == FM_COUNT_OF(names))
            return unknown_member(r, "price", item->string, names, FM_COUNT_OF(names));
        if (!is_amount(item))
            return fm_fail(r->err, FM_E_INPUT, "%s: '%s' of 'price' wants a number from 0 up",
                           r->name, names[i]);
        fm_status st = put_setting(r, keys[i], item);
        if (st != FM_OK)
            return st;
    }
    return FM_OK;
}

static fm_status read_limits(reader *r, const cJSON *limits)
{
    static const char *const names[] = {"concurrency", "start", "attempts", "requests_per_minute",
                                        "tokens_per_minute"};
    enum { COUNTS = 3 }; /* the first of them are whole numbers */
    fm_pace_limits *out = &r->out->limits;
    int *counts[COUNTS] = {&out->cap, &out->start, &out->attempts};
    double *rates[] = {&out->requests_per_minute, &out->tokens_per_minute};
    const cJSON *item;

    if (!cJSON_IsObject(limits))
        return fm_fail(r->err, FM_E_INPUT, "%s: 'limits' wants a mapping", r->name);
    cJSON_ArrayForEach(item, limits)
    {
        size_t i = 0;

        while (i < FM_COUNT_OF(names) && strcmp(names[i], item->string) != 0)
            i++;
        if (i == FM_COUNT_OF(names))
            return unknown_member(r, "limits", item->string, names, FM_COUNT_OF(names));
        double value = is_amount(item) ? item->valuedouble : 0;
        if (value <= 0 || (i < COUNTS && (value != trunc(value) || value > INT_MAX)))
            return fm_fail(r->err, FM_E_INPUT, "%s: '%s' of 'limits' wants a %snumber over 0",
                           r->name, names[i], i < COUNTS ? "whole " : "");
        if (i < COUNTS)
            *counts[i] = (int)value;
        else
            *rates[i - COUNTS] = value;
    }
    return FM_OK;
}

/* A key of an account in a file is copied, committed and shown; none is read from one. */
static bool is_account_key(const char *key)
{
    static const char *const names[] = {"key",        "api_key", "apikey",   "token",
                                        "auth_token", "secret",  "password", "authorization"};

    for (size_t i = 0; i < FM_COUNT_OF(names); i++)
        if (strcasecmp(key, names[i]) == 0)
            return true;
    return false;
}

static fm_status read_member(reader *r, const cJSON *item)
{
    const char *key = item->string;

    if (is_account_key(key))
        return fm_fail(r->err, FM_E_INPUT,
                       "%s: '%s' does not belong into a file; keys come from the environment "
                       "(key_env names another variable)",
                       r->name, key);
    if (strcmp(key, "price") == 0)
        return read_prices(r, item);
    if (strcmp(key, "limits") == 0)
        return read_limits(r, item);
    if (strcmp(key, "adapter") != 0)
        return put_setting(r, key, item);
    if (!cJSON_IsString(item) || !*item->valuestring)
        return fm_fail(r->err, FM_E_INPUT, "%s: 'adapter' wants a name", r->name);
    r->out->adapter = fm_arena_strdup(r->arena, item->valuestring);
    return r->out->adapter ? FM_OK : fm_fail(r->err, FM_E_NOMEM, "no memory for '%s'", r->name);
}

static fm_status read_tree(const cJSON *tree, const char *name, fm_arena *arena,
                           fm_adapter_file *out, fm_err *err)
{
    fm_adapter_file made = {0};
    reader r = {.name = name, .arena = arena, .out = &made, .err = err};
    const cJSON *item;

    if (!cJSON_IsObject(tree))
        return fm_fail(err, FM_E_INPUT, "%s: an adapter's file is a mapping of settings", name);
    /* Each member gives one setting at most, but for the three prices. */
    size_t most = (size_t)cJSON_GetArraySize(tree) + 3;
    made.settings = fm_arena_alloc(arena, most, sizeof(*made.settings));
    if (!made.settings)
        return fm_fail(err, FM_E_NOMEM, "no memory for '%s'", name);
    cJSON_ArrayForEach(item, tree)
    {
        fm_status st = read_member(&r, item);

        if (st != FM_OK)
            return st;
    }
    *out = made;
    return FM_OK;
}

fm_status fm_adapter_file_parse(const char *text, size_t size, const char *name, fm_arena *arena,
                                fm_adapter_file *out, fm_err *err)
{
    cJSON *tree = NULL;
    fm_status st = fm_yaml_parse(text, size, name, &tree, err);

    if (st == FM_OK)
        st = read_tree(tree, name, arena, out, err);
    cJSON_Delete(tree);
    return st;
}

fm_status fm_adapter_file_load(const char *path, fm_arena *arena, fm_adapter_file *out, fm_err *err)
{
    cJSON *tree = NULL;
    fm_status st = fm_yaml_load(path, &tree, err);

    if (st == FM_OK)
        st = read_tree(tree, path, arena, out, err);
    cJSON_Delete(tree);
    return st;
}
