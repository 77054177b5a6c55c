/* The summary as a LaTeX table (package booktabs), a column a run: for papers. Texts from files become words,
 * none of them a command. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "report/writers.h"

static void put_data(fm_buf *out, const char *text)
{
    fm_text_for_latex(out, text, strlen(text));
}

/* One line of a comment; nothing in it ends the line. */
static void put_origin(fm_buf *out, const fm_report_run *run)
{
    fm_buf_puts(out, "% ");
    put_data(out, run->name);
    fm_buf_puts(out, ": ");
    put_data(out, run->task);
    fm_buf_puts(out, "@");
    put_data(out, run->protocol);
    fm_buf_printf(out, ", protocol version %.0f, ",
                  fm_json_number(run->results, "protocol_version", 0));
    fm_report_put_size(out, run);
    if (run->sees_truth)
        fm_buf_puts(out, ", sees the truth: no result");
    fm_buf_putc(out, '\n');
}

static void put_head(fm_buf *out, const fm_report_model *model)
{
    for (size_t r = 0; r < model->n; r++)
        put_origin(out, &model->runs[r]);
    fm_buf_puts(out, "\\begin{tabular}{l");
    for (size_t r = 0; r < model->n; r++)
        fm_buf_putc(out, 'l');
    fm_buf_puts(out, "}\n\\toprule\nmetric");
    for (size_t r = 0; r < model->n; r++) {
        fm_buf_puts(out, " & ");
        if (!fm_report_same_name(model)) {
            put_data(out, model->runs[r].name);
            fm_buf_putc(out, ' ');
        }
        put_data(out, fm_report_same_task(model) ? model->runs[r].protocol : model->runs[r].rules);
    }
    fm_buf_puts(out, " \\\\\n\\midrule\n");
}

static void put_cell(fm_buf *out, const fm_report_cell *cell)
{
    fm_buf_puts(out, " & ");
    if (!cell->present)
        return;
    fm_buf_puts(out, cell->primary ? "\\textbf{" : "");
    put_data(out, cell->value);
    fm_buf_puts(out, cell->primary ? "}" : "");
    if (cell->interval[0]) {
        fm_buf_puts(out, " {\\small ");
        put_data(out, cell->interval);
        fm_buf_puts(out, "}");
    }
}

fm_status fm_report_write_latex(fm_buf *out, fm_report_model *model,
                                const fm_report_options *options, fm_err *err)
{
    fm_report_metric *metrics;
    fm_report_outcome outcomes[4];
    size_t n_metrics;
    fm_status st = fm_report_metrics(model, &metrics, &n_metrics, err);

    (void)options;
    if (st != FM_OK || model->n == 0)
        return st;
    put_head(out, model);
    for (size_t m = 0; m < n_metrics; m++) {
        /* behind the end of a row these would be its options */
        fm_buf_puts(out, strchr("[*", metrics[m].name[0]) ? "{}" : "");
        put_data(out, metrics[m].name);
        fm_buf_puts(out, metrics[m].better > 0   ? " $\\uparrow$"
                         : metrics[m].better < 0 ? " $\\downarrow$"
                                                 : "");
        for (size_t r = 0; r < model->n; r++) {
            fm_report_cell cell;

            fm_report_cell_make(&model->runs[r], metrics[m].name, &cell);
            put_cell(out, &cell);
        }
        fm_buf_puts(out, " \\\\\n");
    }
    fm_buf_puts(out, "\\midrule\n");
    for (int o = 0; o < 4; o++) {
        fm_report_outcomes(&model->runs[0], outcomes);
        fm_buf_puts(out, outcomes[o].name);
        for (size_t r = 0; r < model->n; r++) {
            fm_report_outcomes(&model->runs[r], outcomes);
            fm_buf_printf(out, " & %zu", outcomes[o].n);
        }
        fm_buf_puts(out, " \\\\\n");
    }
    fm_buf_puts(out, "\\bottomrule\n\\end{tabular}\n");
    return fm_buf_check(out, "report", err);
}
