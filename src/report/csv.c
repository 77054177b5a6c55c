/* The numbers as CSV, a row a number of a run: for spreadsheets and scripts. Full precision, empty where there
 * is no number; what a spreadsheet would take for a formula is made a text. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "report/writers.h"

static void put_text(fm_buf *out, const char *text)
{
    if (text)
        fm_text_for_csv(out, text, strlen(text));
    fm_buf_putc(out, ',');
}

static void put_number(fm_buf *out, double value)
{
    char text[FM_JSON_NUMBER_BYTES];

    if (isfinite(value))
        fm_buf_append(out, text, fm_json_format_number(value, text));
    fm_buf_putc(out, ',');
}

/* What all rows of a run begin with. */
static void put_run(fm_buf *out, const fm_report_run *run)
{
    put_text(out, run->name);
    put_text(out, fm_json_string(run->results, "suite"));
    put_text(out, fm_json_string(run->results, "suite_version"));
    put_text(out, run->task);
    put_text(out, run->protocol);
    put_number(out, fm_json_number(run->results, "protocol_version", NAN));
    fm_buf_puts(out, run->sees_truth ? "true," : "false,");
}

static void end_row(fm_buf *out)
{
    out->size -= out->size > 0; /* the last comma */
    fm_buf_puts(out, "\r\n");
}

static void put_aggregate(fm_buf *out, const fm_report_run *run, const cJSON *a)
{
    static const char *const numbers[] = {"value",     "ci_low",      "ci_high",
                                          "numerator", "denominator", "excluded"};
    const char *primary = fm_json_string(run->results, "primary");
    double better = fm_json_number(a, "better", 0);

    put_run(out, run);
    put_text(out, a->string);
    put_text(out, fm_json_string(a, "role"));
    put_text(out, fm_json_string(a, "unit"));
    put_text(out, better > 0 ? "higher" : better < 0 ? "lower" : "");
    fm_buf_puts(out, primary && strcmp(primary, a->string) == 0 ? "true," : "false,");
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        put_number(out, fm_json_number(a, numbers[i], NAN));
    put_text(out, fm_json_string(a, "ci_method"));
    end_row(out);
}

fm_status fm_report_write_csv(fm_buf *out, fm_report_model *model, const fm_report_options *options,
                              fm_err *err)
{
    (void)options;
    fm_buf_puts(out,
                "run,suite,suite_version,task,protocol,protocol_version,sees_truth,metric,role,"
                "unit,better,primary,value,ci_low,ci_high,numerator,denominator,excluded,"
                "ci_method\r\n");
    for (size_t r = 0; r < model->n; r++) {
        const fm_report_run *run = &model->runs[r];
        const cJSON *item;

        cJSON_ArrayForEach(item, fm_json_get(run->results, "aggregates"))
        {
            put_aggregate(out, run, item);
        }
        cJSON_ArrayForEach(item, fm_json_get(run->results, "counts"))
        {
            put_run(out, run);
            put_text(out, item->string);
            fm_buf_puts(out, "count,samples,,false,");
            put_number(out, item->valuedouble);
            fm_buf_puts(out, ",,,");
            put_number(out, (double)fm_report_run_n(run));
            fm_buf_puts(out, ",,");
            end_row(out);
        }
    }
    return fm_buf_check(out, "report", err);
}
