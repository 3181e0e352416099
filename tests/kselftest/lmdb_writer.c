// SPDX-License-Identifier: GPL-2.0
/*
 * lmdb_writer DIR WHO N: N transactions at the LMDB environment in DIR, with
 * MDB_WRITEMAP: each puts an entry of WHO's own and adds one to a total.
 * lmdb_writer DIR: print the total, if there are as many entries.
 *
 * For programs.sh; exits with 4, skip, if it was built without LMDB.
 */
#include <stdio.h>
#include <stdlib.h>

#if __has_include(<lmdb.h>)
#include <lmdb.h>

#define MAP_SIZE	(64 << 20)

struct entry {
	size_t who;
	size_t i;
};

static void must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %s\n", what, mdb_strerror(err));
	exit(1);
}

static MDB_env *open_env(const char *dir)
{
	MDB_env *env;

	must(mdb_env_create(&env), "create");
	must(mdb_env_set_mapsize(env, MAP_SIZE), "mapsize");
	must(mdb_env_open(env, dir, MDB_WRITEMAP, 0644), "open");
	return env;
}

/* The total is the entry that has no bytes but one as its key. */
static size_t get_total(MDB_txn *txn, MDB_dbi dbi)
{
	MDB_val key = { 1, "t" }, data;
	int err = mdb_get(txn, dbi, &key, &data);

	if (err == MDB_NOTFOUND)
		return 0;
	must(err, "get");
	return *(size_t *)data.mv_data;
}

static void add_one(MDB_env *env, struct entry entry)
{
	MDB_val key = { sizeof(entry), &entry }, total_key = { 1, "t" };
	size_t total;
	MDB_val data = { sizeof(total), &total };
	MDB_txn *txn;
	MDB_dbi dbi;

	must(mdb_txn_begin(env, NULL, 0, &txn), "begin");
	must(mdb_dbi_open(txn, NULL, 0, &dbi), "dbi");
	total = get_total(txn, dbi) + 1;
	must(mdb_put(txn, dbi, &key, &data, MDB_NOOVERWRITE), "put");
	must(mdb_put(txn, dbi, &total_key, &data, 0), "put of the total");
	must(mdb_txn_commit(txn), "commit");
}

static int show(MDB_env *env)
{
	MDB_stat stat;
	MDB_txn *txn;
	MDB_dbi dbi;
	size_t total;

	must(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "begin");
	must(mdb_dbi_open(txn, NULL, 0, &dbi), "dbi");
	must(mdb_stat(txn, dbi, &stat), "stat");
	total = get_total(txn, dbi);
	mdb_txn_abort(txn);
	printf("%zu\n", total);
	if (stat.ms_entries == total + 1)
		return 0;
	fprintf(stderr, "%zu entries\n", stat.ms_entries);
	return 1;
}

int main(int argc, char **argv)
{
	struct entry entry = { 0 };
	MDB_env *env;
	size_t n;

	if (argc != 2 && argc != 4)
		return 2;
	env = open_env(argv[1]);
	if (argc == 2)
		return show(env);
	entry.who = strtoul(argv[2], NULL, 0);
	n = strtoul(argv[3], NULL, 0);
	for (entry.i = 1; entry.i <= n; entry.i++)
		add_one(env, entry);
	mdb_env_close(env);
	return 0;
}

#else

int main(void)
{
	return 4;
}

#endif
