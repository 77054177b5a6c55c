/* Owns the page about one model: its parts, what each is, and how much there is of it. */
#include "describe_model.h"

#include <string.h>

#include "base/files.h"
#include "base/size.h"
#include "base/text.h"
#include "engine/config.h"
#include "engine/layout.h"
#include "engine/prompt.h"
#include "engine/weights.h"

#define SCHEMA "fathom.model/1"

enum { MOST_PARTS = 16 };

typedef struct {
    const char *name; /* the folder */
    rt_weights *weights;
    size_t tensors, wrong; /* wrong: missing, or of another shape */
    char first_wrong[160];
    double parameters, bytes;
    const char *kind; /* of most of its matrices' elements */
    double kind_elements;
} part;

typedef struct {
    fm_arena arena;
    rt_config config;
    part parts[MOST_PARTS];
    size_t n;
    fm_err words; /* why text cannot be read or written; FM_OK where it can */
} model;

/* ---- reading ---- */

static fm_status part_called(model *m, const char *name, part **out, fm_err *err)
{
    char folder[FM_PATH_BYTES];
    part *last = m->n > 0 ? &m->parts[m->n - 1] : NULL;

    /* The walk goes through one part after another. */
    if (!last || strcmp(last->name, name) != 0) {
        if (m->n == MOST_PARTS)
            return fm_fail(err, FM_E_INTERNAL, "more than %d parts", (int)MOST_PARTS);
        fm_status st = rt_config_part(&m->config, name, folder, err);
        if (st == FM_OK)
            st = rt_weights_open(&m->parts[m->n].weights, folder, err);
        if (st != FM_OK)
            return st;
        last = &m->parts[m->n++];
        last->name = fm_arena_strdup(&m->arena, name);
        if (!last->name)
            return fm_fail(err, FM_E_NOMEM, "no memory to describe a model");
    }
    *out = last;
    return FM_OK;
}

static bool same_size(const rt_slot *slot, const rt_tensor *tensor)
{
    double wanted = 1, there = 1;

    for (int i = 0; i < slot->rank; i++)
        wanted *= (double)slot->shape[i];
    for (int i = 0; i < tensor->rank; i++)
        there *= (double)tensor->shape[i];
    return wanted == there;
}

static fm_status look_at(void *context, const rt_slot *slot, fm_err *err)
{
    part *p = NULL;
    double elements = 1;
    fm_status st = part_called(context, slot->part, &p, err);

    if (st != FM_OK)
        return st;
    const rt_tensor *tensor = rt_weights_find(p->weights, slot->name);
    p->tensors++;
    if (!tensor || !same_size(slot, tensor)) {
        if (p->wrong++ == 0)
            snprintf(p->first_wrong, sizeof(p->first_wrong), "'%s' %s", slot->name,
                     tensor ? "has another shape" : "is missing");
        return FM_OK;
    }
    for (int i = 0; i < slot->rank; i++)
        elements *= (double)slot->shape[i];
    p->parameters += elements;
    p->bytes += (double)tensor->size_bytes;
    if (slot->rank >= 2 && elements > p->kind_elements) {
        p->kind = rt_kind_name(tensor->kind);
        p->kind_elements = elements;
    }
    return FM_OK;
}

static void look_at_words(model *m)
{
    rt_words words = {0};

    (void)!rt_words_read(&words, &m->config, NULL, &m->arena, &m->words);
    rt_words_release(&words);
}

static void model_release(model *m)
{
    for (size_t i = 0; i < m->n; i++)
        rt_weights_close(m->parts[i].weights);
    fm_arena_release(&m->arena);
}

static fm_status model_read(model *m, const char *path, fm_err *err)
{
    fm_status st = rt_config_read(path, &m->arena, &m->config, err);

    if (st == FM_OK)
        st = rt_layout_walk(&m->config, look_at, m, err);
    if (st == FM_OK)
        look_at_words(m);
    return st;
}

/* ---- what a part is ---- */

static void put_decoder(fm_buf *out, const rt_decoder_config *c)
{
    fm_buf_printf(out, "%s, %d layers of %d, %d heads, %d of keys, %d tokens, up to %d at once",
                  c->qk_norm    ? "Qwen3"
                  : c->qkv_bias ? "Qwen2"
                                : "Llama",
                  c->layers, c->width, c->heads, c->kv_heads, c->vocabulary, c->max_tokens);
}

static void put_tower(fm_buf *out, const rt_tower_config *c, const rt_picture_config *pictures)
{
    static const char *const tilings[] = {[RT_TILES_RESIZE] = "one tile",
                                          [RT_TILES_DYNAMIC] = "dynamic",
                                          [RT_TILES_DYNAMIC_S2] = "dynamic_s2"};

    fm_buf_printf(out, "SigLIP, %d of %d layers of %d, %d x %d in patches of %d, %s",
                  c->used_layers, c->layers, c->width, c->image, c->image, c->patch,
                  tilings[pictures->tiling]);
    if (pictures->tiling == RT_TILES_DYNAMIC)
        fm_buf_printf(out, " up to %d tiles", pictures->max_tiles);
}

static void put_projector(fm_buf *out, const rt_projector_config *c)
{
    static const char *const kinds[] = {[RT_PROJECT_LINEAR] = "linear",
                                        [RT_PROJECT_MLP2X] = "two linears",
                                        [RT_PROJECT_DOWN_2X2] = "2 x 2 features a token",
                                        [RT_PROJECT_DOWN_3X3] = "3 x 3 features a token"};

    fm_buf_printf(out, "%s, %d to %d", kinds[c->kind], c->in, c->out);
}

static void put_spatial(fm_buf *out, const rt_spatial_config *c)
{
    fm_buf_printf(out,
                  "MapAnything %s, encoder %d layers of %d, info-sharing %d of %d, long side %d",
                  c->generation == RT_MAPANYTHING_V1 ? "v1" : "v1.1", c->tower.layers,
                  c->tower.width, c->layers, c->width, c->long_side);
}

static void put_what(fm_buf *out, const rt_config *c, const char *name)
{
    if (strcmp(name, "llm") == 0)
        put_decoder(out, &c->llm);
    else if (strcmp(name, "vision_tower") == 0)
        put_tower(out, &c->vision, &c->pictures);
    else if (strcmp(name, "depth_tower") == 0)
        put_tower(out, &c->depth_tower, &c->pictures);
    else if (strcmp(name, "mm_projector") == 0)
        put_projector(out, &c->projector);
    else if (strcmp(name, "depth_projector") == 0)
        put_projector(out, &c->depth_projector);
    else if (strcmp(name, "spatial_encoder") == 0)
        put_spatial(out, &c->spatial);
    else if (strcmp(name, "spatial_projector") == 0)
        put_projector(out, &c->spatial.projector);
    else if (strcmp(name, "scale_decoder") == 0)
        fm_buf_printf(out, "%s, which is %s", c->scale.token,
                      c->scale.forced ? "put before every answer" : "the model's to say");
}

static void put_takes(fm_buf *out, const rt_config *c)
{
    fm_buf_puts(out, "text");
    if (c->has_vision)
        fm_buf_puts(out, ", pictures");
    if (c->has_depth || c->has_spatial)
        fm_buf_puts(out, ", depth");
    if (c->has_spatial)
        fm_buf_puts(out, ", intrinsics, pose");
}

/* ---- pages ---- */

static const char *texts_of(fm_arena *arena, fm_buf *text)
{
    fm_buf clean = {0};

    fm_text_for_terminal(&clean, fm_buf_text(text), text->size);
    const char *copy = fm_arena_strdup(arena, fm_buf_text(&clean));
    fm_buf_release(&clean);
    fm_buf_clear(text);
    return copy;
}

static void put_parameters(fm_buf *out, double n)
{
    fm_buf_printf(out,
                  n >= 1e8   ? "%.2f B"
                  : n >= 1e5 ? "%.1f M"
                             : "%.0f k",
                  n >= 1e8   ? n / 1e9
                  : n >= 1e5 ? n / 1e6
                             : n / 1e3);
}

static void put_parts(fm_buf *out, const cli_style *style, model *m)
{
    static const char *const heading[] = {"PART", "WEIGHTS", "SIZE", "STORED", "WHAT"};
    const char *cells[MOST_PARTS * FM_COUNT_OF(heading)];
    fm_buf text = {0};
    size_t n = 0;

    for (size_t i = 0; i < m->n; i++) {
        const part *p = &m->parts[i];

        cells[n++] = p->name;
        put_parameters(&text, p->parameters);
        cells[n++] = texts_of(&m->arena, &text);
        cli_put_size(&text, (uint64_t)p->bytes);
        cells[n++] = texts_of(&m->arena, &text);
        cells[n++] = p->kind;
        put_what(&text, &m->config, p->name);
        cells[n++] = texts_of(&m->arena, &text);
    }
    cli_table(out, style, heading, cells, m->n, FM_COUNT_OF(heading));
    fm_buf_release(&text);
}

/* "<name>: takes ...; gives ..." */
static void put_heading(fm_buf *out, const cli_style *style, const rt_config *c)
{
    fm_buf name = {0}, takes = {0};

    fm_text_for_terminal(&name, c->name, strlen(c->name));
    fm_buf_puts(&takes, "takes ");
    put_takes(&takes, c);
    fm_buf_printf(&takes, "; gives text%s", c->has_scale ? " and a metric scale" : "");
    fm_buf_printf(out, "%s%s%s: ", cli_bold(style), fm_buf_text(&name), cli_plain(style));
    cli_wrap(out, fm_buf_text(&takes), (int)fm_text_columns(fm_buf_text(&name)) + 2, 2,
             style->width);
    fm_buf_putc(out, '\n');
    out->failed = out->failed || name.failed || takes.failed;
    fm_buf_release(&name);
    fm_buf_release(&takes);
}

fm_status cli_describe_model(fm_buf *out, const cli_style *style, const char *path, fm_err *err)
{
    model m = {.n = 0};
    fm_status st = model_read(&m, path, err);

    if (st == FM_OK) {
        put_heading(out, style, &m.config);
        put_parts(out, style, &m);
        for (size_t i = 0; i < m.n; i++)
            if (m.parts[i].wrong > 0) {
                fm_buf_printf(out, "\n  %s: %zu of %zu tensors cannot be used, the first: ",
                              m.parts[i].name, m.parts[i].wrong, m.parts[i].tensors);
                fm_text_for_terminal(out, m.parts[i].first_wrong, strlen(m.parts[i].first_wrong));
                fm_buf_putc(out, '\n');
            }
        if (m.words.code != FM_OK) {
            fm_buf_puts(out, "\n  its words cannot be used: ");
            fm_text_for_terminal(out, m.words.text, strlen(m.words.text));
            fm_buf_putc(out, '\n');
        }
    }
    model_release(&m);
    return st;
}

fm_status cli_describe_model_json(fm_buf *out, const char *path, fm_err *err)
{
    fm_json_writer w = {.out = out, .pretty = true};
    model m = {.n = 0};
    fm_status st = model_read(&m, path, err);

    if (st == FM_OK) {
        fm_json_open(&w, NULL, '{');
        fm_json_put_string(&w, "schema", SCHEMA);
        fm_json_put_string(&w, "name", m.config.name);
        fm_json_put_bool(&w, "pictures", m.config.has_vision);
        fm_json_put_bool(&w, "depth", m.config.has_depth || m.config.has_spatial);
        fm_json_put_bool(&w, "spatial", m.config.has_spatial);
        fm_json_put_bool(&w, "scale", m.config.has_scale);
        fm_json_put_string(&w, "unusable_words", m.words.code == FM_OK ? NULL : m.words.text);
        fm_json_open(&w, "parts", '[');
        for (size_t i = 0; i < m.n; i++) {
            const part *p = &m.parts[i];

            fm_json_open(&w, NULL, '{');
            fm_json_put_string(&w, "part", p->name);
            fm_json_put_string(&w, "stored", p->kind);
            fm_json_put_number(&w, "parameters", p->parameters);
            fm_json_put_number(&w, "bytes", p->bytes);
            fm_json_put_int(&w, "tensors", (int64_t)p->tensors);
            fm_json_put_int(&w, "unusable", (int64_t)p->wrong);
            fm_json_close(&w, '}');
        }
        fm_json_close(&w, ']');
        fm_json_close(&w, '}');
        fm_buf_putc(out, '\n');
    }
    model_release(&m);
    return st;
}
