/* fathom init: a model of random weights, to try and time everything without a download. */
#include <stdio.h>
#include <string.h>

#include "base/files.h"
#include "base/size.h"
#include "base/text.h"
#include "commands.h"
#include "engine/init.h"
#include "engine/presets.h"
#include "interrupt.h"
#include "progress.h"
#include "terminal.h"

enum { MAX_CONFIG_BYTES = 1 << 20, MAX_PRESETS = 16 };

static fm_status unknown_preset(const char *name, fm_err *err)
{
    const char *names[MAX_PRESETS];

    for (size_t i = 0; i < rt_presets_count; i++)
        names[i] = rt_presets[i].name;
    const char *near = fm_text_nearest(name, names, rt_presets_count);
    return near ? fm_fail(err, FM_E_USAGE, "no file and no configuration '%s'; did you mean '%s'?",
                          name, near)
                : fm_fail(err, FM_E_USAGE,
                          "no file and no configuration '%s': 2b, 8b, qwen2-1.5b or tiny", name);
}

/* One that is built in, or a file. */
static fm_status read_config(const char *name, fm_buf *out, fm_err *err)
{
    const rt_preset *preset = rt_preset_find(name);

    if (preset) {
        fm_buf_append(out, preset->text, *preset->size);
        return fm_buf_check(out, name, err);
    }
    return fm_file_exists(name) ? fm_file_read(name, MAX_CONFIG_BYTES, out, err)
                                : unknown_preset(name, err);
}

static fm_status read_kind(const cli_args *args, rt_kind *out, fm_err *err)
{
    static const rt_kind kinds[] = {RT_BF16, RT_F16, RT_F32};
    const char *name = cli_value(args, "kind");

    for (size_t i = 0; i < FM_COUNT_OF(kinds); i++)
        if (strcmp(name, rt_kind_name(kinds[i])) == 0) {
            *out = kinds[i];
            return FM_OK;
        }
    return fm_fail(err, FM_E_USAGE, "option '--kind' wants bf16, f16 or f32, not '%s'", name);
}

static void tell(const rt_init_totals *totals)
{
    fm_buf text = {0};

    fm_buf_printf(&text, "%.4g million parameters, ", (double)totals->parameters / 1e6);
    cli_put_size(&text, totals->bytes);
    cli_line_print(&text);
    fm_buf_release(&text);
}

static fm_status init_run(const cli_args *args, fm_err *err)
{
    const char *folder = cli_operand(args, 0), *name = cli_value(args, "config");
    cli_amount_progress progress = {.label = folder};
    rt_init init = {
        .stop = &cli_interrupted, .progress = cli_amount_progress_show, .context = &progress};
    rt_init_totals totals = {0};
    uint64_t jobs = 0;
    fm_buf config = {0}, out = {0};
    fm_status st = cli_number(args, "seed", 0, UINT64_MAX, &init.seed, err);

    if (st == FM_OK)
        st = cli_number(args, "jobs", 0, CLI_MAX_JOBS, &jobs, err);
    if (st == FM_OK)
        st = read_kind(args, &init.kind, err);
    if (st == FM_OK)
        st = read_config(name, &config, err);
    if (st == FM_OK) {
        init.config = fm_buf_text(&config);
        init.config_size = config.size;
        init.config_name = name;
        init.threads = (int)jobs;
        cli_catch_interrupt();
        st = rt_init_folder(folder, &init, &totals, err);
        cli_line_clear();
    }
    if (st == FM_OK) {
        tell(&totals);
        fm_text_for_terminal(&out, folder, strlen(folder));
        fm_buf_putc(&out, '\n');
        st = cli_print(&out, err);
    }
    fm_buf_release(&config);
    fm_buf_release(&out);
    return st;
}

static const char *const description[] = {
    "Makes a model folder that the engine opens: every part of the configuration with random "
    "weights, and a tokenizer of bytes with the special tokens of Qwen2. It answers nonsense, at "
    "the speed and in the memory of a trained one.",
    "Configurations: 2b (RoboTracer-2B: Qwen2-1.5B, SigLIP, MapAnything v1, scale decoder; 4.7 "
    "GiB), 8b, qwen2-1.5b (the language model alone; 2.9 GiB) and tiny (all parts, under a "
    "megabyte); or "
    "a file in the form of a model's config.json, with each part under '<folder>_cfg' "
    "(docs/engine.md).",
    "The same seed gives the same bytes on every machine. What is there is never written over.",
    NULL,
};

static const cli_option options[] = {
    {.name = "config",
     .letter = 'c',
     .argument = "NAME|FILE",
     .help = "what to make: 2b, 8b, qwen2-1.5b, tiny, or a file",
     .required = true,
     .kind = CLI_FILE},
    {.name = "seed", .argument = "N", .fallback = "0", .help = "which random weights"},
    {.name = "kind",
     .argument = "KIND",
     .fallback = "bf16",
     .help = "how numbers are stored: bf16, f16 or f32",
     .words = "bf16 f16 f32",
     .kind = CLI_WORDS},
    {.name = "jobs", .letter = 'j', .argument = "N", .help = "threads (default: one a processor)"},
    {0},
};

static const cli_example examples[] = {
    {"fathom init models/tiny --config tiny", "a small one, at once"},
    {"fathom init models/random-2b --config 2b --seed 7", "one of full size"},
    {0},
};

const cli_command cli_command_init = {
    .name = "init",
    .summary = "make a model of random weights",
    .operands = "FOLDER",
    .operand_kind = CLI_FOLDER,
    .min_operands = 1,
    .max_operands = 1,
    .description = description,
    .options = options,
    .examples = examples,
    .run = init_run,
};
