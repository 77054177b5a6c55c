/*
 * Places within a column: by the headline; which pairs can be told apart, by a paired test over the
 * samples that both have, Holm over all pairs; and the places that each may hold, by the joint
 * bootstrap over the samples that all have. Samples count as independent.
 */
#include "report/board/board_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/threads.h"
#include "core/graded.h"
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
    fm_graded *graded; /* [n] */
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
        if (strcmp(graded->protocol->metrics[m].name, job->column->tested) == 0)
            job->metrics[index] = m;
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

static fm_status test_pair(const column_job *job, size_t a, size_t b, double *p, fm_err *err)
{
    const fm_graded *g = &job->graded[a];
    double *differences = calloc(g->n ? g->n : 1, sizeof(*differences));
    fm_paired_counts counts = {0};
    bool counted = true;

    if (!differences)
        return fm_fail(err, FM_E_NOMEM, "out of memory for the leaderboard");
    for (size_t i = 0; i < g->n; i++) {
        double x = value_of(job, a, g->samples[i].id), y = value_of(job, b, g->samples[i].id);

        if (isnan(x) || isnan(y))
            continue;
        counted &= (x == 0 || x == 1) && (y == 0 || y == 1);
        counts.gained += y > x;
        counts.lost += y < x;
        differences[counts.n++] = y - x;
    }
    *p = counts.n == 0 ? 1
         : counted && job->column->rate
             ? fm_paired_mcnemar(&counts).exact
             : fm_paired_sign_flip(differences, counts.n, FM_STATS_DRAWS, SEED);
    free(differences);
    return FM_OK;
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

/* The samples that all have, as rows of values; NULL: no memory. */
static double *join(const column_job *job, size_t *items)
{
    const fm_graded *g = &job->graded[0];
    size_t cells;
    double *values =
        fm_size_mul(g->n ? g->n : 1, job->n, &cells) ? calloc(cells, sizeof(*values)) : NULL;

    *items = 0;
    for (size_t i = 0; values && i < g->n; i++) {
        double *row = &values[*items * job->n];
        bool all = true;

        for (size_t s = 0; s < job->n; s++) {
            row[s] = value_of(job, s, g->samples[i].id);
            all &= !isnan(row[s]);
        }
        *items += all;
    }
    return values;
}

static fm_status put_intervals(column_job *job, fm_err *err)
{
    fm_board_column *c = job->column;
    fm_rank_interval places[FM_RANKS_MOST];
    double *values = join(job, &c->items);

    if (!values)
        return fm_fail(err, FM_E_NOMEM, "out of memory for the leaderboard");
    double draws = ADDITIONS / ((double)c->items * (double)job->n + 1);
    c->draws = (size_t)fmin(FM_STATS_DRAWS, fmax(DRAWS_LEAST, draws));
    fm_status st = c->items ? fm_ranks_bootstrap(values, c->items, job->n, c->better, c->draws,
                                                 CONFIDENCE, SEED, places, err)
                            : FM_OK;
    for (size_t i = 0; i < job->n; i++)
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
    job.p = calloc(job.n * (job.n - 1) / 2, sizeof(*job.p));
    if (!job.graded || !job.p)
        st = fm_fail(err, FM_E_NOMEM, "out of memory for the leaderboard");
    if (st == FM_OK)
        st = fm_parallel_for(job.n, jobs, load_one, &job, err);
    if (st == FM_OK)
        st = fm_parallel_for(job.n - 1, jobs, test_row, &job, err);
    if (st == FM_OK)
        st = put_letters(&job, err);
    if (st == FM_OK)
        st = put_intervals(&job, err);
    for (size_t i = 0; job.graded && i < job.n; i++)
        fm_graded_release(&job.graded[i]);
    free(job.graded);
    free(job.p);
    return st;
}
