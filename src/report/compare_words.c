/* Owns how a comparison is said, wherever it is said. */
#include "report/compare_words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "report/load.h"

/* An absent number reads as a dash, never as a zero. */
#define DASH "\xE2\x80\x93"

fm_status fm_compare_names(const fm_comparison *comparison, fm_report_model *model, fm_err *err)
{
    return fm_report_load(model, comparison->views, comparison->n + 1, false, err);
}

/* ---- numbers ---- */

static bool is_rate(const fm_metric *metric)
{
    return metric->role == FM_METRIC_RATE;
}

void fm_put_value(fm_buf *out, const fm_metric *metric, double value)
{
    if (!isfinite(value))
        fm_buf_puts(out, DASH);
    else if (is_rate(metric))
        fm_buf_printf(out, "%.1f %%", 100 * value);
    else
        fm_buf_printf(out, "%.4g%s%s", value, metric->unit[0] ? " " : "", metric->unit);
}

/* A difference with its sign; one that rounds to nothing has none. */
static void put_signed(fm_buf *out, const fm_metric *metric, double value)
{
    char text[40];

    snprintf(text, sizeof(text), is_rate(metric) ? "%+.1f" : "%+.3g",
             is_rate(metric) ? 100 * value : value);
    bool nothing = strspn(text, "+-0.") == strlen(text);
    fm_buf_puts(out, !isfinite(value) ? DASH : nothing ? text + 1 : text);
}

void fm_put_difference(fm_buf *out, const fm_metric *metric, double value)
{
    put_signed(out, metric, value);
    if (isfinite(value) && is_rate(metric))
        fm_buf_puts(out, " pp");
    else if (isfinite(value) && metric->unit[0])
        fm_buf_printf(out, " %s", metric->unit);
}

void fm_put_interval(fm_buf *out, const fm_metric *metric, const fm_interval *interval)
{
    if (!isfinite(interval->low) || !isfinite(interval->high)) {
        fm_buf_puts(out, DASH);
        return;
    }
    fm_buf_putc(out, '[');
    put_signed(out, metric, interval->low);
    fm_buf_puts(out, ", ");
    put_signed(out, metric, interval->high);
    fm_buf_putc(out, ']');
}

void fm_put_p(fm_buf *out, double p)
{
    if (isnan(p))
        fm_buf_puts(out, DASH);
    else if (p < 0.001)
        fm_buf_puts(out, "<0.001");
    else
        fm_buf_printf(out, p < 0.1 ? "%.3f" : "%.2f", p);
}

void fm_put_margin(fm_buf *out, const fm_metric *metric, double margin)
{
    if (is_rate(metric))
        fm_buf_printf(out, "%.3g pp", 100 * margin);
    else
        fm_buf_printf(out, "%.4g%s%s", margin, metric->unit[0] ? " " : "", metric->unit);
}

void fm_put_whole(fm_buf *out, double count)
{
    char digits[40];
    int n = snprintf(digits, sizeof(digits), "%.0f", count);

    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            fm_buf_putc(out, ',');
        fm_buf_putc(out, digits[i]);
    }
}

/* ---- the gate ---- */

void fm_put_gate_name(fm_buf *out, const fm_comparison *comparison,
                      const fm_compared_metric *metric)
{
    bool superior = comparison->options->gate == FM_GATE_SUPERIOR;

    fm_buf_printf(out, "%s of %s", superior ? "superiority" : "non-inferiority",
                  metric->metric->name);
    if (superior && comparison->options->margin == 0)
        return;
    fm_buf_puts(out, superior ? " by more than " : " within ");
    fm_put_margin(out, metric->metric, comparison->options->margin);
}

static void put_few(fm_buf *out, bool anytime, const fm_compared_metric *metric)
{
    fm_put_whole(out, (double)metric->n);
    fm_buf_puts(out, anytime ? " pairs cannot tell yet" : " pairs cannot tell");
    if (anytime)
        return;
    if (isnan(metric->gate.items)) {
        fm_buf_puts(out, ", nor would more of the same kind");
    } else {
        fm_buf_puts(out, "; about ");
        fm_put_whole(out, fmax(metric->gate.items, (double)metric->n + 1));
        fm_buf_puts(out, " would, were the difference what it seems");
    }
}

static void put_failed(fm_buf *out, const fm_compared_run *run, const fm_compared_metric *metric)
{
    fm_put_whole(out, (double)run->failed);
    fm_buf_puts(out, run->failed == 1 ? " pair with a failed reply decides it: "
                                      : " pairs with a failed reply decide it: ");
    fm_put_difference(out, metric->metric, metric->wrong.difference);
    fm_buf_puts(out, " with them wrong, ");
    fm_put_difference(out, metric->metric, metric->dropped.difference);
    fm_buf_puts(out, " with their pairs dropped");
}

static void put_decided(fm_buf *out, const fm_comparison *comparison,
                        const fm_compared_metric *metric)
{
    static const char *const words[2][2] = {{"worse", "not worse"}, {"not better", "better"}};
    bool superior = comparison->options->gate == FM_GATE_SUPERIOR;
    bool pass = metric->gate.verdict == FM_GATE_PASS;

    fm_buf_puts(out, words[superior][pass]);
    if (comparison->options->margin > 0) {
        fm_buf_puts(out, superior == pass ? " by more than " : " by ");
        fm_put_margin(out, metric->metric, comparison->options->margin);
    }
    fm_buf_puts(out, ": ");
    fm_put_difference(out, metric->metric, metric->difference);
    fm_buf_puts(out, ", p ");
    fm_put_p(out, pass ? metric->gate.p_pass : metric->gate.p_fail);
}

void fm_put_gate_reason(fm_buf *out, const fm_comparison *comparison, const fm_compared_run *run,
                        const fm_compared_metric *metric)
{
    switch (metric->gate.why) {
    case FM_WHY_DECIDED:
        put_decided(out, comparison, metric);
        break;
    case FM_WHY_FEW:
        put_few(out, comparison->options->anytime, metric);
        break;
    case FM_WHY_FAILURES:
        put_failed(out, run, metric);
        break;
    case FM_WHY_BOOTSTRAP:
        fm_buf_puts(out, "Student's t would decide it, the bootstrap does not agree: the "
                         "differences are too skewed for this few");
        break;
    case FM_WHY_NOTHING:
        fm_buf_puts(out, "no pair has a value on both sides");
        break;
    case FM_WHY_GROUP:
        fm_buf_puts(out, "a group that the headline weighs has no pair");
        break;
    }
}

/* The gates of one suite that came out so. */
static void put_verdicts(fm_buf *out, const fm_comparison *comparison, fm_gate_verdict verdict,
                         bool several, bool *first)
{
    for (size_t i = 0; i < comparison->n * comparison->n_metrics; i++) {
        const fm_compared_run *run = &comparison->runs[i / comparison->n_metrics];
        const fm_compared_metric *m = &run->metrics[i % comparison->n_metrics];

        if (!m->gated || m->gate.verdict != verdict)
            continue;
        fm_buf_puts(out, *first ? ": " : "; ");
        if (several) {
            fm_put_suite(out, comparison);
            fm_buf_puts(out, ": ");
        }
        if (comparison->n > 1)
            fm_buf_printf(out,
                          "%s: ", fm_view_dir(comparison->views[1 + i / comparison->n_metrics]));
        fm_put_gate_name(out, comparison, m);
        fm_buf_puts(out, ": ");
        fm_put_gate_reason(out, comparison, run, m);
        *first = false;
    }
}

void fm_put_suite(fm_buf *out, const fm_comparison *comparison)
{
    const cJSON *results = fm_view_results(comparison->views[0]);
    const char *task = fm_json_string(results, "task");
    const char *protocol = fm_json_string(results, "protocol");

    fm_buf_printf(out, "%s@%s", task ? task : "", protocol ? protocol : "");
}

void fm_compare_verdict(fm_buf *out, const fm_comparison *comparisons, size_t n)
{
    fm_gate_verdict verdict = fm_compare_worst(comparisons, n);
    bool first = true;

    fm_buf_printf(out, "the gate %s",
                  verdict == FM_GATE_PASS   ? "passed"
                  : verdict == FM_GATE_FAIL ? "failed"
                                            : "is inconclusive");
    for (size_t i = 0; i < n; i++)
        put_verdicts(out, &comparisons[i], verdict, n > 1, &first);
}

/* ---- the rest ---- */

void fm_put_failures(fm_buf *out, const size_t by_status[FM_SAMPLE_STATUS_COUNT])
{
    bool any = false;

    for (size_t i = 0; i < FM_SAMPLE_STATUS_COUNT; i++) {
        if (i == FM_SAMPLE_OK || by_status[i] == 0)
            continue;
        fm_buf_printf(out, "%s%zu %s", any ? ", " : "", by_status[i],
                      fm_sample_status_name((fm_sample_status)i));
        any = true;
    }
    if (!any)
        fm_buf_puts(out, "none");
}

int fm_compare_direction(const fm_compared_metric *metric)
{
    if (!(metric->p_holm < 1 - FM_COMPARE_CONFIDENCE) || metric->metric->better == 0)
        return 0;
    return (metric->difference > 0) == (metric->metric->better > 0) ? 1 : -1;
}

size_t fm_compare_changed(const fm_compared_run *run, bool gained)
{
    size_t n = 0;

    for (size_t i = 0; i < run->n_flips; i++)
        n += run->flips[i].gained == gained;
    return n;
}
