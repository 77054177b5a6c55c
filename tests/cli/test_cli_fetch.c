/* `fathom fetch` and `fathom check` against a hub on loopback: what is asked for, what is kept, what
 * a second time costs, and what is said where something is wrong. */
#include "program.h"

#include <cjson/cJSON.h>
#include <sys/resource.h>

#include "../support/hub.h"
#include "base/json.h"
#include "base/size.h"

#define TOKEN   "hf_canary0123456789"
#define REPO    "org/mini"
#define PLACE   "hf/hub/datasets--org--mini"
#define DATA    PLACE "/snapshots/" HUB_COMMIT
#define TABLE   DATA "/data/test-00.jsonl"
#define PICTURE DATA "/images/a.bin"

static const char table[] =
    "{\"id\":\"1\",\"question\":\"left or "
    "right?\",\"options\":[\"left\",\"right\"],\"answer\":\"A\"}\n"
    "{\"id\":\"2\",\"question\":\"up or down?\",\"options\":[\"up\",\"down\"],\"answer\":\"B\"}\n";
static const char suite[] = "name: mini\n"
                            "title: Mini\n"
                            "version: \"1\"\n"
                            "summary: two questions\n"
                            "licence: MIT\n"
                            "citation: nobody\n"
                            "hub:\n"
                            "  repository: " REPO "\n"
                            "  files: [\"data/test-*.jsonl\", \"images/\"]\n"
                            "loader: table\n"
                            "default_task: mini\n"
                            "tasks:\n"
                            "  - name: mini\n"
                            "    title: questions\n"
                            "    kind: choice\n"
                            "    prompt: \"{task} {options}\"\n"
                            "    data:\n"
                            "      files: [\"data/test-*.jsonl\"]\n"
                            "      columns: {id: id, instruction: question, options: options}\n"
                            "      truth: {column: answer, as: letter}\n"
                            "    protocols:\n"
                            "      - {name: letter, summary: a letter, grader: choice, "
                            "extract: letter_tail}\n";

static hub *server;
static char *large; /* of a picture that goes over LFS */
enum { LARGE_BYTES = 300000 };

static void write_suite(const char *name, const char *text)
{
    char path[600];

    snprintf(path, sizeof(path), "suites/%s", name);
    cr_assert(eq(int, fm_dir_make(path, NULL), FM_OK));
    snprintf(path, sizeof(path), "suites/%s/suite.yaml", name);
    scratch_write(path, text, strlen(text));
}

static void hub_begin(void)
{
    static const char *const names[] = {"HF_TOKEN",       "HUGGING_FACE_HUB_TOKEN",
                                        "HF_HUB_OFFLINE", "HF_HUB_CACHE",
                                        "HF_TOKEN_PATH",  "HUGGINGFACE_HUB_CACHE",
                                        "http_proxy",     "HTTP_PROXY",
                                        "all_proxy",      "ALL_PROXY"};

    program_begin();
    for (size_t i = 0; i < FM_COUNT_OF(names); i++)
        unsetenv(names[i]);
    server = calloc(1, sizeof(*server));
    large = malloc(LARGE_BYTES);
    for (size_t i = 0; i < LARGE_BYTES; i++)
        large[i] = (char)(i * 31 + i / 251);
    server->repository = REPO;
    hub_add(server, "README.md", "hello\n", 6, false);
    hub_add(server, "data/test-00.jsonl", table, strlen(table), false);
    hub_add(server, "data/train-00.jsonl", "x", 1, false);
    hub_add(server, "images/a.bin", large, LARGE_BYTES, true);
    hub_add(server, "images/empty", "", 0, false);
    hub_start(server);
    setenv("HF_ENDPOINT", loopback_url(server->front, ""), 1);
    setenv("HF_HOME", scratch_path("hf"), 1);
    setenv("FATHOM_SUITES", scratch_path("suites"), 1);
    write_suite("mini", suite);
}

static void hub_end(void)
{
    hub_stop(server);
    free(server);
    free(large);
    program_end();
}

TestSuite(fetch, .init = hub_begin, .fini = hub_end);

static char *text_of(const char *path)
{
    static fm_buf text[2];
    static unsigned turn;
    fm_buf *buf = &text[turn++ % 2];

    read_into(buf, path);
    return (char *)fm_buf_text(buf);
}

static void expect_all_here(void)
{
    fm_buf bytes = {0};

    cr_expect(eq(str, text_of(TABLE), (char *)table));
    cr_assert(eq(int, fm_file_read(PICTURE, LARGE_BYTES, &bytes, NULL), FM_OK));
    cr_expect(bytes.size == LARGE_BYTES && memcmp(bytes.data, large, LARGE_BYTES) == 0);
    fm_buf_release(&bytes);
    cr_expect(fm_file_exists(DATA "/images/empty"));
    cr_expect(not(fm_file_exists(DATA "/README.md")), "it was not wanted");
    cr_expect(eq(int, fm_file_exists(DATA "/data/train-00.jsonl"), false), "it was not wanted");
}

/* The one file in blobs/ whose name ends with that; its path, or NULL. */
static char *blob_ending(const char *ending)
{
    static char path[600];
    char command[200];

    snprintf(command, sizeof(command), "ls -d " PLACE "/blobs/*%s > found 2>/dev/null", ending);
    (void)!system(command);
    snprintf(path, sizeof(path), "%s", text_of("found"));
    path[strcspn(path, "\n")] = '\0';
    return path[0] ? path : NULL;
}

/* ---- what is brought ---- */

Test(fetch, brings_what_the_suite_names_and_run_finds_it)
{
    char folder[600];

    fathom("fetch", "mini");
    expect_success();
    snprintf(folder, sizeof(folder), "%s/" DATA "\n", scratch_dir);
    cr_expect(eq(str, OUT, folder));
    cr_expect(contains(ERR, "Mini: 3 files, 293.1 KiB"), "%s", ERR);
    cr_expect(contains(ERR, "licence  mit, as its page states it"), "%s", ERR);
    cr_expect(contains(ERR, "licence  MIT, as the suite states it"), "%s", ERR);
    expect_all_here();
    cr_expect(eq(str, text_of(PLACE "/refs/main"), (char *)HUB_COMMIT));
    fathom("run", "mini", "-a", "oracle", "-o", "run");
    expect_success();
    cr_expect(contains(OUT, "2"), "%s", OUT);
}

Test(fetch, list_says_what_is_here)
{
    fathom("list", "suites");
    cr_expect(contains(OUT, "  mini  fetch  questions: letter\n"), "%s", OUT);
    fathom("list", "mini");
    expect_success();
    cr_expect(contains(OUT, "\n  data      not here: fathom fetch mini\n"), "%s", OUT);
    fathom("fetch", "mini");
    expect_success();
    fathom("list", "suites");
    cr_expect(contains(OUT, "  mini  here  questions: letter\n"), "%s", OUT);
    fathom("list", "mini");
    cr_expect(contains(OUT, "\n  data      here, in"), "%s", OUT);
    cr_expect(contains(OUT, "\n  from      " REPO "\n"), "%s", OUT);
    cr_assert(eq(int, unlink(PICTURE), 0));
    cr_assert(eq(int, unlink(blob_ending("")), 0));
    fathom("list", "mini");
    cr_expect(contains(OUT, " of 3 files are here: fathom fetch mini\n"), "%s", OUT);
}

Test(fetch, list_shows_a_suite_without_its_control_characters)
{
    const char *title = strstr(suite, "Mini\n");
    char text[2048];

    snprintf(text, sizeof(text), "%.*s\"\\e[31mred\"%s", (int)(title - suite), suite,
             title + strlen("Mini"));
    write_suite("mini", text);
    fathom("list", "mini");
    expect_success();
    cr_expect(contains(OUT, "mini: \\u001b[31mred\n"), "%s", OUT);
    cr_expect(not(contains(OUT, "\033")));
    fathom("list");
    expect_success();
    cr_expect(contains(OUT, "  \\u001b[31mred: two questions\n"), "%s", OUT);
    cr_expect(not(contains(OUT, "\033")));
}

Test(fetch, links_are_relative_and_lead_to_blobs_named_by_their_hash)
{
    char target[600] = "", hash[FM_HASH_TEXT_BYTES];

    fathom("fetch", "mini");
    expect_success();
    hub_hash(hub_find(server, "images/a.bin"), hash);
    cr_assert(gt(int, (int)readlink(PICTURE, target, sizeof(target) - 1), 0));
    cr_expect(contains(target, "../../../blobs/"), "%s", target);
    cr_expect(eq(str, strrchr(target, '/') + 1, hash));
    cr_expect(eq(int, (int)strlen(hash), 64));
    memset(target, 0, sizeof(target));
    hub_hash(hub_find(server, "data/test-00.jsonl"), hash);
    cr_assert(gt(int, (int)readlink(TABLE, target, sizeof(target) - 1), 0));
    cr_expect(eq(str, strrchr(target, '/') + 1, hash));
    cr_expect(eq(int, (int)strlen(hash), 40));
}

Test(fetch, a_second_time_downloads_nothing)
{
    fathom("fetch", "mini");
    expect_success();
    size_t before = hub_count(server, "/resolve/") + hub_count(server, "/cdn/");
    fathom("fetch", "mini");
    expect_success();
    cr_expect(contains(ERR, "all of it is here"), "%s", ERR);
    cr_expect(eq(sz, hub_count(server, "/resolve/") + hub_count(server, "/cdn/"), before));
}

Test(fetch, pages_of_the_listing_are_followed)
{
    server->page = 2;
    fathom("fetch", "mini");
    expect_success();
    expect_all_here();
    cr_expect(eq(sz, hub_count(server, "/tree/"), 3));
}

Test(fetch, a_dry_run_lists_and_writes_nothing)
{
    fathom("fetch", "mini", "--dry-run");
    expect_success();
    cr_expect(contains(OUT, "missing    293.0 KiB  images/a.bin\n"), "%s", OUT);
    cr_expect(eq(sz, count_lines(OUT), 3));
    cr_expect(eq(int, fm_dir_exists("hf") || fm_dir_exists("cache/hub"), false));
}

Test(fetch, only_takes_a_part_and_run_says_what_is_missing)
{
    fathom("fetch", "mini", "--only", "data/*");
    expect_success();
    cr_expect(fm_file_exists(TABLE) && !fm_file_exists(PICTURE));
    fathom("run", "mini", "-a", "oracle", "-o", "run");
    cr_expect(eq(int, last.code, 2));
    cr_expect(contains(ERR, "'mini' is not all here, 2 of 3 files are missing: fathom fetch mini"),
              "%s", ERR);
    fathom("fetch", "mini", "--only", "nothing*");
    cr_expect(eq(int, last.code, 2));
    cr_expect(contains(ERR, "no file of 'mini' fits 'nothing*'"), "%s", ERR);
}

Test(fetch, run_without_data_names_the_command)
{
    fathom("run", "mini", "-a", "oracle");
    expect_failure(2, "fathom: 'mini' is not here: fathom fetch mini, or give --data DIR\n"
                      "try 'fathom help run'\n");
}

Test(fetch, data_of_another_tool_is_found_offline)
{
    fathom("fetch", "mini");
    expect_success();
    (void)!system("rm -r cache/hub");
    setenv("HF_HUB_OFFLINE", "1", 1);
    fathom("run", "mini", "-a", "oracle", "-o", "run");
    expect_success();
    size_t before = server->n_asked;
    fathom("fetch", "mini");
    expect_success();
    cr_expect(eq(sz, server->n_asked, before), "nobody was asked");
}

Test(fetch, data_that_was_copied_without_its_blobs_is_found_offline)
{
    fathom("fetch", "mini");
    expect_success();
    (void)!system("rm -r cache/hub && cp -rL " DATA " copy && rm -r " PLACE "/blobs " DATA
                  " && mv copy " DATA);
    fathom("fetch", "mini", "--offline");
    expect_success();
    fathom("run", "mini", "-a", "oracle", "-o", "run");
    expect_success();
}

Test(fetch, a_part_that_was_left_beside_its_whole_does_not_count)
{
    cJSON *report = NULL;

    fathom("fetch", "mini");
    expect_success();
    (void)!system("blob=$(readlink -f " PICTURE ") && cp $blob $blob.incomplete && rm " PICTURE);
    fathom("fetch", "mini", "--dry-run", "--json");
    expect_success();
    cr_assert(eq(int, fm_json_parse(OUT, last.out.size, "out", &report, NULL), FM_OK), "%s", OUT);
    cr_expect(fm_json_number(report, "bytes_before", 0) == fm_json_number(report, "bytes", -1));
    cJSON_Delete(report);
}

Test(fetch, a_task_whose_files_nobody_publishes_is_told)
{
    static const char two[] =
        "name: two\ntitle: Two\nversion: \"1\"\nsummary: two tasks\nlicence: MIT\n"
        "citation: nobody\nhub: {repository: " REPO ", files: [\"data/test-*.jsonl\"]}\n"
        "loader: table\ndefault_task: two-here\ntasks:\n"
        "  - name: two-here\n    title: here\n    kind: choice\n"
        "    prompt: \"{task} {options}\"\n    data:\n"
        "      files: [\"data/test-*.jsonl\"]\n"
        "      columns: {id: id, instruction: question, options: options}\n"
        "      truth: {column: answer, as: letter}\n"
        "    protocols:\n      - {name: letter, summary: a letter, grader: choice, "
        "extract: letter_tail}\n"
        "  - name: two-gone\n    title: gone\n    kind: choice\n"
        "    prompt: \"{task} {options}\"\n    data:\n      files: [\"data/gone-*.jsonl\"]\n"
        "      columns: {id: id, instruction: question, options: options}\n"
        "      truth: {column: answer, as: letter}\n    protocols:\n"
        "      - {name: letter, summary: a letter, grader: choice, extract: letter_tail}\n";

    write_suite("two", two);
    fathom("fetch", "two-gone");
    expect_failure(4,
                   "fathom: what 'two' is made of has none of the files that 'two-gone' reads\n");
}

Test(fetch, offline_with_nothing_here_is_told)
{
    fathom("fetch", "mini", "--offline");
    expect_failure(2, "fathom: 'mini' is not here, and offline it cannot be fetched\n"
                      "try 'fathom help fetch'\n");
    cr_expect(eq(sz, server->n_asked, 0));
}

Test(fetch, the_report_is_json)
{
    cJSON *report = NULL;

    fathom("fetch", "mini", "--json");
    expect_success();
    cr_assert(eq(int, fm_json_parse(OUT, last.out.size, "out", &report, NULL), FM_OK), "%s", OUT);
    cr_expect(eq(str, (char *)fm_json_string(report, "schema"), "fathom.fetch/1"));
    cr_expect(fm_json_number(report, "files", 0) == 3 && fm_json_bool(report, "complete", false));
    cr_expect(eq(str, (char *)fm_json_string(fm_json_get(report, "sources")->child, "commit"),
                 (char *)HUB_COMMIT));
    cJSON_Delete(report);
}

/* ---- who is shown the token ---- */

Test(fetch, the_token_goes_to_the_hub_alone_and_is_printed_nowhere)
{
    server->token = TOKEN;
    setenv("HF_TOKEN", TOKEN, 1);
    fathom("fetch", "mini");
    expect_success();
    expect_all_here();
    size_t shown = 0, hidden = 0;
    for (size_t i = 0; i < server->n_asked; i++) {
        bool cdn = strncmp(server->asked[i].what, "/cdn/", 5) == 0;

        cr_expect(eq(int, server->asked[i].token, !cdn), "%s", server->asked[i].what);
        shown += !cdn;
        hidden += cdn;
    }
    cr_expect(ge(sz, shown, 4));
    cr_expect(ge(sz, hidden, 1));
    cr_expect(eq(int, contains(ERR, TOKEN) || contains(OUT, TOKEN), false));
    cr_expect(eq(int, system("grep -rq " TOKEN " hf cache"), 256), "it is in no file");
}

Test(fetch, a_token_of_the_login_is_read_from_its_file)
{
    server->token = TOKEN;
    cr_assert(eq(int, fm_dir_make("hf", NULL), FM_OK));
    scratch_write("hf/token", TOKEN "\n", strlen(TOKEN) + 1);
    fathom("fetch", "mini");
    expect_success();
}

Test(fetch, a_refusal_says_what_to_do)
{
    char text[800];

    server->token = TOKEN;
    fathom("fetch", "mini");
    snprintf(text, sizeof(text),
             "fathom: '" REPO "' is gated, private or not there: accept its terms on "
             "%s/datasets/" REPO ", make a token on %s/settings/tokens and set HF_TOKEN to it\n",
             loopback_url(server->front, ""), loopback_url(server->front, ""));
    expect_failure(4, text);
    setenv("HF_TOKEN", "hf_another_one_9876", 1);
    fathom("fetch", "mini");
    cr_expect(eq(int, last.code, 4));
    cr_expect(contains(ERR, "does not let the token of HF_TOKEN see '" REPO "'"), "%s", ERR);
    cr_expect(eq(int, contains(ERR, "hf_another_one_9876"), false));
}

Test(fetch, gated_data_wants_a_word)
{
    server->gated = "auto";
    fathom("fetch", "mini");
    cr_expect(eq(int, last.code, 2));
    cr_expect(contains(ERR, "'" REPO "' is gated: read and accept its terms on "), "%s", ERR);
    cr_expect(eq(int, fm_dir_exists("hf"), false));
    fathom("fetch", "mini", "--yes");
    expect_success();
    expect_all_here();
}

/* ---- what goes wrong on the way ---- */

Test(fetch, a_body_that_broke_off_goes_on_where_it_was)
{
    server->cut_at = 100000;
    server->times = 1;
    server->n_files = 4; /* the empty one cannot be cut */
    fathom("fetch", "mini", "--connections", "1", "--only", "images/");
    expect_success();
    size_t resumed = 0;
    for (size_t i = 0; i < server->n_asked; i++)
        resumed += strcmp(server->asked[i].range, "bytes=100000-") == 0;
    cr_expect(eq(sz, resumed, 2), "the hub and the host behind it");
    cr_expect(blob_ending("incomplete") == NULL);
}

Test(fetch, a_host_without_ranges_sends_all_again)
{
    server->cut_at = 100000;
    server->times = 1;
    server->no_ranges = true;
    fathom("fetch", "mini", "--only", "images/a*");
    expect_success();
    fathom("fetch", "mini");
    expect_success();
    expect_all_here();
}

Test(fetch, another_part_than_was_asked_for_is_not_taken)
{
    server->cut_at = 100000;
    server->times = 1;
    server->wrong_ranges = true;
    fathom("fetch", "mini", "--only", "images/a*");
    expect_success();
    cr_expect(eq(sz, hub_count(server, "/cdn/"), 3), "cut, another part, all of it");
    cr_expect(blob_ending("incomplete") == NULL);
}

Test(fetch, too_many_requests_and_faults_of_the_server_pass)
{
    server->status = 429;
    server->retry_after = "0.05";
    server->times = 3;
    fathom("fetch", "mini");
    expect_success();
    expect_all_here();
}

Test(fetch, a_file_that_is_gone_does_not_stop_the_others)
{
    server->status = 404;
    server->about = "test-00";
    server->times = 1;
    fathom("fetch", "mini");
    cr_expect(eq(int, last.code, 4));
    cr_expect(contains(ERR, "the hub has no '" REPO "/data/test-00.jsonl' (404)"), "%s", ERR);
    cr_expect(fm_file_exists(PICTURE));
}

Test(fetch, what_is_not_what_was_listed_is_not_kept)
{
    server->corrupt = true;
    server->times = 1000;
    fathom("fetch", "mini", "--only", "images/a*");
    cr_expect(eq(int, last.code, 4));
    cr_expect(contains(ERR, "what came for 'images/a.bin' is not what was listed"), "%s", ERR);
    cr_expect(eq(int, fm_file_exists(PICTURE), false));
    cr_expect(blob_ending("") == NULL);
}

Test(fetch, more_than_was_listed_is_not_kept)
{
    server->listing = "[{\"type\":\"file\",\"path\":\"data/test-00.jsonl\",\"size\":5,\"oid\":"
                      "\"0123456789abcdef0123456789abcdef01234567\"},{\"type\":\"file\",\"path\":"
                      "\"images/x\",\"size\":1,\"oid\":"
                      "\"0123456789abcdef0123456789abcdef01234568\"}]";
    fathom("fetch", "mini", "--only", "data/*");
    cr_expect(eq(int, last.code, 4));
    cr_expect(
        contains(ERR, "what comes for 'data/test-00.jsonl' is longer than the 5 bytes listed"),
        "%s", ERR);
    cr_expect(blob_ending("") == NULL);
}

Test(fetch, parts_of_two_files_are_begun_anew)
{
    server->cut_at = 100000;
    server->times = 1;
    fathom("fetch", "mini", "--only", "data/*"); /* makes the folders */
    server->times = 0;
    char hash[FM_HASH_TEXT_BYTES], path[600];
    hub_hash(hub_find(server, "images/a.bin"), hash);
    snprintf(path, sizeof(path), PLACE "/blobs/%s.incomplete", hash);
    scratch_write(path, "something else", 14);
    fathom("fetch", "mini");
    expect_success();
    expect_all_here();
    cr_expect(eq(sz, hub_count(server, "/cdn/images/a.bin"), 2));
}

Test(fetch, more_than_was_listed_in_a_part_is_begun_anew)
{
    char hash[FM_HASH_TEXT_BYTES], path[600];
    char *longer = calloc(1, LARGE_BYTES + 5);

    fathom("fetch", "mini", "--only", "data/*");
    expect_success();
    hub_hash(hub_find(server, "images/a.bin"), hash);
    snprintf(path, sizeof(path), PLACE "/blobs/%s.incomplete", hash);
    scratch_write(path, longer, LARGE_BYTES + 5);
    free(longer);
    fathom("fetch", "mini");
    expect_success();
    expect_all_here();
}

/* A piece of 16 KiB in so long: two seconds, of which a loaded machine does not miss the middle. */
static const int slow_ms = 100;

Test(fetch, killed_in_the_middle_it_goes_on)
{
    server->pause_ms = slow_ms;
    pid_t pid = program_start(FATHOM_WORDS("fetch", "mini"), "stdout");
    for (int i = 0; i < 500; i++) {
        struct stat info;
        char *part = blob_ending("incomplete");

        if (part && stat(part, &info) == 0 && info.st_size > 40000)
            break;
        loopback_pause(10);
    }
    kill(pid, SIGKILL);
    program_wait(pid);
    cr_assert(blob_ending("incomplete") != NULL);
    server->pause_ms = 0;
    fathom("fetch", "mini");
    expect_success();
    expect_all_here();
    size_t resumed = 0;
    for (size_t i = 0; i < server->n_asked; i++)
        resumed += server->asked[i].range[0] != '\0';
    cr_expect(ge(sz, resumed, 1));
}

Test(fetch, an_interrupt_keeps_what_has_come)
{
    server->pause_ms = slow_ms;
    pid_t pid = program_start(FATHOM_WORDS("fetch", "mini"), "stdout");
    for (int i = 0; i < 500 && !blob_ending("incomplete"); i++)
        loopback_pause(10);
    kill(pid, SIGINT);
    program_wait(pid);
    cr_expect(eq(int, last.code, 130));
    cr_expect(contains(ERR, "stopped; what has come is kept"), "%s", ERR);
    cr_expect(blob_ending("incomplete") != NULL);
}

Test(fetch, two_at_once_take_turns)
{
    int status;

    server->pause_ms = 10;
    pid_t other = program_start(FATHOM_WORDS("fetch", "mini"), "other");
    for (int i = 0; i < 500 && !blob_ending("incomplete"); i++)
        loopback_pause(10);
    fathom("fetch", "mini");
    expect_success();
    cr_assert(eq(int, (int)waitpid(other, &status, 0), (int)other));
    cr_expect(eq(int, status, 0));
    expect_all_here();
    cr_expect(eq(sz, hub_count(server, "/cdn/images/a.bin"), 1), "it came once");
}

/* ---- hostile hubs ---- */

Test(fetch, names_that_leave_the_folder_are_refused)
{
    static const char *const names[] = {"images/../../../../x", "/etc/x", "images//x",
                                        "images/a\\u0007b"};
    char text[400], listing[700];

    snprintf(text, sizeof(text), "%s", "images/../../../../x");
    for (size_t i = 0; i < FM_COUNT_OF(names); i++) {
        snprintf(listing, sizeof(listing),
                 "[{\"type\":\"file\",\"oid\":\"%s\",\"size\":1,\"path\":\"%s\"}]",
                 "0123456789abcdef0123456789abcdef01234567", names[i]);
        server->listing = listing;
        fathom("fetch", "mini");
        cr_expect(eq(int, last.code, 4), "%s: %s", names[i], ERR);
        cr_expect(eq(int, fm_dir_exists("hf"), false));
    }
}

Test(fetch, a_link_in_the_way_is_not_followed)
{
    cr_assert(eq(int, fm_dir_make(DATA, NULL), FM_OK));
    cr_assert(eq(int, fm_dir_make("elsewhere", NULL), FM_OK));
    cr_assert(eq(int, symlink(scratch_path("elsewhere"), DATA "/images"), 0));
    fathom("fetch", "mini");
    cr_expect(eq(int, last.code, 4));
    cr_expect(contains(ERR, "is a link that leaves its folder"), "%s", ERR);
    cr_expect(eq(int, fm_file_exists("elsewhere/a.bin"), false));
}

Test(fetch, a_listing_that_goes_on_elsewhere_is_refused)
{
    server->next = "http://127.0.0.1:9/api/more";
    fathom("fetch", "mini");
    expect_failure(4, "fathom: the hub's list of files goes on at another place: "
                      "'http://127.0.0.1:9/api/more'\n");
}

Test(fetch, a_pattern_that_fits_nothing_is_told)
{
    server->n_files = 1;
    fathom("fetch", "mini");
    expect_failure(4, "fathom: '" REPO "' has no file that fits 'data/test-*.jsonl' (revision "
                      "'main')\n");
}

/* ---- full disks ---- */

Test(fetch, a_write_that_fails_keeps_what_has_come)
{
    struct rlimit before, small;

    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){100000, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN); /* the program inherits it, and sees EFBIG */
    setrlimit(RLIMIT_FSIZE, &small);
    fathom("fetch", "mini", "--only", "images/a*");
    setrlimit(RLIMIT_FSIZE, &before);
    cr_expect(eq(int, last.code, 1));
    cr_expect(contains(ERR, ".incomplete': File too large"), "%s", ERR);
    fathom("fetch", "mini");
    expect_success();
    expect_all_here();
    size_t resumed = 0;
    for (size_t i = 0; i < server->n_asked; i++)
        resumed += strcmp(server->asked[i].range, "bytes=100000-") == 0;
    cr_expect(eq(sz, resumed, 2));
}

/* ---- several sources ---- */

static void write_joined_suite(void)
{
    char hash[FM_HASH_TEXT_BYTES], text[2000];
    const char *at = strstr(suite, "hub:"), *end = strstr(suite, "loader:");

    fm_hash_bytes(table, strlen(table), hash);
    snprintf(text, sizeof(text),
             "%.*shub:\n  sources:\n"
             "    - {repository: " REPO ", files: [images/], folder: v}\n"
             "    - {url: \"%s\", sha256: %s, size: %zu, name: data/test-00.jsonl}\n"
             "  by_hand: and buy a camera\n%s",
             (int)(at - suite), suite, loopback_url(server->cdn, "/cdn/data/test-00.jsonl"), hash,
             strlen(table), end);
    write_suite("mini", text);
}

Test(fetch, several_sources_are_joined_in_one_folder)
{
    char folder[700], path[800];

    server->token = TOKEN;
    setenv("HF_TOKEN", TOKEN, 1);
    write_joined_suite();
    fathom("fetch", "mini");
    expect_success();
    cr_expect(contains(ERR, "what cannot be fetched: and buy a camera"), "%s", ERR);
    snprintf(folder, sizeof(folder), "%s", OUT);
    folder[strcspn(folder, "\n")] = '\0';
    snprintf(path, sizeof(path), "%s/data/test-00.jsonl", folder);
    cr_expect(eq(str, text_of(path), (char *)table));
    snprintf(path, sizeof(path), "%s/v/images/a.bin", folder);
    cr_expect(fm_file_exists(path));
    cr_expect(fm_file_exists(PICTURE), "other tools find it");
    for (size_t i = 0; i < server->n_asked; i++)
        cr_expect(eq(int, server->asked[i].token, strncmp(server->asked[i].what, "/cdn/", 5) != 0));
    fathom("run", "mini", "-a", "oracle", "-o", "run");
    expect_success();
    fathom("check", "mini", "--hash");
    expect_success();
}

/* ---- fathom check ---- */

Test(fetch, check_tells_what_is_here_and_what_is_not)
{
    fathom("check", "mini");
    cr_expect(eq(int, last.code, 3));
    cr_expect(eq(str, OUT, "mini: not here: fathom fetch mini\n"));
    fathom("fetch", "mini", "--only", "data/*");
    fathom("check", "mini");
    cr_expect(eq(int, last.code, 3));
    cr_expect(contains(OUT, "mini: 1 of 3 files are here: fathom fetch mini\n"), "%s", OUT);
    cr_expect(contains(OUT, "  missing  images/a.bin\n"), "%s", OUT);
    fathom("fetch", "mini");
    fathom("check", "mini");
    expect_success();
    cr_expect(contains(OUT, "mini: here, 3 files, 293.1 KiB\n"), "%s", OUT);
    fathom("check", "mini", "--hash");
    expect_success();
    cr_expect(contains(OUT, "every hash is right"), "%s", OUT);
}

Test(fetch, check_finds_damage_and_fetch_mends_it)
{
    char *changed = malloc(LARGE_BYTES);

    fathom("fetch", "mini");
    expect_success();
    memcpy(changed, large, LARGE_BYTES);
    changed[7] ^= 1;
    scratch_write(PICTURE, changed, LARGE_BYTES);
    fathom("check", "mini");
    expect_success(); /* by its size it is right */
    fathom("check", "mini", "--hash");
    cr_expect(eq(int, last.code, 4));
    cr_expect(contains(OUT, "  damaged  images/a.bin\n"), "%s", OUT);
    scratch_write(PICTURE, changed, 10);
    free(changed);
    fathom("check", "mini");
    cr_expect(eq(int, last.code, 4));
    fathom("fetch", "mini");
    expect_success();
    expect_all_here();
}

Test(fetch, check_without_names_is_an_overview_without_secrets)
{
    setenv("OPENAI_API_KEY", "sk-canary-0123456789", 1);
    setenv("HF_TOKEN", TOKEN, 1);
    fathom("check");
    expect_success();
    cr_expect(contains(OUT, "mini   not here"), "%s", OUT);
    cr_expect(contains(OUT, "OPENAI_API_KEY is set"), "%s", OUT);
    cr_expect(contains(OUT, "with the token of HF_TOKEN"), "%s", OUT);
    cr_expect(eq(int, contains(OUT, TOKEN) || contains(OUT, "sk-canary"), false));
    fathom("check", "--json");
    expect_success();
    cr_expect(contains(OUT, "\"OPENAI_API_KEY\"") && contains(OUT, "fathom.check/1"), "%s", OUT);
    cr_expect(eq(int, contains(OUT, TOKEN) || contains(OUT, "sk-canary"), false));
}

Test(fetch, every_suite_of_ours_states_where_it_is_published)
{
    unsetenv("FATHOM_SUITES");
    fathom("check", "--json");
    expect_success();
    cr_expect(eq(int, contains(OUT, "\"with --data\""), false), "%s", OUT);
}
