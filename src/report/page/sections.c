/* Owns the parts of the page that stand still: head, tiles, summary, differing verdicts, plots,
 * provenance, and the frame into which the script puts the samples. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/text.h"
#include "report/page/page.h"
#include "report/usage.h"

/* How many differing verdicts the page lists; the filter finds the others. */
#define DIFFERENCES 200

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
    data(out, r->rules);
}

/* ---- head ---- */

void fm_page_put_hash(fm_buf *out, const char *script, size_t size)
{
    char text[FM_HASH_TEXT_BYTES];
    unsigned char bytes[32];

    fm_hash_bytes(script, size, text);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};

        bytes[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
    fm_base64_encode(out, bytes, sizeof(bytes));
}

static void put_tasks(fm_buf *out, const fm_report_model *model)
{
    fm_buf tasks = {0};

    fm_report_put_tasks(&tasks, model);
    data(out, fm_buf_text(&tasks));
    out->failed |= tasks.failed;
    fm_buf_release(&tasks);
}

void fm_page_put_head(fm_buf *out, const fm_page *p)
{
    const fm_report_model *model = p->model;
    bool links = p->options && p->options->pictures == FM_REPORT_LINK;

    put(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
             "script-src 'sha256-");
    fm_page_put_hash(out, fm_page_script, fm_page_script_size);
    put(out, "'; style-src 'unsafe-inline'; img-src data:");
    put(out, links ? " file: 'self'" : "");
    put(out, "; base-uri 'none'; form-action 'none'\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n"
             "<meta name=\"referrer\" content=\"no-referrer\">\n"
             "<link rel=\"icon\" href=\"data:,\">\n<title>");
    put_tasks(out, model);
    if (fm_report_same_name(model)) {
        put(out, " \xC2\xB7 ");
        data(out, model->runs[0].name);
    }
    put(out, "</title>\n<style>\n");
    fm_buf_append(out, fm_page_style, fm_page_style_size);
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

static bool same_member(const fm_report_run *a, const fm_report_run *b, const char *key)
{
    return strcmp(member(a->results, key), member(b->results, key)) == 0;
}

/* "tabletop v2, tabletop-questions v2": each once. */
static void put_suites(fm_buf *out, const fm_report_model *model)
{
    for (size_t r = 0; r < model->n; r++) {
        const fm_report_run *run = &model->runs[r];
        size_t k = 0;

        while (k < r && !(same_member(&model->runs[k], run, "suite") &&
                          same_member(&model->runs[k], run, "suite_version")))
            k++;
        if (k < r)
            continue;
        put(out, r ? ", " : "");
        data(out, member(run->results, "suite"));
        put(out, " v");
        data(out, member(run->results, "suite_version"));
    }
}

static void put_header(fm_buf *out, const fm_page *p)
{
    const fm_report_model *model = p->model;
    const fm_report_run *r = &model->runs[0];

    put(out, "<header>\n<h1>");
    put_tasks(out, model);
    put(out, "</h1>\n<p class=\"sub\">");
    put_suites(out, model);
    if (fm_report_same_name(model)) {
        put(out, " \xC2\xB7 ");
        data(out, r->name);
        if (r->sees_truth)
            put(out, " (sees the truth: a baseline, no result)");
    }
    if (fm_report_same_task(model)) {
        put(out, " \xC2\xB7 ");
        fm_report_put_size(out, r);
    }
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

static void put_summary(fm_buf *out, const fm_page *p)
{
    fm_buf methods = {0};
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
             "protocol. Intervals hold 95&nbsp;%: ");
    fm_report_put_methods(&methods, model);
    data(out, fm_buf_text(&methods));
    fm_buf_release(&methods);
    put(out, ".</p>\n</section>\n");
}

/* ---- differing verdicts ---- */

static const char *verdict_class(fm_report_verdict verdict, int better)
{
    if (verdict == FM_REPORT_ABSENT || better == 0)
        return "";
    if (verdict == FM_REPORT_UNKNOWN)
        return " warn";
    return (verdict == FM_REPORT_YES) == (better > 0) ? " good" : " bad";
}

static void put_comparison(fm_buf *out, const fm_page *p, const fm_report_comparison *c)
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
                fm_buf_printf(out, "<a href=\"#sample=%zu\">", p->entry_of[c->group][d->sample]);
                data(out, base->samples[d->sample].id);
                put(out, "</a>");
            }
            put(out, "</th><td>");
            data(out, metric->name);
            put(out, "</td>");
            for (size_t k = 0; k < c->n_runs; k++) {
                fm_buf text = {0};

                fm_report_put_difference(&text, d, k, metric->name);
                fm_buf_printf(out, "<td><span class=\"chip%s\">",
                              metric->rate ? verdict_class(d->verdicts[k], metric->better) : "");
                data(out, fm_buf_text(&text));
                put(out, "</span></td>");
                out->failed |= text.failed;
                fm_buf_release(&text);
            }
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

static void put_plots(fm_buf *out, const fm_page *p)
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

static void put_samples(fm_buf *out)
{
    put(out,
        "<section id=\"samples\">\n<h2>Samples</h2>\n"
        "<noscript><p class=\"alert\">The samples are shown by a script, which this browser does "
        "not run; everything else is here.</p></noscript>\n"
        "<div id=\"browser\"></div>\n</section>\n");
}

/* ---- provenance ---- */

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

void fm_page_put_footer(fm_buf *out, const fm_page *p)
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

/* ---- */

void fm_page_put_sections(fm_buf *out, const fm_page *p)
{
    put_header(out, p);
    put(out, "<main>\n");
    put_summary(out, p);
    for (size_t i = 0; i < p->n_comparisons; i++)
        put_comparison(out, p, &p->comparisons[i]);
    put_plots(out, p);
    put_samples(out);
    put(out, "</main>\n");
}
