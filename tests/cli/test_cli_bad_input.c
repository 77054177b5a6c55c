/* Bad data, bad files and places where nothing can be written: one clear line each, naming the file
 * and the place in it, and the exit code of its kind: 4 for data, 2 for words, 1 for I/O. */
#include "program.h"

#include "base/clock.h"

/* ---- rasters: a fault costs only what needs the raster, and says so ---- */

static void world_begin(void)
{
    program_begin();
    fathom("world", "--count", "3", "--size", "64x48", "--out", "data");
    expect_success();
}

TestSuite(bad_raster, .init = world_begin, .fini = program_end);

static void shell(const char *line)
{
    cr_assert(eq(int, system(line), 0), "%s", line);
}

/* The line of samples.jsonl that begins with this id. */
static const char *sample_line(const char *id)
{
    static fm_buf text;
    char start[64];

    fm_buf_clear(&text);
    cr_assert(eq(int, fm_file_read("run/samples.jsonl", 1 << 20, &text, NULL), FM_OK));
    snprintf(start, sizeof(start), "{\"id\": \"%s\"", id);
    char *line = strstr(fm_buf_text(&text), start);
    cr_assert(line != NULL, "no sample '%s'", id);
    line[strcspn(line, "\n")] = '\0';
    return line;
}

Test(bad_raster, costs_only_what_needs_it_and_names_the_file)
{
    static const struct {
        const char *target, *damage, *reason, *unknown, *known;
    } rows[] = {
        {"tabletop-3d@paper", "rm d/raw_data/1/gt_depth.png",
         "/d/raw_data/1/gt_depth.png': No such file or directory", "\"start_ok\": null",
         "\"end_ok\": true"},
        {"tabletop-3d@paper", "truncate -s -20 d/raw_data/1/gt_depth.png",
         "/d/raw_data/1/gt_depth.png' is truncated", "\"collision\": null", "\"end_ok\": true"},
        {"tabletop-3d@reference", "cp d/raw_data/1/mask.png d/raw_data/1/gt_depth.png",
         "/d/raw_data/1/gt_depth.png' is an 8-bit picture, depth must be 16-bit millimetres",
         "\"start_distance_m\": null", "\"end_ok\": true"},
        {"tabletop-3d@paper", "head -c 100 /dev/zero > d/raw_data/1/gt_depth.png",
         "/d/raw_data/1/gt_depth.png' is none of PNG, JPEG and WebP", "\"start_ok\": null",
         "\"end_ok\": true"},
        {"tabletop-3d@paper",
         "\"$FATHOM_BIN\" world -n 3 --size 80x60 --out e >/dev/null && "
         "cp e/raw_data/1/mask.png d/raw_data/1/mask.png",
         "mask and depth map differ in size", "\"max_collision_ratio\": null", "\"end_ok\": true"},
        {"tabletop-2d@paper", "truncate -s 60 d/raw_data/1/mask.png",
         "/d/raw_data/1/mask.png' is truncated", "\"start_in_mask\": null",
         "\"end_in_bbox\": true"},
        {"tabletop-2d@reference", ": > d/raw_data/1/mask.png", "/d/raw_data/1/mask.png' is empty",
         "\"start_in_mask\": null", "\"end_in_bbox\": true"},
        {"tabletop-2d@paper", "rm d/raw_data/1/mask.png",
         "/d/raw_data/1/mask.png': No such file or directory", "\"start_in_mask\": null",
         "\"end_in_bbox\": true"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        shell("rm -rf run d && cp -r data d");
        shell(rows[i].damage);
        fathom("run", (char *)rows[i].target, "--data", "d", "--out", "run", "-a", "oracle");
        expect_success();
        /* The two files are whole: only the sample tells that they do not belong together. */
        if (rows[i].reason[0] == '/')
            cr_expect(contains(ERR, "1 of 3 samples have missing or damaged data") &&
                          contains(ERR, rows[i].reason) && count_lines(ERR) == 1,
                      "%zu: %s", i, ERR);
        cr_expect(contains(sample_line("1"), rows[i].reason), "%zu: %s", i, sample_line("1"));
        cr_expect(contains(sample_line("1"), rows[i].unknown), "%zu: %s", i, sample_line("1"));
        cr_expect(contains(sample_line("1"), rows[i].known), "%zu: %s", i, sample_line("1"));
        cr_expect(contains(sample_line("0"), "\"reason\": null"), "%zu: %s", i, sample_line("0"));
    }
}

/* ---- annotations ---- */

TestSuite(bad_annotation, .init = program_begin, .fini = program_end);

#define GOOD_ID         "\"question_id\": 1"
#define GOOD_TRACE      "[[0, 0, 1], [0.1, 0, 1.5]]"
#define GOOD_CENTRE     "[0.1, 0, 1.5]"
#define GOOD_INTRINSICS "[[400, 0, 256], [0, 400, 192], [0, 0, 1]]"

/* Two items; the second is made of the given parts. */
static void write_dataset(const char *id, const char *trace, const char *centre,
                          const char *intrinsics)
{
    static char text[8192];
    size_t used = (size_t)snprintf(text, sizeof(text), "[");

    for (int i = 0; i < 2; i++)
        used += (size_t)snprintf(
            text + used, sizeof(text) - used,
            "%s{%s, \"prompt\": \"move it\", \"target_object\": \"cup\", "
            "\"destination|direction\": \"there\", \"trajectory\": %s, \"bbox_center\": %s, "
            "\"bbox_extent\": [0.2, 0.2, 0.2], "
            "\"bbox_rotation\": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], \"gt_depth_intrinsics\": %s}",
            i ? ",\n" : "", i ? id : "\"question_id\": 0", i ? trace : GOOD_TRACE,
            i ? centre : GOOD_CENTRE, i ? intrinsics : GOOD_INTRINSICS);
    used += (size_t)snprintf(text + used, sizeof(text) - used, "]\n");
    mkdir("data", 0777);
    scratch_write("data/trajectory_dataset.json", text, used);
}

Test(bad_annotation, is_refused_before_a_question_is_asked)
{
    static const struct {
        const char *id, *trace, *centre, *intrinsics, *message;
    } rows[] = {
        {GOOD_ID, GOOD_TRACE, GOOD_CENTRE, "[[0, 0, 256], [0, 400, 192], [0, 0, 1]]",
         "trajectory_dataset.json: item 2 (id 1): 'gt_depth_intrinsics' is singular: both focal "
         "lengths must be positive\n"},
        {GOOD_ID, GOOD_TRACE, GOOD_CENTRE, "[[400, 0], [0, 400]]",
         "trajectory_dataset.json: item 2 (id 1): 'gt_depth_intrinsics' is no 3x3 or 4x4 matrix of "
         "finite numbers\n"},
        {GOOD_ID, "[[0, 0, 1], [0.1, NaN, 1.5]]", GOOD_CENTRE, GOOD_INTRINSICS,
         "trajectory_dataset.json: item 2 (id 1): 'trajectory' has a point that is not three "
         "finite "
         "numbers\n"},
        {GOOD_ID, GOOD_TRACE, "[0.1, Infinity, 1.5]", GOOD_INTRINSICS,
         "trajectory_dataset.json: item 2 (id 1): 'bbox_center' is not three finite numbers\n"},
        {"\"question_id\": 0", GOOD_TRACE, GOOD_CENTRE, GOOD_INTRINSICS,
         "id '0' stands twice in the data in '"},
        {"\"question_id\": \"../../etc\"", GOOD_TRACE, GOOD_CENTRE, GOOD_INTRINSICS,
         "trajectory_dataset.json: item 2: 'id' must be a plain name without slashes and control "
         "characters\n"},
        {GOOD_ID ", \"mask_path\": \"../../../etc/passwd\"", GOOD_TRACE, GOOD_CENTRE,
         GOOD_INTRINSICS,
         "trajectory_dataset.json: item 2 (id 1): 'mask_path': name '../../../etc/passwd' would "
         "leave its folder\n"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        write_dataset(rows[i].id, rows[i].trace, rows[i].centre, rows[i].intrinsics);
        shell("rm -rf run");
        fathom("run", "tracespatial-3d", "--data", "data", "--out", "run", "-a", "oracle");
        cr_expect(eq(int, last.code, 4), "%zu: %s", i, ERR);
        cr_expect(contains(ERR, rows[i].message), "%zu: %s", i, ERR);
        cr_expect(eq(sz, count_lines(ERR), 1), "%s", ERR);
        cr_expect(not(fm_file_exists("run/results.json")));
        fm_buf journal = {0};
        cr_expect(fm_file_exists("run/replies.jsonl") == false ||
                  (fm_file_read("run/replies.jsonl", 1 << 20, &journal, NULL) == FM_OK &&
                   journal.size == 0));
        fm_buf_release(&journal);
    }
}

Test(bad_annotation, file_that_is_cut_empty_or_huge_is_named)
{
    static const struct {
        const char *damage, *message;
    } rows[] = {
        {"truncate -s -9 data/trajectory_dataset.json",
         "trajectory_dataset.json: not JSON at byte"},
        {": > data/trajectory_dataset.json", "trajectory_dataset.json: not JSON at byte 0"},
        {"echo '[]' > data/trajectory_dataset.json", "trajectory_dataset.json: holds no records"},
        {"truncate -s 2G data/trajectory_dataset.json",
         "trajectory_dataset.json' is larger than the 536870912 bytes allowed here"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        write_dataset(GOOD_ID, GOOD_TRACE, GOOD_CENTRE, GOOD_INTRINSICS);
        shell(rows[i].damage);
        fathom("run", "tracespatial-3d", "--data", "data", "--out", "run", "-a", "oracle");
        cr_expect(eq(int, last.code, 4), "%zu: %s", i, ERR);
        cr_expect(contains(ERR, rows[i].message) && count_lines(ERR) == 1, "%zu: %s", i, ERR);
    }
}

/* ---- predictions ---- */

static void predictions_begin(void)
{
    program_begin();
    write_dataset(GOOD_ID, GOOD_TRACE, GOOD_CENTRE, GOOD_INTRINSICS);
}

TestSuite(bad_predictions, .init = predictions_begin, .fini = program_end);

#define SCORE(...)                                                                                 \
    "score", "--suite", "tracespatial-3d@paper", "--data", "data", "--out", "run", __VA_ARGS__

Test(bad_predictions, say_which_line_and_what_to_do)
{
    static const struct {
        const char *text;
        char *message;
    } rows[] = {
        {"", "fathom: 'p.jsonl' holds no predictions\n"},
        {"\n\n", "fathom: 'p.jsonl' holds no predictions\n"},
        {"{\"question_id\": 0}\n{\"question_id\": 0}\n",
         "fathom: p.jsonl:2: id '0' stands already on line 1; keep one of them\n"},
        {"{\"question_id\": 0}\n{\"question_id\": 1, \"model_pre\n",
         "fathom: p.jsonl:2: not JSON at byte 20\n"},
        {"{\"model_prediction\": \"(1, 2)\"}\n",
         "fathom: p.jsonl:1: needs 'question_id' (upstream records) or 'id' (our journal)\n"},
        {"{\"id\": \"0\", \"status\": \"splendid\"}\n",
         "fathom: p.jsonl:1: unknown status 'splendid'\n"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        scratch_write("p.jsonl", rows[i].text, strlen(rows[i].text));
        fathom(SCORE("--predictions", "p.jsonl"));
        expect_failure(4, rows[i].message);
        cr_expect(not(fm_file_exists("run/results.json")));
    }
}

Test(bad_predictions, with_ids_that_climb_write_nothing_outside)
{
    static const char text[] =
        "{\"question_id\": \"../../etc\", \"model_prediction\": \"(1, 2)\"}\n";

    scratch_write("p.jsonl", text, sizeof(text) - 1);
    fathom(SCORE("--predictions", "p.jsonl"));
    cr_expect(eq(int, last.code, 4));
    cr_expect(contains(ERR, "1 of 1 predictions have ids that the data in"), "%s", ERR);
    cr_expect(eq(sz, count_lines(ERR), 1));
    cr_expect(not(fm_dir_exists("../etc")));
}

Test(bad_predictions, line_of_two_gigabytes_is_refused_at_once)
{
    static const char text[] = "{\"question_id\": 0, \"model_prediction\": \"(1, 2)\"}\n";
    double start = fm_clock_seconds();

    scratch_write("p.jsonl", text, sizeof(text) - 1);
    if (system("truncate -s 2G p.jsonl 2>/dev/null") != 0)
        cr_skip_test("no sparse files of 2 GB here");
    fathom(SCORE("--predictions", "p.jsonl"));
    expect_failure(4, "fathom: p.jsonl:2: the line is longer than 64 MiB; split or remove it\n");
    cr_expect(fm_clock_seconds() - start < 10, "it was read to its end");
}

Test(bad_predictions, wrong_names_get_the_nearest_and_missing_files_their_reason)
{
    scratch_write("p.jsonl", "{\"question_id\": 0}\n", 19);
    fathom("score", "--suite", "tracespatal-3d", "--data", "data", "--predictions", "p.jsonl",
           "--out", "run");
    expect_failure(2, "fathom: unknown suite 'tracespatal-3d'; did you mean 'tracespatial-3d'?\n"
                      "try 'fathom help score'\n");
    fathom("score", "--suite", "tracespatial-3d@refrence", "--data", "data", "--predictions",
           "p.jsonl", "--out", "run");
    expect_failure(2, "fathom: unknown protocol 'refrence'; did you mean 'reference'?\n"
                      "try 'fathom help score'\n");
    fathom(SCORE("--predictions", "missing.jsonl"));
    expect_failure(1, "fathom: cannot open 'missing.jsonl': No such file or directory\n");
    fathom(SCORE("--predictions", "data"));
    expect_failure(1, "fathom: cannot read 'data': it is a folder\n");
}

/* ---- places that cannot be written or read ---- */

/* The program as somebody without rights: as root there are none to lack. */
static void fathom_as_nobody(const char *words)
{
    char line[2048];
    const char *as = geteuid() == 0 ? "setpriv --reuid=65534 --regid=65534 --clear-groups" : "";

    snprintf(line, sizeof(line), "%s test -x '%s' 2>/dev/null", as, getenv("FATHOM_BIN"));
    shell("chmod 755 .");
    if (system(line) != 0)
        cr_skip_test("the program cannot be run without rights here");
    snprintf(line, sizeof(line), "exec %s '%s' %s >stdout 2>stderr", as, getenv("FATHOM_BIN"),
             words);
    int status = system(line);
    last.code = WEXITSTATUS(status);
    read_into(&last.out, "stdout");
    read_into(&last.err, "stderr");
}

Test(bad_predictions, without_permission_the_file_or_folder_is_named)
{
    scratch_write("p.jsonl", "{\"question_id\": 0}\n", 19);
    shell("mkdir locked && chmod 555 locked");
    fathom_as_nobody("score --suite tracespatial-3d --data data --predictions p.jsonl "
                     "--out locked/run");
    expect_failure(1, "fathom: cannot create folder 'locked/run': Permission denied\n");
    shell("chmod 000 p.jsonl");
    fathom_as_nobody("score --suite tracespatial-3d --data data --predictions p.jsonl --out run");
    expect_failure(1, "fathom: cannot open 'p.jsonl': Permission denied\n");
    shell("chmod 644 p.jsonl");
    fathom(SCORE("--predictions", "p.jsonl"));
    expect_success();
    shell("chmod 555 run");
    fathom_as_nobody("score run");
    cr_expect(eq(int, last.code, 1));
    cr_expect(contains(ERR, "fathom: cannot write into run directory '"), "%s", ERR);
    cr_expect(contains(ERR, "/run': Permission denied\n") && count_lines(ERR) == 1, "%s", ERR);
    shell("chmod 755 run");
}

/* A limit on the size of files stands for a full disk. */
Test(bad_predictions, a_full_disk_leaves_the_scores_as_they_were)
{
    char line[1024];
    fm_buf before = {0}, after = {0};

    scratch_write("p.jsonl", "{\"question_id\": 0}\n", 19);
    fathom(SCORE("--predictions", "p.jsonl"));
    expect_success();
    cr_assert(fm_file_read("run/samples.jsonl", 1 << 20, &before, NULL) == FM_OK);
    snprintf(line, sizeof(line),
             "(trap '' XFSZ; ulimit -f 0; exec '%s' score run) 2>&1 | cat >said",
             getenv("FATHOM_BIN"));
    shell(line);
    cr_assert(fm_file_read("run/samples.jsonl", 1 << 20, &after, NULL) == FM_OK);
    cr_expect(eq(str, after.data, before.data));
    read_into(&last.err, "said");
    cr_expect(contains(ERR, "run/samples.jsonl") && contains(ERR, "File too large"), "%s", ERR);
    cr_expect(eq(sz, count_lines(ERR), 1), "%s", ERR);
    shell("test -z \"$(ls run | grep tmp)\"");
    shell("ln -s /dev/full full"); /* by a link, so that nothing can happen to the device */
    fathom("report", "run", "--markdown", "full");
    expect_failure(1, "fathom: cannot write 'full': No space left on device\n");
    fm_buf_release(&before);
    fm_buf_release(&after);
}
