/* base/files: names that cannot leave their folder, files that are whole or absent, bounded lines. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/size.h"
#include "support/scratch.h"

TestSuite(names, .init = scratch_make, .fini = scratch_remove);
TestSuite(whole, .init = scratch_make, .fini = scratch_remove);
TestSuite(lines, .init = scratch_make, .fini = scratch_remove);

static fm_status inside(const char *name)
{
    char out[FM_PATH_BYTES];

    return fm_path_join_inside(out, scratch_dir, name, NULL);
}

Test(names, that_climb_or_start_at_the_root_are_refused)
{
    static const char *const names[] = {
        "..",     "../x",     "../../etc/passwd",
        "a/../b", "a/..",     "/etc/passwd",
        "",       "a//b",     "a/",
        "/",      "a\nb",     "\x7F",
        "a/\t",   "\x1b[31m", "./../x",
    };
    fm_err err = {0};
    char out[FM_PATH_BYTES] = "untouched";

    for (size_t i = 0; i < FM_COUNT_OF(names); i++)
        cr_expect(inside(names[i]) == FM_E_INPUT, "accepted '%s'", names[i]);
    cr_expect(fm_path_join_inside(out, scratch_dir, "../x", &err) == FM_E_INPUT);
    cr_expect(eq(str, err.text, "name '../x' would leave its folder"));
    cr_expect(eq(str, out, "untouched"));
}

Test(names, that_only_look_like_climbing_are_accepted)
{
    static const char *const names[] = {"a",   "a/b",    "..a",           "a..",
                                        "...", "a/...b", "\xC3\xA9/x.png"};

    for (size_t i = 0; i < FM_COUNT_OF(names); i++)
        cr_expect(inside(names[i]) == FM_OK, "refused '%s'", names[i]);
}

Test(names, that_follow_a_link_out_are_refused)
{
    cr_assert(symlink("/etc", scratch_path("etc")) == 0);
    cr_assert(symlink("/etc/passwd", scratch_path("file")) == 0);
    cr_assert(symlink("..", scratch_path("up")) == 0);
    cr_expect(inside("file") == FM_E_INPUT);
    cr_expect(inside("etc/passwd") == FM_E_INPUT);
    cr_expect(inside("etc/is-not-there/yet") == FM_E_INPUT);
    cr_expect(inside("up/x") == FM_E_INPUT);
}

Test(names, that_follow_a_link_to_nowhere_are_refused)
{
    cr_assert(symlink("/is/not/there", scratch_path("gone")) == 0);
    cr_assert(symlink("loop", scratch_path("loop")) == 0);
    cr_expect(inside("gone") == FM_E_INPUT);
    cr_expect(inside("gone/x") == FM_E_INPUT);
    cr_expect(inside("loop") == FM_E_INPUT);
}

Test(names, that_follow_a_link_to_a_sibling_with_the_same_beginning_are_refused)
{
    char sibling[400], out[FM_PATH_BYTES];

    cr_assert(mkdir(scratch_path("data"), 0777) == 0);
    cr_assert(mkdir(scratch_path("data-of-others"), 0777) == 0);
    snprintf(sibling, sizeof(sibling), "%s/data-of-others", scratch_dir);
    cr_assert(symlink(sibling, scratch_path("data/link")) == 0);
    cr_expect(fm_path_join_inside(out, scratch_path("data"), "link", NULL) == FM_E_INPUT);
}

Test(names, that_follow_a_link_inside_are_accepted)
{
    cr_assert(mkdir(scratch_path("a"), 0777) == 0);
    cr_assert(symlink("a", scratch_path("b")) == 0);
    scratch_write("a/x", "1", 1);
    cr_expect(inside("b/x") == FM_OK);
    cr_expect(inside("b/new") == FM_OK);
}

Test(names, in_the_root_folder_or_a_missing_one_are_judged_by_their_text)
{
    char out[FM_PATH_BYTES];

    cr_expect(fm_path_join_inside(out, "/", "etc/passwd", NULL) == FM_OK);
    cr_expect(eq(str, out, "/etc/passwd"));
    cr_expect(fm_path_join_inside(out, scratch_path("none"), "x", NULL) == FM_OK);
    cr_expect(fm_path_join_inside(out, scratch_path("none"), "../x", NULL) == FM_E_INPUT);
}

Test(names, longer_than_a_path_can_be_are_refused)
{
    char name[FM_PATH_BYTES + 10], out[FM_PATH_BYTES];
    fm_err err = {0};

    memset(name, 'a', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    cr_expect(fm_path_join(out, "x", name, &err) == FM_E_INPUT);
    cr_expect(inside(name) == FM_E_INPUT);
    cr_expect(fm_file_write_atomic(name, "", 0, &err) == FM_E_INPUT);
    cr_expect(fm_dir_make(name, &err) == FM_E_INPUT);
    cr_expect(fm_dir_make("", &err) == FM_E_INPUT);
}

Test(names, are_joined_with_one_slash_and_none_to_an_empty_folder)
{
    char out[FM_PATH_BYTES];

    cr_expect(fm_path_join(out, "a", "b", NULL) == FM_OK && strcmp(out, "a/b") == 0);
    cr_expect(fm_path_join(out, "a/", "b", NULL) == FM_OK && strcmp(out, "a/b") == 0);
    cr_expect(fm_path_join(out, "", "b", NULL) == FM_OK && strcmp(out, "b") == 0, "'%s'", out);
    cr_expect(eq(str, (char *)fm_path_base("a/b/c"), "c"));
    cr_expect(eq(str, (char *)fm_path_base("c"), "c"));
    cr_expect(eq(str, (char *)fm_path_base("a/"), ""));
}

Test(names, in_a_file_are_from_its_folder)
{
    static const struct {
        const char *file, *given, *path;
    } rows[] = {{"a/plan", "b", "a/b"},
                {"plan", "b", "b"},
                {"/plan", "b", "/b"},
                {"a/plan", "/b", "/b"},
                {"../a/plan", "../b", "../a/../b"}};
    char name[FM_PATH_BYTES + 10], out[FM_PATH_BYTES];
    fm_err err = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_expect(fm_path_beside(out, rows[i].file, rows[i].given, &err) == FM_OK);
        cr_expect(eq(str, out, (char *)rows[i].path));
    }
    memset(name, 'a', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    cr_expect(fm_path_beside(out, "a/plan", name, &err) == FM_E_INPUT);
}

static void expect_content(const char *path, const char *text)
{
    fm_buf got = {0};

    cr_assert(fm_file_read(path, 1 << 20, &got, NULL) == FM_OK);
    cr_expect(got.size == strlen(text) && memcmp(fm_buf_text(&got), text, got.size) == 0);
    fm_buf_release(&got);
}

/* How many entries the folder has: a temporary file that stays behind would be one too many. */
static int entries(const char *path)
{
    char command[600];
    int n = -1;

    snprintf(command, sizeof(command), "ls -A '%s' | wc -l", path);
    FILE *p = popen(command, "r");
    cr_assert(p && fscanf(p, "%d", &n) == 1);
    pclose(p);
    return n;
}

Test(whole, file_replaces_the_old_one_and_leaves_nothing_beside_it)
{
    const char *path = scratch_write("f", "old and long", 12);

    cr_assert(fm_file_write_atomic(path, "new", 3, NULL) == FM_OK);
    expect_content(path, "new");
    cr_assert(fm_file_write_atomic(path, NULL, 0, NULL) == FM_OK);
    expect_content(path, "");
    cr_expect(entries(scratch_dir) == 1);
}

Test(whole, file_that_is_abandoned_leaves_the_old_one)
{
    const char *path = scratch_write("f", "old", 3);
    fm_file_writer writer;

    cr_assert(fm_file_writer_begin(&writer, path, NULL) == FM_OK);
    fputs("new", writer.stream);
    fm_file_writer_abandon(&writer);
    fm_file_writer_abandon(&writer);
    expect_content(path, "old");
    cr_expect(entries(scratch_dir) == 1);
}

/* A size limit fails writes as a full disk does, and needs no disk to fill. */
Test(whole, file_on_a_full_disk_leaves_the_old_one)
{
    static char block[200000];
    const char *path = scratch_write("f", "old", 3);
    struct rlimit limit = {.rlim_cur = 100000, .rlim_max = RLIM_INFINITY};
    fm_err err = {0};

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 100000;
    signal(SIGXFSZ, SIG_IGN);
    cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    fm_status st = fm_file_write_atomic(path, block, sizeof(block), &err);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
    cr_expect(st == FM_E_IO);
    cr_expect(strstr(err.text, "cannot write") && strstr(err.text, path), "%s", err.text);
    cr_expect(strstr(err.text, "Success") == NULL, "%s", err.text);
    expect_content(path, "old");
    cr_expect(entries(scratch_dir) == 1);
}

Test(whole, pipe_is_written_to_and_not_replaced)
{
    const char *path = scratch_path("pipe");
    struct stat info;
    char got[8] = "";
    fm_err err = {0};

    cr_assert(mkfifo(path, 0666) == 0);
    int fd = open(path, O_RDWR);
    cr_assert(fm_file_write_atomic(path, "text", 4, &err) == FM_OK, "%s", err.text);
    cr_expect(read(fd, got, sizeof(got)) == 4 && memcmp(got, "text", 4) == 0);
    close(fd);
    cr_expect(lstat(path, &info) == 0 && S_ISFIFO(info.st_mode));
    cr_expect(entries(scratch_dir) == 1);
}

Test(whole, file_behind_a_link_is_replaced_and_the_link_stays)
{
    const char *file = scratch_write("f", "old", 3), *link = scratch_path("link");
    struct stat info;

    cr_assert(symlink("f", link) == 0);
    cr_assert(fm_file_write_atomic(link, "new", 3, NULL) == FM_OK);
    expect_content(file, "new");
    cr_expect(lstat(link, &info) == 0 && S_ISLNK(info.st_mode));
    cr_expect(entries(scratch_dir) == 2);
}

Test(whole, stream_onto_a_full_device_is_an_error)
{
    FILE *full = fopen("/dev/full", "w");
    fm_err err = {0};

    if (!full)
        cr_skip_test("no /dev/full here");
    fputs("text", full);
    cr_expect(fm_stream_check(full, "standard output", &err) == FM_E_IO);
    cr_expect(eq(str, err.text, "cannot write to standard output: No space left on device"));
    fclose(full);
}

Test(whole, file_where_none_can_be_is_an_error_that_names_it)
{
    fm_err err = {0};

    cr_expect(fm_file_write_atomic(scratch_path("no/such/folder"), "x", 1, &err) == FM_E_IO);
    cr_expect(strstr(err.text, "no/such/folder': No such file or directory") != NULL);
    cr_assert(mkdir(scratch_path("folder"), 0777) == 0);
    cr_expect(fm_file_write_atomic(scratch_path("folder"), "x", 1, &err) == FM_E_IO);
    cr_expect(strstr(err.text, "Is a directory") != NULL, "%s", err.text);
    cr_expect(entries(scratch_dir) == 1);
}

/* What is told before the work is what the writer would say after it. */
Test(whole, file_is_told_before_whether_it_can_be)
{
    char longest[FM_PATH_BYTES + 1];
    const struct {
        const char *path;
        fm_status status;
    } rows[] = {
        {"new", FM_OK},
        {"old", FM_OK},
        {"link", FM_OK},
        {"dangling", FM_OK},
        {"/dev/null", FM_OK},
        {"folder", FM_E_IO},
        {"no/such/folder", FM_E_IO},
        {longest, FM_E_INPUT},
    };

    scratch_write("old", "x", 1);
    cr_assert(mkdir(scratch_path("folder"), 0777) == 0);
    cr_assert(symlink("old", scratch_path("link")) == 0);
    cr_assert(symlink("nowhere", scratch_path("dangling")) == 0);
    snprintf(longest, sizeof(longest), "%s/", scratch_dir);
    memset(longest + strlen(longest), 'a', sizeof(longest) - strlen(longest) - 1);
    longest[FM_PATH_BYTES - 2] = '\0'; /* a path, but for what its temporary file is called */
    for (size_t i = 0; i < FM_COUNT_OF(rows); i++) {
        const char *path = rows[i].path[0] == '/' ? rows[i].path : scratch_path(rows[i].path);
        fm_err err = {0};

        cr_expect(eq(int, fm_file_check_place(path, &err), rows[i].status), "%.60s: %s", path,
                  err.text);
        cr_expect(eq(int, fm_file_write_atomic(path, "x", 1, &err), rows[i].status), "%.60s: %s",
                  path, err.text);
    }
}

Test(whole, a_failure_before_the_commit_is_reported_with_its_reason)
{
    struct rlimit limit;
    fm_file_writer writer;
    fm_err err = {0};

    cr_assert(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = 100000; /* stands for a full disk */
    cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert(fm_file_writer_begin(&writer, scratch_path("f"), &err) == FM_OK);
    for (int i = 0; i < 200000; i++)
        fputc('x', writer.stream);
    cr_expect(fm_file_writer_commit(&writer, &err) == FM_E_IO);
    cr_expect(strstr(err.text, "f': File too large") != NULL, "%s", err.text);
    cr_expect(entries(scratch_dir) == 0);
}

Test(whole, reading_stops_at_the_cap_and_leaves_the_buffer_as_it_was)
{
    const char *path = scratch_write("f", "12345", 5);
    fm_buf out = {0};
    fm_err err = {0};

    fm_buf_puts(&out, "before ");
    cr_expect(fm_file_read(path, 4, &out, &err) == FM_E_INPUT);
    cr_expect(eq(str, out.data, "before "));
    cr_expect(fm_file_read(path, 5, &out, &err) == FM_OK);
    cr_expect(eq(str, out.data, "before 12345"));
    cr_expect(fm_file_read("/dev/zero", 100000, &out, &err) == FM_E_INPUT, "no end, no size");
    cr_expect(fm_file_read(scratch_dir, 100, &out, &err) == FM_E_IO);
    cr_expect(strstr(err.text, "it is a folder") != NULL);
    cr_expect(fm_file_read(scratch_path("none"), 100, &out, &err) == FM_E_IO);
    cr_expect(eq(str, out.data, "before 12345"));
    fm_buf_release(&out);
}

Test(whole, folders_are_made_with_their_parents)
{
    fm_err err = {0};

    cr_expect(fm_dir_make(scratch_path("a/b//c/"), &err) == FM_OK, "%s", err.text);
    cr_expect(fm_dir_exists(scratch_path("a/b/c")));
    cr_expect(fm_dir_make(scratch_path("a/b"), &err) == FM_OK, "also where they are already");
    scratch_write("file", "", 0);
    cr_expect(fm_dir_make(scratch_path("file"), &err) == FM_E_IO);
    cr_expect(fm_dir_make(scratch_path("file/below"), &err) == FM_E_IO);
    cr_expect(fm_file_exists(scratch_path("file")) && !fm_dir_exists(scratch_path("file")));
    cr_expect(not(fm_file_exists(scratch_path("a"))));
}

static fm_lines reader;

static bool next_line(void)
{
    bool more = false;
    fm_err err = {0};

    cr_assert(fm_lines_next(&reader, &more, &err) == FM_OK, "%s", err.text);
    return more;
}

static void open_text(const char *text, size_t size, size_t cap)
{
    cr_assert(fm_lines_open(&reader, scratch_write("lines", text, size), cap, NULL) == FM_OK);
}

Test(lines, last_one_without_newline_is_torn)
{
    open_text("one\n\nthree", 10, 0);
    cr_assert(next_line());
    cr_expect(strcmp(reader.line, "one") == 0 && reader.number == 1 && reader.offset == 0);
    cr_expect(not(reader.torn));
    cr_assert(next_line());
    cr_expect(reader.size == 0 && reader.line[0] == '\0' && reader.offset == 4);
    cr_assert(next_line());
    cr_expect(strcmp(reader.line, "three") == 0 && reader.torn && reader.offset == 5);
    cr_expect(not(next_line()));
    cr_expect(not(next_line()));
    fm_lines_close(&reader);
}

Test(lines, empty_file_has_none)
{
    open_text("", 0, 0);
    cr_expect(not(next_line()));
    fm_lines_close(&reader);
    fm_lines_close(&reader);
}

Test(lines, nul_bytes_and_carriage_returns_are_kept)
{
    open_text("a\0b\r\n\0\n", 7, 0);
    cr_assert(next_line());
    cr_expect(reader.size == 4 && memcmp(reader.line, "a\0b\r", 5) == 0);
    cr_assert(next_line());
    cr_expect(reader.size == 1 && reader.line[0] == '\0');
    fm_lines_close(&reader);
}

Test(lines, longer_than_the_cap_are_dropped_and_the_next_is_read)
{
    open_text("12345\n123456\n\n1234567", 21, 5);
    cr_assert(next_line());
    cr_expect(strcmp(reader.line, "12345") == 0 && !reader.too_long);
    cr_assert(next_line());
    cr_expect(reader.too_long && reader.size == 0 && reader.number == 2 && reader.offset == 6);
    cr_assert(next_line());
    cr_expect(not(reader.too_long));
    cr_assert(next_line());
    cr_expect(reader.too_long && reader.torn && reader.number == 4);
    cr_expect(not(next_line()));
    fm_lines_close(&reader);
}

/* 2 GB that take no room on the disk. */
Test(lines, of_two_gigabytes_take_no_memory)
{
    const char *path = scratch_path("huge");
    int fd = open(path, O_RDWR | O_CREAT, 0666);
    struct rusage use;

    cr_assert(fd >= 0);
    if (ftruncate(fd, (off_t)2 << 30) != 0 || pwrite(fd, "\nend\n", 5, (off_t)2 << 30) != 5)
        cr_skip_test("no sparse files of 2 GB here");
    close(fd);
    cr_assert(fm_lines_open(&reader, path, 1 << 20, NULL) == FM_OK);
    cr_assert(next_line());
    cr_expect(reader.too_long);
    cr_assert(next_line());
    cr_expect(strcmp(reader.line, "end") == 0 && reader.offset == ((int64_t)2 << 30) + 1);
    fm_lines_close(&reader);
    getrusage(RUSAGE_SELF, &use);
#ifndef __SANITIZE_ADDRESS__
    cr_expect(use.ru_maxrss < 64 << 10, "%ld kB", use.ru_maxrss);
#endif
}

Test(lines, across_the_blocks_of_the_reader_are_whole)
{
    size_t size = 0, capacity = 1 << 20;
    char *text = malloc(capacity);
    int n = 0;

    for (; size + 70000 < capacity; n++) {
        size_t length = (size_t)n * 977 % 70000;

        memset(text + size, 'a' + n % 26, length);
        text[size + length] = '\n';
        size += length + 1;
    }
    open_text(text, size, 0);
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        size_t length = (size_t)i * 977 % 70000;

        cr_assert(next_line());
        cr_assert(reader.size == length && reader.offset == (int64_t)at);
        cr_assert(memcmp(reader.line, text + at, length) == 0 && reader.line[length] == '\0');
        at += length + 1;
    }
    cr_expect(not(next_line()));
    fm_lines_close(&reader);
    free(text);
}

Test(lines, of_a_folder_or_of_nothing_are_an_error)
{
    fm_err err = {0};

    cr_expect(fm_lines_open(&reader, scratch_dir, 0, &err) == FM_E_IO);
    fm_lines_close(&reader);
    cr_expect(fm_lines_open(&reader, scratch_path("none"), 0, &err) == FM_E_IO);
    fm_lines_close(&reader);
}
