"""The tests: a folder for each package, in it one for each room, and what all of them share.

Where to look:
* `exchange`, `hostagent`, `manager`, `sim`, `tui`: the tests of a room stand in the folder of its
  name; what they share is told in the folder's own `__init__.py`.
* `contract`: what every hypervisor must do, in memory and real. `e2e`: real VMs (`make e2e`).
* `crash`: kill -9, power loss, full and failing disks, planted bugs.
* `golden`: a journal of an earlier release, which must replay to the same state.
* `test_tidy`, `test_citations`, `test_docs`: the tree itself; their checkers are `tidy`, `quoted`,
  `circles`, `rooms`, `citations`.
* `test_tour`, `test_headroom`, `test_paths`, `test_values`: the command line as a user meets it;
  `command` runs a command in this process, `bad_paths` has paths that cannot be used.
* `test_bench*`: the benchmark itself. `unit`, `cover`: what `make unit` and `make cover` run.
"""
