"""The command line: statuses, streams, files, and never a traceback."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest
from rnnc import __main__ as command_line
from rnnc.__main__ import COMMANDS, main
from rnnc.commands import ops
from rnnc.spec.catalogue import ENTRIES
from rnnc.spec.cells import library
from rnnc.spec.starts import kinds, start

GOOD = "dim n = 3\naxis t = 1..T\ninput x[t] : real[n]\nh[t] = tanh(x[t] + h[t-1])\noutput h\n"
BAD = "dim n = 3\naxis t = 1..T\nh[t] = tahn(1)\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.rnn").write_text(GOOD)
    (tmp_path / "bad.rnn").write_text(BAD)
    return tmp_path


def run(capsys, *words):
    status = main(list(words))
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return status, out, err


def type_in(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


# ------------------------------------------------------------------------------------------ statuses


def test_help_and_version(capsys):
    status, out, _ = run(capsys, "--help")
    assert status == 0 and all(name in out for name in COMMANDS)
    for name in COMMANDS:
        status, out, _ = run(capsys, name, "--help")
        assert status == 0 and name in out
    status, out, _ = run(capsys, "--version")
    assert status == 0 and out.startswith("rnnc ")


WRONG_USAGE = [
    [],
    ["bake"],
    ["compile"],
    ["compile", "good.rnn", "-O1"],
    ["compile", "good.rnn", "--dim", "n"],
    ["compile", "good.rnn", "--dim", "n=x"],
    ["compile", "good.rnn", "--dim", "n=-1"],
    ["compile", "good.rnn", "--unroll", "0"],
    ["compile", "good.rnn", "--dump", "nothing"],
    ["compile", "good.rnn", "--skip", "nothing"],
    ["compile", "good.rnn", "--dump", "print", "--stop-after", "check"],
    ["train", "good.rnn", "--seconds", "nan"],
    ["train", "good.rnn", "--text", "a", "--data", "b"],
    ["sample", "good.rnn"],
    ["explain", "RNN000"],
    ["cells", "lstn"],
]


@pytest.mark.parametrize("words", WRONG_USAGE, ids=" ".join)
def test_wrong_usage_is_2(capsys, words):
    status, out, err = run(capsys, *words)
    assert status == 2 and err and not out
    assert not os.path.exists("good.py")


UNREADABLE = {"none.rnn": "no such file", ".": "is a directory"}


@pytest.mark.parametrize("path", UNREADABLE)
@pytest.mark.parametrize("command", ["compile", "check", "train", "fmt", "show"])
def test_unreadable_is_2(capsys, command, path):
    status, out, err = run(capsys, command, path)
    assert status == 2 and not out
    assert err == f"rnnc: {path}: {UNREADABLE[path]}{' or directory' if path != '.' else ''}\n"


@pytest.mark.parametrize("command", ["compile", "check", "train", "fmt", "show"])
@pytest.mark.parametrize(
    ("path", "said"), [("", "'': no such file or directory"), ("a\0b", "a null character is part of no name")]
)
def test_names_that_are_none(capsys, command, path, said):
    assert run(capsys, command, path) == (2, "", f"rnnc: {said}\n")


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="no such file")
def test_what_fails_while_it_is_read_has_a_name(capsys):
    assert run(capsys, "check", "/proc/self/mem") == (2, "", "rnnc: /proc/self/mem: input/output error\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_by_permission_is_2(capsys, folder):
    (folder / "good.rnn").chmod(0)
    status, _, err = run(capsys, "check", "good.rnn")
    assert status == 2 and "permission denied" in err


@pytest.mark.parametrize("data", [b"\x00\x01\x02", b"\xff\xfe", b"x" * (1 << 21), bytes(range(256))])
@pytest.mark.parametrize("command", ["compile", "check", "fmt", "show"])
def test_binary_files_are_1(capsys, folder, command, data):
    (folder / "binary.rnn").write_bytes(data)
    status, out, err = run(capsys, command, "binary.rnn")
    assert status == 1 and "binary.rnn" in err and "error[RNN0" in err and not out


def test_an_internal_error_is_70(capsys, monkeypatch):
    def broken(arguments):
        raise ZeroDivisionError("of the compiler's own\nmaking")

    monkeypatch.setattr(ops, "run", broken)
    status, _, err = run(capsys, "ops")
    assert status == 70 and err.count("\n") == 1 and "ZeroDivisionError: of the compiler's own" in err
    assert main(["ops", "--debug"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_control_c_is_130(capsys, monkeypatch):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(ops, "run", interrupted)
    assert run(capsys, "ops") == (130, "", "")


def process(*words, **options):
    return subprocess.run([sys.executable, "-m", "rnnc", *words], capture_output=True, text=True, **options)


@pytest.mark.skipif(sys.platform == "win32", reason="no such pipes")
@pytest.mark.parametrize("words", [["explain"], ["check", "bad.rnn"], ["bake"]], ids=" ".join)
@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_closed_pipe_is_no_traceback(words, closed):
    reader, writer = os.pipe()
    os.close(reader)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, closed: writer}
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    done = subprocess.run([sys.executable, "-m", "rnnc", *words], text=True, env=buffered, **streams)
    os.close(writer)
    assert done.returncode in (0, 1, 2) and "Traceback" not in f"{done.stdout}{done.stderr}"
    assert "Exception ignored" not in f"{done.stdout}{done.stderr}"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device")
def test_a_full_disk_is_2():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "rnnc", "explain"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2 and done.stderr == "rnnc: no space left on device\n"


def test_a_terminal_without_the_characters():
    done = process("explain", "RNN001", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0 and "RNN001" in done.stdout and done.stderr == ""


def test_importing_is_quick():
    code = "import sys, time; t = time.process_time(); import rnnc; print(time.process_time() - t); " \
           "print([m for m in ('numpy', 'lark', 'jinja2') if m in sys.modules])"  # fmt: skip
    out = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split("\n")
        for _ in range(3)
    ]
    assert all(lines[1] == "[]" for lines in out)
    assert min(float(lines[0]) for lines in out) < 0.05


def test_help_loads_no_numpy():
    code = "import sys; from rnnc.__main__ import main; main(['--help']); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.endswith("False\n")


# --------------------------------------------------------------------------------------------- check


def test_check(capsys):
    assert run(capsys, "check", "good.rnn") == (0, "", "")
    status, out, err = run(capsys, "check", "bad.rnn", "good.rnn")
    assert status == 1 and not out and err.startswith("bad.rnn:3:8: error[RNN2") and "tanh" in err
    status, _, err = run(capsys, "check", "bad.rnn", "none.rnn")
    assert status == 2 and "bad.rnn:3:8" in err and "none.rnn: no such file" in err


def test_check_as_json(capsys):
    assert run(capsys, "check", "--format", "json", "good.rnn") == (0, "[]\n", "")
    status, out, err = run(capsys, "check", "--format", "json", "bad.rnn")
    found = json.loads(out)[0]
    assert status == 1 and not err
    assert (found["path"], found["line"], found["column"], found["severity"]) == ("bad.rnn", 3, 8, "error")
    assert set(found) >= {
        "path",
        "line",
        "column",
        "end_line",
        "end_column",
        "code",
        "severity",
        "message",
        "help",
    }


def test_colour_only_where_wanted(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\033[" in run(capsys, "check", "bad.rnn")[2]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\033[" not in run(capsys, "check", "bad.rnn")[2]


# ------------------------------------------------------------------------------------------- compile


def test_compile_writes_beside_the_spec(capsys, folder):
    (folder / "sub").mkdir()
    (folder / "sub/net.rnn").write_text(GOOD)
    assert run(capsys, "compile", "sub/net.rnn") == (0, "", "")
    assert sorted(os.listdir("sub")) == ["net.py", "net.rnn"]
    compile((folder / "sub/net.py").read_text(), "net.py", "exec")


def test_compile_to_standard_output(capsys, monkeypatch):
    status, out, err = run(capsys, "compile", "good.rnn", "-o", "-")
    assert status == 0 and "def forward(" in out and not err and not os.path.exists("good.py")
    type_in(monkeypatch, GOOD.encode())
    assert run(capsys, "compile", "-") == (0, out.replace("good.rnn", "<stdin>"), "")


def test_compile_again(capsys):
    texts = set()
    for _ in range(2):
        assert main(["compile", "good.rnn"]) == 0
        with open("good.py") as file:
            texts.add(file.read())
    assert len(texts) == 1


def test_a_strangers_file_is_left_alone(capsys, folder):
    (folder / "good.py").write_text("print('mine')\n")
    status, _, err = run(capsys, "compile", "good.rnn")
    assert status == 2 and "good.py" in err and "--force" in err and err.count("\n") == 1
    assert (folder / "good.py").read_text() == "print('mine')\n"
    assert run(capsys, "compile", "good.rnn", "--force")[0] == 0
    assert "def forward(" in (folder / "good.py").read_text()


def test_a_wrong_spec_writes_nothing(capsys, folder):
    (folder / "bad.py").write_text("")
    assert run(capsys, "compile", "bad.rnn")[0] == 1
    assert (folder / "bad.py").read_text() == ""


def test_where_nothing_can_be_written(capsys, folder):
    status, _, err = run(capsys, "compile", "good.rnn", "-o", "no/such/folder.py")
    assert status == 2 and "no/such" in err
    (folder / "place").mkdir()
    assert run(capsys, "compile", "good.rnn", "-o", "place")[0] == 2
    assert os.listdir("place") == []


def test_options_reach_the_compiler(capsys):
    plain = run(capsys, "compile", "good.rnn", "-o", "-")[1]
    for words in (["-O0"], ["--dim", "n=7"]):
        status, out, _ = run(capsys, "compile", "good.rnn", "-o", "-", *words)
        assert status == 0 and out != plain
    assert run(capsys, "compile", "good.rnn", "-o", "-", "--dim", "m=7")[0] != 0


def test_unrolled(capsys):
    loops = [run(capsys, "compile", "good.rnn", "-O0", "-o", "-", *words)[1].count("    for ")
             for words in ([], ["--unroll", "3"])]  # fmt: skip
    assert loops[1] < loops[0]


def test_dumps(capsys):
    status, out, _ = run(capsys, "compile", "good.rnn", "--dump", "check", "--stop-after", "check")
    assert status == 0 and "h[t,@]" in out and not os.path.exists("good.py")
    status, out, _ = run(capsys, "compile", "good.rnn", "--dump", "adjoint", "-o", "net.py")
    assert status == 0 and "~h" in out and os.path.exists("net.py")


# ------------------------------------------------------------------------------------------- imports

CELL = "cell keep(x[t] : real[m]) -> h[t] : real[m] {\n  h[t] = h[t-1] + x[t]\n}\n"
USES = 'import "{}"\ndim n = 3\naxis t = 1..T\ninput x[t] : real[n]\nh[t] = keep(x[t])\noutput h\n'


def import_from(folder, path):
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in/main.rnn").write_text(USES.format(path))


def test_imports_inside_the_folder(capsys, folder):
    import_from(folder, "parts/cells.rnn")
    (folder / "in/parts").mkdir()
    (folder / "in/parts/cells.rnn").write_text('import "../more.rnn"\n' + CELL)
    (folder / "in/more.rnn").write_text(CELL.replace("keep", "hold"))
    assert run(capsys, "check", "in/main.rnn") == (0, "", "")


def test_imports_that_lead_outside(capsys, folder):
    (folder / "cells.rnn").write_text(CELL)
    (folder / "in").mkdir()
    (folder / "in/link.rnn").symlink_to(folder / "cells.rnn")
    (folder / "in/folder").symlink_to(folder)
    paths = ("../cells.rnn", "link.rnn", "folder/cells.rnn", str(folder / "cells.rnn"), "..\\\\cells.rnn")
    for path in paths:
        import_from(folder, path)
        status, _, err = run(capsys, "check", "in/main.rnn")
        assert status == 1 and "in/main.rnn:1:" in err and "error[" in err, path


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files")
def test_imports_of_what_is_no_spec(capsys, folder):
    import_from(folder, "pipe.rnn")
    os.mkfifo(folder / "in/pipe.rnn")
    (folder / "in/folder.rnn").mkdir()
    (folder / "in/binary.rnn").write_bytes(b"\x80\x81")
    (folder / "in/large.rnn").write_bytes(b"# " + b"x" * (1 << 21))
    for path in ("pipe.rnn", "folder.rnn", "none.rnn", "binary.rnn", "large.rnn"):
        import_from(folder, path)
        status, _, err = run(capsys, "check", "in/main.rnn")
        assert status == 1 and "error[" in err, path


def test_specs_that_import_themselves(capsys, folder):
    import_from(folder, "main.rnn")
    assert run(capsys, "check", "in/main.rnn")[0] == 1
    import_from(folder, "a.rnn")
    (folder / "in/a.rnn").write_text('import "b.rnn"\n' + CELL)
    (folder / "in/b.rnn").write_text('import "a.rnn"\n')
    assert run(capsys, "check", "in/main.rnn")[0] == 0


# ----------------------------------------------------------------------------------------------- fmt

UGLY = "dim   n=3 # three\naxis t=1..T\n"
PRETTY = "dim n = 3  # three\naxis t = 1..T\n"


def test_fmt(capsys, folder):
    spec = folder / "ugly.rnn"
    spec.write_text(UGLY)
    spec.chmod(0o640)
    assert run(capsys, "fmt", "--check", "ugly.rnn")[0] == 1
    status, out, _ = run(capsys, "fmt", "--diff", "ugly.rnn")
    assert status == 1 and "-dim   n=3 # three" in out and "+dim n = 3  # three" in out
    assert spec.read_text() == UGLY
    assert run(capsys, "fmt", "ugly.rnn")[0] == 0
    assert spec.read_text() == PRETTY and spec.stat().st_mode & 0o777 == 0o640
    assert run(capsys, "fmt", "--check", "ugly.rnn") == (0, "", "")
    assert run(capsys, "fmt", "--diff", "ugly.rnn") == (0, "", "")


def test_fmt_of_standard_input(capsys, monkeypatch):
    type_in(monkeypatch, UGLY.encode())
    assert run(capsys, "fmt", "-") == (0, PRETTY, "")
    type_in(monkeypatch, b"dim = = 3\n")
    status, out, err = run(capsys, "fmt", "-")
    assert status == 1 and not out and err.startswith("<stdin>:1:")


def test_fmt_mends_line_ends(capsys, folder):
    (folder / "dos.rnn").write_bytes(b"\xef\xbb\xbf" + PRETTY.replace("\n", "\r\n").encode())
    assert run(capsys, "fmt", "--check", "dos.rnn")[0] == 1
    assert run(capsys, "fmt", "dos.rnn")[0] == 0
    assert (folder / "dos.rnn").read_bytes() == PRETTY.encode()


def test_fmt_leaves_what_it_cannot_read(capsys, folder):
    (folder / "broken.rnn").write_text("dim n = (\n")
    (folder / "ugly.rnn").write_text(UGLY)
    status, _, err = run(capsys, "fmt", "broken.rnn", "none.rnn", "ugly.rnn")
    assert status == 2 and "broken.rnn:1:" in err and "none.rnn" in err
    assert (folder / "broken.rnn").read_text() == "dim n = (\n" and (
        folder / "ugly.rnn"
    ).read_text() == PRETTY


# ---------------------------------------------------------------------------------- tables and texts


def test_explain(capsys):
    status, out, _ = run(capsys, "explain")
    assert status == 0 and out.count("\n") == len(ENTRIES) > 20
    for entry in ENTRIES:
        status, out, _ = run(capsys, "explain", entry.code.lower())
        assert run(capsys, "explain", entry.code.removeprefix("RNN"))[:2] == (status, out)
        assert status == 0 and entry.title in out and "Wrong" in out and "Right" in out
    assert "did you mean" in run(capsys, "explain", "RNN0001")[2]


def test_ops(capsys):
    status, out, _ = run(capsys, "ops")
    assert status == 0
    for usage in ("tanh(a)", "a @ b", "concat(a, b, …)", "softmax(a)", "where(cond, a, b)", "gelu(a)"):
        assert any(line.strip().startswith(usage + " ") for line in out.split("\n")), usage


def test_cells(capsys):
    status, out, _ = run(capsys, "cells")
    assert status == 0 and "lstm" in out and "gru" in out
    for name in library():
        assert any(line.startswith(name + " ") and len(line) > len(name) + 8 for line in out.split("\n"))
        assert f"cell {name}(" in run(capsys, "cells", name)[1]
    assert "did you mean lstm?" in run(capsys, "cells", "LSTM")[2]
    assert "arXiv 1406.1078v3" in out  # where it comes from
    assert all(f"cell {name}(" in run(capsys, "cells", "--equations")[1] for name in library())


def test_every_command_has_a_module():
    folder = os.path.join(os.path.dirname(command_line.__file__), "commands")
    modules = {name.removesuffix(".py") for name in os.listdir(folder) if name.endswith(".py")}
    assert modules - {"__init__", "options", "drawn"} == set(COMMANDS)


@pytest.mark.parametrize("kind", kinds())
def test_a_new_spec_compiles_and_is_laid_out(capsys, kind, folder):
    assert run(capsys, "new", "fresh", "--kind", kind)[0] == 0
    assert run(capsys, "check", "fresh.rnn") == (0, "", "")
    assert run(capsys, "fmt", "--check", "fresh.rnn")[0] == 0
    assert run(capsys, "compile", "fresh.rnn")[0] == 0
    status, _, err = run(capsys, "new", "fresh.rnn")
    assert status == 2 and (folder / "fresh.rnn").read_text() == start(kind)
    assert err == "rnnc: fresh.rnn: it is there already, so it is left alone (--force overwrites it)\n"
    assert run(capsys, "new", "-", "--kind", kind)[1] == start(kind)


def test_a_new_spec_of_no_name(capsys):
    assert run(capsys, "new", "nowhere/")[0] == 2 and run(capsys, "new", "nowhere/x")[0] == 2
