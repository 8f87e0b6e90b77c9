/* SPDX-License-Identifier: MIT
 *
 * Output files by their names: whole or not there, in whose place, and which temporaries
 * are left alone.  How they are written, under threads, signals and limits:
 * test_file_write.c.
 */
#include "out_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int mode_of(const char *file)
{
    struct stat st;
    ck_assert_int_eq(stat(file, &st), 0);
    return st.st_mode & 07777;
}

START_TEST(test_commit)
{
    struct tr_err err = { 0 };
    umask(027);
    struct tr_out *out = start(path, "new");
    ck_assert_int_ne(access(path, F_OK), 0); /* not there before it is whole */
    ck_assert_int_eq(access(tr_out_temp(out), F_OK), 0);
    fputs(" and more", tr_out_stream(out));
    ck_assert_int_eq(tr_out_commit(out, &err), 0);
    assert_holds(path, "new and more");
    ck_assert_int_eq(mode_of(path), 0640);
    ck_assert_int_eq(n_entry(), 1);
}
END_TEST

START_TEST(test_replace_keeps_mode)
{
    write_bytes(path, "old", 3);
    ck_assert_int_eq(chmod(path, 0604), 0);
    struct tr_out *out = start(path, "new");
    ck_assert_int_eq(fflush(tr_out_stream(out)), 0);
    assert_holds(path, "old");
    ck_assert_int_eq(tr_out_commit(out, NULL), 0);
    assert_holds(path, "new");
    ck_assert_int_eq(mode_of(path), 0604);
}
END_TEST

START_TEST(test_discard)
{
    write_bytes(path, "old", 3);
    struct tr_out *out = start(path, "new");
    errno = EDOM;
    tr_out_discard(out);
    ck_assert_int_eq(errno, EDOM);
    assert_holds(path, "old");
    ck_assert_int_eq(n_entry(), 1);
    tr_out_discard(NULL);
}
END_TEST

START_TEST(test_unlink_all)
{
    struct tr_out *a = start(path, "a"), *b = start(other, "b");
    ck_assert_int_eq(n_entry(), 2);
    tr_out_unlink_all();
    ck_assert_int_eq(n_entry(), 0);
    tr_out_discard(a);
    tr_out_discard(b);
}
END_TEST

static void assert_refused(const char *file, int code)
{
    struct tr_err err = { 0 };
    ck_assert_ptr_null(tr_out_open(file, &err));
    ck_assert_int_eq(err.code, TR_EIO);
    ck_assert_msg(strstr(err.text, strerror(code)) != NULL, "'%.80s': %s", file, err.text);
    ck_assert_int_eq(n_entry(), 0);
}

START_TEST(test_refused_at_once)
{
    char name[600], deep[5000];
    assert_refused(dir, EISDIR);
    assert_refused("", ENOENT);
    snprintf(name, sizeof name, "%s/no/file", dir);
    assert_refused(name, ENOENT);
    snprintf(name, sizeof name, "%s/file/", dir);
    assert_refused(name, EISDIR);
    snprintf(name, sizeof name, "%s/%0256d", dir, 0);
    assert_refused(name, ENAMETOOLONG);
    memset(deep, 'd', sizeof deep);
    deep[sizeof deep - 1] = 0;
    assert_refused(deep, ENAMETOOLONG);
}
END_TEST

START_TEST(test_long_name)
{
    char name[600];
    snprintf(name, sizeof name, "%s/%0255d", dir, 7);
    struct tr_out *out = start(name, "long"), *same_start;
    name[strlen(name) - 1] = '8'; /* 254 bytes in common, and another temporary */
    same_start = start(name, "long too");
    ck_assert_int_eq(tr_out_commit(same_start, NULL), 0);
    assert_holds(name, "long too");
    ck_assert_int_eq(unlink(name), 0);
    name[strlen(name) - 1] = '7';
    ck_assert_int_eq(tr_out_commit(out, NULL), 0);
    assert_holds(name, "long");
    ck_assert_int_eq(unlink(name), 0);
}
END_TEST

START_TEST(test_odd_names)
{
    static const char *const names[] = { "-x", " a b", "a\nb", "\xff", "%s%n", "..." };
    char name[400];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(name, sizeof name, "%s/%s", dir, names[i]);
        ck_assert_int_eq(tr_out_commit(start(name, "odd"), NULL), 0);
        assert_holds(name, "odd");
        ck_assert_int_eq(unlink(name), 0);
    }
}
END_TEST

START_TEST(test_symlink)
{
    struct stat st;
    write_bytes(other, "old", 3);
    ck_assert_int_eq(symlink("b.gguf", path), 0);
    ck_assert_int_eq(tr_out_commit(start(path, "new"), NULL), 0);
    ck_assert_int_eq(lstat(path, &st), 0);
    ck_assert(S_ISLNK(st.st_mode));
    assert_holds(other, "new");
    ck_assert_int_eq(unlink(other), 0); /* now it points nowhere */
    ck_assert_ptr_null(tr_out_open(path, NULL));
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(symlink("a.gguf", path), 0); /* and now to itself */
    ck_assert_ptr_null(tr_out_open(path, NULL));
}
END_TEST

/* What the name of a temporary begins with, and is followed by. */
static const char *left(const char *rest)
{
    static char name[400];
    snprintf(name, sizeof name, "%s/.a.gguf.tmp.%s", dir, rest);
    return name;
}

static int is_there(const char *file)
{
    struct stat st;
    return !lstat(file, &st);
}

START_TEST(test_what_others_left)
{
    static const char *const gone[] = { "1", "999999999", "77-3" };
    static const char *const kept[] = { "", "9x", "9-", "-9", "9-8-7" };
    char mine[32];
    snprintf(mine, sizeof mine, "%u", (unsigned)getpid());
    write_bytes(left(mine), "", 0); /* of an earlier process with our number */
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        write_bytes(left(gone[i]), "", 0);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        write_bytes(left(kept[i]), "", 0);
    ck_assert_int_eq(tr_out_commit(start(path, "x"), NULL), 0);
    ck_assert(!is_there(left(mine)));
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        ck_assert_msg(!is_there(left(gone[i])), "'%s' is left", gone[i]);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        ck_assert_msg(!unlink(left(kept[i])), "'%s' is gone", kept[i]);
    assert_holds(path, "x");
}
END_TEST

/* Whoever holds the lock may be on another machine, so its number says nothing. */
START_TEST(test_what_others_write)
{
    write_bytes(left("999999999"), "", 0);
    int fd = open(left("999999999"), O_WRONLY);
    ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
    tr_out_discard(start(path, "x"));
    ck_assert(is_there(left("999999999")));
    close(fd);
    tr_out_discard(start(path, "x"));
    ck_assert(!is_there(left("999999999")));
}
END_TEST

START_TEST(test_what_is_no_temporary)
{
    write_bytes(other, "other", 5);
    ck_assert_int_eq(symlink("b.gguf", left("1")), 0);
    ck_assert_int_eq(mkfifo(left("2"), 0600), 0);
    ck_assert_int_eq(mkdir(left("3"), 0700), 0);
    char of_other[400]; /* of another target */
    snprintf(of_other, sizeof of_other, "%s/.b.gguf.tmp.999999999", dir);
    write_bytes(of_other, "", 0);
    tr_out_discard(start(path, "x"));
    assert_holds(other, "other");
    ck_assert_int_eq(unlink(left("1")), 0);
    ck_assert_int_eq(unlink(left("2")), 0);
    ck_assert_int_eq(rmdir(left("3")), 0);
    ck_assert_int_eq(unlink(of_other), 0);
}
END_TEST

/* Two outputs with one target do not touch each other's temporaries; the last one stays. */
START_TEST(test_same_target)
{
    struct tr_out *a = start(path, "a"), *b = start(path, "b"), *c = start(path, "c");
    ck_assert_str_ne(tr_out_temp(a), tr_out_temp(b));
    tr_out_discard(b);
    assert_holds(tr_out_temp(a), "");
    ck_assert_int_eq(tr_out_commit(a, NULL), 0);
    assert_holds(path, "a");
    ck_assert_int_eq(tr_out_commit(c, NULL), 0);
    assert_holds(path, "c");
    ck_assert_int_eq(n_entry(), 1);
}
END_TEST

START_TEST(test_a_child_removes_nothing)
{
    struct tr_out *out = start(path, "x");
    pid_t child = fork();
    if (child == 0) {
        tr_out_unlink_all();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_int_eq(access(tr_out_temp(out), F_OK), 0);
    ck_assert_int_eq(tr_out_commit(out, NULL), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("file");
    TCase *t = tcase_create("file");
    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_add_test(t, test_commit);
    tcase_add_test(t, test_replace_keeps_mode);
    tcase_add_test(t, test_discard);
    tcase_add_test(t, test_unlink_all);
    tcase_add_test(t, test_refused_at_once);
    tcase_add_test(t, test_long_name);
    tcase_add_test(t, test_odd_names);
    tcase_add_test(t, test_symlink);
    tcase_add_test(t, test_what_others_left);
    tcase_add_test(t, test_what_others_write);
    tcase_add_test(t, test_what_is_no_temporary);
    tcase_add_test(t, test_same_target);
    tcase_add_test(t, test_a_child_removes_nothing);
    suite_add_tcase(s, t);
    return run_suite(s);
}
