/* fathom quantize: a model with smaller weights, or for other programs. */
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "base/text.h"
#include "commands.h"
#include "engine/quantise.h"
#include "interrupt.h"
#include "progress.h"
#include "terminal.h"

static fm_status read_options(const cli_args *args, rt_quantise *out, fm_err *err)
{
    static const struct {
        const char *name;
        rt_kind kind;
    } kinds[] = {
        {"q8", RT_Q8_0}, {"q4", RT_Q4_0}, {"bf16", RT_BF16}, {"f16", RT_F16}, {"f32", RT_F32}};
    const char *to = cli_value(args, "to"), *parts = cli_value(args, "parts");

    out->all_parts = strcmp(parts, "all") == 0;
    if (!out->all_parts && strcmp(parts, "llm") != 0)
        return fm_fail(err, FM_E_USAGE, "option '--parts' wants llm or all, not '%s'", parts);
    for (size_t i = 0; i < FM_COUNT_OF(kinds); i++)
        if (strcmp(to, kinds[i].name) == 0) {
            out->to = kinds[i].kind;
            return FM_OK;
        }
    return fm_fail(err, FM_E_USAGE, "option '--to' wants q8, q4, bf16, f16 or f32, not '%s'", to);
}

/* A file of GGUF, or a folder of safetensors: as it is said, else by the name's ending. */
static fm_status read_format(const cli_args *args, const char *out, bool *gguf, fm_err *err)
{
    static const char ending[] = ".gguf";
    const char *format = cli_value(args, "format");
    size_t n = strlen(out);

    *gguf = format ? strcmp(format, "gguf") == 0
                   : n > sizeof(ending) - 1 && strcmp(out + n - sizeof(ending) + 1, ending) == 0;
    if (format && !*gguf && strcmp(format, "safetensors") != 0)
        return fm_fail(err, FM_E_USAGE, "option '--format' wants gguf or safetensors, not '%s'",
                       format);
    if (*gguf && strcmp(cli_value(args, "parts"), "all") == 0)
        return fm_fail(err, FM_E_USAGE,
                       "a GGUF file holds the language model alone: '--parts all' wants a folder");
    return FM_OK;
}

static void tell(const rt_quantise_totals *totals)
{
    fm_buf text = {0};

    cli_put_size(&text, totals->before);
    fm_buf_puts(&text, " became ");
    cli_put_size(&text, totals->after);
    cli_line_print(&text);
    fm_buf_release(&text);
}

static fm_status quantize_run(const cli_args *args, fm_err *err)
{
    const char *made = cli_operand(args, 1);
    cli_amount_progress progress = {.label = made};
    bool gguf = false;
    rt_quantise options = {
        .stop = &cli_interrupted, .progress = cli_amount_progress_show, .context = &progress};
    rt_quantise_totals totals = {0};
    fm_buf out = {0};
    fm_status st = read_options(args, &options, err);

    if (st == FM_OK)
        st = read_format(args, made, &gguf, err);
    if (st != FM_OK)
        return st;
    cli_catch_interrupt();
    st = (gguf ? rt_quantise_gguf : rt_quantise_folder)(cli_operand(args, 0), made, &options,
                                                        &totals, err);
    cli_line_clear();
    if (st != FM_OK)
        return st;
    tell(&totals);
    fm_text_for_terminal(&out, made, strlen(made));
    fm_buf_putc(&out, '\n');
    st = cli_print(&out, err);
    fm_buf_release(&out);
    return st;
}

static const char *const description[] = {
    "Writes a model folder whose matrices are stored in blocks of 32 with one scale each: 8.5 bits "
    "a number (q8) or 4.5 (q4), or one whose weights are all bf16, f16 or f32. Embeddings and the "
    "head become q8 with q4 as well; norms, biases and convolutions stay what they are; everything "
    "else is copied.",
    "Where OUT ends with .gguf, the language model alone is written as a GGUF file, with its "
    "vocabulary, for llama.cpp and others: q8_0, q4_0, bf16, f16 or f32. MODEL may then be a GGUF "
    "file too. Qwen2 and Qwen3 can be written.",
    "Blocks are those of GGUF's q8_0 and q4_0, in safetensors as bytes with metadata that say so "
    "(docs/engine.md).",
    NULL,
};

static const cli_option options[] = {
    {.name = "to",
     .argument = "KIND",
     .help = "q8, q4, bf16, f16 or f32",
     .words = "q8 q4 bf16 f16 f32",
     .required = true,
     .kind = CLI_WORDS},
    {.name = "format",
     .argument = "FORMAT",
     .help = "gguf or safetensors (default: gguf where OUT ends with .gguf)",
     .words = "gguf safetensors",
     .kind = CLI_WORDS},
    {.name = "parts",
     .argument = "PARTS",
     .fallback = "llm",
     .help = "what gets blocks: llm, or all (towers, encoder and projectors too)",
     .words = "llm all",
     .kind = CLI_WORDS},
    {0},
};

static const cli_example examples[] = {
    {"fathom quantize models/robotracer-2b models/robotracer-2b-q8 --to q8", "half the size"},
    {"fathom quantize models/robotracer-2b robotracer-2b.gguf --to q4", "for llama.cpp"},
    {0},
};

const cli_command cli_command_quantize = {
    .name = "quantize",
    .summary = "store a model's weights in fewer bits, or as GGUF",
    .operands = "MODEL OUT",
    .operand_kind = CLI_FOLDER,
    .min_operands = 2,
    .max_operands = 2,
    .description = description,
    .options = options,
    .examples = examples,
    .run = quantize_run,
};
