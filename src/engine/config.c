/* Owns where the members of a model's configuration stand, its names, and which parts it has. What a part's
 * members mean, and what counts where they are silent, is told part by part in config_llm.c,
 * config_pictures.c and config_spatial.c, and of a GGUF file in config_gguf.c. docs/engine.md lists the
 * members for people. */
#include "engine/config.h"

#include <limits.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/size.h"
#include "engine/config_internal.h"
#include "engine/folder.h"
#include "engine/members.h"

enum { MAX_FILE_BYTES = 16 << 20 };

fm_status rt_config_no_memory(const rt_config_reading *r)
{
    return fm_fail(r->err, FM_E_NOMEM, "no memory for a model's configuration");
}

/* ---- where members stand ---- */

fm_status rt_config_load(const rt_config_reading *r, const char *name, const char **file,
                         cJSON **tree)
{
    char path[FM_PATH_BYTES];

    *file = r->root_file;
    if (!r->folder)
        return FM_OK;
    fm_status st = rt_folder_join(path, r->folder, name, r->err);
    if (st != FM_OK)
        return st;
    *file = fm_arena_strdup(r->arena, path);
    if (!*file)
        return rt_config_no_memory(r);
    if (!fm_file_exists(path))
        return FM_OK;
    st = fm_json_load(path, MAX_FILE_BYTES, tree, r->err);
    if (st == FM_OK && !cJSON_IsObject(*tree))
        st = fm_fail(r->err, FM_E_INPUT, "%s: is no JSON object", path);
    return st;
}

void rt_part_config_close(rt_part_config *p)
{
    cJSON_Delete(p->own);
}

fm_status rt_part_config_open(rt_part_config *p, const rt_config_reading *r, const char *name)
{
    char config[64], within[64];
    const char *file = NULL, *kept;

    *p = (rt_part_config){.members = {.err = r->err}};
    snprintf(config, sizeof(config), "%s/config.json", name);
    snprintf(within, sizeof(within), "%s_cfg", name);
    fm_status st = rt_config_load(r, config, &file, &p->own);
    if (st != FM_OK || !(kept = fm_arena_strdup(r->arena, within))) {
        rt_part_config_close(p);
        return st != FM_OK ? st : rt_config_no_memory(r);
    }
    if (p->own)
        p->members.sources[p->members.n++] = (rt_source){p->own, file, NULL};
    p->members.sources[p->members.n++] =
        (rt_source){fm_json_get(r->root, within), r->root_file, kept};
    return FM_OK;
}

static bool has_folder(const rt_config_reading *r, const char *name)
{
    char path[FM_PATH_BYTES];

    return r->folder && rt_folder_join(path, r->folder, name, NULL) == FM_OK && fm_dir_exists(path);
}

bool rt_config_has_part(const rt_config_reading *r, const char *name)
{
    char within[64];

    snprintf(within, sizeof(within), "%s_cfg", name);
    return cJSON_IsObject(fm_json_get(r->root, within)) || has_folder(r, name);
}

rt_members rt_config_root(const rt_config_reading *r)
{
    return (rt_members){.sources = {{r->root, r->root_file, NULL}}, .n = 1, .err = r->err};
}

/* ---- the whole ---- */

static fm_status copy_text(const rt_config_reading *r, const char *text, const char **out)
{
    *out = fm_arena_strdup(r->arena, text);
    return *out ? FM_OK : rt_config_no_memory(r);
}

static fm_status read_names(rt_config_reading *r)
{
    char real[PATH_MAX];
    const char *name = NULL, *chat = NULL;
    rt_members root = rt_config_root(r);

    rt_members_text(&root, "name", &name);
    rt_members_text(&root, "chat_template", &chat);
    fm_status st = root.st;
    if (st == FM_OK && r->folder)
        st = copy_text(r, r->folder, &r->out->folder);
    if (!name)
        name = fm_path_base(r->folder && realpath(r->folder, real) ? real : r->root_file);
    if (st == FM_OK)
        st = copy_text(r, name, &r->out->name);
    return st == FM_OK && chat ? copy_text(r, chat, &r->out->chat_template) : st;
}

/* NVILA's layout, with what RoboTracer adds to it. */
static fm_status read_parts(rt_config_reading *r)
{
    static const char *const orders[] = {"image_spatial_text", "spatial_image_text"};
    rt_members root = rt_config_root(r);
    int order = 0;

    r->out->has_vision = rt_config_has_part(r, "vision_tower");
    r->out->has_spatial = rt_config_has_part(r, "spatial_encoder");
    r->out->has_scale = rt_config_has_part(r, "scale_decoder");
    rt_members_choice(&root, "media_order", orders, FM_COUNT_OF(orders), &order);
    r->out->order = order == 1 ? RT_ORDER_SPATIAL_IMAGE_TEXT : RT_ORDER_IMAGE_SPATIAL_TEXT;
    fm_status st = root.st;
    if (st == FM_OK)
        st = rt_config_read_llm(r);
    if (st == FM_OK && r->out->has_vision)
        st = rt_config_read_pictures(r);
    if (st == FM_OK && r->out->has_spatial)
        st = rt_config_read_spatial(r);
    return st == FM_OK && r->out->has_scale ? rt_config_read_scale(r) : st;
}

/* A part that the root describes by something else than an object is not left out. In a model that is trained
 * further it may be the path of what the part came from; its folder then says everything. */
static fm_status check_parts(rt_config_reading *r)
{
    static const char *const names[] = {"llm",           "vision_tower",     "mm_projector",
                                        "depth_tower",   "depth_projector",  "spatial_encoder",
                                        "scale_decoder", "spatial_projector"};
    rt_members root = rt_config_root(r);

    for (size_t i = 0; i < FM_COUNT_OF(names); i++) {
        char within[64];

        snprintf(within, sizeof(within), "%s_cfg", names[i]);
        const cJSON *item = rt_members_find(&root, within, NULL);
        if (item && !cJSON_IsObject(item) && !(cJSON_IsString(item) && has_folder(r, names[i])))
            rt_members_fail(&root, within, "wants an object");
    }
    return root.st;
}

static fm_status read_root(rt_config_reading *r)
{
    fm_status st = read_names(r);

    if (st == FM_OK)
        st = check_parts(r);
    if (st != FM_OK)
        return st;
    if (rt_config_has_part(r, "llm"))
        return read_parts(r);
    r->out->plain = true;
    return rt_config_read_plain(r);
}

fm_status rt_config_read(const char *folder, fm_arena *arena, rt_config *out, fm_err *err)
{
    rt_config config = {0};
    rt_config_reading r = {.folder = folder, .arena = arena, .out = &config, .err = err};

    if (fm_file_exists(folder))
        return rt_config_read_gguf(folder, arena, out, err);
    if (!fm_dir_exists(folder))
        return fm_fail(err, FM_E_IO, "cannot open '%s': no folder or file of that name", folder);
    fm_status st = rt_config_load(&r, "config.json", &r.root_file, &r.root);
    if (st == FM_OK && !r.root)
        st = fm_fail(err, FM_E_INPUT, "%s: has no config.json, so it is no model's folder", folder);
    if (st == FM_OK)
        st = read_root(&r);
    cJSON_Delete(r.root);
    if (st == FM_OK)
        *out = config;
    return st;
}

fm_status rt_config_parse(const char *text, size_t size, const char *name, fm_arena *arena,
                          rt_config *out, fm_err *err)
{
    rt_config config = {0};
    rt_config_reading r = {.root_file = name, .arena = arena, .out = &config, .err = err};
    fm_status st = fm_json_parse(text, size, name, &r.root, err);

    if (st == FM_OK && !cJSON_IsObject(r.root))
        st = fm_fail(err, FM_E_INPUT, "%s: is no JSON object", name);
    if (st == FM_OK)
        st = read_root(&r);
    cJSON_Delete(r.root);
    if (st == FM_OK)
        *out = config;
    return st;
}

fm_status rt_config_part(const rt_config *config, const char *name, char out[FM_PATH_BYTES],
                         fm_err *err)
{
    if (!config->plain)
        return rt_folder_join(out, config->folder, name, err);
    if (snprintf(out, FM_PATH_BYTES, "%s", config->folder) >= FM_PATH_BYTES)
        return fm_fail(err, FM_E_INPUT, "path too long: '%.100s...'", config->folder);
    return FM_OK;
}
