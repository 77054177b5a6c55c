/* Owns what the options of `fathom run` are and mean. What an adapter's file says is
 * core/adapter_file.h's; whether an adapter knows a setting, the adapter's. */
#include "run_options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/text.h"
#include "catalog.h"
#include "core/adapter_file.h"
#include "gate.h"
#include "open_model.h"
#include "terminal.h"

/* ---- the adapter, its settings and its file ---- */

static bool is_given(const fm_setting *settings, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(settings[i].key, key) == 0)
            return true;
    return false;
}

/* A setting that the command line has an option for: -M model is -s model=model. */
static const char *setting_of(const cli_option *option)
{
    if (strcmp(option->name, "model") == 0)
        return "model";
    return strcmp(option->name, "ca-file") == 0 ? "ca_file" : NULL;
}

static fm_status read_setting(const cli_given *given, fm_arena *arena, fm_setting *out, fm_err *err)
{
    const char *key = setting_of(given->option);

    if (key) {
        *out = (fm_setting){key, given->value};
        return FM_OK;
    }
    size_t size = strcspn(given->value, "=");
    if (size == 0 || given->value[size] == '\0')
        return fm_fail(err, FM_E_USAGE, "option '--set' wants KEY=VALUE, not '%s'", given->value);
    *out = (fm_setting){fm_arena_memdup(arena, given->value, size), given->value + size + 1};
    return out->key ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for the settings");
}

/* A setting that nobody has given, where the adapter takes it. value NULL: its fallback. */
static fm_status put_setting(const fm_adapter_ops *adapter, const char *key, const char *value,
                             fm_arena *arena, fm_setting *settings, size_t *n, fm_err *err)
{
    const fm_adapter_option *option = adapter->options;

    while (option && option->name && strcmp(option->name, key) != 0)
        option++;
    if (!option || !option->name || is_given(settings, *n, key))
        return FM_OK;
    value = value ? value : option->fallback;
    if (!value || !*value)
        return FM_OK;
    const char *kept = fm_arena_strdup(arena, value);
    settings[(*n)++] = (fm_setting){option->name, kept};
    return kept ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for the settings");
}

enum { OWN_SETTINGS = 3 };

/* Where the engine keeps packed weights, where the models are that come with fathom, and which one it is:
 * a run names its model also where the command did not. */
static fm_status put_own_settings(const fm_adapter_ops *adapter, fm_arena *arena,
                                  fm_setting *settings, size_t *n, fm_err *err)
{
    char packed[FM_PATH_BYTES], models[FM_PATH_BYTES];
    fm_status st = cli_shared_folder("models", models, err);

    cli_packed_folder(NULL, packed);
    if (st == FM_OK)
        st = put_setting(adapter, "packed_dir", packed, arena, settings, n, err);
    if (st == FM_OK)
        st = put_setting(adapter, "models_dir", models, arena, settings, n, err);
    return st == FM_OK ? put_setting(adapter, "model", NULL, arena, settings, n, err) : st;
}

/* The command line's settings, then those of the file that it leaves as they are, then our own. */
static fm_status read_settings(cli_run_plan *plan, const cli_args *args,
                               const fm_adapter_file *file, fm_err *err)
{
    fm_run_options *o = &plan->options;
    fm_setting *settings =
        fm_arena_alloc(&plan->arena, args->n + file->n_settings + OWN_SETTINGS, sizeof(*settings));

    if (!settings)
        return fm_fail(err, FM_E_NOMEM, "no memory for the settings");
    size_t given = 0, n;
    for (size_t i = 0; i < args->n; i++) {
        const cli_option *option = args->given[i].option;

        if (!option || (strcmp(option->name, "set") != 0 && !setting_of(option)))
            continue;
        fm_status st = read_setting(&args->given[i], &plan->arena, &settings[given], err);
        if (st != FM_OK)
            return st;
        given++;
    }
    n = given;
    for (size_t i = 0; i < file->n_settings; i++)
        if (!is_given(settings, given, file->settings[i].key))
            settings[n++] = file->settings[i];
    fm_status st = put_own_settings(plan->adapter, &plan->arena, settings, &n, err);
    o->settings = settings;
    o->n_settings = n;
    return st;
}

/* Prices are settings of the adapter's, whichever way they came. */
static fm_status read_prices(const fm_setting *settings, size_t n, fm_prices *out, fm_err *err)
{
    const struct {
        const char *key;
        double *value;
    } prices[] = {{"price_input", &out->input},
                  {"price_cached_input", &out->cached_input},
                  {"price_output", &out->output}};

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < FM_COUNT_OF(prices); k++)
            if (strcmp(settings[i].key, prices[k].key) == 0 &&
                (!fm_text_to_double(settings[i].value, prices[k].value) || *prices[k].value < 0))
                return fm_fail(err, FM_E_USAGE,
                               "setting '%s' wants money for a million tokens, not '%s'",
                               settings[i].key, settings[i].value);
    return FM_OK;
}

static fm_status choose_adapter(cli_run_plan *plan, const fm_catalog *catalog, const cli_args *args,
                                fm_err *err)
{
    const char *config = cli_value(args, "config");
    fm_adapter_file file = {0};
    fm_run_options *o = &plan->options;
    fm_setting *resolved;
    size_t n;
    fm_status st = config ? fm_adapter_file_load(config, &plan->arena, &file, err) : FM_OK;

    if (st != FM_OK)
        return st;
    o->adapter = cli_has(args, "adapter") ? cli_value(args, "adapter") : file.adapter;
    if (!o->adapter && config)
        return fm_fail(err, FM_E_USAGE, "'%s' names no adapter; add a line 'adapter: NAME'",
                       config);
    if (!o->adapter)
        return fm_fail(err, FM_E_USAGE, "'fathom run' needs --adapter A or --config FILE");
    o->pace = file.limits;
    st = fm_catalog_adapter(catalog, o->adapter, &plan->adapter, err);
    if (st == FM_OK)
        st = read_settings(plan, args, &file, err);
    /* Wrong settings are told before anything is read or made. */
    if (st == FM_OK)
        st = fm_adapter_resolve(plan->adapter, o->settings, o->n_settings, &plan->arena, &resolved,
                                &n, err);
    if (st != FM_OK)
        return st;
    o->settings = resolved;
    o->n_settings = n;
    return read_prices(resolved, n, &o->prices, err);
}

/* ---- numbers ---- */

static fm_status read_count(const cli_args *args, const char *name, int most, int *out, fm_err *err)
{
    uint64_t value = (uint64_t)*out;
    fm_status st = cli_number(args, name, 1, (uint64_t)most, &value, err);

    *out = (int)value;
    return st;
}

static fm_status read_amount(const cli_args *args, const char *name, double *out, fm_err *err)
{
    const char *text = cli_value(args, name);

    if (text && (!fm_text_to_double(text, out) || !(*out > 0)))
        return fm_fail(err, FM_E_USAGE, "option '--%s' wants a number over 0, not '%s'", name,
                       text);
    return FM_OK;
}

static fm_status read_limits(const cli_args *args, fm_run_options *o, fm_err *err)
{
    fm_status st = cli_seconds(args, "timeout", &o->timeout_s, err);

    if (st == FM_OK)
        st = cli_seconds(args, "connect-timeout", &o->connect_timeout_s, err);
    if (st == FM_OK)
        st = cli_seconds(args, "sample-timeout", &o->pace.sample_timeout_s, err);
    if (st == FM_OK)
        st = read_count(args, "concurrency", 4096, &o->pace.cap, err);
    if (st == FM_OK)
        st = read_count(args, "concurrency-start", 4096, &o->pace.start, err);
    if (st == FM_OK)
        st = read_count(args, "attempts", 100, &o->pace.attempts, err);
    if (st == FM_OK)
        st = read_amount(args, "requests-per-minute", &o->pace.requests_per_minute, err);
    if (st == FM_OK)
        st = read_amount(args, "tokens-per-minute", &o->pace.tokens_per_minute, err);
    /* A lower cap on the command line lowers the start that the file states. */
    if (st == FM_OK && !cli_has(args, "concurrency-start") && o->pace.cap &&
        o->pace.start > o->pace.cap)
        o->pace.start = o->pace.cap;
    return st == FM_OK ? fm_pace_check(&o->pace, err) : st;
}

/* "20" or "5%" */
static fm_status read_error_budget(const cli_args *args, fm_error_budget *out, fm_err *err)
{
    const char *text = cli_value(args, "max-errors");
    char number[32];
    uint64_t count;
    double percent;

    if (!text)
        return FM_OK;
    size_t size = strlen(text);
    snprintf(number, sizeof(number), "%s", text);
    if (size > 1 && size < sizeof(number) && text[size - 1] == '%') {
        number[size - 1] = '\0';
        if (fm_text_to_double(number, &percent) && percent >= 0 && percent <= 100) {
            *out = (fm_error_budget){FM_ERRORS_SHARE, percent / 100};
            return FM_OK;
        }
    } else if (fm_text_to_uint64(text, &count)) {
        *out = (fm_error_budget){FM_ERRORS_COUNT, (double)count};
        return FM_OK;
    }
    return fm_fail(err, FM_E_USAGE,
                   "option '--max-errors' wants a number of samples or a share like 5%%, not '%s'",
                   text);
}

static fm_status read_budgets(const cli_args *args, fm_run_options *o, fm_err *err)
{
    fm_status st = read_error_budget(args, &o->max_errors, err);

    if (st == FM_OK)
        st = read_amount(args, "max-cost", &o->max_cost, err);
    if (st == FM_OK && o->max_cost > 0 && o->prices.input <= 0 && o->prices.output <= 0)
        return fm_fail(err, FM_E_USAGE,
                       "option '--max-cost' needs prices: 'price' in the adapter's file, or --set "
                       "price_input=X --set price_output=X (for a million tokens)");
    return st;
}

/* ---- which samples ---- */

static fm_status read_filters(const cli_args *args, fm_selection *out, fm_err *err)
{
    for (size_t i = 0; i < args->n; i++) {
        const cli_given *given = &args->given[i];

        if (!given->option || strcmp(given->option->name, "filter") != 0)
            continue;
        if (out->n_filters == FM_MAX_FILTERS)
            return fm_fail(err, FM_E_USAGE, "more than %d filters", FM_MAX_FILTERS);
        out->filters[out->n_filters++] = given->value;
    }
    return FM_OK;
}

static fm_status read_shard(const cli_args *args, fm_selection *out, fm_err *err)
{
    const char *given = cli_value(args, "shard"), *source = NULL;
    char text[160];

    if (cli_has(args, "no-shard")) {
        if (given)
            return fm_fail(err, FM_E_USAGE,
                           "options '--shard' and '--no-shard' exclude each other");
        return FM_OK;
    }
    fm_status st = fm_shard_read(given, out, &source, err);
    if (st == FM_OK && out->shards && !given) {
        snprintf(text, sizeof(text), "shard %d of %d, as %s says (--no-shard runs all samples)",
                 out->shard, out->shards, source);
        cli_notice(NULL, text);
    }
    return st;
}

static fm_status read_selection(const cli_args *args, fm_run_options *o, fm_err *err)
{
    fm_selection *s = &o->selection;
    fm_status st = cli_number(args, "limit", 1, SIZE_MAX, &s->limit, err);

    s->shuffle = cli_has(args, "shuffle") || cli_has(args, "shuffle-seed");
    if (st == FM_OK && s->shuffle)
        st = cli_number(args, "shuffle-seed", 0, UINT64_MAX, &s->shuffle_seed, err);
    if (st == FM_OK)
        st = read_count(args, "repeat", 10000, &s->repeat, err);
    if (st == FM_OK)
        st = read_filters(args, s, err);
    if (st == FM_OK)
        st = read_shard(args, s, err);
    return st == FM_OK ? fm_selection_check(s, err) : st;
}

/* ---- places ---- */

/* A name of a model as a part of a folder's name. */
static void put_safe(fm_buf *out, const char *text)
{
    for (size_t i = 0; i < 80 && text[i]; i++) {
        bool plain = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') ||
                     (text[i] >= '0' && text[i] <= '9') || text[i] == '.' || text[i] == '_';

        fm_buf_putc(out, plain ? text[i] : '-');
    }
}

static fm_status choose_folder(cli_run_plan *plan, const cli_args *args, fm_err *err)
{
    fm_run_options *o = &plan->options;
    fm_adapter_config config = {.settings = o->settings, .n_settings = o->n_settings};
    const char *model = fm_adapter_setting(plan->adapter, &config, "model");
    const char *given = cli_value(args, "out");
    fm_buf out = {0};

    if (given)
        fm_buf_puts(&out, given);
    else
        fm_buf_printf(&out, "runs/%s-%s-%s", plan->target.task->name, plan->target.protocol->name,
                      plan->adapter->name);
    if (!given && model && *model) {
        fm_buf_putc(&out, '-');
        put_safe(&out, model);
    }
    if (!given && o->prompt_path) {
        fm_buf_putc(&out, '-');
        put_safe(&out, fm_path_base(o->prompt_path));
    }
    if (!given && o->frames)
        fm_buf_printf(&out, "-%llu-frames", (unsigned long long)o->frames);
    if (o->selection.shards)
        fm_buf_printf(&out, "/shard-%d-of-%d", o->selection.shard, o->selection.shards);
    fm_status st = fm_buf_check(&out, "the run directory's name", err);
    if (st == FM_OK && out.size >= sizeof(plan->out_dir))
        st = fm_fail(err, FM_E_USAGE, "path too long: '%.100s...'", fm_buf_text(&out));
    snprintf(plan->out_dir, sizeof(plan->out_dir), "%s", fm_buf_text(&out));
    fm_buf_release(&out);
    o->out_dir = plan->out_dir;
    snprintf(plan->label, sizeof(plan->label), "%s@%s, %s%s%.60s", plan->target.task->name,
             plan->target.protocol->name, plan->adapter->name, model && *model ? " " : "",
             model ? model : "");
    return st;
}

static fm_status open_cache(const cli_args *args, fm_run_options *o, fm_err *err)
{
    const char *dir = cli_value(args, "cache-dir");
    char own[FM_PATH_BYTES];

    o->cache_sampled = cli_has(args, "cache-sampled");
    if (!dir && !o->cache_sampled && !cli_has(args, "cache"))
        return FM_OK;
    if (!dir) {
        fm_status st = cli_cache_folder("replies", own, err);
        if (st != FM_OK)
            return st;
        dir = own;
    }
    return fm_cache_open(&o->cache, dir, cli_notice, NULL, err);
}

static fm_status read_cassettes(const cli_args *args, const fm_adapter_ops *adapter,
                                fm_run_options *o, fm_err *err)
{
    const char *given = cli_has(args, "record") ? "record" : "replay";

    o->record_path = cli_value(args, "record");
    o->replay_path = cli_value(args, "replay");
    if (!o->record_path && !o->replay_path)
        return FM_OK;
    if (o->record_path && o->replay_path)
        return fm_fail(err, FM_E_USAGE, "options '--record' and '--replay' exclude each other");
    if (!(adapter->caps & FM_CAP_WIRE))
        return fm_fail(err, FM_E_USAGE,
                       "option '--%s' is for adapters that speak HTTP, which '%s' does not", given,
                       adapter->name);
    return FM_OK;
}

/* ---- all of it ---- */

/* A gated run is shuffled, whether or not somebody asked for it. */
static fm_status read_gate(cli_run_plan *plan, const cli_args *args, fm_err *err)
{
    fm_selection *s = &plan->options.selection;

    plan->gate_against = cli_value(args, "gate-against");
    plan->gate = (fm_compare_options){.anytime = true,
                                      .cluster = FM_CLUSTER_NONE,
                                      .draws = FM_COMPARE_DRAWS,
                                      .seed = FM_COMPARE_SEED,
                                      .jobs = plan->options.jobs};
    fm_status st = cli_gate_read(args, "gate-against", &plan->arena, &plan->gate, err);
    if (st == FM_OK && plan->gate_against) {
        s->shuffle = true;
        st = cli_number(args, "shuffle-seed", 0, UINT64_MAX, &s->shuffle_seed, err);
    }
    return st;
}

fm_status cli_run_plan_make(cli_run_plan *plan, const fm_catalog *catalog, const cli_args *args,
                            fm_err *err)
{
    fm_run_options *o = &plan->options;
    uint64_t jobs = 0;

    o->target = cli_operand(args, 0);
    o->data_dir = cli_value(args, "data");
    o->answers = cli_value(args, "answers");
    o->prompt_path = cli_value(args, "prompt");
    o->notice = cli_notice;
    fm_status st = cli_number(args, "jobs", 0, CLI_MAX_JOBS, &jobs, err);
    o->jobs = (int)jobs;
    if (st == FM_OK)
        st = cli_number(args, "seed", 0, UINT64_MAX, &o->seed, err);
    if (st == FM_OK)
        st = cli_number(args, "frames", 1, FM_MAX_PICTURES, &o->frames, err);
    if (st == FM_OK)
        st = fm_catalog_target(catalog, o->target, &plan->arena, &plan->target, err);
    if (st == FM_OK)
        st = choose_adapter(plan, catalog, args, err);
    if (st == FM_OK)
        st = read_limits(args, o, err);
    if (st == FM_OK)
        st = read_budgets(args, o, err);
    if (st == FM_OK)
        st = read_selection(args, o, err);
    if (st == FM_OK)
        st = read_cassettes(args, plan->adapter, o, err);
    if (st == FM_OK)
        st = choose_folder(plan, args, err);
    if (st == FM_OK)
        st = read_gate(plan, args, err);
    return st == FM_OK ? open_cache(args, o, err) : st;
}

void cli_run_plan_release(cli_run_plan *plan)
{
    fm_cache_close(plan->options.cache);
    fm_arena_release(&plan->arena);
    *plan = (cli_run_plan){0};
}

const cli_option cli_run_option_table[] = {
    {.name = "adapter",
     .letter = 'a',
     .argument = "A",
     .help = "what answers: 'fathom list adapters'",
     .kind = CLI_ADAPTER,
     .group = "who answers"},
    {.name = "model", .letter = 'M', .argument = "M", .help = "the model: short for --set model=M"},
    {.name = "set",
     .letter = 's',
     .argument = "KEY=VALUE",
     .help = "a setting of the adapter",
     .repeats = true},
    {.name = "config",
     .letter = 'c',
     .argument = "FILE",
     .help = "adapter, settings, prices and limits in YAML; options win over it",
     .kind = CLI_FILE},
    {.name = "seed",
     .argument = "N",
     .fallback = "1",
     .help = "seed of adapters that draw numbers"},
    {.name = "ca-file",
     .argument = "FILE",
     .help = "certificates to trust, PEM: short for --set ca_file=FILE",
     .kind = CLI_FILE},
    {.name = "data",
     .argument = "DIR",
     .help = "folder of the benchmark's data (default: what 'fathom fetch' brought, or generated)",
     .kind = CLI_FOLDER,
     .group = "what is asked"},
    {.name = "answers",
     .argument = "FORM",
     .help = "form in which the prompt asks for a trace: tuples, json or xyz (default: the task's)",
     .kind = CLI_WORDS,
     .words = "tuples json xyz"},
    {.name = "prompt",
     .argument = "FILE",
     .help = "ask with this template in place of the suite's: text with {task}, {options}, "
             "{target}, {destination}",
     .kind = CLI_FILE},
    {.name = "frames",
     .argument = "N",
     .help = "of a video, show N frames at equal distances (up to 128)"},
    {.name = "filter",
     .argument = "EXPR",
     .help = "only samples that fit, like category=outdoor*, id!=7, steps>=3",
     .repeats = true},
    {.name = "limit", .letter = 'n', .argument = "N", .help = "only the first N samples"},
    {.name = "shuffle", .help = "ask in random order; with --limit, a random part"},
    {.name = "shuffle-seed",
     .argument = "N",
     .fallback = "1",
     .help = "which random order; implies --shuffle"},
    {.name = "repeat", .argument = "K", .help = "ask about every sample K times"},
    {.name = "shard",
     .argument = "I/N",
     .help = "the I-th (from 0) of N parts, to be joined by 'fathom merge'; read by itself in job "
             "arrays of Slurm and indexed jobs of Kubernetes"},
    {.name = "no-shard", .help = "all samples, in such a job too"},
    {.name = "gate-against",
     .argument = "RUN",
     .help = "ask in random order, and no further than it takes to tell whether the model is worse "
             "than that run",
     .group = "asked until a gate decides",
     .kind = CLI_RUN},
    {.name = "gate",
     .argument = "KIND",
     .help = "noninferior or superior, as in 'fathom compare' (default: noninferior)",
     .kind = CLI_WORDS,
     .words = "noninferior superior"},
    {.name = "margin", .argument = "X", .help = "3pp for a rate, or a number in the metric's unit"},
    {.name = "metric",
     .argument = "M,...",
     .help = "metrics that the gate is on (default: the protocol's own)",
     .repeats = true},
    {.name = "alpha", .argument = "A", .fallback = "0.05", .help = "chance of a wrong verdict"},
    {.name = "concurrency",
     .argument = "N",
     .help = "most requests in flight (default: 256; it grows to that by itself)",
     .group = "how fast, how long, for how much"},
    {.name = "concurrency-start",
     .argument = "N",
     .help = "requests in flight at first (default: 8)"},
    {.name = "requests-per-minute", .argument = "N", .help = "budget of requests"},
    {.name = "tokens-per-minute", .argument = "N", .help = "budget of tokens, in and out"},
    {.name = "attempts", .argument = "N", .help = "most attempts at one sample (default: 6)"},
    {.name = "timeout",
     .argument = "SECONDS",
     .help = "longest wait for one reply (default: the adapter's)"},
    {.name = "connect-timeout",
     .argument = "SECONDS",
     .help = "of it, for reaching the server (default: 10)"},
    {.name = "sample-timeout",
     .argument = "SECONDS",
     .help = "longest time for one sample, pauses and repeated attempts included"},
    {.name = "max-errors",
     .argument = "N[%]",
     .help = "stop with exit code 3 when more samples than that end in errors"},
    {.name = "max-cost",
     .argument = "X",
     .help = "stop with exit code 3 when the run has cost that much"},
    {.name = "out",
     .letter = 'o',
     .argument = "DIR",
     .help = "run directory (default: runs/TASK-PROTOCOL-ADAPTER, then -MODEL and -PROMPT where "
             "given); a shard's is shard-I-of-N inside it",
     .kind = CLI_FOLDER,
     .group = "what is kept"},
    {.name = "cache", .help = "answer from the response cache what was asked before, and fill it"},
    {.name = "cache-sampled",
     .help = "the same for replies that were drawn at random (temperature over 0)"},
    {.name = "cache-dir",
     .argument = "DIR",
     .help = "the cache's folder, implies --cache (default: replies in $FATHOM_CACHE)",
     .kind = CLI_FOLDER},
    {.name = "record",
     .argument = "FILE",
     .help = "write the HTTP exchanges into a cassette, without keys",
     .kind = CLI_FILE},
    {.name = "replay",
     .argument = "FILE",
     .help = "answer from a cassette instead of the network",
     .kind = CLI_FILE},
    {.name = "dry-run",
     .help = "show what would be sent, in requests, bytes, tokens and money; send and write "
             "nothing",
     .group = "otherwise"},
    {.name = "jobs",
     .letter = 'j',
     .argument = "N",
     .help = "threads that grade; results do not depend on it (default: one a processor)"},
    {.name = "json",
     .help = "print results.json instead of the table, and the progress as JSON lines"},
    {0},
};
