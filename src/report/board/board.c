/*
 * What stands in a leaderboard: which runs share a column, which a row, and where published figures
 * belong. Places within a column are places.c's business, writing that of the writers.
 */
#include "report/board/board.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/size.h"
#include "report/board/board_internal.h"
#include "report/load.h"

static fm_status no_memory(fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "out of memory for the leaderboard");
}

static const char *text_of(const cJSON *object, const char *key)
{
    const char *text = fm_json_string(object, key);

    return text ? text : "";
}

/* A text in the board's arena; NULL: no memory. */
static const char *keep(fm_board *b, fm_buf *text)
{
    const char *kept = text->failed ? NULL : fm_arena_strdup(&b->runs.arena, fm_buf_text(text));

    fm_buf_release(text);
    return kept;
}

/* ---- names ---- */

/* Adapter and model, and the prompt where it was the user's own; of imported replies the folder. */
static const char *name_of(fm_board *b, const fm_board_entry *entry, const fm_report_run *run)
{
    const cJSON *adapter = fm_json_get(run->manifest, "adapter"), *setting;
    const char *name = text_of(adapter, "name");
    const char *prompt = text_of(fm_json_get(run->manifest, "prompt"), "file");
    fm_buf text = {0};

    if (entry->name)
        fm_buf_puts(&text, entry->name);
    else if (!*name || strcmp(name, "predictions") == 0)
        fm_buf_puts(&text, fm_path_base(run->dir));
    else
        fm_buf_puts(&text, name);
    cJSON_ArrayForEach(setting, fm_json_get(adapter, "settings"))
    {
        if (!entry->name && strcmp(text_of(setting, "key"), "model") == 0 &&
            *text_of(setting, "value"))
            fm_buf_printf(&text, " %s", text_of(setting, "value"));
    }
    if (!entry->name && *prompt)
        fm_buf_printf(&text, ", prompt %s", prompt);
    return keep(b, &text);
}

/* Bytes of the folder that all runs have in common, its slash included. */
static size_t common_folder(const fm_report_model *runs)
{
    size_t common = 0;

    for (size_t i = 0; runs->n > 0 && runs->runs[0].dir[i]; i++) {
        for (size_t k = 1; k < runs->n; k++)
            if (runs->runs[k].dir[i] != runs->runs[0].dir[i])
                return common;
        if (runs->runs[0].dir[i] == '/')
            common = i + 1;
    }
    return common;
}

/* ---- columns ---- */

static fm_status describe_column(fm_board *b, const fm_report_run *run, fm_board_column *out,
                                 fm_err *err)
{
    const cJSON *suite = fm_json_get(run->manifest, "suite");
    const cJSON *selection = fm_json_get(run->results, "selection");
    const char *headline = fm_report_headline(run);
    const cJSON *aggregate =
        headline ? fm_json_get(fm_json_get(run->results, "aggregates"), headline) : NULL;
    const char *role = fm_json_string(aggregate, "role");
    fm_buf part = {0};

    if (!aggregate)
        return fm_fail(err, FM_E_INPUT, "'%s' has no headline under protocol '%s'", run->dir,
                       run->protocol);
    if (selection)
        fm_json_put_tree(&(fm_json_writer){.out = &part}, NULL, selection);
    *out = (fm_board_column){
        .task = run->task,
        .protocol = run->protocol,
        .suite = text_of(suite, "name"),
        .suite_version = text_of(run->results, "suite_version"),
        .data_sha256 = text_of(fm_json_get(run->manifest, "data"), "sha256"),
        .protocol_version = (int)fm_json_number(run->results, "protocol_version", 0),
        .selection = keep(b, &part),
        .metric = headline,
        .unit = text_of(aggregate, "unit"),
        .primary = text_of(run->results, "primary"),
        .tested = text_of(run->results, "primary"),
        .rate = role && strcmp(role, "rate") == 0,
        .better = (int)fm_json_number(aggregate, "better", 0),
    };
    return out->selection ? FM_OK : no_memory(err);
}

/* What makes two columns one; the order of the columns too. */
static int compare_columns(const fm_board_column *a, const fm_board_column *b)
{
    const char *const texts[][2] = {
        {a->task, b->task},           {a->protocol, b->protocol},
        {a->metric, b->metric},       {a->suite_version, b->suite_version},
        {a->selection, b->selection}, {a->data_sha256, b->data_sha256}};
    int order = 0;

    for (size_t i = 0; order == 0 && i < FM_COUNT_OF(texts); i++)
        order = strcmp(texts[i][0], texts[i][1]);
    return order ? order
                 : (a->protocol_version > b->protocol_version) -
                       (a->protocol_version < b->protocol_version);
}

static int by_column(const void *a, const void *b)
{
    return compare_columns(a, b);
}

/* What a column says beyond its task and protocol, where another has the same of both. */
static fm_status label_column(fm_board *b, size_t at, fm_err *err)
{
    fm_board_column *c = &b->columns[at];
    bool version = false, data = false, part = false, metric = false;
    fm_buf text = {0};

    for (size_t i = 0; i < b->n_columns; i++) {
        const fm_board_column *o = &b->columns[i];

        if (strcmp(o->task, c->task) != 0 || strcmp(o->protocol, c->protocol) != 0)
            continue;
        version |= o->protocol_version != c->protocol_version ||
                   strcmp(o->suite_version, c->suite_version) != 0;
        data |= strcmp(o->data_sha256, c->data_sha256) != 0;
        part |= strcmp(o->selection, c->selection) != 0;
        metric |= strcmp(o->metric, c->metric) != 0;
    }
    fm_buf_printf(&text, "%s@%s", c->task, c->protocol);
    if (version)
        fm_buf_printf(&text, ", protocol %d of suite %s", c->protocol_version, c->suite_version);
    if (data)
        fm_buf_printf(&text, ", data %.8s", c->data_sha256);
    if (part)
        fm_buf_printf(&text, ", %s", *c->selection ? c->selection : "all samples");
    if (metric)
        fm_buf_printf(&text, ", %s", c->metric);
    c->label = keep(b, &text);
    return c->label ? FM_OK : no_memory(err);
}

static fm_status make_columns(fm_board *b, fm_err *err)
{
    size_t n = b->runs.n, kept = 0;
    fm_status st = FM_OK;

    b->columns = fm_arena_alloc(&b->runs.arena, n, sizeof(*b->columns));
    if (!b->columns)
        return no_memory(err);
    for (size_t i = 0; st == FM_OK && i < n; i++)
        st = describe_column(b, &b->runs.runs[i], &b->columns[i], err);
    if (st != FM_OK)
        return st;
    qsort(b->columns, n, sizeof(*b->columns), by_column);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || compare_columns(&b->columns[i], &b->columns[kept - 1]) != 0)
            b->columns[kept++] = b->columns[i];
    b->n_columns = kept;
    for (size_t i = 0; st == FM_OK && i < kept; i++)
        st = label_column(b, i, err);
    return st;
}

static fm_status column_of(fm_board *b, const fm_report_run *run, size_t *out, fm_err *err)
{
    fm_board_column key;
    fm_status st = describe_column(b, run, &key, err);

    for (*out = 0; st == FM_OK && compare_columns(&b->columns[*out], &key) != 0;)
        ++*out;
    return st;
}

/* ---- rows of runs ---- */

/* A run on its way into the table. */
typedef struct {
    const fm_board_entry *entry;
    const fm_report_run *run;
    const char *name, *dir;
    size_t column;
} placed;

static int by_name(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    if (order == 0)
        order = (x->column > y->column) - (x->column < y->column);
    return order ? order : strcmp(x->dir, y->dir);
}

/* Two runs of one model in one column are two rows: nobody could tell which was meant. */
static fm_status tell_apart(fm_board *b, placed *runs, size_t n, fm_err *err)
{
    for (size_t i = 0; i < n; i++) {
        bool again = false;

        for (size_t k = 0; k < n; k++)
            again |= k != i && runs[k].column == runs[i].column &&
                     strcmp(runs[k].name, runs[i].name) == 0;
        runs[i].entry =
            again ? runs[i].entry : NULL; /* from here on: whether it needs its folder */
    }
    for (size_t i = 0; i < n; i++) {
        fm_buf text = {0};

        if (!runs[i].entry)
            continue;
        fm_buf_printf(&text, "%s (%s)", runs[i].name, runs[i].dir);
        if (!(runs[i].name = keep(b, &text)))
            return no_memory(err);
    }
    qsort(runs, n, sizeof(*runs), by_name);
    return FM_OK;
}

static void fill_cell(fm_board_cell *cell, const placed *p)
{
    const cJSON *prompt = fm_json_get(p->run->manifest, "prompt");
    const cJSON *aggregate =
        fm_json_get(fm_json_get(p->run->results, "aggregates"), fm_report_headline(p->run));

    *cell = (fm_board_cell){.present = true,
                            .value = fm_json_number(aggregate, "value", NAN),
                            .low = fm_json_number(aggregate, "ci_low", NAN),
                            .high = fm_json_number(aggregate, "ci_high", NAN),
                            .run = p->run,
                            .dir = p->dir,
                            .prompt_sha256 = text_of(prompt, "sha256"),
                            .prompt_file = text_of(prompt, "file")};
}

static void fill_rows(fm_board *b, const placed *runs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(runs[i].name, runs[i - 1].name) != 0)
            b->rows[b->n_rows++] = (fm_board_row){.name = runs[i].name,
                                                  .source = "",
                                                  .modality = "",
                                                  .sees_truth = runs[i].run->sees_truth};
        fill_cell(&b->cells[(b->n_rows - 1) * b->n_columns + runs[i].column], &runs[i]);
    }
}

/* Whether the models of a column were asked alike: imported replies do not say. */
static void look_at_prompts(fm_board *b)
{
    for (size_t c = 0; c < b->n_columns; c++) {
        const char *first = "";

        for (size_t r = 0; r < b->n_rows; r++) {
            const fm_board_cell *cell = fm_board_at(b, r, c);

            if (!cell->run || !*cell->prompt_sha256)
                continue;
            b->columns[c].prompts |= *first && strcmp(first, cell->prompt_sha256) != 0;
            first = cell->prompt_sha256;
        }
    }
}

/* ---- published rows ---- */

/* A figure goes to the columns of its task and metric: to those of its protocol where it names one of
 * them, else beside all, under its source's name. */
static bool belongs(const fm_board *b, const fm_published_row *row, const fm_board_column *column)
{
    bool named = false;

    for (size_t c = 0; c < b->n_columns; c++)
        named |= strcmp(b->columns[c].task, row->task) == 0 &&
                 strcmp(b->columns[c].protocol, row->protocol) == 0;
    if (named && strcmp(row->protocol, column->protocol) != 0)
        return false;
    bool percent = strcmp(row->unit, "%") == 0;

    return strcmp(row->task, column->task) == 0 && percent == column->rate &&
           (percent || strcmp(row->unit, column->unit) == 0) &&
           (strcmp(row->metric, column->metric) == 0 || strcmp(row->metric, column->primary) == 0);
}

static const char *modality_of(const fm_published_row *row)
{
    return strcmp(row->modality, "not stated") == 0 ? "" : row->modality;
}

static bool same_row(const fm_published_row *row, const fm_board_row *of)
{
    return strcmp(row->model, of->name) == 0 && strcmp(row->source, of->source) == 0 &&
           strcmp(modality_of(row), of->modality) == 0;
}

static void add_published(fm_board *b, const fm_published *published)
{
    size_t first = b->n_rows;

    for (size_t i = 0; published && i < published->n; i++) {
        const fm_published_row *row = &published->rows[i];

        for (size_t c = 0; c < b->n_columns; c++) {
            size_t r = first;

            if (!belongs(b, row, &b->columns[c]))
                continue;
            while (r < b->n_rows && !same_row(row, &b->rows[r]))
                r++;
            if (r == b->n_rows)
                b->rows[b->n_rows++] = (fm_board_row){.name = row->model,
                                                      .source = row->source,
                                                      .modality = modality_of(row),
                                                      .mean_place = INFINITY};
            b->cells[r * b->n_columns + c] =
                (fm_board_cell){.present = true,
                                .value = row->value / (b->columns[c].rate ? 100 : 1),
                                .low = NAN,
                                .high = NAN,
                                .published = row};
        }
    }
}

/* ---- the order of the rows ---- */

typedef struct {
    fm_board_row row;
    fm_board_cell *cells;
    double best; /* the value in the first column that it has one in; better ones are higher */
} sortable;

static int compare_rows(const void *a, const void *b)
{
    const sortable *x = a, *y = b;
    int kinds[2] = {x->row.source[0] ? 2 : x->row.sees_truth,
                    y->row.source[0] ? 2 : y->row.sees_truth};
    int order = kinds[0] - kinds[1];

    if (order == 0)
        order = (x->row.mean_place > y->row.mean_place) - (x->row.mean_place < y->row.mean_place);
    if (order == 0)
        order = (x->best < y->best) - (x->best > y->best);
    if (order == 0)
        order = strcmp(x->row.source, y->row.source);
    if (order == 0)
        order = strcmp(x->row.name, y->row.name);
    return order ? order : strcmp(x->row.modality, y->row.modality);
}

static double best_of(const fm_board *b, size_t row)
{
    for (size_t c = 0; c < b->n_columns; c++) {
        const fm_board_cell *cell = fm_board_at(b, row, c);

        if (cell->present && isfinite(cell->value))
            return cell->value * (b->columns[c].better < 0 ? -1 : 1) - 1e6 * (double)c;
    }
    return -INFINITY;
}

static fm_status sort_rows(fm_board *b, fm_err *err)
{
    fm_arena *arena = &b->runs.arena;
    sortable *rows = fm_arena_alloc(arena, b->n_rows, sizeof(*rows));
    fm_board_cell *cells = fm_arena_alloc(arena, b->n_rows * b->n_columns, sizeof(*cells));

    if (!rows || !cells)
        return no_memory(err);
    for (size_t r = 0; r < b->n_rows; r++) {
        double sum = 0;
        size_t n = 0;

        for (size_t c = 0; c < b->n_columns; c++) {
            sum += (double)fm_board_at(b, r, c)->place;
            n += fm_board_at(b, r, c)->place > 0;
        }
        b->rows[r].mean_place = n ? sum / (double)n : INFINITY;
        rows[r] = (sortable){b->rows[r], &b->cells[r * b->n_columns], best_of(b, r)};
    }
    qsort(rows, b->n_rows, sizeof(*rows), compare_rows);
    for (size_t r = 0; r < b->n_rows; r++) {
        b->rows[r] = rows[r].row;
        memcpy(&cells[r * b->n_columns], rows[r].cells, b->n_columns * sizeof(*cells));
    }
    b->cells = cells;
    return FM_OK;
}

/* ---- all of it ---- */

static fm_status reserve(fm_board *b, const fm_published *published, fm_err *err)
{
    size_t most = b->runs.n + (published ? published->n : 0), cells;

    b->rows = fm_arena_alloc(&b->runs.arena, most, sizeof(*b->rows));
    b->cells = fm_size_mul(most, b->n_columns, &cells)
                   ? fm_arena_alloc(&b->runs.arena, cells, sizeof(*b->cells))
                   : NULL;
    return b->rows && b->cells ? FM_OK : no_memory(err);
}

static fm_status place_runs(fm_board *b, const fm_board_entry *entries, placed *runs, fm_err *err)
{
    size_t common = common_folder(&b->runs);
    fm_status st = FM_OK;

    for (size_t i = 0; st == FM_OK && i < b->runs.n; i++) {
        const fm_report_run *run = &b->runs.runs[i];

        runs[i] = (placed){.entry = &entries[i], .run = run, .dir = run->dir + common};
        runs[i].name = name_of(b, &entries[i], run);
        st = runs[i].name ? column_of(b, run, &runs[i].column, err) : no_memory(err);
        for (size_t k = 0; st == FM_OK && k < i; k++)
            if (runs[k].column == runs[i].column && strcmp(runs[k].run->dir, run->dir) == 0)
                st = fm_fail(err, FM_E_USAGE, "the run '%s' is given twice", run->dir);
    }
    return st == FM_OK ? tell_apart(b, runs, b->runs.n, err) : st;
}

fm_status fm_board_make(fm_board *out, const fm_board_entry *entries, size_t n,
                        const fm_published *published, int jobs, fm_err *err)
{
    fm_view *views[FM_REPORT_MAX_RUNS] = {0};
    placed runs[FM_REPORT_MAX_RUNS];
    fm_status st = FM_OK;

    if (n == 0 || n > FM_REPORT_MAX_RUNS)
        return fm_fail(err, FM_E_USAGE, "%zu runs in a leaderboard; 1 to %d fit", n,
                       FM_REPORT_MAX_RUNS);
    for (size_t i = 0; i < n; i++)
        views[i] = entries[i].view;
    st = fm_report_load(&out->runs, views, n, false, err);
    if (st == FM_OK)
        st = make_columns(out, err);
    if (st == FM_OK)
        st = reserve(out, published, err);
    if (st == FM_OK)
        st = place_runs(out, entries, runs, err);
    if (st == FM_OK)
        fill_rows(out, runs, n);
    if (st == FM_OK)
        look_at_prompts(out);
    for (size_t c = 0; st == FM_OK && c < out->n_columns; c++)
        st = fm_board_place(out, c, views, jobs, err);
    if (st == FM_OK)
        add_published(out, published);
    return st == FM_OK ? sort_rows(out, err) : st;
}

void fm_board_release(fm_board *board)
{
    fm_report_model_release(&board->runs);
    *board = (fm_board){0};
}
