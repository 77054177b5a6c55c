/*
 * The plain data behind the reports: runs and samples copied out of the views, how the runs are
 * called beside each other, and the lookup of samples by id. Cells and comparisons: summary.c.
 */
#include "report/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/size.h"

static fm_status no_memory(fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "out of memory for the report");
}

static const char *text_or_empty(const cJSON *object, const char *key)
{
    const char *text = fm_json_string(object, key);

    return text ? text : "";
}

fm_status fm_report_model_reserve(fm_report_model *model, size_t n, fm_err *err)
{
    if (n > FM_REPORT_MAX_RUNS)
        return fm_fail(err, FM_E_USAGE, "%zu runs in one report; at most %d fit", n,
                       FM_REPORT_MAX_RUNS);
    model->runs = fm_arena_alloc(&model->arena, n ? n : 1, sizeof(*model->runs));
    return model->runs ? FM_OK : no_memory(err);
}

fm_status fm_report_model_add(fm_report_model *model, const cJSON *manifest, const cJSON *results,
                              const char *dir, fm_report_run **out, fm_err *err)
{
    fm_report_run *run = &model->runs[model->n];

    *run = (fm_report_run){
        .manifest = manifest,
        .results = results,
        .dir = fm_arena_strdup(&model->arena, dir),
        .task = text_or_empty(results, "task"),
        .protocol = text_or_empty(results, "protocol"),
        .sees_truth = fm_json_bool(results, "sees_truth", false),
    };
    if (!run->dir)
        return no_memory(err);
    model->n++;
    *out = run;
    return FM_OK;
}

/* ---- copies: the suite's arena is reset for its next sample ---- */

/* False where memory is out. */
static bool keep_text(fm_arena *arena, const char **text)
{
    return !*text || (*text = fm_arena_strdup(arena, *text));
}

/* An array of n items of `size` bytes; NULL stays NULL. */
static bool keep_array(fm_arena *arena, void *array, size_t n, size_t size)
{
    void *old, *copy;

    memcpy(&old, array, sizeof(old));
    if (!old || n == 0)
        return true;
    copy = fm_arena_alloc(arena, n, size);
    if (!copy)
        return false;
    memcpy(copy, old, n * size);
    memcpy(array, &copy, sizeof(copy));
    return true;
}

static bool keep_options(fm_arena *arena, fm_truth_choice *choice)
{
    if (!choice->options || choice->n == 0)
        return true;
    const char **texts = fm_arena_alloc(arena, choice->n, sizeof(*texts));

    for (size_t i = 0; texts && i < choice->n; i++) {
        texts[i] = choice->options[i];
        if (!keep_text(arena, &texts[i]))
            return false;
    }
    choice->options = texts;
    return texts != NULL;
}

static bool keep_truth(fm_arena *arena, fm_sample *s)
{
    switch (s->kind) {
    case FM_ANSWER_TRACE2D:
    case FM_ANSWER_TRACE3D:
        return keep_array(arena, &s->truth.trace.points, s->truth.trace.n,
                          sizeof(*s->truth.trace.points));
    case FM_ANSWER_PATH2D:
        return keep_array(arena, &s->truth.path.points, s->truth.path.n,
                          sizeof(*s->truth.path.points));
    case FM_ANSWER_CHOICE:
        return keep_options(arena, &s->truth.choice);
    case FM_ANSWER_QUANTITY:
        return keep_text(arena, &s->truth.quantity.unit);
    case FM_ANSWER_POINTS:
        return keep_array(arena, &s->truth.region.polygon, s->truth.region.n_polygon,
                          sizeof(*s->truth.region.polygon));
    case FM_ANSWER_TEXT:
        return keep_text(arena, &s->truth.text.reference);
    case FM_ANSWER_YESNO:
    case FM_ANSWER_KINDS:
        break;
    }
    return true;
}

static bool copy_sample(fm_arena *arena, fm_sample *out, const fm_sample *in)
{
    *out = *in;
    const char **texts[] = {&out->id,         &out->category,    &out->instruction,
                            &out->target,     &out->destination, &out->image_path,
                            &out->depth_path, &out->mask_path,   &out->source};

    for (size_t i = 0; i < FM_COUNT_OF(texts); i++)
        if (!keep_text(arena, texts[i]))
            return false;
    /* no report shows these */
    out->judgement = NULL;
    out->more_images = NULL;
    out->n_more_images = 0;
    return keep_truth(arena, out);
}

fm_status fm_report_run_add(fm_report_model *model, fm_report_run *run, cJSON *line,
                            const fm_sample *sample, fm_err *err)
{
    if (!line)
        return no_memory(err);
    if (run->n_samples == run->capacity) {
        size_t capacity = run->capacity ? run->capacity * 2 : 64, bytes;
        fm_report_sample *grown = NULL;

        if (fm_size_mul(capacity, sizeof(*grown), &bytes))
            grown = realloc(run->samples, bytes);
        if (!grown) {
            cJSON_Delete(line);
            return no_memory(err);
        }
        run->samples = grown;
        run->capacity = capacity;
    }

    fm_report_sample *entry = &run->samples[run->n_samples++];
    *entry = (fm_report_sample){.line = line, .id = text_or_empty(line, "id")};
    if (sample) {
        if (!copy_sample(&model->arena, &entry->sample, sample))
            return no_memory(err);
        entry->has_sample = true;
    }
    return FM_OK;
}

static int by_id(const void *a, const void *b)
{
    const fm_report_sample *const *x = a, *const *y = b;

    return strcmp((*x)->id, (*y)->id);
}

const fm_report_sample *fm_report_find(const fm_report_run *run, const char *id)
{
    fm_report_sample key = {.id = id}, *wanted = &key;

    if (!run->by_id)
        return NULL;
    fm_report_sample **found =
        bsearch(&wanted, run->by_id, run->n_samples, sizeof(*run->by_id), by_id);
    return found ? *found : NULL;
}

static const char *model_of(const fm_report_run *run)
{
    const cJSON *adapter = fm_json_get(run->manifest, "adapter"), *setting;

    cJSON_ArrayForEach(setting, fm_json_get(adapter, "settings"))
    {
        if (strcmp(text_or_empty(setting, "key"), "model") == 0)
            return text_or_empty(setting, "value");
    }
    return "";
}

/* The user's file; "" where the suite's own prompt was asked. */
static const char *prompt_of(const fm_report_run *run)
{
    return text_or_empty(fm_json_get(run->manifest, "prompt"), "file");
}

/* The adapter and its model name a run, as long as no other directory has the same ones, and as long
 * as it is an adapter: imported replies are all "predictions". */
static bool has_own_name(const fm_report_model *model, const fm_report_run *run)
{
    const char *adapter = text_or_empty(run->results, "adapter");

    if (!*adapter || strcmp(adapter, "predictions") == 0)
        return false;
    for (size_t i = 0; i < model->n; i++) {
        const fm_report_run *other = &model->runs[i];

        if (other->group != run->group &&
            strcmp(text_or_empty(other->results, "adapter"), adapter) == 0 &&
            strcmp(model_of(other), model_of(run)) == 0 &&
            strcmp(prompt_of(other), prompt_of(run)) == 0)
            return false;
    }
    return true;
}

/* NULL: no memory */
static const char *name_of(fm_report_model *model, const fm_report_run *run)
{
    const char *adapter = text_or_empty(run->results, "adapter"), *name = model_of(run);
    fm_buf text = {0};

    if (has_own_name(model, run))
        fm_buf_printf(&text, "%s%s%s", adapter, *name ? " " : "", name);
    else
        fm_buf_puts(&text, fm_path_base(run->dir));
    if (*prompt_of(run))
        fm_buf_printf(&text, ", prompt %s", prompt_of(run));
    name = text.failed ? NULL : fm_arena_strdup(&model->arena, fm_buf_text(&text));
    fm_buf_release(&text);
    return name;
}

/* NULL: no memory */
static const char *rules_of(fm_report_model *model, const fm_report_run *run)
{
    fm_buf text = {0};

    fm_buf_printf(&text, "%s@%s", fm_report_same_task(model) ? "" : run->task, run->protocol);
    const char *rules = text.failed ? NULL : fm_arena_strdup(&model->arena, fm_buf_text(&text));
    fm_buf_release(&text);
    return rules;
}

fm_status fm_report_model_finish(fm_report_model *model, fm_err *err)
{
    for (size_t i = 0; i < model->n; i++) {
        fm_report_run *run = &model->runs[i];

        for (run->group = 0; strcmp(model->runs[run->group].dir, run->dir) != 0;)
            run->group++;
        run->by_id =
            fm_arena_alloc(&model->arena, run->n_samples ? run->n_samples : 1, sizeof(*run->by_id));
        if (!run->by_id)
            return no_memory(err);
        for (size_t k = 0; k < run->n_samples; k++)
            run->by_id[k] = &run->samples[k];
        qsort(run->by_id, run->n_samples, sizeof(*run->by_id), by_id);
    }
    for (size_t i = 0; i < model->n; i++)
        if (!(model->runs[i].name = name_of(model, &model->runs[i])) ||
            !(model->runs[i].rules = rules_of(model, &model->runs[i])))
            return no_memory(err);
    return FM_OK;
}

void fm_report_model_release(fm_report_model *model)
{
    if (!model)
        return;
    for (size_t i = 0; i < model->n; i++) {
        for (size_t k = 0; k < model->runs[i].n_samples; k++)
            cJSON_Delete(model->runs[i].samples[k].line);
        free(model->runs[i].samples);
    }
    fm_arena_release(&model->arena);
    *model = (fm_report_model){0};
}

bool fm_report_same_name(const fm_report_model *model)
{
    for (size_t i = 1; i < model->n; i++)
        if (strcmp(model->runs[i].name, model->runs[0].name) != 0)
            return false;
    return true;
}

bool fm_report_same_protocol(const fm_report_model *model)
{
    for (size_t i = 1; i < model->n; i++)
        if (strcmp(model->runs[i].protocol, model->runs[0].protocol) != 0)
            return false;
    return true;
}

bool fm_report_same_task(const fm_report_model *model)
{
    for (size_t i = 1; i < model->n; i++)
        if (strcmp(model->runs[i].task, model->runs[0].task) != 0)
            return false;
    return true;
}
