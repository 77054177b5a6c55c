/* An ablation from its plan to its table, with a model of a few thousand parameters. */
#include "../unit/train_fixture.h"
#include "program.h"

TestSuite(cli_ablate, .init = program_begin, .fini = program_end);

static const char sft[] = "model: elsewhere\nsteps: 1\npictures: 1\noptimiser: {warmup: 1}\n"
                          "data: {sizes: [[40, 40]], longest: 400}\n"
                          "stages: [{things: [1, 2], families: [referring], places: [tabletop]}]\n"
                          "save_every: 50\njudge_every: 0\n";
static const char rft[] = "model: elsewhere\nsteps: 1\npictures: 1\nrft: {group: 2, longest: 4}\n"
                          "data: {sizes: [[40, 40]], longest: 400}\n"
                          "stages: [{things: [1, 2], families: [referring], places: [tabletop]}]\n"
                          "save_every: 50\njudge_every: 0\n";
static const char plan[] =
    "model: start\nlimit: 3\nset: {max_tokens: 4}\n"
    "arms:\n"
    "  - {name: sft, recipe: sft.yaml}\n"
    "  - {name: no-scale, recipe: sft.yaml, change: {losses: {scale: 0}}}\n"
    "  - {name: xyz, recipe: sft.yaml, change: {data: {points: xyz}}, answers: xyz}\n"
    "  - {name: rft, from: sft, recipe: rft.yaml, change: {rft: {reward: {weights: {r_pf: 0}}}}}\n"
    "  - {name: rgb, from: sft, set: {variant: rgb}}\n"
    "tasks: [{task: tabletop-measuring@quarter, data: lengths}, {task: tabletop-3d, data: "
    "scenes}]\n"
    "contrasts:\n"
    "  - {title: scale, base: no-scale, arms: [sft]}\n"
    "  - {title: all, base: sft, arms: [xyz, rft, rgb]}\n";

static void make_plan(void)
{
    scratch_write("sft.yaml", sft, strlen(sft));
    scratch_write("rft.yaml", rft, strlen(rft));
    scratch_write("plan.yaml", plan, strlen(plan));
    fathom("train", "words", "--config", "sft.yaml", "--out", "start/llm", "--tokens", "300",
           "--pictures", "4");
    expect_success();
    small_folder("start", 300);
    fathom("world", "--count", "3", "--size", "64x48", "--out", "scenes");
    expect_success();
    fathom("world", "--layout", "questions", "--count", "3", "--size", "64x48", "--out", "lengths");
    expect_success();
}

static void read_file(const char *path, fm_buf *out)
{
    fm_buf_clear(out);
    cr_assert(eq(int, fm_file_read(path, 1 << 20, out, NULL), FM_OK), "%s", path);
}

Test(cli_ablate, trains_asks_and_compares_and_goes_on_by_the_same_plan)
{
    fm_buf text = {0}, again = {0};

    make_plan();
    fathom("ablate", "plan.yaml", "--out", "out", "-j", "1");
    expect_success();
    cr_expect(contains(OUT, "scale: sft against no-scale"), "%s", OUT);
    cr_expect(contains(OUT, "all: xyz against sft"), "%s", OUT);
    cr_expect(contains(OUT, "tabletop-3d success"), "%s", OUT);

    read_file("out/recipes/no-scale.yaml", &text);
    cr_expect(contains(text.data, "\"scale\": 0"), "%s", text.data);
    cr_expect(contains(text.data, "/start\""), "%s", text.data);
    read_file("out/recipes/rft.yaml", &text);
    cr_expect(contains(text.data, "\"../models/sft/model\""), "%s", text.data);
    read_file("out/runs/xyz/tabletop-3d/manifest.json", &text);
    cr_expect(contains(text.data, "\"answers\": \"xyz\""), "%s", text.data);
    read_file("out/runs/rgb/tabletop-3d/manifest.json", &text);
    cr_expect(contains(text.data, "rgb"), "%s", text.data);

    read_file("out/table.md", &text);
    cr_expect(contains(text.data, "| scale | sft | no-scale | tabletop-measuring"), "%s",
              text.data);
    fathom("ablate", "plan.yaml", "--out", "out");
    expect_success();
    read_file("out/table.md", &again);
    cr_expect(eq(str, (char *)fm_buf_text(&again), (char *)fm_buf_text(&text)));

    /* Wherever the folder is by then. */
    cr_assert(eq(int, rename("out", "moved"), 0));
    fathom("ablate", "plan.yaml", "--out", "./moved");
    expect_success();
    read_file("moved/table.md", &again);
    cr_expect(eq(str, (char *)fm_buf_text(&again), (char *)fm_buf_text(&text)));
    cr_assert(eq(int, rename("moved", "out"), 0));

    /* Not by another recipe; and the one that was trained by stays. */
    read_file("out/recipes/sft.yaml", &text);
    scratch_write("sft.yaml", rft, strlen(rft));
    fathom("ablate", "plan.yaml", "--out", "out");
    cr_expect(eq(int, last.code, 4), "%s", ERR);
    cr_expect(contains(ERR, "'out/recipes/sft.yaml' is not what the plan says now"), "%s", ERR);
    read_file("out/recipes/sft.yaml", &again);
    cr_expect(eq(str, (char *)fm_buf_text(&again), (char *)fm_buf_text(&text)));

    /* Nor from another model. */
    scratch_write("sft.yaml", sft, strlen(sft));
    small_folder("start", 301);
    fathom("ablate", "plan.yaml", "--out", "out");
    cr_expect(eq(int, last.code, 4), "%s", ERR);
    cr_expect(contains(ERR, "'out' began from another model than"), "%s", ERR);
    fm_buf_release(&text);
    fm_buf_release(&again);
}

/* What is wrong with an arm that comes late is said before the first step, and can be put right. */
Test(cli_ablate, looks_at_everything_first)
{
    static const struct {
        const char *there, *put, *says;
    } rows[] = {
        {"{rft: {reward: {weights: {r_pf: 0}}}}", "{rft: {group: 1}}", "arm 'rft'"},
        {"{losses: {scale: 0}}", "{foo: 1}", "arm 'no-scale'"},
        {"set: {variant: rgb}", "set: {variant: grey}", "arm 'rgb'"},
        {"answers: xyz", "answers: abc", "arm 'xyz'"},
        {"tabletop-3d,", "tabletop-4d,", "tabletop-4d"},
        {"limit: 3", "limit: 3\nmetrics: [nope]", "no task has a metric 'nope'"},
    };

    make_plan();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *at = strstr(plan, rows[i].there);
        char text[2048];

        cr_assert(at != NULL, "%s", rows[i].there);
        snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - plan), plan, rows[i].put,
                 at + strlen(rows[i].there));
        scratch_write("plan.yaml", text, strlen(text));
        fathom("ablate", "plan.yaml", "--out", "out");
        cr_expect(ne(int, last.code, 0), "%s", rows[i].put);
        cr_expect(contains(ERR, rows[i].says), "%s: %s", rows[i].put, ERR);
        cr_expect(eq(int, fm_dir_exists("out/models"), false));
    }
    scratch_write("plan.yaml", plan, strlen(plan));
    fathom("ablate", "plan.yaml", "--out", "out", "-j", "1");
    expect_success();
}

Test(cli_ablate, says_what_is_wrong_with_a_plan)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"- a\n", "the plan wants members"},
        {"arm: []\n", "'arm' is no member of the plan"},
        {"arms: 3\n", "'arms' wants a list"},
        {"arms: [{name: ../up}]\n", "not '../up'"},
        {"arms: [{name: a}, {name: a}]\n", "two arms 'a'"},
        {"arms: [{name: a, from: b}]\n", "there is no arm 'b'"},
        {"arms: [{name: a, change: {seed: 2}}]\n", "which the arm lacks"},
        {"arms: [{name: a, set: {variant: [rgb]}}]\n", "'set' wants up to"},
        {"set: [1]\narms: [{name: a, set: {variant: rgb}}]\n", "'set' wants members"},
        {"limit: many\narms: [{name: a}]\n", "'limit' wants a number"},
        {"arms: [{name: a}]\ntasks: [a-b, a@b]\n", "two tasks 'a@b'"},
        {"arms: [{name: a, recipe: plan.yaml, change: {data: {folder: nowhere}}}]\n",
         "there is no folder 'nowhere'"},
        {"arms: [{name: a}]\n", "'tasks' wants a list"},
        {"arms: [{name: a}]\ntasks: [../up]\n", "'../up' is no task"},
        {"arms: [{name: a}]\ntasks: [t]\ncontrasts: [{title: x, base: c, arms: [a]}]\n", "arm 'c'"},
        {"arms: [{name: a}]\ntasks: [t]\ncontrasts: [{title: x, base: a}]\n", "a list 'arms'"},
        {"arms: [{name: a}]\ntasks: [t]\ncontrasts: [{title: x, base: a, arms: [a]}]\n",
         "'x' has 'a' twice"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        scratch_write("plan.yaml", rows[i].text, strlen(rows[i].text));
        fathom("ablate", "plan.yaml", "--out", "out");
        cr_expect(eq(int, last.code, 4), "%s: %s", rows[i].text, ERR);
        cr_expect(contains(ERR, rows[i].says), "%s: %s", rows[i].text, ERR);
        cr_expect(contains(ERR, "plan.yaml"), "%s", ERR);
    }
    cr_expect(eq(int, fm_dir_exists("out"), false));
}
