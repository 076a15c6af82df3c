# Points, notebooks and pages as jobs: the commands of `strata`, run by Snakemake on one machine, on a
# Slurm cluster or on Kubernetes. How to use it: book/scale.md.
#   snakemake --profile profiles/local --config profile=quick
# Settings (--config name=value): profile; nodes, over which points are shared; threads of a job;
# shards of a notebook, instead of the number that its expected seconds ask for; image, a container.
import sys
from functools import cache
from pathlib import Path

from strata.book.jobs import jobs_of
from strata.book.profiles import load_notebooks
from strata.book.record import executed_folder
from strata.paths import project_root

ROOT = project_root()
PROFILE = config.get("profile", "quick")
SHARING = {name: int(config[name]) for name in ("nodes", "threads", "shards") if name in config}
NOTEBOOKS = load_notebooks(ROOT)
BUILD = Path("_build") / PROFILE
EXECUTED = executed_folder(ROOT, PROFILE).relative_to(ROOT)
SHARD = str(BUILD / "shards" / "{name}" / "{i}-of-{n}")
STRATA = "strata" if "image" in config else str(Path(sys.executable).with_name("strata"))
PAGES = (
    "_config.yml",
    "_toc.yml",
    "notebooks/*.ipynb",
    "book/*.*",
    "book/_*/**/*.*",
    "book/api/*.md",
    "book/executed/**/*.json",
    "src/strata/**/*.py",
)


@cache
def jobs(name):
    return jobs_of(NOTEBOOKS[name], PROFILE, ROOT, **SHARING)


def of_notebook(field):
    return lambda wildcards: getattr(jobs(wildcards.name), field)


def shards(wildcards):
    n = jobs(wildcards.name).shards
    return expand(SHARD, name=wildcards.name, i=range(1, n + 1), n=n)


def all_shards(wildcards):
    numbers = {name: jobs(name).shards for name in NOTEBOOKS}
    return [expand(SHARD, name=k, i=range(1, n + 1), n=n) for k, n in numbers.items()]


workdir: str(ROOT)


if "image" in config:

    container: config["image"]


wildcard_constraints:
    name="|".join(NOTEBOOKS),


localrules:
    pages,
    notebooks,
    points,


rule pages:
    input:
        expand(str(EXECUTED / "{name}.ipynb"), name=NOTEBOOKS),
        [sorted(map(str, Path().glob(words))) for words in PAGES],
    output:
        str(BUILD / "html" / "index.html"),
    log:
        str(BUILD / "logs" / "pages.txt"),
    params:
        strata=STRATA,
        profile=PROFILE,
    shell:
        "{params.strata:q} build --profile {params.profile} > {log} 2>&1"


rule notebooks:
    input:
        expand(str(EXECUTED / "{name}.ipynb"), name=NOTEBOOKS),


rule points:
    input:
        all_shards,


rule notebook:
    input:
        shards,
    output:
        # A job that fails leaves the last results where they are.
        update(str(EXECUTED / "{name}.ipynb")),
        update(str(EXECUTED / "{name}.json")),
    log:
        str(BUILD / "logs" / "{name}.txt"),
    params:
        strata=STRATA,
        profile=PROFILE,
        key=of_notebook("key"),
    threads: of_notebook("threads")
    resources:
        mem_mb=of_notebook("memory_mb"),
        runtime=of_notebook("notebook_minutes"),
    shell:
        "STRATA_WORKERS={threads} {params.strata:q} run {wildcards.name} --profile {params.profile}"
        " > {log} 2>&1"


rule shard:
    output:
        touch(SHARD),
    log:
        str(BUILD / "logs" / "{name}-{i}-of-{n}.txt"),
    params:
        strata=STRATA,
        profile=PROFILE,
        key=of_notebook("key"),
        # One core: in the process itself.
        workers=lambda wildcards, threads: threads if threads > 1 else 0,
    threads: of_notebook("threads")
    resources:
        mem_mb=of_notebook("memory_mb"),
        runtime=of_notebook("shard_minutes"),
    shell:
        "{params.strata:q} sweep {wildcards.name} --shard {wildcards.i}/{wildcards.n}"
        " --profile {params.profile} --workers {params.workers} > {log} 2>&1"
