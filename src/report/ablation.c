/* Owns the table of an ablation, on a terminal and as Markdown. */
#include "report/ablation.h"

#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "report/compare_words.h"
#include "report/screen.h"

enum { WHAT, BASE, ARM, DIFFERENCE, INTERVAL, P, N, COLUMNS };
enum { CELL = 96, GAP = 2, WHAT_LEAST = 16 };

/* One metric of one task, for one arm. */
typedef struct {
    char text[COLUMNS][CELL];
    int direction;
} row;

typedef void (*row_sink)(void *context, const fm_ablation_contrast *contrast, size_t arm,
                         const row *r);

/* ---- rows ---- */

static void keep(char out[CELL], fm_buf *text)
{
    snprintf(out, CELL, "%s", fm_buf_text(text));
    fm_buf_clear(text);
}

static void fill_row(row *r, const fm_comparison *c, const fm_compared_metric *m)
{
    fm_buf text = {0};

    r->direction = fm_compare_direction(m);
    fm_put_suite(&text, c);
    fm_buf_printf(&text, " %s", m->metric->name);
    keep(r->text[WHAT], &text);
    fm_put_value(&text, m->metric, m->base);
    keep(r->text[BASE], &text);
    fm_put_value(&text, m->metric, m->candidate);
    keep(r->text[ARM], &text);
    fm_put_difference(&text, m->metric, m->difference);
    keep(r->text[DIFFERENCE], &text);
    fm_put_interval(&text, m->metric, &m->interval);
    keep(r->text[INTERVAL], &text);
    fm_put_p(&text, m->p_holm);
    keep(r->text[P], &text);
    snprintf(r->text[N], CELL, "%zu", m->n);
    fm_buf_release(&text);
}

static void each_row(const fm_ablation_contrast *contrast, size_t arm, row_sink sink, void *context)
{
    for (size_t t = 0; t < contrast->n; t++) {
        const fm_comparison *c = &contrast->comparisons[t];

        for (size_t m = 0; m < c->n_metrics; m++) {
            row r;

            fill_row(&r, c, &c->runs[arm].metrics[m]);
            sink(context, contrast, arm, &r);
        }
    }
}

static void each_of_all(const fm_ablation_contrast *contrasts, size_t n, row_sink sink,
                        void *context)
{
    for (size_t i = 0; i < n; i++)
        for (size_t arm = 0; arm < contrasts[i].n_arms; arm++)
            each_row(&contrasts[i], arm, sink, context);
}

/* ---- on a terminal ---- */

/* Without its protocol: there is little room. */
static void shorten(const char *what, char out[CELL])
{
    size_t task = strcspn(what, "@"), rest = task + strcspn(what + task, " ");

    snprintf(out, CELL, "%.*s%s", (int)task, what, what + rest);
}

static const char *const heads[COLUMNS] = {"",  "base", "arm", "difference", "95 % interval",
                                           "p", "n"};

typedef struct {
    screen screen;
    int widths[COLUMNS];
} table;

static void measure(void *context, const fm_ablation_contrast *contrast, size_t arm, const row *r)
{
    table *t = context;
    char what[CELL];

    (void)contrast;
    (void)arm;
    shorten(r->text[WHAT], what);
    t->widths[WHAT] = max(t->widths[WHAT], (int)fm_text_columns(what));
    for (int i = BASE; i < COLUMNS; i++)
        t->widths[i] = max(t->widths[i], (int)fm_text_columns(r->text[i]));
}

/* What is asked is cut first, and then the last columns go. */
static void fit(table *t)
{
    int last = COLUMNS - 1, all = 0;

    for (int i = 0; i < COLUMNS; i++) {
        t->widths[i] = max(t->widths[i], (int)fm_text_columns(heads[i]));
        all += t->widths[i] + (i ? GAP : 2);
    }
    for (; last > DIFFERENCE && all - (t->widths[WHAT] - WHAT_LEAST) > t->screen.width; last--) {
        all -= t->widths[last] + GAP;
        t->widths[last] = 0;
    }
    if (all > t->screen.width)
        t->widths[WHAT] = max(WHAT_LEAST, t->widths[WHAT] - (all - t->screen.width));
}

static void put_cells(table *t, const row *r)
{
    screen *s = &t->screen;
    char what[CELL];

    shorten(r->text[WHAT], what);
    spaces(s, 2);
    put_padded(s, what, t->widths[WHAT]);
    for (int i = BASE; i < COLUMNS; i++) {
        bool marked = i == DIFFERENCE && r->direction;

        if (t->widths[i] == 0)
            continue;
        spaces(s, GAP + t->widths[i] - (int)fm_text_columns(r->text[i]));
        if (marked)
            style(s, r->direction > 0 ? "32" : "31");
        fm_buf_puts(s->out, r->text[i]);
        if (marked)
            style(s, "0");
    }
    end_line(s);
}

static void put_row(void *context, const fm_ablation_contrast *contrast, size_t arm, const row *r)
{
    (void)contrast;
    (void)arm;
    put_cells(context, r);
}

static void put_head(table *t, const fm_ablation_contrast *c, size_t arm)
{
    static const char against[] = " against ";
    screen *s = &t->screen;
    int room = max(s->width - (int)strlen(": ") - (int)strlen(against), 3 * WHAT_LEAST / 2);
    row head = {0};

    style(s, "1");
    room -= put_data(s, c->title, room / 2);
    style(s, "0");
    fm_buf_puts(s->out, ": ");
    room -= put_data(s, c->arms[arm], room / 2);
    fm_buf_puts(s->out, against);
    put_data(s, c->base, room);
    end_line(s);
    for (int i = 0; i < COLUMNS; i++)
        snprintf(head.text[i], CELL, "%s", heads[i]);
    style(s, "2");
    put_cells(t, &head);
    style(s, "0");
}

fm_status fm_ablation_table(fm_buf *out, const fm_ablation_contrast *contrasts, size_t n, int width,
                            bool colour, fm_err *err)
{
    table t = {.screen = {.out = out, .width = width ? width : 100, .colour = colour}};

    each_of_all(contrasts, n, measure, &t);
    fit(&t);
    for (size_t i = 0; i < n; i++) {
        for (size_t arm = 0; arm < contrasts[i].n_arms; arm++) {
            put_head(&t, &contrasts[i], arm);
            each_row(&contrasts[i], arm, put_row, &t);
            end_line(&t.screen);
        }
    }
    style(&t.screen, "2");
    fm_buf_puts(out, "intervals are paired; p after Holm over the tests of a contrast\n");
    style(&t.screen, "0");
    return fm_buf_check(out, "the table", err);
}

/* ---- Markdown ---- */

static void put_data_cell(fm_buf *out, const char *text)
{
    fm_buf_puts(out, " ");
    fm_text_for_markdown(out, text, strlen(text));
    fm_buf_puts(out, " |");
}

static void put_markdown_row(void *context, const fm_ablation_contrast *contrast, size_t arm,
                             const row *r)
{
    fm_buf *out = context;

    fm_buf_putc(out, '|');
    put_data_cell(out, contrast->title);
    put_data_cell(out, contrast->arms[arm]);
    put_data_cell(out, contrast->base);
    put_data_cell(out, r->text[WHAT]);
    for (int i = BASE; i < COLUMNS; i++) {
        /* An arm stands before what it is held against. */
        int column = i == BASE ? ARM : i == ARM ? BASE : i;

        fm_buf_printf(out, " %s |", r->text[column]);
    }
    fm_buf_putc(out, '\n');
}

fm_status fm_ablation_markdown(fm_buf *out, const fm_ablation_contrast *contrasts, size_t n,
                               fm_err *err)
{
    fm_buf_puts(out, "| about | arm | against | task, metric | arm | base | difference | "
                     "95 % interval | p (Holm) | n |\n"
                     "|:--|:--|:--|:--|--:|--:|--:|:--|--:|--:|\n");
    each_of_all(contrasts, n, put_markdown_row, out);
    return fm_buf_check(out, "the table", err);
}
