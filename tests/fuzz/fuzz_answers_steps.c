/* Any bytes as a reply with reasoning: its steps lie in it, and judging them stays in bounds. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "fathom/reward.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_span(fm_span span, fm_span within)
{
    if (span.text && (span.text < within.text || span.size > within.size ||
                      (size_t)(span.text - within.text) > within.size - span.size))
        abort();
}

static void check_reward(const fm_reward_rules *rules, fm_span reply, fm_arena *arena)
{
    static const fm_key_step keys[] = {{FM_STEP_SCALE, "Scene", {2, 0, 0}},
                                       {FM_STEP_REFERRING, "cup", {0.5, 0.5, 1}},
                                       {FM_STEP_REFERRING, "red cup", {0.5, 0.5, NAN}},
                                       {FM_STEP_MEASURING, "cup", {0.1, 0, 0}},
                                       {FM_STEP_ORIENTATION, "cup", {0, 0, 1}}};
    static double trace[][3] = {{0.5, 0.5, 1}, {0.6, 0.5, 1}};
    fm_reward_truth truth = {.trace = trace,
                             .n_trace = 2,
                             .max_depth_m = NAN,
                             .width = 640,
                             .height = 480,
                             .keys = keys,
                             .n_keys = sizeof(keys) / sizeof(keys[0])};
    fm_steps steps;
    fm_reward reward;
    size_t matched = 0;

    if (fm_steps_read(rules->process->dialect, reply, arena, &steps, NULL) != FM_OK ||
        fm_reward_judge(rules, reply, &truth, arena, &reward, NULL) != FM_OK)
        abort();
    if (steps.n > FM_STEPS_MAX || steps.bracketed > steps.n)
        abort();
    for (size_t i = 0; i < steps.n; i++) {
        check_span(steps.items[i].text, reply);
        check_span(steps.items[i].type, reply);
        check_span(steps.items[i].target, reply);
        check_span(steps.items[i].value, reply);
    }
    for (size_t i = 0; i < reward.n_judgements; i++)
        matched += reward.judgements[i].key && reward.judgements[i].step;
    if (matched > truth.n_keys || !(reward.total >= 0 && reward.total <= 3.5) ||
        reward.n_wellformed > reward.n_steps)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fm_span reply = {(const char *)data, size};
    fm_reply_parts parts = fm_reply_split(reply);
    fm_arena arena = {0};

    check_span(parts.think, reply);
    check_span(parts.answer, reply);
    if (parts.whole && !(parts.think_closed && parts.answer_closed))
        abort();
    check_reward(&fm_reward_robotracer, reply, &arena);
    check_reward(&fm_reward_roborefer, reply, &arena);
    fm_arena_release(&arena);
    return 0;
}
