/* Owns the member `rft` of a recipe: how replies are drawn, followed and rewarded. */
#include "base/size.h"
#include "train/recipe_internal.h"

static void read_switches(rt_members *m, fm_reward_rules *rules)
{
    for (size_t i = 0; fm_reward_switch_at(i); i++) {
        const fm_reward_switch *s = fm_reward_switch_at(i);
        size_t n = 0;
        int word = -1;

        while (s->words[n])
            n++;
        rt_members_choice(m, s->name, s->words, n, &word);
        if (word >= 0)
            fm_reward_switch_set(rules, i, (size_t)word);
    }
}

static fm_status read_weights(const tr_reading *r, const cJSON *object, fm_reward_rules *rules)
{
    static const char *const names[] = {"r_of", "r_p", "r_t", "r_a", "r_pf", "r_acc"};
    rt_members m = tr_members_open(r, object, "rft.reward.weights", names, FM_COUNT_OF(names));

    for (size_t i = 0; i < FM_COUNT_OF(names); i++)
        rt_members_number(&m, names[i], -1e3, 1e3, fm_reward_weight(rules, names[i]));
    return m.st;
}

static fm_status read_reward(const tr_reading *r, const cJSON *object, fm_reward_rules *rules)
{
    static const char *const names[] = {"variant", "r_of", "r_t", "r_pf", "r_acc", "weights"};
    static const char *const variants[] = {"robotracer", "roborefer"};
    rt_members m = tr_members_open(r, object, "rft.reward", names, FM_COUNT_OF(names));
    int variant = 0;

    rt_members_choice(&m, "variant", variants, FM_COUNT_OF(variants), &variant);
    *rules = *fm_reward_rules_find(variants[variant]);
    read_switches(&m, rules);
    return m.st == FM_OK ? read_weights(r, fm_json_get(object, "weights"), rules) : m.st;
}

/* Such a training goes on from a model that answers already: carefully, and without the heads of its
 * youth, which are no part of that model. */
static void begin(tr_recipe *out)
{
    out->rewarded = true;
    out->rft = tr_rft_default();
    out->fresh = false;
    out->optimiser.rate = 1e-4;
    out->optimiser.warmup = 10;
    out->mixture.kind = out->mixture.place = 0;
}

fm_status tr_recipe_read_rft(const tr_reading *r, const cJSON *object)
{
    static const char *const names[] = {"group",     "temperature", "top_p",     "longest",
                                        "objective", "clip_low",    "clip_high", "beta",
                                        "kl",        "updates",     "reward"};
    static const char *const objectives[] = {"grpo", "dr-grpo"}, *const kls[] = {"k3", "k2"};
    tr_rft *rft = &r->out->rft;
    int unbiased = 0, kl = TR_KL_K3;

    if (!object)
        return FM_OK;
    rt_members m = tr_members_open(r, object, "rft", names, FM_COUNT_OF(names));
    begin(r->out);
    rt_members_whole(&m, "group", 2, TR_MOST_GROUP, &rft->group);
    rt_members_number(&m, "temperature", 0.01, 10, &rft->temperature);
    rt_members_number(&m, "top_p", 0.01, 1, &rft->top_p);
    rt_members_whole(&m, "longest", 1, 4096, &rft->longest);
    rt_members_choice(&m, "objective", objectives, FM_COUNT_OF(objectives), &unbiased);
    rt_members_number(&m, "clip_low", 0, 1, &rft->clip_low);
    rt_members_number(&m, "clip_high", 0, 10, &rft->clip_high);
    rt_members_number(&m, "beta", 0, 10, &rft->beta);
    rt_members_choice(&m, "kl", kls, FM_COUNT_OF(kls), &kl);
    rt_members_whole(&m, "updates", 1, 64, &rft->updates);
    rft->unbiased = unbiased != 0;
    rft->kl = (tr_kl)kl;
    return m.st == FM_OK ? read_reward(r, fm_json_get(object, "reward"), &rft->rewards) : m.st;
}
