/* Stamps. Those of a folder's files are added up, because readdir has no order. */
#include "host/stamp.h"

#include "base/map.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static uint64_t stamp_of(const struct stat *st, const char *name)
{
    uint64_t parts[] = {
        (uint64_t)st->st_dev,         (uint64_t)st->st_ino,          (uint64_t)st->st_mode,
        (uint64_t)st->st_size,        (uint64_t)st->st_mtim.tv_sec,  (uint64_t)st->st_mtim.tv_nsec,
        (uint64_t)st->st_ctim.tv_sec, (uint64_t)st->st_ctim.tv_nsec, rh_hash(name, strlen(name))};
    uint64_t stamp = rh_hash(parts, sizeof(parts));

    return stamp ? stamp : 1;
}

uint64_t rh_stamp_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? stamp_of(&st, "") : 0;
}

uint64_t rh_stamp_folder(const char *path)
{
    uint64_t stamp = rh_stamp_file(path);
    DIR *folder = stamp ? opendir(path) : NULL;
    struct dirent *file;
    struct stat st;

    if (!folder)
        return stamp;
    while ((file = readdir(folder)))
        if (strcmp(file->d_name, ".") != 0 && strcmp(file->d_name, "..") != 0 &&
            fstatat(dirfd(folder), file->d_name, &st, 0) == 0)
            stamp += stamp_of(&st, file->d_name);
    closedir(folder);
    return stamp ? stamp : 1;
}
