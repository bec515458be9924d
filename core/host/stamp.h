/*
 * What a file or folder looked like, to see later whether it has changed: a number made of inode,
 * size and times. It does not read contents.
 */
#pragma once

#include <stdint.h>

/* 0: it is not there. [any] */
uint64_t rh_stamp_file(const char *path);
/* Of the folder and of all that is in it, not deeper. 0: it is not there. [any] */
uint64_t rh_stamp_folder(const char *path);
