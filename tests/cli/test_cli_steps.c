/* `fathom steps` on runs that were just made. */
#include "base/json.h"
#include "program.h"

TestSuite(cli_steps, .init = program_begin, .fini = program_end);

static void make_runs(void)
{
    fathom("world", "--count", "3", "--size", "96x72", "--out", "data");
    expect_success();
    fathom("run", "tabletop-3d@paper", "--adapter", "oracle", "--data", "data", "--out", "right");
    expect_success();
    fathom("run", "tabletop-3d@paper", "--adapter", "wrong", "--data", "data", "--out", "wrong");
    expect_success();
}

Test(cli_steps, runs_stand_side_by_side)
{
    make_runs();
    fathom("steps", "right", "wrong");
    expect_success();
    cr_expect(contains(OUT, "why tabletop-3d@paper fails \xC2\xB7 3 samples"), "%s", OUT);
    cr_expect(contains(OUT, "wrong: 2 of 3 failures begin at frame"), "%s", OUT);
    cr_expect(contains(OUT, " 100 % 3/3          0 % 0/3\n"), "%s", OUT);
    cr_expect(eq(str, ERR, ""));
    fathom("steps", "wrong", "--markdown");
    expect_success();
    cr_expect(contains(OUT, "| frame | 2 |\n"), "%s", OUT);
}

Test(cli_steps, json_holds_every_sample_with_its_verdicts)
{
    cJSON *tree = NULL;

    make_runs();
    fathom("steps", "wrong", "--json");
    expect_success();
    cr_assert(eq(int, fm_json_parse(last.out.data, last.out.size, "stdout", &tree, NULL), FM_OK));
    cr_expect(eq(str, (char *)fm_json_string(tree, "schema"), "fathom.steps/1"));
    const cJSON *run = fm_json_get(tree, "runs")->child;
    cr_expect(eq(int, cJSON_GetArraySize(fm_json_get(run, "samples")), 3));
    const cJSON *sample = fm_json_get(run, "samples")->child;
    cr_expect(eq(str, (char *)fm_json_string(sample, "cause"), "frame"));
    cr_expect(eq(str, (char *)fm_json_string(fm_json_get(sample, "verdicts")->child, "name"),
                 "complete"));
    cJSON_Delete(tree);
}

/* Two runs, of which one has everything right; the truth's steps are right at every place. */
Test(cli_steps, figures_come_with_their_data)
{
    fm_buf stages = {0};

    make_runs();
    fathom("steps", "right", "wrong", "--plots", "plots");
    expect_success();
    cr_assert(eq(int, fm_file_read("plots/stages.tsv", 1 << 16, &stages, NULL), FM_OK));
    cr_expect(contains(stages.data, "\n0\t8.15\t100\t43.8503\t100\t3\n"), "%s", stages.data);
    cr_expect(contains(stages.data, "\n1\t5.85\t66.6667\t"), "%s", stages.data); /* at frame */
    cr_expect(eq(int, fm_file_exists("plots/reasoning.tsv"), false)); /* they do not reason */
    fm_buf_release(&stages);
}

Test(cli_steps, what_cannot_be_is_said)
{
    fathom("steps", "nothing");
    expect_failure(1, "fathom: cannot open run directory 'nothing': No such file or directory\n");
    make_runs();
    fathom("steps", "right", "--json", "--markdown");
    expect_failure(2, "fathom: either --json or --markdown\ntry 'fathom help steps'\n");
    fathom("steps", "right", "--variant", "r1");
    expect_failure(2, "fathom: unknown variant 'r1': there are 'robotracer' and 'roborefer'\n"
                      "try 'fathom help steps'\n");
    cr_expect(eq(int, system("rm -r data"), 0));
    fathom("steps", "right");
    cr_expect(eq(int, last.code, 4));
    cr_expect(contains(ERR, "has neither traces with their truth nor steps in its replies"), "%s",
              ERR);
}
