/* What the readers of configurations share: bounds far over what any network of this kind has (products
 * of two stay under 2^40), where members stand, and the readers themselves, a file each. */
#ifndef RT_ENGINE_CONFIG_INTERNAL_H
#define RT_ENGINE_CONFIG_INTERNAL_H

#include "engine/config.h"
#include "engine/members.h"

enum {
    MAX_WIDTH = 1 << 16,
    MAX_MLP = 1 << 20,
    MAX_LAYERS = 1 << 10,
    MAX_HEADS = 1 << 10,
    MAX_HEAD_SIZE = 256,
    MAX_VOCABULARY = 1 << 20,
    MAX_TOKENS = 1 << 24,
    MAX_PATCH = 64,
    MAX_SIDE = 1 << 13,
    MAX_TILES = 64,
};

/* A configuration while it is read. */
typedef struct {
    const char *folder; /* NULL: the root's text is all there is */
    fm_arena *arena;
    rt_config *out;
    cJSON *root; /* of config.json */
    const char *root_file;
    fm_err *err;
} rt_config_reading;

FM_MUST_CHECK fm_status rt_config_no_memory(const rt_config_reading *r);

/* Load "<folder>/<name>" where it is there; *tree, the caller's, stays NULL where it is not. *file: its path in
 * the arena, for messages. */
FM_MUST_CHECK fm_status rt_config_load(const rt_config_reading *r, const char *name,
                                       const char **file, cJSON **tree);

/* The root's members, and those of a part: its own config.json's, then what the root's "<part>_cfg" says of
 * it. A part that did not open is closed. */
typedef struct {
    rt_members members;
    cJSON *own;
} rt_part_config;
rt_members rt_config_root(const rt_config_reading *r);
FM_MUST_CHECK fm_status rt_part_config_open(rt_part_config *p, const rt_config_reading *r,
                                            const char *name);
void rt_part_config_close(rt_part_config *p);

/* A part is there where it has a folder, or the root describes it. */
bool rt_config_has_part(const rt_config_reading *r, const char *name);

/* Each puts its parts into r->out. What follows the language model takes its width from there. */
FM_MUST_CHECK fm_status rt_config_read_llm(rt_config_reading *r);
FM_MUST_CHECK fm_status rt_config_read_plain(rt_config_reading *r); /* of a root that is one */
FM_MUST_CHECK fm_status rt_config_read_pictures(rt_config_reading *r);
FM_MUST_CHECK fm_status rt_config_read_spatial(rt_config_reading *r);
FM_MUST_CHECK fm_status rt_config_read_scale(rt_config_reading *r);

/* The member that names a projector's kind, where it is there. */
void rt_config_projector_kind(rt_members *m, const char *key, rt_projector_kind *kind);

/* As rt_config_read(). */
FM_MUST_CHECK fm_status rt_config_read_gguf(const char *path, fm_arena *arena, rt_config *out,
                                            fm_err *err);

#endif
