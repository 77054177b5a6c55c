/*
 * report.html: one file that a person opens, mails or prints. It asks for nothing from anywhere,
 * runs no script (its content security policy forbids both), and every text that came from data, a
 * model or a provider passes through fm_text_for_html.
 *
 * Pictures and plots are made first, on all threads; then the page is written from top to bottom.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/size.h"
#include "base/text.h"
#include "base/threads.h"
#include "report/html_style.h"
#include "report/overlay.h"
#include "report/picture.h"
#include "report/plots.h"
#include "report/usage.h"
#include "report/writers.h"

/* Cards are 340 to 560 points wide; twice that on good screens is more than JPEG at this quality
 * is worth to a page of many samples. */
enum { PICTURE_SIZE = 720, PICTURE_QUALITY = 78 };

/* More of a reply than this is not for reading on a page; the run directory has all of it. */
#define REPLY_BYTES ((size_t)16 << 10)

/* How many differing verdicts the page lists; the filter finds the others. */
#define DIFFERENCES 200

/* What is shown for one sample of one run directory. */
typedef struct {
    size_t run, sample; /* the first run of the group, and the index in it */
    bool scene;         /* wants a view in space */
    bool differs;       /* protocols disagree about it */
    fm_buf jpeg, svg;
    int width, height; /* of the picture, 0: none */
    char trouble[160]; /* why there is none */
} card;

typedef struct {
    fm_report_model *model;
    const fm_report_options *options;
    fm_report_metric *metrics;
    size_t n_metrics;
    fm_report_comparison *comparisons;
    size_t n_comparisons;
    card *cards;
    size_t n_cards;
    fm_plot plots[FM_REPORT_MAX_PLOTS];
    size_t n_plots;
    fm_overlay *overlays; /* one a worker */
    char plot_trouble[FM_ERR_TEXT_BYTES];
    bool no_gnuplot;
} page;

/* ---- writing ---- */

static void put(fm_buf *out, const char *html)
{
    fm_buf_puts(out, html);
}

static void data(fm_buf *out, const char *text)
{
    fm_text_for_html(out, text, strlen(text));
}

static const char *member(const cJSON *object, const char *key)
{
    const char *text = fm_json_string(object, key);

    return text ? text : "";
}

/* Reports are compared by colour: each run has one, in tiles, tables and plots. */
static void put_colour(fm_buf *out, size_t run)
{
    fm_buf_printf(out, " style=\"--run:#%06x\"", fm_plot_colour(run));
}

static void put_who(fm_buf *out, const fm_report_model *model, size_t run)
{
    const fm_report_run *r = &model->runs[run];

    if (!fm_report_same_name(model)) {
        data(out, r->name);
        put(out, " ");
    }
    put(out, "@");
    data(out, r->protocol);
}

/* ---- head ---- */

static void put_head(fm_buf *out, const fm_report_model *model)
{
    put(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
             "img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n"
             "<meta name=\"referrer\" content=\"no-referrer\">\n"
             "<link rel=\"icon\" href=\"data:,\">\n<title>");
    data(out, model->runs[0].task);
    if (fm_report_same_name(model)) {
        put(out, " \xC2\xB7 ");
        data(out, model->runs[0].name);
    }
    put(out, "</title>\n<style>\n");
    for (size_t i = 0; i < FM_COUNT_OF(html_style); i++) {
        put(out, html_style[i]);
        put(out, "\n");
    }
    put(out, "</style>\n</head>\n<body>\n");
}

static void put_tile(fm_buf *out, const fm_report_model *model, size_t run)
{
    const fm_report_run *r = &model->runs[run];
    const char *primary = member(r->results, "primary");
    const cJSON *a = fm_json_get(fm_json_get(r->results, "aggregates"), primary);
    double value = fm_json_number(a, "value", NAN), low = fm_json_number(a, "ci_low", NAN);
    double high = fm_json_number(a, "ci_high", NAN);
    fm_report_cell cell;

    fm_report_cell_make(r, primary, &cell);
    put(out, "<div class=\"tile\"");
    put_colour(out, run);
    put(out, "><div class=\"who\">");
    put_who(out, model, run);
    put(out, "</div><div class=\"dim\">");
    data(out, primary);
    if (r->sees_truth)
        put(out, " \xC2\xB7 sees the truth");
    put(out, "</div><b class=\"num\">");
    data(out, cell.value);
    put(out, "</b>");
    if (strcmp(member(a, "role"), "rate") == 0 && isfinite(value) && isfinite(low) &&
        isfinite(high))
        fm_buf_printf(out,
                      "<div class=\"range\"><i style=\"left:%.1f%%;width:%.1f%%\"></i>"
                      "<u style=\"left:%.1f%%\"></u></div>",
                      low * 100, (high - low) * 100, value * 100);
    put(out, "<div class=\"dim num\">");
    data(out, cell.interval);
    put(out, " \xC2\xB7 ");
    data(out, cell.count);
    put(out, "</div></div>\n");
}

static void put_header(fm_buf *out, const page *p)
{
    const fm_report_model *model = p->model;
    const fm_report_run *r = &model->runs[0];

    put(out, "<header>\n<h1>");
    data(out, r->task);
    put(out, "</h1>\n<p class=\"sub\">");
    data(out, member(r->results, "suite"));
    put(out, " v");
    data(out, member(r->results, "suite_version"));
    if (fm_report_same_name(model)) {
        put(out, " \xC2\xB7 ");
        data(out, r->name);
        if (r->sees_truth)
            put(out, " (sees the truth: a baseline, no result)");
    }
    put(out, " \xC2\xB7 ");
    fm_report_put_size(out, r);
    put(out, "</p>\n");
    for (size_t i = 0; i < model->n; i++) {
        /* once a run directory */
        if (!model->runs[i].notice || model->runs[i].group != i)
            continue;
        put(out, "<p class=\"alert\">");
        data(out, model->runs[i].notice);
        put(out, "</p>\n");
    }
    put(out, "<div class=\"tiles\">\n");
    for (size_t i = 0; i < model->n; i++)
        put_tile(out, model, i);
    put(out, "</div>\n</header>\n");
}

/* ---- summary ---- */

static void put_summary(fm_buf *out, const page *p)
{
    const fm_report_model *model = p->model;
    fm_report_outcome outcomes[4];

    put(out, "<section id=\"summary\">\n<h2>Summary</h2>\n<div class=\"scroll\">"
             "<table class=\"summary\">\n<thead><tr><th>metric</th>");
    for (size_t r = 0; r < model->n; r++) {
        put(out, "<th><span class=\"dot\"");
        put_colour(out, r);
        put(out, "></span>");
        put_who(out, model, r);
        put(out, "</th>");
    }
    put(out, "</tr></thead>\n<tbody>\n");
    for (size_t m = 0; m < p->n_metrics; m++) {
        fm_report_cell cells[FM_REPORT_MAX_RUNS];
        bool primary = false;

        for (size_t r = 0; r < model->n; r++) {
            fm_report_cell_make(&model->runs[r], p->metrics[m].name, &cells[r]);
            primary |= cells[r].primary;
        }
        put(out, primary ? "<tr class=\"primary\"><th>" : "<tr><th>");
        data(out, p->metrics[m].name);
        if (p->metrics[m].better)
            put(out, p->metrics[m].better > 0
                         ? " <span class=\"dim\" title=\"higher is better\">\xE2\x86\x91</span>"
                         : " <span class=\"dim\" title=\"lower is better\">\xE2\x86\x93</span>");
        put(out, "</th>");
        for (size_t r = 0; r < model->n; r++) {
            put(out, "<td><b>");
            data(out, cells[r].value);
            put(out, "</b><span class=\"ci\">");
            data(out, cells[r].interval);
            put(out, "</span><span class=\"of\">");
            data(out, cells[r].count);
            put(out, "</span></td>");
        }
        put(out, "</tr>\n");
    }
    put(out, "</tbody>\n<tbody>\n");
    for (int o = 0; o < 4; o++) {
        fm_report_outcomes(&model->runs[0], outcomes);
        fm_buf_printf(out, "<tr><th>%s</th>", outcomes[o].name);
        for (size_t r = 0; r < model->n; r++) {
            fm_report_outcomes(&model->runs[r], outcomes);
            fm_buf_printf(out, "<td>%zu <span class=\"of\">", outcomes[o].n);
            data(out, outcomes[o].detail);
            put(out, "</span></td>");
        }
        put(out, "</tr>\n");
    }
    put(out, "</tbody>\n</table></div>\n<p class=\"note\">Shaded: the metric that ranks the "
             "protocol. Intervals hold 95&nbsp;%: Wilson for rates, bootstrap for means.</p>\n"
             "</section>\n");
}

/* ---- differing verdicts ---- */

static size_t card_of(const page *p, size_t group, size_t sample)
{
    for (size_t i = 0; i < p->n_cards; i++)
        if (p->cards[i].run == group)
            return i + sample; /* a group's cards are in the order of its samples */
    return 0;
}

static const char *verdict_class(fm_report_verdict verdict, int better)
{
    if (verdict == FM_REPORT_ABSENT || better == 0)
        return "";
    if (verdict == FM_REPORT_UNKNOWN)
        return " warn";
    return (verdict == FM_REPORT_YES) == (better > 0) ? " good" : " bad";
}

static void put_comparison(fm_buf *out, const page *p, const fm_report_comparison *c)
{
    const fm_report_run *base = &p->model->runs[c->group];
    size_t shown = c->n_items < DIFFERENCES ? c->n_items : DIFFERENCES;

    put(out, "<section>\n<h2>Verdicts that differ");
    if (!fm_report_same_name(p->model)) {
        put(out, " in ");
        data(out, base->name);
    }
    fm_buf_printf(out, "</h2>\n<p class=\"sub\">%zu of %zu samples", c->n_samples, base->n_samples);
    if (shown < c->n_items)
        fm_buf_printf(out, "; the first %zu of %zu verdicts", shown, c->n_items);
    put(out, "</p>\n");
    if (shown > 0) {
        put(out, "<div class=\"scroll tall\"><table><thead><tr><th>sample</th><th>metric</th>");
        for (size_t k = 0; k < c->n_runs; k++) {
            put(out, "<th>@");
            data(out, p->model->runs[c->runs[k]].protocol);
            put(out, "</th>");
        }
        put(out, "<th>reason</th></tr></thead>\n<tbody>\n");
        for (size_t i = 0; i < shown; i++) {
            const fm_report_difference *d = &c->items[i];
            const fm_report_metric *metric = &p->metrics[d->metric];

            /* what a sample's rows share is said once */
            bool again = i > 0 && c->items[i - 1].sample == d->sample;

            put(out, "<tr><th>");
            if (!again) {
                fm_buf_printf(out, "<a href=\"#s%zu\">", card_of(p, c->group, d->sample));
                data(out, base->samples[d->sample].id);
                put(out, "</a>");
            }
            put(out, "</th><td>");
            data(out, metric->name);
            put(out, "</td>");
            for (size_t k = 0; k < c->n_runs; k++)
                fm_buf_printf(out, "<td><span class=\"chip%s\">%s</span></td>",
                              verdict_class(d->verdicts[k], metric->better),
                              fm_report_verdict_name(d->verdicts[k]));
            put(out, "<td class=\"dim why\">");
            if (d->reason && !again)
                data(out, d->reason);
            put(out, "</td></tr>\n");
        }
        put(out, "</tbody></table></div>\n");
        if (c->absent)
            put(out, "<p class=\"note\">\xE2\x80\x93 the protocol leaves that sample out.</p>\n");
    }
    put(out, "</section>\n");
}

/* ---- plots ---- */

static void put_plots(fm_buf *out, const page *p)
{
    bool grid = false;

    if (p->options && p->options->no_plots)
        return;
    put(out, "<section id=\"plots\">\n<h2>Plots</h2>\n");
    if (p->no_gnuplot || p->plot_trouble[0]) {
        put(out, "<p class=\"alert\">");
        data(out, p->no_gnuplot ? FM_REPORT_NO_GNUPLOT : p->plot_trouble);
        put(out, "</p>\n");
    }
    for (size_t i = 0; i < p->n_plots; i++) {
        bool rates = strcmp(p->plots[i].name, "rates") == 0 && i == 0;

        if (!rates && !grid) {
            put(out, "<p class=\"sub\">Share of the samples with at most this value. Dashed: the "
                     "mean, shaded: its interval.</p>\n<div class=\"plots\">\n");
            grid = true;
        }
        put(out, rates ? "<figure class=\"wide\" role=\"img\" aria-label=\"Rates with their 95 % "
                         "intervals\">"
                       : "<figure role=\"img\" aria-label=\"Distribution of ");
        if (!rates) {
            data(out, p->plots[i].name);
            put(out, "\">");
        }
        fm_buf_append(out, p->plots[i].svg.data, p->plots[i].svg.size);
        put(out, "</figure>\n");
    }
    put(out, grid ? "</div>\n</section>\n" : "</section>\n");
}

/* ---- samples ---- */

static fm_report_verdict card_verdict(const page *p, const card *c)
{
    const fm_report_run *run = &p->model->runs[c->run];

    return fm_report_verdict_of(&run->samples[c->sample], member(run->results, "primary"));
}

static const char *card_class(const page *p, const card *c)
{
    fm_report_verdict verdict = card_verdict(p, c);

    return verdict == FM_REPORT_YES ? "pass" : verdict == FM_REPORT_NO ? "fail" : "none";
}

static void put_status(fm_buf *out, const char *status)
{
    fm_outcome outcome;
    bool known = fm_report_status_outcome(status, &outcome);

    put(out, !known                          ? "<span class=\"chip warn\">"
             : outcome == FM_OUTCOME_SCORED  ? "<span class=\"chip\">"
             : outcome == FM_OUTCOME_SKIPPED ? "<span class=\"chip\">"
             : outcome == FM_OUTCOME_ERRORED ? "<span class=\"chip bad\">"
                                             : "<span class=\"chip warn\">");
    data(out, status);
    put(out, "</span>");
}

/* The chips of one protocol; those about which the protocols disagree are framed. */
static void put_verdicts(fm_buf *out, const page *p, const card *c, size_t run, bool several)
{
    const fm_report_run *r = &p->model->runs[run], *base = &p->model->runs[c->run];
    const char *id = base->samples[c->sample].id, *primary = member(r->results, "primary");
    const fm_report_sample *sample = fm_report_find(r, id);
    bool any = false;

    for (size_t m = 0; m < p->n_metrics; m++) {
        const char *name = p->metrics[m].name;
        fm_report_verdict verdict = fm_report_verdict_of(sample, name);
        bool differs = false;

        if (!p->metrics[m].rate || verdict == FM_REPORT_ABSENT)
            continue;
        for (size_t k = 0; several && k < p->model->n; k++)
            if (p->model->runs[k].group == c->run)
                differs |=
                    verdict != fm_report_verdict_of(fm_report_find(&p->model->runs[k], id), name);
        if (!any) {
            put(out, "<div class=\"verdicts\">");
            if (several) {
                put(out, "<span class=\"who\">@");
                data(out, r->protocol);
                put(out, "</span>");
            }
            any = true;
        }
        const char *tone = verdict_class(verdict, p->metrics[m].better);

        fm_buf_printf(out, "<span class=\"chip%s%s%s\">", tone, differs ? " differs" : "",
                      strcmp(name, primary) == 0 ? " main" : "");
        /* The mark says whether it is good; so what did not happen, and should not, is a "no". */
        put(out, strcmp(tone, " good") == 0     ? "\xE2\x9C\x93 "
                 : strcmp(tone, " bad") == 0    ? "\xE2\x9C\x97 "
                 : verdict == FM_REPORT_UNKNOWN ? "? "
                                                : "");
        put(out, verdict == FM_REPORT_NO && p->metrics[m].better <= 0 ? "no " : "");
        data(out, name);
        put(out, "</span>");
    }
    if (any)
        put(out, "</div>\n");
}

static void put_value(fm_buf *out, const cJSON *value)
{
    if (cJSON_IsNumber(value)) {
        fm_buf_printf(out, "%.5g", value->valuedouble);
    } else if (cJSON_IsBool(value)) {
        put(out, cJSON_IsTrue(value) ? "yes" : "no");
    } else if (cJSON_IsArray(value)) {
        size_t i = 0;

        for (const cJSON *item = value->child; item && i < 24; item = item->next, i++) {
            put(out, i ? ", " : "");
            put_value(out, item);
        }
        if (i == 24)
            put(out, ", \xE2\x80\xA6");
    } else if (cJSON_IsString(value)) {
        data(out, value->valuestring);
    } else {
        put(out, "<span class=\"dim\">unknown</span>");
    }
}

/* Every number of the sample, protocols side by side; verdicts stand in the chips already. */
static void put_numbers(fm_buf *out, const page *p, const card *c)
{
    const fm_report_run *base = &p->model->runs[c->run];
    const fm_report_sample *samples[FM_REPORT_MAX_RUNS];
    size_t n = 0, runs[FM_REPORT_MAX_RUNS];
    bool any = false;

    for (size_t k = 0; k < p->model->n; k++) {
        if (p->model->runs[k].group != c->run)
            continue;
        runs[n] = k;
        samples[n++] = fm_report_find(&p->model->runs[k], base->samples[c->sample].id);
    }
    for (size_t from = 0; from < n; from++) {
        const cJSON *metrics = samples[from] ? fm_json_get(samples[from]->line, "metrics") : NULL;

        for (const cJSON *item = metrics ? metrics->child : NULL; item; item = item->next) {
            bool seen = cJSON_IsBool(item);

            /* a metric of an earlier protocol has its row already */
            for (size_t k = 0; k < from && !seen; k++)
                seen = samples[k] &&
                       fm_json_get(fm_json_get(samples[k]->line, "metrics"), item->string);
            if (seen)
                continue;
            if (!any) {
                put(out, "<details><summary>numbers</summary><table>");
                if (n > 1) {
                    put(out, "<thead><tr><th></th>");
                    for (size_t k = 0; k < n; k++) {
                        put(out, "<th>@");
                        data(out, p->model->runs[runs[k]].protocol);
                        put(out, "</th>");
                    }
                    put(out, "</tr></thead>");
                }
                put(out, "<tbody>\n");
                any = true;
            }
            put(out, "<tr><th>");
            data(out, item->string);
            put(out, "</th>");
            for (size_t k = 0; k < n; k++) {
                const cJSON *value =
                    samples[k] ? fm_json_get(fm_json_get(samples[k]->line, "metrics"), item->string)
                               : NULL;

                put(out, "<td>");
                if (value)
                    put_value(out, value);
                else
                    put(out, "<span class=\"dim\">\xE2\x80\x93</span>");
                put(out, "</td>");
            }
            put(out, "</tr>\n");
        }
    }
    if (any)
        put(out, "</tbody></table></details>\n");
}

static void put_reply(fm_buf *out, const fm_report_sample *sample)
{
    const cJSON *reply = fm_json_get(sample->line, "reply");
    const char *status = fm_json_string(reply, "status");
    const char *detail = fm_json_string(reply, "detail");
    fm_arena arena = {0};
    size_t size = 0, shown;
    char *text = NULL;

    if (detail) {
        put(out, "<p class=\"reason\">");
        if (status) {
            data(out, status);
            put(out, ": ");
        }
        data(out, detail);
        put(out, "</p>\n");
    }
    if (fm_json_get_reply(reply, "text", &arena, &text, &size, NULL) != FM_OK)
        out->failed = true; /* out of memory: a page without the reply would hide it */
    if (!text) {
        fm_arena_release(&arena);
        return;
    }
    for (shown = size < REPLY_BYTES ? size : REPLY_BYTES;
         shown < size && shown > REPLY_BYTES - 4 && ((unsigned char)text[shown] & 0xC0) == 0x80;)
        shown--;
    fm_buf_printf(out, "<details><summary>reply, %zu bytes</summary><pre>", size);
    fm_text_for_html(out, text, shown);
    put(out, "</pre>");
    if (shown < size)
        fm_buf_printf(out, "<p class=\"note\">Cut here: the first %zu of %zu bytes.</p>", shown,
                      size);
    put(out, "</details>\n");
    fm_arena_release(&arena);
}

static void put_picture(fm_buf *out, const card *c, const fm_report_sample *sample)
{
    if (c->width == 0) {
        put(out, "<div class=\"nopic\">");
        data(out, c->trouble);
        put(out, "</div>\n");
    } else {
        fm_buf_printf(out, "<img width=\"%d\" height=\"%d\" loading=\"lazy\" alt=\"", c->width,
                      c->height);
        put(out, "Traces on the picture of sample ");
        data(out, sample->id);
        put(out, "\" src=\"data:image/jpeg;base64,");
        fm_base64_encode(out, c->jpeg.data, c->jpeg.size);
        put(out, "\">\n");
    }
    if (c->svg.size > 0) {
        put(out, "<div class=\"scene\" role=\"img\" aria-label=\"The scene in space\">");
        fm_buf_append(out, c->svg.data, c->svg.size);
        put(out, "</div>\n");
    }
}

static void put_card(fm_buf *out, const page *p, size_t index)
{
    const card *c = &p->cards[index];
    const fm_report_run *run = &p->model->runs[c->run];
    const fm_report_sample *sample = &run->samples[c->sample];
    const char *shown = NULL;
    bool several = false;

    for (size_t k = 0; k < p->model->n; k++)
        several |= k != c->run && p->model->runs[k].group == c->run;
    fm_buf_printf(out, "<article class=\"card %s%s\" id=\"s%zu\">\n", card_class(p, c),
                  c->differs ? " diff" : "", index);
    put_picture(out, c, sample);
    fm_buf_printf(out, "<div class=\"body\">\n<h3><a href=\"#s%zu\">", index);
    data(out, sample->id);
    put(out, "</a>");
    put_status(out, member(sample->line, "status"));
    put(out, "</h3>\n");
    if (sample->has_sample && sample->sample.instruction) {
        put(out, "<p>");
        data(out, sample->sample.instruction);
        put(out, "</p>\n");
    }
    for (size_t k = 0; k < p->model->n; k++)
        if (p->model->runs[k].group == c->run)
            put_verdicts(out, p, c, k, several);
    for (size_t k = 0; k < p->model->n; k++) {
        const fm_report_sample *other = p->model->runs[k].group == c->run
                                            ? fm_report_find(&p->model->runs[k], sample->id)
                                            : NULL;
        const char *reason = other ? fm_json_string(other->line, "reason") : NULL;

        if (!reason || (shown && strcmp(shown, reason) == 0))
            continue;
        put(out, "<p class=\"reason\">");
        if (several) {
            put(out, "@");
            data(out, p->model->runs[k].protocol);
            put(out, ": ");
        }
        data(out, reason);
        put(out, "</p>\n");
        shown = reason;
    }
    put_numbers(out, p, c);
    put_reply(out, sample);
    put(out, "</div>\n</article>\n");
}

static void put_filter(fm_buf *out, const char *id, const char *text, size_t n, bool checked)
{
    fm_buf_printf(out,
                  "<input class=\"filter\" type=\"radio\" name=\"filter\" id=\"f-%s\"%s>"
                  "<label for=\"f-%s\">%s %zu</label>\n",
                  id, checked ? " checked" : "", id, text, n);
}

static void put_samples(fm_buf *out, const page *p)
{
    size_t pass = 0, fail = 0, differs = 0;

    for (size_t i = 0; i < p->n_cards; i++) {
        fm_report_verdict verdict = card_verdict(p, &p->cards[i]);

        pass += verdict == FM_REPORT_YES;
        fail += verdict == FM_REPORT_NO;
        differs += p->cards[i].differs;
    }
    put(out, "<section id=\"samples\">\n<h2>Samples</h2>\n<div class=\"legend\">");
    fm_buf_printf(out,
                  "<span><i style=\"background:#%06x\"></i>true trace</span>"
                  "<span><i style=\"background:#%06x\"></i>predicted trace, paler at its start"
                  "</span><span><i style=\"background:#%06x\"></i>object</span>"
                  "<span><i style=\"background:#%06x\"></i>destination</span></div>\n",
                  FM_COLOUR_TRUTH, FM_COLOUR_PREDICTION, FM_COLOUR_OBJECT, FM_COLOUR_BOX);
    put_filter(out, "all", "all", p->n_cards, true);
    put_filter(out, "pass", "success", pass, false);
    put_filter(out, "fail", "failure", fail, false);
    if (pass + fail < p->n_cards)
        put_filter(out, "none", "no verdict", p->n_cards - pass - fail, false);
    if (p->n_comparisons > 0)
        put_filter(out, "diff", "verdicts differ", differs, false);
    for (size_t i = 0; i < p->n_cards; i++) {
        if (i == 0 || p->cards[i].run != p->cards[i - 1].run) {
            put(out, i > 0 ? "</div>\n" : "");
            if (!fm_report_same_name(p->model)) {
                put(out, "<h2>");
                data(out, p->model->runs[p->cards[i].run].name);
                put(out, "</h2>\n");
            }
            put(out, "<div class=\"cards\">\n");
        }
        put_card(out, p, i);
    }
    put(out, p->n_cards > 0 ? "</div>\n</section>\n" : "</section>\n");
}

/* ---- provenance ---- */

static void put_provenance(fm_buf *out, const cJSON *item, const char *path, int depth)
{
    char name[192];

    if (depth > 6)
        return;
    for (; item; item = item->next) {
        snprintf(name, sizeof(name), "%s%s%s", path, *path && item->string ? "." : "",
                 item->string ? item->string : "");
        if (cJSON_IsObject(item)) {
            put_provenance(out, item->child, name, depth + 1);
        } else if (!cJSON_IsNull(item)) {
            put(out, "<tr><th>");
            data(out, name);
            put(out, "</th><td>");
            put_value(out, item);
            put(out, "</td></tr>\n");
        }
    }
}

static void put_usage(fm_buf *out, const fm_report_run *run)
{
    fm_buf text = {0};

    fm_report_put_usage(&text, run->usage, (double)fm_report_run_n(run), "; ");
    if (text.size) {
        put(out, "<p>It ");
        data(out, fm_buf_text(&text));
        put(out, ".</p>\n");
    }
    fm_buf_release(&text);
}

static void put_footer(fm_buf *out, const page *p)
{
    put(out, "<footer>\n");
    for (size_t i = 0; i < p->model->n; i++) {
        const fm_report_run *run = &p->model->runs[i];

        if (run->group != i || !run->manifest)
            continue;
        put(out, "<details><summary>Provenance");
        if (!fm_report_same_name(p->model)) {
            put(out, " of ");
            data(out, run->name);
        }
        put(out, ": everything that can change a number</summary>\n<table><tbody>\n");
        put_provenance(out, run->manifest->child, "", 0);
        put(out, "</tbody></table></details>\n");
        put_usage(out, run);
    }
    put(out, "<p>Made by fathom ");
    data(out, member(fm_json_get(p->model->runs[0].manifest, "fathom"), "version"));
    put(out, " from ");
    data(out, fm_path_base(p->model->runs[0].dir));
    put(out, ".</p>\n</footer>\n");
}

/* ---- pictures, on all threads ---- */

static fm_status make_plots(page *p, fm_err *err)
{
    fm_err trouble = {0};
    bool found;
    fm_status st = fm_plots_summary(p->model, p->metrics, p->n_metrics, "p", p->plots,
                                    FM_REPORT_MAX_PLOTS, &p->n_plots, &found, &trouble);

    p->no_gnuplot = !found;
    if (st != FM_E_IO)
        return st == FM_OK ? st : fm_fail(err, st, "%s", trouble.text);
    /* A page without plots is still a report. */
    memcpy(p->plot_trouble, trouble.text, sizeof(p->plot_trouble));
    p->n_plots = 0;
    return FM_OK;
}

static fm_status make_card(page *p, card *c, size_t index, int worker, fm_err *err)
{
    const fm_report_sample *sample = &p->model->runs[c->run].samples[c->sample];
    fm_overlay *overlay = &p->overlays[worker];
    fm_err trouble = {0};
    char prefix[32];
    bool found;

    fm_status st = fm_overlay_draw(overlay, sample, PICTURE_SIZE, &trouble);
    if (st == FM_OK) {
        c->width = overlay->picture.width;
        c->height = overlay->picture.height;
        st = fm_picture_jpeg(&overlay->picture, PICTURE_QUALITY, &c->jpeg, err);
    } else if (st == FM_E_INPUT || st == FM_E_IO) {
        snprintf(c->trouble, sizeof(c->trouble), "%.150s",
                 sample->has_sample ? trouble.text : "the run's data is not here");
        st = FM_OK;
    } else {
        return fm_fail(err, st, "%s", trouble.text);
    }
    if (st == FM_OK && c->scene) {
        snprintf(prefix, sizeof(prefix), "c%zux", index);
        if (fm_plots_scene(sample, prefix, &c->svg, &found, &trouble) != FM_OK)
            fm_buf_clear(&c->svg);
    }
    return st;
}

/* Index 0 is the plots, which take longest; then one index a card. */
static fm_status make_part(void *context, size_t index, int worker, fm_err *err)
{
    page *p = context;

    if (index > 0)
        return make_card(p, &p->cards[index - 1], index, worker, err);
    return p->options && p->options->no_plots ? FM_OK : make_plots(p, err);
}

/* Views in space for failures and successes in turn: both are worth a look. */
static void choose_scenes(page *p)
{
    size_t wanted = fm_report_scenes(p->options), chosen[2] = {0, 0};

    if (p->options && p->options->no_plots)
        return;
    for (size_t i = 0; i < p->n_cards; i++) {
        bool success = card_verdict(p, &p->cards[i]) == FM_REPORT_YES;

        if (chosen[success] < (wanted + !success) / 2) {
            p->cards[i].scene = true;
            chosen[success]++;
        }
    }
    for (size_t i = 0; i < p->n_cards && chosen[0] + chosen[1] < wanted; i++) {
        chosen[0] += !p->cards[i].scene;
        p->cards[i].scene = true;
    }
}

static fm_status prepare(page *p, fm_err *err)
{
    size_t n = 0;
    fm_status st = fm_report_metrics(p->model, &p->metrics, &p->n_metrics, err);

    if (st == FM_OK)
        st = fm_report_compare(p->model, p->metrics, p->n_metrics, &p->comparisons,
                               &p->n_comparisons, err);
    if (st != FM_OK)
        return st;
    for (size_t i = 0; i < p->model->n; i++)
        n += p->model->runs[i].group == i ? p->model->runs[i].n_samples : 0;
    p->cards = calloc(n ? n : 1, sizeof(*p->cards));
    p->overlays = calloc((size_t)fm_report_jobs(p->options), sizeof(*p->overlays));
    if (!p->cards || !p->overlays)
        return fm_fail(err, FM_E_NOMEM, "out of memory for the report");
    for (size_t i = 0; i < p->model->n; i++)
        for (size_t s = 0; p->model->runs[i].group == i && s < p->model->runs[i].n_samples; s++)
            p->cards[p->n_cards++] = (card){.run = i, .sample = s};
    for (size_t i = 0; i < p->n_comparisons; i++) {
        const fm_report_comparison *c = &p->comparisons[i];

        for (size_t k = 0; k < c->n_items; k++)
            p->cards[card_of(p, c->group, c->items[k].sample)].differs = true;
    }
    choose_scenes(p);
    return FM_OK;
}

static void release(page *p)
{
    for (size_t i = 0; p->cards && i < p->n_cards; i++) {
        fm_buf_release(&p->cards[i].jpeg);
        fm_buf_release(&p->cards[i].svg);
    }
    for (int i = 0; p->overlays && i < fm_report_jobs(p->options); i++)
        fm_overlay_release(&p->overlays[i]);
    for (size_t i = 0; i < FM_REPORT_MAX_PLOTS; i++)
        fm_buf_release(&p->plots[i].svg);
    free(p->cards);
    free(p->overlays);
}

fm_status fm_report_write_html(fm_buf *out, fm_report_model *model,
                               const fm_report_options *options, fm_err *err)
{
    page p = {.model = model, .options = options};

    if (model->n == 0)
        return fm_fail(err, FM_E_USAGE, "a report needs a run");
    fm_status st = prepare(&p, err);
    if (st == FM_OK)
        st = fm_parallel_for(p.n_cards + 1, fm_report_jobs(options), make_part, &p, err);
    if (st == FM_OK) {
        for (size_t i = 0; i < model->n; i++)
            if (model->runs[i].notice && model->runs[i].group == i)
                fm_report_notice(options, model->runs[i].notice);
        if (p.no_gnuplot)
            fm_report_notice(options, FM_REPORT_NO_GNUPLOT);
        else if (p.plot_trouble[0])
            fm_report_notice(options, p.plot_trouble);
        put_head(out, model);
        put_header(out, &p);
        put(out, "<main>\n");
        put_summary(out, &p);
        for (size_t i = 0; i < p.n_comparisons; i++)
            put_comparison(out, &p, &p.comparisons[i]);
        put_plots(out, &p);
        put_samples(out, &p);
        put(out, "</main>\n");
        put_footer(out, &p);
        put(out, "</body>\n</html>\n");
        st = fm_buf_check(out, "report", err);
    }
    release(&p);
    return st;
}
