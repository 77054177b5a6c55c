/* A comparison on a terminal: who, the metrics, what changed, what failed, the gate. */
#include <math.h>
#include <stdio.h>

#include "base/size.h"
#include "report/compare_words.h"
#include "report/screen.h"

#define MARK   "\xE2\x96\xB8" /* small triangle: the primary metric */
#define UP     "\xE2\x96\xB2"
#define DOWN   "\xE2\x96\xBC"
#define MIDDOT "\xC2\xB7"

enum { LABEL, BASE, CANDIDATE, DIFFERENCE, INTERVAL, P, N, COLUMNS };
enum { CELL = 64, GAP = 2, LABEL_MOST = 28 };

static const char green[] = "32", red[] = "31", yellow[] = "33", bold[] = "1", faint[] = "2";

typedef struct {
    char text[COLUMNS][CELL];
    int direction;
    bool primary;
} row;

/* ---- cells ---- */

static void keep(char out[CELL], fm_buf *text)
{
    snprintf(out, CELL, "%s", fm_buf_text(text));
    fm_buf_clear(text);
}

static void fill_row(row *r, const fm_comparison *c, const fm_compared_metric *m)
{
    fm_buf text = {0};

    *r = (row){.direction = fm_compare_direction(m),
               .primary = strcmp(m->metric->name, c->primary) == 0};
    snprintf(r->text[LABEL], CELL, "%s", m->metric->name);
    fm_put_value(&text, m->metric, m->base);
    keep(r->text[BASE], &text);
    fm_put_value(&text, m->metric, m->candidate);
    keep(r->text[CANDIDATE], &text);
    fm_put_difference(&text, m->metric, m->difference);
    keep(r->text[DIFFERENCE], &text);
    fm_put_interval(&text, m->metric, &m->interval);
    keep(r->text[INTERVAL], &text);
    fm_put_p(&text, m->mid_p);
    keep(r->text[P], &text);
    snprintf(r->text[N], CELL, "%zu", m->n);
    fm_buf_release(&text);
}

/* ---- who ---- */

static void put_title(screen *s, const fm_comparison *c, const fm_report_model *names)
{
    const fm_report_run *base = &names->runs[0];

    style(s, bold);
    put_data(s, base->task, s->width / 2);
    fm_buf_putc(s->out, '@');
    put_data(s, base->protocol, s->width / 2);
    style(s, "0");
    if (base->sees_truth)
        fm_buf_puts(s->out, " " MIDDOT " sees the truth");
    if (c->differences[0])
        fm_buf_printf(s->out, " " MIDDOT " differs in %s, allowed", c->differences);
    end_line(s);
}

static void put_run(screen *s, const char *role, const fm_report_run *run)
{
    fm_buf_printf(s->out, "  %-11s", role);
    int used = 13 + put_data(s, run->name, s->width / 2);
    spaces(s, GAP);
    style(s, faint);
    put_data(s, run->dir, s->width - used - GAP);
    style(s, "0");
    end_line(s);
}

static void put_pairs(screen *s, const fm_comparison *c, const fm_compared_run *run)
{
    const fm_compared_metric *m = &run->metrics[0];

    fm_buf_printf(s->out, "  %-11s%zu", "pairs", run->pairs);
    if (run->base_only || run->candidate_only)
        fm_buf_printf(s->out, ", left out: %zu in the base alone, %zu in the candidate alone",
                      run->base_only, run->candidate_only);
    if (m->clusters)
        fm_buf_printf(s->out, ", in %zu groups by %s (design effect %.2g)", m->clusters, c->cluster,
                      m->design_effect);
    end_line(s);
}

/* ---- the metrics ---- */

static void put_row(screen *s, const row *r, const int *widths)
{
    for (int i = 0; i < COLUMNS; i++) {
        if (widths[i] == 0)
            continue;
        if (i == LABEL) {
            style(s, r->primary ? bold : "0");
            fm_buf_puts(s->out, r->primary ? MARK " " : "  ");
            put_padded(s, r->text[i], widths[i]);
            style(s, "0");
            continue;
        }
        spaces(s, GAP + widths[i] - (int)fm_text_columns(r->text[i]));
        if (i == DIFFERENCE && r->direction)
            style(s, r->direction > 0 ? green : red);
        fm_buf_puts(s->out, r->text[i]);
        if (i == DIFFERENCE && r->direction)
            style(s, "0");
    }
    fm_buf_puts(s->out, r->direction > 0 ? " " UP : r->direction < 0 ? " " DOWN : "");
    end_line(s);
}

static int total_of(const int *widths)
{
    int total = 4; /* the mark before, the arrow behind */

    for (int i = 0; i < COLUMNS; i++)
        total += widths[i] ? widths[i] + (i ? GAP : 0) : 0;
    return total;
}

/* What does not fit goes: letters of long labels, n, more letters, p, the interval. */
static int fit(int *widths, int width)
{
    static const struct {
        int column, least;
    } order[] = {{LABEL, 16}, {N, 0}, {LABEL, 10}, {P, 0}, {INTERVAL, 0}};

    for (size_t i = 0; i < FM_COUNT_OF(order) && total_of(widths) > width; i++) {
        int *column = &widths[order[i].column], over = total_of(widths) - width;

        *column = order[i].least ? max(at_most(*column, order[i].least), *column - over) : 0;
    }
    return total_of(widths);
}

static void put_metrics(screen *s, const fm_comparison *c, const fm_compared_run *run)
{
    row heading = {.text = {"", "base", "candidate", "difference", "95 % interval", "p", "n"}}, r;
    int widths[COLUMNS] = {0};
    bool all = true;

    for (int i = 0; i < COLUMNS; i++)
        widths[i] = (int)strlen(heading.text[i]);
    for (size_t m = 0; m < c->n_metrics; m++) {
        fill_row(&r, c, &run->metrics[m]);
        all &= run->metrics[m].n == run->pairs;
        for (int i = 0; i < COLUMNS; i++)
            widths[i] = max(widths[i], (int)fm_text_columns(r.text[i]));
    }
    widths[LABEL] = at_most(widths[LABEL], LABEL_MOST);
    widths[N] = all ? 0 : widths[N]; /* where every pair counts, it stands above */
    int total = fit(widths, s->width);
    end_line(s);
    style(s, faint);
    put_row(s, &heading, widths);
    style(s, "0");
    rule(s, total);
    for (size_t m = 0; m < c->n_metrics; m++) {
        fill_row(&r, c, &run->metrics[m]);
        put_row(s, &r, widths);
    }
    rule(s, total);
}

/* ---- what changed, what failed ---- */

/* Text from column 13 on, broken at spaces. */
static void put_wrapped(screen *s, const char *text)
{
    enum { AT = 13 };
    int column = AT;

    spaces(s, AT);
    for (const char *p = text; *p;) {
        size_t size = strcspn(p, " ");
        char word[CELL];

        snprintf(word, sizeof(word), "%.*s", (int)size, p);
        int columns = (int)fm_text_columns(word);
        if (column > AT && column + 1 + columns > s->width) {
            end_line(s);
            spaces(s, AT);
            column = AT;
        } else if (column > AT) {
            spaces(s, 1);
            column++;
        }
        column += put_data(s, word, CELL);
        p += size + strspn(p + size, " ");
    }
    end_line(s);
}

/* Ids that fit in what is left of the line. */
static void put_ids(screen *s, const fm_compared_run *run, bool gained, size_t listed)
{
    int used = 21;
    size_t shown = 0, all = fm_compare_changed(run, gained);

    fm_buf_printf(s->out, "             %-8s", gained ? "gained" : "lost");
    for (size_t i = 0; i < run->n_flips && shown < listed; i++) {
        int columns = at_most((int)fm_text_columns(run->flips[i].id), 24);

        if (run->flips[i].gained != gained)
            continue;
        if (shown && used + columns + 12 > s->width)
            break;
        used += put_data(s, run->flips[i].id, 24) + GAP;
        spaces(s, GAP);
        shown++;
    }
    if (shown < all)
        fm_buf_printf(s->out, "and %zu more", all - shown);
    end_line(s);
}

static void put_changes(screen *s, const fm_comparison *c, const fm_compared_run *run,
                        size_t listed)
{
    size_t gained = fm_compare_changed(run, true), lost = run->n_flips - gained;

    if (!c->flip_metric)
        return;
    fm_buf_printf(s->out, "  %-11s%s: %zu gained, %zu lost", "changed", c->flip_metric, gained,
                  lost);
    end_line(s);
    if (gained && listed)
        put_ids(s, run, true, listed);
    if (lost && listed)
        put_ids(s, run, false, listed);
}

static const fm_compared_metric *primary_of(const fm_comparison *c, const fm_compared_run *run)
{
    for (size_t m = 0; m < c->n_metrics; m++)
        if (strcmp(run->metrics[m].metric->name, c->primary) == 0)
            return &run->metrics[m];
    return &run->metrics[0];
}

static void put_failed(screen *s, const fm_comparison *c, const fm_compared_run *run)
{
    const fm_compared_metric *m = primary_of(c, run);
    fm_buf text = {0};

    if (run->failed == 0)
        return;
    style(s, yellow);
    fm_buf_printf(s->out, "  %-11s%zu of %zu pairs: base ", "failed", run->failed, run->pairs);
    fm_put_failures(s->out, run->by_status[0]);
    fm_buf_puts(s->out, "; candidate ");
    fm_put_failures(s->out, run->by_status[1]);
    end_line(s);
    fm_buf_printf(&text, "%s: ", m->metric->name);
    fm_put_difference(&text, m->metric, m->wrong.difference);
    fm_buf_puts(&text, " with all of them wrong, ");
    fm_put_difference(&text, m->metric, m->dropped.difference);
    fm_buf_puts(&text, " with their pairs dropped");
    put_wrapped(s, fm_buf_text(&text));
    fm_buf_release(&text);
    style(s, "0");
}

static void put_detectable(screen *s, const fm_comparison *c, const fm_compared_run *run)
{
    const fm_compared_metric *m = primary_of(c, run);

    if (!isfinite(m->detectable) || m->detectable == 0)
        return;
    fm_buf_printf(s->out, "  %-11sa difference of ", "shows");
    fm_put_margin(s->out, m->metric, m->detectable);
    fm_buf_printf(s->out, " in %s, with %g %% power", m->metric->name, 100 * FM_COMPARE_POWER);
    end_line(s);
}

/* ---- the gate ---- */

static void put_verdict(screen *s, fm_gate_verdict verdict)
{
    static const char *const colours[] = {green, red, yellow};
    static const char *const words[] = {"PASS", "FAIL", "INCONCLUSIVE"};

    fm_buf_puts(s->out, "  gate       ");
    style(s, bold);
    style(s, colours[verdict]);
    fm_buf_puts(s->out, words[verdict]);
    style(s, "0");
}

static void put_gate(screen *s, const fm_comparison *c, const fm_compared_run *run,
                     const fm_compared_metric *m)
{
    fm_buf reason = {0};

    put_verdict(s, m->gate.verdict);
    fm_buf_puts(s->out, "  ");
    fm_put_gate_name(s->out, c, m);
    end_line(s);
    fm_put_gate_reason(&reason, c, run, m);
    put_wrapped(s, fm_buf_text(&reason));
    fm_buf_release(&reason);
    if (!isfinite(m->gate.interval.low))
        return;
    style(s, faint);
    fm_buf_printf(s->out,
                  "             both ends one-sided at %g %%: ", 100 * (1 - c->options->alpha));
    fm_put_interval(s->out, m->metric, &m->gate.interval);
    style(s, "0");
    end_line(s);
}

/* The gate of several suites, and what each said. */
static void put_suites(screen *s, const fm_comparison *comparisons, size_t n)
{
    if (n == 1 || comparisons[0].options->gate == FM_GATE_NONE)
        return;
    end_line(s);
    put_verdict(s, fm_compare_worst(comparisons, n));
    fm_buf_printf(s->out, "  over %zu suites", n);
    end_line(s);
    for (size_t i = 0; i < n; i++) {
        fm_buf text = {0};

        fm_put_suite(&text, &comparisons[i]);
        fm_buf_printf(&text, ": %s", fm_gate_verdict_name(comparisons[i].verdict));
        put_wrapped(s, fm_buf_text(&text));
        fm_buf_release(&text);
    }
}

static bool is_marked(const fm_comparison *c)
{
    bool marked = false;

    for (size_t i = 0; i < c->n * c->n_metrics; i++)
        marked |= fm_compare_direction(&c->runs[i / c->n_metrics].metrics[i % c->n_metrics]) != 0;
    return marked;
}

static void put_legend(screen *s, const fm_comparison *comparisons, size_t n)
{
    bool marked = false, counted = false, other = false;

    for (size_t i = 0; i < n; i++) {
        const fm_comparison *c = &comparisons[i];

        marked |= is_marked(c);
        for (size_t m = 0; m < c->n_metrics; m++) {
            counted |= c->runs[0].metrics[m].counted;
            other |= !c->runs[0].metrics[m].counted;
        }
    }
    end_line(s);
    style(s, faint);
    fm_buf_puts(s->out, MARK " ranks the protocol");
    end_line(s);
    fm_buf_printf(s->out, "  %s%s%s", counted ? "rates: McNemar's mid-p and Tango's interval" : "",
                  counted && other ? "; " : "",
                  other ? counted ? "means: sign flips and bootstrap" : "sign flips and bootstrap"
                        : "");
    end_line(s);
    if (marked) {
        fm_buf_printf(s->out, UP " better, " DOWN " worse: at 5 %%, after Holm over %zu tests",
                      fm_compare_tests(comparisons, n));
        end_line(s);
    }
    if (comparisons[0].options->anytime) {
        fm_buf_puts(s->out, "the gate holds however often it is looked at; intervals and p do not");
        end_line(s);
    }
    style(s, "0");
}

static fm_status put_suite(screen *s, const fm_comparison *c, size_t listed, fm_err *err)
{
    fm_report_model names = {0};
    fm_status st = fm_compare_names(c, &names, err);

    if (st == FM_OK)
        put_title(s, c, &names);
    for (size_t i = 0; st == FM_OK && i < c->n; i++) {
        const fm_compared_run *run = &c->runs[i];

        if (i)
            end_line(s);
        put_run(s, "base", &names.runs[0]);
        put_run(s, "candidate", &names.runs[i + 1]);
        put_pairs(s, c, run);
        put_metrics(s, c, run);
        put_changes(s, c, run, listed);
        put_failed(s, c, run);
        put_detectable(s, c, run);
        for (size_t m = 0; m < c->n_metrics; m++)
            if (run->metrics[m].gated)
                put_gate(s, c, run, &run->metrics[m]);
    }
    fm_report_model_release(&names);
    return st;
}

fm_status fm_compare_table(fm_buf *out, const fm_comparison *comparisons, size_t n,
                           const fm_compare_style *how, fm_err *err)
{
    screen s = {.out = out, .width = how->width ? max(how->width, 60) : 100, .colour = how->colour};
    fm_status st = FM_OK;

    for (size_t i = 0; st == FM_OK && i < n; i++) {
        if (i)
            end_line(&s);
        st = put_suite(&s, &comparisons[i], how->listed, err);
    }
    if (st == FM_OK) {
        put_suites(&s, comparisons, n);
        put_legend(&s, comparisons, n);
    }
    return st == FM_OK ? fm_buf_check(out, "the comparison", err) : st;
}
