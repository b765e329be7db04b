/* SPDX-License-Identifier: Apache-2.0
 *
 * reader.h - fills a struct from a mapping by its rows, and prints it by the same rows.  Of this layer
 * only: sinks bring rows and a struct, and see neither YAML nor faults. */
#ifndef RD_CONFIG_READER_H
#define RD_CONFIG_READER_H

#include "daemon/config/faults.h"
#include "daemon/config/keys.h"
#include "daemon/config/yaml.h"

struct config_reader {
	const struct yaml_tree *tree;
	const char *file;                      /* for faults */
	const char *folder;                    /* what relative paths begin at */
	bool resolve;                          /* secrets */
	struct config_faults *lacking;         /* of secrets that cannot be had; NULL: faults as others */
	const struct yaml_node *inline_secret; /* the first one met; NULL: none */
	bool refused;                          /* a node marked bad was met: its fault stands already */
	struct config_faults *faults;
};

/* map: NULL (or a null) gives all defaults; anything but a mapping is a fault.  place names the mapping in
 * the list of keys to come: "watch.run".  also: further keys that the caller reads itself, NULL-ended. */
void config_keys_read(struct config_reader *r, const char *place, const struct config_key *keys,
		      const char *const *also, const struct yaml_node *map, void *base);

/* One value of the file, which is not null, into its place by its row's type.  (fields.c) */
void config_field_read(struct config_reader *r, const char *place, const struct config_key *row,
		       const struct yaml_node *n, void *at);
enum { CONFIG_PLACE_MAX = 128 }; /* bytes of "watch.run" */

void config_fault_node(struct config_reader *r, const struct yaml_node *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* `"key" wants WANT, found FOUND`, with the node's text unless hide. */
void config_fault_type(struct config_reader *r, const struct yaml_node *n, const char *key, const char *want,
		       bool hide);

/* Whether key i of the mapping stood there before: then that is a fault. */
bool config_fault_duplicate(struct config_reader *r, const struct yaml_node *map, size_t i);

/* path itself where it is absolute, else beneath folder; without doubled slashes.  The caller's to free. */
char *config_absolute(const char *folder, const char *path);

/* One line a key, nested mappings indented.  hidden(cookie, key) says whether a map's value is masked. */
struct config_printer {
	struct buf *out;
	bool (*hidden)(void *cookie, const char *key);
	void *cookie;
};
void config_keys_print(const struct config_printer *p, const struct config_key *keys, const void *base,
		       unsigned indent);

#endif
