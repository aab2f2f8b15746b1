"""The suite, which keeps compiled bytecode: it starts hundreds of Python processes, and each would compile everything.

Here, since it has to happen before anything is imported. Environments that keep none (`PYTHONDONTWRITEBYTECODE`) mean
the checkout, which stays clean: what is compiled lies beside the packages.
"""

import os
import sys
from pathlib import Path

BYTECODE = Path(sys.prefix) / "bytecode"

sys.dont_write_bytecode = False
sys.pycache_prefix = str(BYTECODE)
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["PYTHONPYCACHEPREFIX"] = str(BYTECODE)
