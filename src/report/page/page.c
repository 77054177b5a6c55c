/* Makes the page: everything that takes time first, on all threads; then it is written from top to
 * bottom. */
#include "report/page/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/threads.h"

/* A page with 10,000 embedded pictures passes the buffers' usual cap before any browser does. */
#define PAGE_CAP_BYTES ((size_t)2 << 30)

/* ---- which samples there are ---- */

/* Two runs of one task have the same samples: an earlier run's entry for this id, or NULL. */
static fm_page_entry *known_entry(const fm_page *p, size_t run, const char *id)
{
    const fm_report_model *model = p->model;

    for (size_t k = 0; k < run; k++) {
        const fm_report_run *other = &model->runs[k];
        const fm_report_sample *found =
            strcmp(other->task, model->runs[run].task) == 0 ? fm_report_find(other, id) : NULL;

        if (found)
            return &p->entries[p->entry_of[k][found - other->samples]];
    }
    return NULL;
}

static fm_status add_samples(fm_page *p, size_t run, fm_err *err)
{
    fm_report_model *model = p->model;
    const fm_report_run *r = &model->runs[run];

    p->entry_of[run] =
        fm_arena_alloc(&model->arena, r->n_samples ? r->n_samples : 1, sizeof(*p->entry_of[run]));
    if (!p->entry_of[run])
        return fm_fail(err, FM_E_NOMEM, "out of memory for the report");
    for (size_t s = 0; s < r->n_samples; s++) {
        fm_page_entry *entry = known_entry(p, run, r->samples[s].id);

        if (!entry) {
            entry = &p->entries[p->n_entries++];
            entry->of = fm_arena_alloc(&model->arena, model->n, sizeof(*entry->of));
            if (!entry->of)
                return fm_fail(err, FM_E_NOMEM, "out of memory for the report");
            memset(entry->of, 0, model->n * sizeof(*entry->of));
        }
        entry->of[run] = &r->samples[s];
        if (!entry->shown || (!entry->shown->has_sample && r->samples[s].has_sample))
            entry->shown = &r->samples[s];
        p->entry_of[run][s] = (size_t)(entry - p->entries);
    }
    return FM_OK;
}

static fm_status prepare(fm_page *p, fm_err *err)
{
    size_t n = 0;
    fm_status st = fm_report_metrics(p->model, &p->metrics, &p->n_metrics, err);

    if (st == FM_OK)
        st = fm_report_compare(p->model, p->metrics, p->n_metrics, &p->comparisons,
                               &p->n_comparisons, err);
    for (size_t i = 0; i < p->model->n; i++)
        n += p->model->runs[i].n_samples;
    p->entries = calloc(n ? n : 1, sizeof(*p->entries));
    if (st == FM_OK && !p->entries)
        st = fm_fail(err, FM_E_NOMEM, "out of memory for the report");
    for (size_t i = 0; st == FM_OK && i < p->model->n; i++)
        st = add_samples(p, i, err);
    return st;
}

/* ---- pictures and plots, on all threads ---- */

typedef struct {
    fm_page *page;
    fm_page_rasters *rasters; /* one a worker */
} making;

static fm_status make_plots(fm_page *p, fm_err *err)
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

/* Index 0 is the plots, which take longest; then one index a sample. */
static fm_status make_part(void *context, size_t index, int worker, fm_err *err)
{
    making *m = context;
    fm_page *p = m->page;
    fm_page_rasters *rasters = &m->rasters[worker];
    fm_page_picture picture = {0};

    if (index == 0)
        return p->options && p->options->no_plots ? FM_OK : make_plots(p, err);
    fm_page_entry *entry = &p->entries[index - 1];
    fm_status st = fm_page_make_picture(p, entry, rasters, &picture, err);
    if (st == FM_OK)
        st = fm_page_make_json(p, entry, &picture, picture.masked ? &rasters->mask : NULL, err);
    fm_buf_release(&picture.link);
    return st;
}

static fm_status make_all(fm_page *p, fm_err *err)
{
    int jobs = fm_report_jobs(p->options);
    making m = {p, calloc((size_t)jobs, sizeof(*m.rasters))};
    fm_status st = m.rasters ? fm_parallel_for(p->n_entries + 1, jobs, make_part, &m, err)
                             : fm_fail(err, FM_E_NOMEM, "out of memory for the report");

    for (int i = 0; m.rasters && i < jobs; i++)
        fm_page_rasters_release(&m.rasters[i]);
    free(m.rasters);
    return st;
}

/* ---- writing ---- */

/* One line a sample, so that the script finds its own without reading the others. */
static void put_lines(fm_buf *out, const fm_page *p, const char *id, bool depth)
{
    fm_buf_printf(out, "<script type=\"text/plain\" id=\"%s\">\n", id);
    for (size_t i = 0; i < p->n_entries; i++) {
        const fm_buf *bytes = depth ? &p->entries[i].depth : &p->entries[i].picture;

        fm_base64_encode(out, bytes->data, bytes->size);
        fm_buf_putc(out, '\n');
    }
    fm_buf_puts(out, "</script>\n");
}

static void put_data(fm_buf *out, const fm_page *p)
{
    fm_buf json = {.cap_bytes = PAGE_CAP_BYTES};
    fm_json_writer w = {.out = &json};

    fm_json_open(&w, NULL, '{');
    fm_page_put_runs(&w, p);
    fm_json_open(&w, "samples", '[');
    fm_json_close(&w, ']');
    fm_json_close(&w, '}');
    fm_buf_puts(out, "<script type=\"application/json\" id=\"data\">\n");
    /* The entries are JSON already: they go between the brackets of the last member. */
    fm_text_for_script(out, json.data, json.size - 2);
    for (size_t i = 0; i < p->n_entries; i++) {
        fm_buf_puts(out, i ? ",\n" : "\n");
        fm_text_for_script(out, p->entries[i].json.data, p->entries[i].json.size);
    }
    fm_buf_puts(out, "]}\n</script>\n");
    out->failed |= json.failed;
    fm_buf_release(&json);
}

static void write_page(fm_buf *out, const fm_page *p)
{
    fm_page_put_head(out, p);
    fm_page_put_sections(out, p);
    fm_page_put_footer(out, p);
    put_data(out, p);
    put_lines(out, p, "pictures", false);
    put_lines(out, p, "depths", true);
    fm_buf_puts(out, "<script>");
    fm_buf_append(out, fm_page_script, fm_page_script_size);
    fm_buf_puts(out, "</script>\n</body>\n</html>\n");
}

static void tell(const fm_page *p)
{
    for (size_t i = 0; i < p->model->n; i++)
        if (p->model->runs[i].notice && p->model->runs[i].group == i)
            fm_report_notice(p->options, p->model->runs[i].notice);
    if (p->no_gnuplot)
        fm_report_notice(p->options, FM_REPORT_NO_GNUPLOT);
    else if (p->plot_trouble[0])
        fm_report_notice(p->options, p->plot_trouble);
}

static void release(fm_page *p)
{
    for (size_t i = 0; p->entries && i < p->n_entries; i++) {
        fm_buf_release(&p->entries[i].json);
        fm_buf_release(&p->entries[i].picture);
        fm_buf_release(&p->entries[i].depth);
    }
    for (size_t i = 0; i < FM_REPORT_MAX_PLOTS; i++)
        fm_buf_release(&p->plots[i].svg);
    free(p->entries);
}

fm_status fm_report_write_html(fm_buf *out, fm_report_model *model, const char *folder,
                               const fm_report_options *options, fm_err *err)
{
    fm_page p = {.model = model, .options = options, .folder = folder};

    if (model->n == 0)
        return fm_fail(err, FM_E_USAGE, "a report needs a run");
    out->cap_bytes = PAGE_CAP_BYTES;
    fm_status st = prepare(&p, err);
    if (st == FM_OK)
        st = make_all(&p, err);
    if (st == FM_OK) {
        tell(&p);
        write_page(out, &p);
        st = fm_buf_check(out, "report", err);
    }
    release(&p);
    return st;
}
