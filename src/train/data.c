/* Owns how a scene becomes an example. */
#include "train/data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "engine/picture.h"
#include "engine/spatial_view.h"
#include "train/shown.h"

struct tr_data {
    const tr_recipe *recipe;
    const rt_config *config;
    rt_tokenizer *tokenizer;
    rt_frame frame;
    int32_t scale, end; /* tokens; scale -1: none is put */
    int32_t *before;    /* what stands in front of every question */
    size_t n_before;
    tr_scene_files *files;  /* NULL: the generator makes scenes */
    fm_world_scene *scenes; /* a thread's, where it does */
    tr_scene_read *shown;   /* a thread's: what it sees; words NULL: the generator's */
    const fm_world_question *(
        *asked)[FM_WORLD_QUESTIONS_MAX]; /* likewise: by the example's questions */
    int threads;
    tr_code_book book;
    fm_arena arena;
};

/* ---- opening ---- */

/* The segments of the prompt as ids, the places of pictures among them. */
static fm_status flatten(tr_data *d, const rt_prompt *prompt, fm_err *err)
{
    d->before = fm_arena_alloc(&d->arena, prompt->ids.n + prompt->n + 1, sizeof(*d->before));
    if (!d->before)
        return fm_fail(err, FM_E_NOMEM, "no memory for the prompt");
    for (size_t i = 0; i < prompt->n; i++) {
        const rt_segment *s = &prompt->segments[i];

        if (s->kind != RT_SEGMENT_TEXT)
            d->before[d->n_before++] = s->kind == RT_SEGMENT_TILE ? TR_TILE : TR_VIEW;
        for (size_t j = 0; s->kind == RT_SEGMENT_TEXT && j < s->n; j++)
            d->before[d->n_before++] = prompt->ids.ids[s->first + j];
    }
    return FM_OK;
}

static fm_status frame_pictures(tr_data *d, fm_err *err)
{
    const rt_config *c = d->config;
    rt_media media = {.tiles = c->has_vision,
                      .lines = c->pictures.tiling == RT_TILES_DYNAMIC,
                      .spatial = c->has_spatial,
                      .spatial_first = c->order == RT_ORDER_SPATIAL_IMAGE_TEXT};
    rt_prompt prompt = {0};
    fm_status st = rt_prompt_scene(&prompt, &d->frame, d->tokenizer, NULL, &media, err);

    if (st == FM_OK)
        st = flatten(d, &prompt, err);
    rt_prompt_release(&prompt);
    return st;
}

static fm_status open_words(tr_data *d, fm_err *err)
{
    const rt_config *c = d->config;
    char folder[FM_PATH_BYTES];
    fm_status st = rt_config_part(c, "llm", folder, err);

    if (st == FM_OK)
        st = rt_tokenizer_open(&d->tokenizer, folder, err);
    if (st != FM_OK)
        return st;
    d->end = rt_tokenizer_id(d->tokenizer, "<|im_end|>");
    d->scale = c->has_scale && c->scale.forced ? rt_tokenizer_id(d->tokenizer, c->scale.token) : -1;
    if (d->end < 0)
        return fm_fail(err, FM_E_INPUT, "%s: the vocabulary has no '<|im_end|>'", folder);
    if (c->has_scale && c->scale.forced && d->scale < 0)
        return fm_fail(err, FM_E_INPUT, "%s: the vocabulary has no '%s'", folder, c->scale.token);
    if (rt_tokenizer_size(d->tokenizer) > (size_t)c->llm.vocabulary)
        return fm_fail(err, FM_E_INPUT, "%s: %zu tokens, but the embeddings have %d rows", folder,
                       rt_tokenizer_size(d->tokenizer), c->llm.vocabulary);
    st = rt_frame_read(&d->frame, c->chat_template, d->tokenizer, &d->arena, err);
    return st == FM_OK ? frame_pictures(d, err) : st;
}

/* There has to be something to learn beside what is held out. */
static fm_status open_files(tr_data *d, fm_err *err)
{
    fm_status st = tr_scene_files_open(&d->files, d->recipe->folder, d->threads, err);

    if (st == FM_OK && tr_scene_files_count(d->files) <= (size_t)d->recipe->judge_pictures)
        st = fm_fail(err, FM_E_INPUT,
                     "%s: %zu scenes, of which the last %d are held out ('judge_pictures')",
                     d->recipe->folder, tr_scene_files_count(d->files), d->recipe->judge_pictures);
    return st;
}

static bool wants_codes(const tr_recipe *recipe)
{
    bool wants = recipe->mixture.code > 0;

    for (int i = 0; i < recipe->n_stages; i++)
        wants = wants || recipe->stages[i].told > 0;
    return wants;
}

static fm_status make_book(tr_data *d, fm_err *err)
{
    int width = d->config->llm.width;

    if (width % 4 != 0)
        return fm_fail(err, FM_E_INPUT,
                       "codes ('losses.code', 'told') want a language model of a width that four "
                       "divides, not %d",
                       width);
    return tr_code_book_make(&d->book, (size_t)width, &d->arena, err);
}

fm_status tr_data_new(tr_data **out, const tr_recipe *recipe, const rt_config *config, int threads,
                      fm_err *err)
{
    tr_data *d = calloc(1, sizeof(*d));

    if (!d)
        return fm_fail(err, FM_E_NOMEM, "no memory for training data");
    *d = (tr_data){.recipe = recipe, .config = config, .threads = threads};
    d->scenes = calloc((size_t)threads, sizeof(*d->scenes));
    d->shown = calloc((size_t)threads, sizeof(*d->shown));
    d->asked = calloc((size_t)threads, sizeof(*d->asked));
    fm_status st = d->scenes && d->shown && d->asked
                       ? open_words(d, err)
                       : fm_fail(err, FM_E_NOMEM, "no memory for training data");
    if (st == FM_OK && wants_codes(recipe))
        st = make_book(d, err);
    if (st == FM_OK && recipe->folder[0])
        st = open_files(d, err);
    if (st != FM_OK) {
        tr_data_free(d);
        return st;
    }
    *out = d;
    return FM_OK;
}

void tr_data_free(tr_data *data)
{
    if (!data)
        return;
    for (int i = 0; data->scenes && i < data->threads; i++)
        fm_world_scene_release(&data->scenes[i]);
    free(data->scenes);
    free(data->shown);
    free(data->asked);
    tr_scene_files_close(data->files);
    rt_tokenizer_free(data->tokenizer);
    fm_arena_release(&data->arena);
    free(data);
}

/* ---- seeing ---- */

static fm_status no_memory(fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "no memory for a picture");
}

static float *cut(fm_arena *arena, const float *pixels, int height, int width, size_t channels,
                  int patch)
{
    size_t n = (size_t)height * (size_t)width * channels;
    float *out = fm_arena_alloc(arena, n, sizeof(*out));

    if (out)
        tr_cut_patches(out, pixels, (size_t)height, (size_t)width, channels, (size_t)patch);
    return out;
}

static fm_status see_tile(const tr_data *d, const fm_world_scene *scene, tr_sample *out,
                          fm_err *err)
{
    const rt_tower_config *tower = &d->config->vision;
    rt_tiles tiles;
    fm_status st = rt_picture_tiles(&tiles, &d->config->pictures, tower->image, scene->rgb,
                                    scene->width, scene->height, &out->arena, err);

    if (st == FM_OK && tiles.n != 1)
        st = fm_fail(err, FM_E_INPUT,
                     "a picture of %d x %d becomes %d tiles: training takes one, as 'resize' gives",
                     scene->width, scene->height, tiles.n);
    if (st != FM_OK)
        return st;
    out->example.tile = cut(&out->arena, tiles.pixels, tiles.side, tiles.side, 3, tower->patch);
    return out->example.tile ? FM_OK : no_memory(err);
}

/* What is known beside the colours is drawn anew for each picture. */
static rt_picture picture_of(const tr_data *d, const fm_world_scene *scene, fm_rng *rng)
{
    const fm_camera *k = &scene->camera;
    double chance = fm_rng_unit(rng);
    rt_picture p = {.rgb = scene->rgb, .width = scene->width, .height = scene->height};

    if (chance >= d->recipe->without_camera) {
        p.has_intrinsics = true;
        p.fx = k->fx;
        p.fy = k->fy;
        p.cx = k->cx;
        p.cy = k->cy;
    }
    if (chance >= d->recipe->without_camera + d->recipe->without_depth)
        p.depth_m = scene->depth;
    return p;
}

static fm_status see_view(const tr_data *d, const rt_picture *picture, tr_sample *out, fm_err *err)
{
    const rt_spatial_config *c = &d->config->spatial;
    int width, height, patch = c->tower.patch;
    tr_view *to = &out->example.view;
    rt_view view;

    rt_view_size(c->long_side, patch, picture->width, picture->height, &width, &height);
    fm_status st = rt_view_make(&view, picture, width, height, &out->arena, err);
    if (st != FM_OK)
        return st;
    to->rows = (size_t)(height / patch);
    to->columns = (size_t)(width / patch);
    to->patches = cut(&out->arena, view.pixels, height, width, 3, patch);
    to->rays = view.rays ? cut(&out->arena, view.rays, height, width, 3, patch) : NULL;
    to->depth = view.depth ? cut(&out->arena, view.depth, height, width, 1, patch) : NULL;
    to->depth_mean = (float)view.depth_mean;
    if (!to->patches || (view.rays && !to->rays) || (view.depth && !to->depth))
        return no_memory(err);
    return FM_OK;
}

/* ---- what it shows ---- */

/* Blocks past the border are as large as the others: what they show is told by the part inside. */
static size_t blocks_of(size_t patches, const rt_projector_config *projector)
{
    size_t joined = tr_projector_side(projector);

    return (patches + joined - 1) / joined;
}

static fm_status code_tokens(const tr_data *d, const fm_world_scene *scene, tr_sample *out,
                             fm_err *err)
{
    const rt_config *c = d->config;
    tr_example *e = &out->example;
    fm_status st = FM_OK;

    if (e->tile) {
        size_t side = blocks_of((size_t)(c->vision.image / c->vision.patch), &c->projector);

        st = tr_shown_codes(&d->book, scene, side, side, &out->arena, &e->codes[0], err);
    }
    if (st == FM_OK && e->view.patches)
        st = tr_shown_codes(&d->book, scene, blocks_of(e->view.rows, &c->spatial.projector),
                            blocks_of(e->view.columns, &c->spatial.projector), &out->arena,
                            &e->codes[1], err);
    return st;
}

static fm_status label_towers(const tr_data *d, const fm_world_scene *scene, fm_rng *rng,
                              tr_sample *out, fm_err *err)
{
    tr_example *e = &out->example;
    size_t side =
        d->config->has_vision ? (size_t)(d->config->vision.image / d->config->vision.patch) : 0;
    fm_status st =
        e->tile ? tr_shown_labels(scene, side, side, rng, &out->arena, &e->labels[0], err) : FM_OK;

    return st == FM_OK && e->view.patches ? tr_shown_labels(scene, e->view.rows, e->view.columns,
                                                            rng, &out->arena, &e->labels[1], err)
                                          : st;
}

/* ---- asking ---- */

enum { TEXT_BYTES = 4096 };

/* How a question is put and answered. */
typedef struct {
    unsigned prompt; /* FM_WORLD_BRIEF, FM_WORLD_BRACKETS */
    bool reasoning, only_deduce;
    const tr_scene_words *words; /* NULL: as the generator says it */
} manner;

/* "<think>...</think><answer>...</answer>", or the answer alone. */
static void answer_of(const fm_world_question *q, const manner *how, char out[TEXT_BYTES])
{
    char steps[TEXT_BYTES / 2] = "";

    if (how->reasoning && how->words)
        snprintf(steps, sizeof(steps), "%s", how->words->reasoning);
    else if (how->reasoning && q->n_steps > 0)
        fm_world_reasoning(q, steps, sizeof(steps));
    if (steps[0])
        snprintf(out, TEXT_BYTES, "<think>%s</think><answer>%s</answer>", steps, q->answer);
    else
        snprintf(out, TEXT_BYTES, "%s", q->answer);
}

static void prompt_of(const fm_world_question *q, const manner *how, char out[TEXT_BYTES])
{
    if (how->words)
        snprintf(out, TEXT_BYTES, "%s", how->words->prompt);
    else
        fm_world_prompt(q, how->prompt, out, TEXT_BYTES);
}

/* Does what is seen begin behind this byte of the reasoning, in "[Referring] [the cup]: [(227, 445, 1.558)]"? */
static bool sees_after(const char *text, size_t at)
{
    return at >= 1 && text[at] == ':' && text[at - 1] == ']';
}

/* Pass over the tokens of what steps see: the rest of a line, behind the target. */
static bool pass_over_seen(const tr_data *d, const char *answer, tr_question *q, fm_arena *arena)
{
    const char *ends = strstr(answer, "</think>");
    size_t n = q->n - q->answer, end = ends ? (size_t)(ends - answer) : 0, at = 0;
    bool *over = fm_arena_alloc(arena, n, sizeof(*over)), seen = false;

    if (!over)
        return false;
    for (size_t i = 0; i < n; i++) {
        size_t size;

        rt_tokenizer_bytes(d->tokenizer, q->ids[q->answer + i], &size);
        over[i] = seen && at < end;
        q->n_passed_over += over[i];
        for (size_t stop = at + size; at < stop && at < end; at++)
            seen = (seen && answer[at] != '\n') || sees_after(answer, at);
        at = at < end ? at : end;
    }
    q->passed_over = over;
    return true;
}

/* out->n is 0 where it is too long. */
static fm_status ask(const tr_data *d, const fm_world_question *q, const manner *how,
                     fm_arena *arena, tr_question *out, fm_err *err)
{
    char prompt[TEXT_BYTES], answer[TEXT_BYTES];
    rt_ids ids = {0};

    prompt_of(q, how, prompt);
    answer_of(q, how, answer);
    *out = (tr_question){0};
    fm_status st = rt_prompt_question(&ids, &d->frame, d->tokenizer, prompt, err);
    if (st == FM_OK && d->scale >= 0)
        st = rt_ids_put(&ids, d->scale, err);
    size_t asked = ids.n;
    if (st == FM_OK)
        st = rt_tokenizer_encode(d->tokenizer, answer, strlen(answer), false, &ids, err);
    if (st == FM_OK)
        st = rt_ids_put(&ids, d->end, err);
    if (st == FM_OK && ids.n <= (size_t)d->recipe->longest) {
        int32_t *kept = fm_arena_alloc(arena, ids.n, sizeof(*kept));

        if (kept) {
            memcpy(kept, ids.ids, ids.n * sizeof(*kept));
            *out = (tr_question){.ids = kept, .n = ids.n, .answer = asked};
            out->scale = d->scale >= 0 ? asked - 1 : 0;
        }
        if (!kept || (how->only_deduce && !pass_over_seen(d, answer, out, arena))) {
            st = no_memory(err);
        }
    }
    rt_ids_release(&ids);
    return st;
}

/* Draws what chance decides in this order. */
static manner manner_of(const tr_data *d, const tr_stage *stage, const fm_world_question *q,
                        const tr_scene_words *words, fm_rng *rng)
{
    manner how = {.only_deduce = stage->only_deduce, .words = words};

    how.prompt = fm_rng_unit(rng) < d->recipe->brief ? FM_WORLD_BRIEF : 0;
    how.reasoning = fm_rng_unit(rng) < stage->reasoning;
    if (q->n_options > 0 && d->recipe->brackets > 0 && fm_rng_unit(rng) < d->recipe->brackets)
        how.prompt |= FM_WORLD_BRACKETS;
    return how;
}

static fm_status ask_all(const tr_data *d, const tr_scene_read *shown, const tr_stage *stage,
                         fm_rng *rng, tr_sample *out, const fm_world_question **asked, fm_err *err)
{
    const fm_world_scene *scene = shown->scene;
    tr_question *questions =
        fm_arena_alloc(&out->arena, (size_t)scene->n_questions + 1, sizeof(*questions));
    fm_status st = questions ? FM_OK : no_memory(err);
    size_t n = 0;

    for (int i = 0; i < scene->n_questions && st == FM_OK; i++) {
        const manner how =
            manner_of(d, stage, &scene->questions[i], shown->words ? &shown->words[i] : NULL, rng);

        st = ask(d, &scene->questions[i], &how, &out->arena, &questions[n], err);
        asked[n] = &scene->questions[i];
        n += st == FM_OK && questions[n].n > 0;
    }
    out->example.questions = questions;
    out->example.n_questions = n;
    return st;
}

/* ---- the whole ---- */

static int stage_number(const tr_recipe *recipe, uint64_t index)
{
    return index >= TR_HELD_OUT ? recipe->n_stages - 1
                                : tr_recipe_stage(recipe, index / (uint64_t)recipe->pictures);
}

/* Of a folder's scenes the last are held out, and the others are learnt in their order, again and
 * again. */
static fm_status read_scene(tr_data *d, uint64_t index, int thread, fm_arena *arena, fm_err *err)
{
    size_t held_out = (size_t)d->recipe->judge_pictures;
    size_t learnt = tr_scene_files_count(d->files) - held_out;
    size_t at = index >= TR_HELD_OUT ? learnt + (size_t)(index - TR_HELD_OUT) % held_out
                                     : (size_t)(index % learnt);

    return tr_scene_files_read(d->files, at, thread, arena, &d->shown[thread], err);
}

static fm_status make_scene(tr_data *d, uint64_t index, int thread, fm_err *err)
{
    bool held_out = index >= TR_HELD_OUT;
    fm_world_settings settings = tr_recipe_scene(d->recipe, stage_number(d->recipe, index), index);

    if (held_out)
        settings.split = FM_WORLD_VALIDATION;
    fm_world_scene *scene = &d->scenes[thread];

    d->shown[thread] = (tr_scene_read){scene, NULL};
    fm_status st = fm_world_scene_make(&settings, (size_t)(held_out ? index - TR_HELD_OUT : index),
                                       scene, err);
    for (int i = 0; st == FM_OK && d->recipe->in_space && i < scene->n_questions; i++)
        fm_world_ask_in_space(scene, &scene->questions[i]);
    return st;
}

fm_status tr_data_check(tr_data *data, const char *recipe, fm_err *err)
{
    const tr_recipe *r = data->recipe;
    fm_status st = FM_OK;

    for (int i = 0; !data->files && st == FM_OK && i < r->n_stages; i++) {
        uint64_t first = i > 0 ? r->stages[i - 1].until : 0;

        if (first >= r->steps)
            break; /* it does not come to this */
        st = make_scene(data, first * (uint64_t)r->pictures, 0, err);
        if (st == FM_E_USAGE)
            st = fm_fail_within(err, FM_E_INPUT,
                                "%s: stage %d cannot be made, whose 'things', 'families', 'forms' "
                                "and 'places' have to go together",
                                recipe, i + 1);
    }
    return st;
}

fm_status tr_data_make(void *data, uint64_t index, int thread, tr_sample *out, fm_err *err)
{
    tr_data *d = data;
    const tr_stage *stage = &d->recipe->stages[stage_number(d->recipe, index)];
    fm_rng rng;

    fm_rng_seed(&rng, d->recipe->seed ^ index * UINT64_C(0x9e3779b97f4a7c15));
    out->example = (tr_example){.before = d->before, .n_before = d->n_before};
    fm_status st = d->files ? read_scene(d, index, thread, &out->arena, err)
                            : make_scene(d, index, thread, err);
    if (st != FM_OK)
        return st;
    const fm_world_scene *scene = d->shown[thread].scene;
    rt_picture picture = picture_of(d, scene, &rng);
    out->example.told = fm_rng_unit(&rng) < stage->told && index < TR_HELD_OUT;
    out->example.log_scale = (float)log(fmax(scene->scale, 1e-3));
    if (d->config->has_vision)
        st = see_tile(d, scene, out, err);
    if (st == FM_OK && d->config->has_spatial)
        st = see_view(d, &picture, out, err);
    if (st == FM_OK)
        st = label_towers(d, scene, &rng, out, err);
    if (st == FM_OK && (d->recipe->mixture.code > 0 || out->example.told))
        st = code_tokens(d, scene, out, err);
    return st == FM_OK && !stage->only_look
               ? ask_all(d, &d->shown[thread], stage, &rng, out, d->asked[thread], err)
               : st;
}

const fm_world_scene *tr_data_scene(const tr_data *data, int thread)
{
    return data->shown[thread].scene;
}

const fm_world_question *tr_data_question(const tr_data *data, int thread, size_t question)
{
    return data->asked[thread][question];
}

const rt_tokenizer *tr_data_words(const tr_data *data)
{
    return data->tokenizer;
}

int32_t tr_data_end(const tr_data *data)
{
    return data->end;
}
