/* Owns the form of the hub's replies. Asks nobody. */
#include "hub/listing.h"

#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/size.h"
#include "base/text.h"

enum { MAX_PATH_BYTES = 1024 };
#define MAX_FILE_BYTES 0x1p50

static bool is_digits(const char *text, size_t size)
{
    return strlen(text) == size && strspn(text, "0123456789abcdef") == size;
}

bool fm_hub_is_hash(const char *text)
{
    return is_digits(text, 40) || is_digits(text, 64);
}

bool fm_hub_is_commit(const char *text)
{
    return is_digits(text, 40);
}

/* ---- the data set ---- */

/* A card names its licence; the tags repeat it, for cards that do not parse. A list is joined. */
static fm_status read_licence(const cJSON *root, fm_arena *arena, const char **out, fm_err *err)
{
    const cJSON *card = fm_json_get(root, "cardData"), *item = fm_json_get(card, "license");
    fm_buf text = {0};

    *out = NULL;
    if (cJSON_IsArray(item)) {
        const cJSON *one;

        cJSON_ArrayForEach(one, item) if (cJSON_IsString(one))
            fm_buf_printf(&text, "%s%.60s", text.size ? ", " : "", one->valuestring);
    } else if (cJSON_IsString(item)) {
        fm_buf_printf(&text, "%.100s", item->valuestring);
    } else {
        cJSON_ArrayForEach(
            item, fm_json_get(root, "tags")) if (cJSON_IsString(item) &&
                                                 strncmp(item->valuestring, "license:", 8) == 0)
            fm_buf_printf(&text, "%s%.60s", text.size ? ", " : "", item->valuestring + 8);
    }
    fm_status st = fm_buf_check(&text, "a licence", err);
    if (st == FM_OK && text.size && !(*out = fm_arena_strdup(arena, fm_buf_text(&text))))
        st = fm_fail(err, FM_E_NOMEM, "no memory for a licence");
    fm_buf_release(&text);
    return st;
}

fm_status fm_hub_info_read(fm_hub_info *out, const char *body, size_t size, const char *name,
                           fm_arena *arena, fm_err *err)
{
    cJSON *root = NULL;
    fm_status st = fm_json_parse(body, size, name, &root, err);
    const char *commit = st == FM_OK ? fm_json_string(root, "sha") : NULL;

    if (st == FM_OK && (!commit || !fm_hub_is_commit(commit)))
        st = fm_fail(err, FM_E_INPUT, "%s: it names no commit", name);
    if (st == FM_OK) {
        const cJSON *gated = fm_json_get(root, "gated");

        memcpy(out->commit, commit, sizeof(out->commit));
        out->gated = gated && !cJSON_IsFalse(gated) && !cJSON_IsNull(gated);
        st = read_licence(root, arena, &out->licence, err);
    }
    cJSON_Delete(root);
    return st;
}

/* ---- its files ---- */

static fm_status no_memory(fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "no memory for the list of files");
}

fm_status fm_hub_listing_put(fm_hub_listing *listing, const char *path, const char *hash,
                             uint64_t size, fm_arena *arena, fm_err *err)
{
    if (listing->n == listing->capacity) {
        size_t room = listing->capacity ? listing->capacity * 2 : 64;
        fm_hub_entry *grown = fm_arena_alloc(arena, room, sizeof(*grown));

        if (!grown)
            return no_memory(err);
        if (listing->n)
            memcpy(grown, listing->items, listing->n * sizeof(*grown));
        listing->items = grown;
        listing->capacity = room;
    }
    fm_hub_entry *entry = &listing->items[listing->n];
    *entry = (fm_hub_entry){
        .path = fm_arena_strdup(arena, path), .hash = fm_arena_strdup(arena, hash), .size = size};
    if (!entry->path || (hash && !entry->hash))
        return no_memory(err);
    listing->n++;
    return FM_OK;
}

/* Of a file of LFS, git's own hash and size are those of the pointer. */
static fm_status add_file(fm_hub_listing *listing, const cJSON *item, const char *path,
                          const char *name, fm_arena *arena, fm_err *err)
{
    const cJSON *lfs = fm_json_get(item, "lfs");
    const cJSON *of = cJSON_IsObject(lfs) ? lfs : item;
    const char *hash = fm_json_string(of, "oid");
    double size = fm_json_number(of, "size", -1);

    if (hash && strncmp(hash, "sha256:", 7) == 0)
        hash += 7;
    if (strlen(path) >= MAX_PATH_BYTES || !fm_path_stays_inside(path))
        return fm_fail(err, FM_E_INPUT, "%s: the name '%.200s' would leave its folder", name, path);
    if (!hash || !is_digits(hash, of == lfs ? 64 : 40))
        return fm_fail(err, FM_E_INPUT, "%s: '%.200s' has no usable hash", name, path);
    if (!(size >= 0 && size <= MAX_FILE_BYTES))
        return fm_fail(err, FM_E_INPUT, "%s: '%.200s' has no usable size", name, path);
    return fm_hub_listing_put(listing, path, hash, (uint64_t)size, arena, err);
}

fm_status fm_hub_listing_add(fm_hub_listing *listing, const char *body, size_t size,
                             const char *name,
                             bool (*wanted)(const void *context, const char *path),
                             const void *context, fm_arena *arena, fm_err *err)
{
    cJSON *root = NULL, *item;
    fm_status st = fm_json_parse(body, size, name, &root, err);

    if (st == FM_OK && !cJSON_IsArray(root))
        st = fm_fail(err, FM_E_INPUT, "%s: it is no list of files", name);
    cJSON_ArrayForEach(item, root)
    {
        const char *type = fm_json_string(item, "type"), *path = fm_json_string(item, "path");

        if (st != FM_OK)
            break;
        if (++listing->seen > FM_HUB_MAX_FILES)
            st =
                fm_fail(err, FM_E_INPUT, "%s: it lists more than %d files", name, FM_HUB_MAX_FILES);
        else if (!type || !path)
            st = fm_fail(err, FM_E_INPUT, "%s: entry %zu has no type or no path", name,
                         listing->seen);
        else if (strcmp(type, "file") == 0 && wanted(context, path))
            st = add_file(listing, item, path, name, arena, err);
    }
    cJSON_Delete(root);
    return st;
}

/* ---- pages ---- */

const char *fm_hub_next_page(const char *link, fm_arena *arena)
{
    const char *at = link ? strchr(link, '<') : NULL, *end;

    for (; at && (end = strchr(at, '>')); at = strchr(end, '<')) {
        size_t n = strcspn(end, ",<");

        if (memmem(end, n, "rel=\"next\"", 10) || memmem(end, n, "rel=next", 8))
            return fm_arena_memdup(arena, at + 1, (size_t)(end - at - 1));
    }
    return NULL;
}
