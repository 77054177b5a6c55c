/* Owns the words of a gate: its options, and the status that its verdict leaves with. */
#include "gate.h"

#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "base/text.h"
#include "report/compare.h"

fm_status cli_take_names(const cli_args *args, const char *option, fm_arena *arena,
                         const char **names, size_t most, size_t *n, fm_err *err)
{
    fm_status st = FM_OK;

    for (size_t i = 0; st == FM_OK && i < args->n; i++) {
        const cli_given *given = &args->given[i];
        const char *const *found = NULL;
        size_t found_n = 0;

        if (!given->option || strcmp(given->option->name, option) != 0)
            continue;
        st = cli_names(given->value, option, arena, &found, &found_n, err);
        if (st == FM_OK && found_n > most - *n)
            st = fm_fail(err, FM_E_USAGE, "option '--%s' takes %zu names at most", option, most);
        for (size_t k = 0; st == FM_OK && k < found_n; k++)
            names[(*n)++] = found[k];
    }
    return st;
}

static bool in_points(const char *text)
{
    size_t size = strlen(text);

    return size > 2 && strcmp(text + size - 2, "pp") == 0;
}

fm_status cli_margin(const char *text, const char *option, double *out, fm_err *err)
{
    size_t size = strlen(text);
    bool points = in_points(text);
    bool percent = size > 1 && text[size - 1] == '%';
    char number[64];
    double value;

    snprintf(number, sizeof(number), "%.*s", (int)(size - (points ? 2 : percent ? 1 : 0)), text);
    if (size >= sizeof(number) || !fm_text_to_double(number, &value) || value < 0)
        return fm_fail(err, FM_E_USAGE,
                       "option '--%s' wants a number like 3pp or 0.03, 0 or more, not '%s'", option,
                       text);
    *out = points || percent ? value / 100 : value;
    return FM_OK;
}

/* The first option of the gate that was given, or NULL. */
static const char *stray_option(const cli_args *args)
{
    static const char *const options[] = {"margin", "metric", "alpha", "gate"};

    for (size_t i = 0; i < args->n; i++)
        for (size_t k = 0; args->given[i].option && k < FM_COUNT_OF(options); k++)
            if (strcmp(args->given[i].option->name, options[k]) == 0)
                return options[k];
    return NULL;
}

static fm_status read_kind(const char *text, fm_gate_kind *out, fm_err *err)
{
    if (!text || strcmp(text, "noninferior") == 0)
        *out = FM_GATE_NONINFERIOR;
    else if (strcmp(text, "superior") == 0)
        *out = FM_GATE_SUPERIOR;
    else
        return fm_fail(err, FM_E_USAGE, "option '--gate' wants noninferior or superior, not '%s'",
                       text);
    return FM_OK;
}

fm_status cli_gate_read(const cli_args *args, const char *switch_on, fm_arena *arena,
                        fm_compare_options *out, fm_err *err)
{
    const char *alpha = cli_value(args, "alpha"), *margin = cli_value(args, "margin");
    const char *stray = stray_option(args);
    fm_status st = FM_OK;

    if (!cli_has(args, switch_on))
        return stray ? fm_fail(err, FM_E_USAGE, "option '--%s' is for a gate: it needs --%s", stray,
                               switch_on)
                     : FM_OK;
    st = read_kind(cli_value(args, "gate"), &out->gate, err);
    if (st == FM_OK && !margin && out->gate == FM_GATE_NONINFERIOR)
        st = fm_fail(err, FM_E_USAGE,
                     "a gate for non-inferiority needs --margin: how much worse is still good "
                     "enough, like 3pp");
    if (st == FM_OK &&
        (!fm_text_to_double(alpha, &out->alpha) || !(out->alpha > 0 && out->alpha < 0.5)))
        st = fm_fail(err, FM_E_USAGE,
                     "option '--alpha' wants a number above 0 and below 0.5, not '%s'", alpha);
    if (st == FM_OK && margin)
        st = cli_margin(margin, "margin", &out->margin, err);
    out->margin_points = margin && in_points(margin);
    if (st == FM_OK)
        st = cli_take_names(args, "metric", arena, out->gated, FM_MAX_METRICS, &out->n_gated, err);
    return st;
}

fm_status cli_gate_status(const fm_comparison *comparisons, size_t n, fm_err *err)
{
    static const fm_status statuses[] = {[FM_GATE_PASS] = FM_OK,
                                         [FM_GATE_FAIL] = FM_E_REGRESSION,
                                         [FM_GATE_INCONCLUSIVE] = FM_E_INCONCLUSIVE};
    fm_status st = statuses[fm_compare_worst(comparisons, n)];
    fm_buf text = {0};

    if (comparisons[0].options->gate == FM_GATE_NONE || st == FM_OK)
        return FM_OK;
    fm_compare_verdict(&text, comparisons, n);
    (void)!fm_fail(err, st, "%s", fm_buf_text(&text));
    fm_buf_release(&text);
    return st;
}
