/* Owns the lines of `fathom reward`: what is in a request, what is in an answer, and the errors. */
#include "core/rewarding.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/idmap.h"
#include "base/json.h"
#include "base/size.h"
#include "base/text.h"
#include "core/record.h"
#include "core/reward_truth.h"

struct fm_rewarding {
    fm_reward_rules rules;
    bool verdicts;
    bool loaded; /* a suite's truths are there */
    fm_arena arena;
    fm_id_map ids; /* to positions in `truths` */
    fm_reward_truth *truths;
    size_t n, capacity;
};

typedef enum {
#define REWARDING_ERROR_ENUM(code, name, text) ERROR_##code,
    FM_REWARDING_ERROR_MAP(REWARDING_ERROR_ENUM)
#undef REWARDING_ERROR_ENUM
} line_error;

static const struct {
    const char *name, *text;
} errors[] = {
#define REWARDING_ERROR_ROW(code, name, text) [ERROR_##code] = {name, text},
    FM_REWARDING_ERROR_MAP(REWARDING_ERROR_ROW)
#undef REWARDING_ERROR_ROW
};

/* ---- the truths of a suite ---- */

fm_rewarding *fm_rewarding_new(const fm_reward_rules *rules, bool verdicts)
{
    fm_rewarding *r = calloc(1, sizeof(*r));

    if (r) {
        r->rules = *rules;
        r->verdicts = verdicts;
    }
    return r;
}

void fm_rewarding_free(fm_rewarding *r)
{
    if (!r)
        return;
    fm_id_map_release(&r->ids);
    fm_arena_release(&r->arena);
    free(r->truths);
    free(r);
}

static fm_status no_memory(fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "no memory for the truths of the suite");
}

static fm_status keep_truth(fm_rewarding *r, const fm_sample *sample, fm_err *err)
{
    bool fresh;

    if (r->n == r->capacity) {
        size_t capacity = r->capacity ? r->capacity * 2 : 256;
        fm_reward_truth *grown = realloc(r->truths, capacity * sizeof(*grown));

        if (!grown)
            return no_memory(err);
        r->truths = grown;
        r->capacity = capacity;
    }
    if (!fm_id_map_put(&r->ids, sample->id, r->n, &fresh, NULL))
        return no_memory(err);
    if (!fresh)
        return fm_fail(err, FM_E_INPUT, "id '%s' stands twice in the data", sample->id);
    fm_reward_truth *truth = &r->truths[r->n++];
    fm_status st = fm_reward_truth_of_sample(sample, &r->arena, truth, err);
    return st == FM_OK ? fm_reward_truth_measure(sample, truth, err) : st;
}

static bool has_traces(fm_answer_kind kind)
{
    return kind == FM_ANSWER_TRACE2D || kind == FM_ANSWER_TRACE3D || kind == FM_ANSWER_PATH2D;
}

fm_status fm_rewarding_load(fm_rewarding *r, const fm_catalog *catalog, const char *suite,
                            const char *data_dir, fm_err *err)
{
    char folder[FM_PATH_BYTES];
    const fm_loader_ops *loader;
    fm_loader_config config = {
        .data_dir = folder, .pictures_dir = catalog->pictures_dir, .grading = true};
    fm_target target;
    void *state = NULL;
    bool more = true;
    fm_status st = fm_catalog_target(catalog, suite, &r->arena, &target, err);

    if (st == FM_OK && !has_traces(target.task->kind))
        st = fm_fail(err, FM_E_USAGE, "task '%s' has no traces, which rewards are judged by",
                     target.task->name);
    if (st == FM_OK)
        st = fm_catalog_loader(catalog, target.suite->loader, &loader, err);
    if (st == FM_OK)
        st = fm_catalog_data(catalog, &target, data_dir, folder, err);
    if (st != FM_OK)
        return st;
    config.kind = target.task->kind;
    config.data = target.task->data;
    config.task = target.task->name;
    st = loader->open(&state, &config, err);
    while (st == FM_OK && more) {
        fm_sample sample;

        st = loader->next(state, &r->arena, &sample, &more, err);
        if (st == FM_OK && more && loader->complete) /* a path needs the size of its picture */
            st = loader->complete(state, &r->arena, &sample, err);
        if (st == FM_OK && more)
            st = keep_truth(r, &sample, err);
    }
    if (state)
        loader->close(state);
    r->loaded = st == FM_OK;
    return st;
}

/* ---- one line ---- */

typedef struct {
    const fm_rewarding *rewarding;
    fm_arena *arena;
    const cJSON *tree; /* NULL: the line is no JSON */
    fm_json_writer w;
} answering;

static void begin(answering *a)
{
    const cJSON *id = fm_json_get(a->tree, "id");

    fm_json_open(&a->w, NULL, '{');
    if (cJSON_IsString(id) || cJSON_IsNumber(id))
        fm_json_put_tree(&a->w, "id", id);
}

static bool refuse(answering *a, line_error error, const char *detail)
{
    begin(a);
    fm_json_open(&a->w, "error", '{');
    fm_json_put_string(&a->w, "type", errors[error].name);
    fm_json_put_string(&a->w, "message", detail ? detail : errors[error].text);
    fm_json_close(&a->w, '}');
    fm_json_close(&a->w, '}');
    return false;
}

static void put_span(fm_json_writer *w, const char *key, fm_span span)
{
    if (span.text)
        fm_json_put_bytes(w, key, span.text, span.size);
}

static void put_known(fm_json_writer *w, const char *key, double value)
{
    if (value == value)
        fm_json_put_number(w, key, value);
}

static void put_verdict(fm_json_writer *w, const fm_step_judgement *j)
{
    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "verdict", fm_step_verdict_name(j->verdict));
    fm_json_put_number(w, "score", j->score);
    fm_json_put_string(w, "type", fm_step_kind_name(j->step ? j->step->kind : j->key->kind));
    if (j->key)
        fm_json_put_string(w, "target", j->key->target);
    if (j->step)
        put_span(w, "step", j->step->text);
    put_known(w, "place_error", j->place_error);
    put_known(w, "ratio", j->ratio);
    put_known(w, "cosine", j->cosine);
    if (j->why)
        fm_json_put_string(w, "why", j->why);
    if (j->step && j->step->fault)
        fm_json_put_string(w, "format", j->step->fault);
    fm_json_close(w, '}');
}

static bool put_reward(answering *a, const fm_reward *reward)
{
    fm_json_writer *w = &a->w;

    begin(a);
    fm_json_put_number(w, "reward", reward->total);
    fm_json_put_number(w, "r_of", reward->r_of);
    fm_json_put_number(w, "r_p", reward->r_p);
    fm_json_put_number(w, "r_t", reward->r_t);
    put_known(w, "r_a", reward->r_a);
    fm_json_put_number(w, "r_pf", reward->r_pf);
    fm_json_put_number(w, "r_acc", reward->r_acc);
    fm_json_put_int(w, "points", (int64_t)reward->n_points);
    fm_json_put_int(w, "steps", (int64_t)reward->n_steps);
    fm_json_put_int(w, "wellformed", (int64_t)reward->n_wellformed);
    if (reward->why)
        fm_json_put_string(w, "why", reward->why);
    if (a->rewarding->verdicts) {
        fm_json_open(w, "verdicts", '[');
        for (size_t i = 0; i < reward->n_judgements; i++)
            put_verdict(w, &reward->judgements[i]);
        fm_json_close(w, ']');
    }
    fm_json_close(w, '}');
    return true;
}

/* The truth beside the reply comes first; *error says why there is none. */
static bool find_truth(answering *a, fm_reward_truth *out, line_error *error, fm_err *err)
{
    const fm_rewarding *r = a->rewarding;
    const cJSON *inline_truth = fm_json_get(a->tree, "truth");
    const char *id;
    uint64_t at;

    if (inline_truth) {
        fm_status st =
            fm_reward_truth_read(inline_truth, r->rules.process->dialect, a->arena, out, err);

        *error = st == FM_E_NOMEM ? ERROR_NO_MEMORY : ERROR_BAD_TRUTH;
        return st == FM_OK;
    }
    *error = ERROR_NO_TRUTH;
    if (!r->loaded)
        return false;
    *error = ERROR_UNKNOWN_SAMPLE;
    if (fm_record_id(a->tree, "the line", a->arena, &id, NULL) != FM_OK ||
        !fm_id_map_find(&r->ids, id, &at))
        return false;
    *out = r->truths[at];
    return true;
}

static bool answer_line(answering *a)
{
    const cJSON *item = fm_json_get(a->tree, "reply");
    fm_reward_truth truth;
    fm_reward reward;
    line_error error;
    fm_err err = {0};
    size_t size;

    if (!cJSON_IsObject(a->tree))
        return refuse(a, ERROR_NOT_JSON, NULL);
    if (!cJSON_IsString(item))
        return refuse(a, ERROR_NO_REPLY, NULL);
    char *reply = fm_json_bytes(item, a->arena, &size);
    if (!reply)
        return refuse(a, ERROR_NO_MEMORY, NULL);
    if (!find_truth(a, &truth, &error, &err))
        return refuse(a, error, err.text[0] ? err.text : NULL);
    if (fm_reward_judge(&a->rewarding->rules, (fm_span){reply, size}, &truth, a->arena, &reward,
                        &err) != FM_OK)
        return refuse(a, ERROR_NO_MEMORY, NULL);
    return put_reward(a, &reward);
}

bool fm_rewarding_line(const fm_rewarding *rewarding, const char *line, size_t size,
                       fm_arena *arena, fm_buf *out)
{
    answering a = {.rewarding = rewarding, .arena = arena, .w = {.out = out}};
    cJSON *tree = NULL;
    fm_err err = {0};
    bool rewarded;

    fm_arena_reset(arena);
    if (!line) {
        rewarded = refuse(&a, ERROR_TOO_LONG, NULL);
    } else if (!fm_utf8_valid(line, size)) {
        rewarded = refuse(&a, ERROR_NOT_UTF8, NULL);
    } else {
        fm_status st = fm_json_parse(line, size, "the line", &tree, &err);

        a.tree = tree;
        if (st == FM_OK)
            rewarded = answer_line(&a);
        else
            rewarded = refuse(&a, st == FM_E_NOMEM ? ERROR_NO_MEMORY : ERROR_NOT_JSON, err.text);
        cJSON_Delete(tree);
    }
    fm_buf_putc(out, '\n');
    return rewarded;
}
