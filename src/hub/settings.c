/* Owns the names of the variables and which of them wins. */
#include "hub/settings.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/size.h"
#include "wire/address.h"

#define DEFAULT_ENDPOINT "https://huggingface.co"

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static fm_status copy_path(char out[FM_PATH_BYTES], const char *path, fm_err *err)
{
    if (snprintf(out, FM_PATH_BYTES, "%s", path) >= FM_PATH_BYTES)
        return fm_fail(err, FM_E_USAGE, "path too long: '%.200s'", path);
    return FM_OK;
}

/* The folder of everything of the hub's, in which the cache and the token are. */
static fm_status find_home(char out[FM_PATH_BYTES], fm_err *err)
{
    const char *own = environment("HF_HOME"), *shared = environment("XDG_CACHE_HOME");
    const char *home = environment("HOME");

    if (own)
        return copy_path(out, own, err);
    if (shared)
        return fm_path_join(out, shared, "huggingface", err);
    if (home)
        return fm_path_join(out, home, ".cache/huggingface", err);
    return fm_fail(err, FM_E_USAGE, "no folder for what is downloaded: set HF_HOME or HOME");
}

static fm_status find_cache(fm_hub_settings *out, const char *home, fm_err *err)
{
    const char *given = environment("HF_HUB_CACHE");

    if (!given)
        given = environment("HUGGINGFACE_HUB_CACHE"); /* its older name */
    return given ? copy_path(out->cache, given, err) : fm_path_join(out->cache, home, "hub", err);
}

static fm_status find_endpoint(fm_hub_settings *out, fm_err *err)
{
    const char *given = environment("HF_ENDPOINT");
    fm_wire_address *address;

    if (!given)
        given = DEFAULT_ENDPOINT;
    size_t size = strlen(given);
    while (size > 0 && given[size - 1] == '/')
        size--;
    if (size >= sizeof(out->endpoint))
        return fm_fail(err, FM_E_USAGE, "HF_ENDPOINT is too long");
    snprintf(out->endpoint, sizeof(out->endpoint), "%.*s", (int)size, given);
    fm_status st = fm_wire_address_new(&address, out->endpoint, "HF_ENDPOINT", err);
    if (st != FM_OK)
        return st;
    if (!address->tls && !address->loopback)
        st = fm_fail(err, FM_E_USAGE,
                     "HF_ENDPOINT is '%s', which is not secure: give an address of https",
                     out->endpoint);
    fm_wire_address_free(address);
    return st;
}

static fm_status keep_token(fm_hub_settings *out, const char *text, const char *from, fm_err *err)
{
    size_t size;

    text += strspn(text, " \t\r\n");
    size = strcspn(text, " \t\r\n");
    if (size >= sizeof(out->token))
        return fm_fail(err, FM_E_USAGE, "what %s holds is too long for a token", from);
    memcpy(out->token, text, size);
    out->token[size] = '\0';
    snprintf(out->token_from, sizeof(out->token_from), "%s", from);
    return FM_OK;
}

/* The file into which the tools of the hub write the token at login. */
static fm_status read_token_file(fm_hub_settings *out, const char *home, fm_err *err)
{
    const char *given = environment("HF_TOKEN_PATH");
    char path[FM_PATH_BYTES];
    fm_buf text = {0};
    fm_status st = given ? copy_path(path, given, err) : fm_path_join(path, home, "token", err);

    if (st != FM_OK || !fm_file_exists(path))
        return st;
    st = fm_file_read(path, 4096, &text, err);
    if (st == FM_OK)
        st = keep_token(out, fm_buf_text(&text), path, err);
    fm_buf_release(&text);
    return st;
}

static fm_status find_token(fm_hub_settings *out, const char *home, fm_err *err)
{
    static const char *const names[] = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"};

    for (size_t i = 0; i < FM_COUNT_OF(names); i++)
        if (environment(names[i]))
            return keep_token(out, environment(names[i]), names[i], err);
    return read_token_file(out, home, err);
}

/* As the hub's own library reads it. */
static bool is_set(const char *name)
{
    static const char *const words[] = {"1", "true", "yes", "on"};
    const char *value = environment(name);

    for (size_t i = 0; value && i < FM_COUNT_OF(words); i++)
        if (strcasecmp(value, words[i]) == 0)
            return true;
    return false;
}

fm_status fm_hub_settings_read(fm_hub_settings *out, const char *own, fm_err *err)
{
    fm_hub_settings made = {.offline = is_set("HF_HUB_OFFLINE")};
    char home[FM_PATH_BYTES];
    fm_status st = find_home(home, err);

    if (st == FM_OK)
        st = find_cache(&made, home, err);
    if (st == FM_OK)
        st = find_endpoint(&made, err);
    if (st == FM_OK)
        st = find_token(&made, home, err);
    if (st == FM_OK)
        st = copy_path(made.own, own, err);
    if (st == FM_OK)
        *out = made;
    return st;
}
