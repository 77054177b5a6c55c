#include "open_model.h"

#include <stdio.h>
#include <string.h>

#include "adapters/engine_input.h"
#include "adapters/engine_model.h"
#include "catalog.h"
#include "interrupt.h"
#include "progress.h"
#include "terminal.h"

void cli_packed_folder(const char *given, char out[FM_PATH_BYTES])
{
    if (given && strcmp(given, "none") != 0)
        snprintf(out, FM_PATH_BYTES, "%s", given);
    else if (given || cli_cache_folder("packed", out, NULL) != FM_OK)
        out[0] = '\0';
}

fm_status cli_model_path(char out[FM_PATH_BYTES], const char *given, fm_err *err)
{
    char models[FM_PATH_BYTES];
    fm_status st = cli_shared_folder("models", models, err);

    return st == FM_OK ? fm_engine_model(out, given, models, err) : st;
}

typedef struct {
    cli_amount_progress shown;
    cli_model *model;
    bool kept; /* there is a folder for them */
} packing;

static bool show_packing(void *context, uint64_t done_bytes, uint64_t all_bytes)
{
    packing *p = context;

    p->model->packed = p->kept;
    cli_amount_progress_show(&p->shown, done_bytes, all_bytes);
    return !cli_interrupted;
}

/* The model that calls are made on, for the signal handler. */
static rt_model *under_way;

static void cancel_call(void)
{
    rt_cancel(under_way);
}

fm_status cli_model_open(cli_model *out, const cli_args *args, const char *path, fm_err *err)
{
    const char *word = cli_value(args, "weights");
    char packed[FM_PATH_BYTES], label[256];
    packing p = {.shown.label = label, .model = out};
    rt_model_options options = {.int8_activations = !cli_has(args, "no-int8"),
                                .isa = cli_value(args, "isa"),
                                .progress = show_packing,
                                .progress_context = &p};
    uint64_t threads = 0;
    rt_err inner = {0};
    fm_status st = cli_number(args, "threads", 0, CLI_MAX_JOBS, &threads, err);

    if (st == FM_OK && !fm_engine_weights(word, &options.weights))
        st = fm_fail(err, FM_E_USAGE,
                     "option '--weights' wants as_stored, f32, bf16, q8 or q4, not '%s'", word);
    if (st == FM_OK)
        st = cli_model_path(out->folder, path, err);
    if (st != FM_OK)
        return st;
    options.threads = (int)threads;
    cli_packed_folder(cli_value(args, "packed-dir"), packed);
    options.packed_dir = packed[0] ? packed : NULL;
    p.kept = packed[0] != '\0';
    snprintf(label, sizeof(label), "packing %s", path);
    st = fm_engine_status(rt_model_open(&out->model, out->folder, &options, &inner), &inner, err);
    cli_line_clear();
    if (st == FM_OK) {
        under_way = out->model;
        cli_on_interrupt(cancel_call);
    }
    return st;
}

fm_status cli_unless_interrupted(fm_status st, fm_err *err)
{
    return cli_interrupted ? fm_fail(err, FM_E_INTERRUPTED, "interrupted") : st;
}

void cli_model_close(cli_model *model)
{
    fm_buf line = {0};

    cli_on_interrupt(NULL);
    if (model->packed && cli_style_for(stderr).terminal) {
        fm_buf_puts(&line, "writing packed weights for the next time (Ctrl-C twice: not now)");
        cli_line_draw(&line);
    }
    rt_model_close(model->model);
    cli_line_clear();
    fm_buf_release(&line);
}
