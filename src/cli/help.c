/* Owns the wording and layout of the help; what it says about commands stands in their tables. */
#include "help.h"

#include <ctype.h>
#include <string.h>

#include "base/size.h"
#include "base/text.h"
#include "fathom/version.h"

enum { HELP_COLUMN = 28, HELP_WIDTH = 100 };

static const char tagline[] =
    "evaluation and benchmarking for models that see, measure and point in space";

static const char *const about[] = {
    "fathom asks a model, a program or a file of replies about every sample of a benchmark, "
    "keeps the replies in a run directory, and grades them by a published protocol. Grading is a "
    "pure function of that directory: it can be repeated, byte for byte, without the model.",
    NULL,
};

static const cli_example start_here[] = {
    {"fathom run tabletop --adapter oracle", "run a bundled suite; no download, no model"},
    {"fathom list", "what there is to run and to run it with"},
    {"fathom help run", "all options of a command"},
    {0},
};

typedef struct {
    const char *name, *says;
} variable;

static const variable environment[] = {
    {"FATHOM_SUITES", "folder of suites, instead of share/fathom/suites beside the program"},
    {"FATHOM_CACHE",
     "folder for generated data and cached replies, instead of $XDG_CACHE_HOME/fathom or "
     "~/.cache/fathom"},
    {"HF_TOKEN, HF_HOME, HF_ENDPOINT",
     "the token, the folder and the address of the hub: docs/fetching.md has all of them"},
    {"NO_COLOR", "no colours, unless --color=always"},
    {"COLUMNS", "how wide tables are that go into a pipe or a file, where it is exported"},
};

/* ---- pieces ---- */

/* "-a, --adapter A" */
static void put_option_name(fm_buf *out, const cli_option *o)
{
    if (o->letter)
        fm_buf_printf(out, "-%c, ", o->letter);
    fm_buf_printf(out, "--%s", o->name);
    if (o->argument)
        fm_buf_printf(out, " %s", o->argument);
}

static void put_option_text(fm_buf *out, const cli_option *o)
{
    fm_buf_puts(out, o->help);
    if (o->required)
        fm_buf_puts(out, " (required)");
    if (o->repeats)
        fm_buf_puts(out, " (may be repeated)");
    if (o->fallback)
        fm_buf_printf(out, " (default: %s)", o->fallback);
}

/* "fathom run SUITE[@PROTOCOL] --adapter A [options]"; a second form stands after `between`. */
static void put_usage(fm_buf *out, const cli_command *command, const char *between)
{
    fm_buf_printf(out, "fathom %s", command->name);
    if (*command->operands)
        fm_buf_printf(out, " %s", command->operands);
    for (const cli_option *o = command->options; o && o->name; o++)
        if (o->required)
            fm_buf_printf(out, " --%s %s", o->name, o->argument);
    fm_buf_puts(out, " [options]");
    if (command->other_form)
        fm_buf_printf(out, "%sfathom %s %s [options]", between, command->name, command->other_form);
}

static bool has_exit_code(int code, fm_status before)
{
    for (int st = 0; st < (int)before; st++)
        if (fm_status_exit_code((fm_status)st) == code)
            return true;
    return false;
}

/* Meanings of one exit code, joined: several statuses may share it. */
static void put_exit_meaning(fm_buf *out, int code)
{
    const char *between = "";

    for (int st = 0; st < FM_STATUS_COUNT; st++) {
        if (fm_status_exit_code((fm_status)st) != code)
            continue;
        fm_buf_printf(out, "%s%s", between, fm_status_meaning((fm_status)st));
        between = "; ";
    }
}

/* ---- terminal ---- */

static void put_heading(fm_buf *out, const cli_style *style, const char *text)
{
    fm_buf_printf(out, "\n%s%s%s\n", cli_bold(style), text, cli_plain(style));
}

/* Two columns: a name, and what it is, wrapped beside it. */
static void put_entry(fm_buf *out, const cli_style *style, const char *name, int column,
                      const char *says)
{
    int at = 2 + (int)fm_text_columns(name);

    fm_buf_printf(out, "  %s%s%s", cli_accent(style), name, cli_plain(style));
    if (at + 2 > column) {
        fm_buf_putc(out, '\n');
        at = 0;
    }
    fm_buf_printf(out, "%*s", column - at, "");
    cli_wrap(out, says, column, column, style->width);
}

static void put_options(fm_buf *out, const cli_style *style, const cli_option *options)
{
    fm_buf name = {0}, says = {0};

    for (const cli_option *o = options; o && o->name; o++) {
        fm_buf_clear(&name);
        fm_buf_clear(&says);
        if (o->group)
            put_heading(out, style, o->group);
        /* Long names stand in one column, whether or not a short one is before them. */
        if (!o->letter)
            fm_buf_puts(&name, "    ");
        put_option_name(&name, o);
        put_option_text(&says, o);
        put_entry(out, style, fm_buf_text(&name), HELP_COLUMN, fm_buf_text(&says));
    }
    fm_buf_release(&name);
    fm_buf_release(&says);
}

static void put_examples(fm_buf *out, const cli_style *style, const cli_example *examples)
{
    for (const cli_example *e = examples; e && e->line; e++) {
        fm_buf_printf(out, "  %s# ", cli_faint(style));
        fm_buf_printf(out, "%s%s\n", e->says, cli_plain(style));
        fm_buf_printf(out, "  %s\n", e->line);
    }
}

static cli_style narrowed(const cli_style *style)
{
    cli_style narrow = *style;

    narrow.width = style->width < HELP_WIDTH ? style->width : HELP_WIDTH;
    return narrow;
}

void cli_help_program(fm_buf *out, const cli_style *given)
{
    cli_style style = narrowed(given);

    fm_buf_printf(out, "%sfathom%s: %s\n", cli_bold(&style), cli_plain(&style), tagline);
    put_heading(out, &style, "usage");
    fm_buf_puts(out, "  fathom <command> [options]\n");
    put_heading(out, &style, "commands");
    for (size_t i = 0; cli_commands[i]; i++)
        put_entry(out, &style, cli_commands[i]->name, 14, cli_commands[i]->summary);
    put_heading(out, &style, "global options");
    put_options(out, &style, cli_global_options);
    put_heading(out, &style, "start here");
    put_examples(out, &style, start_here);
}

void cli_help_command(fm_buf *out, const cli_style *given, const cli_command *command)
{
    cli_style style = narrowed(given);

    fm_buf_printf(out, "%sfathom %s%s: %s\n", cli_bold(&style), command->name, cli_plain(&style),
                  command->summary);
    put_heading(out, &style, "usage");
    fm_buf_puts(out, "  ");
    put_usage(out, command, "\n  ");
    fm_buf_putc(out, '\n');
    for (const char *const *p = command->description; p && *p; p++) {
        fm_buf_puts(out, "\n");
        cli_wrap(out, *p, 0, 0, style.width);
    }
    if (command->options) {
        if (!command->options->group)
            put_heading(out, &style, "options");
        put_options(out, &style, command->options);
    }
    put_heading(out, &style, "global options");
    put_options(out, &style, cli_global_options);
    if (command->examples) {
        put_heading(out, &style, "examples");
        put_examples(out, &style, command->examples);
    }
}

/* ---- man pages ---- */

/* Text as roff: a backslash, a leading dot or quote and hyphens would act. */
static void put_roff(fm_buf *out, const char *text)
{
    bool line_start = out->size == 0 || out->data[out->size - 1] == '\n';

    for (const char *p = text; *p; p++) {
        if (line_start && (*p == '.' || *p == '\''))
            fm_buf_puts(out, "\\&");
        if (*p == '\\')
            fm_buf_puts(out, "\\e");
        else if (*p == '-')
            fm_buf_puts(out, "\\-");
        else if (*p == '~')
            fm_buf_puts(out, "\\(ti");
        else
            fm_buf_putc(out, *p);
        line_start = false;
    }
}

static void roff_title(fm_buf *out, const char *page, const char *summary)
{
    fm_buf_puts(out, ".TH ");
    for (const char *p = page; *p; p++)
        fm_buf_putc(out, (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p));
    fm_buf_printf(out, " 1 \"\" \"fathom %s\" \"fathom manual\"\n.SH NAME\n", FM_VERSION);
    put_roff(out, page);
    fm_buf_puts(out, " \\- ");
    put_roff(out, summary);
    fm_buf_putc(out, '\n');
}

static void roff_entry(fm_buf *out, const char *name, const char *says)
{
    fm_buf_puts(out, ".TP\n\\fB");
    put_roff(out, name);
    fm_buf_puts(out, "\\fR\n");
    put_roff(out, says);
    fm_buf_putc(out, '\n');
}

static void roff_paragraphs(fm_buf *out, const char *const *paragraphs)
{
    for (const char *const *p = paragraphs; p && *p; p++) {
        fm_buf_puts(out, ".PP\n");
        put_roff(out, *p);
        fm_buf_putc(out, '\n');
    }
}

static void roff_options(fm_buf *out, const cli_option *options)
{
    fm_buf name = {0}, says = {0};

    for (const cli_option *o = options; o && o->name; o++) {
        fm_buf_clear(&name);
        fm_buf_clear(&says);
        if (o->group)
            fm_buf_printf(out, ".SS %s\n", o->group);
        put_option_name(&name, o);
        put_option_text(&says, o);
        roff_entry(out, fm_buf_text(&name), fm_buf_text(&says));
    }
    fm_buf_release(&name);
    fm_buf_release(&says);
}

static void roff_examples(fm_buf *out, const cli_example *examples)
{
    for (const cli_example *e = examples; e && e->line; e++) {
        fm_buf_puts(out, ".PP\n");
        put_roff(out, e->says);
        fm_buf_puts(out, ":\n.PP\n.nf\n.RS\n");
        put_roff(out, e->line);
        fm_buf_puts(out, "\n.RE\n.fi\n");
    }
}

static void roff_exit_status(fm_buf *out)
{
    fm_buf meaning = {0};
    char code[16];

    fm_buf_puts(out, ".SH EXIT STATUS\n");
    for (int st = 0; st < FM_STATUS_COUNT; st++) {
        int exit_code = fm_status_exit_code((fm_status)st);

        if (has_exit_code(exit_code, (fm_status)st))
            continue;
        fm_buf_clear(&meaning);
        put_exit_meaning(&meaning, exit_code);
        snprintf(code, sizeof(code), "%d", exit_code);
        roff_entry(out, code, fm_buf_text(&meaning));
    }
    fm_buf_release(&meaning);
}

void cli_man_program(fm_buf *out)
{
    roff_title(out, "fathom", tagline);
    fm_buf_puts(out, ".SH SYNOPSIS\n.B fathom\n.I command\n[options]\n.SH DESCRIPTION\n");
    roff_paragraphs(out, about);
    fm_buf_puts(out, ".SH COMMANDS\n");
    for (size_t i = 0; cli_commands[i]; i++)
        roff_entry(out, cli_commands[i]->name, cli_commands[i]->summary);
    fm_buf_puts(out, ".SH GLOBAL OPTIONS\n");
    roff_options(out, cli_global_options);
    fm_buf_puts(out, ".SH ENVIRONMENT\n");
    for (size_t i = 0; i < FM_COUNT_OF(environment); i++)
        roff_entry(out, environment[i].name, environment[i].says);
    roff_exit_status(out);
    fm_buf_puts(out, ".SH EXAMPLES\n");
    roff_examples(out, start_here);
    fm_buf_puts(out, ".SH SEE ALSO\n");
    for (size_t i = 0; cli_commands[i]; i++)
        fm_buf_printf(out, ".BR fathom\\-%s (1)%s\n", cli_commands[i]->name,
                      cli_commands[i + 1] ? "," : "");
}

void cli_man_command(fm_buf *out, const cli_command *command)
{
    char page[64];
    fm_buf usage = {0};

    snprintf(page, sizeof(page), "fathom-%s", command->name);
    roff_title(out, page, command->summary);
    put_usage(&usage, command, "\n");
    fm_buf_puts(out, ".SH SYNOPSIS\n.nf\n");
    put_roff(out, fm_buf_text(&usage));
    fm_buf_puts(out, "\n.fi\n.SH DESCRIPTION\n");
    fm_buf_release(&usage);
    roff_paragraphs(out, command->description);
    fm_buf_puts(out, ".SH OPTIONS\n");
    roff_options(out, command->options);
    roff_options(out, cli_global_options);
    roff_exit_status(out);
    if (command->examples) {
        fm_buf_puts(out, ".SH EXAMPLES\n");
        roff_examples(out, command->examples);
    }
    fm_buf_puts(out, ".SH SEE ALSO\n.BR fathom (1)\n");
}

/* ---- markdown ---- */

/* A cell of a table: a bar would end it. */
static void put_cell(fm_buf *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '|' || *p == '<' || *p == '*' || *p == '_')
            fm_buf_putc(out, '\\');
        fm_buf_putc(out, *p);
    }
}

static void markdown_options(fm_buf *out, const cli_option *options)
{
    fm_buf text = {0};

    for (const cli_option *o = options; o && o->name; o++) {
        if (o->group)
            fm_buf_printf(out, "\n%c%s:\n", toupper((unsigned char)o->group[0]), o->group + 1);
        if (o->group || o == options)
            fm_buf_puts(out, "\n| option | meaning |\n|---|---|\n");
        fm_buf_clear(&text);
        put_option_name(&text, o);
        fm_buf_printf(out, "| `%s` | ", fm_buf_text(&text));
        fm_buf_clear(&text);
        put_option_text(&text, o);
        put_cell(out, fm_buf_text(&text));
        fm_buf_puts(out, " |\n");
    }
    fm_buf_release(&text);
}

static void markdown_examples(fm_buf *out, const cli_example *examples)
{
    fm_buf_puts(out, "\n```sh\n");
    for (const cli_example *e = examples; e && e->line; e++)
        fm_buf_printf(out, "# %s\n%s\n", e->says, e->line);
    fm_buf_puts(out, "```\n");
}

static void markdown_command(fm_buf *out, const cli_command *command)
{
    fm_buf_printf(out, "\n## fathom %s\n\n%c%s.\n\n```text\n", command->name,
                  toupper((unsigned char)command->summary[0]), command->summary + 1);
    put_usage(out, command, "\n");
    fm_buf_puts(out, "\n```\n");
    for (const char *const *p = command->description; p && *p; p++)
        fm_buf_printf(out, "\n%s\n", *p);
    if (command->options)
        markdown_options(out, command->options);
    if (command->examples)
        markdown_examples(out, command->examples);
}

void cli_markdown(fm_buf *out)
{
    fm_buf_puts(out,
                "<!-- Printed by `fathom help --markdown` from the option tables; a test compares "
                "the two. -->\n# The command line\n");
    for (const char *const *p = about; *p; p++)
        fm_buf_printf(out, "\n%s\n", *p);
    fm_buf_puts(out,
                "\nResults go to standard output, everything else to standard error. Exit codes "
                "are listed in [exit-codes.md](exit-codes.md).\n");
    markdown_examples(out, start_here);
    fm_buf_puts(out, "\n## Global options\n");
    markdown_options(out, cli_global_options);
    fm_buf_puts(out, "\n## Environment\n\n| variable | meaning |\n|---|---|\n");
    for (size_t i = 0; i < FM_COUNT_OF(environment); i++) {
        fm_buf_printf(out, "| `%s` | ", environment[i].name);
        put_cell(out, environment[i].says);
        fm_buf_puts(out, " |\n");
    }
    for (size_t i = 0; cli_commands[i]; i++)
        markdown_command(out, cli_commands[i]);
}
