"""Pages that mkdocs builds from the source: recipes, commands, errors, API, schemas, recorded results, import graph."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import rich_click as click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from sentio_mobile._internal.records import json_schema

HOOKS = Path(__file__).parent
PROJECT = HOOKS.parents[1]

INCLUDED = {
    "teacher/README.md": "guides/teachers.md",
    "distill/README.md": "guides/distillation.md",
    "export/README.md": "guides/export.md",
    "export/golden/README.md": "guides/golden.md",
    "android/README.md": "apps/android.md",
    "ios/README.md": "apps/ios.md",
    "web/README.md": "apps/web.md",
    "benchmarks/baselines/README.md": "results.md",
    "benchmarks/contributed/README.md": "guides/contributed.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
"""Documents of the repository that are pages of the site, too."""

RECORDS = {
    "data.json": "sentio_mobile.data.prepared:DataSheet",
    "checkpoint.json": "sentio_mobile.models.checkpoint:CheckpointSheet",
    "manifest.json": "sentio_mobile.bundle.manifest:Manifest",
    "manifest.sig.json": "sentio_mobile.bundle.sign:Signature",
    "evaluation.json": "sentio_mobile.evaluation.results:EvaluationRun",
    "bundle/evaluation.json": "sentio_mobile.metrics.evaluation:Evaluation",
    "probe.json": "sentio_mobile.teacher.probe.sheet:ProbeSheet",
    "gan-samples.json": "sentio_mobile.data.gan_samples:GanSampleSheet",
    "verification.json": "sentio_mobile.bundle.verify:Verification",
    "benchmark.json": "sentio_mobile.benchmarks.results:Benchmark",
    "phone.json": "sentio_mobile.benchmarks.phones:PhoneBenchmark",
    "summary.json": "sentio_mobile.benchmarks.summary:Summary",
    "release.json": "sentio_mobile.monitoring.release:ReleaseCheck",
    "monitor.json": "sentio_mobile.monitoring.monitor_records:Monitoring",
    "predictions.json": "sentio_mobile.inference.emotion:Prediction",
}
"""Files that steps write, and the record in each; of predictions.json, one row."""


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HOOKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and the pictures and records that included documents show."""
    pages = {"reference/recipes.md": _recipes(), "reference/cli.md": _commands(), "reference/errors.md": _errors()}
    pages |= _schemas() | _api()
    pages |= {target: _included(source, target) for source, target in INCLUDED.items()}
    for uri, content in pages.items():
        files.append(File.generated(config, uri, content=content))
    for path in sorted((PROJECT / "benchmarks" / "baselines").rglob("*")):
        if path.suffix in (".json", ".png"):
            uri = f"results/{path.relative_to(PROJECT / 'benchmarks' / 'baselines').as_posix()}"
            files.append(File.generated(config, uri, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the picture of the import graph into the architecture page."""
    if "<!-- import graph -->" not in markdown:
        return markdown
    graph = _load("import_graph")
    root = PROJECT / "sentio_mobile"
    sentence = next(line for line in markdown.splitlines() if line.startswith("`cli` -> "))
    layers = [re.findall(r"`(\w+)`", part) for part in sentence.split(" -> ")]
    lines = graph.count_lines(root)
    total = sum(lines.values())
    rows = [f"| `{room}` | {count:,} | {count / total:.1%} |" for room, count in lines.most_common()]
    table = "\n".join(["| room | lines | share |", "|---|---:|---:|", *rows])
    picture = f'<div class="import-graph">\n{graph.draw(graph.read_imports(root), layers)}\n</div>'
    return markdown.replace("<!-- import graph -->", picture).replace("<!-- room sizes -->", table)


def _recipes() -> str:
    from sentio_mobile.distill.config import PretrainRecipe, QatRecipe
    from sentio_mobile.pipeline.config import RunRecipe, TrainRecipe
    from sentio_mobile.teacher.gan.config import GanRecipe

    render = _load("recipe_reference").render
    intro = (
        "# Recipes\n\nA recipe is a TOML file. Each table below lists its keys; an unknown key, a wrong type or a "
        "value out of range is refused in one line. This page is generated from the settings' source.\n\n"
        "A recipe for `sentio-mobile run` has all tables. A recipe for `teacher train` or `distill` has those of the "
        "table `teacher` or `distill`, without that prefix: `[model]`, `[training]`, and so on.\n\n"
    )
    recipes = [("run", RunRecipe), ("train", TrainRecipe), ("pretrain", PretrainRecipe), ("qat", QatRecipe)]
    return intro + render([*recipes, ("gan", GanRecipe)])


def _commands() -> str:
    from sentio_mobile.cli import main

    lines = ["# Command line\n", "Every command has `--help` with an example. This page is generated from it.\n"]
    _command(main, ["sentio-mobile"], lines)
    return "\n".join(lines)


def _command(command: click.Command, path: list[str], lines: list[str]) -> None:
    context = click.Context(command, info_name=path[-1])
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            _command(found, [*path, name], lines)
        return
    lines.append(f"## {' '.join(path[1:])}\n")
    lines.append(f"{_text(command.help or '')}\n")
    arguments = [param for param in command.params if isinstance(param, click.Argument)]
    options = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
    usage = " ".join([*path, *(param.make_metavar(context) for param in arguments), "[OPTIONS]"])
    lines.append(f"```\n{usage}\n```\n")
    lines.append("| option | meaning | default |\n|---|---|---|")
    for option in options:
        default = option.default if option.show_default and option.default not in (None, False) else ""
        if option.required:
            default = "required"
        elif isinstance(default, tuple):
            default = ", ".join(map(str, default))
        name = ", ".join(f"`{one}`" for one in option.opts)
        lines.append(f"| {name} | {_text(option.help or '').replace('|', chr(92) + '|')} | {default} |")
    lines.append("")
    for example in (command.epilog or "").split("\n\n"):
        if example:
            what, _, code = example.partition(": ")
            lines.append(f"{what}:\n\n```\n{code}\n```\n")


def _text(text: str) -> str:
    return inspect.cleandoc(text).replace("\\[", "[").replace("<", "&lt;")


def _errors() -> str:
    from sentio_mobile import errors

    lines = [
        "# Errors\n",
        "Everything that the toolkit raises on purpose is a `sentio_mobile.SentioError`. Its message is one line: what "
        "is wrong, where, and what to do. The command line prints it and exits with the status below; any other "
        "traceback is a bug.\n",
        "| class | kind of | exit status | meaning |\n|---|---|---|---|",
    ]
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.SentioError):
            parent = kind.__mro__[1].__name__
            meaning = " ".join((kind.__doc__ or "").split())
            lines.append(f"| `{name}` | `{parent}` | {kind.exit_status} | {meaning} |")
    return "\n".join([*lines, ""])


def _schemas() -> dict[str, str]:
    """The page of all records on disk, and one JSON Schema for each."""
    render = _load("recipe_reference").render
    lines = [
        "# Schemas\n",
        "The files that one step writes and another reads. Each is read by a strict reader: an unknown or missing key, "
        "a wrong type, or a value out of range is refused in one line. This page and the JSON Schemas are generated "
        "from the source.\n",
    ]
    pages, kinds = {}, []
    for file, where in RECORDS.items():
        module, name = where.split(":")
        kind = getattr(importlib.import_module(module), name)
        schema = json.dumps(json_schema(kind), indent=2) + "\n"
        uri = f"schemas/{file.replace('.json', '').replace('/', '-')}.schema.json"
        pages[uri] = schema
        lines.append(f"- `{file}`: [JSON Schema](../{uri})")
        kinds.append((file, kind))
    return pages | {"reference/schemas.md": "\n".join([*lines, "", render(kinds)])}


def _api() -> dict[str, str]:
    import sentio_mobile

    pages = {}
    for name in sentio_mobile.__all__:
        found: Any = getattr(sentio_mobile, name)
        if inspect.isfunction(found):
            pages[f"api/{name}.md"] = (
                f"::: {found.__module__}.{name}\n    options:\n      show_root_heading: true\n      heading_level: 1\n"
            )
    return pages


def _included(source: str, target: str) -> str:
    """A document of the repository, with links that work on the site; a link to source code becomes plain text."""
    folder = (PROJECT / source).parent
    depth = target.count("/")

    def link(found: re.Match[str]) -> str:
        mark, text, where, anchor = found[1], found[2], found[3], found[4] or ""
        if re.match(r"https?:|mailto:", where):
            return found[0]
        if not where:
            return f"{mark}[{text}]({anchor})"
        path = (folder / where).resolve()
        if not path.is_relative_to(PROJECT):
            return text
        name = path.relative_to(PROJECT).as_posix()
        if (path / "README.md").is_file():
            name = f"{name}/README.md"
        up = "../" * depth
        if name in INCLUDED:
            return f"{mark}[{text}]({up}{INCLUDED[name]}{anchor})"
        if name.startswith("benchmarks/baselines/") and path.suffix in (".json", ".png"):
            return f"{mark}[{text}]({up}results/{name.removeprefix('benchmarks/baselines/')})"
        if name.startswith("docs/"):
            return f"{mark}[{text}]({up}{name.removeprefix('docs/')}{anchor})"
        return text

    return re.sub(r"(!?)\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)", link, (PROJECT / source).read_text(encoding="utf-8"))
