/* The calls of report.h: read the views, hand the model to a writer. */
#include "report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/threads.h"
#include "report/figures.h"
#include "report/load.h"
#include "report/overlay.h"
#include "report/plots.h"
#include "report/writers.h"

/* A page of more bytes is slow to mail and to open on a telephone. */
#define LARGE_PAGE 20000000

typedef fm_status (*writer)(fm_buf *out, fm_report_model *model, const fm_report_options *options,
                            fm_err *err);

static fm_status write_with(writer write, fm_buf *out, fm_view *const *views, size_t n,
                            bool samples, const fm_report_options *options, fm_err *err)
{
    fm_report_model model = {0};
    fm_status st = fm_report_load(&model, views, n, samples, err);

    if (st == FM_OK)
        st = write(out, &model, options, err);
    fm_report_model_release(&model);
    return st;
}

fm_status fm_report_table(fm_buf *out, fm_view *const *views, size_t n,
                          const fm_report_options *options, fm_err *err)
{
    /* Samples are there to be compared: one run is shown without, however many it has. */
    return write_with(fm_report_write_table, out, views, n, n > 1, options, err);
}

fm_status fm_report_markdown(fm_buf *out, fm_view *const *views, size_t n,
                             const fm_report_options *options, fm_err *err)
{
    return write_with(fm_report_write_markdown, out, views, n, true, options, err);
}

fm_status fm_report_csv(fm_buf *out, fm_view *const *views, size_t n,
                        const fm_report_options *options, fm_err *err)
{
    return write_with(fm_report_write_csv, out, views, n, false, options, err);
}

fm_status fm_report_latex(fm_buf *out, fm_view *const *views, size_t n,
                          const fm_report_options *options, fm_err *err)
{
    return write_with(fm_report_write_latex, out, views, n, false, options, err);
}

fm_status fm_report_every_eval(fm_buf *out, fm_view *const *views, size_t n,
                               const fm_report_options *options, fm_err *err)
{
    return write_with(fm_report_write_every_eval, out, views, n, false, options, err);
}

fm_status fm_report_protocols(fm_buf *out, fm_view *const *views, size_t n, fm_err *err)
{
    return write_with(fm_report_write_protocols, out, views, n, true, NULL, err);
}

/* "report.html: 100 samples, 5.2 MB; pictures can be linked ..." */
static void tell_size(const char *path, size_t size, const fm_report_options *options)
{
    bool embeds = !options || options->pictures == FM_REPORT_EMBED;
    char text[FM_ERR_TEXT_BYTES];

    snprintf(text, sizeof(text), "wrote '%.300s', %.1f MB%s", path, (double)size / 1e6,
             embeds && size > LARGE_PAGE ? "; --pictures link or none makes it smaller" : "");
    fm_report_notice(options, text);
}

/* The folder in which a file stands, in the arena; NULL: the current one, or no memory. */
static const char *folder_of(const char *path, fm_arena *arena)
{
    const char *base = fm_path_base(path);

    return base == path ? NULL : fm_arena_memdup(arena, path, (size_t)(base - path));
}

fm_status fm_report_html(const char *path, fm_view *const *views, size_t n,
                         const fm_report_options *options, fm_err *err)
{
    fm_report_model model = {0};
    fm_buf out = {0};
    fm_status st = fm_report_load(&model, views, n, true, err);

    if (st == FM_OK && options && options->steps)
        st = fm_report_diagnose(&model, views, options->jobs, err);
    if (st == FM_OK)
        st = fm_report_write_html(&out, &model, folder_of(path, &model.arena), options, err);
    if (st == FM_OK)
        st = fm_file_write_atomic(path, out.data, out.size, err);
    if (st == FM_OK)
        tell_size(path, out.size, options);
    fm_buf_release(&out);
    fm_report_model_release(&model);
    return st;
}

void fm_report_file_name(const char *id, size_t index, char out[FM_REPORT_NAME_BYTES])
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t size = strlen(id);

    if (size > 0 && size < FM_SAMPLE_ID_BYTES && id[0] != '.' && strspn(id, plain) == size)
        snprintf(out, FM_REPORT_NAME_BYTES, "%s", id);
    else
        snprintf(out, FM_REPORT_NAME_BYTES, "@%zu", index);
}

/* ---- picture files ---- */

/* Wide enough that lines are crisp on any screen; the pictures of the benchmarks are 512 or 640. */
#define OVERLAY_FILE_SIZE 800

typedef struct {
    const char *dir;
    const fm_report_run *run;
    fm_overlay *overlays; /* one a worker */
    bool *made;           /* one a sample */
} overlay_job;

static fm_status save_overlay(void *context, size_t index, int worker, fm_err *err)
{
    overlay_job *job = context;
    const fm_report_sample *sample = &job->run->samples[index];
    char stem[FM_REPORT_NAME_BYTES], name[FM_REPORT_NAME_BYTES + 8], path[FM_PATH_BYTES];
    fm_overlay *overlay = &job->overlays[worker];

    fm_status st = fm_overlay_draw(overlay, sample, OVERLAY_FILE_SIZE, err);
    if (st == FM_E_INPUT || st == FM_E_IO) /* this sample has no picture; the others may */
        return FM_OK;
    fm_report_file_name(sample->id, index, stem);
    snprintf(name, sizeof(name), "%s.png", stem);
    if (st == FM_OK)
        st = fm_path_join(path, job->dir, name, err);
    if (st == FM_OK)
        st = fm_raster_save_png(&overlay->picture, path, err);
    job->made[index] = st == FM_OK;
    return st;
}

int fm_report_jobs(const fm_report_options *options)
{
    return options && options->jobs > 0 ? options->jobs : fm_threads_available();
}

void fm_report_notice(const fm_report_options *options, const char *text)
{
    if (options && options->notice)
        options->notice(options->context, text);
}

static fm_status save_overlays(const char *dir, const fm_report_run *run,
                               const fm_report_options *options, size_t *written, fm_err *err)
{
    int jobs = fm_report_jobs(options);
    overlay_job job = {.dir = dir, .run = run};
    size_t made = 0;
    fm_status st = FM_OK;

    job.overlays = calloc((size_t)jobs, sizeof(*job.overlays));
    job.made = calloc(run->n_samples ? run->n_samples : 1, sizeof(*job.made));
    if (!job.overlays || !job.made)
        st = fm_fail(err, FM_E_NOMEM, "out of memory for the pictures");
    if (st == FM_OK)
        st = fm_dir_make(dir, err);
    if (st == FM_OK)
        st = fm_parallel_for(run->n_samples, jobs, save_overlay, &job, err);
    for (size_t i = 0; job.made && i < run->n_samples; i++)
        made += job.made[i];
    if (st == FM_OK && made < run->n_samples) {
        char text[128];

        snprintf(text, sizeof(text), "%zu of %zu samples have no readable picture",
                 run->n_samples - made, run->n_samples);
        fm_report_notice(options, text);
    }
    if (written)
        *written = made;
    for (int i = 0; job.overlays && i < jobs; i++)
        fm_overlay_release(&job.overlays[i]);
    free(job.overlays);
    free(job.made);
    return st;
}

fm_status fm_report_overlays(const char *dir, fm_view *view, const fm_report_options *options,
                             size_t *written, fm_err *err)
{
    fm_report_model model = {0};
    fm_status st = fm_report_load(&model, &view, 1, true, err);

    if (st == FM_OK)
        st = save_overlays(dir, &model.runs[0], options, written, err);
    fm_report_model_release(&model);
    return st;
}

/* ---- plot files ---- */

static fm_status save_scene(const char *dir, const char *stem, const fm_buf *svg, size_t *written,
                            fm_err *err)
{
    char name[FM_REPORT_NAME_BYTES + 16], path[FM_PATH_BYTES];
    fm_buf file = {0};

    snprintf(name, sizeof(name), "%s.svg", stem);
    fm_plot_standalone(svg, &file);
    fm_status st = fm_buf_check(&file, "plot", err);
    if (st == FM_OK)
        st = fm_path_join(path, dir, name, err);
    if (st == FM_OK)
        st = fm_file_write_atomic(path, file.data, file.size, err);
    *written += st == FM_OK;
    fm_buf_release(&file);
    return st;
}

static fm_status save_scenes(const char *dir, const fm_report_model *model,
                             const fm_report_options *options, bool *found, size_t *written,
                             fm_err *err)
{
    const fm_report_run *run = &model->runs[0];
    size_t made = 0, wanted = fm_report_scenes(options);
    fm_status st = FM_OK;

    for (size_t i = 0; st == FM_OK && *found && made < wanted && i < run->n_samples; i++) {
        char stem[FM_REPORT_NAME_BYTES], name[FM_REPORT_NAME_BYTES + 8];
        fm_buf svg = {0};

        st = fm_plots_scene(&run->samples[i], "s", &svg, found, err);
        if (st == FM_OK && svg.size > 0) {
            fm_report_file_name(run->samples[i].id, i, stem);
            snprintf(name, sizeof(name), "scene-%s", stem);
            st = save_scene(dir, name, &svg, written, err);
            made++;
        }
        fm_buf_release(&svg);
    }
    return st;
}

static fm_status save_plots(const char *dir, fm_report_model *model,
                            const fm_report_options *options, size_t *written, fm_err *err)
{
    fm_report_metric *metrics;
    size_t n_metrics;
    bool found = true;

    fm_status st = fm_report_metrics(model, &metrics, &n_metrics, err);
    if (st == FM_OK)
        st = fm_dir_make(dir, err);
    if (st == FM_OK)
        st = fm_plots_write(dir, model, metrics, n_metrics, written, &found, err);
    if (st == FM_OK)
        st = fm_figures_write(dir, model, metrics, n_metrics, written, &found, err);
    if (st == FM_OK && found)
        st = save_scenes(dir, model, options, &found, written, err);
    if (st == FM_OK && !found)
        fm_report_notice(options, FM_REPORT_NO_GNUPLOT);
    return st;
}

fm_status fm_report_plots(const char *dir, fm_view *const *views, size_t n,
                          const fm_report_options *options, size_t *written, fm_err *err)
{
    fm_report_model model = {0};
    size_t count = 0;
    fm_status st = fm_report_load(&model, views, n, true, err);

    if (st == FM_OK && n > 0)
        st = save_plots(dir, &model, options, &count, err);
    if (written)
        *written = count;
    fm_report_model_release(&model);
    return st;
}
