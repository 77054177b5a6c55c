/* Owns what pictures become, and the prefix that the questions about them share. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/size.h"
#include "engine/model_internal.h"
#include "engine/picture.h"
#include "engine/s2.h"

static size_t width_of(const rt_model *model)
{
    return (size_t)model->config.llm.width;
}

static fm_status no_memory(fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "no memory for a scene");
}

/* Zeroed [rows][columns], or NULL. */
static float *new_floats(size_t rows, size_t columns)
{
    size_t n;

    return fm_size_mul(rows, columns, &n) ? calloc(n ? n : 1, sizeof(float)) : NULL;
}

/* ---- pictures ---- */

static fm_status check_picture(const rt_model *m, const rt_picture *picture, size_t index,
                               fm_err *err)
{
    size_t limit = m->max_picture_pixels;

    if (!picture->rgb || picture->width < 1 || picture->height < 1)
        return fm_fail(err, FM_E_USAGE, "picture %zu has no pixels", index + 1);
    if ((size_t)picture->width > limit / (size_t)picture->height)
        return fm_fail(err, FM_E_USAGE,
                       "picture %zu has %d x %d pixels: more than the limit of %zu", index + 1,
                       picture->width, picture->height, limit);
    return FM_OK;
}

/* A tower with the projector behind it. */
typedef struct {
    const char *projected; /* the stage's name for whoever looks on */
    const rt_tower *tower;
    const rt_tower_config *config;
    const rt_projector *projector;
    rt_picture_config pictures;
} eye;

static int side_of(const eye *e)
{
    return e->config->image / e->config->patch;
}

/* What making features out of tiles takes: their pixels, `rows` of the tower's features and its run. */
static uint64_t looking_bytes(const rt_model *m, const eye *e, const rt_tiles *tiles, size_t rows)
{
    size_t side = (size_t)side_of(e), pixels = (size_t)tiles->side * (size_t)tiles->side * 3;

    return ((size_t)tiles->n * pixels + rows * (size_t)e->config->width) * sizeof(float) +
           rt_tower_run_bytes(e->tower, side * side, rt_pool_threads(m->pool));
}

static fm_status look_at_tile(const rt_model *m, const eye *e, const rt_tiles *tiles, int index,
                              float *features, fm_err *err)
{
    size_t pixels = (size_t)tiles->side * (size_t)tiles->side * 3;
    fm_status st = rt_model_go_on(m, err);

    return st == FM_OK ? rt_tower_run(e->tower, &m->compute, features, NULL,
                                      tiles->pixels + (size_t)index * pixels, 1, tiles->side,
                                      tiles->side, err)
                       : st;
}

/* Each tile becomes tokens of its own. */
static fm_status project_tiles(const rt_model *m, const eye *e, const rt_tiles *tiles,
                               rt_features *out, fm_err *err)
{
    int side = side_of(e);
    size_t rows = rt_projector_tokens(e->projector, side, side);
    float *features = new_floats((size_t)side * (size_t)side, (size_t)e->config->width);
    fm_status st = features ? FM_OK : no_memory(err);

    for (int i = 0; i < tiles->n && st == FM_OK; i++) {
        st = look_at_tile(m, e, tiles, i, features, err);
        out[i].rows = rows;
        if (st == FM_OK && !(out[i].values = new_floats(rows, width_of(m))))
            st = no_memory(err);
        if (st == FM_OK)
            st = rt_projector_run(e->projector, &m->compute, out[i].values, features, side, side,
                                  err);
        if (st == FM_OK)
            rt_model_show(m, e->projected, out[i].values, rows, width_of(m));
    }
    free(features);
    return st;
}

/* The scales of dynamic_s2 are merged before they are projected, and laid together after it. */
static fm_status project_scales(const rt_model *m, const eye *e, const rt_tiles *tiles,
                                rt_features *out, fm_err *err)
{
    int side = side_of(e), columns, rows;
    size_t cells = (size_t)side * (size_t)side, scales = (size_t)e->pictures.n_scales;
    size_t tokens = rt_projector_tokens(e->projector, side, side), width = (size_t)e->config->width;
    fm_status st = FM_OK;

    rt_s2_grid(&e->pictures, tiles, &columns, &rows);
    size_t n = (size_t)columns * (size_t)rows;
    float *features = new_floats((size_t)tiles->n * cells, width);
    float *merged = new_floats(n * cells, scales * width);
    float *projected = new_floats(n * tokens, width_of(m));
    out->rows = n * tokens;
    out->values = new_floats(out->rows, width_of(m));
    if (!features || !merged || !projected || !out->values)
        st = no_memory(err);
    for (int i = 0; i < tiles->n && st == FM_OK; i++)
        st = look_at_tile(m, e, tiles, i, features + (size_t)i * cells * width, err);
    if (st == FM_OK)
        rt_s2_merge(merged, &e->pictures, tiles, features, side, (int)width);
    for (size_t i = 0; i < n && st == FM_OK; i++)
        st = rt_projector_run(e->projector, &m->compute, projected + i * tokens * width_of(m),
                              merged + i * cells * scales * width, side, side, err);
    if (st == FM_OK) {
        int token_side = 1; /* a square grid becomes a square of tokens */

        while ((size_t)token_side * (size_t)token_side < tokens)
            token_side++;
        rt_s2_lay(out->values, projected, columns, rows, token_side, m->config.llm.width);
        rt_model_show(m, e->projected, out->values, out->rows, width_of(m));
    }
    free(features);
    free(merged);
    free(projected);
    return st;
}

/* Rows of features that are held while scales are merged: of all tiles, then of all scales side by side. */
static size_t merged_rows(const eye *e, const rt_tiles *tiles)
{
    size_t cells = (size_t)side_of(e) * (size_t)side_of(e);
    int columns, rows;

    rt_s2_grid(&e->pictures, tiles, &columns, &rows);
    return cells *
           ((size_t)tiles->n + (size_t)columns * (size_t)rows * (size_t)e->pictures.n_scales);
}

/* Append what a picture becomes to (*out)[*n], of realloc. */
static fm_status look_at(rt_model *m, const eye *e, const uint8_t *rgb, int width, int height,
                         rt_features **out, size_t *n, fm_err *err)
{
    bool scales = e->pictures.tiling == RT_TILES_DYNAMIC_S2;
    fm_arena arena = {0};
    rt_tiles tiles;
    fm_status st =
        rt_picture_tiles(&tiles, &e->pictures, e->config->image, rgb, width, height, &arena, err);

    if (st == FM_OK) {
        size_t more = scales ? 1 : (size_t)tiles.n, cells = (size_t)side_of(e) * (size_t)side_of(e);
        uint64_t bytes = looking_bytes(m, e, &tiles, scales ? merged_rows(e, &tiles) : cells);
        rt_features *grown = realloc(*out, (*n + more) * sizeof(*grown));

        st = grown ? rt_model_hold(m, bytes, "looking at a picture", err) : no_memory(err);
        if (grown) {
            memset(grown + *n, 0, more * sizeof(*grown));
            *out = grown;
        }
        if (st == FM_OK) {
            st = (scales ? project_scales : project_tiles)(m, e, &tiles, grown + *n, err);
            *n += more;
            rt_model_let_go(m, bytes);
        }
    }
    fm_arena_release(&arena);
    return st;
}

/* The published code cuts one picture into tiles; several become a tile each. */
static rt_picture_config tiling_for(const rt_config *c, size_t n_pictures)
{
    rt_picture_config pictures = c->pictures;

    if (n_pictures > 1 && pictures.tiling == RT_TILES_DYNAMIC)
        pictures.tiling = RT_TILES_RESIZE;
    return pictures;
}

static fm_status look_at_pictures(rt_scene *s, const rt_picture *pictures, size_t n, fm_err *err)
{
    rt_model *m = s->model;
    const rt_config *c = &m->config;
    eye e = {"vision.projected", m->vision, &c->vision, m->projector, tiling_for(c, n)};
    fm_status st = FM_OK;

    s->media.lines = e.pictures.tiling == RT_TILES_DYNAMIC;
    for (size_t i = 0; i < n && st == FM_OK; i++)
        st = look_at(m, &e, pictures[i].rgb, pictures[i].width, pictures[i].height, &s->tiles,
                     &s->media.tiles, err);
    return st;
}

static fm_status look_at_depth(rt_scene *s, const rt_picture *pictures, size_t n, fm_err *err)
{
    rt_model *m = s->model;
    const rt_config *c = &m->config;
    eye e = {"depth.projected", m->depth_tower,
             c->has_own_depth_tower ? &c->depth_tower : &c->vision, m->depth_projector,
             tiling_for(c, n)};
    fm_status st = FM_OK;

    for (size_t i = 0; i < n && st == FM_OK; i++) {
        size_t pixels = (size_t)pictures[i].width * (size_t)pictures[i].height;

        if (!pictures[i].depth_m || pictures[i].rgb_alone)
            continue;
        uint8_t *drawn = malloc(3 * pixels);
        if (!drawn)
            return no_memory(err);
        rt_picture_depth(drawn, pictures[i].depth_m, pixels, e.pictures.depth_rule);
        st = look_at(m, &e, drawn, pictures[i].width, pictures[i].height, &s->depth,
                     &s->media.depth_tiles, err);
        free(drawn);
    }
    return st;
}

static fm_status take_in(rt_scene *s, const rt_spatial_features *seen, fm_err *err)
{
    const rt_model *m = s->model;
    const rt_spatial_config *c = &m->config.spatial;
    size_t cells = seen->n * (size_t)seen->rows * (size_t)seen->columns;

    rt_model_show(m, "spatial.fused", seen->fused, cells, (size_t)c->tower.width);
    rt_model_show(m, "spatial.final", seen->final, cells, (size_t)seen->width);
    s->media.spatial = true;
    s->spatial.rows = rt_spatial_token_count(c, m->spatial_projector, seen);
    s->spatial.values = new_floats(s->spatial.rows, width_of(m));
    if (!s->spatial.values)
        return no_memory(err);
    fm_status st =
        rt_spatial_tokens(c, m->spatial_projector, &m->compute, seen, s->spatial.values, err);
    if (st == FM_OK)
        rt_model_show(m, "spatial.projected", s->spatial.values, s->spatial.rows, width_of(m));
    return st;
}

static fm_status look_at_space(rt_scene *s, const rt_picture *pictures, size_t n, fm_err *err)
{
    rt_model *m = s->model;
    rt_spatial_features seen = {0};
    rt_picture *views = calloc(n + 1, sizeof(*views));
    fm_status st = views ? rt_model_go_on(m, err) : no_memory(err);
    size_t n_views = 0;

    for (size_t i = 0; i < n && st == FM_OK; i++)
        if (!pictures[i].rgb_alone)
            views[n_views++] = pictures[i];
    if (st == FM_OK && n_views > 0) {
        uint64_t bytes = rt_spatial_run_bytes(m->spatial, views, n_views, rt_pool_threads(m->pool));

        st = rt_model_hold(m, bytes, "looking at the space", err);
        if (st == FM_OK) {
            st = rt_spatial_run(m->spatial, &m->compute, views, n_views, &seen, err);
            if (st == FM_OK)
                st = take_in(s, &seen, err);
            rt_model_let_go(m, bytes);
        }
    }
    rt_spatial_features_release(&seen);
    free(views);
    return st;
}

static size_t rows_of(const rt_features *features, size_t n)
{
    size_t rows = 0;

    for (size_t i = 0; i < n; i++)
        rows += features[i].rows;
    return rows;
}

static size_t feature_rows(const rt_scene *s)
{
    return rows_of(s->tiles, s->media.tiles) + rows_of(s->depth, s->media.depth_tiles) +
           s->spatial.rows;
}

static fm_status make_features(rt_scene *s, const rt_picture *pictures, size_t n, fm_err *err)
{
    rt_model *m = s->model;
    double start = fm_clock_seconds();
    fm_status st = FM_OK;

    if (n == 0)
        return FM_OK;
    if (!m->config.has_vision)
        return fm_fail(err, FM_E_USAGE, "'%s' takes no pictures", m->config.name);
    for (size_t i = 0; i < n && st == FM_OK; i++)
        st = check_picture(m, &pictures[i], i, err);
    if (st == FM_OK)
        st = look_at_pictures(s, pictures, n, err);
    if (st == FM_OK && m->config.has_depth)
        st = look_at_depth(s, pictures, n, err);
    s->vision_s = fm_clock_seconds() - start;
    if (st == FM_OK && m->config.has_spatial) {
        st = look_at_space(s, pictures, n, err);
        s->spatial_s = fm_clock_seconds() - start - s->vision_s;
    }
    if (st != FM_OK)
        return st;
    uint64_t bytes = (uint64_t)feature_rows(s) * width_of(m) * sizeof(float);
    st = rt_model_hold(m, bytes, "what the pictures become", err);
    s->feature_bytes = st == FM_OK ? bytes : 0;
    return st;
}

/* ---- the prefix ---- */

static const rt_features *features_of(const rt_scene *s, const rt_segment *segment)
{
    switch (segment->kind) {
    case RT_SEGMENT_TILE:
        return &s->tiles[segment->first];
    case RT_SEGMENT_DEPTH:
        return &s->depth[segment->first];
    case RT_SEGMENT_SPATIAL:
        return &s->spatial;
    case RT_SEGMENT_TEXT:
        break;
    }
    return NULL;
}

static fm_status check_length(const rt_scene *s, size_t positions, fm_err *err)
{
    size_t most = s->model->max_tokens;

    if (positions < most)
        return FM_OK;
    return fm_fail(
        err, FM_E_USAGE,
        "the pictures and what stands before them are %zu tokens, which leaves no room for "
        "a question: the limit is %zu",
        positions, most);
}

/* Embeddings of the whole prompt, [positions][width]. */
static fm_status embed_prompt(const rt_scene *s, const rt_prompt *prompt, float *out, fm_err *err)
{
    size_t width = width_of(s->model);
    fm_status st = FM_OK;

    for (size_t i = 0; i < prompt->n && st == FM_OK; i++) {
        const rt_segment *segment = &prompt->segments[i];
        const rt_features *features = features_of(s, segment);

        if (features)
            memcpy(out, features->values, features->rows * width * sizeof(*out));
        else
            st = rt_model_embed(s->model, prompt->ids.ids + segment->first, segment->n, out, err);
        out += (features ? features->rows : segment->n) * width;
    }
    return st;
}

fm_status rt_scene_read(rt_scene *scene, size_t branch, const float *embeddings, size_t n,
                        float *hidden, size_t n_hidden, fm_err *err)
{
    enum { AT_ONCE = 256 }; /* a cancellation waits for so many */
    rt_model *m = scene->model;
    size_t last = n_hidden > AT_ONCE ? n_hidden : AT_ONCE, width = width_of(m);
    fm_status st = rt_model_go_on(m, err);

    for (; n > last && st == FM_OK; n -= AT_ONCE, embeddings += AT_ONCE * width) {
        st = rt_decoder_prefill(m->decoder, &m->compute, scene->memory, branch, embeddings, AT_ONCE,
                                NULL, 0, err);
        if (st == FM_OK)
            st = rt_model_go_on(m, err);
    }
    if (st == FM_OK)
        st = rt_decoder_prefill(m->decoder, &m->compute, scene->memory, branch, embeddings, n,
                                hidden, n_hidden, err);
    return st;
}

static void forget_prefix(rt_scene *s)
{
    rt_memory_free(s->memory);
    rt_model_let_go(s->model, s->memory_bytes);
    free(s->system);
    s->memory = NULL;
    s->memory_bytes = 0;
    s->system = NULL;
}

static fm_status make_prefix(rt_scene *s, const rt_prompt *prompt, size_t positions, fm_err *err)
{
    rt_model *m = s->model;
    size_t bytes = rt_memory_bytes(m->decoder, m->kept, positions);
    float *embeddings = new_floats(positions, width_of(m));
    fm_status st = embeddings ? rt_model_hold(m, bytes, "the scene's prefix", err) : no_memory(err);

    if (st == FM_OK) {
        s->memory_bytes = bytes;
        st = rt_memory_new(&s->memory, m->decoder, m->kept, positions, 0, 0, err);
    }
    if (st == FM_OK)
        st = embed_prompt(s, prompt, embeddings, err);
    if (st == FM_OK)
        st = rt_scene_read(s, RT_SHARED, embeddings, positions, NULL, 0, err);
    free(embeddings);
    return st;
}

bool rt_same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

fm_status rt_scene_prepare(rt_scene *scene, const char *system, bool *made, fm_err *err)
{
    const rt_model *m = scene->model;
    rt_prompt prompt = {0};

    *made = !scene->memory || !rt_same_text(scene->system, system);
    if (!*made)
        return FM_OK;
    forget_prefix(scene);
    fm_status st = rt_prompt_scene(&prompt, &m->frame, m->tokenizer, system, &scene->media, err);
    size_t positions = prompt.ids.n + feature_rows(scene);
    if (st == FM_OK)
        st = check_length(scene, positions, err);
    if (st == FM_OK && system && !(scene->system = strdup(system)))
        st = no_memory(err);
    if (st == FM_OK)
        st = make_prefix(scene, &prompt, positions, err);
    if (st != FM_OK)
        forget_prefix(scene);
    rt_prompt_release(&prompt);
    return st;
}

/* ---- scenes ---- */

static fm_status check_scene(const rt_scene *s, fm_err *err)
{
    return check_length(s, feature_rows(s), err);
}

rt_status rt_scene_new(rt_scene **out, rt_model *model, const rt_picture *pictures, size_t n,
                       rt_err *err)
{
    rt_scene *s = calloc(1, sizeof(*s));
    fm_err inner = {0};
    fm_status st;

    atomic_store(&model->cancelled, false);
    if (s) {
        s->model = model;
        s->media.spatial_first = model->config.order == RT_ORDER_SPATIAL_IMAGE_TEXT;
        st = make_features(s, pictures, n, &inner);
        if (st == FM_OK)
            st = check_scene(s, &inner);
    } else {
        st = no_memory(&inner);
    }
    if (st != FM_OK)
        rt_scene_free(s);
    else
        *out = s;
    return rt_report(st, &inner, err);
}

static void release_features(rt_features *features, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(features[i].values);
    free(features);
}

void rt_scene_free(rt_scene *scene)
{
    if (!scene)
        return;
    forget_prefix(scene);
    release_features(scene->tiles, scene->media.tiles);
    release_features(scene->depth, scene->media.depth_tiles);
    free(scene->spatial.values);
    rt_model_let_go(scene->model, scene->feature_bytes);
    free(scene);
}
