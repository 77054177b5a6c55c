/*
 * Places within a column: by the headline; which pairs can be told apart, by a paired test over the
 * samples that both have, Holm over all pairs; and the places that each may hold, by the joint
 * bootstrap over the samples that all have. Samples count as independent. A headline that pools is tested as
 * such: by the shares that samples have in it (compare_pooled.h).
 */
#include "report/board/board_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "base/threads.h"
#include "core/compare_pooled.h"
#include "fathom/multiple.h"
#include "fathom/paired.h"

#define SEED       UINT64_C(20251213660)
#define CONFIDENCE 0.95

/* Additions that the bootstrap of a column may take: some tenths of a second. */
#define ADDITIONS   2e8
#define DRAWS_LEAST 500

typedef struct {
    fm_board *board;
    fm_board_column *column;
    fm_board_cell *cells[FM_RANKS_MOST]; /* best first */
    fm_view *views[FM_RANKS_MOST];
    fm_graded *graded;      /* [n] */
    fm_headline *headlines; /* [n] where `pools`; each has the groups of its own run's samples */
    bool pools; /* pairs are tested by the column's pooled headline, not by its primary metric */
    size_t metrics[FM_RANKS_MOST];
    size_t n;
    double *p; /* [n * (n - 1) / 2] of the pairs (0, 1), (0, 2) ... (1, 2) ... */
} column_job;

/* Baselines that see the truth are no contestants. */
static void collect(column_job *job, size_t column, fm_view *const *views)
{
    const fm_board *b = job->board;

    for (size_t r = 0; r < b->n_rows; r++) {
        fm_board_cell *cell = &b->cells[r * b->n_columns + column];
        size_t at = job->n;

        if (!cell->run || b->rows[r].sees_truth || !isfinite(cell->value))
            continue;
        while (at > 0 && job->cells[at - 1]->value * job->column->better <
                             cell->value * job->column->better) {
            job->cells[at] = job->cells[at - 1];
            at--;
        }
        job->cells[at] = cell;
        job->n++;
    }
    for (size_t i = 0; i < job->n; i++)
        job->views[i] = views[job->cells[i]->run - b->runs.runs];
    for (size_t i = 0; i < job->n; i++) {
        bool equal = i > 0 && job->cells[i]->value == job->cells[i - 1]->value;

        job->cells[i]->place = equal ? job->cells[i - 1]->place : i + 1;
    }
}

static fm_status load_one(void *context, size_t index, int worker, fm_err *err)
{
    column_job *job = context;
    fm_graded *graded = &job->graded[index];
    fm_status st = fm_graded_load(graded, job->views[index], false, err);

    (void)worker;
    job->metrics[index] = SIZE_MAX;
    for (size_t m = 0; st == FM_OK && m < graded->protocol->n_metrics; m++)
        if (strcmp(graded->protocol->metrics[m].name, graded->protocol->primary) == 0)
            job->metrics[index] = m;
    return st;
}

/* Whether run i's groups are those that its results were pooled over: lines of older runs do not say what they
 * belong to. */
static bool has_groups(const column_job *job, size_t i)
{
    const cJSON *aggregate =
        fm_json_get(fm_json_get(job->cells[i]->run->results, "aggregates"), job->headlines[i].name);
    double groups = (double)job->headlines[i].n_groups;

    return fm_json_number(aggregate, "groups", groups) == groups;
}

/* Pool as the headline does, where all runs of the column can be. */
static fm_status find_headlines(column_job *job, fm_err *err)
{
    bool repeats = false;
    fm_status st = FM_OK;

    for (size_t i = 0; i < job->n; i++)
        repeats |= fm_json_number(job->cells[i]->run->results, "repeats", 1) > 1;
    job->pools = true;
    for (size_t i = 0; job->pools && i < job->n; i++)
        job->pools = fm_headline_name(job->graded[0].protocol, job->graded[i].protocol, repeats,
                                      &job->headlines[i]) &&
                     strcmp(job->headlines[i].name, job->column->metric) == 0;
    for (size_t i = 0; st == FM_OK && job->pools && i < job->n; i++) {
        st = fm_headline_group(&job->graded[i], &job->headlines[i], err);
        job->pools =
            st == FM_OK && (job->headlines[i].pool == FM_POOL_COPIES || has_groups(job, i));
    }
    job->column->tested = job->pools ? job->column->metric : job->column->primary;
    return st;
}

/* NaN where the run has no such sample, or no value for it. */
static double value_of(const column_job *job, size_t run, const char *id)
{
    const fm_graded *g = &job->graded[run];
    uint64_t at;

    if (job->metrics[run] == SIZE_MAX || !fm_id_map_find(&g->ids, id, &at))
        return NAN;
    return g->scored[at * g->protocol->n_metrics + job->metrics[run]];
}

/* McNemar's where all are right or wrong, else sign flips. */
static double p_of(const column_job *job, const fm_headline_pair *pairs, size_t n, double *room)
{
    fm_paired_counts counts = {.n = n};
    bool counted = job->column->rate;

    for (size_t i = 0; i < n; i++) {
        double x = pairs[i].base, y = pairs[i].candidate;

        counted &= (x == 0 || x == 1) && (y == 0 || y == 1);
        counts.gained += y > x;
        counts.lost += y < x;
        room[i] = y - x;
    }
    return n == 0    ? 1
           : counted ? fm_paired_mcnemar(&counts).exact
                     : fm_paired_sign_flip(room, n, FM_STATS_DRAWS, SEED);
}

/* The same of a headline that pools. room: [2][n]. A group that no pair is of leaves nothing to test. */
static fm_status pooled_p(const column_job *job, size_t a, fm_headline_pair *pairs, size_t n,
                          double *room, double *p, fm_err *err)
{
    const fm_headline *h = &job->headlines[a];
    double base, candidate;

    if (h->pool == FM_POOL_COPIES) {
        size_t *first = calloc(h->n_groups + 1, sizeof(*first));

        if (!first)
            return fm_fail(err, FM_E_NOMEM, "out of memory for the leaderboard");
        *p = p_of(job, pairs, fm_headline_fold(pairs, n, first), room);
        free(first);
        return FM_OK;
    }
    fm_status st = fm_headline_shares(h, pairs, n, room, room + n, &base, &candidate, err);
    if (st == FM_OK)
        *p =
            isfinite(candidate - base) ? fm_paired_sign_flip(room + n, n, FM_STATS_DRAWS, SEED) : 1;
    return st;
}

/* The samples that both have. out: [samples of a]. */
static size_t pair_up(const column_job *job, size_t a, size_t b, fm_headline_pair *out)
{
    const fm_graded *g = &job->graded[a];
    size_t n = 0;

    for (size_t i = 0; i < g->n; i++) {
        double x = value_of(job, a, g->samples[i].id), y = value_of(job, b, g->samples[i].id);
        uint64_t there;

        if (isnan(x) || isnan(y) || !fm_id_map_find(&job->graded[b].ids, g->samples[i].id, &there))
            continue;
        out[n] =
            (fm_headline_pair){.base = x, .candidate = y, .base_weight = 1, .candidate_weight = 1};
        if (job->pools) {
            const fm_headline *h = &job->headlines[a];

            out[n].group = h->of_sample[i];
            out[n].base_weight = fm_headline_weight(h, g, i, h->points_there);
            out[n].candidate_weight = fm_headline_weight(&job->headlines[b], &job->graded[b], there,
                                                         job->headlines[b].points_there);
        }
        n += isfinite(out[n].base_weight) && isfinite(out[n].candidate_weight);
    }
    return n;
}

static fm_status test_pair(const column_job *job, size_t a, size_t b, double *p, fm_err *err)
{
    size_t most = job->graded[a].n + 1;
    fm_headline_pair *pairs = calloc(most, sizeof(*pairs));
    double *room = calloc(most, 2 * sizeof(*room));
    fm_status st =
        pairs && room ? FM_OK : fm_fail(err, FM_E_NOMEM, "out of memory for the leaderboard");

    if (st == FM_OK) {
        size_t n = pair_up(job, a, b, pairs);

        if (job->pools)
            st = pooled_p(job, a, pairs, n, room, p, err);
        else
            *p = p_of(job, pairs, n, room);
    }
    free(pairs);
    free(room);
    return st;
}

static fm_status test_row(void *context, size_t a, int worker, fm_err *err)
{
    column_job *job = context;
    size_t at = a * job->n - a * (a + 1) / 2;
    fm_status st = FM_OK;

    (void)worker;
    for (size_t b = a + 1; st == FM_OK && b < job->n; b++)
        st = test_pair(job, a, b, &job->p[at++], err);
    return st;
}

/* Letters by the adjusted p of all pairs. */
static fm_status put_letters(column_job *job, fm_err *err)
{
    size_t n = job->n, pairs = n * (n - 1) / 2, at = 0;
    bool *differ = calloc(n * n, sizeof(*differ));
    uint64_t groups[FM_BOARD_LETTERS];
    fm_status st = differ ? fm_multiple_holm(job->p, pairs, job->p, err)
                          : fm_fail(err, FM_E_NOMEM, "out of memory for the leaderboard");

    for (size_t a = 0; st == FM_OK && a < n; a++)
        for (size_t b = a + 1; b < n; b++, at++)
            differ[a * n + b] = differ[b * n + a] = job->p[at] <= FM_BOARD_LEVEL;
    size_t found = st == FM_OK ? fm_ranks_groups(differ, n, groups, FM_BOARD_LETTERS) : 0;
    for (size_t i = 0; i < n; i++) {
        size_t used = 0;

        for (size_t g = 0; g < found; g++)
            if (groups[g] >> i & 1)
                job->cells[i]->letters[used++] = (char)('a' + g);
    }
    free(differ);
    return st;
}

/* The samples of the first run that all have: in[] says which. */
static void find_common(const column_job *job, bool *in)
{
    const fm_graded *g = &job->graded[0];

    for (size_t i = 0; i < g->n; i++) {
        in[i] = true;
        for (size_t s = 0; in[i] && s < job->n; s++)
            in[i] = !isnan(value_of(job, s, g->samples[i].id));
    }
}

/* What run s has for them, as pairs with 0: the shares in the difference are those in the value itself. */
static size_t values_of(const column_job *job, size_t s, const bool *in, fm_headline_pair *out)
{
    const fm_graded *g = &job->graded[0], *own = &job->graded[s];
    const fm_headline *h = job->pools ? &job->headlines[s] : NULL;
    size_t n = 0;

    for (size_t i = 0; i < g->n; i++) {
        uint64_t at;

        if (!in[i] || !fm_id_map_find(&own->ids, g->samples[i].id, &at))
            continue;
        double weight = h ? fm_headline_weight(h, own, at, h->points_there) : 1;
        out[n++] = (fm_headline_pair){.group = h ? job->headlines[0].of_sample[i] : 0,
                                      .base_weight = weight,
                                      .candidate = value_of(job, s, g->samples[i].id),
                                      .candidate_weight = weight};
    }
    return n;
}

/* One system's column of `values` [items][n], whose mean is its value; returns the items, which are questions
 * where copies are pooled. */
static fm_status put_column(const column_job *job, size_t s, fm_headline_pair *pairs, size_t n,
                            double *values, size_t *items, fm_err *err)
{
    const fm_headline *h = &job->headlines[0];
    double *room = calloc(n + 1, 2 * sizeof(*room)), base, candidate;
    size_t *first = calloc(job->pools ? h->n_groups + 1 : 1, sizeof(*first));
    bool shares = job->pools && h->pool != FM_POOL_COPIES;
    fm_status st =
        room && first ? FM_OK : fm_fail(err, FM_E_NOMEM, "out of memory for the leaderboard");

    if (st == FM_OK && job->pools && !shares)
        n = fm_headline_fold(pairs, n, first);
    if (st == FM_OK && shares)
        st = fm_headline_shares(h, pairs, n, room, room + n, &base, &candidate, err);
    for (size_t i = 0; st == FM_OK && i < n; i++)
        values[i * job->n + s] = shares ? room[i] : pairs[i].candidate;
    *items = n;
    free(room);
    free(first);
    return st;
}

/* The samples that all have, as rows of values. */
static fm_status join(const column_job *job, double **out, size_t *items, fm_err *err)
{
    size_t most = job->graded[0].n + 1, cells;
    bool *in = calloc(most, sizeof(*in));
    fm_headline_pair *pairs = calloc(most, sizeof(*pairs));
    fm_status st = FM_OK;

    *out = fm_size_mul(most, job->n, &cells) ? calloc(cells, sizeof(**out)) : NULL;
    if (!in || !pairs || !*out)
        st = fm_fail(err, FM_E_NOMEM, "out of memory for the leaderboard");
    if (st == FM_OK)
        find_common(job, in);
    for (size_t s = 0; st == FM_OK && s < job->n; s++)
        st = put_column(job, s, pairs, values_of(job, s, in, pairs), *out, items, err);
    free(in);
    free(pairs);
    return st;
}

static fm_status put_intervals(column_job *job, fm_err *err)
{
    fm_board_column *c = job->column;
    fm_rank_interval places[FM_RANKS_MOST] = {0};
    double *values;
    fm_status st = join(job, &values, &c->items, err);

    double draws = ADDITIONS / ((double)c->items * (double)job->n + 1);
    c->draws = (size_t)fmin(FM_STATS_DRAWS, fmax(DRAWS_LEAST, draws));
    if (st == FM_OK && c->items > 0)
        st = fm_ranks_bootstrap(values, c->items, job->n, c->better, c->draws, CONFIDENCE, SEED,
                                places, err);
    for (size_t i = 0; st == FM_OK && i < job->n; i++)
        job->cells[i]->places = c->items ? places[i] : (fm_rank_interval){1, job->n};
    free(values);
    return st;
}

fm_status fm_board_place(fm_board *board, size_t column, fm_view *const *views, int jobs,
                         fm_err *err)
{
    column_job job = {.board = board, .column = &board->columns[column]};
    fm_status st = FM_OK;

    if (job.column->better == 0)
        return FM_OK;
    collect(&job, column, views);
    job.column->ranked = job.n;
    if (job.n == 1)
        job.cells[0]->places = (fm_rank_interval){1, 1};
    if (job.n < 2)
        return FM_OK;
    job.graded = calloc(job.n, sizeof(*job.graded));
    job.headlines = calloc(job.n, sizeof(*job.headlines));
    job.p = calloc(job.n * (job.n - 1) / 2, sizeof(*job.p));
    if (!job.graded || !job.headlines || !job.p)
        st = fm_fail(err, FM_E_NOMEM, "out of memory for the leaderboard");
    if (st == FM_OK)
        st = fm_parallel_for(job.n, jobs, load_one, &job, err);
    if (st == FM_OK)
        st = find_headlines(&job, err);
    if (st == FM_OK)
        st = fm_parallel_for(job.n - 1, jobs, test_row, &job, err);
    if (st == FM_OK)
        st = put_letters(&job, err);
    if (st == FM_OK)
        st = put_intervals(&job, err);
    for (size_t i = 0; job.graded && i < job.n; i++)
        fm_graded_release(&job.graded[i]);
    for (size_t i = 0; job.headlines && i < job.n; i++)
        fm_headline_release(&job.headlines[i]);
    free(job.graded);
    free(job.headlines);
    free(job.p);
    return st;
}
