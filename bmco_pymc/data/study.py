"""A study: a data frame and the roles of its columns, validated once for all analyses."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc import observed_patterns, patterns
from bmco_pymc.arguments import flag, one_of, texts
from bmco_pymc.data import remarks, roles
from bmco_pymc.data.cells import Cells, counted, distinct_rows, in_both_groups
from bmco_pymc.data.covariates import read_covariate
from bmco_pymc.data.frames import text
from bmco_pymc.data.missing import TREATMENTS, kept_rows, missing_table, partly_observed
from bmco_pymc.data.table import read_table
from bmco_pymc.printing import Facts, Printed

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Study(Printed):
    """Two groups of subjects with one or more binary outcomes, perhaps in clusters.

    Rows of other groups are left out (`notes` says how many); rows that miss the group, the count
    or, unless ``missing="mar"``, an outcome are dropped with a warning.

    Parameters
    ----------
    data : data frame, str or path-like, shape (n_input, columns)
        One row per subject, or per combination of values with ``counts``; pandas, polars or any
        other frame that narwhals knows, lazy ones (DuckDB, polars, Dask, Ibis, PySpark) too; or
        the name of Parquet files, such as ``"data/*.parquet"``, which DuckDB reads. It is never
        written to.
    outcomes : str or sequence of str
        The K outcome columns, 1 to 6 of them, each 0/1 or bool; 1 is a success.
    group : str
        The column that says which group a subject is in.
    control, treatment : object
        The two values of ``group`` to compare, always as treatment minus control. Text also means
        the value that prints like it (``"1"`` the number 1).
    cluster : str, optional
        The column that says which cluster (school, hospital, ...) a subject is in.
    counts : str, optional
        A column of frequencies: how many subjects each row stands for. Rows that stand for none
        are dropped.
    missing : {"complete", "mar"}, optional
        What becomes of rows that miss some of the outcomes. Complete cases drops them, and with
        them what was observed of their other outcomes. ``"mar"`` keeps every row with at least one
        outcome: its likelihood is the probability of what was observed, which is right if outcomes
        are *missing at random*, given what was observed of the subject and the model's covariates.
    covariates : str or sequence of str, optional
        The other columns to keep: those that formulas and conditions use. The data are then
        *counted* by their own engine, and only their distinct rows come over, with how many of
        each there are: tables larger than memory will do. Without it, all columns are kept, of all
        rows; of a lazy frame if it has at most a million.
    bins : mapping of str to int or sequence of float, optional
        Of a covariate with too many values for that: how many bins, of about as many rows each, or
        their edges. A bin holds its lower edge, the last one its upper edge too. Each is at the
        mean of its subjects, so that the mean of the sample stays what it was.

    Attributes
    ----------
    data : pandas.DataFrame, shape (n, columns)
        The rows that are analysed, with all columns of the input; a copy, numbered from 0. Where
        the data were counted, their distinct rows, with the columns that are used.
    position : ndarray of intp, shape (n,)
        Where each of these rows is in the input, or in ``data`` where that was counted.
    n_input : int
        Number of rows of the input.
    arm : ndarray of int8, shape (n,)
        0 for the control, 1 for the treatment.
    response : ndarray of intp, shape (n,)
        Code of the response pattern, see `bmco_pymc.patterns`; with ``missing="mar"`` of the
        observed pattern, see `bmco_pymc.observed_patterns`.
    weight : ndarray of int64, shape (n,)
        Number of subjects that the row stands for; 1 without ``counts``, unless the data were
        counted: then ``counts`` is ``"subjects"``, a column of ``data``.
    cluster_labels : tuple
        The J clusters, sorted where they can be; empty without ``cluster``.
    cluster_code : ndarray of intp, shape (n,), or None
        Place of the row's cluster in ``cluster_labels``.
    notes : tuple of str
        What was left out or put into bins.
    covariates : tuple of str, or None
        The covariates that were named; None if the data were not counted.
    bins : mapping of str to int or tuple of float
        The bins that were asked for.
    not_kept : tuple
        The columns of the input that were not kept.

    Raises
    ------
    InputError
        If ``data`` is no data frame or has no rows, a column is not there or has two roles, an
        outcome is not binary, a group is not in its column or has no subjects left, both groups
        are the same, a count is not a non-negative whole number, a cluster is missing, or there
        are fewer than 2 clusters; if a lazy frame is too large to be collected, or there are too
        many distinct values to be counted.

    Warns
    -----
    InputWarning
        If rows were dropped, there are 5 outcomes or more, an outcome does not vary, a group has
        fewer than 10 subjects, there are fewer than 5 clusters, or clusters have a single subject
        or one group only.

    References
    ----------
    Kavelaars, Mulder & Kaptein (2023), https://doi.org/10.1186/s12874-023-02034-z; for missing
    outcomes, Little & Rubin (2019), https://doi.org/10.1002/9781119482260.

    Examples
    --------
    >>> import pandas as pd
    >>> import bmco_pymc as bmco
    >>> table = pd.DataFrame({
    ...     "arm": ["a", "a", "b", "b"], "well": [1, 0, 1, 0], "number": [12, 18, 20, 11]})
    >>> bmco.Study(table, ["well"], group="arm", control="a", treatment="b", counts="number")
    Study of 61 subjects, 1 outcome
    arm            subjects  well
    a (control)          30  0.40
    b (treatment)        31  0.65

    A table of any size, counted where it is:

    >>> import polars as pl
    >>> lazy = pl.LazyFrame({"arm": ["a", "b"] * 5000, "well": [1, 1, 0, 0] * 2500,
    ...                      "age": range(10_000)})
    >>> study = bmco.Study(lazy, "well", "arm", "a", "b", covariates=["age"], bins={"age": 2})
    >>> study.notes
    ('age in 2 bins, each at the mean of its subjects: 2500, 7500',)
    >>> len(study.data), study.weight.tolist()
    (8, [1250, 1250, 1250, 1250, 1250, 1250, 1250, 1250])

    >>> study.n_outcomes, study.patterns, study.group_labels, study.one_group_clusters
    (1, ('1', '0'), ('a', 'b'), False)
    """

    data: pd.DataFrame
    outcomes: tuple[str, ...]
    group: str
    control: Any
    treatment: Any
    cluster: str | None
    counts: str | None
    missing: str
    covariates: tuple[str, ...] | None = field(init=False)
    bins: Mapping[str, int | tuple[float, ...]] = field(init=False)
    not_kept: tuple[Any, ...] = field(init=False)
    position: NDArray[np.intp] = field(init=False)
    n_input: int = field(init=False)
    arm: NDArray[np.int8] = field(init=False)
    response: NDArray[np.intp] = field(init=False)
    weight: NDArray[np.int64] = field(init=False)
    cluster_labels: tuple[Any, ...] = field(init=False)
    cluster_code: NDArray[np.intp] | None = field(init=False)
    notes: tuple[str, ...] = field(init=False)
    _index: pd.Index | None = field(init=False)  # of the input, by which a mask may go
    _times: NDArray[np.int64] | None = field(init=False)  # rows of the input like each row
    _given_counts: str | None = field(init=False)

    def __init__(
        self,
        data: IntoFrame | str | os.PathLike[str],
        outcomes: str | Sequence[str],
        group: str,
        control: Any,
        treatment: Any,
        cluster: str | None = None,
        counts: str | None = None,
        *,
        missing: str = "complete",
        covariates: str | Sequence[str] | None = None,
        bins: Mapping[str, int | Sequence[float]] | None = None,
    ) -> None:
        one_of("missing", missing, TREATMENTS, "is no way to treat missing outcomes")
        asked, names = (control, treatment), roles.outcome_names(outcomes)
        used = [*(("outcomes", name) for name in names), ("group", group)]
        optional = {"cluster": cluster, "counts": counts}
        used += [(role, name) for role, name in optional.items() if name is not None]
        table = read_table(data, used, covariates, bins)
        frame, times, given_counts, counts = table.frame, table.times, counts, table.counts
        arm, (control, treatment), others = roles.read_groups(frame[group], control, treatment)

        # A row counts as dropped for missing values only if it would have been analysed.
        wanted = arm != roles.OTHER
        left_out = remarks.on_others(others, ~wanted, times)
        weight = np.ones(len(frame), dtype=np.int64)
        if counts is not None:
            known = wanted & frame[counts].notna().to_numpy()
            weight[known] = roles.read_counts(frame.loc[known, counts])
            wanted &= weight > 0
        needed = [name for _, name in used if name != cluster]
        absent = frame[needed].isna()[wanted]
        left, dropped = kept_rows(
            absent, names, weight[wanted], missing, None if times is None else times[wanted]
        )
        position = np.flatnonzero(wanted)[left]
        arm, weight = arm[position], weight[position]
        kept, said = table.analysed(position, weight)
        index = frame.index
        if times is not None:  # whose rows are no longer those of the input
            times, position, index = times[position], np.arange(len(kept)), kept.index

        roles.check_both_groups(arm, asked, dropped)
        seen = np.column_stack([roles.read_outcome(kept[k]) for k in names])
        response = observed_patterns.encode(seen)
        codes, labels = (None, ()) if cluster is None else roles.read_clusters(kept[cluster], times)
        put = vars(self).update  # as this is frozen
        put(data=kept, outcomes=names, position=position, n_input=table.n_input, _index=index)
        put(group=group, control=control, treatment=treatment, counts=counts, cluster=cluster)
        put(missing=missing, covariates=table.covariates, bins=table.bins)
        put(_times=times, _given_counts=given_counts, not_kept=table.not_kept)
        put(arm=arm, response=response, weight=weight, cluster_labels=labels, cluster_code=codes)
        put(notes=(*left_out, *dropped, *said))
        # Last, so that bad input is an error even where warnings are errors too.
        remarks.warn(dropped)
        by_group = self._by_outcome(1), self._by_outcome(1, 0)
        remarks.warn(remarks.on_outcomes(names, self.group_labels, *by_group))
        if codes is not None:
            remarks.warn(remarks.on_clusters(labels, codes, arm, weight))

    @property
    def n_outcomes(self) -> int:
        """Number of outcomes K."""
        return len(self.outcomes)

    @property
    def patterns(self) -> tuple[str, ...]:
        """Names of the 2^K response patterns, from all-success to all-failure."""
        return patterns.labels(self.n_outcomes)

    @property
    def group_labels(self) -> tuple[str, str]:
        """What the control and the treatment are called."""
        return text(self.control), text(self.treatment)

    @property
    def one_group_clusters(self) -> bool:
        """Whether every cluster holds one group only; False without clusters."""
        code = self.cluster_code
        return code is not None and not in_both_groups(code, self.arm).any()

    @property
    def missing_table(self) -> pd.DataFrame:
        """Who misses what: subjects of each group by the outcomes observed (x) and not (?).

        Columns: number of subjects in each group, and their share of the group.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> trial = bmco.load_trial()
        >>> trial["y2"] = trial["y2"].astype(float).mask(trial.index % 5 == 0)
        >>> study = bmco.Study(trial, ["y1", "y2"], "arm", "ctl", "trt", missing="mar")
        >>> study.missing_table.round(2)  # doctest: +NORMALIZE_WHITESPACE
                           ctl  trt  share of ctl  share of trt
        outcomes observed
        xx                  96   96           0.8           0.8
        x?                  24   24           0.2           0.2
        """
        return missing_table(self.cells(), self.group_labels)

    def with_data(self, data: IntoFrame | str | os.PathLike[str]) -> Study:
        """Return the study of other data, in the same roles and with the same covariates.

        A number of bins makes new ones, by the new data.

        Parameters
        ----------
        data : data frame, str or path-like
            With the same columns.

        Returns
        -------
        Study

        Raises
        ------
        InputError
            As for a new study.

        Examples
        --------
        >>> import pandas as pd
        >>> import bmco_pymc as bmco
        >>> table = pd.DataFrame({"arm": ["a", "b"] * 30, "well": [1, 0, 0] * 20})
        >>> study = bmco.Study(table[:40], "well", group="arm", control="a", treatment="b")
        >>> study.with_data(table).n_input
        60
        """
        return Study(
            data,
            self.outcomes,
            self.group,
            self.control,
            self.treatment,
            self.cluster,
            self._given_counts,
            missing=self.missing,
            covariates=self.covariates,
            bins=self.bins or None,
        )

    def cells(self, columns: Sequence[str] = (), *, by_cluster: bool = True) -> Cells:
        """Gather the subjects that have cluster, group and these covariates in common.

        Parameters
        ----------
        columns : sequence of str, optional
            The covariates; the group may be among them and adds nothing.
        by_cluster : bool, optional
            Whether subjects of different clusters are kept apart.

        Returns
        -------
        Cells
            Sorted by cluster, group and covariates; the same for rows and for ``counts``.

        Raises
        ------
        InputError
            If a column is not there, is an outcome or holds the counts, or is neither a number nor
            a category (`bmco_pymc.data.covariates`), or if too few rows have all of these columns:
            a group has none, or there are fewer than 2 clusters.

        Warns
        -----
        InputWarning
            If rows were dropped because a covariate is missing.

        Examples
        --------
        >>> import pandas as pd
        >>> import bmco_pymc as bmco
        >>> table = pd.DataFrame({"arm": ["a", "b"] * 30, "well": [1, 0, 0] * 20,
        ...                       "sex": ["f"] * 30 + ["m"] * 30})
        >>> study = bmco.Study(table, "well", group="arm", control="a", treatment="b")
        >>> cells = study.cells(["sex"])
        >>> cells.frame["sex"].tolist(), cells.arm.tolist(), cells.counts.tolist()
        (['f', 'm', 'f', 'm'], [0, 0, 1, 1], [[5, 10], [5, 10], [5, 10], [5, 10]])
        """
        asked = texts("columns", columns, "must be the name of a column, or a list of names")
        names = [name for name in dict.fromkeys(asked) if name != self.group]
        barred = dict.fromkeys(self.outcomes, "an outcome")
        barred |= {self.counts: "the column of counts"} if self.counts else {}
        roles.check_covariates(names, list(self.data.columns), barred, self.not_kept)
        left, dropped = kept_rows(self.data[names].isna(), times=self._times)
        row = np.flatnonzero(left)
        cluster = self.cluster_code if flag("by_cluster", by_cluster) else None
        arm, labels = self.arm[row], ()
        roles.check_both_groups(arm, (self.control, self.treatment), dropped)
        covariates = {name: read_covariate(self.data[name].iloc[row]) for name in names}
        frame = pd.DataFrame(covariates, index=row)
        coded: list[Any] = [(arm, 2)]
        if cluster is not None:
            used, cluster = np.unique(cluster[row], return_inverse=True)
            labels = tuple(self.cluster_labels[place] for place in used)
            coded = [(cluster, len(used)), *coded]
        cell, first = distinct_rows(coded, frame)
        if cluster is not None:
            roles.check_clusters(str(self.cluster), labels)
            cluster = cluster[first]
        size = len(first), len(self.patterns)
        counts, partial = counted(cell, self.response[row], self.weight[row], size)
        remarks.warn(dropped)
        frame = frame.iloc[first].reset_index(drop=True)
        return Cells(frame, arm[first], cluster, labels, counts, row, cell, partial)

    def _subjects(self) -> NDArray[np.int64]:
        """Return the number of subjects in each group, shape (2,)."""
        return np.bincount(self.arm, weights=self.weight, minlength=2).astype(np.int64)

    def _by_outcome(self, *values: int) -> NDArray[np.int64]:
        """Return how many subjects have one of these values, by group and outcome, (2, K)."""
        trits = observed_patterns.trits(self.n_outcomes)  # (R, K)
        code = self.arm.astype(np.intp) * len(trits) + self.response
        counts = np.bincount(code, weights=self.weight, minlength=2 * len(trits))
        by_pattern = counts.reshape(2, -1).astype(np.int64)  # (2, R)
        return by_pattern @ np.isin(trits, values)  # (2, R) @ (R, K) -> (2, K)

    def _facts(self) -> Facts:
        subjects = self._subjects()
        with np.errstate(invalid="ignore"):
            share = self._by_outcome(1) / self._by_outcome(1, 0)  # (2, K); NaN if none was observed
        title = f"Study of {subjects.sum()} subjects"
        sentences = list(self.notes)
        if (self.response >= len(self.patterns)).any():
            sentences += [str(partly_observed(self.cells(), self.outcomes, self.group_labels))]
        if self.cluster_code is not None:
            title += f" in {len(self.cluster_labels)} clusters"
            size = np.bincount(self.cluster_code, weights=self.weight)  # (J,)
            both = in_both_groups(self.cluster_code, self.arm).sum()
            sizes = " to ".join(
                dict.fromkeys(f"{extreme:.0f}" for extreme in (size.min(), size.max()))
            )
            facts = f"{sizes} subjects each, {both} of {len(size)} with both groups"
            sentences.insert(0, f"clusters {self.cluster!r}: {facts}")
        title += f", {self.n_outcomes} outcome" + "s" * (self.n_outcomes > 1)
        table = [[self.group, "subjects", *self.outcomes]]
        for g, role in enumerate(("control", "treatment")):
            shares = ["–" if np.isnan(value) else f"{value:.2f}" for value in share[g]]
            table.append([f"{self.group_labels[g]} ({role})", str(subjects[g]), *shares])
        return title, table, sentences
