/* Owns what an adapter that speaks HTTP is told: settings, keys from the environment, its address,
 * and the members that all of its requests share. */
#include "adapters/remote_internal.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/size.h"
#include "base/text.h"
#include "wire/address.h"

static fm_status no_memory(const fm_remote *remote, fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "no memory for adapter '%s'", remote->dialect->ops->name);
}

/* ---- settings ---- */

const char *fm_remote_setting(const fm_remote *remote, const char *key)
{
    const char *value = fm_adapter_setting(remote->dialect->ops, remote->config, key);

    return value && *value ? value : NULL;
}

bool fm_remote_given(const fm_remote *remote, const char *key)
{
    for (size_t i = 0; i < remote->config->n_settings; i++)
        if (strcmp(remote->config->settings[i].key, key) == 0)
            return *remote->config->settings[i].value != '\0';
    return false;
}

fm_status fm_remote_number(const fm_remote *remote, const char *key, double least, double most,
                           bool whole, double *out, fm_err *err)
{
    const char *text = fm_remote_setting(remote, key);
    double value;

    if (!text)
        return FM_OK;
    if (!fm_text_to_double(text, &value) || value < least || value > most ||
        (whole && value != trunc(value)))
        return fm_fail(err, FM_E_USAGE,
                       "setting '%s' wants a %snumber from %.15g to %.15g, not '%s'", key,
                       whole ? "whole " : "", least, most, text);
    *out = value;
    return FM_OK;
}

fm_status fm_remote_word(const fm_remote *remote, const char *key, const char *const *words,
                         int *index, fm_err *err)
{
    const char *text = fm_remote_setting(remote, key);
    fm_buf list = {0};

    if (!text)
        return FM_OK;
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], text) == 0) {
            *index = i;
            return FM_OK;
        }
    for (size_t i = 0; words[i]; i++)
        fm_buf_printf(&list, "%s%s", i == 0 ? "" : words[i + 1] ? ", " : " or ", words[i]);
    fm_status st =
        fm_fail(err, FM_E_USAGE, "setting '%s' wants %s, not '%s'", key, fm_buf_text(&list), text);
    fm_buf_release(&list);
    return st;
}

fm_status fm_remote_put_number(const fm_remote *remote, fm_json_writer *w, const char *member,
                               const char *key, double least, double most, bool whole, fm_err *err)
{
    double value = NAN;
    fm_status st = fm_remote_number(remote, key, least, most, whole, &value, err);

    if (st == FM_OK && !isnan(value))
        fm_json_put_number(w, member, value);
    return st;
}

fm_status fm_remote_put_temperature(const fm_remote *remote, fm_json_writer *w,
                                    bool none_by_default, double most, fm_err *err)
{
    const char *text = fm_remote_setting(remote, "temperature");

    if (!text || strcmp(text, "none") == 0 ||
        (none_by_default && !fm_remote_given(remote, "temperature")))
        return FM_OK;
    return fm_remote_put_number(remote, w, "temperature", "temperature", 0, most, false, err);
}

fm_status fm_remote_put_limit(fm_remote *remote, fm_json_writer *w, const char *member, fm_err *err)
{
    double limit = 0;
    fm_status st = fm_remote_number(remote, "max_output_tokens", 1, 1e7, true, &limit, err);

    if (st == FM_OK && limit > 0)
        fm_json_put_number(w, member, limit);
    remote->max_output_tokens = (int64_t)limit;
    return st;
}

fm_status fm_remote_put_stop(const fm_remote *remote, fm_json_writer *w, const char *member,
                             fm_err *err)
{
    const char *text = fm_remote_setting(remote, "stop");
    const cJSON *item;
    cJSON *list = NULL;
    int n = 0;

    if (!text)
        return FM_OK;
    if (*text != '[') {
        fm_json_open(w, member, '[');
        fm_json_put_string(w, NULL, text);
        fm_json_close(w, ']');
        return FM_OK;
    }
    fm_status st = fm_json_parse(text, strlen(text), "setting 'stop'", &list, err);
    if (st != FM_OK)
        return st == FM_E_INPUT
                   ? fm_fail(err, FM_E_USAGE, "setting 'stop' is no JSON list: '%s'", text)
                   : st;
    cJSON_ArrayForEach(item, list) n += cJSON_IsString(item) && *item->valuestring ? 1 : 5;
    if (n == 0 || n > 4)
        st = fm_fail(err, FM_E_USAGE, "setting 'stop' wants one to four texts, not '%s'", text);
    else
        fm_json_put_tree(w, member, list);
    cJSON_Delete(list);
    return st;
}

/* Only that they are amounts: what to make of them is the run's. */
static fm_status check_prices(const fm_remote *remote, fm_err *err)
{
    static const char *const keys[] = {"price_input", "price_cached_input", "price_output"};
    fm_status st = FM_OK;
    double ignored;

    for (size_t i = 0; i < FM_COUNT_OF(keys) && st == FM_OK; i++)
        st = fm_remote_number(remote, keys[i], 0, 1e9, false, &ignored, err);
    return st;
}

/* ---- keys ---- */

fm_status fm_remote_add_header(fm_remote *remote, const char *name, const char *prefix,
                               const char *value, bool secret, fm_err *err)
{
    size_t size = strlen(prefix) + strlen(value) + 1;
    char *text = fm_arena_alloc(&remote->arena, size, 1);

    if (!text || remote->n_headers == FM_COUNT_OF(remote->headers))
        return no_memory(remote, err);
    snprintf(text, size, "%s%s", prefix, value);
    remote->headers[remote->n_headers++] = (fm_wire_header){name, text, secret};
    return FM_OK;
}

/* Never shows the value. */
static fm_status check_key(const char *variable, const char *key, fm_err *err)
{
    for (const char *p = key; *p; p++)
        if (*p <= ' ' || *p > '~')
            return fm_fail(err, FM_E_USAGE,
                           "the key in %s holds a blank, a control character or one that is not "
                           "ASCII; set it again",
                           variable);
    return FM_OK;
}

fm_status fm_remote_add_account(fm_remote *remote, const char *variable, const char *name,
                                fm_err *err)
{
    const char *value = getenv(variable);

    if (!value || !*value)
        return FM_OK;
    fm_status st = check_key(variable, value, err);
    return st == FM_OK ? fm_remote_add_header(remote, name, "", value, true, err) : st;
}

/* The home of a dialect, or a place below it. */
static bool is_at_home(const fm_remote *remote)
{
    const char *home = remote->dialect->home;
    const char *end = strstr(home, "://");
    size_t host = strcspn(end + 3, "/") + (size_t)(end + 3 - home);

    return strncasecmp(remote->base_url, home, host) == 0 &&
           strchr("/:?", remote->base_url[host]) != NULL;
}

static void tell(const fm_remote *remote, const char *format, ...) FM_PRINTF(2, 3);

static void tell(const fm_remote *remote, const char *format, ...)
{
    char text[FM_ERR_TEXT_BYTES];
    va_list args;

    if (!remote->config->notice)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    remote->config->notice(remote->config->notice_context, text);
}

/* Who has two keys may be asking on the other account than meant. */
static void tell_of_other_keys(const fm_remote *remote, const char *const *variables)
{
    for (size_t i = 0; variables[i]; i++) {
        const char *other = getenv(variables[i]);

        if (other && *other && strcmp(other, remote->key) != 0)
            tell(remote, "%s and %s are both set and differ: the key in %s is sent",
                 remote->key_variable, variables[i], remote->key_variable);
    }
}

static fm_status read_key(fm_remote *remote, fm_err *err)
{
    const char *named = fm_remote_setting(remote, "key_env");
    const char *const *variables =
        named ? (const char *const[]){named, NULL} : remote->dialect->ops->keys;
    const char *key = NULL;

    remote->key_variable = fm_arena_strdup(&remote->arena, variables[0] ? variables[0] : NULL);
    for (size_t i = 0; variables[i] && !key; i++) {
        key = getenv(variables[i]);
        if (key && !*key)
            key = NULL;
        if (key)
            remote->key_variable = fm_arena_strdup(&remote->arena, variables[i]);
    }
    if (variables[0] && !remote->key_variable)
        return no_memory(remote, err);
    if (!key && remote->dialect->ops->keys[0] && is_at_home(remote) && !remote->config->replay_path)
        return fm_fail(err, FM_E_USAGE, "adapter '%s' needs a key: set %s in the environment",
                       remote->dialect->ops->name, remote->key_variable);
    if (!key)
        return named && !remote->config->replay_path
                   ? fm_fail(err, FM_E_USAGE, "setting 'key_env': %s is not set", named)
                   : FM_OK;
    fm_status st = check_key(remote->key_variable, key, err);
    if (st != FM_OK)
        return st;
    remote->key = fm_arena_strdup(&remote->arena, key);
    if (!remote->key)
        return no_memory(remote, err);
    tell_of_other_keys(remote, variables);
    return FM_OK;
}

/* Without TLS everybody on the way reads the key. A replay sends nothing. */
static fm_status tell_of_open_way(const fm_remote *remote, fm_err *err)
{
    fm_wire_address *address;

    if (!remote->key || remote->config->replay_path)
        return FM_OK;
    fm_status st = fm_wire_address_new(&address, remote->base_url, "setting 'base_url'", err);
    if (st != FM_OK)
        return st;
    if (!address->tls && !address->loopback)
        tell(remote,
             "the key in %s goes to %s unencrypted, for everybody on the way to read: use https",
             remote->key_variable, address->origin);
    fm_wire_address_free(address);
    return FM_OK;
}

/* A key that was pasted in the place of its variable's name is not shown. */
static fm_status check_variable(const char *name, fm_err *err)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    static const char digits[] = "0123456789";
    size_t size = strspn(name, letters);

    while (size > 0 && name[size] && (strchr(letters, name[size]) || strchr(digits, name[size])))
        size++;
    if (size > 0 && !name[size])
        return FM_OK;
    return fm_fail(err, FM_E_USAGE,
                   "setting 'key_env' wants the name of a variable that holds the key, not a key");
}

/* ---- address ---- */

static fm_status check_base_url(const char *url, fm_err *err)
{
    const char *query = strchr(url, '?');
    fm_status st = fm_wire_check_url(url, "setting 'base_url'", err);

    if (st == FM_OK &&
        (strchr(url, '#') || (query && (strcasestr(query, "key=") || strcasestr(query, "token=") ||
                                        strcasestr(query, "secret=")))))
        st = fm_fail(err, FM_E_USAGE,
                     "setting 'base_url' may hold no key and no '#'; keys come from the "
                     "environment");
    return st;
}

static fm_status read_base_url(fm_remote *remote, fm_err *err)
{
    const char *set = fm_remote_setting(remote, "base_url");

    remote->base_url = fm_arena_strdup(&remote->arena, set ? set : remote->dialect->home);
    return remote->base_url ? check_base_url(remote->base_url, err) : no_memory(remote, err);
}

/* The path goes before the query of the base, which stays (Azure's api-version). */
static fm_status join_url(fm_remote *remote, fm_err *err)
{
    const char *base = remote->base_url;
    size_t end = strcspn(base, "?"), size = end;
    fm_buf url = {0};

    while (size > 0 && base[size - 1] == '/')
        size--;
    fm_buf_append(&url, base, size);
    fm_buf_puts(&url, remote->path);
    fm_buf_puts(&url, base + end);
    remote->url = url.failed ? NULL : fm_arena_strdup(&remote->arena, fm_buf_text(&url));
    fm_buf_release(&url);
    return remote->url ? FM_OK : no_memory(remote, err);
}

bool fm_remote_base_ends_with(const fm_remote *remote, const char *tail)
{
    size_t size = strcspn(remote->base_url, "?"), n = strlen(tail);

    while (size > 0 && remote->base_url[size - 1] == '/')
        size--;
    return size > n && strncmp(remote->base_url + size - n, tail, n) == 0;
}

static fm_status read_model(fm_remote *remote, fm_err *err)
{
    const char *model = fm_remote_setting(remote, "model");

    if (!model)
        return fm_fail(err, FM_E_USAGE, "adapter '%s' needs a model: --model NAME",
                       remote->dialect->ops->name);
    if (*model == '[' || *model == '{') /* a list in a file */
        return fm_fail(err, FM_E_USAGE, "setting 'model' wants one name, not '%s'", model);
    remote->model = fm_arena_strdup(&remote->arena, model);
    return remote->model ? FM_OK : no_memory(remote, err);
}

/* What a chat model is told beside the prompt, and shown beside the picture. */
static fm_status read_chat(fm_remote *remote, fm_err *err)
{
    static const char *const depths[] = {"none", "image", NULL};
    const char *system = fm_remote_setting(remote, "system");
    int depth = 0;
    fm_status st = fm_remote_word(remote, "depth", depths, &depth, err);

    remote->sends_depth = depth;
    if (st == FM_OK && system && !(remote->system = fm_arena_strdup(&remote->arena, system)))
        st = no_memory(remote, err);
    return st;
}

/* ---- what may not be kept ---- */

fm_status fm_remote_check(const fm_setting *setting, fm_err *err)
{
    if (!*setting->value)
        return FM_OK;
    if (strcmp(setting->key, "base_url") == 0)
        return check_base_url(setting->value, err);
    if (strcmp(setting->key, "key_env") == 0)
        return check_variable(setting->value, err);
    return FM_OK;
}

/* ---- the members that every request has ---- */

/* RFC 7396: objects are merged, null removes, everything else replaces. */
static bool merge(cJSON *into, const cJSON *patch)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, patch)
    {
        cJSON *there = cJSON_GetObjectItemCaseSensitive(into, item->string);

        if (cJSON_IsObject(item) && cJSON_IsObject(there)) {
            if (!merge(there, item))
                return false;
            continue;
        }
        cJSON_DeleteItemFromObjectCaseSensitive(into, item->string);
        cJSON *copy = cJSON_IsNull(item) ? NULL : cJSON_Duplicate(item, true);
        if (!cJSON_IsNull(item) && (!copy || !cJSON_AddItemToObject(into, item->string, copy))) {
            cJSON_Delete(copy);
            return false;
        }
    }
    return true;
}

static fm_status merge_extra_body(fm_remote *remote, fm_err *err)
{
    const char *text = fm_remote_setting(remote, "extra_body");
    const char *const kept[] = {remote->dialect->content, "stream"};
    cJSON *extra = NULL;

    if (!text)
        return FM_OK;
    fm_status st = fm_json_parse(text, strlen(text), "setting 'extra_body'", &extra, err);
    if (st == FM_OK && !cJSON_IsObject(extra))
        st = FM_E_INPUT;
    if (st == FM_E_INPUT)
        st = fm_fail(err, FM_E_USAGE, "setting 'extra_body' is no JSON object: '%s'", text);
    for (size_t i = 0; i < FM_COUNT_OF(kept) && st == FM_OK; i++)
        if (fm_json_get(extra, kept[i]))
            st = fm_fail(err, FM_E_USAGE, "setting 'extra_body' may not hold '%s'", kept[i]);
    if (st == FM_OK && !merge(remote->fixed, extra))
        st = no_memory(remote, err);
    cJSON_Delete(extra);
    return st;
}

static fm_status write_fixed(fm_remote *remote, fm_err *err)
{
    const fm_remote_dialect *dialect = remote->dialect;
    fm_buf text = {0};
    fm_json_writer w = {.out = &text};

    fm_json_open(&w, NULL, '{');
    fm_status st = dialect->configure(remote, &w, err);
    fm_json_close(&w, '}');
    if (st == FM_OK)
        st = fm_buf_check(&text, "the settings of a request", err);
    if (st == FM_OK)
        st = fm_json_parse(fm_buf_text(&text), text.size, "settings", &remote->fixed, err);
    fm_buf_release(&text);
    return st == FM_OK ? merge_extra_body(remote, err) : st;
}

/* Whether a reply is drawn is read from what is really sent, extra_body included. */
static void note_sampling(fm_remote *remote)
{
    const cJSON *in = remote->dialect->sampling_in
                          ? fm_json_get(remote->fixed, remote->dialect->sampling_in)
                          : remote->fixed;
    cJSON *seed = cJSON_GetObjectItemCaseSensitive(in, "seed");

    if (cJSON_IsNumber(seed)) {
        remote->seed = seed;
        remote->seed_start = seed->valuedouble;
    }
    remote->sampled = fm_json_number(in, "temperature", 1) > 0 && !remote->seed;
}

fm_status fm_remote_configure(fm_remote *remote, fm_err *err)
{
    fm_status st = read_base_url(remote, err);

    if (st == FM_OK && remote->dialect->needs_model)
        st = read_model(remote, err);
    if (st == FM_OK && remote->dialect->needs_model)
        st = read_chat(remote, err);
    if (st == FM_OK)
        st = read_key(remote, err);
    if (st == FM_OK)
        st = tell_of_open_way(remote, err);
    if (st == FM_OK)
        st = check_prices(remote, err);
    if (st == FM_OK)
        st = fm_remote_add_header(remote, "content-type", "", "application/json", false, err);
    if (st == FM_OK)
        st = write_fixed(remote, err);
    if (st == FM_OK)
        st = join_url(remote, err);
    if (st == FM_OK)
        note_sampling(remote);
    return st;
}
