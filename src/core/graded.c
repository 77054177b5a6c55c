/* Owns the way from lines of samples.jsonl to columns. */
#include "core/graded.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "core/groups.h"

/* What the askings of the sample at hand add up to, by metric. */
typedef struct {
    double scored, squares, answered;
    uint32_t n_scored, n_answered;
} sums;

typedef struct {
    fm_graded *out;
    size_t n_metrics;
    sums metrics[FM_MAX_METRICS];
    double within[FM_MAX_METRICS], degrees[FM_MAX_METRICS]; /* squares around the means */
} loading;

static bool grow(double **array, size_t cells)
{
    size_t bytes;
    double *grown = fm_size_mul(cells, sizeof(*grown), &bytes) ? realloc(*array, bytes) : NULL;

    if (grown)
        *array = grown;
    return grown != NULL;
}

static bool reserve(fm_graded *g, size_t n_metrics)
{
    size_t capacity = g->capacity ? g->capacity * 2 : 1024, bytes, cells;
    fm_graded_sample *samples;

    if (g->n < g->capacity)
        return true;
    if (!fm_size_mul(capacity, sizeof(*samples), &bytes) ||
        !fm_size_mul(capacity, n_metrics, &cells) || !(samples = realloc(g->samples, bytes)))
        return false;
    g->samples = samples;
    g->capacity = grow(&g->scored, cells) && grow(&g->answered, cells) ? capacity : g->n;
    return g->n < g->capacity;
}

static fm_value value_of(const cJSON *item)
{
    if (!item)
        return (fm_value){.kind = FM_VALUE_ABSENT};
    if (cJSON_IsBool(item))
        return (fm_value){.kind = FM_VALUE_BOOL, .truth = cJSON_IsTrue(item)};
    if (cJSON_IsNumber(item))
        return (fm_value){.kind = FM_VALUE_NUMBER, .number = item->valuedouble};
    return (fm_value){.kind = FM_VALUE_UNKNOWN};
}

/* The means of the sample whose askings have all come. */
static void close_sample(loading *l)
{
    fm_graded *g = l->out;

    if (g->n == 0)
        return;
    for (size_t m = 0; m < l->n_metrics; m++) {
        sums *s = &l->metrics[m];
        size_t cell = (g->n - 1) * l->n_metrics + m;

        g->scored[cell] = s->n_scored ? s->scored / s->n_scored : NAN;
        g->answered[cell] = s->n_answered ? s->answered / s->n_answered : NAN;
        if (s->n_scored > 1) {
            l->within[m] += s->squares - s->scored * s->scored / s->n_scored;
            l->degrees[m] += s->n_scored - 1;
        }
        *s = (sums){0};
    }
}

/* Lines of older runs do not say it: then the data does. */
static const char *belongs(loading *l, const cJSON *line, const char *member, const char *in_data)
{
    const char *said = fm_json_string(line, member);

    said = said ? said : in_data;
    return said ? fm_arena_strdup(&l->out->arena, said) : NULL;
}

static fm_status open_sample(loading *l, const cJSON *line, const char *id, const fm_sample *sample,
                             const char *place, fm_err *err)
{
    fm_graded *g = l->out;
    bool fresh;

    close_sample(l);
    if (!reserve(g, l->n_metrics) || !fm_id_map_put(&g->ids, id, g->n, &fresh, NULL))
        return fm_fail(err, FM_E_NOMEM, "no memory for the samples of '%s'", place);
    if (!fresh)
        return fm_fail(err, FM_E_INPUT, "'%s': sample '%s' stands in samples.jsonl twice", place,
                       id);
    fm_graded_sample *s = &g->samples[g->n++];
    *s = (fm_graded_sample){.id = fm_arena_strdup(&g->arena, id), .status = FM_SAMPLE_OK};
    if (sample && sample->image_path)
        s->picture = fm_arena_strdup(&g->arena, sample->image_path);
    s->category = belongs(l, line, "category", sample ? sample->category : NULL);
    s->source = belongs(l, line, "source", sample ? sample->source : NULL);
    return g->arena.failed ? fm_fail(err, FM_E_NOMEM, "no memory for the samples of '%s'", place)
                           : FM_OK;
}

static void add_asking(loading *l, const cJSON *metrics, fm_sample_status status)
{
    fm_graded_sample *s = &l->out->samples[l->out->n - 1];
    const fm_protocol *protocol = l->out->protocol;

    s->askings++;
    s->answered += status == FM_SAMPLE_OK;
    if (s->status == FM_SAMPLE_OK)
        s->status = status;
    for (size_t m = 0; m < l->n_metrics; m++) {
        fm_value value = value_of(fm_json_get(metrics, protocol->metrics[m].name));
        double number;

        if (!fm_metric_counts(&protocol->metrics[m], &value, &number))
            continue;
        l->metrics[m].scored += number;
        l->metrics[m].squares += number * number;
        l->metrics[m].n_scored++;
        if (status != FM_SAMPLE_OK)
            continue;
        l->metrics[m].answered += number;
        l->metrics[m].n_answered++;
    }
}

static fm_status add_line(loading *l, const cJSON *line, const fm_sample *sample, const char *place,
                          fm_err *err)
{
    const char *id = fm_json_string(line, "id"), *base_id = fm_json_string(line, "base_id");
    const char *name = fm_json_string(line, "status");
    fm_sample_status status;
    size_t n = l->out->n;

    if (!name || !fm_sample_status_from_name(name, &status))
        return fm_fail(err, FM_E_INPUT, "'%s': sample '%s' has no status in samples.jsonl", place,
                       id);
    /* Further askings stand behind the first. */
    if (!base_id || n == 0 || strcmp(l->out->samples[n - 1].id, base_id) != 0) {
        fm_status st = open_sample(l, line, base_id ? base_id : id, sample, place, err);

        if (st != FM_OK)
            return st;
    }
    add_asking(l, fm_json_get(line, "metrics"), status);
    return FM_OK;
}

static fm_status read_lines(loading *l, fm_view *view, bool groups, size_t *lines, fm_err *err)
{
    for (*lines = 0;; ++*lines) {
        fm_view_sample with = {0};
        bool more = false;
        fm_status st = groups ? fm_view_next(view, &with, &more, err)
                              : fm_view_next_line(view, &with.line, &more, err);

        if (st == FM_OK && more)
            st = add_line(l, with.line, with.has_sample ? &with.sample : NULL, fm_view_dir(view),
                          err);
        if (st != FM_OK || !more)
            return st;
    }
}

enum { MEMBERS = FM_MAX_METRICS + 7 };

/* What is read of a line. */
static void name_members(const fm_protocol *protocol, const char *members[MEMBERS])
{
    static const char *const own[] = {"id", "base_id", "status", "category", "source", "metrics"};
    size_t n = 0;

    for (size_t i = 0; i < FM_COUNT_OF(own); i++)
        members[n++] = own[i];
    for (size_t i = 0; i < protocol->n_metrics; i++)
        if (protocol->metrics[i].role != FM_METRIC_DETAIL)
            members[n++] = protocol->metrics[i].name;
    members[n] = NULL;
}

fm_status fm_graded_load(fm_graded *out, fm_view *view, bool groups, fm_err *err)
{
    const char *members[MEMBERS];
    const fm_protocol *protocol = fm_view_protocol(view);
    loading l = {.out = out, .n_metrics = protocol->n_metrics};
    double expected = fm_json_number(fm_view_results(view), "n", -1);
    size_t lines = 0;

    out->protocol = protocol;
    name_members(protocol, members);
    fm_view_only(view, members);
    fm_status st = read_lines(&l, view, groups, &lines, err);
    fm_view_only(view, NULL);
    if (st != FM_OK)
        return st;
    if ((double)lines != expected)
        return fm_fail(err, FM_E_INPUT,
                       "'%s': samples.jsonl has %zu lines where results.json counts %g; 'fathom "
                       "score' makes both again",
                       fm_view_dir(view), lines, expected);
    close_sample(&l);
    for (size_t m = 0; m < l.n_metrics; m++)
        out->noise[m] = l.degrees[m] > 0 ? l.within[m] / l.degrees[m] : 0;
    return FM_OK;
}

void fm_graded_release(fm_graded *graded)
{
    free(graded->samples);
    free(graded->scored);
    free(graded->answered);
    fm_id_map_release(&graded->ids);
    fm_arena_release(&graded->arena);
    *graded = (fm_graded){0};
}
