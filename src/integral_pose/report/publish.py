"""Publishes a table beside the paper's numbers: CSV files, curves, figures and the printed text."""
from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

from integral_pose.evaluation.cells import Cell
from integral_pose.evaluation.evaluate import outcome_file
from integral_pose.evaluation.submission import can_submit, submission
from integral_pose.metrics import flops
from integral_pose.models import build
from integral_pose.report import curves, results, text, verdicts
from integral_pose.report.drawing import pictures, poses
from integral_pose.report.numbers import POSES
from integral_pose.report.results import Evidence, Measured
from integral_pose.run import Run
from integral_pose.run_folder import Site
from integral_pose.tables import Table


def publish(table: Table, cells: Sequence[Cell], site: Site, folder: Path, judged: bool) -> None:
    """Publishes all that has been evaluated, now or before; with verdicts on the claims if they are `judged`."""
    measured = _measured(table, cells, site, judged)
    amp = cells[0].run.amp  # as all networks of this process: MXNet cannot go back to float32
    costs = [_cost(replace(run, amp=amp)) for run in table.rows[0].runs] if table.costs else []
    results.write_csv(measured, costs, folder / f"{table.name}.csv")
    changes = _write_curves(measured, cells, site, folder)
    _write_claims(measured, changes, folder)
    print(results.render(measured, costs))
    picture = _draw(measured, cells[0].run, site, folder)
    print(f"\n{folder / table.name}.csv has these numbers with their signatures, {picture} the figure.")
    if table.submission:
        print(_submissions(cells, site))


def publish_dark(table: Table, cells: Sequence[Cell], site: Site, folder: Path, judged: bool) -> None:
    """Publishes heat maps read by DARK beside the integrals, as `read_by_dark` has them, if they are evaluated."""
    rows = {row.name for row in table.rows}
    done = {cell.row for cell in cells if outcome_file(cell.run, site).exists()}
    if done != rows:
        return
    measured = _measured(table, cells, site, judged)
    results.write_csv(measured, [], folder / f"{table.name}.csv")
    _write_claims(measured, {}, folder)
    print(results.render(measured, []))


def _measured(table: Table, cells: Sequence[Cell], site: Site, judged: bool) -> Measured:
    evidence: Dict[Tuple[str, str], List[Evidence]] = defaultdict(list)
    for cell in cells:
        path = outcome_file(cell.run, site)
        if path.exists():
            evidence[cell.row, cell.column].append(Evidence.read(path))
    return Measured(table, evidence, judged)


def _write_claims(measured: Measured, changes: Dict[Tuple[str, str], float], folder: Path) -> None:
    table = measured.table
    if table.claims:
        found = [(v, text.note(table, v.claim, measured.value, changes)) for v in results.verdicts(measured)]
        verdicts.write(table, found, folder / f"{table.name}-claims.csv")


def _write_curves(
    measured: Measured, cells: Sequence[Cell], site: Site, folder: Path
) -> Dict[Tuple[str, str], float]:
    """The training curves of the evaluated runs, and PCKh at every threshold, for the report.

    Returns:
        how far the networks are from converged, as `curves.changes` gives it.
    """
    name, done = measured.table.name, [cell for cell in cells if (cell.row, cell.column) in measured.evidence]
    logs = ((cell.row, cell.column, cell.run) for cell in done)
    endings = curves.endings(curves.write_training(logs, site.folder, folder / f"{name}-training.csv"))
    curves.write_endings(endings, folder / f"{name}-convergence.csv")
    if measured.table.metrics[0].measure == "PCKh":
        distances = {where: [e.arrays["distances"] for e in seeds] for where, seeds in measured.evidence.items()}
        curves.write_pckh(distances, folder / f"{name}-curves.csv")
    return curves.changes(endings)


def _submissions(cells: Sequence[Cell], site: Site) -> str:
    """The submissions and their paths; or the file that is missing for them."""
    if not can_submit(cells[0].run, site):
        missing = site.catalogue.of(cells[0].run).official_test
        return f"No submission was written: {missing}, which lists the test people, is missing. Put it there."
    written = [cell for cell in cells if cell.is_finished(site)]
    lines = (f"  {cell.row}, seed {cell.run.seed}: {submission(cell.run, site)}" for cell in written)
    return "\n".join(["Submissions for the data set's server:", *lines])


def _draw(measured: Measured, run: Run, site: Site, folder: Path) -> Path:
    kind, data_set = measured.table.picture, site.catalogue.of(run)
    path = folder / f"{measured.table.name}.{'png' if kind == 'curves' else 'jpg'}"
    if kind == "curves":
        pictures.curves(measured, path)
    elif kind == "scenes":
        pictures.scenes(measured, data_set.candidates("annotated"), data_set.skeleton, path)
    elif run.coordinates == 3:
        people = data_set.people("test")
        pictures.skeletons(measured, people, data_set.skeleton, path)
        poses.write(measured, people, data_set.skeleton, folder / f"{measured.table.name}{POSES}")
    else:
        pictures.grid(measured, data_set.people("test"), data_set.skeleton, path)
    return path


def _cost(run: Run) -> results.Cost:
    """Of the network as the paper has it."""
    net = build.network(run)
    return results.Cost(
        flops.multiply_adds(net, run.patch) / 1e9,
        flops.parameters(net) / 1e6,
        flops.classifier_parameters(run.backbone) / 1e6,
    )
