"""The command line: arguments in, exit code out."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import time
import traceback
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

import typer

from optimizer.errors import (
    ExitCode,
    InputError,
    NoPlanError,
    OptimizerError,
    StoppedError,
    UsageError,
)
from optimizer.settings import Engine, RollingOptions, RunOptions
from optimizer.terminal import (
    NAME,
    Stop,
    hint,
    hint_on_input,
    only_answer_on_stdout,
    paint,
    say,
    show_progress,
)

if TYPE_CHECKING:
    from optimizer.pipeline import Outcome

STARTED = time.monotonic()

COMMAND_LINE_ERROR: type[Exception] = typer.BadParameter.__mro__[2]
"""Base of all usage errors; Typer brings its own copy of click, so it is taken from Typer."""

COMPLETION = "_OPTIMIZER_COMPLETE"
"""Set by the shell's completion script when it asks what may follow."""


def _examples(*lines: str) -> str:
    """The end of a help text; blank lines keep its lines apart."""
    return "\n\n".join(["Examples:", *(f"  {NAME} {line}" for line in lines)])


app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Where to build AI compute, what power to buy or build, and in what order.",
    epilog=_examples(
        "template my/case.xlsx", "check my/case.xlsx", "run my/case.xlsx --out outputs/my",
        "run --help",
    ),
)  # fmt: skip

CaseArgument = Annotated[Path, typer.Argument(help="An .xlsx workbook or a folder of CSV files")]
ResultArgument = Annotated[Path, typer.Argument(help="The --out folder of a run")]
Pack = Literal["board", "utility", "lender", "permits"]
ForesightOption = Annotated[
    int, typer.Option(min=2, max=8760, help="Hours of each forecast, with --rolling")
]
StepOption = Annotated[
    int, typer.Option(min=1, max=8760, help="Hours until the next forecast, with --rolling")
]
ErrorOption = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Standard deviation of sun, wind and price at the end of "
        "a forecast, with --rolling; a fifth of it for load",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="What-if: TABLE.COLUMN[KEY]=VALUE, also *= and +="),
]


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"{NAME} {version(NAME)}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version")
    ] = False,
) -> None:
    pass


def default_folder(case: Path) -> Path:
    """``outputs/<case>/<start time>-<hash>``."""
    now = datetime.now()
    mark = hashlib.sha256(f"{case}{now}".encode()).hexdigest()[:6]
    return Path("outputs") / case.stem / f"{now:%Y%m%d-%H%M%S}-{mark}"


@app.command(
    epilog=_examples(
        "run inputs/quickstart --out outputs/quickstart",
        "run my/case.xlsx --gap 0.01 --time-limit 1800",
        "run my/case.xlsx --set settings.lead_times=high --set 'sites.max_it_mw[Abilene]=0'",
        "run my/case.xlsx --set 'fuels.price_usd_per_mmbtu[*]*=1.01' --prefer outputs/my",
        "run my/case.xlsx --json > summary.json",
    )
)
def run(
    case: CaseArgument,
    out: Annotated[Path | None, typer.Option(help="Folder of the result")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the folder if it exists")
    ] = False,
    gap: Annotated[float | None, typer.Option(min=0.0, max=1.0, help="Proven gap to reach")] = None,
    time_limit: Annotated[
        float | None, typer.Option(min=1.0, help="Wall seconds of the whole command")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, max=256, help="Processor threads")] = 2,
    engine: Annotated[Engine, typer.Option(help="The monolith is one plain program")] = "auto",
    gap_power: Annotated[
        bool,
        typer.Option("--gap-power", help="Also prove the gap of all other cost at this delay"),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a run with the same --out has ended")
    ] = False,
    why: Annotated[
        bool, typer.Option("--why/--no-why", help="Tell why it is this plan, by solving again")
    ] = True,
    why_time: Annotated[
        float | None,
        typer.Option(min=0.0, help="Seconds for that; else a tenth of the solve's"),
    ] = None,
    start_from: Annotated[
        Path | None,
        typer.Option(
            help="Result of a neighbouring case: its plan is the first one", show_default=False
        ),
    ] = None,
    prefer: Annotated[
        Path | None,
        typer.Option(
            help="Result to stay near: within the gap, the fewest changed decisions",
            show_default=False,
        ),
    ] = None,
    memory_limit: Annotated[
        float | None,
        typer.Option(min=1.0, help="MB that operating blocks are dropped and rebuilt to keep"),
    ] = None,
    rolling: Annotated[
        bool,
        typer.Option("--rolling", help="Dispatch the plan again without perfect foresight"),
    ] = False,
    foresight: ForesightOption = 36,
    forecast_step: StepOption = 24,
    forecast_error: ErrorOption = 0.15,
    sets: SetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the summary")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only the result's folder, and errors")
    ] = False,
) -> None:
    """Read, check, solve, verify and report a case: the main job."""
    should_stop = Stop()  # before the imports, which take a second
    answer = only_answer_on_stdout()
    from optimizer import pipeline

    folder = default_folder(case) if out is None else out
    options = RunOptions(
        gap=gap,
        time_limit_s=time_limit,
        threads=threads,
        engine=engine,
        gap_power=gap_power,
        resume=resume,
        why=why,
        why_time_s=why_time,
        start_from=None if start_from is None else str(start_from),
        prefer=None if prefer is None else str(prefer),
        memory_limit_mb=memory_limit,
        rolling=_rolling(rolling, foresight, forecast_step, forecast_error),
    )
    if resume and out is None:
        raise UsageError("--resume needs the --out of the run that is to go on.")
    try:
        outcome = pipeline.run(
            case, folder, options, overrides=sets or [], overwrite=overwrite,
            on_progress=None if quiet else show_progress, should_stop=should_stop, started=STARTED,
        )  # fmt: skip
    except NoPlanError as error:
        if as_json:
            found = {"status": "infeasible", "clashes": error.clashes, "changes": error.changes}
            print(json.dumps(found), file=answer, flush=True)
        raise
    if len(outcome.warnings) and not quiet:
        say(outcome.warnings.report(str(case)), "yellow")
    for finding in outcome.verification.findings[:20]:
        say(f"check failed: {finding}", "red")
    if as_json:
        print(json.dumps(outcome.summary), file=answer, flush=True)
    elif quiet:
        print(folder, file=answer, flush=True)
    else:
        _tell(outcome, folder, answer)
    if outcome.exit_code == ExitCode.GAP_OPEN:
        asked = inputs_gap(outcome) if gap is None else gap
        hint(
            f"the proven gap {outcome.summary['gap']:.2%} is above the {asked:.2%} asked for "
            f"(stopped by: {outcome.summary['stop_reason']}). Give it more time (--time-limit), or "
            "ask for less (--gap). The plan itself is checked and can be used."
        )
    raise typer.Exit(int(outcome.exit_code))


def _rolling(asked: bool, foresight: int, step: int, error: float) -> RollingOptions | None:
    """How to run without perfect foresight; None if it was not asked."""
    if step > foresight:
        raise UsageError(
            f"--forecast-step {step} is longer than --foresight {foresight}: hours between would "
            "have no forecast. Give a step of at most the foresight."
        )
    return RollingOptions(foresight, step, error) if asked else None


def inputs_gap(outcome: Outcome) -> float:
    """The gap that the case asks for."""
    return float(outcome.plan.inputs.setting("gap"))


def _tell(outcome: Outcome, folder: Path, stream: TextIO) -> None:
    """The plan on one screen."""
    from optimizer.results.words import screen, unasked

    lines = screen(outcome.summary, outcome.plan.tables)
    for heading, text in [*lines, ("Result", f"{folder / 'report.html'}")]:
        style = {"Check": "green" if outcome.verification.passed else "red"}.get(heading, "bold")
        print(f"{paint(f'{heading:<14}', style, stream)} {text}", file=stream, flush=True)
    left = unasked(outcome.summary)
    if left:
        hint(f"not asked within the time: {left}.")


@app.command(
    epilog=_examples(
        "check my/case.xlsx", "check my/case.xlsx --mark marked.xlsx",
        "check my/case.xlsx --set settings.lead_times=high",
    )
)  # fmt: skip
def check(
    case: CaseArgument,
    sets: SetOption = None,
    mark: Annotated[
        Path | None,
        typer.Option(help="Write a workbook of the case with the cells marked", show_default=False),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Only problems, not what the case implies")
    ] = False,
) -> None:
    """Read and check only; lists every problem, and what the case implies."""
    from optimizer.preparing import implied
    from optimizer.reading.inputs import read_case, with_cells
    from optimizer.reading.mark import write_marked
    from optimizer.reading.plausibility import old_values

    reading = read_case(case, sets or [])
    inputs, problems = reading.inputs, reading.problems
    if inputs is not None:
        problems.extend(with_cells(old_values(inputs, datetime.now().date()), reading.raw))
    found = None if inputs is None else implied.implied(inputs)
    if len(problems):
        print(problems.report(str(case)))
    if mark is not None:
        if mark.resolve() == case.resolve():
            raise UsageError(f"{mark} is the case itself. Choose another path for the marked copy.")
        write_marked(mark, reading, problems, found.frames() if found else None)
        print(f"{mark}: a copy with {len(problems)} problems marked")
    if inputs is None:
        if mark is None:
            hint_on_input(case, problems)
        raise typer.Exit(int(ExitCode.INPUT))
    if found is not None and not quiet:
        print(implied.report(found) + "\n")
    number = len(problems.warnings)
    print(f"{case}: no errors, {number} warning{'' if number == 1 else 's'}")
    if not quiet:
        hint(f"{NAME} run {case}")


@app.command(
    epilog=_examples(
        "template my/case.xlsx",
        "template --csv my/case",
        "template copy.xlsx --from inputs/quickstart",
    )
)
def template(
    file: Annotated[
        Path | None, typer.Argument(help="The .xlsx workbook to write", show_default=False)
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--csv", help="Write a folder of CSV files", show_default=False)
    ] = None,
    case: Annotated[
        Path | None,
        typer.Option("--from", help="Case to fill in; else an example", show_default=False),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there")] = False,
) -> None:
    """A documented workbook to fill in, with a small example that runs as it is."""
    from optimizer.reading.template import write_template

    for written in write_template(file, folder, case=case, overwrite=overwrite):
        series = (written.parent if written.suffix else written) / "profiles"
        print(f"{written}: to be filled in; its hourly series stand in {series}")
        hint(f"{NAME} check {written}")


@app.command(
    epilog=_examples(
        "convert my/case.xlsx my/folder", "convert my/folder again.xlsx",
        "convert rate.json my/rate",
    )
)  # fmt: skip
def convert(
    source: Annotated[
        Path,
        typer.Argument(help="A case, or rates of the Utility Rate Database as .json"),
    ],
    target: Annotated[Path, typer.Argument(help="An .xlsx path, or a folder for CSV files")],
    reference_year: Annotated[
        int, typer.Option(min=1980, max=2100, help="Of rates: year whose weekdays windows follow")
    ] = 2012,
) -> None:
    """Workbook to CSV folder and back, without loss; public utility rates to tables of tariffs."""
    if source.suffix.lower() == ".json":
        from optimizer.reading.urdb import read_rates, write_rates

        found = read_rates(source, reference_year)
        for path in write_rates(found, target):
            print(f"{source} -> {path}")
        for note in found.notes:
            say(f"not expressed: {note}", "yellow")
        return
    from optimizer.pipeline import read
    from optimizer.reading.writing import write_inputs

    inputs, _ = read(source, [])
    write_inputs(inputs, target)
    print(f"{source} -> {target}")


@app.command(
    epilog=_examples("verify outputs/my", "verify outputs/my --json", "verify outputs/my --rolling")
)
def verify(
    result: ResultArgument,
    rolling: Annotated[
        bool,
        typer.Option("--rolling", help="Also dispatch it again without perfect foresight"),
    ] = False,
    foresight: ForesightOption = 36,
    forecast_step: StepOption = 24,
    forecast_error: ErrorOption = 0.15,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the check")] = False,
) -> None:
    """Re-check a stored result against its inputs, independently of the model."""
    from optimizer.results.verify import verify_plan
    from optimizer.results.write import load_result

    answer = only_answer_on_stdout() if rolling else sys.stdout
    options = _rolling(rolling, foresight, forecast_step, forecast_error)
    stored = load_result(result)
    done = verify_plan(stored.inputs, stored.tables, stored.dispatch, stored.summary["objective"])
    found = None
    if options is not None:
        from optimizer.preparing.case import prepare
        from optimizer.results.rolling import rolling as run_again

        found = run_again(prepare(stored.inputs), stored.tables, options)
    if as_json:
        print(json.dumps(done.as_dict() | {"rolling": found}), file=answer, flush=True)
    else:
        for name, count, worst, where in done.checks:
            line = f"{name:<34} {count:>9,} checked  largest violation {worst:.1e}  {where}"
            print(line, file=answer)
        for finding in done.findings[:40]:
            print(f"  {finding}", file=answer)
        print(f"{'passed' if done.passed else 'FAILED'}: max violation {done.max_violation:.2e}, "
              f"objective recomputed {done.objective_recomputed:,.2f} USD", file=answer)  # fmt: skip
        if found is not None:
            from optimizer.results.words import without_foresight

            print(f"without perfect foresight: {without_foresight(found)}", file=answer, flush=True)
            if found["warning"]:
                say(found["warning"], "yellow")
    raise typer.Exit(int(ExitCode.DONE if done.passed else ExitCode.CHECK_FAILED))


@app.command(
    epilog=_examples(
        "report outputs/my", "report outputs/my --pack board --out board.html",
        "report outputs/my --pack utility --site Abilene --out letter.html",
        "report outputs/my --site Abilene --out abilene.html",
        "report outputs/my --figures slides",
    )
)  # fmt: skip
def report(
    result: ResultArgument,
    pack: Annotated[
        Pack | None, typer.Option(help="A short page for that room", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write; else one in the result folder", show_default=False),
    ] = None,
    site: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this site, in the packs utility and permits; in the report of "
            "many sites: show the hours of this one",
            show_default=False,
        ),
    ] = None,
    inflation: Annotated[
        float, typer.Option(min=-0.1, max=0.5, help="A year, for nominal dollars of the lender")
    ] = 0.025,
    figures: Annotated[
        Path | None,
        typer.Option(help="Folder for the charts as PNG and SVG", show_default=False),
    ] = None,
) -> None:
    """Rebuild report.html of a stored result, or write a short page or the charts of it."""
    from optimizer.results.report.figures import write_figures
    from optimizer.results.report.html import write_report
    from optimizer.results.report.packs import write_pack
    from optimizer.results.write import load_result

    if site and pack is None and figures is not None:
        raise UsageError("--site is for the report and for --pack utility and --pack permits.")
    inputs = load_result(result, hours=False).inputs
    if figures is not None:
        for written in write_figures(result, figures):
            print(written)
    if pack is not None:
        print(write_pack(pack, result, inputs, out, sites=site or [], inflation=inflation))
    elif figures is None or out is not None:
        print(write_report(result, out, sites=site or []))


@app.command(
    epilog=_examples(
        "compare outputs/base outputs/what-if",
        "compare outputs/base outputs/what-if --html both.html",
    )
)
def compare(
    results: Annotated[list[Path], typer.Argument(help="Two to eight --out folders of runs")],
    as_json: Annotated[bool, typer.Option("--json", help="Print only the comparison")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write a workbook, FILE.xlsx", show_default=False)
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write one self-contained page, FILE.html",
                                  show_default=False)
    ] = None,
) -> None:  # fmt: skip
    """What differs between results, and why: inputs, decisions, dates, money.

    The others are held against the first.
    """
    from optimizer.results.compare import compare as compared
    from optimizer.results.compare import load_results
    from optimizer.results.compare_out import as_text, check_targets, write_page, write_workbook

    check_targets(out, html)
    made = compared(load_results(results))
    if out is not None:
        write_workbook(made, out)
    if html is not None:
        write_page(made, html)
    if as_json:
        print(json.dumps(made.as_dict(), allow_nan=False))
        return
    print(as_text(made))
    for written in (out, html):
        if written is not None:
            print(f"Written: {written}")


@app.command(
    epilog=_examples(
        "completion bash >> ~/.bashrc", "completion zsh >> ~/.zshrc",
        "completion fish > ~/.config/fish/completions/optimizer.fish",
    )
)  # fmt: skip
def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="Your shell")],
) -> None:
    """Print the script by which a shell completes commands and options."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    print(get_completion_script(prog_name=NAME, complete_var=COMPLETION, shell=shell))


def main(arguments: list[str] | None = None) -> None:
    """Entry point; ends the process with the exit code of the cause."""
    if COMPLETION in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()
    sys.exit(_run(arguments))


def _run(arguments: list[str] | None) -> int:
    try:
        outcome: Any = app(args=arguments, prog_name=NAME, standalone_mode=False)
    except typer.Exit as done:
        return int(done.exit_code)
    except COMMAND_LINE_ERROR as error:
        error.show(file=sys.stderr)  # type: ignore[attr-defined]
        return int(ExitCode.USAGE)
    except typer.Abort:
        return int(ExitCode.STOPPED)
    except UsageError as error:
        say(str(error), "red")
        return int(ExitCode.USAGE)
    except InputError as error:
        say(str(error), "red")
        hint_on_input(Path(error.source), error.problems)
        return int(ExitCode.INPUT)
    except NoPlanError as error:
        say(str(error), "red")
        hint(f"{NAME} check CASE tells the earliest power of each site and the most MW by period.")
        return int(error.exit_code)
    except StoppedError as error:
        say(str(error), "red")
        hint("give it more time (--time-limit), or fewer periods to begin with.")
        return int(error.exit_code)
    except OptimizerError as error:
        say(str(error), "red")
        return int(error.exit_code)
    except MemoryError:
        say("Out of memory. Give --memory-limit (MB), by which operating blocks are dropped in "
            "time, or use fewer --threads, fewer sites or longer periods.", "red")  # fmt: skip
        return int(ExitCode.MACHINE)
    except SystemExit as done:
        return int(done.code or 0)
    except Exception as error:  # the last line of defence: no traceback on the screen
        with tempfile.NamedTemporaryFile(
            "w", prefix="optimizer-", suffix=".log", delete=False
        ) as log:
            traceback.print_exc(file=log)
        say(f"This is a bug in the product ({type(error).__name__}: {error}). Details: {log.name}")
        return int(ExitCode.BUG)
    return int(outcome) if isinstance(outcome, int) else int(ExitCode.DONE)
