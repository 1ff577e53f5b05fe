/* SPDX-License-Identifier: Apache-2.0
 *
 * replay: libFuzzer's part for any compiler.  Gives every file of the paths on
 * the command line (folders: one level) to the harness that it is linked with.
 * Fails when there was no file at all.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define FILE_MAX_BYTES	(1l << 20)	/* as libFuzzer's -max_len here */

static int	nfiles;

static void
replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes;
	size_t len;

	if (f == NULL) {
		perror(path);
		exit(1);
	}
	/* Exactly as large as the input, so that asan sees an overrun. */
	bytes = malloc(FILE_MAX_BYTES);
	if (bytes == NULL)
		abort();
	len = fread(bytes, 1, FILE_MAX_BYTES, f);
	fclose(f);
	bytes = realloc(bytes, len > 0 ? len : 1);
	if (bytes == NULL)
		abort();
	printf("# %s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(bytes, len);
	free(bytes);
	nfiles++;
}

static void
replay_folder(const char *path)
{
	struct dirent **names;
	char file[4096];
	int n = scandir(path, &names, NULL, alphasort);

	if (n < 0) {
		perror(path);
		exit(1);
	}
	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.') {
			snprintf(file, sizeof(file), "%s/%s", path,
			    names[i]->d_name);
			replay_file(file);
		}
		free(names[i]);
	}
	free(names);
}

int
main(int argc, char **argv)
{
	struct stat st;

	for (int i = 1; i < argc; i++) {
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			replay_folder(argv[i]);
		else
			replay_file(argv[i]);
	}
	if (nfiles == 0)
		fprintf(stderr, "no file to replay\n");
	return nfiles == 0;
}
