/* Owns the reading of the mapping `hub` and the meaning of its patterns. */
#include "hub/sources.h"

#include <fnmatch.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/size.h"
#include "base/text.h"
#include "wire/address.h"

enum { MAX_NAME_BYTES = 256 };

typedef struct {
    const char *place;
    fm_arena *arena;
    fm_err *err;
} reader;

/* ---- texts ---- */

static fm_status check_keys(const reader *r, const cJSON *object, const char *const *keys, size_t n)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, object)
    {
        size_t i = 0;

        while (i < n && strcmp(keys[i], item->string) != 0)
            i++;
        if (i < n)
            continue;
        const char *near = fm_text_nearest(item->string, keys, n);
        return fm_fail(r->err, FM_E_INPUT, "%s: 'hub' has the unknown key '%.60s'%s%s%s", r->place,
                       item->string, near ? "; did you mean '" : "", near ? near : "",
                       near ? "'?" : "");
    }
    return FM_OK;
}

/* *out NULL where the key is absent. */
static fm_status read_text(const reader *r, const cJSON *object, const char *key, const char **out)
{
    const cJSON *item = fm_json_get(object, key);

    *out = NULL;
    if (!item)
        return FM_OK;
    if (!cJSON_IsString(item) || !item->valuestring[0])
        return fm_fail(r->err, FM_E_INPUT, "%s: 'hub': '%s' must be a text", r->place, key);
    *out = fm_arena_strdup(r->arena, item->valuestring);
    return *out ? FM_OK : fm_fail(r->err, FM_E_NOMEM, "no memory for '%s'", r->place);
}

static bool is_of(const char *text, size_t size, const char *others)
{
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');

        if (!plain && (c == '\0' || !strchr(others, c)))
            return false;
    }
    return size > 0 && size <= 96;
}

/* "org/name", which also makes a name of a folder: "datasets--org--name". */
static bool is_repository(const char *text)
{
    const char *slash = strchr(text, '/');

    return slash && text[0] != '.' && slash[1] != '.' && !strstr(text, "--") &&
           is_of(text, (size_t)(slash - text), "-_.") && is_of(slash + 1, strlen(slash + 1), "-_.");
}

static bool is_sha256(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* ---- a source ---- */

static fm_status read_pattern(const reader *r, const cJSON *item, const char **out)
{
    char plain[MAX_NAME_BYTES] = "";
    size_t size = cJSON_IsString(item) ? strlen(item->valuestring) : 0;

    if (size > 0 && size < sizeof(plain)) {
        memcpy(plain, item->valuestring, size + 1);
        plain[size - 1] = plain[size - 1] == '/' ? '\0' : plain[size - 1];
    }
    if (!fm_path_stays_inside(plain))
        return fm_fail(r->err, FM_E_INPUT,
                       "%s: 'hub': 'files' must be a list of names or patterns inside the data set",
                       r->place);
    *out = fm_arena_strdup(r->arena, item->valuestring);
    return *out ? FM_OK : fm_fail(r->err, FM_E_NOMEM, "no memory for '%s'", r->place);
}

static fm_status read_patterns(const reader *r, const cJSON *object, fm_hub_source *out)
{
    const cJSON *list = fm_json_get(object, "files"), *item;

    if (!cJSON_IsArray(list) || !list->child ||
        cJSON_GetArraySize(list) > (int)FM_COUNT_OF(out->files))
        return fm_fail(r->err, FM_E_INPUT, "%s: 'hub': 'files' must be a list of 1 to %zu patterns",
                       r->place, FM_COUNT_OF(out->files));
    cJSON_ArrayForEach(item, list)
    {
        fm_status st = read_pattern(r, item, &out->files[out->n_files]);

        if (st != FM_OK)
            return st;
        out->n_files++;
    }
    return FM_OK;
}

static fm_status read_repository(const reader *r, const cJSON *object, fm_hub_source *out)
{
    fm_status st = read_text(r, object, "revision", &out->revision);

    if (st != FM_OK)
        return st;
    if (!out->revision)
        out->revision = "main";
    if (!is_repository(out->repository))
        return fm_fail(r->err, FM_E_INPUT, "%s: 'hub': '%.100s' is no data set: ORGANISATION/NAME",
                       r->place, out->repository);
    if (!is_of(out->revision, strlen(out->revision), "-_./") ||
        !fm_path_stays_inside(out->revision))
        return fm_fail(r->err, FM_E_INPUT,
                       "%s: 'hub': '%.100s' is no revision: a branch, a tag or a commit", r->place,
                       out->revision);
    return read_patterns(r, object, out);
}

/* A key never goes there, but what comes is compared with a hash: it may well come from anywhere
 * that cannot be changed on the way. */
static fm_status check_url(const reader *r, const char *url)
{
    fm_wire_address *address;
    fm_status st = fm_wire_address_new(&address, url, "'hub'", r->err);

    if (st == FM_OK) {
        bool safe = address->tls || address->loopback;

        fm_wire_address_free(address);
        if (!safe)
            st = fm_fail(r->err, FM_E_INPUT, "'hub': '%.200s' must be https", url);
    }
    return st == FM_OK || st == FM_E_NOMEM ? st
                                           : fm_fail_within(r->err, FM_E_INPUT, "%s", r->place);
}

static fm_status read_url(const reader *r, const cJSON *object, fm_hub_source *out)
{
    double size = fm_json_number(object, "size", 0);
    fm_status st = check_url(r, out->url);

    if (st == FM_OK)
        st = read_text(r, object, "sha256", &out->sha256);
    if (st == FM_OK)
        st = read_text(r, object, "name", &out->name);
    if (st != FM_OK)
        return st;
    if (!out->sha256 || !is_sha256(out->sha256) || !(size >= 1 && size <= 0x1p50))
        return fm_fail(r->err, FM_E_INPUT,
                       "%s: 'hub': a url needs its 'sha256', 64 digits, and its 'size' in bytes",
                       r->place);
    if (!out->name || strlen(out->name) >= MAX_NAME_BYTES || !fm_path_stays_inside(out->name))
        return fm_fail(r->err, FM_E_INPUT,
                       "%s: 'hub': a url needs a 'name' for its file in the data folder", r->place);
    out->size_bytes = (uint64_t)size;
    return FM_OK;
}

static fm_status read_source(const reader *r, const cJSON *object, fm_hub_source *out)
{
    fm_status st = FM_OK;

    *out = (fm_hub_source){0};
    if ((st = read_text(r, object, "repository", &out->repository)) != FM_OK ||
        (st = read_text(r, object, "url", &out->url)) != FM_OK ||
        (st = read_text(r, object, "folder", &out->folder)) != FM_OK)
        return st;
    if (!out->repository == !out->url)
        return fm_fail(r->err, FM_E_INPUT,
                       "%s: 'hub': a source has either a 'repository' or a 'url'", r->place);
    if (out->folder &&
        (strlen(out->folder) >= MAX_NAME_BYTES || !fm_path_stays_inside(out->folder)))
        return fm_fail(r->err, FM_E_INPUT, "%s: 'hub': 'folder' must be inside the data folder",
                       r->place);
    return out->repository ? read_repository(r, object, out) : read_url(r, object, out);
}

/* ---- the mapping ---- */

static const char *const source_keys[] = {"repository", "revision", "files",  "url",    "sha256",
                                          "size",       "name",     "folder", "by_hand"};
static const char *const list_keys[] = {"sources", "by_hand"};

static fm_status read_list(const reader *r, const cJSON *list, fm_hub_sources *out)
{
    const cJSON *item;

    if (!cJSON_IsArray(list) || !list->child ||
        cJSON_GetArraySize(list) > (int)FM_COUNT_OF(out->items))
        return fm_fail(r->err, FM_E_INPUT, "%s: 'hub': 'sources' must be a list of 1 to %zu",
                       r->place, FM_COUNT_OF(out->items));
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsObject(item))
            return fm_fail(r->err, FM_E_INPUT, "%s: 'hub': a source must be a mapping", r->place);
        fm_status st = check_keys(r, item, source_keys, FM_COUNT_OF(source_keys) - 1);

        if (st == FM_OK)
            st = read_source(r, item, &out->items[out->n]);
        if (st != FM_OK)
            return st;
        out->n++;
    }
    return FM_OK;
}

static fm_status read_mapping(const reader *r, const cJSON *root, fm_hub_sources *out)
{
    const cJSON *list = fm_json_get(root, "sources");
    fm_status st = read_text(r, root, "by_hand", &out->by_hand);

    if (st == FM_OK)
        st = list ? check_keys(r, root, list_keys, FM_COUNT_OF(list_keys))
                  : check_keys(r, root, source_keys, FM_COUNT_OF(source_keys));
    if (st != FM_OK || list)
        return st == FM_OK ? read_list(r, list, out) : st;
    if (out->by_hand && !root->child->next) /* nothing but that */
        return FM_OK;
    out->n = 1;
    return read_source(r, root, &out->items[0]);
}

fm_status fm_hub_sources_read(fm_hub_sources *out, const char *mapping, const char *place,
                              fm_arena *arena, fm_err *err)
{
    const reader r = {.place = place, .arena = arena, .err = err};
    fm_hub_sources made = {0};
    cJSON *root = NULL;
    fm_status st = fm_json_parse(mapping, strlen(mapping), place, &root, err);

    if (st == FM_OK && !cJSON_IsObject(root))
        st = fm_fail(err, FM_E_INPUT, "%s: 'hub' must be a mapping", place);
    if (st == FM_OK)
        st = read_mapping(&r, root, &made);
    cJSON_Delete(root);
    if (st != FM_OK)
        return st;
    fm_hash_bytes(mapping, strlen(mapping), made.key);
    *out = made;
    return FM_OK;
}

bool fm_hub_matches(const char *pattern, const char *name)
{
    size_t size = strlen(pattern);

    if (size > 0 && pattern[size - 1] == '/')
        return strncmp(pattern, name, size) == 0;
    return fnmatch(pattern, name, FNM_PATHNAME | FNM_NOESCAPE | FNM_PERIOD) == 0;
}
