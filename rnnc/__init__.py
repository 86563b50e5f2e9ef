"""rnnc compiles recurrent networks written as equations to readable NumPy modules."""

from pathlib import Path

# In a checkout `spec/`, `compiler/` and `runtime/` stand beside this folder; installed, inside it.
_ROOT = Path(__file__).resolve().parent.parent
if (_ROOT / "pyproject.toml").is_file() and (_ROOT / "spec" / "syntax.py").is_file():
    __path__.append(str(_ROOT))
