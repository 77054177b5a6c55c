/* Owns the scale decoder: its logarithm is what it gives, and what the loss is over. */
#include <stdio.h>

#include "base/size.h"
#include "train/parts.h"

fm_status tr_scale_decoder_find(tr_scale_decoder *out, const rt_scale_config *config, int llm_width,
                                const tr_store *store, fm_err *err)
{
    tr_source from = {store, "scale_decoder", ""};
    size_t projected = (size_t)config->projected, hidden = (size_t)config->hidden;
    tr_scale_decoder s = {.layers = config->layers};
    fm_status st = tr_find_linear(&from, &s.projector, "scale_projector", projected,
                                  (size_t)llm_width, true, err);

    if (st == FM_OK && (size_t)config->layers > FM_COUNT_OF(s.middle))
        st = fm_fail(err, FM_E_INPUT, "scale_decoder: %d layers, %zu are the most", config->layers,
                     FM_COUNT_OF(s.middle));
    if (st == FM_OK)
        st = tr_find_linear(&from, &s.first, "scale_head.proj", hidden, projected, true, err);
    for (int i = 0; i < config->layers && st == FM_OK; i++) {
        char name[40];

        snprintf(name, sizeof(name), "scale_head.mlp.%d.0", i);
        st = tr_find_linear(&from, &s.middle[i], name, hidden, hidden, true, err);
    }
    if (st == FM_OK)
        st = tr_find_linear(&from, &s.last, "scale_head.output_proj", 1, hidden, true, err);
    if (st == FM_OK)
        *out = s;
    return st;
}

tr_rows tr_scale_decoder_run(tr_pass *pass, const tr_scale_decoder *scale, tr_rows hidden)
{
    tr_rows x = tr_apply(pass, tr_apply(pass, hidden, &scale->projector), &scale->first);

    for (int i = 0; i < scale->layers; i++)
        x = tr_relu(pass, tr_apply(pass, x, &scale->middle[i]));
    return tr_apply(pass, x, &scale->last);
}
