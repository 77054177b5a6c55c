/* Commands that make models, as a user types them. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/staging.h"
#include "program.h"

TestSuite(models, .init = program_begin, .fini = program_end);

Test(models, init_makes_a_folder_and_says_how_large_it_is)
{
    fathom("init", "models/tiny", "--config", "tiny", "--seed", "7");
    expect_success();
    cr_expect(eq(str, OUT, "models/tiny\n"));
    cr_expect(contains(ERR, "million parameters, "), "%s", ERR);
    cr_expect(fm_file_exists("models/tiny/scale_decoder/model.safetensors"));
    cr_expect(fm_file_exists("models/tiny/llm/tokenizer.json"));

    fathom("init", "models/tiny", "--config", "tiny");
    expect_failure(2, "fathom: 'models/tiny' is there already, and is not written over\n"
                      "try 'fathom help init'\n");
}

Test(models, init_says_what_is_wrong_with_a_configuration)
{
    fathom("init", "m", "--config", "tinny");
    expect_failure(2, "fathom: no file and no configuration 'tinny'; did you mean 'tiny'?\n"
                      "try 'fathom help init'\n");
    fathom("init", "m", "--config", "tiny", "--kind", "q8");
    expect_failure(2, "fathom: option '--kind' wants bf16, f16 or f32, not 'q8'\n"
                      "try 'fathom help init'\n");
    scratch_write("c.json", "{\"hidden_size\":0}", 17);
    fathom("init", "m", "--config", "c.json");
    expect_failure(4, "fathom: c.json: 'hidden_size' wants a whole number from 1 to 65536\n");
    cr_expect(eq(int, fm_path_is_occupied("m"), false));
}
