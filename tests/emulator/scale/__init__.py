"""Several servers on one PostgreSQL database and one object store. Where each kind of failure is tested:

PostgreSQL restarts, hangs, fails over       test_database_down.py, test_kills.py
a connection is lost before COMMIT, in it    database/engine/postgresql/test_sessions.py
two transactions conflict                    database/engine/postgresql/test_sessions.py
a standby, a demoted server                  database/engine/postgresql/test_sessions.py
a server stops while it holds the lock       test_exhausted.py
too many connections                         test_exhausted.py, database/engine/postgresql/test_opening.py
the disk of the database is full             test_exhausted.py
the store does not answer, or is slow        test_store_down.py, storage/test_circuit_breaker.py
the store breaks off within a download       storage/test_object_store.py
the store has lost an object                 test_store_down.py; fsck: maintenance/fsck/test_shared.py
the store is full                            test_exhausted.py
a client goes away within a body             test_store_down.py
a server is killed at any moment             test_kills.py
a push and a collection at the same moment   test_race.py
a cache of one server is older than another  test_visible_at_once.py
many clients want the same                   test_contention.py
clocks are apart                             database/engine/postgresql/test_opening.py
servers have different keys                  test_shared_keys.py
the versions of two servers differ           database/engine/postgresql/test_migrate.py
the database is empty, and the store is not  maintenance/test_new_database.py
a server is replaced, or not ready           server/test_rolling_restart.py, server/test_readiness.py
"""
