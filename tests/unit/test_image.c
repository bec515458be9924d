/* core/host/image.h: what is read is what was there, and stays so. */
#include "host/image.h"

#include "base/err.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[] = "/tmp/rowhouse-image-XXXXXX";

static void make_file(const char *text)
{
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void refused(const char *name, int error_class, const char *how)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_image image = {.fd = -1};

    ck_assert_int_eq(rh_image_read(name, &image, &error), error_class);
    ck_assert_msg(strstr(error.message, how) && strstr(error.message, name), "%s", error.message);
    ck_assert_int_eq(image.fd, -1);
}

START_TEST(hashes_and_seals_what_it_read)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_image image = {.fd = -1}, copy = {.fd = -1};
    char bytes[8] = "";

    make_file("abc");
    ck_assert_int_eq(rh_image_read(path, &image, &error), RH_OK);
    unlink(path);
    ck_assert_uint_eq(image.n_bytes, 3);
    ck_assert_str_eq(image.path, path);
    ck_assert_str_eq(image.sha256,
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    ck_assert_int_eq(pwrite(image.fd, "x", 1, 0), -1);
    ck_assert_int_eq(errno, EPERM);
    ck_assert_int_eq(ftruncate(image.fd, 1), -1);
    ck_assert_int_eq(fcntl(image.fd, F_GETFD), FD_CLOEXEC);

    ck_assert_int_eq(rh_image_copy(&image, &copy, &error), RH_OK);
    rh_image_close(&image);
    rh_image_close(&image);
    ck_assert_int_eq(pread(copy.fd, bytes, sizeof(bytes), 0), 3);
    ck_assert_str_eq(bytes, "abc");
    ck_assert_int_eq(fcntl(copy.fd, F_GETFD), FD_CLOEXEC);
    ck_assert_str_eq(copy.path, path);
    rh_image_close(&copy);
}
END_TEST

START_TEST(refuses_what_is_no_file)
{
    refused("/nonexistent/x.so", RH_NOT_FOUND, "cannot be opened");
    refused("/tmp", RH_CONTRACT, "is not a regular file");
    refused("/dev/zero", RH_CONTRACT, "is not a regular file");
    make_file("");
    refused(path, RH_CONTRACT, "is empty");
    unlink(path);
    ck_assert_int_eq(mkfifo(path, 0600), 0); /* which nobody writes to */
    refused(path, RH_CONTRACT, "is not a regular file");
    unlink(path);
}
END_TEST

START_TEST(refuses_what_is_too_large)
{
    make_file("x");
    ck_assert_int_eq(truncate(path, ((off_t)256 << 20) + 1), 0);
    refused(path, RH_CONTRACT, "is larger than 256 MiB");
    unlink(path);
}
END_TEST

static bool read_and_copy(void *context)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_image image = {.fd = -1}, copy = {.fd = -1};
    int rc = rh_image_read(path, &image, &error);

    if (rc == RH_OK)
        rc = rh_image_copy(&image, &copy, &error);
    FAULT_ASSERT(rc == RH_OK || rc == error.error_class);
    rh_image_close(&copy);
    rh_image_close(&image);
    return rc == RH_OK;
}

START_TEST(survives_failed_allocations)
{
    make_file("abc");
    ck_assert_uint_gt(fault_torture(read_and_copy, NULL), 0);
    unlink(path);
}
END_TEST

TESTS_MAIN("image", hashes_and_seals_what_it_read, refuses_what_is_no_file,
           refuses_what_is_too_large, survives_failed_allocations)
