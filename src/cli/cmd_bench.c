/* fathom bench: how fast a model runs here, beside what this machine can do at best. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "adapters/engine_input.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/rng.h"
#include "base/size.h"
#include "base/text.h"
#include "commands.h"
#include "engine/config.h"
#include "engine/layout.h"
#include "engine/limits.h"
#include "interrupt.h"
#include "open_model.h"
#include "terminal.h"

#define SCHEMA "fathom.bench/1"

enum {
    TOGETHER = 4, /* questions that are decoded side by side */
    MAX_ROUNDS = 64,
    MAX_PROMPT = 1 << 20,
    READ_BYTES = 256 << 20,
};

/* Values of all rounds; the median is shown. */
typedef struct {
    double values[MAX_ROUNDS];
    size_t n;
} rounds;

typedef struct {
    const cli_args *args;
    cli_model model;
    rt_description about;
    uint64_t n_rounds, prompt, tokens, width, height;
    double multiplied; /* weights of the language model that a token is multiplied by */

    double open_s;
    rounds pictures_s, space_s, prefill, decode, together; /* the last three in tokens a second */
    rounds read;                                           /* 1e9 bytes a second */
    double f32, bf16, int8;                                /* 1e9 operations a second */
    double peak_bytes;
    int prefill_tokens, picture_tokens;
} bench;

static void note(rounds *r, double value)
{
    r->values[r->n++] = value;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* 0 where there is none. */
static double median(const rounds *r)
{
    rounds sorted = *r;

    if (r->n == 0)
        return 0;
    qsort(sorted.values, sorted.n, sizeof(*sorted.values), by_value);
    return (sorted.values[(sorted.n - 1) / 2] + sorted.values[sorted.n / 2]) / 2;
}

/* ---- what a token takes ---- */

typedef struct {
    double embedded, all;
    bool tied;
} weighing;

static fm_status weigh(void *context, const rt_slot *slot, fm_err *err)
{
    weighing *w = context;
    double n = 1;

    (void)err;
    for (int i = 0; i < slot->rank; i++)
        n *= (double)slot->shape[i];
    if (strcmp(slot->part, "llm") == 0 && slot->rank >= 2) {
        w->all += n;
        if (strstr(slot->name, "embed_tokens"))
            w->embedded = n;
    }
    return FM_OK;
}

/* Looking up an embedding takes one row; where it serves as the output as well, all of it is read. */
static fm_status weigh_model(bench *b, fm_err *err)
{
    fm_arena arena = {0};
    rt_config config;
    weighing w = {0};
    fm_status st = rt_config_read(b->model.folder, &arena, &config, err);

    if (st == FM_OK)
        st = rt_layout_walk(&config, weigh, &w, err);
    if (st == FM_OK)
        b->multiplied = w.all - (config.llm.tied ? 0 : w.embedded);
    fm_arena_release(&arena);
    return st;
}

static double bytes_a_weight(const char *kind)
{
    static const struct {
        const char *name;
        double bytes;
    } kinds[] = {{"f32", 4}, {"f16", 4}, {"bf16", 2}, {"q8", 34.0 / 32}, {"q4", 18.0 / 32}};

    for (size_t i = 0; i < FM_COUNT_OF(kinds); i++)
        if (strcmp(kinds[i].name, kind) == 0)
            return kinds[i].bytes;
    return 0;
}

static double gigabytes_a_second(const bench *b)
{
    return median(&b->decode) * b->multiplied * bytes_a_weight(b->about.weights) * 1e-9;
}

static double gigaflops(const bench *b)
{
    return median(&b->prefill) * 2 * b->multiplied * 1e-9;
}

/* ---- measuring ---- */

/* For a signal that came just before the call, which does not know of it. */
static bool go_on(void *context, size_t question, const char *text, size_t size)
{
    (void)context, (void)question, (void)text, (void)size;
    return !cli_interrupted;
}

static fm_status ask(rt_scene *scene, const char *text, size_t n, uint64_t tokens,
                     rt_answer *answers, fm_err *err)
{
    static const rt_listener listener = {.sink = go_on};
    rt_question questions[TOGETHER];
    rt_err inner = {0};

    for (size_t i = 0; i < n; i++)
        questions[i] = (rt_question){.text = text, .max_answer_tokens = (int)tokens};
    fm_status st =
        fm_engine_status(rt_ask(scene, questions, n, &listener, answers, &inner), &inner, err);
    return cli_unless_interrupted(st, err);
}

static char *digits(size_t n)
{
    char *text = malloc(n + 1);

    for (size_t i = 0; text && i < n; i++)
        text[i] = (char)('0' + i % 10);
    if (text)
        text[n] = '\0';
    return text;
}

/* A question of about as many tokens as are wanted: digits are a token each in most vocabularies, and
 * where they are not, the second length is right. */
static fm_status make_question(bench *b, rt_scene *scene, char **out, fm_err *err)
{
    rt_answer answer = {0};
    fm_status st = FM_OK;

    *out = digits(b->prompt);
    if (*out)
        st = ask(scene, *out, 1, 1, &answer, err);
    int took = answer.prompt_tokens - answer.reused_tokens;
    rt_answer_release(&answer);
    if (*out && st == FM_OK && took > 0 && (uint64_t)took != b->prompt) {
        double longer = (double)b->prompt * (double)b->prompt / took;

        free(*out);
        *out = digits(longer < MAX_PROMPT ? (size_t)longer + 1 : MAX_PROMPT);
    }
    return *out ? st : fm_fail(err, FM_E_NOMEM, "no memory for a question");
}

static fm_status measure_words(bench *b, rt_scene *scene, const char *question, fm_err *err)
{
    rt_answer one = {0}, four[TOGETHER] = {{0}};
    double tokens = 0, longest_s = 0;
    fm_status st = ask(scene, question, 1, b->tokens, &one, err);

    if (st == FM_OK)
        st = ask(scene, question, TOGETHER, b->tokens, four, err);
    if (st == FM_OK) {
        b->prefill_tokens = one.prompt_tokens - one.reused_tokens;
        note(&b->prefill, b->prefill_tokens / one.prefill_s);
        note(&b->decode, one.answer_tokens / one.decode_s);
        for (size_t i = 0; i < TOGETHER; i++) {
            tokens += four[i].answer_tokens;
            longest_s = four[i].decode_s > longest_s ? four[i].decode_s : longest_s;
        }
        note(&b->together, tokens / longest_s);
    }
    rt_answer_release(&one);
    for (size_t i = 0; i < TOGETHER; i++)
        rt_answer_release(&four[i]);
    return st;
}

static fm_status measure_picture(bench *b, const rt_picture *picture, fm_err *err)
{
    rt_scene *scene = NULL;
    rt_answer answer = {0};
    rt_err inner = {0};
    fm_status st =
        fm_engine_status(rt_scene_new(&scene, b->model.model, picture, 1, &inner), &inner, err);

    st = cli_unless_interrupted(st, err);
    if (st == FM_OK)
        st = ask(scene, "?", 1, 1, &answer, err);
    if (st == FM_OK) {
        note(&b->pictures_s, answer.vision_s);
        note(&b->space_s, answer.spatial_s);
        b->picture_tokens = answer.prompt_tokens;
    }
    rt_answer_release(&answer);
    rt_scene_free(scene);
    return st;
}

/* Noise with a depth of 1 to 2 m: what a picture shows does not change what it costs. */
static fm_status make_picture(const bench *b, rt_picture *out, fm_err *err)
{
    size_t n = (size_t)(b->width * b->height);
    uint8_t *rgb = malloc(3 * n);
    float *depth = malloc(n * sizeof(*depth));
    fm_rng rng;

    *out = (rt_picture){.rgb = rgb,
                        .depth_m = depth,
                        .width = (int)b->width,
                        .height = (int)b->height,
                        .has_intrinsics = true,
                        .fx = (double)b->width,
                        .fy = (double)b->width,
                        .cx = (double)b->width / 2,
                        .cy = (double)b->height / 2};
    if (!rgb || !depth)
        return fm_fail(err, FM_E_NOMEM, "no memory for a picture");
    fm_rng_seed(&rng, 1);
    for (size_t i = 0; i < 3 * n; i++)
        rgb[i] = (uint8_t)(fm_rng_next(&rng) >> 56);
    for (size_t i = 0; i < n; i++)
        depth[i] = (float)fm_rng_range(&rng, 1, 2);
    return FM_OK;
}

static fm_status measure_machine(bench *b, rt_pool **pool, uint8_t **bytes, fm_err *err)
{
    fm_status st = rt_pool_new(pool, b->about.threads, err);

    if (st != FM_OK)
        return st;
    *bytes = malloc(READ_BYTES);
    if (!*bytes)
        return fm_fail(err, FM_E_NOMEM, "no memory to measure with");
    memset(*bytes, 1, READ_BYTES);
    b->f32 = rt_limit(*pool, b->about.isa, RT_LIMIT_F32);
    b->bf16 = rt_limit(*pool, b->about.isa, RT_LIMIT_BF16);
    b->int8 = rt_limit(*pool, b->about.isa, RT_LIMIT_INT8);
    return FM_OK;
}

/* The machine is looked at in every round: on a shared one its speed changes by the minute. */
static fm_status measure(bench *b, rt_scene *words, fm_err *err)
{
    rt_picture picture = {0};
    rt_pool *pool = NULL;
    uint8_t *bytes = NULL;
    char *question = NULL;
    fm_status st = make_question(b, words, &question, err);

    if (st == FM_OK && b->about.sees)
        st = make_picture(b, &picture, err);
    if (st == FM_OK)
        st = measure_machine(b, &pool, &bytes, err);
    for (uint64_t i = 0; st == FM_OK && i < b->n_rounds; i++) {
        note(&b->read, rt_limit_read(pool, bytes, READ_BYTES));
        st = measure_words(b, words, question, err);
        if (st == FM_OK && b->about.sees)
            st = measure_picture(b, &picture, err);
    }
    rt_pool_free(pool);
    free(bytes);
    free(question);
    free((void *)(uintptr_t)picture.rgb);
    free((void *)(uintptr_t)picture.depth_m);
    return st;
}

static fm_status open_and_measure(bench *b, fm_err *err)
{
    rt_scene *words = NULL;
    rt_err inner = {0};
    struct rusage used;
    double start = fm_clock_seconds();
    fm_status st = cli_model_open(&b->model, b->args, cli_operand(b->args, 0), err);

    b->open_s = fm_clock_seconds() - start;
    if (st == FM_OK)
        st = weigh_model(b, err);
    if (st != FM_OK)
        return st;
    rt_model_describe(b->model.model, &b->about);
    st = fm_engine_status(rt_scene_new(&words, b->model.model, NULL, 0, &inner), &inner, err);
    st = cli_unless_interrupted(st, err);
    if (st == FM_OK)
        st = measure(b, words, err);
    rt_scene_free(words);
    if (getrusage(RUSAGE_SELF, &used) == 0)
        b->peak_bytes = (double)used.ru_maxrss * 1024 - READ_BYTES; /* ours, all the time */
    return st;
}

/* ---- what is shown ---- */

static void put_row(fm_buf *out, const char *name, const char *model, const char *machine)
{
    fm_buf_printf(out, "  %-28s %18s%s%s\n", name, model, *machine ? "   " : "", machine);
}

static void put_seconds(fm_buf *out, const char *name, double seconds, const char *machine)
{
    char text[32];

    snprintf(text, sizeof(text), "%.3f s", seconds);
    put_row(out, name, text, machine);
}

static void put_speed(fm_buf *out, const char *name, double tokens_a_second, const char *machine)
{
    char text[48];

    snprintf(text, sizeof(text), "%.1f tokens/s", tokens_a_second);
    put_row(out, name, text, machine);
}

static void put_memory(fm_buf *out, const bench *b)
{
    fm_buf peak = {0}, weights = {0};

    cli_put_size(&peak, (uint64_t)b->peak_bytes);
    cli_put_size(&weights, b->about.weight_bytes);
    fm_buf_puts(&weights, " of weights");
    put_row(out, "memory at most", fm_buf_text(&peak), fm_buf_text(&weights));
    fm_buf_release(&peak);
    fm_buf_release(&weights);
}

static void put_text(fm_buf *out, const bench *b)
{
    char name[64], machine[128];

    fm_text_for_terminal(out, b->about.name, strlen(b->about.name));
    fm_buf_printf(out, ": %s · %s · %s%s%s · %d %s · %s of %zu %s\n\n", b->about.architecture,
                  b->about.weights, b->about.isa, b->about.isa_version ? " " : "",
                  b->about.isa_version ? b->about.isa_version : "", b->about.threads,
                  b->about.threads == 1 ? "thread" : "threads",
                  b->decode.n == 1 ? "values" : "medians", b->decode.n,
                  b->decode.n == 1 ? "round" : "rounds");
    put_row(out, "", "this model", "what it means, and this machine at best");
    put_seconds(out, "opening", b->open_s, "");
    if (b->about.sees) {
        snprintf(name, sizeof(name), "picture, %d x %d", (int)b->width, (int)b->height);
        snprintf(machine, sizeof(machine), "%d tokens with a question", b->picture_tokens);
        put_seconds(out, name, median(&b->pictures_s), machine);
    }
    if (b->about.spatial)
        put_seconds(out, "its space", median(&b->space_s), "");
    snprintf(name, sizeof(name), "reading %d tokens", b->prefill_tokens);
    char bf16[32] = "";
    if (b->bf16 > 0)
        snprintf(bf16, sizeof(bf16), ", bf16 %.0f", b->bf16);
    snprintf(machine, sizeof(machine), "%.0f GFLOP/s; f32 %.0f%s, bytes %.0f", gigaflops(b), b->f32,
             bf16, b->int8);
    put_speed(out, name, median(&b->prefill), machine);
    snprintf(machine, sizeof(machine), "%.1f GB/s; a plain read %.1f", gigabytes_a_second(b),
             median(&b->read));
    put_speed(out, "writing", median(&b->decode), machine);
    snprintf(name, sizeof(name), "writing, %d together", (int)TOGETHER);
    snprintf(machine, sizeof(machine), "%.2f times one",
             median(&b->decode) > 0 ? median(&b->together) / median(&b->decode) : 0);
    put_speed(out, name, median(&b->together), machine);
    put_memory(out, b);
}

static void put_json(fm_buf *out, const bench *b)
{
    fm_json_writer w = {.out = out, .pretty = true};

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", SCHEMA);
    fm_json_put_string(&w, "model", b->about.name);
    fm_json_put_string(&w, "architecture", b->about.architecture);
    fm_json_put_string(&w, "weights", b->about.weights);
    fm_json_put_string(&w, "isa", b->about.isa);
    if (b->about.isa_version)
        fm_json_put_string(&w, "isa_version", b->about.isa_version);
    fm_json_put_int(&w, "threads", b->about.threads);
    fm_json_put_int(&w, "rounds", (int64_t)b->decode.n);
    fm_json_put_number(&w, "weight_bytes", (double)b->about.weight_bytes);
    fm_json_put_number(&w, "peak_bytes", b->peak_bytes);
    fm_json_put_number(&w, "open_s", b->open_s);
    if (b->about.sees) {
        fm_json_put_int(&w, "width", (int64_t)b->width);
        fm_json_put_int(&w, "height", (int64_t)b->height);
        fm_json_put_int(&w, "picture_tokens", b->picture_tokens);
        fm_json_put_number(&w, "vision_s", median(&b->pictures_s));
    }
    if (b->about.spatial)
        fm_json_put_number(&w, "spatial_s", median(&b->space_s));
    fm_json_put_int(&w, "prefill_tokens", b->prefill_tokens);
    fm_json_put_number(&w, "prefill_tokens_per_s", median(&b->prefill));
    fm_json_put_number(&w, "prefill_gflop_per_s", gigaflops(b));
    fm_json_put_number(&w, "decode_tokens_per_s", median(&b->decode));
    fm_json_put_number(&w, "decode_gb_per_s", gigabytes_a_second(b));
    fm_json_put_int(&w, "together", TOGETHER);
    fm_json_put_number(&w, "together_tokens_per_s", median(&b->together));
    fm_json_put_number(&w, "machine_read_gb_per_s", median(&b->read));
    fm_json_put_number(&w, "machine_f32_gflop_per_s", b->f32);
    fm_json_put_number(&w, "machine_bf16_gflop_per_s", b->bf16);
    fm_json_put_number(&w, "machine_int8_gop_per_s", b->int8);
    fm_json_close(&w, '}');
    fm_buf_putc(out, '\n');
}

/* ---- the command ---- */

static fm_status read_size(bench *b, fm_err *err)
{
    const char *text = cli_value(b->args, "picture");
    unsigned width, height;
    int end = 0;

    if (sscanf(text, "%5ux%5u%n", &width, &height, &end) != 2 || text[end] || width == 0 ||
        height == 0 || width > 8192 || height > 8192)
        return fm_fail(err, FM_E_USAGE,
                       "option '--picture' wants a size like 640x480, up to 8192 each, not '%s'",
                       text);
    b->width = width;
    b->height = height;
    return FM_OK;
}

static fm_status read_options(bench *b, fm_err *err)
{
    const cli_args *args = b->args;
    fm_status st = cli_number(args, "rounds", 1, MAX_ROUNDS, &b->n_rounds, err);

    if (st == FM_OK)
        st = cli_number(args, "prompt", 1, 32768, &b->prompt, err);
    if (st == FM_OK)
        st = cli_number(args, "tokens", 1, 32768, &b->tokens, err);
    return st == FM_OK ? read_size(b, err) : st;
}

static fm_status bench_run(const cli_args *args, fm_err *err)
{
    bench b = {.args = args};
    fm_buf out = {0};
    fm_status st = read_options(&b, err);

    cli_catch_interrupt();
    if (st == FM_OK)
        st = open_and_measure(&b, err);
    if (st == FM_OK) {
        if (cli_has(args, "json"))
            put_json(&out, &b);
        else
            put_text(&out, &b);
        st = cli_print(&out, err);
    }
    fm_buf_release(&out);
    cli_model_close(&b.model);
    return st;
}

static const char *const description[] = {
    "Measures a model (robotracer-nano, which comes along, a folder, or a GGUF file): opening it, "
    "looking at a picture, reading a "
    "question, writing an answer alone and four together, and memory, beside what this machine can "
    "do "
    "at best: multiplications from registers, and a plain read of memory.",
    "Every round measures all of it in turn, because a shared machine's speed changes by the "
    "minute; "
    "medians are shown. 'fathom init' makes a model of any size.",
    NULL,
};

static const cli_option options_table[] = {
    {.name = "rounds", .letter = 'r', .argument = "N", .fallback = "3", .help = "rounds"},
    {.name = "prompt", .argument = "N", .fallback = "256", .help = "tokens that are read, about"},
    {.name = "tokens", .argument = "N", .fallback = "32", .help = "most tokens that are written"},
    {.name = "picture", .argument = "WxH", .fallback = "640x480", .help = "size of the picture"},
    CLI_MODEL_OPTIONS(NULL),
    {.name = "json", .help = "as JSON (schema fathom.bench/1)"},
    {0},
};

static const cli_example examples[] = {
    {"fathom bench robotracer-nano", "how fast it runs here"},
    {"fathom bench models/random-2b --weights q8", "in 8 bits"},
    {0},
};

const cli_command cli_command_bench = {
    .name = "bench",
    .summary = "measure how fast a model runs on this machine",
    .operands = "MODEL",
    .operand_kind = CLI_FOLDER,
    .min_operands = 1,
    .max_operands = 1,
    .description = description,
    .options = options_table,
    .examples = examples,
    .run = bench_run,
};
