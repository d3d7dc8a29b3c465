#!/usr/bin/env python3
"""run.py FILE TEST: runs one flow test by name; exit 0, 1, or 77 (skipped)."""
import faulthandler
import importlib.util
import os
import resource
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402

HANGS_AFTER = 170  # s; ctest ends it at 180


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)  # thousands of clients
    path, name = sys.argv[1:3]
    spec = importlib.util.spec_from_file_location("flow", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    flow = harness.Flow()
    faulthandler.dump_traceback_later(HANGS_AFTER)  # where, before it is ended
    try:
        getattr(module, name)(flow)
    except SystemExit as skipped:
        flow.close(failed=False)
        return skipped.code
    except BaseException:
        traceback.print_exc()
        flow.close(failed=True)
        return 1
    flow.close(failed=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
