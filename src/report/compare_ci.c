/* A comparison for CI servers: JUnit XML and GitHub's workflow commands. A gate that failed and one
 * that could not be decided are different things in both. */
#include <string.h>

#include "base/text.h"
#include "report/compare_words.h"

/* ---- JUnit ---- */

/* Text and attributes. What XML 1.0 has no character for becomes U+FFFD: controls by
 * fm_text_for_html(), U+FFFE and U+FFFF here. */
static void put_xml(fm_buf *out, const char *text)
{
    size_t from = out->size;

    fm_text_for_html(out, text, strlen(text));
    for (size_t i = from; i + 2 < out->size; i++)
        if (memcmp(out->data + i, "\xEF\xBF", 2) == 0 && (unsigned char)out->data[i + 2] >= 0xBE)
            out->data[i + 2] = (char)0xBD;
}

static const char *outcome_of(const fm_compared_metric *m)
{
    static const char *const elements[] = {NULL, "failure", "error"};

    return m->gated ? elements[m->gate.verdict] : NULL;
}

static void put_case(fm_buf *out, const fm_comparison *c, const fm_report_model *names, size_t run,
                     const fm_compared_metric *m)
{
    const char *outcome = outcome_of(m);
    fm_buf text = {0};

    fm_buf_puts(out, "    <testcase classname=\"");
    put_xml(out, names->runs[run + 1].name);
    fm_buf_puts(out, "\" name=\"");
    if (m->gated)
        fm_put_gate_name(&text, c, m);
    else
        fm_buf_puts(&text, m->metric->name);
    put_xml(out, fm_buf_text(&text));
    fm_buf_puts(out, "\">\n");
    fm_buf_clear(&text);
    if (m->gated)
        fm_put_gate_reason(&text, c, &c->runs[run], m);
    if (outcome) {
        fm_buf_printf(out, "      <%s type=\"%s\" message=\"", outcome,
                      fm_gate_verdict_name(m->gate.verdict));
        put_xml(out, fm_buf_text(&text));
        fm_buf_puts(out, "\"/>\n");
        fm_buf_clear(&text);
    }
    fm_buf_puts(&text, text.size ? "\n" : "");
    fm_put_value(&text, m->metric, m->base);
    fm_buf_puts(&text, " to ");
    fm_put_value(&text, m->metric, m->candidate);
    fm_buf_puts(&text, ", ");
    fm_put_difference(&text, m->metric, m->difference);
    fm_buf_puts(&text, " ");
    fm_put_interval(&text, m->metric, &m->interval);
    fm_buf_printf(&text, ", %zu pairs", m->n);
    fm_buf_puts(out, "      <system-out>");
    put_xml(out, fm_buf_text(&text));
    fm_buf_puts(out, "</system-out>\n    </testcase>\n");
    fm_buf_release(&text);
}

/* Gated metrics, or all of them without a gate. */
static bool is_case(const fm_comparison *c, const fm_compared_metric *m)
{
    return m->gated || c->options->gate == FM_GATE_NONE;
}

static void put_counts(fm_buf *out, const fm_comparison *comparisons, size_t n)
{
    size_t tests = 0, failures = 0, errors = 0;

    for (const fm_comparison *c = comparisons; c < comparisons + n; c++) {
        for (size_t i = 0; i < c->n * c->n_metrics; i++) {
            const fm_compared_metric *m = &c->runs[i / c->n_metrics].metrics[i % c->n_metrics];

            tests += is_case(c, m);
            failures += m->gated && m->gate.verdict == FM_GATE_FAIL;
            errors += m->gated && m->gate.verdict == FM_GATE_INCONCLUSIVE;
        }
    }
    fm_buf_printf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"0\"", tests,
                  failures, errors);
}

static fm_status put_suite(fm_buf *out, const fm_comparison *c, fm_err *err)
{
    fm_report_model names = {0};
    fm_buf suite = {0};
    fm_status st = fm_compare_names(c, &names, err);

    fm_put_suite(&suite, c);
    fm_buf_puts(out, "  <testsuite name=\"");
    put_xml(out, fm_buf_text(&suite));
    fm_buf_putc(out, '"');
    put_counts(out, c, 1);
    fm_buf_puts(out, ">\n");
    for (size_t i = 0; st == FM_OK && i < c->n * c->n_metrics; i++) {
        size_t run = i / c->n_metrics;
        const fm_compared_metric *m = &c->runs[run].metrics[i % c->n_metrics];

        if (is_case(c, m))
            put_case(out, c, &names, run, m);
    }
    fm_buf_puts(out, "  </testsuite>\n");
    fm_buf_release(&suite);
    fm_report_model_release(&names);
    return st;
}

fm_status fm_compare_junit(fm_buf *out, const fm_comparison *comparisons, size_t n, fm_err *err)
{
    fm_status st = FM_OK;

    fm_buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
    put_counts(out, comparisons, n);
    fm_buf_puts(out, ">\n");
    for (size_t i = 0; st == FM_OK && i < n; i++)
        st = put_suite(out, &comparisons[i], err);
    fm_buf_puts(out, "</testsuites>\n");
    return st == FM_OK ? fm_buf_check(out, "the comparison", err) : st;
}

/* ---- GitHub ---- */

/* A line end would begin another command, and in a property so would a comma or a colon; the server
 * turns %XX back. */
static void put_command_text(fm_buf *out, const char *text, bool property)
{
    fm_buf safe = {0};

    fm_text_for_terminal(&safe, text, strlen(text));
    for (const char *p = fm_buf_text(&safe); *p; p++) {
        if (*p == '%' || (property && (*p == ':' || *p == ',')))
            fm_buf_printf(out, "%%%02X", (unsigned)(unsigned char)*p);
        else
            fm_buf_putc(out, *p);
    }
    if (safe.failed)
        out->failed = true;
    fm_buf_release(&safe);
}

static void put_command(fm_buf *out, const char *command, const char *title, const char *text)
{
    fm_buf_printf(out, "::%s title=", command);
    put_command_text(out, title, true);
    fm_buf_puts(out, "::");
    put_command_text(out, text, false);
    fm_buf_putc(out, '\n');
}

static void put_gate(fm_buf *out, const fm_comparison *c, const fm_report_model *names, size_t run,
                     const fm_compared_metric *m, bool several)
{
    static const char *const commands[] = {"notice", "error", "warning"};
    fm_buf title = {0}, text = {0};

    if (several) {
        fm_put_suite(&title, c);
        fm_buf_putc(&title, ' ');
    }
    fm_put_gate_name(&title, c, m);
    fm_buf_printf(&title, ": %s", fm_gate_verdict_name(m->gate.verdict));
    fm_buf_printf(&text, "%s: ", names->runs[run + 1].name);
    fm_put_gate_reason(&text, c, &c->runs[run], m);
    put_command(out, commands[m->gate.verdict], fm_buf_text(&title), fm_buf_text(&text));
    fm_buf_release(&title);
    fm_buf_release(&text);
}

static void put_failed(fm_buf *out, const fm_report_model *names, size_t index,
                       const fm_compared_run *run)
{
    fm_buf text = {0};

    if (run->failed == 0)
        return;
    fm_buf_printf(&text, "%s: %zu of %zu pairs: base ", names->runs[index + 1].name, run->failed,
                  run->pairs);
    fm_put_failures(&text, run->by_status[0]);
    fm_buf_puts(&text, "; candidate ");
    fm_put_failures(&text, run->by_status[1]);
    put_command(out, "warning", "failed replies", fm_buf_text(&text));
    fm_buf_release(&text);
}

static fm_status tell_suite(fm_buf *out, const fm_comparison *c, bool several, fm_err *err)
{
    fm_report_model names = {0};
    fm_status st = fm_compare_names(c, &names, err);

    for (size_t i = 0; st == FM_OK && i < c->n; i++) {
        const fm_compared_run *run = &c->runs[i];

        for (size_t m = 0; m < c->n_metrics; m++)
            if (run->metrics[m].gated)
                put_gate(out, c, &names, i, &run->metrics[m], several);
        put_failed(out, &names, i, run);
    }
    fm_report_model_release(&names);
    return st;
}

fm_status fm_compare_github(fm_buf *out, const fm_comparison *comparisons, size_t n, fm_err *err)
{
    fm_status st = FM_OK;

    for (size_t i = 0; st == FM_OK && i < n; i++)
        st = tell_suite(out, &comparisons[i], n > 1, err);
    return st == FM_OK ? fm_buf_check(out, "the comparison", err) : st;
}
