/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk: every regular file below a folder, in byte order of names, mapped
 * read-only while the visitor looks at it.
 *
 * Owner: the mapping lives only during the call.
 * Bounds: 16 folders deep (the corpus has 7); links are not followed.
 */
#ifndef PICKET_TOOLS_WALK_H
#define PICKET_TOOLS_WALK_H

#include <stddef.h>
#include <stdint.h>

typedef void walk_visit(void *context, const char *path, const uint8_t *data,
    size_t len);

/* 0, or -1 with errno if the folder itself cannot be read */
int walk_tree(const char *path, walk_visit *, void *context);

#endif
