/* SPDX-License-Identifier: Apache-2.0
 *
 * family.h - which reports of a tree tell the same results twice.
 *
 * Some producers write one run in several forms: TestNG its testng-results.xml, junitreports/ and a file a
 * `<test>`, beside what Surefire or Gradle write; Ant an aggregate beside the single files; a tool a merged
 * file beside its parts.  Names and folders say where to look, contents decide: a file is left out only if
 * every one of its cases is found in files that are taken.  In doubt all are taken.  Blocks: worker threads,
 * or a command without a loop. */
#ifndef RD_FAMILY_H
#define RD_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct family_file {
	const char *path; /* as walked: what lies in one folder begins alike */
	const char *run;  /* files of different runs are not compared; NULL is a run, too */
	bool fixed;       /* is taken, or was */
	bool out;         /* the answer: left out */
	char *why;        /* and why, in words, without the path; family_done() frees it */
};
void family_decide(struct family_file *file, size_t count);
void family_done(struct family_file *file, size_t count);

/* Is this a name by which a family is known?  Where no file has one, there is nothing to decide. */
bool family_telling(const char *path);

/* From the name, and from what lies beside it: may this file belong to a family?  The folder in which its
 * relatives are to be looked for, or NULL; the caller frees.  It is not above root, of which path is a part, and
 * for the parts of a merged file not above folder: beside that lie other builds. */
char *family_scope(const char *path, const char *root, const char *folder);

#endif
