"""The harness itself: what it reads of a page, and what it takes for the same output."""

from pathlib import Path

import pytest

from tests.docs import pages
from tests.docs.pages import Typed
from tests.docs.terminal import Terminal, environment, programs

PAGE = """
```console
$ scoring runs \\
    flight_delay
run  status
...

$ scoring jobs
```

- <!-- not run: it needs Docker -->
  ```console
  $ docker compose up
  ```

```toml title="dags/x.toml"
owner = "x"
```
"""


def test_a_page_is_read_in_blocks_of_commands_and_files(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(PAGE)
    runs, docker, job = pages.blocks(tmp_path / "page.md", tmp_path)
    assert pages.typed(runs) == [
        Typed("scoring runs \\\n    flight_delay", ("run  status", "...", "")),
        Typed("scoring jobs", ()),
    ]
    assert (docker.not_run, pages.typed(docker)) == ("it needs Docker", [Typed("docker compose up", ())])
    assert (job.title, job.text) == ("dags/x.toml", 'owner = "x"\n')
    assert str(job) == "page.md:16"


def test_output_without_a_command_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("```console\nscoring runs\n```\n")
    [block] = pages.blocks(tmp_path / "page.md", tmp_path)
    with pytest.raises(AssertionError, match="page.md:1: 'scoring runs' comes before any command"):
        pages.typed(block)


@pytest.mark.parametrize(
    ("expected", "output", "same"),
    [
        ("run 1", "run 1\n", True),
        ("run  1", "run 1", True),
        ("run 1", "run 12\n", False),
        ("run 1", "run 1\nrun 2\n", False),
        ("run 1\n...", "run 1\nrun 2\nrun 3\n", True),
        ("run 1\n...", "run 1\n", True),
        ("...\nrun 3", "run 1\nrun 2\nrun 3\n", True),
        ("...\nrun 4", "run 1\nrun 2\nrun 3\n", False),
        ("run ... published", "run 7 (2013-07-01) published\n", True),
        ("run ... published", "run 7\npublished\n", False),
        ("none (yet)", "none (yet)\n", True),
    ],
)
def test_output_is_compared_with_dots_for_any_text(expected: str, output: str, same: bool) -> None:
    assert pages.prints(tuple(expected.splitlines()), output) is same


def test_a_terminal_stays_where_a_command_has_gone(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, environment(programs(tmp_path / "programs")))
    assert terminal.run("mkdir x && cd x && export NAME='a b'") == (0, "")
    assert terminal.run('echo "$NAME in $(basename $PWD)"; exit 3') == (3, "a b in x\n")
    assert terminal.folder == tmp_path / "x"


def test_a_command_of_ours_runs_here_and_what_needs_a_shell_runs_there(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, environment(programs(tmp_path / "programs"), SCORING_HOME=str(tmp_path)))
    (tmp_path / "dags").mkdir()
    code, output = terminal.run("scoring check nothing  # a job that is not there")
    assert (code, output) == (2, f"no job 'nothing' in {tmp_path / 'dags'}. Known: none yet.\n")
    assert terminal.run("scoring check nothing && scoring jobs") == (2, output)
    assert terminal.run("scoring check nothing 2>&1 | cat") == (0, output)
    assert terminal.run("scoring check")[1].startswith("Usage: scoring check [OPTIONS] ")
