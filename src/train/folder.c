/* Owns the lock of a training's folder, and what makes two recipes the same. */
#include "train/folder.h"

#include <string.h>
#include <unistd.h>

#include "base/size.h"
#include "base/yaml.h"

/* ---- the lock ---- */

fm_status tr_folder_open(tr_folder *out, const char *path, fm_err *err)
{
    fm_status st = fm_dir_make(path, err);

    return st == FM_OK ? fm_dir_lock(&out->lock_fd, path, "lock", "training folder", err) : st;
}

void tr_folder_release(tr_folder *folder)
{
    if (folder->lock_fd >= 0)
        close(folder->lock_fd);
    folder->lock_fd = -1;
}

/* ---- the recipe ---- */

enum { MOST_RECIPE_BYTES = 1 << 20 };

/* How much memory there is, and how often it is saved, changes nothing that is learnt. */
static void drop_what_may_differ(cJSON *recipe)
{
    cJSON_DeleteItemFromObjectCaseSensitive(recipe, "memory_mb");
    cJSON_DeleteItemFromObjectCaseSensitive(recipe, "save_every");
}

/* The first member that one has otherwise than the other, as "optimiser.rate"; nothing where there is
 * none. Trees are as deep as YAML may be. */
static void put_difference(fm_buf *out, const cJSON *a, const cJSON *b)
{
    const cJSON *sides[] = {a, b};

    for (size_t i = 0; i < FM_COUNT_OF(sides); i++) {
        const cJSON *item;

        cJSON_ArrayForEach(item, sides[i])
        {
            const cJSON *other = cJSON_GetObjectItemCaseSensitive(sides[1 - i], item->string);

            if (other && cJSON_Compare(item, other, true))
                continue;
            fm_buf_puts(out, item->string);
            if (cJSON_IsObject(item) && cJSON_IsObject(other)) {
                fm_buf_putc(out, '.');
                put_difference(out, item, other);
            }
            return;
        }
    }
}

static fm_status compare(const fm_buf *kept, const char *path, const fm_buf *given,
                         const char *folder, const char *recipe, fm_err *err)
{
    cJSON *before = NULL, *now = NULL;
    fm_buf member = {0};
    fm_status st = fm_yaml_parse(fm_buf_text(kept), kept->size, path, &before, err);

    if (st == FM_OK)
        st = fm_yaml_parse(fm_buf_text(given), given->size, recipe, &now, err);
    if (st == FM_OK && !cJSON_IsObject(before))
        st = fm_fail(err, FM_E_INPUT, "%s: it is no recipe; choose another --out", path);
    if (st == FM_OK) {
        drop_what_may_differ(before);
        drop_what_may_differ(now);
        if (!cJSON_Compare(before, now, true)) {
            put_difference(&member, before, now);
            st =
                fm_fail(err, FM_E_USAGE,
                        "'%s' was begun by another recipe than '%s': '%s' differs; set it as it is "
                        "in '%s', or choose another --out",
                        folder, recipe, fm_buf_text(&member), path);
        }
    }
    fm_buf_release(&member);
    cJSON_Delete(before);
    cJSON_Delete(now);
    return st;
}

fm_status tr_folder_keep_recipe(const char *folder, const char *recipe, fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_buf given = {0}, kept = {0};
    fm_status st = fm_path_join(path, folder, "recipe.yaml", err);

    if (st == FM_OK)
        st = fm_file_read(recipe, MOST_RECIPE_BYTES, &given, err);
    if (st == FM_OK && fm_file_exists(path)) {
        st = fm_file_read(path, MOST_RECIPE_BYTES, &kept, err);
        if (st == FM_OK)
            st = compare(&kept, path, &given, folder, recipe, err);
    }
    if (st == FM_OK && (kept.size != given.size || kept.size == 0 ||
                        memcmp(kept.data, given.data, kept.size) != 0))
        st = fm_file_write_atomic(path, given.data, given.size, err);
    fm_buf_release(&given);
    fm_buf_release(&kept);
    return st;
}
