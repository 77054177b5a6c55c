/* Rewards a second of one core (the bar: 50,000): the judgement alone, which is what a line whose
 * truth was loaded before comes near, and whole lines of `fathom reward` that carry their truth. The
 * reply is a usual one: five steps, an answer of nine points. Prints every raw timing, their median and spread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/rewarding.h"

enum { ROUNDS = 9, REPLIES = 20000 };

static const char reply[] =
    "<think>\\n[Scale] [Scene]: 2.406\\n"
    "[Referring] [the watering can]: [(179, 789, 0.941)]\\n"
    "[Measuring] [the watering can]: 10.4 centimeters\\n"
    "[Referring] [the first flower]: [(454, 723, 0.965)]\\n"
    "[Referring] [the last flower]: [(729, 624, 0.972)]\\n</think>\\n"
    "<answer>[(176, 788, 0.945), (220, 650, 0.980), (278, 518, 1.005), (350, 470, 1.030), "
    "(420, 445, 1.045), (500, 300, 1.030), (568, 165, 1.017), (650, 140, 0.990), (728, 122, 0.978)]"
    "</answer>";

static const char truth[] =
    "{\"max_depth\": 3.1, \"width\": 640, \"height\": 480, \"trace\": [[180, 790, 0.940], "
    "[250, 560, 0.990], [420, 445, 1.040], [568, 165, 1.020], [730, 120, 0.980]], \"key_steps\": ["
    "\"[Scale] [Scene]: 2.300\", \"[Referring] [watering can]: [(180, 790, 0.940)]\", "
    "\"[Measuring] [watering can]: 10 cm\", \"[Referring] [first flower]: [(450, 720, 0.960)]\", "
    "\"[Referring] [last flower]: [(730, 620, 0.970)]\"]}";

/* Of this process: what one core would give to it alone. */
static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void report(const char *what, double rates[ROUNDS])
{
    printf("%-28s", what);
    for (int i = 0; i < ROUNDS; i++)
        printf(" %.0f", rates[i] / 1e3);
    qsort(rates, ROUNDS, sizeof(*rates), ascending);
    printf("   median %.1f thousand rewards/s, %.1f to %.1f\n", rates[ROUNDS / 2] / 1e3,
           rates[0] / 1e3, rates[ROUNDS - 1] / 1e3);
}

/* The line holds the reply as JSON writes it; the judgement alone gets it as text. */
static size_t unescape(char *out)
{
    size_t n = 0;

    for (const char *p = reply; *p; p++) {
        bool newline = p[0] == '\\' && p[1] == 'n';

        out[n++] = newline ? '\n' : *p;
        p += newline;
    }
    return n;
}

static void measure_judging(void)
{
    static double trace[][3] = {{0.180, 0.790, 0.940},
                                {0.250, 0.560, 0.990},
                                {0.420, 0.445, 1.040},
                                {0.568, 0.165, 1.020},
                                {0.730, 0.120, 0.980}};
    static const fm_key_step keys[] = {{FM_STEP_SCALE, "Scene", {2.3, 0, 0}},
                                       {FM_STEP_REFERRING, "watering can", {0.18, 0.79, 0.94}},
                                       {FM_STEP_MEASURING, "watering can", {0.1, 0, 0}},
                                       {FM_STEP_REFERRING, "first flower", {0.45, 0.72, 0.96}},
                                       {FM_STEP_REFERRING, "last flower", {0.73, 0.62, 0.97}}};
    fm_reward_truth t = {.trace = trace,
                         .n_trace = 5,
                         .max_depth_m = 3.1,
                         .width = 640,
                         .height = 480,
                         .keys = keys,
                         .n_keys = 5};
    double rates[ROUNDS];
    fm_arena arena = {0};
    char text[sizeof(reply)];
    size_t size = unescape(text);

    for (int round = 0; round < ROUNDS; round++) {
        double start = cpu_seconds();

        for (int i = 0; i < REPLIES; i++) {
            fm_reward reward;

            fm_arena_reset(&arena);
            if (fm_reward_judge(&fm_reward_robotracer, (fm_span){text, size}, &t, &arena, &reward,
                                NULL) != FM_OK ||
                !(reward.total > 3))
                abort();
        }
        rates[round] = REPLIES / (cpu_seconds() - start);
    }
    fm_arena_release(&arena);
    report("judgement alone", rates);
}

static void measure_lines(const char *what, const char *line)
{
    fm_rewarding *rewarding = fm_rewarding_new(&fm_reward_robotracer, false);
    double rates[ROUNDS];
    fm_arena arena = {0};
    fm_buf out = {0};

    for (int round = 0; rewarding && round < ROUNDS; round++) {
        double start = cpu_seconds();

        for (int i = 0; i < REPLIES; i++) {
            fm_buf_clear(&out);
            if (!fm_rewarding_line(rewarding, line, strlen(line), &arena, &out))
                abort();
        }
        rates[round] = REPLIES / (cpu_seconds() - start);
    }
    fm_buf_release(&out);
    fm_arena_release(&arena);
    fm_rewarding_free(rewarding);
    report(what, rates);
}

int main(void)
{
    fm_buf line = {0};

    measure_judging();
    fm_buf_printf(&line, "{\"id\": 1, \"reply\": \"%s\", \"truth\": %s}", reply, truth);
    measure_lines("line with its truth", fm_buf_text(&line));
    fm_buf_release(&line);
    return 0;
}
