/* Owns what a selection may say: filters, shards, their forms in JSON and in the environment. The
 * walk over the samples is walk.c's. */
#include "core/selection.h"

#include <fnmatch.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/size.h"
#include "base/text.h"
#include "core/manifest.h"
#include "core/selection_internal.h"

/* ---- filters ---- */

static const struct {
    const char *name;
    bool number;
    size_t offset; /* in fm_sample */
} fields[] = {
    {"id", false, offsetof(fm_sample, id)},
    {"category", false, offsetof(fm_sample, category)},
    {"steps", true, offsetof(fm_sample, steps)},
    {"instruction", false, offsetof(fm_sample, instruction)},
    {"target", false, offsetof(fm_sample, target)},
    {"destination", false, offsetof(fm_sample, destination)},
};

static const struct {
    const char *text;
    int op;
} operators[] = {
    /* Longer ones first: "<=" begins like "<". */
    {"!=", FILTER_NE}, {"<=", FILTER_LE}, {">=", FILTER_GE},
    {"=", FILTER_EQ},  {"<", FILTER_LT},  {">", FILTER_GT},
};

static fm_status unknown_field(const char *text, const char *name, fm_err *err)
{
    const char *names[FM_COUNT_OF(fields)];

    for (size_t i = 0; i < FM_COUNT_OF(fields); i++)
        names[i] = fields[i].name;
    const char *near = fm_text_nearest(name, names, FM_COUNT_OF(names));
    if (near)
        return fm_fail(err, FM_E_USAGE, "filter '%s': there is no '%s'; did you mean '%s'?", text,
                       name, near);
    return fm_fail(
        err, FM_E_USAGE,
        "filter '%s': there is no '%s', but id, category, steps, instruction, target and "
        "destination",
        text, name);
}

fm_status fm_filter_read(const char *text, fm_filter *out, fm_err *err)
{
    fm_filter filter = {0};
    char name[32];
    size_t n = strcspn(text, "=!<>"), i, o;

    if (n == 0 || n >= sizeof(name) || !text[n])
        return fm_fail(err, FM_E_USAGE,
                       "filter '%s' is not of the form KEY OP VALUE, as in category=indoor* or "
                       "'steps>=3'",
                       text);
    snprintf(name, sizeof(name), "%.*s", (int)n, text);
    for (i = 0; i < FM_COUNT_OF(fields); i++)
        if (strcmp(fields[i].name, name) == 0)
            break;
    if (i == FM_COUNT_OF(fields))
        return unknown_field(text, name, err);
    for (o = 0; o < FM_COUNT_OF(operators); o++)
        if (strncmp(text + n, operators[o].text, strlen(operators[o].text)) == 0)
            break;
    if (o == FM_COUNT_OF(operators))
        return fm_fail(err, FM_E_USAGE, "filter '%s': '!' alone compares nothing; say !=", text);
    filter.field = i;
    filter.op = operators[o].op;
    filter.pattern = text + n + strlen(operators[o].text);
    if (!fields[i].number && filter.op != FILTER_EQ && filter.op != FILTER_NE)
        return fm_fail(err, FM_E_USAGE, "filter '%s': '%s' is compared with = or != alone", text,
                       name);
    if (fields[i].number && !fm_text_to_double(filter.pattern, &filter.number))
        return fm_fail(err, FM_E_USAGE, "filter '%s': '%s' is no number", text, filter.pattern);
    *out = filter;
    return FM_OK;
}

static bool compare(int op, double a, double b)
{
    switch (op) {
    case FILTER_LT:
        return a < b;
    case FILTER_LE:
        return a <= b;
    case FILTER_GT:
        return a > b;
    case FILTER_GE:
        return a >= b;
    default:
        return a == b;
    }
}

bool fm_filter_holds(const fm_filter *filter, const fm_sample *sample)
{
    const void *member = (const char *)sample + fields[filter->field].offset;
    bool holds;

    if (fields[filter->field].number) {
        int value = *(const int *)member;

        holds = value != 0 && compare(filter->op == FILTER_NE ? FILTER_EQ : (int)filter->op, value,
                                      filter->number);
    } else {
        const char *value = *(const char *const *)member;

        holds = value && fnmatch(filter->pattern, value, 0) == 0;
    }
    return filter->op == FILTER_NE ? !holds : holds;
}

/* ---- the selection as a whole ---- */

int fm_selection_repeat(const fm_selection *selection)
{
    return selection->repeat > 0 ? selection->repeat : 1;
}

fm_status fm_selection_check(const fm_selection *s, fm_err *err)
{
    if (s->n_filters > FM_MAX_FILTERS)
        return fm_fail(err, FM_E_USAGE, "%zu filters are more than %d", s->n_filters,
                       FM_MAX_FILTERS);
    for (size_t i = 0; i < s->n_filters; i++) {
        fm_filter filter;
        fm_status st = fm_filter_read(s->filters[i], &filter, err);

        if (st != FM_OK)
            return st;
    }
    if (s->shards < 0 || s->shards > FM_MAX_SHARDS || s->shard < 0 ||
        s->shard >= (s->shards ? s->shards : 1))
        return fm_fail(err, FM_E_USAGE, "there is no shard %d of %d: they are counted from 0",
                       s->shard, s->shards);
    if (s->repeat < 0 || s->repeat > FM_MAX_REPEAT)
        return fm_fail(err, FM_E_USAGE, "each sample can be asked 1 to %d times, not %d",
                       FM_MAX_REPEAT, s->repeat);
    if (s->limit > FM_MANIFEST_MAX_COUNT || s->shuffle_seed > FM_MANIFEST_MAX_COUNT)
        return fm_fail(err, FM_E_USAGE, "the limit and the seed of the shuffle must be below 2^53");
    return FM_OK;
}

bool fm_selection_equal(const fm_selection *a, const fm_selection *b)
{
    if (a->n_filters != b->n_filters || a->shards != b->shards || a->shard != b->shard ||
        a->shuffle != b->shuffle || (a->shuffle && a->shuffle_seed != b->shuffle_seed) ||
        a->limit != b->limit || fm_selection_repeat(a) != fm_selection_repeat(b))
        return false;
    for (size_t i = 0; i < a->n_filters; i++)
        if (strcmp(a->filters[i], b->filters[i]) != 0)
            return false;
    return true;
}

/* ---- as JSON ---- */

void fm_selection_put(const fm_selection *s, fm_json_writer *w)
{
    char shard[32];

    if (s->n_filters) {
        fm_json_open(w, "filters", '[');
        for (size_t i = 0; i < s->n_filters; i++)
            fm_json_put_string(w, NULL, s->filters[i]);
        fm_json_close(w, ']');
    }
    if (s->shuffle)
        fm_json_put_int(w, "shuffle_seed", (int64_t)s->shuffle_seed);
    if (s->limit)
        fm_json_put_int(w, "limit", (int64_t)s->limit);
    if (s->shards) {
        snprintf(shard, sizeof(shard), "%d/%d", s->shard, s->shards);
        fm_json_put_string(w, "shard", shard);
    }
    if (fm_selection_repeat(s) > 1)
        fm_json_put_int(w, "repeat", fm_selection_repeat(s));
}

/* An optional count; *there says whether it was one. */
static fm_status get_count(const cJSON *object, const char *key, const char *place, double most,
                           uint64_t *out, bool *there, fm_err *err)
{
    double value = fm_json_number(object, key, -1);

    *there = fm_json_get(object, key) != NULL;
    if (!*there)
        return FM_OK;
    if (!(value >= 0 && value <= most))
        return fm_fail(err, FM_E_INPUT, "%s: member '%s' is no count", place, key);
    *out = (uint64_t)value;
    return FM_OK;
}

static fm_status get_filters(const cJSON *array, const char *place, fm_arena *arena,
                             fm_selection *out, fm_err *err)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, array)
    {
        if (!cJSON_IsString(item) || out->n_filters == FM_MAX_FILTERS)
            return fm_fail(err, FM_E_INPUT, "%s: 'filters' is no list of at most %d texts", place,
                           FM_MAX_FILTERS);
        out->filters[out->n_filters] = fm_arena_strdup(arena, item->valuestring);
        if (!out->filters[out->n_filters++])
            return fm_fail(err, FM_E_NOMEM, "no memory for '%s'", place);
    }
    return FM_OK;
}

fm_status fm_selection_get(const cJSON *object, const char *place, fm_arena *arena,
                           fm_selection *out, fm_err *err)
{
    fm_selection s = {0};
    const char *shard = fm_json_string(object, "shard"), *source;
    uint64_t repeat = 0;
    bool there;
    fm_status st = get_filters(fm_json_get(object, "filters"), place, arena, &s, err);

    if (st == FM_OK)
        st = get_count(object, "shuffle_seed", place, FM_MANIFEST_MAX_COUNT, &s.shuffle_seed,
                       &s.shuffle, err);
    if (st == FM_OK)
        st = get_count(object, "limit", place, FM_MANIFEST_MAX_COUNT, &s.limit, &there, err);
    if (st == FM_OK)
        st = get_count(object, "repeat", place, FM_MAX_REPEAT, &repeat, &there, err);
    s.repeat = (int)repeat;
    if (st == FM_OK && shard)
        st = fm_shard_read(shard, &s, &source, err);
    if (st == FM_OK)
        st = fm_selection_check(&s, err);
    if (st == FM_E_USAGE)
        st = fm_fail_within(err, FM_E_INPUT, "%s", place);
    if (st == FM_OK)
        *out = s;
    return st;
}

/* ---- shards ---- */

int fm_shard_of(const char *id, int shards)
{
    char digits[FM_HASH_TEXT_BYTES];

    if (shards <= 1)
        return 0;
    fm_hash_bytes(id, strlen(id), digits);
    digits[16] = '\0'; /* eight bytes */
    return (int)(strtoull(digits, NULL, 16) % (uint64_t)shards);
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

/* A count from a text; `otherwise` where there is no text. */
static bool count_of(const char *text, uint64_t otherwise, uint64_t *out)
{
    *out = otherwise;
    return !text || (fm_text_to_uint64(text, out) && *out <= INT32_MAX);
}

static fm_status set_shard(uint64_t shard, uint64_t shards, const char *name, fm_selection *out,
                           fm_err *err)
{
    if (shards == 0 || shards > FM_MAX_SHARDS || shard >= shards)
        return fm_fail(err, FM_E_USAGE,
                       "%s: there is no shard %llu of %llu: they are counted from 0", name,
                       (unsigned long long)shard, (unsigned long long)shards);
    out->shard = shards > 1 ? (int)shard : 0;
    out->shards = shards > 1 ? (int)shards : 0;
    return FM_OK;
}

static fm_status shard_of_text(const char *text, fm_selection *out, fm_err *err)
{
    char before[16];
    uint64_t shard, shards;
    const char *slash = strchr(text, '/');

    if (!slash || slash - text >= (ptrdiff_t)sizeof(before))
        return fm_fail(err, FM_E_USAGE, "shard '%s' is not of the form i/n, from 0/4 to 3/4", text);
    snprintf(before, sizeof(before), "%.*s", (int)(slash - text), text);
    if (!fm_text_to_uint64(before, &shard) || !fm_text_to_uint64(slash + 1, &shards))
        return fm_fail(err, FM_E_USAGE, "shard '%s' is not of the form i/n, from 0/4 to 3/4", text);
    return set_shard(shard, shards, text, out, err);
}

static fm_status shard_of_slurm(const char *task, fm_selection *out, fm_err *err)
{
    uint64_t id, count, min, step;

    if (!count_of(task, 0, &id) || !count_of(variable("SLURM_ARRAY_TASK_COUNT"), 0, &count) ||
        !count_of(variable("SLURM_ARRAY_TASK_MIN"), 0, &min) ||
        !count_of(variable("SLURM_ARRAY_TASK_STEP"), 1, &step) || count == 0 || step == 0 ||
        id < min || (id - min) % step != 0 || (id - min) / step >= count)
        return fm_fail(err, FM_E_USAGE,
                       "task %s of this Slurm array has no number from 0 to its count: say --shard "
                       "i/n",
                       task);
    /* A task that is submitted again alone looks like the whole of an array of one. */
    if (count == 1 && min > 0)
        return fm_fail(err, FM_E_USAGE,
                       "task %s is alone in its Slurm array: say --shard %s/n where it is one of "
                       "n, --shard 0/1 where it is all",
                       task, task);
    return set_shard((id - min) / step, count, "SLURM_ARRAY_TASK_ID", out, err);
}

static fm_status shard_of_kubernetes(const char *index, fm_selection *out, fm_err *err)
{
    const char *completions = variable("JOB_COMPLETIONS");
    uint64_t shard, shards;

    if (!completions)
        return fm_fail(err, FM_E_USAGE,
                       "JOB_COMPLETION_INDEX is set, but JOB_COMPLETIONS is not: set it to the "
                       "Job's completions, or say --shard i/n");
    if (!count_of(index, 0, &shard) || !count_of(completions, 0, &shards))
        return fm_fail(err, FM_E_USAGE,
                       "JOB_COMPLETION_INDEX '%s' and JOB_COMPLETIONS '%s' are no counts", index,
                       completions);
    return set_shard(shard, shards, "JOB_COMPLETION_INDEX", out, err);
}

fm_status fm_shard_read(const char *text, fm_selection *out, const char **source, fm_err *err)
{
    const char *slurm = variable("SLURM_ARRAY_TASK_ID");
    const char *kubernetes = variable("JOB_COMPLETION_INDEX");

    *source = text         ? "--shard"
              : slurm      ? "SLURM_ARRAY_TASK_ID"
              : kubernetes ? "JOB_COMPLETION_INDEX"
                           : NULL;
    if (text)
        return shard_of_text(text, out, err);
    if (slurm)
        return shard_of_slurm(slurm, out, err);
    return kubernetes ? shard_of_kubernetes(kubernetes, out, err) : FM_OK;
}
