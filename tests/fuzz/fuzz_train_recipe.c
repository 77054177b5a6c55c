/* Any bytes as a recipe: refused with one line, or a training whose every bound holds. */
#include <math.h>
#include <string.h>

#include "memfile.h"
#include "train/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_stages(const tr_recipe *r)
{
    require(r->n_stages >= 1 && r->n_stages <= TR_MOST_STAGES);
    require(r->stages[r->n_stages - 1].until == 0);
    for (int i = 0; i < r->n_stages; i++) {
        const tr_stage *s = &r->stages[i];

        require(s->things[0] >= 1 && s->things[0] <= s->things[1]);
        require(s->things[1] <= FM_WORLD_OBJECTS_MAX && s->families && s->places && s->forms);
        require(i + 1 == r->n_stages || s->until > (i ? r->stages[i - 1].until : 0));
    }
}

static void check_rft(const tr_recipe *r)
{
    require(r->rft.group >= 2 && r->rft.group <= TR_MOST_GROUP && r->rft.longest >= 1);
    require(r->rft.temperature > 0 && r->rft.top_p > 0 && r->rft.beta >= 0 && r->rft.updates >= 1);
    require(r->rft.rewards.r_t <= FM_R_T_FRECHET && r->rft.rewards.r_acc_over <= FM_STEPS_SUM);
    require(isfinite(r->rft.rewards.w_of) && isfinite(r->rft.rewards.w_acc));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memfile file = memfile_open(data, size);
    fm_arena arena = {0};
    tr_recipe r;
    fm_err err = {0};
    fm_status st = tr_recipe_read(&r, file.path, &arena, &err);

    if (st != FM_OK) {
        require(st == FM_E_INPUT || st == FM_E_USAGE || st == FM_E_NOMEM);
        require(err.text[0] && !strchr(err.text, '\n'));
    } else {
        require(r.steps >= 1 && r.pictures >= 1 && r.pictures <= TR_MOST_PICTURES);
        require(r.n_sizes >= 1 && r.n_sizes <= TR_MOST_SIZES && r.model[0]);
        check_stages(&r);
        if (r.rewarded)
            check_rft(&r);
    }
    fm_arena_release(&arena);
    memfile_close(&file);
    return 0;
}
