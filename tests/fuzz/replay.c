/* SPDX-License-Identifier: Apache-2.0
 *
 * replay.c - runs a fuzz target over files, where the build has no libFuzzer: every input that ever broke
 * something is an ordinary test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replayed;

static int replay_file(const char *path, size_t size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(size + 1);

	if (f == NULL || data == NULL || fread(data, 1, size, f) != size) {
		fprintf(stderr, "%s: cannot be read\n", path);
		return 1;
	}
	fclose(f);
	fprintf(stderr, "%s\n", path); /* the last one is the one that broke it */
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	replayed++;
	return 0;
}

static int replay(const char *path)
{
	struct stat st;
	int rc = 0;

	if (stat(path, &st) < 0) {
		perror(path);
		return 1;
	}
	if (!S_ISDIR(st.st_mode))
		return replay_file(path, (size_t)st.st_size);
	DIR *dir = opendir(path);
	for (struct dirent *e; dir != NULL && rc == 0 && (e = readdir(dir)) != NULL;) {
		char inner[4096];
		int n = snprintf(inner, sizeof(inner), "%s/%s", path, e->d_name);
		if (e->d_name[0] != '.' && n > 0 && (size_t)n < sizeof(inner))
			rc = replay(inner);
	}
	if (dir != NULL)
		closedir(dir);
	return rc;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (replay(argv[i]) != 0)
			return 1;
	}
	printf("%u inputs\n", replayed);
	return replayed > 0 ? 0 : 1;
}
