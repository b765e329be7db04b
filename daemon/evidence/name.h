/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence/name.h - what a report calls a piece of evidence: a path, a data: URL, an address; how it is
 * called for people; what it is.  Pure, any thread. */
#ifndef RD_EVIDENCE_NAME_H
#define RD_EVIDENCE_NAME_H

#include <stdbool.h>
#include <stddef.h>

enum evidence_kind {
	EVIDENCE_IS_PATH,    /* also file:// */
	EVIDENCE_IS_DATA,    /* data:..., the content itself */
	EVIDENCE_IS_ADDRESS, /* http://..: nothing is ever fetched */
};
enum evidence_kind evidence_kind(const char *named);

/* The path that is meant: file:// and its %xx undone.  Heap. */
char *evidence_path(const char *named);
/* dir (absolute) and path joined, "." and ".." undone as text; NULL where it climbs above "/".  An absolute
 * path stands for itself.  Heap. */
char *evidence_join(const char *dir, const char *path);
/* The rest of path beneath dir ("" for dir itself); NULL where it does not lie there.  Both absolute and
 * without "." and "..". */
const char *evidence_beneath(const char *dir, const char *path);

#define EVIDENCE_NAME_MAX 128 /* bytes; trackers take no more in a file name */
/* The last component, clean: no separators, control characters or leading dots, at most EVIDENCE_NAME_MAX bytes
 * with its extension kept.  "" becomes `otherwise`. */
void evidence_clean_name(const char *path, const char *otherwise, char out[EVIDENCE_NAME_MAX + 1]);

/* The MIME type by a few first bytes where they leave no doubt, else by the name's extension, else by whether
 * they are text.  Constant. */
const char *evidence_type(const char *name, const void *head, size_t len);
#define EVIDENCE_HEAD 512 /* bytes that it looks at */
/* ".png" for "image/png"; "" for what is not known. */
const char *evidence_extension(const char *type);

/* What lies in a folder that is called exactly as the class, and CLASS-output.txt, is of the class at large (the layout
 * of Jenkins' JUnit Attachments plugin): FITS_CLASS of daemon/queue/queue.h, or more where the test is told as well.
 * Otherwise, whether a file of this name is about the test: the name of its method stands in the file's name (or in the
 * folder it lies in) between characters that are no part of words, whatever the case; where the name of its class stands there
 * too, all the better.  0: it is not; else how well it fits. */
unsigned evidence_fits(const char *relative, const char *class_name, const char *name);

#endif
