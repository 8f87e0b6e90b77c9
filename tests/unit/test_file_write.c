/* SPDX-License-Identifier: MIT
 *
 * Output files while they are written: from many threads, to a full disk, to a slow pipe
 * under signals; and files that are read whole.
 */
#include "out_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

/* ---- threads ---------------------------------------------------------------------- */

enum { N_THREAD = 8, N_EACH = 300 };

struct writer {
    pthread_t id;
    int number, n_failed;
};

/* Every third is given up, and every tenth has a target that all threads have. */
static void *write_many(void *arg)
{
    struct writer *w = arg;
    for (int i = 0; i < N_EACH; i++) {
        char name[400];
        struct tr_err err = { 0 };
        snprintf(name, sizeof name, "%s/%d", dir, i % 10 ? w->number * N_EACH + i : -i);
        struct tr_out *out = tr_out_open(name, &err);
        if (out && i % 3 == 1)
            tr_out_discard(out);
        else if (!out || tr_out_write(out, name, strlen(name), &err) ||
                 tr_out_commit(out, &err))
            w->n_failed++;
    }
    return NULL;
}

START_TEST(test_threads)
{
    struct writer w[N_THREAD] = { { 0 } };
    for (int i = 0; i < N_THREAD; i++) {
        w[i].number = i;
        ck_assert_int_eq(pthread_create(&w[i].id, NULL, write_many, &w[i]), 0);
    }
    for (int i = 0; i < N_THREAD; i++)
        ck_assert_int_eq(pthread_join(w[i].id, NULL), 0);
    for (int i = 0; i < N_THREAD; i++)
        ck_assert_msg(!w[i].n_failed, "thread %d: %d of %d", i, w[i].n_failed, N_EACH);
    int n = 0;
    for (int k = -N_EACH; k < N_THREAD * N_EACH; k++) {
        char name[400];
        snprintf(name, sizeof name, "%s/%d", dir, k);
        if (access(name, F_OK))
            continue;
        assert_holds(name, name);
        ck_assert_int_eq(unlink(name), 0);
        n++;
    }
    ck_assert_int_eq(n, 20 + N_THREAD * 180);
}
END_TEST

START_TEST(test_full)
{
    struct tr_err err = { 0 };
    static char block[1 << 20];
    struct tr_out *out = tr_out_open("/dev/full", &err);
    ck_assert_ptr_null(tr_out_temp(out));
    ck_assert_int_eq(tr_out_write(out, "x", 1, &err), 0); /* in the buffer */
    ck_assert_int_eq(tr_out_commit(out, &err), TR_EIO);
    ck_assert_ptr_nonnull(strstr(err.text, "write error on '/dev/full'"));
    ck_assert_ptr_nonnull(strstr(err.text, strerror(ENOSPC)));

    write_bytes(path, "old", 3);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 300000, 300000 }), 0);
    err.code = 0;
    out = tr_out_open(path, &err);
    ck_assert_int_eq(tr_out_write(out, block, sizeof block, &err), TR_EIO);
    ck_assert_ptr_nonnull(strstr(err.text, strerror(EFBIG)));
    ck_assert_int_eq(tr_out_commit(out, NULL), TR_EIO); /* still failed */
    assert_holds(path, "old");
    ck_assert_int_eq(n_entry(), 1);
}
END_TEST

/* An error that printf met long before is told at the end, with its own errno. */
START_TEST(test_late_report)
{
    struct tr_err err = { 0 };
    struct tr_out *out = tr_out_open("/dev/full", &err);
    for (int i = 0; i < 100000; i++)
        fprintf(tr_out_stream(out), "line %d\n", i);
    errno = 0;
    ck_assert_int_eq(tr_out_commit(out, &err), TR_EIO);
    ck_assert_ptr_nonnull(strstr(err.text, strerror(ENOSPC)));
}
END_TEST

static void on_alarm(int sig)
{
    (void)sig;
}

/* A slow pipe, set to non-blocking, while signals interrupt every call. */
START_TEST(test_interrupted)
{
    static char block[1 << 20], got[1 << 20];
    struct itimerval every = { { 0, 1000 }, { 0, 1000 } };
    struct sigaction sa = { .sa_handler = on_alarm }; /* no SA_RESTART */
    char *data;
    int fd[2];
    size_t n = 0;
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (char)(i * 7 + i / 251);
    ck_assert_int_eq(pipe(fd), 0);
    pid_t child = fork();
    if (child == 0) { /* the reader passes on what it read through a file */
        close(fd[1]);
        usleep(20000);
        for (ssize_t k; n < sizeof got; n += (size_t)k) {
            if ((k = read(fd[0], got + n, 4096)) <= 0)
                break;
            usleep(100);
        }
        write_bytes(other, got, n);
        _exit(0);
    }
    close(fd[0]);
    fcntl(fd[1], F_SETFL, O_NONBLOCK);
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    dup2(fd[1], STDOUT_FILENO);
    close(fd[1]);
    struct tr_out *out = tr_out_open("-", NULL);
    ck_assert_int_eq(tr_out_write(out, block, sizeof block, NULL), 0);
    ck_assert_int_eq(tr_out_commit(out, NULL), 0);
    setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
    dup2(STDERR_FILENO, STDOUT_FILENO); /* the reader sees the end */
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_int_eq(tr_read_all(other, &data, &n, NULL), 0);
    ck_assert_uint_eq(n, sizeof block);
    ck_assert_int_eq(memcmp(data, block, n), 0);
    free(data);
}
END_TEST

/* As many as there are descriptors, and then an error; nothing is left of any. */
START_TEST(test_many)
{
    struct tr_out *out[400];
    struct tr_err err = { 0 };
    char name[400];
    int n = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 300, 300 }), 0);
    for (; n < 400; n++) {
        snprintf(name, sizeof name, "%s/%d", dir, n);
        if (!(out[n] = tr_out_open(name, &err)))
            break;
    }
    ck_assert_int_ge(n, 130);
    ck_assert_int_lt(n, 300);
    ck_assert_int_eq(err.code, TR_EIO);
    ck_assert_ptr_nonnull(strstr(err.text, strerror(EMFILE)));
    while (n-- > 0)
        tr_out_discard(out[n]);
    tr_out_discard(start(path, "there is room again"));
}
END_TEST

/* In /tmp and its like nobody replaces the file of another: known before the work. */
START_TEST(test_sticky)
{
    if (geteuid()) {
        printf("SKIP a sticky folder: only root can be two users\n");
        return;
    }
    write_bytes(path, "mine", 4);
    ck_assert_int_eq(chmod(path, 0666), 0);
    ck_assert_int_eq(chmod(dir, 01777), 0);
    pid_t child = fork();
    if (child == 0) {
        struct tr_err err = { 0 };
        if (setuid(12345))
            _exit(2);
        struct tr_out *out = tr_out_open(path, &err);
        _exit(out || !strstr(err.text, "owner"));
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    assert_holds(path, "mine");
    ck_assert_int_eq(n_entry(), 1);
}
END_TEST

/* The target's path fits, its temporary's would not. */
START_TEST(test_long_path)
{
    char deep[PATH_MAX + 300], up[PATH_MAX + 300];
    strcpy(deep, dir);
    while (strlen(deep) + 202 < PATH_MAX - 4) {
        snprintf(deep + strlen(deep), 202, "/%0200d", 0);
        ck_assert_int_eq(mkdir(deep, 0700), 0);
    }
    strcpy(up, deep);
    memset(deep + strlen(deep), 'x', sizeof deep - strlen(deep));
    deep[strlen(up)] = '/';
    deep[PATH_MAX - 2] = 0;
    write_bytes(deep, "old", 3);
    struct tr_err err = { 0 };
    ck_assert_ptr_null(tr_out_open(deep, &err));
    ck_assert_ptr_nonnull(strstr(err.text, strerror(ENAMETOOLONG)));
    ck_assert_int_eq(unlink(deep), 0);
    for (; strcmp(up, dir); *strrchr(up, '/') = 0)
        ck_assert_int_eq(rmdir(up), 0); /* no temporary is left in it */
}
END_TEST

START_TEST(test_same_file)
{
    write_bytes(path, "x", 1);
    ck_assert_int_eq(link(path, other), 0);
    ck_assert_int_eq(tr_same_file(path, other), 1);
    ck_assert_int_eq(unlink(other), 0);
    ck_assert_int_eq(tr_same_file(path, other), 0);
    write_bytes(other, "x", 1);
    ck_assert_int_eq(tr_same_file(path, other), 0);
}
END_TEST

START_TEST(test_read_all)
{
    static char big[300001];
    char *data;
    size_t n;
    int fd[2];
    struct tr_err err = { 0 };
    memset(big, 'x', sizeof big - 1);
    write_bytes(path, big, sizeof big - 1);
    assert_holds(path, big);
    write_bytes(path, "", 0);
    assert_holds(path, "");
    ck_assert_int_eq(tr_read_all(dir, &data, &n, &err), TR_EIO);
    ck_assert_ptr_nonnull(strstr(err.text, strerror(EISDIR)));
    ck_assert_ptr_null(data);
    ck_assert_int_eq(tr_read_all(other, &data, &n, NULL), TR_EIO);
    ck_assert_int_eq(pipe(fd), 0);
    if (fork() == 0) {
        for (size_t i = 0; i < sizeof big - 1;)
            i += (size_t)write(fd[1], big + i, sizeof big - 1 - i);
        _exit(0);
    }
    close(fd[1]);
    dup2(fd[0], STDIN_FILENO);
    ck_assert_int_eq(tr_read_all("-", &data, &n, NULL), 0);
    ck_assert_uint_eq(n, sizeof big - 1);
    ck_assert_str_eq(data, big);
    free(data);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("file_write");
    TCase *t = tcase_create("file_write");
    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_add_test(t, test_threads);
    tcase_add_test(t, test_sticky);
    tcase_add_test(t, test_long_path);
    tcase_add_test(t, test_full);
    tcase_add_test(t, test_late_report);
    tcase_add_test(t, test_interrupted);
    tcase_add_test(t, test_many);
    tcase_add_test(t, test_same_file);
    tcase_add_test(t, test_read_all);
    suite_add_tcase(s, t);
    return run_suite(s);
}
