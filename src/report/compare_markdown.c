/* A comparison as GitHub markdown: the verdict first, since a comment is read from the top. */
#include "report/compare_words.h"

#include <string.h>

#include "base/text.h"

static void put_data(fm_buf *out, const char *text)
{
    fm_text_for_markdown(out, text, strlen(text));
}

static void put_verdict(fm_buf *out, const fm_comparison *comparisons, size_t n)
{
    if (comparisons[0].options->gate == FM_GATE_NONE)
        return;
    fm_buf_printf(out, "**Gate: %s**\n\n", fm_gate_verdict_name(fm_compare_worst(comparisons, n)));
    for (size_t i = 0; n > 1 && i < n; i++) {
        fm_buf suite = {0};

        fm_put_suite(&suite, &comparisons[i]);
        fm_buf_puts(out, "- ");
        put_data(out, fm_buf_text(&suite));
        fm_buf_printf(out, ": %s\n", fm_gate_verdict_name(comparisons[i].verdict));
        fm_buf_release(&suite);
    }
    fm_buf_puts(out, n > 1 ? "\n" : "");
}

static void put_gate(fm_buf *out, const fm_comparison *c, const fm_compared_run *run,
                     const fm_compared_metric *m)
{
    fm_buf text = {0};

    fm_put_gate_name(&text, c, m);
    fm_buf_printf(&text, ": %s: ", fm_gate_verdict_name(m->gate.verdict));
    fm_put_gate_reason(&text, c, run, m);
    fm_buf_puts(out, "- ");
    put_data(out, fm_buf_text(&text));
    fm_buf_putc(out, '\n');
    fm_buf_release(&text);
}

static void put_metric(fm_buf *out, const fm_comparison *c, const fm_compared_metric *m)
{
    static const char *const marks[] = {" \xE2\x96\xBC", "", " \xE2\x96\xB2"}; /* worse, better */
    bool primary = strcmp(m->metric->name, c->primary) == 0;

    fm_buf_puts(out, primary ? "| **" : "| ");
    put_data(out, m->metric->name);
    fm_buf_puts(out, primary ? "** | " : " | ");
    fm_put_value(out, m->metric, m->base);
    fm_buf_puts(out, " | ");
    fm_put_value(out, m->metric, m->candidate);
    fm_buf_puts(out, " | ");
    fm_put_difference(out, m->metric, m->difference);
    fm_buf_printf(out, "%s | ", marks[fm_compare_direction(m) + 1]);
    fm_put_interval(out, m->metric, &m->interval);
    fm_buf_puts(out, " | ");
    fm_put_p(out, m->mid_p);
    fm_buf_puts(out, " | ");
    fm_put_p(out, m->p_holm);
    fm_buf_printf(out, " | %zu |\n", m->n);
}

static void put_ids(fm_buf *out, const fm_compared_run *run, bool gained, size_t listed)
{
    size_t shown = 0, all = fm_compare_changed(run, gained);

    if (all == 0)
        return;
    fm_buf_puts(out, gained ? "\n- gained: " : "\n- lost: ");
    for (size_t i = 0; i < run->n_flips && shown < listed; i++) {
        if (run->flips[i].gained != gained)
            continue;
        fm_buf_puts(out, shown++ ? ", " : "");
        put_data(out, run->flips[i].id);
    }
    if (shown < all)
        fm_buf_printf(out, " and %zu more", all - shown);
}

static void put_changes(fm_buf *out, const fm_comparison *c, const fm_compared_run *run,
                        size_t listed)
{
    if (!c->flip_metric || run->n_flips == 0)
        return;
    fm_buf_printf(out, "\n<details><summary>%zu of %zu samples changed (", run->n_flips,
                  run->pairs);
    put_data(out, c->flip_metric);
    fm_buf_puts(out, ")</summary>\n");
    put_ids(out, run, true, listed);
    put_ids(out, run, false, listed);
    fm_buf_puts(out, "\n\n</details>\n");
}

static void put_failed(fm_buf *out, const fm_compared_run *run)
{
    if (run->failed == 0)
        return;
    fm_buf_printf(out, "\n%zu of %zu pairs have a reply that failed: base ", run->failed,
                  run->pairs);
    fm_put_failures(out, run->by_status[0]);
    fm_buf_puts(out, "; candidate ");
    fm_put_failures(out, run->by_status[1]);
    fm_buf_puts(out, ".\n");
}

static void put_run(fm_buf *out, const fm_comparison *c, const fm_report_model *names, size_t i,
                    size_t listed)
{
    const fm_compared_run *run = &c->runs[i];

    fm_buf_puts(out, "### ");
    put_data(out, names->runs[i + 1].name);
    fm_buf_puts(out, " against ");
    put_data(out, names->runs[0].name);
    fm_buf_puts(out, "\n\n");
    put_data(out, names->runs[0].task);
    fm_buf_puts(out, "\\@");
    put_data(out, names->runs[0].protocol);
    fm_buf_printf(out, ", %zu pairs", run->pairs);
    if (run->base_only || run->candidate_only)
        fm_buf_printf(out, " (%zu in the base alone, %zu in the candidate alone)", run->base_only,
                      run->candidate_only);
    if (c->differences[0])
        fm_buf_printf(out, "; differs in %s, as allowed", c->differences);
    fm_buf_puts(out, "\n\n");
    for (size_t m = 0; m < c->n_metrics; m++)
        if (run->metrics[m].gated)
            put_gate(out, c, run, &run->metrics[m]);
    if (c->options->gate != FM_GATE_NONE)
        fm_buf_putc(out, '\n');
    fm_buf_puts(out, "| metric | base | candidate | difference | 95 % interval | p | p (Holm) | "
                     "n |\n|:--|--:|--:|--:|:--|--:|--:|--:|\n");
    for (size_t m = 0; m < c->n_metrics; m++)
        put_metric(out, c, &run->metrics[m]);
    put_failed(out, run);
    put_changes(out, c, run, listed);
}

static fm_status put_suite(fm_buf *out, const fm_comparison *comparison, size_t listed, fm_err *err)
{
    fm_report_model names = {0};
    fm_status st = fm_compare_names(comparison, &names, err);

    for (size_t i = 0; st == FM_OK && i < comparison->n; i++) {
        if (i)
            fm_buf_putc(out, '\n');
        put_run(out, comparison, &names, i, listed);
    }
    fm_report_model_release(&names);
    return st;
}

fm_status fm_compare_markdown(fm_buf *out, const fm_comparison *comparisons, size_t n,
                              const fm_compare_style *how, fm_err *err)
{
    fm_status st = FM_OK;

    put_verdict(out, comparisons, n);
    for (size_t i = 0; st == FM_OK && i < n; i++) {
        if (i)
            fm_buf_putc(out, '\n');
        st = put_suite(out, &comparisons[i], how->listed, err);
    }
    return st == FM_OK ? fm_buf_check(out, "the comparison", err) : st;
}
