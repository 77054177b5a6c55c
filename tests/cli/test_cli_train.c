/* Trainings as a user starts, stops and goes on with them. */
#include "../unit/train_fixture.h"
#include "program.h"

TestSuite(cli_train, .init = program_begin, .fini = program_end);

#define DATA                                                                                       \
    "data: {sizes: [[40, 40]], longest: 400}\n"                                                    \
    "stages: [{things: [1, 2], families: [referring], places: [tabletop]}]\n"                      \
    "save_every: 50\njudge_every: 2\njudge_pictures: 1\n"

static const char sft[] = "model: start\nsteps: 2\npictures: 2\noptimiser: {warmup: 1}\n" DATA;
static const char rft[] = "model: sft/model\nsteps: 3\npictures: 2\n"
                          "rft: {group: 3, longest: 4, reward: {weights: {r_of: 0.1}}}\n" DATA;

/* A recipe, and the folder that it begins from. */
static void make_start(void)
{
    scratch_write("sft.yaml", sft, strlen(sft));
    scratch_write("rft.yaml", rft, strlen(rft));
    fathom("train", "words", "--config", "sft.yaml", "--out", "start/llm", "--tokens", "300",
           "--pictures", "4");
    expect_success();
    cr_expect(eq(str, OUT, "start/llm\n"));
    small_folder("start", 300);
}

static void train_supervised(void)
{
    make_start();
    fathom("train", "sft", "--config", "sft.yaml", "--out", "sft");
    expect_success();
}

static void expect_files(const char *folder, const char *const *names, size_t n)
{
    char path[FM_PATH_BYTES];

    for (size_t i = 0; i < n; i++) {
        cr_assert(eq(int, fm_path_join(path, folder, names[i], NULL), FM_OK));
        cr_expect(fm_file_exists(path), "%s", path);
    }
}

Test(cli_train, a_model_by_answers_and_one_by_rewards_upon_it)
{
    static const char *const files[] = {"recipe.yaml",
                                        "checkpoint.safetensors",
                                        "steps.tsv",
                                        "curve.tsv",
                                        "model/config.json",
                                        "model/llm/vocab.json",
                                        "model/llm/model.safetensors"};

    train_supervised();
    cr_expect(eq(str, OUT, "sft\n"));
    expect_files("sft", files, sizeof(files) / sizeof(files[0]));

    fathom("train", "rft", "--config", "rft.yaml", "--out", "whole", "-j", "2");
    expect_success();
    cr_expect(eq(str, OUT, "whole\n"));
    expect_files("whole", files, sizeof(files) / sizeof(files[0]));
    fathom("train", "rft", "--config", "rft.yaml", "--out", "parts", "--steps", "1", "-j", "1");
    expect_success();
    fathom("train", "rft", "--config", "rft.yaml", "--out", "parts");
    expect_success();
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char command[512];

        snprintf(command, sizeof(command), "cmp whole/%s parts/%s", files[i], files[i]);
        cr_expect(eq(int, system(command), 0), "%s", command);
    }
    fathom("train", "rft", "--config", "rft.yaml", "--out", "parts"); /* nothing is left to do */
    expect_success();
}

Test(cli_train, what_cannot_be_trained_is_said_in_one_line)
{
    make_start();
    fathom("train", "dpo", "--config", "sft.yaml", "--out", "out");
    expect_failure(2, "fathom: nothing to train by the name 'dpo': sft, rft or words\n"
                      "try 'fathom help train'\n");
    fathom("train", "rft", "--config", "sft.yaml", "--out", "out");
    expect_failure(2, "fathom: 'sft.yaml' has no 'rft': it is a recipe of supervised training\n"
                      "try 'fathom help train'\n");
    fathom("train", "sft", "--config", "rft.yaml", "--out", "out");
    expect_failure(2, "fathom: 'rft.yaml' has 'rft': it is a recipe of training by rewards\n"
                      "try 'fathom help train'\n");
    scratch_write("bad.yaml", "model: start\nrft: {grupp: 2}\n", 29);
    fathom("train", "rft", "--config", "bad.yaml", "--out", "out");
    expect_failure(4, "fathom: bad.yaml: 'rft.grupp' is no member of a recipe\n");
    fathom("train", "rft", "--config", "rft.yaml", "--out", "out"); /* there is no sft/model yet */
    expect_failure(1, "fathom: cannot open 'sft/model': no folder or file of that name\n");
    cr_expect(eq(int, fm_dir_exists("out"), false));
    fathom("train", "words", "--config", "sft.yaml", "--out", "w", "--tokens", "100");
    cr_expect(eq(int, last.code, 2), "%s", ERR);
}

Test(cli_train, a_folder_belongs_to_its_recipe)
{
    train_supervised();
    scratch_write("other.yaml", "model: start\nsteps: 9\n", 22);
    fathom("train", "sft", "--config", "other.yaml", "--out", "sft");
    expect_failure(
        2, "fathom: 'sft' was begun by another recipe than 'other.yaml': 'steps' differs; set it "
           "as it is in 'sft/recipe.yaml', or choose another --out\n"
           "try 'fathom help train'\n");
}
